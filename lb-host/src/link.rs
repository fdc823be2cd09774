// SPDX-License-Identifier: MIT OR Apache-2.0
//! Links above other links, and the settings of interfaces that they and virtual addresses need.

use std::fmt;
use std::sync::Arc;

use crate::family::AddressFamily;
use crate::interface::Link;

/// A link above another one: a macvlan or an ipvlan. An interface has links of one of these kinds only.
///
/// The link is down after it was added, see [`HostObject::LinkUp`](crate::HostObject::LinkUp). The settings
/// of a macvlan itself are part of its addition: it answers for no other address than its own, has no
/// automatic IPv6 address, and accepts packets whose answers leave by the base.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct VirtualLink {
    /// Name.
    pub name: String,
    /// The interface below.
    pub base: Arc<Link>,
    /// Index of the interface to which the kernel attaches the link, if that is not the base: a base
    /// of the same kind passes on to the interface below, perhaps of another network namespace.
    #[cfg_attr(feature = "serde", serde(default))]
    pub lower: Option<u32>,
    /// The kind of the link.
    pub kind: VirtualLinkKind,
    /// The family of the addresses on it.
    pub family: AddressFamily,
}

/// The kind of a link above another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum VirtualLinkKind {
    /// A macvlan in private mode, with this MAC address.
    Macvlan([u8; 6]),
    /// An ipvlan in layer 2, which shares the MAC address of the interface below.
    Ipvlan(IpvlanMode),
}

impl VirtualLinkKind {
    /// The name of the kind, as `ip link` has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Macvlan(_) => "macvlan",
            Self::Ipvlan(_) => "ipvlan",
        }
    }
}

/// Which packets the ipvlans above one interface exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum IpvlanMode {
    /// All, directly.
    #[default]
    Bridge,
    /// None.
    Private,
    /// Those that an external switch returns.
    Vepa,
}

impl fmt::Display for IpvlanMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bridge => "bridge",
            Self::Private => "private",
            Self::Vepa => "vepa",
        })
    }
}

impl VirtualLink {
    /// Describes a macvlan above `base`.
    pub fn macvlan(
        name: impl Into<String>,
        base: Arc<Link>,
        mac: [u8; 6],
        family: AddressFamily,
    ) -> Self {
        Self::new(name.into(), base, VirtualLinkKind::Macvlan(mac), family)
    }

    /// Describes an ipvlan above `base`.
    pub fn ipvlan(
        name: impl Into<String>,
        base: Arc<Link>,
        mode: IpvlanMode,
        family: AddressFamily,
    ) -> Self {
        Self::new(name.into(), base, VirtualLinkKind::Ipvlan(mode), family)
    }

    const fn new(
        name: String,
        base: Arc<Link>,
        kind: VirtualLinkKind,
        family: AddressFamily,
    ) -> Self {
        Self {
            name,
            base,
            lower: None,
            kind,
            family,
        }
    }

    /// Sets the index of the interface to which the kernel attaches the link.
    #[must_use]
    pub fn with_lower(mut self, lower: u32) -> Self {
        self.lower = Some(lower).filter(|lower| *lower != self.base.index);
        self
    }

    /// Index of the interface to which the kernel attaches the link.
    #[must_use]
    pub fn lower(&self) -> u32 {
        self.lower.unwrap_or(self.base.index)
    }
}

/// A setting of an interface, or of the network namespace, that can be changed for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum SettingName {
    /// `arp_ignore`: the interface answers ARP requests for its own addresses only.
    ArpIgnore,
    /// `arp_announce`: the interface sends ARP requests from its own addresses only.
    ArpAnnounce,
    /// `promote_secondaries`: the other addresses of a network stay when the first one is removed.
    PromoteSecondaries,
    /// `igmp_link_local_mcast_reports`: membership of groups in 224.0.0.0/24 is not reported. A setting of
    /// the network namespace, whose record is on the loopback interface.
    IgmpReports,
}

impl SettingName {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::ArpIgnore,
        Self::ArpAnnounce,
        Self::PromoteSecondaries,
        Self::IgmpReports,
    ];

    /// The name, as sysctl(8) has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ArpIgnore => "arp_ignore",
            Self::ArpAnnounce => "arp_announce",
            Self::PromoteSecondaries => "promote_secondaries",
            Self::IgmpReports => "igmp_link_local_mcast_reports",
        }
    }

    /// The value that a [`Setting`] of this name gives.
    #[must_use]
    pub const fn value(self) -> u32 {
        match self {
            Self::IgmpReports => 0,
            Self::ArpIgnore | Self::PromoteSecondaries => 1,
            Self::ArpAnnounce => 2,
        }
    }
}

impl SettingName {
    /// Whether a value has the effect of [`value`](Self::value): a greater one has it too, except where
    /// the setting is cleared.
    #[must_use]
    pub const fn is_met(self, value: u32) -> bool {
        match self {
            Self::ArpIgnore | Self::ArpAnnounce | Self::PromoteSecondaries => value >= self.value(),
            Self::IgmpReports => value == self.value(),
        }
    }
}

impl fmt::Display for SettingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A setting of an interface [is met](SettingName::is_met).
///
/// The addition records the original value on the interface before the value is changed; the removal
/// restores the original value, unless another program has changed the setting since, and deletes the
/// record after that. So the original value outlives a kill at any moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Setting {
    /// The interface.
    pub link: Arc<Link>,
    /// The setting.
    pub name: SettingName,
}

impl Setting {
    /// The setting `name` of `link`.
    #[must_use]
    pub const fn new(link: Arc<Link>, name: SettingName) -> Self {
        Self { link, name }
    }
}

#[cfg(test)]
mod tests {
    use super::SettingName::{ArpAnnounce, ArpIgnore, IgmpReports};

    #[test]
    fn settings_are_met_by_greater_values_or_cleared() {
        for (setting, value, expected) in [
            (ArpIgnore, 0, false),
            (ArpIgnore, 1, true),
            (ArpIgnore, 2, true),
            (ArpAnnounce, 1, false),
            (ArpAnnounce, 2, true),
            (IgmpReports, 0, true),
            (IgmpReports, 1, false),
        ] {
            assert_eq!(setting.is_met(value), expected, "{setting} {value}");
        }
    }
}
