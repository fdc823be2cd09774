// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of `global_defs`, by topic.

mod ignored;
mod ipvs;
mod notify;
mod process;
mod vrrp;

use super::row::Table;
use crate::config::global::GlobalConfig;
use crate::config::level::Level;

pub(in crate::config) static GLOBAL: Table<GlobalConfig> = Table::new(
    &[Level::Global],
    "global_defs",
    &[
        notify::KEYWORDS,
        vrrp::KEYWORDS,
        ipvs::KEYWORDS,
        process::KEYWORDS,
        ignored::KEYWORDS,
    ],
);
