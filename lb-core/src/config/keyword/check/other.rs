// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of the checks that have no table of their own.

use super::Check;
use crate::config::keyword::row::{Table, Value};
use crate::config::level::Level;

/// Keywords of other checks, beside the common ones.
pub(in crate::config) static OTHER: Table<()> =
    Table::new(&[Level::Check], "other checks", &[OTHER_KEYWORDS]);

const OTHER_KEYWORDS: &[Check] = &[
    Check::new(
        "misc_path",
        "Sets the program and its arguments; must be given.",
        Value::Elsewhere("COMMAND"),
    ),
    Check::new(
        "misc_timeout",
        "Limits the time of the program.",
        Value::Elsewhere("SECONDS, whole, from 1"),
    )
    .default("delay_loop"),
    Check::new(
        "misc_dynamic",
        "Takes the exit status for a weight.",
        Value::Elsewhere(""),
    ),
    Check::new(
        "user",
        "Sets user and group of the program.",
        Value::Elsewhere("USER [GROUP]"),
    )
    .default("script_user"),
    Check::new(
        "name",
        "Sets the session of BFD_CHECK.",
        Value::Elsewhere("NAME"),
    )
    .later(),
];
