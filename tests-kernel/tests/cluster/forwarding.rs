// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lb_kind NAT` and `lb_kind TUN`: the traffic really goes that way.

use tests_kernel::cluster::{Forwarding, REAL_SERVERS};

use crate::{TestResult, assert_balanced, fast, row, start};

// shows virtual_server: lb_kind
#[testbed::guest_test]
fn masquerading() -> TestResult {
    let cluster = start(Forwarding::Masquerade, fast)?;
    assert_balanced(&cluster)?;
    for server in REAL_SERVERS {
        let table = cluster.directors[0].table()?;
        let row = row(&table, server).unwrap_or_default();
        assert!(row.contains(":80 Masq 1 "), "{table}");
    }
    Ok(())
}

#[testbed::guest_test]
fn tunnelling() -> TestResult {
    let cluster = start(Forwarding::Tunnel, fast)?;
    assert_balanced(&cluster)?;
    let table = cluster.directors[0].table()?;
    for (index, server) in REAL_SERVERS.into_iter().enumerate() {
        let row = row(&table, server).unwrap_or_default();
        assert!(row.contains(":80 Tunnel 1 "), "{table}");
        // Ten connections of at least three packets each.
        let netns = cluster.real_server(index).netns();
        let counters = netns.ip("-s -s -o link show dev tunl0")?;
        let (_, received) = counters.split_once("RX:").unwrap();
        let (_, numbers) = received.split_once('\\').unwrap();
        let packets = numbers.split_whitespace().nth(1).unwrap();
        assert!(packets.parse::<u64>()? >= 30, "{counters}");
    }
    Ok(())
}
