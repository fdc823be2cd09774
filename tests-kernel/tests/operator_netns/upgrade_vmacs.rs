// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lbctl run --upgrade` of routers whose addresses have macvlans of their own on other interfaces.

use std::collections::BTreeSet;
use std::time::Duration;

use nix::sys::signal::Signal;
use testbed::Monitor;
use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Host, Lan, Netns, wait_until};
use tests_kernel::observer::{Advert, Frame, Reading, Tap, Way, now, read};
use tests_kernel::process::{Background, pause};

use super::upgrade::start_upgrade;
use super::{DEADLINE, TestResult, status};

const INTERVAL: Duration = Duration::from_millis(500);
/// Everything our file has put somewhere else than on eth0.
const ELSEWHERE: [&str; 3] = ["192.168.7.50/", "192.168.7.51/", "2001:db8:7::50/"];

/// VI_1 has addresses on eth1: with `own`, `use_vmac` of their own.
fn file(priority: u8, own: &str, six: &str) -> String {
    format!(
        "global_defs {{
    vrrp_version 3
    vrrp_garp_master_delay 1
    vmac_addr_prefix va
}}
vrrp_instance VI_1 {{
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority {priority}
    advert_int 0.5
    use_vmac
    virtual_ipaddress {{
        192.168.1.50/24
    }}
    virtual_ipaddress_excluded {{
        192.168.7.50/24 dev eth1 {own}
        192.168.7.51/24 dev eth1 {own}
        {six}
    }}
}}
"
    )
}

const SIX: &str = "2001:db8:7::50/64 dev eth1 use_vmac";

/// A host that has another network on `eth1`.
fn host(lan: &Lan, number: u8) -> TestResult<Host> {
    let host = lan.host(&format!("r{number}"), [192, 168, 1, 10 + number].into())?;
    host.netns().ip_all(&[
        "link add eth1 type veth peer name peer1".to_owned(),
        "link set eth1 up".to_owned(),
        "link set peer1 up".to_owned(),
        format!("addr add 192.168.7.{}/24 dev eth1", 10 + number),
    ])?;
    Ok(host)
}

/// The macvlans, each with its index, and the virtual addresses with their interfaces.
fn seen(netns: &Netns) -> TestResult<(BTreeSet<String>, BTreeSet<String>)> {
    let links = netns.ip("-d -o link show type macvlan")?;
    let links = links.lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().take(2).collect();
        words.concat()
    });
    let addresses = netns.ip("-o addr show")?;
    let addresses = addresses.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (name, address) = (words.next()?, words.nth(1)?);
        let host = address.contains(".11/") || address.starts_with("fe80");
        (name != "lo" && !host).then(|| format!("{name} {address}"))
    });
    Ok((links.collect(), addresses.collect()))
}

/// Frame and advert of the port.
fn adverts(frames: &[Frame], port: usize) -> Vec<(Duration, Advert)> {
    let sent = frames
        .iter()
        .filter(|frame| frame.port == port && frame.way == Way::Sent);
    sent.filter_map(|frame| match read(&frame.bytes) {
        Reading::Advert(advert) => Some((frame.at, *advert)),
        _ => None,
    })
    .collect()
}

/// Has the daemon on `ours` replaced by one with this file.
fn upgrade(ours: &mut Director, daemons: &mut Vec<Background>, text: &str) -> TestResult {
    ours.configure(text)?;
    let new = start_upgrade(ours)?;
    let old = match daemons.last_mut() {
        Some(old) => old,
        None => ours.daemon()?,
    };
    let ended = old.wait(DEADLINE)?;
    assert!(ended.success(), "{ended}: {}", old.text());
    new.wait_for_line("end of the handover", DEADLINE, |line| {
        line.contains("replaced the old process")
    })?;
    daemons.push(new);
    // A whole interval lies between two of them.
    let sent = || -> TestResult<u64> {
        let status = status(ours)?;
        let sent = status["routers"][0]["counters"]["advertisements_sent"].as_u64();
        Ok(sent.ok_or_else(|| status.to_string())?)
    };
    let mut first = None;
    wait_until("adverts of the new one", DEADLINE, || {
        let sent = sent().map_err(|error| error.to_string())?;
        let first = *first.get_or_insert(sent);
        (sent >= first + 5)
            .then_some(())
            .ok_or_else(|| sent.to_string())
    })?;
    Ok(())
}

#[testbed::host_test]
fn macvlans_for_addresses_stay_and_those_of_no_use_go_unnoticed() -> TestResult {
    let lan = Lan::new()?;
    let (one, two) = (host(&lan, 1)?, host(&lan, 2)?);
    let tap = Tap::start(&lan, &[&one, &two])?;
    let netns = one.netns().clone();
    let before = seen(&netns)?;
    let all = file(150, "use_vmac", SIX);
    let mut ours = Director::new(one, Software::Lbctl, &all)?;
    let peer = file(100, "", "");
    let mut other = Director::new(two, Software::Keepalived, &peer.replace("use_vmac", ""))?;
    ours.start()?;
    let placed = |netns: &Netns, wanted: &[&str]| {
        let (_, addresses) = seen(netns).map_err(|error| error.to_string())?;
        let there = |wanted: &&str| addresses.iter().any(|address| address.contains(*wanted));
        let log = || format!("{addresses:?}");
        wanted.iter().all(there).then_some(()).ok_or_else(log)
    };
    wait_until("all addresses", DEADLINE, || placed(&netns, &ELSEWHERE))?;
    other.start()?;
    other.daemon()?.wait_for_line("backup", DEADLINE, |line| {
        line.contains("Entering BACKUP STATE")
    })?;
    // The repeated announcements are over, which come after a second, of addresses of both families
    // on three interfaces.
    pause(Duration::from_secs(2));
    let start = now();
    let (links, addresses) = seen(&netns)?;
    assert_eq!(links.len(), 3, "{links:?}");
    for (name, address) in [("va.51 ", ELSEWHERE[0]), ("va6.51 ", ELSEWHERE[2])] {
        let there = |shown: &String| shown.starts_with(name) && shown.contains(address);
        assert!(addresses.iter().any(there), "{addresses:?}");
    }
    let monitor = Monitor::start(&netns, "link address")?;

    // The same file: nothing at all is touched.
    let mut daemons = Vec::new();
    for _ in 0..2 {
        upgrade(&mut ours, &mut daemons, &all)?;
        assert_eq!(seen(&netns)?, (links.clone(), addresses.clone()));
    }
    let changes = monitor.stop()?;
    for word in ["Deleted", "192.168.7.5", "2001:db8:7::50"] {
        assert!(!changes.contains(word), "{word}: {changes}");
    }
    // The mark of the new process is written, which the kernel reports.
    let mut reports = changes.lines().filter(|line| line.contains("@eth"));
    assert!(
        reports.all(|line| line.contains(",UP,LOWER_UP")),
        "{changes}"
    );

    // One macvlan has no use any more: its addresses move, and it goes.
    let fewer = file(150, "", SIX);
    upgrade(&mut ours, &mut daemons, &fewer)?;
    wait_until("addresses on eth1", DEADLINE, || {
        placed(
            &netns,
            &["eth1 192.168.7.50/", "eth1 192.168.7.51/", "va6.51 "],
        )
    })?;
    let without = |name: &str| -> BTreeSet<String> {
        let left = links.iter().filter(|link| !link.contains(name));
        left.cloned().collect()
    };
    let left_are = |wanted: &BTreeSet<String>| {
        wait_until("macvlans", DEADLINE, || {
            let (left, _) = seen(&netns).map_err(|error| error.to_string())?;
            (left == *wanted)
                .then_some(())
                .ok_or_else(|| format!("{left:?}"))
        })
    };
    left_are(&without(":va.51@"))?;
    // All of them go: what was beneath is as it was.
    upgrade(&mut ours, &mut daemons, &file(150, "", ""))?;
    left_are(&without(":va"))?;
    let ignore = "cat /proc/sys/net/ipv4/conf/eth1/arp_ignore";
    wait_until("arp_ignore", DEADLINE, || {
        let value = netns.run(ignore).map_err(|error| error.to_string())?;
        (value.trim() == "0").then_some(()).ok_or(value)
    })?;
    // And come back.
    upgrade(&mut ours, &mut daemons, &all)?;
    wait_until("all addresses", DEADLINE, || placed(&netns, &ELSEWHERE))?;
    assert_eq!(seen(&netns)?.1, addresses);

    let log = other.log();
    assert_eq!(log.matches("Entering MASTER STATE").count(), 0, "{log}");
    let mut frames = tap.frames();
    frames.retain(|frame| frame.at >= start);
    assert_eq!(adverts(&frames, 1), [], "of the backup");
    let sent = adverts(&frames, 0);
    assert!(sent.len() > 20, "{} adverts", sent.len());
    let resigned = sent.iter().any(|(_, advert)| advert.priority != 150);
    assert!(!resigned, "{sent:?}");
    for two in sent.windows(2) {
        let gap = two[1].0.saturating_sub(two[0].0);
        // One interval, and less than another one on a busy machine.
        assert!(gap < 2 * INTERVAL, "{gap:?}");
    }
    let status: serde_json::Value = serde_json::from_str(&ours.lbctl(&["status", "--json"])?)?;
    let router = &status["routers"][0];
    assert_eq!(router["state"], "master");
    assert_eq!(router["counters"]["master_transitions"], 1);

    let mut last = daemons.pop().ok_or("no daemon")?;
    last.signal(Signal::SIGTERM);
    assert!(last.wait(DEADLINE)?.success(), "{}", last.text());
    assert_eq!(seen(&netns)?, before);
    assert_eq!(netns.run(ignore)?.trim(), "0");
    Ok(())
}
