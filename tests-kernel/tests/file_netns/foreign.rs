// SPDX-License-Identifier: MIT OR Apache-2.0
//! Adverts of hosts that are not of the virtual router: of another cluster with the same id, of a
//! cloned host, and floods.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use testbed::play_at_once;
use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Advert, Capture, Lan, inject, wait_until};

use super::{BOTH, DEADLINE, TestResult};

const VRID: u8 = 63;

/// A router that advertises once a second.
fn router(priority: u8, address: Ipv4Addr) -> String {
    format!(
        "vrrp_instance VI_1 {{
    state BACKUP
    interface eth0
    virtual_router_id {VRID}
    priority {priority}
    advert_int 1
    virtual_ipaddress {{
        {address}
    }}
}}
"
    )
}

fn wait_for_address(director: &Director, address: Ipv4Addr) -> TestResult {
    wait_until("the virtual address", DEADLINE, || {
        let holds = director.has_address(address);
        holds.then_some(()).ok_or_else(|| director.log())
    })?;
    Ok(())
}

/// The lines of a log that contain both words.
fn lines(log: &str, words: [&str; 2]) -> usize {
    let both = |line: &&str| words.iter().all(|word| line.contains(word));
    log.lines().filter(both).count()
}

#[testbed::host_test]
fn another_cluster_with_the_same_id_does_not_take_the_address_away() -> TestResult {
    let [own, other] = [50, 60].map(|last| Ipv4Addr::new(192, 168, 1, last));
    play_at_once(&BOTH, |&software| {
        let lan = Lan::new()?;
        let host = lan.host("one", [192, 168, 1, 11].into())?;
        let other_host = lan.host("two", [192, 168, 1, 12].into())?;
        let capture = Capture::start(lan.switch(), "br0")?;
        let mut director = Director::new(host, software, &router(100, own))?;
        director.start()?;
        wait_for_address(&director, own)?;
        let mut foreign = Director::new(other_host, Software::Keepalived, &router(200, other))?;
        let begun = Instant::now();
        foreign.start()?;
        wait_for_address(&foreign, other)?;
        let sent_by = |host: u8| {
            move |advert: &Advert| {
                advert.source == Ipv4Addr::new(192, 168, 1, host) && advert.priority > 0
            }
        };
        let (mut since, _) =
            capture.wait_for_advert("the other cluster's", begun, DEADLINE, sent_by(12))?;
        // A backup would have waited for fewer.
        for _ in 0..5 {
            let (at, _) = capture.wait_for_advert("an own advert", since, DEADLINE, sent_by(11))?;
            since = at + Duration::from_millis(1);
        }
        assert!(director.has_address(own), "{software}: {}", director.log());
        assert!(foreign.has_address(other), "{software}: {}", foreign.log());
        let log = director.log();
        assert_eq!(log.matches("Entering BACKUP STATE").count(), 1, "{log}");
        if software == Software::Lbctl {
            assert_eq!(
                lines(&log, ["192.168.1.12", "choose another virtual_router_id"]),
                1,
                "{log}"
            );
            let status = director.lbctl(&["status", "--json"])?;
            assert!(!status.contains(r#""address_list_errors": 0"#), "{status}");
        }
        Ok(())
    })?;
    Ok(())
}

/// The kernel drops packets whose source is an address of the host, so that a raw socket receives none.
#[testbed::host_test]
fn a_cloned_host_with_the_same_address_is_reported() -> TestResult {
    let own = Ipv4Addr::new(192, 168, 1, 50);
    let lan = Lan::new()?;
    let start = |label: &str| -> TestResult<Director> {
        let host = lan.host(label, [192, 168, 1, 11].into())?;
        let mut director = Director::new(host, Software::Lbctl, &router(100, own))?;
        director.start()?;
        Ok(director)
    };
    let directors = [start("one")?, start("two")?];
    for director in &directors {
        wait_for_address(director, own)?;
        let message = "packet from 192.168.1.11 discarded: sent from this router's own address";
        wait_until("the report of the clone", DEADLINE, || {
            let log = director.log();
            log.contains(message).then_some(()).ok_or(log)
        })?;
        wait_until("three adverts of the clone", DEADLINE, || {
            let status = director.lbctl(&["status", "--json"]);
            let status = status.map_err(|error| error.to_string())?;
            let counters = (0..3).map(|number| format!(r#""own_address_packets": {number},"#));
            match counters
                .into_iter()
                .any(|counter| status.contains(&counter))
            {
                true => Err(status),
                false => Ok(()),
            }
        })?;
        assert_eq!(lines(&director.log(), ["own address", "another host"]), 1);
        let status = director.lbctl(&["status"])?;
        assert!(status.contains("own address"), "{status}");
    }
    Ok(())
}

/// The adverts of the owner come from the address that the backup holds, so that the backup's kernel drops
/// them. keepalived 2.2.7 does not start such an owner, whose only address is the virtual one.
#[testbed::host_test]
fn a_backup_yields_to_the_address_owner_that_returns() -> TestResult {
    let own = Ipv4Addr::new(192, 168, 1, 50);
    let lan = Lan::new()?;
    let start = |label: &str, address: Ipv4Addr, priority: u8| -> TestResult<Director> {
        let host = lan.host(label, address)?;
        let mut director = Director::new(host, Software::Lbctl, &router(priority, own))?;
        director.start()?;
        Ok(director)
    };
    let wait_for_log = |director: &Director, words: &str| {
        wait_until(words, DEADLINE, || {
            let log = director.log();
            log.contains(words).then_some(()).ok_or(log)
        })
    };
    let mut owner = start("one", own, 255)?;
    wait_for_log(&owner, "Entering MASTER STATE")?;
    let backup = start("two", [192, 168, 1, 12].into(), 100)?;
    // Each advert is received once.
    let counters = |director: &Director| -> TestResult<[u64; 2]> {
        let status = director.lbctl(&["status", "--json"])?;
        let counter = |name: &str| -> TestResult<u64> {
            let (_, rest) = status.split_once(name).ok_or("no counter")?;
            let digits = rest.trim_start_matches([':', ' ']);
            let digits = digits.split(|next: char| !next.is_ascii_digit()).next();
            Ok(digits.unwrap_or_default().parse()?)
        };
        Ok([
            counter(r#""advertisements_sent""#)?,
            counter(r#""advertisements_received""#)?,
        ])
    };
    wait_until("three adverts", DEADLINE, || {
        let received = counters(&backup).map_err(|error| error.to_string())?[1];
        (received >= 3).then_some(()).ok_or_else(|| backup.log())
    })?;
    let [sent, _] = counters(&owner)?;
    let [_, received] = counters(&backup)?;
    // Another one may have been sent in between.
    assert!(received <= sent + 1, "{received} of {sent}");
    owner.crash()?;
    owner.host().set_cable(false)?;
    wait_for_log(&backup, "Entering MASTER STATE")?;
    wait_for_address(&backup, own)?;
    owner.host().set_cable(true)?;
    owner.start()?;
    let yields = "Entering BACKUP STATE: 192.168.1.50 advertises priority 255";
    wait_for_log(&backup, yields)?;
    wait_until("no address", DEADLINE, || {
        let holds = backup.has_address(own);
        (!holds).then_some(()).ok_or_else(|| backup.log())
    })?;
    Ok(())
}

#[testbed::host_test]
fn adverts_with_changing_lists_do_not_fill_the_log() -> TestResult {
    let own = Ipv4Addr::new(192, 168, 1, 50);
    let lan = Lan::new()?;
    let host = lan.host("one", [192, 168, 1, 11].into())?;
    let capture = Capture::start(lan.switch(), "br0")?;
    let begun = Instant::now();
    let mut director = Director::new(host, Software::Lbctl, &router(100, own))?;
    director.start()?;
    wait_for_address(&director, own)?;
    let received = |director: &Director| -> TestResult<u64> {
        let status = director.lbctl(&["status", "--json"])?;
        let (_, rest) = status
            .split_once(r#""address_list_errors": "#)
            .ok_or("no counter")?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Ok(digits.parse()?)
    };
    // Better than ours, and one address in common.
    let own_advert = capture.wait_for_advert("an advert", begun, DEADLINE, |_| true)?;
    let mut advert = own_advert.1;
    advert.source = Ipv4Addr::new(192, 168, 1, 77);
    advert.priority = 150;
    let before = director.log().len();
    let mut sent: u64 = 0;
    while received(&director)? < 600 {
        assert!(
            begun.elapsed() < DEADLINE,
            "{sent} sent: {}",
            director.log()
        );
        for _ in 0..300 {
            sent += 1;
            let [_, _, high, low] = u32::try_from(sent)?.to_be_bytes();
            advert.addresses = vec![own, Ipv4Addr::new(10, 0, high, low)];
            inject(lan.switch(), "br0", &advert.frame())?;
        }
    }
    let log = director.log();
    assert!(log.len() < before + 4000, "{sent} sent: {log}");
    // The first one, and on a slow machine their number after half a minute.
    let reported = lines(&log, ["192.168.1.77", "other virtual addresses"]);
    assert!((1..=2).contains(&reported), "{log}");
    Ok(())
}
