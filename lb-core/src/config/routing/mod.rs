// SPDX-License-Identifier: MIT OR Apache-2.0
//! `virtual_routes`, `virtual_rules`, `static_routes` and `static_rules`: lines in the words of `ip route` and `ip rule`.

mod line;
mod names;
mod route;
mod rule;

pub(super) use self::names::Names;
pub(super) use self::route::routes;
pub(super) use self::rule::{Priorities, rules};
