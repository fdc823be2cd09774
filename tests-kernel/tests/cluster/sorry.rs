// SPDX-License-Identifier: MIT OR Apache-2.0
//! A sorry server, and real servers that fail in every way a web server can.

use std::time::{Duration, Instant};

use tests_kernel::cluster::{Cluster, Forwarding, REAL_SERVERS, SORRY_SERVER};
use tests_kernel::net::{Behaviour, wait_until};

use crate::{
    DEADLINE, NAMES, TestResult, VIRTUAL_SERVER, fast_and_sorry, start, time_until_table,
    wait_for_log, wait_for_mails,
};

const SORRY: &str = "[192.168.1.63]:tcp:80";
/// delay_loop + 2 × (the whole check's limit, three steps of connect_timeout) + delay_before_retry,
/// and 3 s for the guest's slowness.
const OUT: Duration = Duration::from_secs(1 + 2 * 3 + 1 + 3);

// shows virtual_server: sorry_server
#[testbed::guest_test]
fn sorry_server_and_bad_web_servers() -> TestResult {
    let cluster = start(Forwarding::DirectRouting, fast_and_sorry)?;
    all_real_servers_fail(&cluster)?;
    every_way_to_fail(&cluster)
}

fn all_real_servers_fail(cluster: &Cluster) -> TestResult {
    let master = &cluster.directors[0];
    for server in &cluster.servers {
        server.set_behaviour(Behaviour::Refuse);
    }
    master.wait_for_table(&[SORRY_SERVER], DEADLINE)?;
    assert_eq!(cluster.client.spread(4)?, [("sorry".to_owned(), 4)]);
    wait_for_log(
        master,
        &[
            &format!("Lost quorum 1-0=1 > 0 for VS {VIRTUAL_SERVER}"),
            &format!("Adding sorry server {SORRY} to VS {VIRTUAL_SERVER}"),
        ],
    )?;
    for server in &cluster.servers {
        server.set_behaviour(Behaviour::Serve);
    }
    master.wait_for_table(&REAL_SERVERS, DEADLINE)?;
    let spread = cluster.client.spread(4)?;
    assert_eq!(spread, [("rs1".to_owned(), 2), ("rs2".to_owned(), 2)]);
    wait_for_log(
        master,
        &[
            &format!("Gained quorum 1+0=1 <= 1 for VS {VIRTUAL_SERVER}"),
            &format!("Removing sorry server {SORRY} from VS {VIRTUAL_SERVER}"),
        ],
    )?;
    wait_for_mails(
        cluster,
        &[
            "[lb1] VRRP Instance VI_1 - Entering MASTER state".to_owned(),
            format!("[lb1] Virtualserver {VIRTUAL_SERVER} - DOWN"),
            format!("[lb1] Virtualserver {VIRTUAL_SERVER} - UP"),
            "[lb2] VRRP Instance VI_1 - Entering BACKUP state".to_owned(),
        ],
    )?;
    Ok(())
}

fn every_way_to_fail(cluster: &Cluster) -> TestResult {
    let master = &cluster.directors[0];
    let server = &cluster.servers[0];
    let ways = [
        (
            Behaviour::Page("<html>under construction</html>\n".to_owned()),
            "digest ",
        ),
        (Behaviour::Status(500), "status code 500 "),
        (Behaviour::Hang, "answer timed out "),
        (
            Behaviour::Slow(Duration::from_secs(20)),
            "answer timed out ",
        ),
        // No step takes too long, but all of them together do.
        (Behaviour::Drip, "timed out "),
        (Behaviour::Close, "no data received "),
        (Behaviour::Reset, "connection reset "),
    ];
    let removing = format!("Removing service {}", NAMES[0]);
    for (way, reason) in ways {
        let earlier = master.log().matches(&removing).count();
        server.set_behaviour(way.clone());
        let at = Instant::now();
        let out = time_until_table(master, at, &REAL_SERVERS[1..])?;
        assert!(out <= OUT, "{way:?}: out after {out:?}");
        // The log is written by a thread of its own, so the line may follow the table.
        let removed = wait_until("the line of the removal", DEADLINE, || {
            let log = master.log();
            let mut lines = log.lines().filter(|line| line.contains(&removing));
            lines.nth(earlier).map(str::to_owned).ok_or(log)
        })?;
        let wanted = format!("reason=\"HTTP_GET {reason}");
        assert!(removed.contains(&wanted), "{way:?}: {removed}");
        server.set_behaviour(Behaviour::Serve);
        master.wait_for_table(&REAL_SERVERS, DEADLINE)?;
    }
    Ok(())
}
