// SPDX-License-Identifier: MIT OR Apache-2.0
//! Services: what clients connect to.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    time::Duration,
};

use crate::{flags::ServiceFlags, names::EngineName, scheduler::Scheduler};

/// The family of a service's or a destination's address.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(clippy::exhaustive_enums, reason = "IPVS knows exactly these families")]
pub enum AddressFamily {
    /// IPv4 (`AF_INET`).
    Ipv4,
    /// IPv6 (`AF_INET6`).
    Ipv6,
}

impl AddressFamily {
    /// The family of an address.
    #[must_use]
    pub const fn for_address(address: &SocketAddr) -> Self {
        match address {
            SocketAddr::V4(_) => Self::Ipv4,
            SocketAddr::V6(_) => Self::Ipv6,
        }
    }
}

/// The transport protocol of a service.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(clippy::exhaustive_enums, reason = "what has no name here is `Other`")]
pub enum Protocol {
    /// TCP, protocol number 6.
    Tcp,
    /// UDP, protocol number 17.
    Udp,
    /// SCTP, protocol number 132.
    Sctp,
    /// Any other IP protocol number; the kernel stores it but balances nothing with it.
    Other(u8),
}

impl Protocol {
    /// The protocol with an IP protocol number.
    #[must_use]
    pub const fn from_number(number: u8) -> Self {
        match number {
            6 => Self::Tcp,
            17 => Self::Udp,
            132 => Self::Sctp,
            other => Self::Other(other),
        }
    }

    /// The IP protocol number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Sctp => 132,
            Self::Other(number) => number,
        }
    }
}

impl fmt::Display for Protocol {
    /// `TCP`, `UDP`, `SCTP`, or the number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp => f.pad("TCP"),
            Self::Udp => f.pad("UDP"),
            Self::Sctp => f.pad("SCTP"),
            Self::Other(number) => f.pad(&number.to_string()),
        }
    }
}

/// What identifies a service in the kernel's table.
///
/// The address family is derived from the address. The kernel knows neither scope nor flow label
/// of an IPv6 address; leave both zero, or keys will not compare equal to the kernel's.
///
/// ```
/// use lb_ipvs::{AddressFamily, ServiceKey};
/// let key = ServiceKey::tcp("192.168.1.50:80".parse()?);
/// assert_eq!(key.to_string(), "TCP 192.168.1.50:80");
/// let mark = ServiceKey::firewall_mark(5.try_into()?, AddressFamily::Ipv6);
/// assert_eq!(mark.to_string(), "FWM 5 IPv6");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the kernel's lookup has exactly these two tables"
)]
pub enum ServiceKey {
    /// By protocol, address and port. Equivalent to `ipvsadm -t`, `-u`, `--sctp-service`.
    Address {
        /// The transport protocol.
        protocol: Protocol,
        /// The virtual address; port 0 means every port, which needs persistence.
        address: SocketAddr,
    },
    /// By the mark a packet carries. Equivalent to `ipvsadm -f MARK [-6]`.
    FirewallMark {
        /// The mark, as netfilter's `MARK` target sets it.
        mark: NonZeroU32,
        /// The family of the packets.
        family: AddressFamily,
    },
}

impl ServiceKey {
    /// A TCP service. Equivalent to `ipvsadm -t`.
    #[must_use]
    pub const fn tcp(address: SocketAddr) -> Self {
        Self::Address {
            protocol: Protocol::Tcp,
            address,
        }
    }

    /// A UDP service. Equivalent to `ipvsadm -u`.
    #[must_use]
    pub const fn udp(address: SocketAddr) -> Self {
        Self::Address {
            protocol: Protocol::Udp,
            address,
        }
    }

    /// An SCTP service. Equivalent to `ipvsadm --sctp-service`.
    #[must_use]
    pub const fn sctp(address: SocketAddr) -> Self {
        Self::Address {
            protocol: Protocol::Sctp,
            address,
        }
    }

    /// A service by firewall mark. Equivalent to `ipvsadm -f MARK [-6]`.
    #[must_use]
    pub const fn firewall_mark(mark: NonZeroU32, family: AddressFamily) -> Self {
        Self::FirewallMark { mark, family }
    }

    /// The family of the packets the service takes.
    #[must_use]
    pub const fn family(&self) -> AddressFamily {
        match self {
            Self::Address { address, .. } => AddressFamily::for_address(address),
            Self::FirewallMark { family, .. } => *family,
        }
    }

    /// The address, when the service is identified by one.
    #[must_use]
    pub const fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Address { address, .. } => Some(*address),
            Self::FirewallMark { .. } => None,
        }
    }

    /// The protocol, when the service is identified by an address.
    #[must_use]
    pub const fn protocol(&self) -> Option<Protocol> {
        match self {
            Self::Address { protocol, .. } => Some(*protocol),
            Self::FirewallMark { .. } => None,
        }
    }
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { protocol, address } => write!(f, "{protocol} {address}"),
            Self::FirewallMark {
                mark,
                family: AddressFamily::Ipv4,
            } => write!(f, "FWM {mark}"),
            Self::FirewallMark {
                mark,
                family: AddressFamily::Ipv6,
            } => {
                write!(f, "FWM {mark} IPv6")
            }
        }
    }
}

/// Which part of a client's address a persistent service remembers.
///
/// Equivalent to the argument of `ipvsadm -M`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(clippy::exhaustive_enums, reason = "IPVS knows exactly these families")]
pub enum Netmask {
    /// A mask of an IPv4 address; the kernel takes any bits, contiguous or not.
    Ipv4(Ipv4Addr),
    /// A prefix length of an IPv6 address; the kernel takes 1 to 128.
    Ipv6(u32),
}

impl Netmask {
    /// The mask that remembers each client by itself: `255.255.255.255` or 128. The default.
    #[must_use]
    pub const fn host(family: AddressFamily) -> Self {
        match family {
            AddressFamily::Ipv4 => Self::Ipv4(Ipv4Addr::BROADCAST),
            AddressFamily::Ipv6 => Self::Ipv6(128),
        }
    }

    /// The family the mask is for.
    #[must_use]
    pub const fn family(&self) -> AddressFamily {
        match self {
            Self::Ipv4(_) => AddressFamily::Ipv4,
            Self::Ipv6(_) => AddressFamily::Ipv6,
        }
    }

    /// Whether this is the default, [`Netmask::host`].
    #[must_use]
    pub fn is_host(&self) -> bool {
        *self == Self::host(self.family())
    }
}

impl fmt::Display for Netmask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ipv4(mask) => mask.fmt(f),
            Self::Ipv6(length) => length.fmt(f),
        }
    }
}

/// That connections of one client go to one destination, and for how long after the last.
///
/// Equivalent to `ipvsadm -p`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub struct Persistence {
    /// How long the choice is remembered, in whole seconds.
    pub timeout: Duration,
}

impl Persistence {
    /// What `ipvsadm -p` without an argument asks for: 360 s (its manual has 300).
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(360);

    /// Persistence with a time-out; a fraction of a second is cut off.
    #[must_use]
    pub const fn new(timeout: Duration) -> Self {
        Self {
            timeout: Duration::from_secs(timeout.as_secs()),
        }
    }

    /// The time-out in the kernel's unit, at most `u32::MAX`.
    #[must_use]
    pub fn seconds(&self) -> u32 {
        u32::try_from(self.timeout.as_secs()).unwrap_or(u32::MAX)
    }
}

impl Default for Persistence {
    fn default() -> Self {
        Self::new(Self::DEFAULT_TIMEOUT)
    }
}

/// A service as it is configured.
///
/// ```
/// use std::time::Duration;
/// use lb_ipvs::{Persistence, Scheduler, Service, ServiceKey};
///
/// let key = ServiceKey::tcp("192.168.1.50:80".parse()?);
/// let service = Service::new(key, Scheduler::WeightedRoundRobin)
///     .with_persistence(Persistence::new(Duration::from_secs(300)));
/// assert!(service.netmask.is_host());
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Service {
    /// What identifies it.
    pub key: ServiceKey,
    /// How it picks destinations.
    pub scheduler: Scheduler,
    /// One-packet scheduling and the scheduler's flags.
    pub flags: ServiceFlags,
    /// Whether, and how long, clients stay with their destination.
    pub persistence: Option<Persistence>,
    /// Which part of the client's address persistence looks at.
    pub netmask: Netmask,
    /// What else than the address persistence looks at, such as a SIP call identifier.
    pub persistence_engine: Option<EngineName>,
}

impl Service {
    /// A service without flags and without persistence.
    #[must_use]
    pub const fn new(key: ServiceKey, scheduler: Scheduler) -> Self {
        Self {
            key,
            scheduler,
            flags: ServiceFlags::empty(),
            persistence: None,
            netmask: Netmask::host(key.family()),
            persistence_engine: None,
        }
    }

    /// The same with these flags. Equivalent to `ipvsadm -o` and `-b`.
    #[must_use]
    pub const fn with_flags(mut self, flags: ServiceFlags) -> Self {
        self.flags = flags;
        self
    }

    /// The same with persistence. Equivalent to `ipvsadm -p`.
    #[must_use]
    pub const fn with_persistence(mut self, persistence: Persistence) -> Self {
        self.persistence = Some(persistence);
        self
    }

    /// The same with this mask; it must be of the key's family. Equivalent to `ipvsadm -M`.
    #[must_use]
    pub const fn with_netmask(mut self, netmask: Netmask) -> Self {
        self.netmask = netmask;
        self
    }

    /// The same with a persistence engine. Equivalent to `ipvsadm --pe`.
    #[must_use]
    pub fn with_persistence_engine(mut self, engine: EngineName) -> Self {
        self.persistence_engine = Some(engine);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocol_numbers() {
        for number in 0..=u8::MAX {
            assert_eq!(Protocol::from_number(number).number(), number);
        }
        assert_eq!(Protocol::Other(50).to_string(), "50");
    }

    #[test]
    fn display_of_keys() {
        let v6 = ServiceKey::udp("[fd00::1]:53".parse().unwrap());
        assert_eq!(v6.to_string(), "UDP [fd00::1]:53");
        assert_eq!(v6.family(), AddressFamily::Ipv6);
        let mark = ServiceKey::firewall_mark(NonZeroU32::MAX, AddressFamily::Ipv4);
        assert_eq!(mark.to_string(), "FWM 4294967295");
        assert_eq!(mark.address(), None);
    }

    #[test]
    fn persistence_is_in_whole_seconds() {
        assert_eq!(
            Persistence::new(Duration::from_millis(1999)).timeout,
            Duration::from_secs(1)
        );
        assert_eq!(Persistence::new(Duration::MAX).seconds(), u32::MAX);
    }
}
