// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is tried with whom: the cases, the acts of each, and what cannot be.

use std::fmt;

use tests_kernel::cluster::Software;
use tests_kernel::peer::Peer;
#[cfg(test)]
use tests_kernel::peer::Version;

use super::dialect::Dialect;

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

/// Scenarios played one after the other on one LAN; acts of one case share nothing and run at the
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
    pub(crate) peer: Peer,
    pub(crate) dialect: Dialect,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.peer.software(), self.dialect)
    }
}

impl Case {
    /// Why this act cannot be played.
    fn not_applicable(self, act: Act) -> Option<String> {
        let peer = self.peer;
        match (peer.software(), self.dialect, act) {
            // Nor does it send any; ours takes its adverts with one all the same.
            (_, Dialect::V3Message, Act::Ours | Act::Equal)
                if !peer.can_sum_the_message_alone() =>
            {
                Some(format!("{peer} refuses checksums without a pseudo header"))
            }
            (Software::Frr, Dialect::V2Password | Dialect::V2Header, _) => {
                Some(format!("{peer} has no authentication"))
            }
            (Software::Frr, Dialect::V2Unicast | Dialect::V3Unicast, _) => {
                Some(format!("{peer} has no unicast"))
            }
            _ => None,
        }
    }
}

/// What is to be played, and what cannot be.
#[derive(Debug, Default)]
pub(crate) struct Matrix {
    /// VRRPv2 first because it takes longest.
    pub(crate) jobs: Vec<(Case, Act)>,
    /// With the reason.
    pub(crate) others: Vec<(Case, Act, String)>,
}

impl Matrix {
    pub(crate) fn whole(peers: [Peer; 2]) -> Self {
        let mut matrix = Self::default();
        for dialect in Dialect::ALL {
            for peer in peers {
                let case = Case { peer, dialect };
                for act in Act::ALL {
                    match case.not_applicable(act) {
                        None => matrix.jobs.push((case, act)),
                        Some(reason) => matrix.others.push((case, act, reason)),
                    }
                }
            }
        }
        matrix
    }

    /// The cases of which an act is played.
    pub(crate) fn cases(&self) -> Vec<Case> {
        let mut cases: Vec<Case> = self.jobs.iter().map(|(case, _)| *case).collect();
        cases.dedup();
        cases
    }
}

/// A run may have 16 cases. These are fewer, and each tells every story that it can: so every pair
/// of peer, dialect and story is in every run, and what is not is not applicable.
#[test]
fn every_pair_is_in_every_run() {
    let peers = |keepalived: [u16; 3], frr: [u16; 3]| {
        [(Software::Keepalived, keepalived), (Software::Frr, frr)].map(|(software, version)| {
            let [major, minor, patch] = version;
            Peer::new(software, Version::new(major, minor, patch))
        })
    };
    for (peers, jobs) in [
        (peers([2, 2, 7], [8, 4, 4]), 76),
        (peers([2, 3, 4], [10, 7, 1]), 80),
    ] {
        assert_eq!(Matrix::whole(peers).jobs.len(), jobs, "{peers:?}");
        every_pair_is_in(&Matrix::whole(peers), peers);
    }
}

#[cfg(test)]
fn every_pair_is_in(matrix: &Matrix, peers: [Peer; 2]) {
    let cases = matrix.cases();
    assert!(cases.len() <= 16, "{}", cases.len());
    for story in Story::ALL {
        let acts = Act::ALL.iter().filter(|act| act.stories().contains(&story));
        assert_eq!(acts.count(), 1, "{story:?}");
    }
    for peer in peers {
        for dialect in Dialect::ALL {
            for act in Act::ALL {
                let case = Case { peer, dialect };
                let played = matrix.jobs.contains(&(case, act));
                let not = matrix
                    .others
                    .iter()
                    .filter(|(excluded, other, _)| (*excluded, *other) == (case, act));
                assert_eq!(usize::from(played) + not.count(), 1, "{case} {act}");
            }
        }
    }
    // No peer, dialect or act is out altogether.
    for dialect in Dialect::ALL {
        let spoken = cases.iter().any(|case| case.dialect == dialect);
        assert!(spoken, "{dialect}");
    }
    for act in Act::ALL {
        for peer in peers {
            let mut jobs = matrix.jobs.iter();
            let played = jobs.any(|(case, other)| (case.peer, *other) == (peer, act));
            assert!(played, "{peer} {act}");
        }
    }
}
