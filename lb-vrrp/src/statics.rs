// SPDX-License-Identifier: MIT OR Apache-2.0
//! Static addresses, routes and rules, installed independently of the VRRP state: plain values, no I/O.

use std::collections::BTreeSet;

use crate::{AddressFamily, VirtualAddress, VirtualRoute, VirtualRule};

/// Addresses, routes and rules that are installed from start to stop, independently of the VRRP
/// state (`static_ipaddress`, `static_routes`, `static_rules` in keepalived).
///
/// They are added in the order addresses, routes, rules, restored when they are deleted, and removed
/// in the opposite order. An item whose interface is missing waits for it. An item whose `tracked` is
/// `false` (`no_track`) is added once and not restored.
///
/// # Examples
///
/// ```
/// use lb_vrrp::{Network, StaticItem, StaticItems, TrackGroup, VirtualAddress, VirtualRoute};
///
/// let own = VirtualAddress::new("192.0.2.11".parse()?)
///     .with_prefix_len(24)
///     .with_interface("eth0");
/// let uplink = VirtualRoute::new(Network::ANY_IPV4).with_gateway("192.0.2.1".parse()?);
/// let statics = StaticItems::default()
///     .with_address(own)
///     // Without the default route these routers are in Fault.
///     .with_route(StaticItem::from(uplink).with_group("uplink"))
///     .with_group(TrackGroup::new("uplink", ["VI_1", "VI_2"]));
/// assert_eq!(
///     statics.names().collect::<Vec<_>>(),
///     ["address 192.0.2.11/24 dev eth0", "route default via 192.0.2.1"]
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct StaticItems {
    /// Addresses; each names its interface.
    pub addresses: Vec<StaticItem<VirtualAddress>>,
    /// Routes, in the order in which they are added.
    pub routes: Vec<StaticItem<VirtualRoute>>,
    /// Rules, in the order in which they are added.
    pub rules: Vec<StaticItem<VirtualRule>>,
    /// Groups of routers that need some of the items.
    pub groups: Vec<TrackGroup>,
}

impl StaticItems {
    /// Adds an address, which must name its interface.
    #[must_use]
    pub fn with_address(mut self, address: impl Into<StaticItem<VirtualAddress>>) -> Self {
        self.addresses.push(address.into());
        self
    }

    /// Adds a route.
    #[must_use]
    pub fn with_route(mut self, route: impl Into<StaticItem<VirtualRoute>>) -> Self {
        self.routes.push(route.into());
        self
    }

    /// Adds a rule.
    #[must_use]
    pub fn with_rule(mut self, rule: impl Into<StaticItem<VirtualRule>>) -> Self {
        self.rules.push(rule.into());
        self
    }

    /// Adds a group of routers.
    #[must_use]
    pub fn with_group(mut self, group: TrackGroup) -> Self {
        self.groups.push(group);
        self
    }

    /// Whether there is no address, route or rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.routes.is_empty() && self.rules.is_empty()
    }

    /// The names of the items in logs, events and status, in the order in which they are added.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.grouped().map(|(name, _)| name)
    }

    /// The names, each with the track group of the item.
    pub(crate) fn grouped(&self) -> impl Iterator<Item = (String, Option<&str>)> {
        let addresses = self.addresses.iter();
        let routes = self.routes.iter();
        let rules = self.rules.iter();
        addresses
            .map(|entry| (address_name(&entry.item), entry.group.as_deref()))
            .chain(routes.map(|entry| (route_name(&entry.item), entry.group.as_deref())))
            .chain(rules.map(|entry| (rule_name(&entry.item), entry.group.as_deref())))
    }

    /// Checks all that can be checked without the kernel; `routers` are the names of the instances.
    ///
    /// # Errors
    ///
    /// The first fault.
    pub fn check(&self, routers: &[&str]) -> Result<(), StaticError> {
        let problems = self
            .addresses
            .iter()
            .map(|entry| match &entry.item.interface {
                Some(_) if entry.item.vmac => {
                    Some("`use_vmac` is not valid: a static address has no instance")
                }
                Some(_) => entry.item.problem(),
                None => Some("no interface"),
            });
        let problems = problems
            .chain(self.routes.iter().map(|entry| entry.item.problem()))
            .chain(self.rules.iter().map(|entry| entry.item.problem()));
        let mut places = BTreeSet::new();
        let twice = self.addresses.iter().map(|entry| {
            let place = (entry.item.interface.as_deref(), entry.item.address);
            !places.insert(place)
        });
        let mut twice = twice.collect::<Vec<_>>().into_iter();
        let mut names = BTreeSet::new();
        for ((item, group), problem) in self.grouped().zip(problems) {
            if let Some(problem) = problem {
                return Err(StaticError::Invalid { item, problem });
            }
            if let Some(group) = group
                && !self.groups.iter().any(|known| known.name == group)
            {
                let group = group.to_owned();
                return Err(StaticError::UnknownGroup { item, group });
            }
            if twice.next() == Some(true) || !names.insert(item.clone()) {
                return Err(StaticError::Twice { item });
            }
        }
        let mut groups = BTreeSet::new();
        for group in &self.groups {
            if !groups.insert(&group.name) {
                let group = group.name.clone();
                return Err(StaticError::DuplicateGroup { group });
            }
            let known = |member: &&String| routers.contains(&member.as_str());
            if let Some(member) = group.members.iter().find(|member| !known(member)) {
                return Err(StaticError::UnknownMember {
                    group: group.name.clone(),
                    member: member.clone(),
                });
            }
        }
        Ok(())
    }
}

/// The name of an address.
fn address_name(address: &VirtualAddress) -> String {
    format!("address {address}")
}

/// The name of a route.
pub(crate) fn route_name(route: &VirtualRoute) -> String {
    let default = route.destination.prefix_len() == 0;
    format!(
        "route {route}{}",
        family(route.destination.family(), default)
    )
}

/// The name of a rule.
pub(crate) fn rule_name(rule: &VirtualRule) -> String {
    let all = rule.from.is_none() && rule.to.is_none();
    format!("rule {rule}{}", family(rule.family, all))
}

/// Where nothing else tells it.
const fn family(family: AddressFamily, untold: bool) -> &'static str {
    match family {
        AddressFamily::Ipv6 if untold => " inet6",
        _ => "",
    }
}

/// An address, route or rule, and the group that needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct StaticItem<T> {
    /// The address, route or rule.
    pub item: T,
    /// The [`TrackGroup`] whose routers are in Fault while the item is missing (`track_group`).
    pub group: Option<String>,
}

impl<T> StaticItem<T> {
    /// Sets the group whose routers need the item.
    #[must_use]
    pub fn with_group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }
}

impl<T> From<T> for StaticItem<T> {
    fn from(item: T) -> Self {
        Self { item, group: None }
    }
}

/// Routers that are in Fault while a static item that names the group is missing and cannot be
/// restored (`track_group` in keepalived).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct TrackGroup {
    /// Its name.
    pub name: String,
    /// The names of its routers; a router may be in several groups.
    pub members: Vec<String>,
}

impl TrackGroup {
    /// A group of the routers of these names.
    pub fn new<T: Into<String>>(
        name: impl Into<String>,
        members: impl IntoIterator<Item = T>,
    ) -> Self {
        Self {
            name: name.into(),
            members: members.into_iter().map(Into::into).collect(),
        }
    }
}

/// Why static items are invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StaticError {
    /// An item that no kernel accepts.
    #[error("static {item}: {problem}")]
    Invalid {
        /// The item.
        item: String,
        /// The fault.
        problem: &'static str,
    },
    /// The same route or rule twice, or an address twice on an interface.
    #[error("static {item} is given twice")]
    Twice {
        /// The item.
        item: String,
    },
    /// An unknown group.
    #[error("static {item} names the track group {group}, which is not defined")]
    UnknownGroup {
        /// The item.
        item: String,
        /// The unknown name.
        group: String,
    },
    /// Two groups with one name.
    #[error("there are two track groups {group}")]
    DuplicateGroup {
        /// The name.
        group: String,
    },
    /// An unknown member.
    #[error("track group {group}: unknown instance {member}")]
    UnknownMember {
        /// The group.
        group: String,
        /// The unknown name.
        member: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Network, RuleAction};

    fn address(last: u8) -> VirtualAddress {
        VirtualAddress::new([192, 0, 2, last].into()).with_interface("eth0")
    }

    fn route() -> VirtualRoute {
        VirtualRoute::new("198.51.100.0/24".parse().unwrap()).with_interface("eth0")
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let good = StaticItems::default()
            .with_address(address(1))
            .with_route(StaticItem::from(route()).with_group("g"))
            .with_group(TrackGroup::new("g", ["VI_1"]));
        assert_eq!(good.check(&["VI_1"]), Ok(()));
        for (bad, routers, message) in [
            (
                good.clone().with_address(address(1).with_prefix_len(24)),
                "VI_1",
                "static address 192.0.2.1/24 dev eth0 is given twice",
            ),
            (
                good.clone().with_route(route()),
                "VI_1",
                "static route 198.51.100.0/24 dev eth0 is given twice",
            ),
            (
                good.clone().with_address(address(2).with_prefix_len(33)),
                "VI_1",
                "static address 192.0.2.2/33 dev eth0: a prefix longer than the address",
            ),
            (
                good.clone()
                    .with_address(VirtualAddress::new([192, 0, 2, 3].into())),
                "VI_1",
                "static address 192.0.2.3/32: no interface",
            ),
            (
                good.clone()
                    .with_address(StaticItem::from(address(4)).with_group("h")),
                "VI_1",
                "static address 192.0.2.4/32 dev eth0 names the track group h, which is not defined",
            ),
            (
                good.clone()
                    .with_group(TrackGroup::new("g", Vec::<String>::new())),
                "VI_1",
                "there are two track groups g",
            ),
            (good, "VI_2", "track group g: unknown instance VI_1"),
        ] {
            assert_eq!(bad.check(&[routers]).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn default_routes_of_both_families_differ() {
        let rule = |family| VirtualRule::new(family, 9, RuleAction::Table(7));
        let any = |network| VirtualRoute::new(network).with_interface("eth0");
        let statics = StaticItems::default()
            .with_route(any(Network::ANY_IPV4))
            .with_route(any(Network::ANY_IPV6))
            .with_rule(rule(AddressFamily::Ipv4))
            .with_rule(rule(AddressFamily::Ipv6));
        assert_eq!(statics.check(&[]), Ok(()));
    }

    #[test]
    fn an_address_may_be_on_two_interfaces() {
        let statics = StaticItems::default()
            .with_address(address(1))
            .with_address(address(1).with_interface("eth1"));
        assert_eq!(statics.check(&[]), Ok(()));
    }
}
