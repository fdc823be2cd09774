// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a client notices when the master goes, and when it comes back.

use std::fmt;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::{Cluster, POLL_INTERVAL, POLL_TIMEOUT, VIP, wait_for_answers};
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
    /// From the old master's last advertisement, its resignation where there was one, to the new
    /// master's first.
    pub silence: Duration,
    /// From the failure to the new master's first advertisement.
    pub takeover: Duration,
    /// From the new master's first advertisement to its first gratuitous ARP.
    pub announced: Duration,
    /// The client's longest outage around the old master's taking over again.
    pub return_outage: Duration,
    /// How many of the client's attempts failed then.
    pub return_failed: usize,
    /// What the daemon that went had written.
    pub log: String,
}

/// Lets the first director fail as said, waits until the other serves, brings the first back and
/// waits until it is master again (it preempts): [`fail`] and [`come_back`].
///
/// # Errors
///
/// When one of that does not come about within 40 s.
pub fn measure(cluster: &mut Cluster, failure: Failure) -> Result<Measurement, NetError> {
    let failed = fail(cluster, failure)?;
    come_back(cluster, failed)
}

/// A failure of the first director, and the client that watches.
#[derive(Debug)]
pub struct Failed {
    poller: Poller,
    /// The old master's last advertisement before the failure.
    before: Instant,
    at: Instant,
    log: String,
}

/// Lets the first director fail as said, while a client asks.
///
/// It fails right after an advertisement, so that the silence is as long as it can be and runs can
/// be compared.
///
/// # Errors
///
/// When that does not come about within 40 s.
pub fn fail(cluster: &mut Cluster, failure: Failure) -> Result<Failed, NetError> {
    let poller = Poller::start(&cluster.client, POLL_INTERVAL, POLL_TIMEOUT)?;
    wait_for_answers(&poller, Instant::now(), DEADLINE)?;
    let before = cluster.first_advert(0, Instant::now(), DEADLINE)?;
    let at = Instant::now();
    let log = match failure {
        Failure::Crash => cluster.directors[0].crash()?,
        Failure::CutAndCrash => {
            cluster.directors[0].host().set_cable(false)?;
            cluster.directors[0].crash()?
        }
        Failure::Stop => cluster.directors[0].stop()?.1,
    };
    Ok(Failed {
        poller,
        before,
        at,
        log,
    })
}

/// Waits until the second director serves; returns when it advertised first.
///
/// # Errors
///
/// When it does not within 40 s.
pub fn wait_for_takeover(cluster: &Cluster, failed: &Failed) -> Result<Instant, NetError> {
    let first = cluster.first_advert(1, failed.at, DEADLINE)?;
    wait_for_answers(&failed.poller, first, DEADLINE)?;
    Ok(first)
}

/// Brings the first director back, once the second serves, and waits until it is master again.
///
/// # Errors
///
/// When that does not come about within 40 s.
pub fn come_back(cluster: &mut Cluster, failed: Failed) -> Result<Measurement, NetError> {
    let first = wait_for_takeover(cluster, &failed)?;
    let Failed {
        poller,
        before,
        at,
        log,
    } = failed;
    let back = Instant::now();
    cluster.directors[0].reboot(VIP)?;
    cluster.directors[0].host().set_cable(true)?;
    cluster.directors[0].start()?;
    let again = cluster.first_advert(0, back, DEADLINE)?;
    wait_for_answers(&poller, again, DEADLINE)?;
    cluster.wait_for_master(0, DEADLINE)?;
    for director in &cluster.directors {
        director.wait_for_table(&super::REAL_SERVERS, DEADLINE)?;
    }

    let old = cluster.directors[0].host().address();
    let adverts = cluster.wire.adverts();
    let last = adverts
        .iter()
        .filter(|(_, advert)| advert.source == old)
        .map(|(at, _)| *at)
        .rfind(|at| *at < first);
    let arps = cluster.wire.arps();
    let announced = arps
        .iter()
        .find(|(at, arp)| *at >= first && arp.is_gratuitous() && arp.sender == VIP);
    let (outage, failed) = longest(&poller, at..back);
    let (return_outage, return_failed) = longest(&poller, again..Instant::now());
    Ok(Measurement {
        outage,
        failed,
        silence: first - last.unwrap_or(before),
        takeover: first - at,
        announced: announced.map_or(Duration::MAX, |(at, _)| *at - first),
        return_outage,
        return_failed,
        log,
    })
}

/// The longest outage of those that were not over before this time and began in it.
fn longest(poller: &Poller, time: Range<Instant>) -> (Duration, usize) {
    let outages = poller.outages();
    let within = outages
        .iter()
        .filter(|outage| outage.start + outage.duration > time.start && outage.start < time.end);
    within
        .max_by_key(|outage| outage.duration)
        .map_or((Duration::ZERO, 0), |outage| {
            (outage.duration, outage.failed)
        })
}
