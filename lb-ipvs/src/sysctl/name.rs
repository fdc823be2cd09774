// SPDX-License-Identifier: MIT OR Apache-2.0
//! The settings by name.

use std::{fmt, str::FromStr, time::Duration};

use super::{SyncThreshold, SysctlValue};

/// What kind of value a setting has.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SysctlKind {
    /// `0` or `1`.
    Flag,
    /// A number.
    Number,
    /// A time in whole seconds.
    Seconds,
    /// Two numbers, the first below the second.
    SyncThreshold,
    /// Anything.
    Text,
}

impl fmt::Display for SysctlKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Flag => "0 or 1",
            Self::Number => "a number",
            Self::Seconds => "a number of seconds",
            Self::SyncThreshold => "two numbers",
            Self::Text => "a text",
        })
    }
}

/// The name of a setting that this crate does not know: one path component.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SysctlName(String);

impl SysctlName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that is no name of a setting.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0:?} is no name of a setting")]
pub struct SysctlNameError(String);

const fn pair(threshold: u32, period: u32) -> SysctlValue {
    SysctlValue::SyncThreshold(SyncThreshold { threshold, period })
}

const fn seconds(seconds: u64) -> SysctlValue {
    SysctlValue::Seconds(Duration::from_secs(seconds))
}

/// Defines the settings: variant, kernel's name, kind, value after boot and what it does, each once.
macro_rules! sysctls {
    ($( $variant:ident = $name:literal, $kind:ident, $default:expr, $doc:literal; )+) => {
        /// A setting below `net.ipv4.vs`.
        ///
        /// ```
        /// use lb_ipvs::sysctl::{Sysctl, SysctlKind};
        /// let sysctl: Sysctl = "expire_nodest_conn".parse()?;
        /// assert_eq!(sysctl, Sysctl::ExpireNodestConn);
        /// assert_eq!(sysctl.kind(), SysctlKind::Flag);
        /// let later: Sysctl = "of_a_later_kernel".parse()?;
        /// assert_eq!(later.name(), "of_a_later_kernel");
        /// # Ok::<(), lb_ipvs::sysctl::SysctlNameError>(())
        /// ```
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        pub enum Sysctl {
            $(
                #[doc = $doc]
                #[doc = concat!("\n\n`net.ipv4.vs.", $name, "`, after boot: `", stringify!($default), "`.")]
                $variant,
            )+
            /// A setting this crate does not know.
            Other(SysctlName),
        }

        const KNOWN: &[Sysctl] = &[$( Sysctl::$variant, )+];

        impl Sysctl {
            /// The settings this crate knows; no kernel has them all.
            #[must_use]
            pub const fn known() -> &'static [Self] {
                KNOWN
            }

            /// The name below `net.ipv4.vs`.
            #[must_use]
            pub fn name(&self) -> &str {
                match self {
                    $( Self::$variant => $name, )+
                    Self::Other(name) => name.as_str(),
                }
            }

            /// The kind of its values.
            #[must_use]
            pub const fn kind(&self) -> SysctlKind {
                match self {
                    $( Self::$variant => SysctlKind::$kind, )+
                    Self::Other(_) => SysctlKind::Text,
                }
            }

            /// Its value after boot; `None` where that depends on the machine or on the network
            /// namespace, or is not known.
            #[must_use]
            pub fn default_value(&self) -> Option<SysctlValue> {
                match self {
                    $( Self::$variant => $default.into(), )+
                    Self::Other(_) => None,
                }
            }

            /// What it does, in a line; empty for one this crate does not know.
            #[must_use]
            pub const fn description(&self) -> &'static str {
                match self {
                    $( Self::$variant => $doc, )+
                    Self::Other(_) => "",
                }
            }
        }
    };
}

use SysctlValue::{Flag, Number};

sysctls! {
    AmDroprate = "am_droprate", Number, Number(10),
        "With `drop_packet` 3, one packet of so many is dropped.";
    Amemthresh = "amemthresh", Number, Number(1024),
        "Free memory in pages below which the defences in automatic mode begin.";
    BackupOnly = "backup_only", Flag, Flag(false),
        "While a backup sync daemon runs, schedule nothing, so that two directors make no loop.";
    CacheBypass = "cache_bypass", Flag, Flag(false),
        "Without a destination that is alive, send the packets of a mark's service to where they were going.";
    ConnLfactor = "conn_lfactor", Number, None,
        "Load at which the connection table grows, as a power of two of its size, -8 to 8: -4 in the first network namespace, -2 in others (Linux 7.2).";
    ConnMax = "conn_max", Number, None,
        "Connections at most in this network namespace (Linux 7.2).";
    ConnReuseMode = "conn_reuse_mode", Number, Number(1),
        "What a new connection from the port of one that is ending does: bit 0 schedules it again (one whose packets conntrack follows waits a second), bit 1 only if persistence allows it.";
    Conntrack = "conntrack", Flag, Flag(false),
        "Leave entries in netfilter's connection tracking, which firewalls with states and ip_vs_ftp need, at some cost.";
    DebugLevel = "debug_level", Number, Number(0),
        "How much the kernel logs, 0 to 12 (kernels built for debugging).";
    DropEntry = "drop_entry", Number, Number(0),
        "Forget half-open connections at random: 0 never, 1 and 2 when memory is short, 3 always.";
    DropPacket = "drop_packet", Number, Number(0),
        "Drop packets of new connections: 0 never, 1 and 2 when memory is short, 3 always.";
    EstCpulist = "est_cpulist", Text, None,
        "The processors whose threads estimate rates, all at first (Linux 6.2).";
    EstNice = "est_nice", Number, Number(0),
        "The niceness of the threads that estimate rates (Linux 6.2).";
    ExpireNodestConn = "expire_nodest_conn", Flag, Flag(false),
        "Forget connections whose destination was deleted, instead of dropping their packets until it is back.";
    ExpireQuiescentTemplate = "expire_quiescent_template", Flag, Flag(false),
        "Persistence does not lead to a destination of weight 0.";
    IgnoreTunneled = "ignore_tunneled", Flag, Flag(false),
        "Leave packets alone that came out of a tunnel on this host.";
    LblcExpiration = "lblc_expiration", Seconds, seconds(86_400),
        "After how long the scheduler `lblc` forgets an entry that is not used (module ip_vs_lblc).";
    LblcrExpiration = "lblcr_expiration", Seconds, seconds(86_400),
        "After how long the scheduler `lblcr` forgets an entry that is not used (module ip_vs_lblcr).";
    NatIcmpSend = "nat_icmp_send", Flag, Flag(false),
        "Answer packets from a masqueraded destination that match no connection with ICMP port unreachable.";
    PmtuDisc = "pmtu_disc", Flag, Flag(true),
        "Have the path MTU found: ICMP for packets that do not fit the way to a destination.";
    RunEstimation = "run_estimation", Flag, Flag(true),
        "Estimate rates; without it counters and rates stand still until it is on again.";
    ScheduleIcmp = "schedule_icmp", Flag, Flag(false),
        "Schedule ICMP errors about packets of no known connection, as a tier of directors before directors needs it.";
    SecureTcp = "secure_tcp", Number, Number(0),
        "Stricter TCP states and time-outs: 0 never, 1 and 2 when memory is short, 3 always.";
    SloppySctp = "sloppy_sctp", Flag, Flag(false),
        "Let any SCTP packet make a connection, not only INIT.";
    SloppyTcp = "sloppy_tcp", Flag, Flag(false),
        "Let any TCP packet make a connection, not only SYN: to take over without synchronisation, with a scheduler that hashes.";
    SnatReroute = "snat_reroute", Flag, Flag(true),
        "Find the route of masqueraded replies again by their new source address.";
    SvcLfactor = "svc_lfactor", Number, None,
        "Load at which the table of services grows, as a power of two of its size, -8 to 8: -3 in the first network namespace, -2 in others (Linux 7.2).";
    SyncPersistMode = "sync_persist_mode", Flag, Flag(false),
        "Synchronise only persistence templates where persistence alone decides.";
    SyncPorts = "sync_ports", Number, Number(1),
        "Threads, and UDP ports, of a sync daemon.";
    SyncQlenMax = "sync_qlen_max", Number, None,
        "Sync messages that may wait to be sent; after boot 1/32 of the memory in pages.";
    SyncRefreshPeriod = "sync_refresh_period", Seconds, seconds(0),
        "How much a connection's time-out must change to be sent again; 0 = by `sync_threshold` alone.";
    SyncRetries = "sync_retries", Number, Number(0),
        "How often a connection is sent again, 0 to 3, within `sync_refresh_period`.";
    SyncSockSize = "sync_sock_size", Number, Number(0),
        "Bytes of the sync daemon's socket buffer; 0 = the system's default.";
    SyncThreshold = "sync_threshold", SyncThreshold, pair(3, 50),
        "After how many packets a connection is synchronised first, and after how many again.";
    SyncVersion = "sync_version", Number, Number(1),
        "The format of sync messages; 0 is that of kernels before 2.6.39.";
}

impl Sysctl {
    /// `net.ipv4.vs.NAME`, as `sysctl` names it.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("net.ipv4.vs.{}", self.name())
    }
}

impl FromStr for Sysctl {
    type Err = SysctlNameError;

    /// Takes `NAME` and `net.ipv4.vs.NAME`.
    fn from_str(text: &str) -> Result<Self, SysctlNameError> {
        let name = text.strip_prefix("net.ipv4.vs.").unwrap_or(text);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if name.is_empty() || !name.bytes().all(plain) {
            return Err(SysctlNameError(text.to_owned()));
        }
        let known = KNOWN.iter().find(|known| known.name() == name).cloned();
        Ok(known.unwrap_or_else(|| Self::Other(SysctlName(name.to_owned()))))
    }
}

impl fmt::Display for Sysctl {
    /// The name below `net.ipv4.vs`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
