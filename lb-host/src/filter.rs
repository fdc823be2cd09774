// SPDX-License-Identifier: MIT OR Apache-2.0
//! The attributes of a packet filter.

/// The table of the packet filter that has [shields](crate::Shield), by its attributes. Each address
/// family has a table with this name.
///
/// ```
/// use lb_host::FilterTable;
///
/// let table = FilterTable::new("lb").with_priority(-10).with_counters(true);
/// assert_eq!(table.name, "lb");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct FilterTable {
    /// Name of the table.
    pub name: String,
    /// Priority of its chains among those of other tables: the lowest number sees a packet first. The
    /// filter rules of iptables have 0.
    pub priority: i32,
    /// Whether the rules count packets and bytes.
    pub has_counters: bool,
}

impl FilterTable {
    /// Priority unless another is given: just before the filter rules of iptables.
    pub const PRIORITY: i32 = -1;

    /// A table with this name, chains of the usual priority, and rules without counters.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            priority: Self::PRIORITY,
            has_counters: false,
        }
    }

    /// Sets the priority of the chains.
    #[must_use]
    pub fn with_priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// Sets whether the rules count packets and bytes.
    #[must_use]
    pub fn with_counters(mut self, has_counters: bool) -> Self {
        self.has_counters = has_counters;
        self
    }
}

/// The table `lb`.
impl Default for FilterTable {
    fn default() -> Self {
        Self::new("lb")
    }
}
