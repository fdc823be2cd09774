// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is tried with whom: the cases, the acts of each, and what cannot be.

use std::fmt;

use tests_kernel::cluster::Software;

use super::dialect::Dialect;

/// The other routers.
pub(crate) const PEERS: [Software; 2] = [Software::Keepalived, Software::Frr];

/// What can happen between two routers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Story {
    WeAreMaster,
    TheyAreMaster,
    WeCrash,
    TheyCrash,
    WeStop,
    TheyStop,
    WePreemptOnReturn,
    TheyPreemptOnReturn,
    EqualPriority,
    IntervalMismatch,
    ListMismatch,
}

impl Story {
    #[cfg(test)]
    const ALL: [Self; 11] = [
        Self::WeAreMaster,
        Self::TheyAreMaster,
        Self::WeCrash,
        Self::TheyCrash,
        Self::WeStop,
        Self::TheyStop,
        Self::WePreemptOnReturn,
        Self::TheyPreemptOnReturn,
        Self::EqualPriority,
        Self::IntervalMismatch,
        Self::ListMismatch,
    ];
}

/// Stories told one after the other on one LAN; acts of one case share nothing and run at the
/// same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// We have the higher priority, crash, return, stop, return.
    Ours,
    /// They have it, and do so.
    Theirs,
    /// Both have the same, and were parted.
    Equal,
    /// They advertise at another interval.
    Interval,
    /// They have one address more.
    List,
}

impl Act {
    /// The longest first, so that no processor waits for one at the end.
    pub(crate) const ALL: [Self; 5] = [
        Self::Ours,
        Self::Theirs,
        Self::List,
        Self::Interval,
        Self::Equal,
    ];

    /// What it tells.
    #[cfg(test)]
    const fn stories(self) -> &'static [Story] {
        match self {
            Self::Ours => &[
                Story::WeAreMaster,
                Story::WeCrash,
                Story::WeStop,
                Story::WePreemptOnReturn,
            ],
            Self::Theirs => &[
                Story::TheyAreMaster,
                Story::TheyCrash,
                Story::TheyStop,
                Story::TheyPreemptOnReturn,
            ],
            Self::Equal => &[Story::EqualPriority],
            Self::Interval => &[Story::IntervalMismatch],
            Self::List => &[Story::ListMismatch],
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ours => "ours",
            Self::Theirs => "theirs",
            Self::Equal => "equal",
            Self::Interval => "interval",
            Self::List => "list",
        })
    }
}

/// Another router and the way we speak with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) peer: Software,
    pub(crate) dialect: Dialect,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.peer, self.dialect)
    }
}

impl Case {
    /// Why it cannot be.
    fn not_applicable(self) -> Option<&'static str> {
        match (self.peer, self.dialect) {
            (_, Dialect::Vmac) => Some("use_vmac is not in our driver yet"),
            (Software::Keepalived, Dialect::V3Message) => {
                Some("keepalived 2.2.7 refuses checksums without a pseudo header")
            }
            (Software::Frr, Dialect::V2Password | Dialect::V2Header) => {
                Some("FRR has no authentication")
            }
            (Software::Frr, Dialect::V2Unicast | Dialect::V3Unicast) => Some("FRR has no unicast"),
            _ => None,
        }
    }
}

/// All that can be, VRRPv2 first because it takes longest; and all that cannot, with the reason.
pub(crate) fn cases() -> (Vec<Case>, Vec<(Case, &'static str)>) {
    let mut cases = Vec::new();
    let mut others = Vec::new();
    for dialect in Dialect::ALL {
        for peer in PEERS {
            let case = Case { peer, dialect };
            match case.not_applicable() {
                None => cases.push(case),
                Some(reason) => others.push((case, reason)),
            }
        }
    }
    (cases, others)
}

/// The limit of cases in one run is 16; every case tells every story, so that every pair of peer,
/// dialect and story that can be is in every run.
#[test]
fn every_pair_is_in_every_run() {
    let (cases, others) = cases();
    assert!(cases.len() <= 16, "{}", cases.len());
    assert_eq!(cases.len() + others.len(), PEERS.len() * Dialect::ALL.len());
    for story in Story::ALL {
        let acts = Act::ALL.iter().filter(|act| act.stories().contains(&story));
        assert_eq!(acts.count(), 1, "{story:?}");
    }
    for dialect in Dialect::ALL {
        let spoken = cases.iter().any(|case| case.dialect == dialect);
        assert_eq!(spoken, dialect != Dialect::Vmac, "{dialect}");
    }
}
