// SPDX-License-Identifier: MIT OR Apache-2.0
//! The daemon is killed and started again on the same machine, reloaded and stopped: what it finds
//! it takes up, what is not its own it leaves alone, and in the end nothing of it is left.

use std::time::{Duration, Instant};

use tests_kernel::cluster::{Cluster, DIRECTORS, Director, Forwarding, Software, VIP};
use tests_kernel::net::wait_until;
use tests_kernel::tool::Tool;

use crate::connections::{self, Connection, source_port};
use crate::wire::{resignations, turns};
use crate::{DEADLINE, TestResult};

/// What an administrator made, in `ipvsadm -Sn` format.
const BY_HAND: [&str; 2] = [
    "-A -t 192.168.1.51:8080 -s rr",
    "-a -t 192.168.1.51:8080 -r 192.168.1.61:8080 -g -w 7",
];
const OURS: [&str; 3] = [
    "-A -t 192.168.1.50:80 -s wrr",
    "-a -t 192.168.1.50:80 -r 192.168.1.61:80 -g -w 1",
    "-a -t 192.168.1.50:80 -r 192.168.1.62:80 -g -w 1",
];
/// What the changed file adds.
const THIRD: &str = "-a -t 192.168.1.50:80 -r 192.168.1.63:80 -g -w 1";
const DOWNLOAD: Duration = Duration::from_secs(20);
const REQUESTS: usize = 10;

/// Crash and restart on the same machine, reload, orderly stop.
pub(crate) fn story() -> TestResult {
    let mut cluster = Cluster::new(
        [Software::Lbctl; 2],
        Forwarding::DirectRouting,
        str::to_owned,
    )?;
    let text = std::fs::read_to_string(cluster.directors[0].configuration())?;
    let with_third = text.replace(
        "\n    real_server 192.168.1.61 80",
        &format!("{}\n    real_server 192.168.1.61 80", third_of(&text)),
    );
    for line in BY_HAND {
        Tool::Ipvsadm.run(cluster.directors[0].host().netns(), line)?;
    }
    for director in &mut cluster.directors {
        director.start()?;
    }
    let ours_and_by_hand = || OURS.into_iter().chain(BY_HAND);
    table_is(&cluster.directors[0], ours_and_by_hand())?;
    table_is(&cluster.directors[1], OURS)?;
    cluster.wait_for_master(0, DEADLINE)?;

    cluster.client.spread(REQUESTS)?;
    let download = cluster.client.download(DOWNLOAD, DEADLINE)?;
    let counted = wait_until("all connections counted", DEADLINE, || {
        let counted = connections_so_far(&cluster.directors[0])?;
        if counted > REQUESTS {
            Ok(counted)
        } else {
            Err(counted.to_string())
        }
    })?;

    // The other director will have it for a while.
    let client = cluster.client_host.address();
    let port = source_port(&cluster.client_host)?;
    wait_until("the download is on lb2", DEADLINE, || {
        let shown = connections::listed(Tool::Ipvsadm, cluster.directors[1].host().netns())?;
        let there =
            |connection: &Connection| (connection.client, connection.port) == (client, port);
        shown
            .iter()
            .any(there)
            .then_some(())
            .ok_or_else(|| format!("{shown:?}"))
    })?;

    // Killed, and started again with a file that wants one real server more.
    cluster.directors[0].configure(&with_third)?;
    let killed = Instant::now();
    cluster.directors[0].crash()?;
    assert!(cluster.directors[0].has_address(VIP), "the crash left it");
    cluster.directors[0].start()?;
    wait_until("the left-over address is gone", DEADLINE, || {
        let there = cluster.directors[0].has_address(VIP);
        (!there)
            .then_some(())
            .ok_or_else(|| cluster.directors[0].log())
    })?;
    let spoke = cluster.wire.adverts().into_iter().any(|(at, advert)| {
        at > killed + Duration::from_millis(100) && advert.source == DIRECTORS[0]
    });
    assert!(!spoke, "master again before it let go of the address");
    cluster.first_advert(0, Instant::now(), DEADLINE)?;
    cluster.wait_for_master(0, DEADLINE)?;
    table_is(&cluster.directors[0], ours_and_by_hand().chain([THIRD]))?;
    let log = cluster.directors[0].log();
    assert_eq!(log.matches("Entering MASTER STATE").count(), 1, "{log}");
    assert!(
        connections_so_far(&cluster.directors[0])? >= counted,
        "the service was replaced: its counters are back to zero"
    );
    let answer = download
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    assert_eq!(answer.body.len(), 8 * (DOWNLOAD.as_millis() / 100) as usize);

    // Reloaded with the first file.
    let reloaded = Instant::now();
    cluster.directors[0].configure(&text)?;
    cluster.directors[0].reload()?;
    table_is(&cluster.directors[0], ours_and_by_hand())?;
    cluster.first_advert(0, Instant::now(), DEADLINE)?;
    assert_eq!(turns(&cluster, reloaded), [DIRECTORS[0]]);
    assert!(connections_so_far(&cluster.directors[0])? >= counted);

    // Stopped.
    let (status, log) = cluster.directors[0].stop()?;
    assert!(status.success(), "{status}: {log}");
    assert!(!cluster.directors[0].has_address(VIP), "{log}");
    assert_eq!(resignations(&cluster, 0), 1);
    table_is(&cluster.directors[0], BY_HAND)?;
    let daemons = Tool::Ipvsadm.run(cluster.directors[0].host().netns(), "-L --daemon")?;
    assert_eq!(daemons, "");
    Ok(())
}

/// The article's second real server under the sorry server's address.
fn third_of(text: &str) -> String {
    let begin = text.find("\n    real_server 192.168.1.62 80").unwrap_or(0);
    let block = &text[begin..];
    let end = block.find("\n    }\n").unwrap_or(0);
    format!("{}\n    }}", &block[..end]).replace("192.168.1.62", "192.168.1.63")
}

fn table_is<'a>(director: &Director, wanted: impl IntoIterator<Item = &'a str>) -> TestResult {
    let mut wanted: Vec<_> = wanted.into_iter().map(str::to_owned).collect();
    wanted.sort();
    let awaited = format!("{}: {wanted:?}", director.name());
    wait_until(&awaited, DEADLINE, || {
        let saved = Tool::Ipvsadm
            .run(director.host().netns(), "-S -n")
            .map_err(|error| error.to_string())?;
        let mut found: Vec<_> = saved.lines().map(|line| line.trim().to_owned()).collect();
        found.sort();
        if found == wanted { Ok(()) } else { Err(saved) }
    })?;
    Ok(())
}

/// How many connections the virtual server has had.
fn connections_so_far(director: &Director) -> Result<usize, String> {
    let listing = Tool::Ipvsadm
        .run(
            director.host().netns(),
            "-L -n --stats --exact -t 192.168.1.50:80",
        )
        .map_err(|error| error.to_string())?;
    let row = listing
        .lines()
        .find(|line| line.contains("192.168.1.50:80"));
    let count = row.and_then(|row| row.split_whitespace().nth(2)?.parse().ok());
    count.ok_or(listing)
}
