// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of the checks of tracked files.

use super::Check;
use crate::config::keyword::row::{Table, Value};
use crate::config::level::Level;

/// Keywords of `FILE_CHECK`.
pub(in crate::config) static FILE: Table<()> =
    Table::new(&[Level::Check], "FILE_CHECK", &[FILE_KEYWORDS]);

const FILE_KEYWORDS: &[Check] = &[
    Check::new(
        "track_file",
        "Sets the file, by the name of its block; must be given.",
        Value::Elsewhere("NAME"),
    ),
    Check::new(
        "weight",
        "Sets the factor of the number, which is added to the weight; with 0 another number than 0 means down.",
        Value::Elsewhere("NUMBER [reverse|noreverse], any sign"),
    )
    .default("that of the track_file"),
];
