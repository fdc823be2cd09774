// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ranges of addresses in texts.

/// A range of bytes in the texts of a [`Sources`](super::Sources).
///
/// The texts share one address space, each after the one before it; [`Sources::range`](super::Sources::range) gives the range
/// in the file itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    pub(super) const fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }

    /// The empty range at the beginning of the first text.
    pub(super) const START: Self = Self::new(0, 0);

    /// From the beginning of this range to the end of a later one.
    pub(super) const fn to(self, end: Self) -> Self {
        Self::new(self.start, end.end)
    }

    /// A part of the range, by offsets from its beginning.
    pub(super) fn part(self, range: std::ops::Range<usize>) -> Self {
        Self::new(
            self.start + offset(range.start),
            self.start + offset(range.end),
        )
    }

    /// The range without its first bytes.
    pub(super) fn skip(self, bytes: usize) -> Self {
        Self::new((self.start + offset(bytes)).min(self.end), self.end)
    }

    pub(super) const fn len(self) -> u32 {
        self.end.saturating_sub(self.start)
    }

    pub(super) const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// An offset as it is stored; no text is longer than [`Sources::MAX_LEN`](super::source::Sources::MAX_LEN).
pub(super) fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
