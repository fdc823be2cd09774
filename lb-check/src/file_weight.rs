// SPDX-License-Identifier: MIT OR Apache-2.0
//! The effect of a number in a file on a real server.

use std::fmt;

/// The factor by which the number in a tracked file changes the weight of a real server.
///
/// | factor | `reverse` | number | effect |
/// |---|---|---|---|
/// | 0 | no | not 0 | down |
/// | 0 | yes | 0 | down |
/// | else | no | any | number × factor is added to the weight |
/// | else | yes | any | number × factor is subtracted from the weight |
///
/// A product of −2147483648 or less means down, too. Keepalived's `weight` in `FILE_CHECK`.
///
/// ```
/// use lb_check::FileWeight;
///
/// assert_eq!(FileWeight::new(2, false).change(-5), Some(-10));
/// assert_eq!(FileWeight::new(0, false).change(1), None);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct FileWeight {
    /// The factor, −2147483647 to 2147483647.
    pub factor: i32,
    /// Whether the effect is the opposite.
    pub reverse: bool,
}

impl FileWeight {
    /// A factor and its direction.
    #[must_use]
    pub const fn new(factor: i32, reverse: bool) -> Self {
        Self { factor, reverse }
    }

    /// The change of the weight by this number; `None` if the real server is down.
    #[must_use]
    pub fn change(self, number: i64) -> Option<i32> {
        if self.factor == 0 {
            return ((number != 0) == self.reverse).then_some(0);
        }
        let direction = if self.reverse { -1 } else { 1 };
        let product = number.saturating_mul(i64::from(self.factor) * direction);
        let limits = i64::from(i32::MIN)..=i64::from(i32::MAX);
        let change = product.clamp(*limits.start(), *limits.end());
        i32::try_from(change)
            .ok()
            .filter(|change| *change != i32::MIN)
    }
}

/// As in a configuration: `2 reverse`.
impl fmt::Display for FileWeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reverse = if self.reverse { " reverse" } else { "" };
        write!(f, "{}{reverse}", self.factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_change_the_weight_as_in_keepalived() {
        for (factor, reverse, number, change) in [
            (0, false, 0, Some(0)),
            (0, false, 1, None),
            (0, false, -1, None),
            (0, true, 0, None),
            (0, true, 7, Some(0)),
            (1, false, 5, Some(5)),
            (1, true, 5, Some(-5)),
            (-2, false, 5, Some(-10)),
            (-2, true, 5, Some(10)),
            (1, false, -254, Some(-254)),
            (i32::MAX, false, 2, Some(i32::MAX)),
            (i32::MAX, false, -2, None),
            (i32::MAX, true, 2, None),
            (1, false, i64::from(i32::MIN), None),
            (1, false, i64::from(i32::MIN) + 1, Some(i32::MIN + 1)),
            (1, true, i64::from(i32::MIN), Some(i32::MAX)),
            (i32::MAX, false, i64::MIN, None),
        ] {
            let weight = FileWeight::new(factor, reverse);
            assert_eq!(weight.change(number), change, "{weight}: {number}");
        }
    }
}
