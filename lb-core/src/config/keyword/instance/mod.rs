// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of `vrrp_instance`, by topic.

mod addresses;
mod adverts;
mod election;
mod notify;
mod tracking;

use super::row::Table;
use crate::config::instance::InstanceConfig;
use crate::config::level::Level;

pub(in crate::config) static INSTANCE: Table<InstanceConfig> = Table::new(
    &[Level::Instance],
    "vrrp_instance",
    &[
        election::KEYWORDS,
        adverts::KEYWORDS,
        addresses::KEYWORDS,
        tracking::KEYWORDS,
        notify::KEYWORDS,
    ],
);
