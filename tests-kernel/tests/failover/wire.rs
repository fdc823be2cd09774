// SPDX-License-Identifier: MIT OR Apache-2.0
//! What VRRP on the wire must look like, and when.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use tests_kernel::cluster::{Cluster, DIRECTORS, Software, VIP};

/// RFC 3768 §5.1 at priority 50 and one second: 3 × interval + (256 − 50) / 256 s.
pub(crate) const MASTER_DOWN: Duration = Duration::from_nanos(3_804_687_500);
/// The skew time in it: what a resignation leaves.
pub(crate) const SKEW: Duration = Duration::from_nanos(804_687_500);
/// What a takeover may take beyond that.
pub(crate) const LATE: Duration = Duration::from_millis(200);
/// How much shorter a silence may look. By the kernel's time stamps none was shorter at all in 80
/// crashes of ours and keepalived's; seen by when frames were read, some were by seconds.
const EARLY: Duration = Duration::from_millis(100);

/// A silence between two masters, the median of several, lasts as the protocol has it.
#[track_caller]
pub(crate) fn assert_silence(what: &str, silence: Duration, theory: Duration) {
    assert!(
        (theory - EARLY..=theory + LATE).contains(&silence),
        "{what}: {silence:?} between the masters, by the protocol {theory:?}"
    );
}

/// Checks the silence before a takeover by this software: ours is never too early; the upper bound
/// is generous, because the machine may be busy.
#[track_caller]
pub(crate) fn assert_takeover(what: &str, by: Software, silence: Duration, theory: Duration) {
    let earliest = match by {
        Software::Lbctl => theory - EARLY,
        _ => Duration::ZERO,
    };
    assert!(
        (earliest..=theory * 10).contains(&silence),
        "{what}: {silence:?} between the masters, by the protocol {theory:?}"
    );
}

/// From the director's last advertisement before `end` to there.
pub(crate) fn silence(cluster: &Cluster, index: usize, end: Instant) -> Option<Duration> {
    let adverts = cluster.wire.adverts();
    adverts
        .iter()
        .filter(|(at, advert)| advert.source == DIRECTORS[index] && *at < end)
        .map(|(at, _)| end - *at)
        .next_back()
}

/// Who advertised with a priority other than 0 since then, in turns.
pub(crate) fn turns(cluster: &Cluster, since: Instant) -> Vec<Ipv4Addr> {
    let adverts = cluster.wire.adverts();
    let mut turns: Vec<_> = adverts
        .iter()
        .filter(|(at, advert)| *at >= since && advert.priority != 0)
        .map(|(_, advert)| advert.source)
        .collect();
    turns.dedup();
    turns
}

/// How many resignations the director has sent.
pub(crate) fn resignations(cluster: &Cluster, index: usize) -> usize {
    let adverts = cluster.wire.adverts();
    adverts
        .iter()
        .filter(|(_, advert)| advert.source == DIRECTORS[index] && advert.priority == 0)
        .count()
}

/// All that was advertised is as RFC 3768 and the article's file want it.
#[track_caller]
pub(crate) fn assert_adverts(cluster: &Cluster) {
    let adverts = cluster.wire.adverts();
    assert!(!adverts.is_empty());
    for (_, advert) in adverts {
        let own = match advert.source {
            source if source == DIRECTORS[0] => 100,
            source if source == DIRECTORS[1] => 50,
            other => panic!("{other} advertises: {advert:?}"),
        };
        let right = advert.destination == Ipv4Addr::new(224, 0, 0, 18)
            && advert.ttl == 255
            && advert.checksum_ok
            && (advert.version, advert.vrid, advert.interval) == (2, 100, 1)
            && [0, own].contains(&advert.priority)
            && advert.authentication_type == 1
            && advert.authentication == *b"secret\0\0"
            && advert.addresses == [VIP];
        assert!(right, "{advert:?}");
    }
}
