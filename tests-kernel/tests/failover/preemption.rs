// SPDX-License-Identifier: MIT OR Apache-2.0
//! The preferred director returns: with preemption it takes over again (that is in every other
//! test here), with `nopreempt` it does not.

use std::time::{Duration, Instant};

use tests_kernel::cluster::{Cluster, DIRECTORS, Forwarding, Software, VIP};

use tests_kernel::net::wait_until;

use crate::wire::{MASTER_DOWN, SKEW, assert_adverts, assert_takeover, silence, turns};
use crate::{DEADLINE, TestResult};

/// Crash, return that changes nothing, orderly stop of the other.
pub(crate) fn story(software: [Software; 2]) -> TestResult {
    // keepalived wants both to begin as BACKUP for this.
    let mut cluster = Cluster::new(software, Forwarding::DirectRouting, |text| {
        text.replace("state MASTER", "state BACKUP")
            .replace("   advert_int 1\n", "   advert_int 1\n   nopreempt\n")
    })?;
    cluster.start()?;

    cluster.first_advert(0, Instant::now(), DEADLINE)?;
    let at = Instant::now();
    cluster.directors[0].crash()?;
    let first = cluster.first_advert(1, at, DEADLINE)?;
    let between = silence(&cluster, 0, first).unwrap_or_default();
    assert_takeover("crash", software[1], between, MASTER_DOWN);

    cluster.directors[0].reboot(VIP)?;
    let back = Instant::now();
    cluster.directors[0].start()?;
    // It is there and listens…
    let listens = |log: &str| log.contains("Entering BACKUP STATE");
    wait_until("lb1 is a backup", DEADLINE, || {
        let log = cluster.directors[0].log();
        if listens(&log) { Ok(()) } else { Err(log) }
    })?;
    // …for more than two master down intervals.
    let until = Instant::now() + 2 * MASTER_DOWN + Duration::from_secs(1);
    let mut last = back;
    while last < until {
        last = cluster.first_advert(1, last + Duration::from_millis(500), DEADLINE)?;
    }
    assert_eq!(turns(&cluster, back), [DIRECTORS[1]]);
    cluster.wait_for_master(1, DEADLINE)?;

    // It takes over when the other goes, by its own skew time, 156/256 s.
    let at = Instant::now();
    cluster.directors[1].stop()?;
    let first = cluster.first_advert(0, at, DEADLINE)?;
    let between = silence(&cluster, 1, first).unwrap_or_default();
    let theory = SKEW - Duration::from_nanos(195_312_500);
    assert_takeover("stop", software[0], between, theory);
    cluster.wait_for_master(0, DEADLINE)?;
    assert_adverts(&cluster);
    Ok(())
}
