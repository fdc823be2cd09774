// SPDX-License-Identifier: MIT OR Apache-2.0
//! VRRP packets that must be counted and never acted on, sent to master and backup alike.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use serde_json::Value;
use tests_kernel::cluster::{Cluster, Director, Forwarding, VIP};
use tests_kernel::net::{Advert, Packet, inject, wait_until};
use tests_kernel::process::pause;

use crate::{DEADLINE, TestResult, assert_steady, fast, start, wait_for_log};

const OUTSIDER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 99);
/// Each packet is sent so often.
const TIMES: u64 = 3;

/// An advertisement that would win every election: the master's last, with another source and the
/// highest priority.
fn winning(cluster: &Cluster) -> Advert {
    let adverts = cluster.wire.adverts();
    let mut advert = adverts.last().unwrap().1.clone();
    advert.source = OUTSIDER;
    advert.priority = 255;
    advert
}

/// The winning advertisement spoilt in every way, each with the counter that must notice.
fn spoilt(winning: &Advert) -> Vec<(&'static str, Vec<u8>)> {
    let change = |spoil: &dyn Fn(&mut Advert)| {
        let mut advert = winning.clone();
        spoil(&mut advert);
        advert.frame()
    };
    let whole = winning.frame();
    // Ethernet 14, IP 20, VRRP 8 + 4 + 8.
    let message = &whole[34..];
    let ip =
        |message: &[u8]| tests_kernel::net::ip_frame(OUTSIDER, winning.destination, 255, message);
    let mut kind = message.to_vec();
    kind[0] = 0x25;
    // The one's-complement sum grows by the difference, so its complement shrinks by it.
    let sum = u16::from_be_bytes([kind[6], kind[7]]);
    let (less, borrow) = sum.overflowing_sub(0x0400);
    kind[6..8].copy_from_slice(&(less - u16::from(borrow)).to_be_bytes());
    let mut long = message.to_vec();
    long.extend([0; 4]);
    vec![
        ("packet_length_errors", ip(&message[..7])),
        ("packet_length_errors", ip(&message[..12])),
        ("packet_length_errors", ip(&long)),
        ("invalid_type_packets_received", ip(&kind)),
        ("version_errors", change(&|advert| advert.version = 3)),
        ("version_errors", change(&|advert| advert.version = 1)),
        (
            "authentication_failures",
            change(&|advert| advert.authentication = *b"Secret\0\0"),
        ),
        (
            "authentication_type_mismatch",
            change(&|advert| advert.authentication_type = 0),
        ),
        ("ip_ttl_errors", change(&|advert| advert.ttl = 254)),
        (
            "checksum_errors",
            change(&|advert| advert.checksum_ok = false),
        ),
        ("interval_errors", change(&|advert| advert.interval = 2)),
    ]
}

fn status(director: &Director) -> Result<Value, String> {
    let text = director
        .lbctl(&["status", "--json"])
        .map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

#[testbed::guest_test]
fn bad_packets_are_counted_and_not_acted_on() -> TestResult {
    let cluster = start(Forwarding::DirectRouting, fast)?;
    let winning = winning(&cluster);
    let begin = Instant::now();
    let mut wanted = std::collections::BTreeMap::new();
    let switch = cluster.lan.switch();
    for (counter, frame) in spoilt(&winning) {
        for _ in 0..TIMES {
            inject(switch, "br0", &frame)?;
        }
        *wanted.entry(counter).or_insert(0) += TIMES;
    }
    // Another virtual router's, and one too short to say whose it is, concern no router here.
    let mut foreign = winning.clone();
    foreign.vrid = 101;
    inject(switch, "br0", &foreign.frame())?;
    let stump = tests_kernel::net::ip_frame(OUTSIDER, winning.destination, 255, &[0x21]);
    inject(switch, "br0", &stump)?;

    let total: u64 = wanted.values().sum();
    for (director, state) in cluster.directors.iter().zip(["master", "backup"]) {
        let found = wait_until("bad packets counted", DEADLINE, || {
            let status = status(director)?;
            let counters = &status["routers"][0]["counters"];
            let counted = wanted.iter().all(|(name, count)| counters[name] == *count);
            let interface = &status["interfaces"][0];
            if counted && interface["unknown_vrid"] == 1 && interface["malformed"] == 1 {
                Ok(status)
            } else {
                Err(format!("{wanted:?}; {counters} {interface}"))
            }
        })?;
        assert_eq!(found["routers"][0]["state"], state);
        let counters = &found["routers"][0]["counters"];
        assert_eq!(counters["rejected"], total, "{counters}");
        let shown = director.lbctl(&["status"])?;
        for reason in [
            "length 9",
            "password 3",
            "ttl 3",
            "checksum 3",
            "other vrid 1",
        ] {
            assert!(shown.contains(reason), "{reason}: {shown}");
        }
        wait_for_log(director, &[&format!("packet from {OUTSIDER} discarded")])?;
    }
    // Longer than the backup's master down interval: a packet acted on would show.
    pause(Duration::from_secs(4));
    cluster.wait_for_master(0, Duration::ZERO)?;
    assert_steady(&cluster, begin);
    let adverts = cluster.wire.adverts();
    let directors = adverts
        .iter()
        .filter(|(at, advert)| *at >= begin && advert.source != OUTSIDER);
    for (_, advert) in directors {
        assert_eq!((advert.priority, &advert.addresses[..]), (100, &[VIP][..]));
    }
    let seen = cluster.wire.seen();
    assert!(
        seen.iter()
            .any(|seen| matches!(seen.packet, Packet::MalformedAdvert(_)))
    );

    // The control: the same packet, not spoilt, is obeyed.
    inject(switch, "br0", &winning.frame())?;
    wait_until("the winning packet is obeyed", DEADLINE, || {
        let log = cluster.directors[0].log();
        if log.contains("Entering BACKUP STATE: 192.168.1.99 advertises priority 255, ours 100") {
            Ok(())
        } else {
            Err(log)
        }
    })?;
    Ok(())
}
