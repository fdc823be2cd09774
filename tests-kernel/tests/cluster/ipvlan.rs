// SPDX-License-Identifier: MIT OR Apache-2.0
//! `use_ipvlan`: adverts come from the address of an ipvlan, as those of keepalived do.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Advert, Capture, Lan, Netns, wait_until};

use super::{DEADLINE, TestResult};

const SOURCE: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 77);

fn file(priority: u8, words: &str, addresses: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{
    interface eth0
    virtual_router_id 61
    priority {priority}
    advert_int 0.5
    version 3
    {words}
    virtual_ipaddress {{
        {addresses}
    }}
}}
"
    )
}

/// Name, kind and state of virtual interfaces, and the IPv4 addresses of all.
fn seen(netns: &Netns) -> TestResult<(Vec<String>, Vec<String>)> {
    let mut links = Vec::new();
    for line in netns.ip("-d -o link show type ipvlan")?.lines() {
        let name = line.split_whitespace().nth(1).ok_or("no name")?;
        let kind = line.split_once(" ipvlan ").ok_or("no kind")?.1;
        let kind: Vec<&str> = kind.split_whitespace().take(3).collect();
        let is_up = line.contains(",UP,");
        links.push(format!("{name} {} {is_up}", kind.join(" ")));
    }
    let listing = netns.ip("-4 -o addr show")?;
    let addresses = listing.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        Some(format!("{} {}", words.next()?, words.nth(1)?))
    });
    Ok((links, addresses.collect()))
}

// shows vrrp_instance: use_ipvlan
#[testbed::guest_test]
fn adverts_come_from_the_ipvlan_as_those_of_keepalived() -> TestResult {
    let mut both = Vec::new();
    for software in [Software::Keepalived, Software::Lbctl] {
        let lan = Lan::new()?;
        let capture = Capture::start(lan.switch(), "br0")?;
        let host = lan.host("one", [192, 168, 1, 11].into())?;
        let netns = host.netns().clone();
        let before = seen(&netns)?;
        let text = file(
            150,
            "use_ipvlan ipv0 192.168.1.77/24 private",
            "192.168.1.50/24",
        );
        let begun = Instant::now();
        let mut director = Director::new(host, software, &text)?;
        director.start()?;
        capture
            .wait_for_advert("an advert", begun, DEADLINE, |advert| advert.vrid == 61)
            .map_err(|error| format!("{error}\n{}", director.log()))?;
        wait_until(&format!("{software} holds the address"), DEADLINE, || {
            let there = director.has_address([192, 168, 1, 50].into());
            there.then_some(()).ok_or_else(|| director.log())
        })?;
        let adverts = capture.adverts();
        assert!(
            adverts.iter().all(|(_, advert)| advert.source == SOURCE),
            "{software}: {adverts:?}"
        );
        assert!(!director.log().contains("FAULT"), "{}", director.log());
        both.push(seen(&netns)?);
        // A second router of the other software yields, and both know each other.
        let other = lan.host("two", [192, 168, 1, 12].into())?;
        let others = match software {
            Software::Keepalived => Software::Lbctl,
            _ => Software::Keepalived,
        };
        let text = file(100, "use_ipvlan 192.168.1.78/24", "192.168.1.50/24");
        let mut other = Director::new(other, others, &text)?;
        other.start()?;
        wait_until("a backup", DEADLINE, || {
            let log = other.log();
            log.contains("Entering BACKUP STATE")
                .then_some(())
                .ok_or(log)
        })?;
        // More than the backup waits for.
        let mut since = Instant::now();
        for _ in 0..8 {
            let from_source = |advert: &Advert| advert.source == SOURCE;
            let advert = capture.wait_for_advert("adverts", since, DEADLINE, from_source)?;
            since = advert.0 + Duration::from_millis(1);
        }
        assert!(!other.log().contains("MASTER"), "{others}: {}", other.log());
        let (status, log) = director.stop()?;
        assert!(status.success(), "{software}: {log}");
        assert_eq!(seen(&netns)?, before, "{software} leaves something");
        wait_until("the backup takes over", DEADLINE, || {
            let there = other.has_address([192, 168, 1, 50].into());
            there.then_some(()).ok_or_else(|| other.log())
        })?;
        let (status, log) = other.stop()?;
        assert!(status.success(), "{others}: {log}");
    }
    assert_eq!(both.first(), both.get(1));
    Ok(())
}

/// A killed process leaves an ipvlan that the next start takes over, or removes if the file has none.
#[testbed::guest_test]
fn ipvlan_of_a_killed_process_is_taken_over_or_removed() -> TestResult {
    let lan = Lan::new()?;
    let host = lan.host("one", [192, 168, 1, 11].into())?;
    let netns = host.netns().clone();
    let before = seen(&netns)?;
    let text = file(150, "use_ipvlan 192.168.1.77/24", "192.168.1.50/24");
    let mut director = Director::new(host, Software::Lbctl, &text)?;
    let wait_for_master = |director: &Director| {
        wait_until("master", DEADLINE, || {
            // A killed process leaves the address, so the log of this one counts.
            let log = director.log();
            let is_master = log.contains("Entering MASTER STATE");
            let is_master = is_master && director.has_address([192, 168, 1, 50].into());
            is_master.then_some(()).ok_or(log)
        })
    };
    director.start()?;
    wait_for_master(&director)?;
    let held = seen(&netns)?;
    assert_eq!(held.0, ["vrrp.61@eth0: mode l2 bridge true"]);
    director.crash()?;
    director.start()?;
    wait_for_master(&director)?;
    assert_eq!(seen(&netns)?, held);
    // Deleted by another program, the ipvlan comes back with its address.
    netns.ip("link del vrrp.61")?;
    wait_until("the ipvlan again", DEADLINE, || {
        let now = seen(&netns).map_err(|error| error.to_string())?;
        let is_same = now.0 == held.0 && now.1.iter().all(|line| held.1.contains(line));
        let is_whole = now.1.len() == held.1.len();
        (is_same && is_whole)
            .then_some(())
            .ok_or_else(|| format!("{now:?}\n{}", director.log()))
    })?;
    director.crash()?;
    director.configure(&file(150, "", "192.168.1.50/24"))?;
    director.start()?;
    wait_for_master(&director)?;
    assert_eq!(seen(&netns)?.0, [""; 0]);
    let (status, log) = director.stop()?;
    assert!(status.success(), "{log}");
    assert_eq!(seen(&netns)?, before);
    Ok(())
}

/// An IPv6 router uses the link-local address of its ipvlan.
#[testbed::guest_test]
fn ipv6_adverts_come_from_the_link_local_address_of_the_ipvlan() -> TestResult {
    let lan = Lan::new()?;
    let host = lan.host("one", [192, 168, 1, 11].into())?;
    let netns = host.netns().clone();
    let text = file(150, "use_ipvlan", "fe80::50\n2001:db8::50/64");
    let mut director = Director::new(host, Software::Lbctl, &text)?;
    director.start()?;
    wait_until("master", DEADLINE, || {
        let listing = netns.ip("-6 -o addr show dev eth0");
        let listing = listing.map_err(|error| error.to_string())?;
        let is_master = listing.contains("2001:db8::50");
        is_master.then_some(()).ok_or_else(|| director.log())
    })?;
    let listing = netns.ip("-6 -o addr show dev vrrp.61")?;
    let address = listing.split_whitespace().nth(3).ok_or("no address")?;
    let (address, _) = address.split_once('/').ok_or("no prefix")?;
    let address: IpAddr = address.parse()?;
    let status = director.lbctl(&["status", "--json"])?;
    let status: serde_json::Value = serde_json::from_str(&status)?;
    assert_eq!(status["routers"][0]["source"], address.to_string());
    let (status, log) = director.stop()?;
    assert!(status.success(), "{log}");
    Ok(())
}
