// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routes with the interfaces that their names stand for.

use std::fmt;

use super::{Route, Rule};
use crate::interface::Link;

/// A route whose interfaces have been found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct PlacedRoute {
    /// The route.
    pub route: Route,
    /// The interface that it names.
    pub link: Option<Link>,
    /// The interfaces that its next hops name, in their order.
    pub hop_links: Vec<Option<Link>>,
}

impl PlacedRoute {
    /// Finds the interfaces of a route by name; `None` if one is missing.
    pub fn new(route: &Route, find: impl Fn(&str) -> Option<Link>) -> Option<Self> {
        let place = |name: &Option<String>| match name {
            None => Some(None),
            Some(name) => find(name).map(Some),
        };
        let hops = route.next_hops.iter().map(|hop| place(&hop.interface));
        Some(Self {
            link: place(&route.interface)?,
            hop_links: hops.collect::<Option<_>>()?,
            route: route.clone(),
        })
    }
}

/// A route or a rule. The kernel can have several that differ in any attribute: the whole is the
/// identity.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum RoutingEntry {
    /// A route.
    Route(Box<PlacedRoute>),
    /// A rule.
    Rule(Box<Rule>),
}

impl RoutingEntry {
    /// The protocol of its own, if it has not that of the owner.
    #[must_use]
    pub const fn protocol(&self) -> Option<u8> {
        match self {
            Self::Route(placed) => placed.route.protocol,
            Self::Rule(rule) => rule.protocol,
        }
    }
}

impl fmt::Display for RoutingEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route(placed) => write!(f, "route {}", placed.route),
            Self::Rule(rule) => write!(f, "rule {rule}"),
        }
    }
}
