// SPDX-License-Identifier: MIT OR Apache-2.0
//! The values of the options, read one after the other.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
};

use lb_ipvs::{AddressFamily, Netmask, Protocol, ServiceKey, SyncDaemon, SyncId, SyncState};

use super::{
    UsageError,
    address::{self, LookUp},
    line::LowArgs,
    options::{Forward, OptionName, ServiceKind, Word},
    popt::Given,
    values,
};

/// Longest time-out, 31 days in seconds.
pub(crate) const MAX_TIMEOUT: u64 = 31 * 24 * 3600;
/// Persistence when `-p` stands alone, in seconds.
const DEFAULT_PERSISTENCE: i64 = 360;

/// The service that was named.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject {
    Address {
        protocol: Protocol,
        ip: IpAddr,
        port: Option<u16>,
    },
    Mark {
        mark: NonZeroU32,
        family: AddressFamily,
    },
}

impl Subject {
    pub(crate) fn key(self) -> ServiceKey {
        match self {
            Self::Address { protocol, ip, port } => ServiceKey::Address {
                protocol,
                address: SocketAddr::new(ip, port.unwrap_or(0)),
            },
            Self::Mark { mark, family } => ServiceKey::FirewallMark { mark, family },
        }
    }
}

/// Values as they stand after the options read so far.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) seen: BTreeSet<OptionName>,
    pub(crate) subject: Option<Subject>,
    pub(crate) netmask: Netmask,
    pub(crate) scheduler: String,
    pub(crate) engine: String,
    pub(crate) persistence: Option<i64>,
    pub(crate) sched_flags: Option<String>,
    pub(crate) server: Option<SocketAddr>,
    pub(crate) forward: Forward,
    pub(crate) weight: i64,
    pub(crate) upper: i64,
    pub(crate) lower: i64,
    pub(crate) tunnel_type: String,
    pub(crate) tunnel_port: i64,
    pub(crate) daemon: SyncDaemon,
}

impl Draft {
    /// Reads all options of `args` in order; the first mistake ends it.
    pub(crate) fn read(args: &LowArgs, names: &dyn LookUp) -> Result<Self, UsageError> {
        Self::empty().read_on(args, names)
    }

    /// The same when the service is known without an option.
    pub(crate) fn read_about(
        subject: Subject,
        args: &LowArgs,
        names: &dyn LookUp,
    ) -> Result<Self, UsageError> {
        let mut draft = Self::empty();
        draft.seen.insert(OptionName::Service);
        draft.netmask = Netmask::host(subject.key().family());
        draft.subject = Some(subject);
        draft.read_on(args, names)
    }

    fn empty() -> Self {
        Self {
            seen: BTreeSet::new(),
            subject: None,
            netmask: Netmask::host(AddressFamily::Ipv4),
            scheduler: String::new(),
            engine: String::new(),
            persistence: None,
            sched_flags: None,
            server: None,
            forward: Forward::DirectRouting,
            weight: 1,
            upper: 0,
            lower: 0,
            tunnel_type: "ipip".to_owned(),
            tunnel_port: 0,
            daemon: SyncDaemon::new(SyncState::Master, "eth0", SyncId::default()),
        }
    }

    fn read_on(mut self, args: &LowArgs, names: &dyn LookUp) -> Result<Self, UsageError> {
        for given in &args.given {
            self.apply(given, names)?;
        }
        match &args.broken {
            Some(broken) => Err(UsageError::Broken(broken.clone())),
            None => Ok(self),
        }
    }

    pub(crate) fn has(&self, option: OptionName) -> bool {
        self.seen.contains(&option)
    }

    fn mark(&mut self, option: OptionName) -> Result<(), UsageError> {
        if self.seen.insert(option) {
            Ok(())
        } else {
            Err(UsageError::Repeated { option })
        }
    }

    fn apply(&mut self, given: &Given<Word>, names: &dyn LookUp) -> Result<(), UsageError> {
        let text = given.value.as_deref().unwrap_or_default();
        match given.id {
            Word::Command(_) => Err(UsageError::SecondCommand {
                word: given.word.clone(),
            }),
            Word::Sort => Ok(()),
            Word::Ipv6 => self.ipv6(),
            Word::Service(kind) => {
                self.mark(OptionName::Service)?;
                self.service(kind, text, names)
            }
            Word::Forward(forward) => {
                self.mark(OptionName::Forward)?;
                self.forward = forward;
                Ok(())
            }
            Word::Plain(option) => {
                self.mark(option)?;
                self.plain(option, given.value.as_deref(), text, names)
            }
        }
    }

    fn service(
        &mut self,
        kind: ServiceKind,
        text: &str,
        names: &dyn LookUp,
    ) -> Result<(), UsageError> {
        let protocol = match kind {
            ServiceKind::Tcp => Protocol::Tcp,
            ServiceKind::Udp => Protocol::Udp,
            ServiceKind::Sctp => Protocol::Sctp,
            ServiceKind::FirewallMark => {
                let mark = values::number(text, 1..=i64::from(u32::MAX))
                    .and_then(|mark| u32::try_from(mark).ok())
                    .and_then(NonZeroU32::new)
                    .ok_or_else(|| UsageError::FirewallMark {
                        value: text.to_owned(),
                    })?;
                self.subject = Some(Subject::Mark {
                    mark,
                    family: AddressFamily::Ipv4,
                });
                return Ok(());
            }
        };
        let found =
            address::host_port(text, Some(protocol), names).ok_or(UsageError::ServiceAddress)?;
        if found.ip.is_ipv6() {
            self.netmask = Netmask::host(AddressFamily::Ipv6);
        }
        self.subject = Some(Subject::Address {
            protocol,
            ip: found.ip,
            port: found.port,
        });
        Ok(())
    }

    fn ipv6(&mut self) -> Result<(), UsageError> {
        match &mut self.subject {
            Some(Subject::Mark { family, .. }) => {
                *family = AddressFamily::Ipv6;
                self.netmask = Netmask::host(AddressFamily::Ipv6);
                Ok(())
            }
            _ => Err(UsageError::Ipv6BeforeMark),
        }
    }

    fn plain(
        &mut self,
        option: OptionName,
        value: Option<&str>,
        text: &str,
        names: &dyn LookUp,
    ) -> Result<(), UsageError> {
        match option {
            OptionName::Scheduler => self.scheduler = cut(text, 15),
            OptionName::PersistenceEngine => self.engine = cut(text, 16),
            OptionName::SchedFlags => self.sched_flags = Some(text.to_owned()),
            OptionName::Persistent => {
                self.persistence = Some(match value {
                    Some(text) => timeout(text, 1)?,
                    None => DEFAULT_PERSISTENCE,
                });
            }
            OptionName::Netmask => self.netmask = self.mask(text, names)?,
            OptionName::RealServer => self.server = Some(self.real_server(text, names)?),
            OptionName::Weight => self.weight = in_range(text, 0..=i64::from(i32::MAX), "weight")?,
            OptionName::UpperThreshold => {
                self.upper = in_range(text, 0..=i64::from(i32::MAX), "u_threshold")?;
            }
            OptionName::LowerThreshold => {
                self.lower = in_range(text, 0..=i64::from(i32::MAX), "l_threshold")?;
            }
            OptionName::TunType => {
                if !matches!(text, "ipip" | "gue" | "gre") {
                    return Err(UsageError::Value {
                        what: "tunnel type",
                    });
                }
                self.tunnel_type = text.to_owned();
            }
            OptionName::TunPort => self.tunnel_port = in_range(text, 1..=65535, "tunnel port")?,
            OptionName::McastInterface if text.is_empty() => {}
            OptionName::McastInterface => self.daemon.interface = cut(text, 15),
            OptionName::SyncId => {
                self.daemon.sync_id = SyncId::new(in_range(text, 0..=255, "syncid")?);
            }
            OptionName::SyncMaxLen => {
                self.daemon.max_length = Some(in_range(text, 1..=65507, "sync-maxlen")?);
            }
            OptionName::McastGroup => self.daemon.group = Some(multicast_group(text)?),
            OptionName::McastPort => {
                self.daemon.port = Some(in_range(text, 1..=65535, "mcast-port")?);
            }
            OptionName::McastTtl => self.daemon.ttl = Some(in_range(text, 1..=255, "mcast-ttl")?),
            _ => {}
        }
        Ok(())
    }

    /// The mask of the family known so far, which is IPv4 until an IPv6 service was named.
    fn mask(&self, text: &str, names: &dyn LookUp) -> Result<Netmask, UsageError> {
        match self.subject.map(|subject| subject.key().family()) {
            Some(AddressFamily::Ipv6) => u32::try_from(values::leading(text))
                .ok()
                .filter(|length| (1..=128).contains(length))
                .map(Netmask::Ipv6)
                .ok_or(UsageError::PrefixLength),
            _ => address::ipv4(text, names)
                .map(Netmask::Ipv4)
                .ok_or(UsageError::Netmask),
        }
    }

    /// Protocol and default port are those of the service, if it was named before.
    fn real_server(&self, text: &str, names: &dyn LookUp) -> Result<SocketAddr, UsageError> {
        let (protocol, service_port) = match self.subject {
            Some(Subject::Address { protocol, port, .. }) => (Some(protocol), port),
            // A mark stands for any protocol; port names are looked up as TCP's.
            Some(Subject::Mark { .. }) => (Some(Protocol::Tcp), None),
            None => (None, None),
        };
        let found = address::host_port(text, protocol, names).ok_or(UsageError::ServerAddress)?;
        Ok(SocketAddr::new(
            found.ip,
            found.port.or(service_port).unwrap_or(0),
        ))
    }
}

pub(crate) fn timeout(text: &str, least: i64) -> Result<i64, UsageError> {
    values::number(text, least..=MAX_TIMEOUT.cast_signed()).ok_or_else(|| {
        UsageError::TimeoutValue {
            value: text.to_owned(),
        }
    })
}

fn in_range<T: TryFrom<i64>>(
    text: &str,
    range: std::ops::RangeInclusive<i64>,
    what: &'static str,
) -> Result<T, UsageError> {
    values::number(text, range)
        .and_then(|number| T::try_from(number).ok())
        .ok_or(UsageError::Value { what })
}

fn multicast_group(text: &str) -> Result<IpAddr, UsageError> {
    match text.parse::<IpAddr>() {
        Ok(group) if group.is_multicast() => Ok(group),
        _ => Err(UsageError::McastGroup {
            family: if text.contains(':') { "IPv6" } else { "IPv4" },
            value: text.to_owned(),
        }),
    }
}

/// The first `length` bytes, as the original's fixed buffers keep them.
fn cut(text: &str, length: usize) -> String {
    let mut kept = String::new();
    for letter in text.chars() {
        if kept.len() + letter.len_utf8() > length {
            break;
        }
        kept.push(letter);
    }
    kept
}
