// SPDX-License-Identifier: MIT OR Apache-2.0
//! The faults of a router: a set, and the router is in Fault until it is empty.

use std::fmt;

/// A reason for the state [`Fault`](crate::State::Fault).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
#[repr(u8)]
pub enum FaultReason {
    /// A required interface is not up, or has no carrier.
    LinkDown,
    /// A required interface does not exist.
    InterfaceMissing,
    /// The interface has no address that adverts can be sent from.
    NoAddress,
    /// A socket could not be opened.
    NoSocket,
    /// A tracked object without a weight has failed: a script, a file, a process, a session.
    Tracked,
    /// Another member of its sync group is faulty.
    SyncGroup,
    /// Another host has one of the router's addresses.
    DuplicateAddress,
    /// The last unicast peer was removed (`unicast_fault_no_peer`).
    NoPeer,
}

impl FaultReason {
    pub(crate) const ALL: [Self; 8] = [
        Self::LinkDown,
        Self::InterfaceMissing,
        Self::NoAddress,
        Self::NoSocket,
        Self::Tracked,
        Self::SyncGroup,
        Self::DuplicateAddress,
        Self::NoPeer,
    ];

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for FaultReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LinkDown => "link down",
            Self::InterfaceMissing => "interface missing",
            Self::NoAddress => "no address to send from",
            Self::NoSocket => "no socket",
            Self::Tracked => "tracked object failed",
            Self::SyncGroup => "fault in the sync group",
            Self::DuplicateAddress => "address in use elsewhere",
            Self::NoPeer => "no unicast peer",
        })
    }
}

/// A set of [`FaultReason`]s.
///
/// ```
/// use lb_vrrp::{FaultReason, Faults};
///
/// let mut faults = Faults::default();
/// faults.set(FaultReason::Tracked, true);
/// faults.set(FaultReason::LinkDown, true);
/// assert_eq!(faults.to_string(), "link down, tracked object failed");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Faults(u8);

impl Faults {
    /// Puts a reason into the set, or takes it out.
    pub const fn set(&mut self, reason: FaultReason, present: bool) {
        if present {
            self.0 |= reason.bit();
        } else {
            self.0 &= !reason.bit();
        }
    }

    /// Whether there is no fault.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the set has this reason.
    #[must_use]
    pub const fn contains(self, reason: FaultReason) -> bool {
        self.0 & reason.bit() != 0
    }

    /// The reasons in the set.
    pub fn iter(self) -> impl Iterator<Item = FaultReason> {
        FaultReason::ALL
            .into_iter()
            .filter(move |reason| self.contains(*reason))
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for reason in self.iter() {
            write!(f, "{separator}{reason}")?;
            separator = ", ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_a_member_of_its_own() {
        for one in FaultReason::ALL {
            let mut faults = Faults::default();
            faults.set(one, true);
            assert_eq!(faults.iter().collect::<Vec<_>>(), [one]);
            assert!(!one.to_string().is_empty());
            faults.set(one, false);
            assert!(faults.is_empty());
        }
    }
}
