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
        "max_reply_length",
        "Sets the longest reply of UDP_CHECK.",
        Value::Elsewhere("NUMBER, 0 to 65535"),
    )
    .later(),
    Check::new(
        "min_reply_length",
        "Sets the shortest reply of UDP_CHECK.",
        Value::Elsewhere("NUMBER, 0 to 65535"),
    )
    .later(),
    Check::new(
        "name",
        "Sets the name that DNS_CHECK asks for, or the session of BFD_CHECK.",
        Value::Elsewhere("NAME"),
    )
    .later(),
    Check::new(
        "payload",
        "Sets what UDP_CHECK sends.",
        Value::Elsewhere("HEXADECIMAL DIGITS"),
    )
    .later(),
    Check::new(
        "require_reply",
        "Has UDP_CHECK fail without a reply.",
        Value::Elsewhere("[HEXADECIMAL DIGITS|X]"),
    )
    .later(),
    Check::new(
        "type",
        "Sets the type of record that DNS_CHECK asks for.",
        Value::Elsewhere("TYPE"),
    )
    .later(),
];
