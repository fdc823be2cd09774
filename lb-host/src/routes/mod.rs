// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routes and rules as plain values.

mod metric;
mod network;
mod placed;
mod route;
mod rule;

pub use self::metric::{RouteMetric, RoutePreference};
pub use self::network::{Network, NetworkError};
pub use self::placed::{PlacedRoute, RoutingEntry};
pub use self::route::{NextHop, Route, RouteKind};
pub use self::rule::{Rule, RuleAction};
