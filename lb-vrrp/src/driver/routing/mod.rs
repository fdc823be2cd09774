// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routes and rules of routers that are Master, and static ones.

mod error;
mod watch;

use lb_host::PlacedRoute;

pub use self::error::RouteError;
pub(super) use self::watch::Watch;
use super::links::Interfaces;
use crate::VirtualRoute;

/// Finds the interfaces of a route; `None` if one is missing.
pub(super) fn place_route(route: &VirtualRoute, interfaces: &Interfaces) -> Option<PlacedRoute> {
    let find = |name: &str| Some(lb_host::Link::clone(&interfaces.get(name)?.link));
    PlacedRoute::new(route, find)
}
