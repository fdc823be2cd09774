// SPDX-License-Identifier: MIT OR Apache-2.0
//! keepalived on one director and ours on the other: each takes over from the other and yields to
//! it, and both say the same on the wire.

use std::time::Instant;

use tests_kernel::cluster::{Cluster, DIRECTORS, Forwarding, Software, VIP};
use tests_kernel::net::wait_until;

use crate::wire::{
    MASTER_DOWN, SKEW, assert_adverts, assert_takeover, resignations, silence, turns,
};
use crate::{DEADLINE, TestResult};

/// Election, crash, return, orderly stop, return.
pub(crate) fn story(software: [Software; 2]) -> TestResult {
    let who = format!("{} preferred, {} backup", software[0], software[1]);
    let mut cluster = Cluster::new(software, Forwarding::DirectRouting, str::to_owned)?;
    cluster.start()?;
    assert_eq!(
        turns(&cluster, cluster_begin(&cluster))[..1],
        DIRECTORS[..1],
        "{who}"
    );

    cluster.first_advert(0, Instant::now(), DEADLINE)?;
    let at = Instant::now();
    cluster.directors[0].host().set_cable(false)?;
    cluster.directors[0].crash()?;
    let first = cluster.first_advert(1, at, DEADLINE)?;
    let between = silence(&cluster, 0, first).unwrap_or_default();
    assert_takeover(&format!("{who}, crash"), software[1], between, MASTER_DOWN);
    wait_for_vip(&cluster, 1)?;

    let back = Instant::now();
    cluster.directors[0].reboot(VIP)?;
    cluster.directors[0].host().set_cable(true)?;
    cluster.directors[0].start()?;
    came_back(&cluster, back, &who)?;

    let stop = cluster.first_advert(0, Instant::now(), DEADLINE)?;
    assert_eq!(
        [0, 1].map(|index| resignations(&cluster, index)),
        [0, 0],
        "{who}"
    );
    let (status, log) = cluster.directors[0].stop()?;
    assert!(status.success(), "{who}: {status}: {log}");
    let first = cluster.first_advert(1, stop, DEADLINE)?;
    let between = silence(&cluster, 0, first).unwrap_or_default();
    assert_takeover(&format!("{who}, stop"), software[1], between, SKEW);
    wait_for_vip(&cluster, 1)?;
    assert_eq!(
        [0, 1].map(|index| resignations(&cluster, index)),
        [1, 0],
        "{who}"
    );
    assert!(!cluster.directors[0].has_address(VIP), "{who}");

    let back = Instant::now();
    cluster.directors[0].start()?;
    came_back(&cluster, back, &who)?;
    // A backup has nothing to resign.
    cluster.directors[1].stop()?;
    cluster.first_advert(0, Instant::now(), DEADLINE)?;
    assert_eq!(
        [0, 1].map(|index| resignations(&cluster, index)),
        [1, 0],
        "{who}"
    );
    assert_adverts(&cluster);
    Ok(())
}

/// The first director becomes master again, and that is the only change.
fn came_back(cluster: &Cluster, since: Instant, who: &str) -> TestResult {
    let again = cluster.first_advert(0, since, DEADLINE)?;
    cluster.wait_for_master(0, DEADLINE)?;
    // Three more adverts: the master stays the same.
    let mut last = again;
    for _ in 0..3 {
        last = cluster.first_advert(0, last + std::time::Duration::from_millis(500), DEADLINE)?;
    }
    let turns = turns(cluster, since);
    // Our router sends priority 0 after it has yielded.
    let farewell = [DIRECTORS[1], DIRECTORS[0], DIRECTORS[1], DIRECTORS[0]];
    assert!(
        turns == farewell[..2] || turns == farewell,
        "{who}: {turns:?}"
    );
    Ok(())
}

fn wait_for_vip(cluster: &Cluster, index: usize) -> TestResult {
    let director = &cluster.directors[index];
    wait_until(&format!("{} has {VIP}", director.name()), DEADLINE, || {
        director
            .has_address(VIP)
            .then_some(())
            .ok_or_else(|| director.log())
    })?;
    Ok(())
}

fn cluster_begin(cluster: &Cluster) -> Instant {
    cluster
        .wire
        .adverts()
        .first()
        .map_or_else(Instant::now, |(at, _)| *at)
}
