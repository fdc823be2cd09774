// SPDX-License-Identifier: MIT OR Apache-2.0
//! Schedulers: how a service picks the destination of a new connection.

use std::{fmt, str::FromStr};

use crate::names::{NameError, SchedulerName};

/// How a service picks the destination of a new connection.
///
/// The kernel loads the module `ip_vs_NAME` when a service asks for it. Any other name is kept in
/// [`Scheduler::Other`], so that a newer kernel's schedulers are usable and listed.
///
/// Equivalent to the argument of `ipvsadm -s`.
///
/// ```
/// use lb_ipvs::Scheduler;
/// let scheduler: Scheduler = "wrr".parse()?;
/// assert_eq!(scheduler, Scheduler::WeightedRoundRobin);
/// assert_eq!(Scheduler::default().as_str(), "wlc");
/// # Ok::<(), lb_ipvs::NameError>(())
/// ```
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Scheduler {
    /// `rr`: each destination in turn.
    RoundRobin,
    /// `wrr`: in turn, in proportion to the weights.
    WeightedRoundRobin,
    /// `lc`: the destination with the fewest connections.
    LeastConnection,
    /// `wlc`: the fewest connections relative to the weight. The default.
    #[default]
    WeightedLeastConnection,
    /// `lblc`: by destination address, least connections when overloaded (for caches).
    LocalityBasedLeastConnection,
    /// `lblcr`: as `lblc`, with a set of servers per destination address.
    LocalityBasedLeastConnectionWithReplication,
    /// `dh`: by a hash of the destination address.
    DestinationHashing,
    /// `sh`: by a hash of the source address.
    SourceHashing,
    /// `sed`: the shortest expected delay.
    ShortestExpectedDelay,
    /// `nq`: an idle destination if there is one, else the shortest expected delay.
    NeverQueue,
    /// `fo`: the available destination with the highest weight.
    WeightedFailover,
    /// `ovf`: the highest weight until its connections reach the weight, then the next.
    WeightedOverflow,
    /// `mh`: Maglev consistent hashing of the source address.
    Maglev,
    /// `twos`: the less loaded of two destinations chosen at random.
    PowerOfTwo,
    /// `none`: no scheduler; new connections are refused until one is set.
    None,
    /// Any other scheduler, by its kernel name.
    Other(SchedulerName),
}

const KNOWN: [Scheduler; 15] = [
    Scheduler::RoundRobin,
    Scheduler::WeightedRoundRobin,
    Scheduler::LeastConnection,
    Scheduler::WeightedLeastConnection,
    Scheduler::LocalityBasedLeastConnection,
    Scheduler::LocalityBasedLeastConnectionWithReplication,
    Scheduler::DestinationHashing,
    Scheduler::SourceHashing,
    Scheduler::ShortestExpectedDelay,
    Scheduler::NeverQueue,
    Scheduler::WeightedFailover,
    Scheduler::WeightedOverflow,
    Scheduler::Maglev,
    Scheduler::PowerOfTwo,
    Scheduler::None,
];

impl Scheduler {
    /// The kernel's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::RoundRobin => "rr",
            Self::WeightedRoundRobin => "wrr",
            Self::LeastConnection => "lc",
            Self::WeightedLeastConnection => "wlc",
            Self::LocalityBasedLeastConnection => "lblc",
            Self::LocalityBasedLeastConnectionWithReplication => "lblcr",
            Self::DestinationHashing => "dh",
            Self::SourceHashing => "sh",
            Self::ShortestExpectedDelay => "sed",
            Self::NeverQueue => "nq",
            Self::WeightedFailover => "fo",
            Self::WeightedOverflow => "ovf",
            Self::Maglev => "mh",
            Self::PowerOfTwo => "twos",
            Self::None => "none",
            Self::Other(name) => name.as_str(),
        }
    }

    /// The schedulers this crate has a name for, in the order of their declaration.
    #[must_use]
    pub fn known() -> &'static [Self] {
        &KNOWN
    }

    /// The scheduler the kernel reported; a name that breaks the rules for names is kept too.
    #[cfg(feature = "netlink")]
    pub(crate) fn reported(name: &str) -> Self {
        Self::find(name).unwrap_or_else(|| Self::Other(SchedulerName::reported(name)))
    }

    fn find(name: &str) -> Option<Self> {
        KNOWN.iter().find(|known| known.as_str() == name).cloned()
    }
}

impl fmt::Display for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Scheduler {
    type Err = NameError;

    /// Reads a kernel name; a name without a variant of its own becomes [`Scheduler::Other`].
    fn from_str(name: &str) -> Result<Self, NameError> {
        match Self::find(name) {
            Some(known) => Ok(known),
            None => SchedulerName::new(name).map(Self::Other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_round_trips() {
        for scheduler in Scheduler::known() {
            assert_eq!(
                scheduler.as_str().parse::<Scheduler>().as_ref(),
                Ok(scheduler)
            );
        }
    }

    #[test]
    fn unknown_names_are_kept() {
        let scheduler: Scheduler = "p2c".parse().unwrap();
        assert_eq!(
            scheduler,
            Scheduler::Other(SchedulerName::new("p2c").unwrap())
        );
        assert_eq!(scheduler.to_string(), "p2c");
        assert!("".parse::<Scheduler>().is_err());
    }
}
