// SPDX-License-Identifier: MIT OR Apache-2.0
//! The firewall marks of checks at the virtual address.

use std::fmt;
use std::num::NonZeroU32;

/// A range of firewall marks, both ends included.
///
/// ```
/// use lb_core::model::MarkRange;
///
/// let range = MarkRange::default();
/// assert_eq!((range.first(), range.last()), (65_536, 131_071));
/// assert!(MarkRange::new(0, 7).is_none());
/// assert!(MarkRange::new(8, 7).is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkRange {
    first: NonZeroU32,
    last: NonZeroU32,
}

impl MarkRange {
    /// The marks from `first` to `last`; none if there is no such mark, or mark 0 is among them, which is no mark.
    #[must_use]
    pub const fn new(first: u32, last: u32) -> Option<Self> {
        match (NonZeroU32::new(first), NonZeroU32::new(last)) {
            (Some(first), Some(last)) if first.get() <= last.get() => Some(Self { first, last }),
            _ => None,
        }
    }

    /// The lowest mark.
    #[must_use]
    pub const fn first(self) -> u32 {
        self.first.get()
    }

    /// The highest mark.
    #[must_use]
    pub const fn last(self) -> u32 {
        self.last.get()
    }

    /// The number of marks.
    #[must_use]
    pub fn count(self) -> u64 {
        u64::from(self.last.get()) - u64::from(self.first.get()) + 1
    }

    /// The number of marks, for collections.
    pub(crate) fn size(self) -> usize {
        usize::try_from(self.count()).unwrap_or(usize::MAX)
    }

    /// Whether a mark is in the range.
    #[must_use]
    pub const fn contains(self, mark: u32) -> bool {
        self.first.get() <= mark && mark <= self.last.get()
    }

    /// The marks, from the lowest on.
    pub fn marks(self) -> impl Iterator<Item = NonZeroU32> {
        (self.first.get()..=self.last.get()).filter_map(NonZeroU32::new)
    }
}

/// 65536 to 131071: 0x10000 to 0x1ffff.
impl Default for MarkRange {
    fn default() -> Self {
        const FIRST: NonZeroU32 = NonZeroU32::new(0x1_0000).unwrap();
        const LAST: NonZeroU32 = NonZeroU32::new(0x1_ffff).unwrap();
        Self {
            first: FIRST,
            last: LAST,
        }
    }
}

impl fmt::Display for MarkRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.first, self.last)
    }
}
