// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a client notices when the master goes, and when it comes back.

use std::fmt;
use std::time::{Duration, Instant};

use super::{Cluster, VIP, wait_for_service};
use crate::net::{NetError, Poller};

/// Ten times the longest master down interval here.
const DEADLINE: Duration = Duration::from_secs(40);

/// How the master goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The daemon is killed outright; the machine lives on with the address and the table.
    Crash,
    /// The machine is off the wire and the daemon is killed.
    CutAndCrash,
    /// The daemon is stopped and resigns.
    Stop,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Crash => "kill -9",
            Self::CutAndCrash => "link cut + kill -9",
            Self::Stop => "orderly stop",
        })
    }
}

/// What was measured in one failure and return of the master.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Measurement {
    /// The client's longest outage around the failure, zero when it noticed nothing.
    pub outage: Duration,
    /// How many of the client's attempts failed.
    pub failed: usize,
    /// From the old master's last advertisement (before a resignation) to the new one's first.
    pub silence: Duration,
    /// From the failure to the new master's first advertisement.
    pub takeover: Duration,
    /// The client's longest outage around the old master's return.
    pub return_outage: Duration,
    /// What the daemon that went had written.
    pub log: String,
}

/// Lets the first director fail as said, waits until the other serves, brings the first back and
/// waits until it is master again (it preempts).
///
/// # Errors
///
/// When one of that does not come about within 40 s.
pub fn measure(cluster: &mut Cluster, failure: Failure) -> Result<Measurement, NetError> {
    let poller = cluster.poll()?;
    let at = Instant::now();
    let log = match failure {
        Failure::Crash => cluster.directors[0].crash()?,
        Failure::CutAndCrash => {
            cluster.directors[0].host().set_cable(false)?;
            cluster.directors[0].crash()?
        }
        Failure::Stop => cluster.directors[0].stop()?.1,
    };
    let first = cluster.first_advert(1, at, DEADLINE)?;
    wait_for_service(&poller, DEADLINE)?;
    let (outage, failed) = longest(&poller, at);
    let old = cluster.directors[0].host().address();
    let adverts = cluster.wire.adverts();
    let last = adverts
        .iter()
        .filter(|(_, advert)| advert.source == old && advert.priority != 0)
        .map(|(at, _)| *at)
        .rfind(|at| *at < first);

    let back = Instant::now();
    cluster.directors[0].reboot(VIP)?;
    cluster.directors[0].host().set_cable(true)?;
    cluster.directors[0].start()?;
    cluster.wait_for_master(0, DEADLINE)?;
    for director in &cluster.directors {
        director.wait_for_table(&super::REAL_SERVERS, DEADLINE)?;
    }
    wait_for_service(&poller, DEADLINE)?;
    let (return_outage, _) = longest(&poller, back);
    Ok(Measurement {
        outage,
        failed,
        silence: last.map_or(Duration::ZERO, |last| first - last),
        takeover: first - at,
        return_outage,
        log,
    })
}

/// The longest outage that ended after `since`.
fn longest(poller: &Poller, since: Instant) -> (Duration, usize) {
    let outages = poller.outages();
    let later = outages
        .iter()
        .filter(|outage| outage.start + outage.duration > since);
    later
        .max_by_key(|outage| outage.duration)
        .map_or((Duration::ZERO, 0), |outage| {
            (outage.duration, outage.failed)
        })
}
