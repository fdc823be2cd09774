// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routes and rules of Masters: the port through which they reach the kernel, and who follows the
//! wishes.

mod error;
mod keeper;
mod leftover;
mod netlink;
mod rule;
mod same;
mod watch;

use std::fmt;

use async_trait::async_trait;

pub use self::error::RouteError;
pub(super) use self::keeper::Keeper;
pub(super) use self::leftover::remove_leftovers;
pub(super) use self::watch::Watch;
use lb_host::Applied as Added;
use lb_host::Link;

use super::links::Interfaces;
use crate::{VirtualRoute, VirtualRule};

/// Marks routes and rules that a virtual router added (`rtm_protocol`, `FRA_PROTOCOL`; `proto` in
/// `ip route` and `ip rule`): VRRP's IP protocol number.
pub const ROUTE_PROTOCOL: u8 = 112;

/// A route whose interfaces have been found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct PlacedRoute {
    /// The route.
    pub route: VirtualRoute,
    /// The interface that it names.
    pub link: Option<Link>,
    /// The interfaces that its next hops name, in their order.
    pub hop_links: Vec<Option<Link>>,
}

impl PlacedRoute {
    /// Finds the interfaces of a route; `None` if one is not there.
    pub(super) fn new(route: &VirtualRoute, interfaces: &Interfaces) -> Option<Self> {
        let find = |name: &Option<String>| match name {
            None => Some(None),
            Some(name) => interfaces.get(name).map(|of| Some(Link::clone(&of.link))),
        };
        let hops = route.next_hops.iter().map(|hop| find(&hop.interface));
        Some(Self {
            link: find(&route.interface)?,
            hop_links: hops.collect::<Option<_>>()?,
            route: route.clone(),
        })
    }
}

/// A route or a rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum RoutingEntry {
    /// A route.
    Route(Box<PlacedRoute>),
    /// A rule.
    Rule(Box<VirtualRule>),
}

impl fmt::Display for RoutingEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route(placed) => write!(f, "route {}", placed.route),
            Self::Rule(rule) => write!(f, "rule {rule}"),
        }
    }
}

/// Gives routes and rules to the kernel and takes them away.
///
/// The driver calls it from one task: addresses, then routes, then rules when a router becomes Master, and backwards
/// when it is no longer.
#[async_trait]
pub trait RouteManager: fmt::Debug + Send {
    /// Adds a route or rule. That it is there already is no error.
    ///
    /// # Errors
    ///
    /// [`RouteError`] if it is not there afterwards.
    async fn add(&mut self, entry: &RoutingEntry) -> Result<Added, RouteError>;

    /// Removes a route or rule. That it is missing is no error, and that it is another's neither.
    ///
    /// # Errors
    ///
    /// [`RouteError`] if it may still be there.
    async fn remove(&mut self, entry: &RoutingEntry) -> Result<(), RouteError>;
}

/// The kernel's routes and rules.
pub(super) struct Routes(rtnetlink::Handle);

impl Routes {
    pub(super) const fn new(handle: rtnetlink::Handle) -> Self {
        Self(handle)
    }

    const fn handle(&self) -> &rtnetlink::Handle {
        &self.0
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes").finish_non_exhaustive()
    }
}
