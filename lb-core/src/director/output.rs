// SPDX-License-Identifier: MIT OR Apache-2.0
//! The outputs of the director.

use std::fmt;
use std::net::SocketAddr;

use lb_ipvs::{Part, ServiceKey, SyncDaemon};

use super::Notification;
use crate::notify;

/// Names one check as long as it lives; a reload that leaves the check unchanged leaves its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the path to a check has exactly these parts"
)]
pub struct CheckId {
    /// The virtual server.
    pub service: ServiceKey,
    /// Its real server.
    pub real_server: SocketAddr,
    /// A number of its own among the checks of the real server, never used again while the real
    /// server exists. At the start it is the position in the model; after a reload it need not be.
    pub index: usize,
}

/// A real server in the words of logs and mails.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Names {
    /// The virtual server: `[192.168.1.50]:tcp:80`.
    pub virtual_server: String,
    /// The real server: `[192.168.1.61]:tcp:80`.
    pub real_server: String,
}

/// The numbers of a decision on quorum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quorum {
    /// Weight of live real servers that is enough.
    pub quorum: u32,
    /// How far the weight must fall below, or rise above, to count.
    pub hysteresis: u32,
    /// Weight of live real servers.
    pub weight: u64,
}

impl Quorum {
    pub(super) fn lost(self) -> bool {
        self.weight == 0 || self.weight < u64::from(self.quorum.saturating_sub(self.hysteresis))
    }

    pub(super) fn gained(self) -> bool {
        self.weight != 0 && self.weight >= u64::from(self.quorum) + u64::from(self.hysteresis)
    }

    pub(super) fn lost_text(self) -> String {
        format!(
            "Lost quorum {}-{}={} > {}",
            self.quorum,
            self.hysteresis,
            self.quorum.saturating_sub(self.hysteresis),
            self.weight
        )
    }

    pub(super) fn gained_text(self) -> String {
        format!(
            "Gained quorum {}+{}={} <= {}",
            self.quorum,
            self.hysteresis,
            u64::from(self.quorum) + u64::from(self.hysteresis),
            self.weight
        )
    }
}

/// An output of the director; the queue is in the order of effect.
///
/// `Display` gives the log line, in words comparable to keepalived's; [`Output::reason`] is the cause.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Output {
    /// The desired state of this part of the service has changed: pass [`Director::desired_change`] to
    /// the data plane. At most one of these for a service waits in the queue.
    ///
    /// [`Director::desired_change`]: super::Director::desired_change
    ServiceChanged(ServiceKey, Part),
    /// Run this check: [`Director::check`](super::Director::check) has what to do.
    CheckAdded {
        /// The check.
        id: CheckId,
        /// Whether it waits until it is resumed.
        suspended: bool,
        /// The real server of the check.
        names: Names,
    },
    /// Do not run this check any more.
    CheckRemoved {
        /// The check.
        id: CheckId,
        /// The real server of the check.
        names: Names,
    },
    /// The virtual address left this host: let this check rest.
    CheckSuspended {
        /// The check.
        id: CheckId,
        /// The real server of the check.
        names: Names,
    },
    /// The virtual address is on this host: let this check run.
    CheckResumed {
        /// The check.
        id: CheckId,
        /// The real server of the check.
        names: Names,
    },
    /// A real server takes traffic (again).
    RealServerAdded {
        /// The real server.
        names: Names,
        /// The reason.
        reason: String,
    },
    /// A real server takes no traffic any more.
    RealServerRemoved {
        /// The real server.
        names: Names,
        /// The reason.
        reason: String,
    },
    /// A real server with `inhibit_on_failure` takes traffic again.
    RealServerEnabled {
        /// The real server.
        names: Names,
        /// The reason.
        reason: String,
    },
    /// A real server with `inhibit_on_failure` has weight 0 from now on.
    RealServerDisabled {
        /// The real server.
        names: Names,
        /// The reason.
        reason: String,
    },
    /// A real server is not in the model any more.
    RealServerGone {
        /// The real server.
        names: Names,
    },
    /// The operator stops the load balancer, this real server with it.
    RealServerShutDown {
        /// The real server.
        names: Names,
    },
    /// A real server's weight is another.
    WeightChanged {
        /// The real server.
        names: Names,
        /// Weight before.
        from: u32,
        /// Weight now.
        to: u32,
        /// Whether the real server is live.
        active: bool,
    },
    /// A virtual server is not in the model any more.
    VirtualServerRemoved {
        /// Its name.
        virtual_server: String,
    },
    /// A virtual server starts without enough live real servers.
    StartedWithoutQuorum {
        /// Its name.
        virtual_server: String,
        /// The numbers.
        quorum: Quorum,
    },
    /// Not enough real servers are live any more.
    QuorumLost {
        /// The virtual server.
        virtual_server: String,
        /// The numbers.
        quorum: Quorum,
    },
    /// Enough real servers are live again.
    QuorumGained {
        /// The virtual server.
        virtual_server: String,
        /// The numbers.
        quorum: Quorum,
    },
    /// The sorry server takes the traffic.
    SorryServerAdded {
        /// The sorry server and its virtual server.
        names: Names,
        /// Whether it was there with weight 0 before.
        inhibit: bool,
    },
    /// The sorry server takes no traffic any more.
    SorryServerRemoved {
        /// The sorry server and its virtual server.
        names: Names,
        /// Whether it stays with weight 0.
        inhibit: bool,
    },
    /// The live real servers make room for the sorry server.
    AliveServersRemoved {
        /// The virtual server.
        virtual_server: String,
    },
    /// The live real servers take the traffic back from the sorry server.
    AliveServersAdded {
        /// The virtual server.
        virtual_server: String,
    },
    /// These sync daemons shall run from now on.
    SyncDaemons(Vec<SyncDaemon>),
    /// Start this script, or write this line to the FIFOs of its kind.
    Notify(notify::Notification),
    /// Send this mail.
    Mail(Notification),
}

impl Output {
    /// The reason, where the log line does not have it.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::RealServerAdded { reason, .. }
            | Self::RealServerRemoved { reason, .. }
            | Self::RealServerEnabled { reason, .. }
            | Self::RealServerDisabled { reason, .. } => Some(reason),
            _ => None,
        }
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ServiceChanged(key, _) => write!(f, "service {key} is desired otherwise"),
            Self::CheckAdded {
                suspended: true,
                names,
                ..
            }
            | Self::CheckSuspended { names, .. } => {
                let Names {
                    virtual_server,
                    real_server,
                } = names;
                write!(
                    f,
                    "Suspending healthchecker for service {real_server} for VS {virtual_server}"
                )
            }
            Self::CheckAdded { names, .. } | Self::CheckResumed { names, .. } => {
                let Names {
                    virtual_server,
                    real_server,
                } = names;
                write!(
                    f,
                    "Activating healthchecker for service {real_server} for VS {virtual_server}"
                )
            }
            Self::CheckRemoved { names, .. } => {
                let Names {
                    virtual_server,
                    real_server,
                } = names;
                write!(
                    f,
                    "Removing healthchecker for service {real_server} for VS {virtual_server}"
                )
            }
            Self::RealServerAdded { names, .. } => real_server(f, "Adding", names, "to VS"),
            Self::RealServerRemoved { names, .. } => real_server(f, "Removing", names, "from VS"),
            Self::RealServerEnabled { names, .. } => real_server(f, "Enabling", names, "of VS"),
            Self::RealServerDisabled { names, .. } => real_server(f, "Disabling", names, "of VS"),
            Self::RealServerShutDown { names } => real_server(f, "Shutting down", names, "from VS"),
            Self::RealServerGone { names } => {
                let Names {
                    virtual_server,
                    real_server,
                } = names;
                write!(
                    f,
                    "service {real_server} of VS {virtual_server} no longer exists"
                )
            }
            Self::WeightChanged {
                names,
                from,
                to,
                active,
            } => {
                let Names {
                    virtual_server,
                    real_server,
                } = names;
                let active = if *active { "active" } else { "inactive" };
                write!(
                    f,
                    "Changing weight from {from} to {to} for {active} service {real_server} of VS {virtual_server}"
                )
            }
            Self::VirtualServerRemoved { virtual_server } => {
                write!(f, "Removing Virtual Server {virtual_server}")
            }
            Self::StartedWithoutQuorum {
                virtual_server,
                quorum,
            } => write!(
                f,
                "Starting with quorum down for VS {virtual_server}: {} of {}",
                quorum.weight, quorum.quorum
            ),
            Self::QuorumLost {
                virtual_server,
                quorum,
            } => {
                write!(f, "{} for VS {virtual_server}", quorum.lost_text())
            }
            Self::QuorumGained {
                virtual_server,
                quorum,
            } => {
                write!(f, "{} for VS {virtual_server}", quorum.gained_text())
            }
            Self::SorryServerAdded { names, inhibit } => sorry_server(
                f,
                if *inhibit { "Enabling" } else { "Adding" },
                names,
                *inhibit,
                "to",
            ),
            Self::SorryServerRemoved { names, inhibit } => {
                let verb = if *inhibit { "Disabling" } else { "Removing" };
                sorry_server(f, verb, names, *inhibit, "from")
            }
            Self::AliveServersRemoved { virtual_server } => {
                write!(
                    f,
                    "Removing alive servers from the pool for VS {virtual_server}"
                )
            }
            Self::AliveServersAdded { virtual_server } => {
                write!(
                    f,
                    "Adding alive servers to the pool for VS {virtual_server}"
                )
            }
            Self::SyncDaemons(daemons) if daemons.is_empty() => {
                f.write_str("no sync daemon is desired")
            }
            Self::SyncDaemons(daemons) => {
                f.write_str("desired sync daemons:")?;
                for daemon in daemons {
                    let SyncDaemon {
                        state,
                        interface,
                        sync_id,
                        ..
                    } = daemon;
                    write!(f, " {state} on {interface} with sync id {sync_id};")?;
                }
                Ok(())
            }
            Self::Notify(notify::Notification::Script(call)) => {
                write!(f, "script of {}:", call.object)?;
                let mut words = call.script.argv.iter();
                words.try_for_each(|word| write!(f, " {}", word.display()))
            }
            Self::Notify(notify::Notification::Line(line)) => {
                write!(f, "line: {}", line.text.trim_end())
            }
            Self::Mail(notification) => write!(f, "mail: {}", notification.subject()),
        }
    }
}

fn real_server(f: &mut fmt::Formatter<'_>, verb: &str, names: &Names, link: &str) -> fmt::Result {
    write!(
        f,
        "{verb} service {} {link} {}",
        names.real_server, names.virtual_server
    )
}

fn sorry_server(
    f: &mut fmt::Formatter<'_>,
    verb: &str,
    names: &Names,
    inhibit: bool,
    link: &str,
) -> fmt::Result {
    let link = if inhibit { "of" } else { link };
    write!(
        f,
        "{verb} sorry server {} {link} VS {}",
        names.real_server, names.virtual_server
    )
}
