// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routes and rules that a master holds beside its addresses: plain values, no I/O.

mod metric;
mod network;
mod route;
mod rule;

pub use self::metric::{RouteMetric, RoutePreference};
pub use self::network::{Network, NetworkError};
pub use self::route::{NextHop, RouteKind, VirtualRoute};
pub use self::rule::{RuleAction, VirtualRule};
