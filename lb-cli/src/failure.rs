// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a program ends badly: one text for standard error and an exit status.

use std::{error::Error, fmt};

/// Why a program ends, and with which status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    text: String,
    code: u8,
}

impl Failure {
    /// `text` goes to standard error as it is, with a newline behind it.
    pub(crate) fn new(code: u8, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            code,
        }
    }

    /// A failure with the text of an error and all of its sources.
    pub(crate) fn from_error(code: u8, error: &dyn Error) -> Self {
        Self::new(code, chain(error))
    }

    /// The exit status.
    pub(crate) fn code(&self) -> u8 {
        self.code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// An error and its sources, joined by colons.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
