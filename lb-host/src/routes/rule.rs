// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routing rules.

use std::fmt;
use std::ops::RangeInclusive;

use super::Network;
use crate::AddressFamily;

/// A routing rule that is there while its router is Master (`virtual_rules` in keepalived; `ip
/// rule add`). Without a protocol of its own it has that of the [owner](crate::Owner) of the host
/// plane, by which it is found after a crash.
///
/// # Examples
///
/// ```
/// use lb_host::{AddressFamily, Network, RuleAction, Rule};
///
/// let rule = Rule::new(AddressFamily::Ipv4, 1000, RuleAction::Table(100))
///     .with_from("192.0.2.100".parse::<Network>()?);
/// assert_eq!(rule.to_string(), "1000: from 192.0.2.100 lookup 100");
/// # Ok::<(), lb_host::NetworkError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Rule {
    /// The family of the packets.
    pub family: AddressFamily,
    /// Its place among the rules: lower ones first. The kernel's own are 0, 32766 and 32767.
    pub priority: u32,
    /// What is done with packets that match.
    pub action: RuleAction,
    /// Whether the rule applies to packets that do not match (`not`).
    pub invert: bool,
    /// Network of the source.
    pub from: Option<Network>,
    /// Network of the destination.
    pub to: Option<Network>,
    /// Interface that packets came by (`iif`).
    pub input: Option<String>,
    /// Interface that packets of this host are bound to (`oif`).
    pub output: Option<String>,
    /// Firewall mark and the bits of it that count.
    pub mark: Option<(u32, u32)>,
    /// Type of service; 0: any.
    pub tos: u8,
    /// Routes with a prefix this long or shorter do not count (`suppress_prefixlength`).
    pub suppress_prefix_len: Option<u32>,
    /// Routes by an interface of this group do not count (`suppress_ifgroup`).
    pub suppress_interface_group: Option<u32>,
    /// IP protocol of packets, by number (`ipproto`).
    pub ip_protocol: Option<u8>,
    /// Source ports (`sport`).
    pub source_ports: Option<RangeInclusive<u16>>,
    /// Destination ports (`dport`).
    pub destination_ports: Option<RangeInclusive<u16>>,
    /// User ids of the sockets of this host (`uidrange`).
    pub users: Option<RangeInclusive<u32>>,
    /// The state of a router depends on the interfaces of the rule.
    pub tracked: bool,
    /// `FRA_PROTOCOL` (`proto`), instead of that of the owner.
    #[cfg_attr(feature = "serde", serde(default))]
    pub protocol: Option<u8>,
}

impl Rule {
    /// A rule for all packets of the family.
    #[must_use]
    pub const fn new(family: AddressFamily, priority: u32, action: RuleAction) -> Self {
        Self {
            family,
            priority,
            action,
            invert: false,
            from: None,
            to: None,
            input: None,
            output: None,
            mark: None,
            tos: 0,
            suppress_prefix_len: None,
            suppress_interface_group: None,
            ip_protocol: None,
            source_ports: None,
            destination_ports: None,
            users: None,
            tracked: true,
            protocol: None,
        }
    }

    /// Sets a protocol (`proto`) other than that of the owner. Such a rule is not found after a crash.
    #[must_use]
    pub const fn with_protocol(mut self, protocol: u8) -> Self {
        self.protocol = Some(protocol);
        self
    }

    /// Applies the rule to packets that do not match (`not`).
    #[must_use]
    pub const fn with_invert(mut self, invert: bool) -> Self {
        self.invert = invert;
        self
    }

    /// Sets the network of the source (`from`).
    #[must_use]
    pub const fn with_from(mut self, from: Network) -> Self {
        self.from = Some(from);
        self
    }

    /// Sets the network of the destination (`to`).
    #[must_use]
    pub const fn with_to(mut self, to: Network) -> Self {
        self.to = Some(to);
        self
    }

    /// Sets the interface that packets came by (`iif`).
    #[must_use]
    pub fn with_input(mut self, interface: impl Into<String>) -> Self {
        self.input = Some(interface.into());
        self
    }

    /// Sets the interface that packets of this host are bound to (`oif`).
    #[must_use]
    pub fn with_output(mut self, interface: impl Into<String>) -> Self {
        self.output = Some(interface.into());
        self
    }

    /// Sets the firewall mark and the bits of it that count (`fwmark`).
    #[must_use]
    pub const fn with_mark(mut self, mark: u32, mask: u32) -> Self {
        self.mark = Some((mark, mask));
        self
    }

    /// Sets the type of service (`tos`).
    #[must_use]
    pub const fn with_tos(mut self, tos: u8) -> Self {
        self.tos = tos;
        self
    }

    /// Has routes with a prefix this long or shorter not count.
    #[must_use]
    pub const fn with_suppress_prefix_len(mut self, length: u32) -> Self {
        self.suppress_prefix_len = Some(length);
        self
    }

    /// Has routes by an interface of this group not count.
    #[must_use]
    pub const fn with_suppress_interface_group(mut self, group: u32) -> Self {
        self.suppress_interface_group = Some(group);
        self
    }

    /// Sets the IP protocol, by number (`ipproto`).
    #[must_use]
    pub const fn with_ip_protocol(mut self, protocol: u8) -> Self {
        self.ip_protocol = Some(protocol);
        self
    }

    /// Sets the source ports (`sport`).
    #[must_use]
    pub const fn with_source_ports(mut self, ports: RangeInclusive<u16>) -> Self {
        self.source_ports = Some(ports);
        self
    }

    /// Sets the destination ports (`dport`).
    #[must_use]
    pub const fn with_destination_ports(mut self, ports: RangeInclusive<u16>) -> Self {
        self.destination_ports = Some(ports);
        self
    }

    /// Sets the user ids of the sockets of this host (`uidrange`).
    #[must_use]
    pub const fn with_users(mut self, users: RangeInclusive<u32>) -> Self {
        self.users = Some(users);
        self
    }

    /// Sets whether its interfaces are tracked (`no_track` in keepalived: they are not).
    #[must_use]
    pub const fn with_tracked(mut self, tracked: bool) -> Self {
        self.tracked = tracked;
        self
    }

    /// The interfaces it names.
    pub fn interfaces(&self) -> impl Iterator<Item = &str> {
        [&self.input, &self.output]
            .into_iter()
            .filter_map(Option::as_deref)
    }

    /// Why the rule is invalid, in words.
    pub fn problem(&self) -> Option<&'static str> {
        let other = |network: Option<Network>| {
            network.is_some_and(|network| network.family() != self.family)
        };
        if other(self.from) || other(self.to) {
            Some("a network is of the other family")
        } else if matches!(self.action, RuleAction::Goto(to) if to <= self.priority) {
            Some("it jumps backwards")
        } else if self.source_ports.as_ref().is_some_and(bad_ports)
            || self.destination_ports.as_ref().is_some_and(bad_ports)
        {
            Some("a port range is empty or begins with 0")
        } else if self.users.as_ref().is_some_and(RangeInclusive::is_empty) {
            Some("a range of users is empty")
        } else {
            None
        }
    }
}

/// The kernel has no port 0 and none below the first.
fn bad_ports(ports: &RangeInclusive<u16>) -> bool {
    ports.is_empty() || *ports.start() == 0
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.priority)?;
        if self.invert {
            f.write_str(" not")?;
        }
        match self.from {
            Some(from) => write!(f, " from {from}")?,
            None => f.write_str(" from all")?,
        }
        if let Some(to) = self.to {
            write!(f, " to {to}")?;
        }
        if self.tos != 0 {
            write!(f, " tos {:#04x}", self.tos)?;
        }
        if let Some((mark, mask)) = self.mark {
            write!(f, " fwmark {mark:#x}/{mask:#x}")?;
        }
        if let Some(input) = &self.input {
            write!(f, " iif {input}")?;
        }
        if let Some(output) = &self.output {
            write!(f, " oif {output}")?;
        }
        if let Some(users) = &self.users {
            write!(f, " uidrange {}-{}", users.start(), users.end())?;
        }
        if let Some(protocol) = self.ip_protocol {
            write!(f, " ipproto {protocol}")?;
        }
        if let Some(ports) = &self.source_ports {
            write!(f, " sport {}-{}", ports.start(), ports.end())?;
        }
        if let Some(ports) = &self.destination_ports {
            write!(f, " dport {}-{}", ports.start(), ports.end())?;
        }
        write!(f, " {}", self.action)?;
        if let Some(length) = self.suppress_prefix_len {
            write!(f, " suppress_prefixlength {length}")?;
        }
        if let Some(group) = self.suppress_interface_group {
            write!(f, " suppress_ifgroup {group}")?;
        }
        if let Some(protocol) = self.protocol {
            write!(f, " proto {protocol}")?;
        }
        Ok(())
    }
}

/// What a rule does with packets (`FR_ACT_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum RuleAction {
    /// Looks for a route in this table.
    Table(u32),
    /// Looks for a route in the table of the packet's VRF (`l3mdev`).
    VrfTable,
    /// Continues with the rule of this priority (`goto`).
    Goto(u32),
    /// Nothing.
    Nop,
    /// Drops them.
    Blackhole,
    /// Answers that the destination is unreachable.
    Unreachable,
    /// Answers that it is forbidden.
    Prohibit,
}

impl fmt::Display for RuleAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(table) => write!(f, "lookup {table}"),
            Self::VrfTable => f.write_str("l3mdev"),
            Self::Goto(priority) => write!(f, "goto {priority}"),
            Self::Nop => f.write_str("nop"),
            Self::Blackhole => f.write_str("blackhole"),
            Self::Unreachable => f.write_str("unreachable"),
            Self::Prohibit => f.write_str("prohibit"),
        }
    }
}
