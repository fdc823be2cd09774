// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checks that are read and do not run.

/// A check that keepalived runs and this version does not: its words are valid and kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingCheck {
    /// Its kind: `SMTP_CHECK`.
    pub kind: String,
    /// Its settings, in the order of the file.
    pub settings: Vec<CheckSetting>,
}

impl PendingCheck {
    /// A check with these settings.
    pub fn new(kind: impl Into<String>, settings: impl IntoIterator<Item = CheckSetting>) -> Self {
        Self {
            kind: kind.into(),
            settings: settings.into_iter().collect(),
        }
    }
}

/// One line of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckSetting {
    /// The keyword.
    pub keyword: String,
    /// The words behind it.
    pub values: Vec<String>,
    /// The lines of its block.
    pub block: Vec<Self>,
}

impl CheckSetting {
    /// A setting without a block.
    pub fn new(
        keyword: impl Into<String>,
        values: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self {
            keyword: keyword.into(),
            values: values.into_iter().map(Into::into).collect(),
            block: Vec::new(),
        }
    }

    /// Sets the lines of the block.
    #[must_use]
    pub fn with_block(mut self, block: Vec<Self>) -> Self {
        self.block = block;
        self
    }
}
