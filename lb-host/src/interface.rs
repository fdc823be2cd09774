// SPDX-License-Identifier: MIT OR Apache-2.0
//! The index and the name of an interface.

/// An interface as the kernel knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Link {
    /// Index (`ip link` shows it first).
    pub index: u32,
    /// Name.
    pub name: String,
}

impl Link {
    /// Names an interface.
    pub fn new(index: u32, name: impl Into<String>) -> Self {
        Self {
            index,
            name: name.into(),
        }
    }
}
