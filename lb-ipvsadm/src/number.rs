// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counters in nine columns.

use std::fmt;

/// A counter as `--stats` and `--rate` print it: cut to thousands and so on when it is large,
/// unless it must be exact.
pub(super) struct Number {
    pub(super) value: u64,
    pub(super) exact: bool,
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value;
        if self.exact {
            // A blank in front of each, however long it is.
            return write!(f, " {value:>8}");
        }
        match value {
            0..100_000_000 => write!(f, "{value:>9}"),
            100_000_000..1_000_000_000 => write!(f, "{:>8}K", value / 1_000),
            1_000_000_000..100_000_000_000 => write!(f, "{:>8}M", value / 1_000_000),
            100_000_000_000..100_000_000_000_000 => write!(f, "{:>8}G", value / 1_000_000_000),
            _ => write!(f, "{:>8}T", value / 1_000_000_000_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        let text = |value| {
            Number {
                value,
                exact: false,
            }
            .to_string()
        };
        for (value, expected) in [
            (0, "        0"),
            (99_999_999, " 99999999"),
            (100_000_000, "  100000K"),
            (999_999_999, "  999999K"),
            (1_000_000_000, "    1000M"),
            (99_999_999_999, "   99999M"),
            (100_000_000_000, "     100G"),
            (99_999_999_999_999, "   99999G"),
            (100_000_000_000_000, "     100T"),
            (u64::MAX, "18446744T"),
        ] {
            assert_eq!(text(value), expected);
        }
    }

    #[test]
    fn exact() {
        let text = |value| Number { value, exact: true }.to_string();
        assert_eq!(text(7), "        7");
        assert_eq!(text(99_999_999), " 99999999");
        assert_eq!(text(1_234_567_890), " 1234567890");
    }
}
