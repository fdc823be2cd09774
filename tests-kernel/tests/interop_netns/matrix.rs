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
    /// Why this act cannot be played.
    fn not_applicable(self, act: Act) -> Option<&'static str> {
        match (self.peer, self.dialect, act) {
            // Nor do they send any; ours takes theirs with one all the same.
            (_, Dialect::V3Message, Act::Ours | Act::Equal) => {
                Some("keepalived 2.2.7 and FRR 8.4 refuse checksums without a pseudo header")
            }
            (Software::Frr, Dialect::V2Password | Dialect::V2Header, _) => {
                Some("FRR has no authentication")
            }
            (Software::Frr, Dialect::V2Unicast | Dialect::V3Unicast, _) => {
                Some("FRR has no unicast")
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
    pub(crate) others: Vec<(Case, Act, &'static str)>,
}

impl Matrix {
    pub(crate) fn whole() -> Self {
        let mut matrix = Self::default();
        for dialect in Dialect::ALL {
            for peer in PEERS {
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
    let matrix = Matrix::whole();
    let cases = matrix.cases();
    assert!(cases.len() <= 16, "{}", cases.len());
    for story in Story::ALL {
        let acts = Act::ALL.iter().filter(|act| act.stories().contains(&story));
        assert_eq!(acts.count(), 1, "{story:?}");
    }
    for peer in PEERS {
        for dialect in Dialect::ALL {
            for act in Act::ALL {
                let case = Case { peer, dialect };
                let played = matrix.jobs.contains(&(case, act));
                let not = matrix
                    .others
                    .iter()
                    .filter(|(of, other, _)| (*of, *other) == (case, act));
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
        for peer in PEERS {
            let mut jobs = matrix.jobs.iter();
            let played = jobs.any(|(case, of)| (case.peer, *of) == (peer, act));
            assert!(played, "{peer} {act}");
        }
    }
}
