// SPDX-License-Identifier: MIT OR Apache-2.0
//! The weight of a tracked object.

use std::fmt;

use thiserror::Error;

use super::Object;

/// A weight that is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("weight {weight} is out of range, -{limit} to {limit}")]
#[non_exhaustive]
pub struct WeightError {
    /// The given weight.
    pub weight: i32,
    /// The largest weight, either way.
    pub limit: i32,
}

/// The effect of a tracked object's state on a router (`weight`, `reverse` in keepalived).
///
/// | weight | `reverse` | while the object is well | while it has failed |
/// |---|---|---|---|
/// | 0 | no | – | fault |
/// | 0 | yes | fault | – |
/// | positive | no | priority + weight | – |
/// | negative | no | – | priority − \|weight\| |
/// | positive | yes | priority − weight | – |
/// | negative | yes | – | priority + \|weight\| |
///
/// The weight of a file is a factor: the number in the file, times the weight, is added.
///
/// ```
/// use lb_vrrp::track::Weight;
///
/// let weight = Weight::new(-20)?;
/// assert_eq!(weight.to_string(), "-20");
/// assert!(Weight::FAULT.is_fault());
/// assert!(Weight::new(255).is_err());
/// # Ok::<(), lb_vrrp::track::WeightError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Weight {
    value: i16,
    reverse: bool,
}

impl Weight {
    /// 0: the router is faulty while the object is. The default of all but files.
    pub const FAULT: Self = Self {
        value: 0,
        reverse: false,
    };

    /// 1: the default of files, whose content is the change of priority.
    pub const ONE: Self = Self {
        value: 1,
        reverse: false,
    };

    /// The largest weight of files and processes, either way; 253 for all else.
    const LIMIT: i32 = 254;

    /// A weight, −254 to 254.
    ///
    /// # Errors
    ///
    /// [`WeightError`] if it is out of range.
    pub fn new(weight: i32) -> Result<Self, WeightError> {
        match i16::try_from(weight) {
            Ok(value) if weight.abs() <= Self::LIMIT => Ok(Self {
                value,
                reverse: false,
            }),
            Ok(_) | Err(_) => Err(WeightError {
                weight,
                limit: Self::LIMIT,
            }),
        }
    }

    /// The same weight with this `reverse`.
    #[must_use]
    pub const fn reversed(self, reverse: bool) -> Self {
        Self { reverse, ..self }
    }

    /// The weight as a number.
    #[must_use]
    pub const fn get(self) -> i16 {
        self.value
    }

    /// Whether `reverse` is set.
    #[must_use]
    pub const fn is_reversed(self) -> bool {
        self.reverse
    }

    /// Whether the object does not change the priority but makes the router faulty.
    #[must_use]
    pub const fn is_fault(self) -> bool {
        self.value == 0
    }

    /// The weight with which a member of a sync group tracks an object of its own. Unless the group
    /// has `sync_group_tracking_weight`, its members must not drift apart: interfaces, and files with
    /// the weight 1, count as faults; anything else with a weight is not tracked (`None`). What the
    /// group tracks moves all members, and has whatever weight it is given.
    #[must_use]
    pub const fn in_sync_group(self, object: Object, tracking_weight: bool) -> Option<Self> {
        if tracking_weight || self.is_fault() {
            return Some(self);
        }
        match (object, self.value) {
            (Object::Interface, _) | (Object::File, 1) => Some(Self { value: 0, ..self }),
            _ => None,
        }
    }

    /// The effect of an object that is well or has failed.
    pub(super) fn of_verdict(self, well: bool) -> Effect {
        let weight = i32::from(self.value);
        let counts = match self.value {
            0 => {
                return Effect {
                    change: 0,
                    fault: well == self.reverse,
                };
            }
            1.. => well,
            _ => !well,
        };
        Effect {
            change: match (counts, self.reverse) {
                (true, false) => weight,
                (true, true) => -weight,
                (false, _) => 0,
            },
            fault: false,
        }
    }

    /// The effect of the number in a file: −254 and less is a fault, and more than 253 is 253.
    pub(super) fn of_value(self, value: i64) -> Effect {
        if self.is_fault() {
            return Effect {
                change: 0,
                fault: (value != 0) != self.reverse,
            };
        }
        let factor = if self.reverse { -1 } else { 1 } * i64::from(self.value);
        let change = value.saturating_mul(factor).clamp(-254, 253);
        Effect {
            change: i32::try_from(change).unwrap_or(0),
            fault: change == -254,
        }
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reverse = if self.reverse { " reverse" } else { "" };
        write!(f, "{}{reverse}", self.value)
    }
}

/// The effect of one object on one router.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Effect {
    /// Added to the priority.
    pub change: i32,
    pub fault: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(weight: i32, reverse: bool, well: bool) -> (i32, bool) {
        let effect = Weight::new(weight)
            .unwrap()
            .reversed(reverse)
            .of_verdict(well);
        (effect.change, effect.fault)
    }

    #[test]
    fn weight_0_is_a_fault_while_failed_and_reversed_while_well() {
        assert_eq!(effect(0, false, true), (0, false));
        assert_eq!(effect(0, false, false), (0, true));
        assert_eq!(effect(0, true, true), (0, true));
        assert_eq!(effect(0, true, false), (0, false));
    }

    #[test]
    fn a_positive_weight_is_added_while_well() {
        assert_eq!(effect(20, false, true), (20, false));
        assert_eq!(effect(20, false, false), (0, false));
    }

    #[test]
    fn a_negative_weight_is_added_while_failed() {
        assert_eq!(effect(-20, false, true), (0, false));
        assert_eq!(effect(-20, false, false), (-20, false));
    }

    #[test]
    fn reverse_negates_the_change() {
        assert_eq!(effect(20, true, true), (-20, false));
        assert_eq!(effect(20, true, false), (0, false));
        assert_eq!(effect(-20, true, true), (0, false));
        assert_eq!(effect(-20, true, false), (20, false));
    }

    #[test]
    fn the_content_of_a_file_is_multiplied() {
        let change = |weight, reverse, value| {
            let weight = Weight::new(weight).unwrap().reversed(reverse);
            let effect = weight.of_value(value);
            (effect.change, effect.fault)
        };
        assert_eq!(change(1, false, -20), (-20, false));
        assert_eq!(change(2, false, 30), (60, false));
        assert_eq!(change(2, true, 30), (-60, false));
        assert_eq!(change(-2, false, 30), (-60, false));
        assert_eq!(change(1, false, -253), (-253, false));
        assert_eq!(change(1, false, -254), (-254, true));
        assert_eq!(change(254, false, i64::MIN), (-254, true));
        assert_eq!(change(1, false, 254), (253, false));
        assert_eq!(change(254, false, i64::MAX), (253, false));
        // Weight 0: anything but 0 is a fault, reversed 0 is.
        assert_eq!(change(0, false, 0), (0, false));
        assert_eq!(change(0, false, 7), (0, true));
        assert_eq!(change(0, true, 0), (0, true));
        assert_eq!(change(0, true, -1), (0, false));
    }

    #[test]
    fn weights_have_a_range() {
        assert_eq!(Weight::new(254).unwrap().get(), 254);
        assert_eq!(
            Weight::new(-255).unwrap_err().to_string(),
            "weight -255 is out of range, -254 to 254"
        );
        assert!(Weight::new(i32::MIN + 1).is_err());
        assert_eq!(
            Weight::new(-2).unwrap().reversed(true).to_string(),
            "-2 reverse"
        );
    }
}
