// SPDX-License-Identifier: MIT OR Apache-2.0
//! Static addresses, routes and rules: `ip` shows the same with either program, after one
//! has been taken away too.

use std::time::{Duration, Instant};

use testbed::{Monitor, play_at_once};
use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Capture, Lan, Netns, wait_until};
use tests_kernel::process::{Background, pause};
use tests_kernel::tool::lbctl;

use super::holdings::all;
use super::{BOTH, DEADLINE, TestResult};

/// No instance is needed. Rules without a priority come last, the first one lowest.
const FILE: &str = "\
global_defs {
    default_interface eth0
}
static_ipaddress {
    10.9.0.11/24 dev eth0 label eth0:own
    10.9.1.11/24 brd +
    10.9.2.11/24 brd 10.9.2.200 scope link dev eth0
    10.9.3.11/32 peer 10.9.3.55
    10.9.4.11/24 noprefixroute
    10.9.5.11 no_track
    2001:db8::5/64 home -nodad
    2001:db8::6
    2001:db8::7/64 preferred_lft 7777
}
static_routes {
    198.51.100.0/24 via 10.9.0.3 src 10.9.0.11
    default via 10.9.0.3 dev eth0 table 1000 metric 7 mtu 1400
    blackhole 203.0.113.0/24
    unreachable 203.0.114.0/24 metric 5 table 99
    203.0.117.0/24 dev eth0 scope link
    203.0.118.0/24 nexthop via 10.9.0.4 dev eth0 weight 2 nexthop via 10.9.0.5 weight 3
    203.0.126.5 dev eth0 no_track
    2001:db8:9::/48 dev eth0
    2001:db8:a::/48 via 2001:db8::9 dev eth0 pref high
}
static_rules {
    from 10.9.0.11 table 1000
    from 10.9.1.11 lookup main preference 77
    fwmark 0x10/0xf0 iif eth0 prohibit priority 101
    fwmark 6 table 9 priority 200
    fwmark 7 table 9 priority 200
    from 2001:db8::5 table 9
    to 10.0.0.0/8 table 99
    to default table 9 priority 163 no_track
}
";

/// A track group of one instance and a route by another interface.
const GROUP: &str = "\
track_group uplink {
    group {
        VI_1
    }
}
static_routes {
    10.5.0.0/16 dev side0 track_group uplink
}
vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    virtual_router_id 61
    advert_int 1
    virtual_ipaddress {
        192.168.1.100/24 dev eth0
    }
}
";

/// Waits until all is as desired; the error names what differs.
fn wait_same(what: &str, director: &Director, wanted: &[Vec<String>; 5]) -> TestResult {
    wait_until(what, DEADLINE, || {
        let now = all(director.host().netns()).map_err(|error| error.to_string())?;
        let mut wrong = String::new();
        for (now, wanted) in now.iter().zip(wanted) {
            let surplus = now.iter().filter(|line| !wanted.contains(line));
            let missing = wanted.iter().filter(|line| !now.contains(line));
            for line in surplus.map(|line| format!("+ {line}\n")) {
                wrong.push_str(&line);
            }
            for line in missing.map(|line| format!("- {line}\n")) {
                wrong.push_str(&line);
            }
        }
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(format!("{wrong}{}", director.log()))
        }
    })?;
    Ok(())
}

fn started(software: Software, text: &str) -> TestResult<(Lan, Director)> {
    let lan = Lan::new()?;
    let host = lan.host("one", [192, 168, 1, 11].into())?;
    let mut director = Director::new(host, software, text)?;
    director
        .host()
        .netns()
        .ip("link add side0 up type veth peer name side1")?;
    director.host().netns().ip("link set side1 up")?;
    director.start()?;
    Ok((lan, director))
}

/// Those with a link-local address: `eth0`, `side0` and `side1`.
const INTERFACES: usize = 3;

/// All of `FILE` is there.
fn complete(director: &Director) -> TestResult<[Vec<String>; 5]> {
    wait_until("the last rule", DEADLINE, || {
        let rules = director.host().netns().ip("-4 rule show");
        let rules = rules.unwrap_or_default();
        let there = rules.contains("163:");
        there.then_some(()).ok_or_else(|| director.log())
    })?;
    wait_until("the end of duplicate detection", DEADLINE, || {
        let listing = director.host().netns().ip("-6 -o addr show");
        let listing = listing.map_err(|error| error.to_string())?;
        let linked = listing.matches("inet6 fe80:").count();
        let complete = linked == INTERFACES && !listing.contains("tentative");
        complete.then_some(()).ok_or(listing)
    })?;
    all(director.host().netns())
}

// shows top level: static_ipaddress, static_routes, static_rules
// shows global_defs: default_interface
#[testbed::host_test]
fn static_items_are_what_keepalived_makes_of_them() -> TestResult {
    let mut seen = Vec::new();
    for software in [Software::Keepalived, Software::Lbctl] {
        let (_lan, mut director) = started(software, FILE)?;
        let whole = complete(&director)?;
        let netns = director.host().netns().clone();
        for words in [
            "addr del 10.9.2.11/24 dev eth0",
            "addr del 2001:db8::6/128 dev eth0",
            "route del 203.0.117.0/24",
            "rule del priority 101",
            // With the route that has it as its source.
            "addr del 10.9.0.11/24 dev eth0",
        ] {
            // keepalived 2.2.7 puts back routes and rules of a track group only.
            let addresses_only = software == Software::Keepalived;
            if addresses_only && (!words.starts_with("addr") || words.contains("10.9.0.11")) {
                continue;
            }
            netns.ip(words)?;
            wait_same(&format!("{software}: all after {words}"), &director, &whole)?;
        }
        seen.push(whole);
        let (status, log) = director.stop()?;
        assert!(status.success(), "{software}: {log}");
        let left = all(&netns)?.concat();
        let ours = |line: &&String| {
            ["10.9.", "2001:db8", "203.0.11", "198.51.100", "lookup 9"]
                .iter()
                .any(|part| line.contains(part))
        };
        // keepalived 2.2.7 leaves addresses with a peer.
        let left: Vec<&String> = left.iter().filter(ours).collect();
        assert!(
            left.is_empty() || software == Software::Keepalived,
            "{software} leaves {left:?}"
        );
    }
    let [theirs, ours] = &seen[..] else {
        return Err("two listings".into());
    };
    for (theirs, ours) in theirs.iter().zip(ours) {
        assert_eq!(ours, theirs);
        assert!(!ours.is_empty());
    }
    Ok(())
}

fn has(netns: &Netns, words: &str, part: &str) -> bool {
    netns.ip(words).is_ok_and(|listing| listing.contains(part))
}

// shows top level: track_group
// shows track_group: group
#[testbed::host_test]
fn an_instance_is_in_fault_while_its_track_group_lacks_something() -> TestResult {
    play_at_once(&BOTH, |&software| {
        let (lan, mut director) = started(software, GROUP)?;
        let capture = Capture::start(lan.switch(), "br0")?;
        let netns = director.host().netns().clone();
        let log = |wanted: bool| {
            let (director, netns) = (&director, netns.clone());
            wait_until(&format!("{software}: master {wanted}"), DEADLINE, || {
                let master = has(&netns, "addr show dev eth0", "192.168.1.100");
                let so = master == wanted;
                so.then_some(()).ok_or_else(|| director.log())
            })
        };
        log(true)?;
        // It can be put back, which is no fault.
        netns.ip("route del 10.5.0.0/16")?;
        wait_until(&format!("{software}: the route"), DEADLINE, || {
            let there = has(&netns, "route show", "10.5.0.0/16");
            there.then_some(()).ok_or_else(|| director.log())
        })?;
        capture.wait_for_advert("an advert", Instant::now(), DEADLINE, |_| true)?;
        assert!(!director.log().contains("Entering FAULT STATE"));
        netns.ip("link set side0 down")?;
        log(false)?;
        assert!(director.log().contains("Entering FAULT STATE"));
        if software == Software::Lbctl {
            // The refusal of the kernel is the reason until the state of the link is known.
            wait_until("the reason", DEADLINE, || {
                let table = director
                    .lbctl(&["status"])
                    .map_err(|error| error.to_string())?;
                let parts = [
                    "VI_1: static route 10.5.0.0/16 dev side0: fault",
                    "static route 10.5.0.0/16 dev side0  interface side0 down  uplink",
                ];
                let complete = parts.iter().all(|part| table.contains(part));
                complete.then_some(()).ok_or(table)
            })?;
            let document: serde_json::Value =
                serde_json::from_str(&director.lbctl(&["status", "--json"])?)?;
            let item = &document["static_items"][0];
            assert_eq!(item["item"], "route 10.5.0.0/16 dev side0");
            assert_eq!(item["problem"], "interface side0 down");
            assert_eq!(item["track_group"], "uplink");
            assert_eq!(document["routers"][0]["faults"][0], "tracked object failed");
        }
        netns.ip("link set side0 up")?;
        log(true)?;
        assert!(has(&netns, "route show", "10.5.0.0/16"));
        let (status, log) = director.stop()?;
        assert!(status.success(), "{software}: {log}");
        assert!(!has(&netns, "route show", "10.5.0.0/16"));
        Ok(())
    })?;
    Ok(())
}

/// `ip monitor` for all of it.
fn monitor(netns: &Netns) -> TestResult<Monitor> {
    Ok(Monitor::start(netns, "address route rule")?)
}

/// Nothing of these was touched.
fn untouched(monitor: Monitor, parts: &[&str]) -> TestResult {
    // What is not wanted is removed at once; without routers nothing passes that could be counted.
    pause(Duration::from_millis(100));
    let seen = monitor.stop()?;
    for part in parts {
        assert!(!seen.contains(part), "{part} was touched: {seen}");
    }
    Ok(())
}

/// What stays in the file, and what goes with it.
const STAYS: [&str; 3] = ["10.9.0.11", "198.51.100.0", "from 10.9.0.11"];
const GOES: [(&str, &str); 3] = [
    ("addr show", "10.9.4.11"),
    ("route show table all", "203.0.117.0"),
    ("rule show", "101:"),
];

fn shorter() -> String {
    let goes = ["10.9.4.11", "203.0.117.0", "priority 101"];
    let lines = FILE.lines();
    let kept = lines.filter(|line| !goes.iter().any(|part| line.contains(part)));
    kept.collect::<Vec<_>>().join("\n")
}

fn gone(director: &Director) -> TestResult {
    let netns = director.host().netns();
    wait_until("what the file has no more to go", DEADLINE, || {
        let left = GOES.iter().filter(|(words, part)| has(netns, words, part));
        let left: Vec<_> = left.collect();
        let gone = left.is_empty();
        gone.then_some(())
            .ok_or_else(|| format!("{left:?} {}", director.log()))
    })?;
    Ok(())
}

/// Of a program that was killed: what `ip` shows of our mark, and the macvlan.
fn left(netns: &Netns) -> Result<Vec<String>, String> {
    let mut left = Vec::new();
    for words in [
        "-N -o addr show",
        "-N -o link show",
        "-N route show table all",
        "-N -6 route show table all",
        "-N rule show",
        "-N -6 rule show",
    ] {
        let listing = netns.ip(words).map_err(|error| error.to_string())?;
        let marks = ["proto 112", "proto 18", "vrrp.61"];
        let ours = |line: &&str| marks.iter().any(|mark| line.contains(mark));
        left.extend(listing.lines().filter(ours).map(str::to_owned));
    }
    Ok(left)
}

#[testbed::host_test]
fn a_start_with_nothing_to_run_removes_what_a_crash_left() -> TestResult {
    let nothing = "global_defs {\n    router_id nothing\n}\n";
    let everything = format!("{FILE}{GROUP}").replace("advert_int 1", "advert_int 1\n    use_vmac");
    let everything = everything.replace("10.5.0.0/16 dev side0", "10.5.0.0/16 dev eth0");
    let (_lan, mut director) = started(Software::Lbctl, &everything)?;
    wait_until("a master", DEADLINE, || {
        let log = director.log();
        log.contains("MASTER STATE").then_some(()).ok_or(log)
    })?;
    let netns = director.host().netns().clone();
    wait_until("all of it", DEADLINE, || {
        let there = left(&netns)?;
        (there.len() > 20)
            .then_some(())
            .ok_or_else(|| there.join("\n"))
    })?;

    // A second daemon in the namespace of a running one removes nothing.
    let before = left(&netns)?;
    director.configure(nothing)?;
    let mut command = director.command(lbctl());
    command.args(["run", "-f"]).arg(director.configuration());
    command.arg("--control").arg("/run/other.sock");
    let mut second = Background::spawn(&mut command)?;
    wait_until("the other one", DEADLINE, || {
        let log = second.text();
        log.contains("another lb-vrrp instance runs in this network namespace")
            .then_some(())
            .ok_or(log)
    })?;
    second.signal(nix::sys::signal::Signal::SIGTERM);
    assert!(second.wait(DEADLINE)?.success(), "{}", second.text());
    assert_eq!(left(&netns)?, before);

    director.crash()?;
    let crashed = left(&netns)?;
    // Who may not, starts all the same.
    let mut command = director.command("setpriv");
    command.args(["--bounding-set", "-net_admin,-net_raw"]);
    command.arg(lbctl()).args(["run", "-f"]);
    command.arg(director.configuration());
    command.arg("--control").arg(director.control());
    director.start_command(command)?;
    let said = |director: &Director, what: &str| {
        wait_until(what, DEADLINE, || {
            let log = director.log();
            log.contains(what).then_some(()).ok_or(log)
        })
    };
    said(&director, "cannot remove stale VRRP state: ")?;
    director.lbctl(&["status"])?;
    let (status, log) = director.stop()?;
    assert!(status.success(), "{log}");
    assert_eq!(left(&netns)?, crashed);

    director.start()?;
    wait_until("the end of what was left", DEADLINE, || {
        let left = left(&netns)?;
        let none = left.is_empty();
        none.then_some(()).ok_or_else(|| left.join("\n"))
    })?;
    director.lbctl(&["status"])?;
    let (status, log) = director.stop()?;
    assert!(status.success(), "{log}");
    Ok(())
}

#[testbed::host_test]
fn a_reload_a_crash_and_an_upgrade_touch_only_what_differs() -> TestResult {
    let (_lan, mut director) = started(Software::Lbctl, FILE)?;
    let whole = complete(&director)?;
    let netns = director.host().netns().clone();

    let watching = monitor(&netns)?;
    director.configure(&shorter())?;
    director.reload()?;
    gone(&director)?;
    untouched(watching, &STAYS)?;
    director.configure(FILE)?;
    director.reload()?;
    wait_same("all again", &director, &whole)?;

    // kill -9, and another file.
    let watching = monitor(&netns)?;
    director.crash()?;
    director.configure(&shorter())?;
    director.start()?;
    gone(&director)?;
    untouched(watching, &STAYS)?;
    director.configure(FILE)?;
    director.reload()?;
    wait_same("all after a crash", &director, &whole)?;

    let watching = monitor(&netns)?;
    director.configure(&shorter())?;
    let mut command = director.command(lbctl());
    command.args(["run", "--upgrade", "-f"]);
    command.arg(director.configuration());
    command.arg("--control").arg(director.control());
    let mut new = Background::spawn(&mut command)?;
    let ended = director.daemon()?.wait(DEADLINE)?;
    assert!(ended.success(), "{}", director.log());
    gone(&director)?;
    untouched(watching, &STAYS)?;
    netns.ip("route del 198.51.100.0/24")?;
    wait_until("the new process to restore it", DEADLINE, || {
        let there = has(&netns, "route show", "198.51.100.0/24");
        there.then_some(()).ok_or_else(|| new.text())
    })?;
    new.signal(nix::sys::signal::Signal::SIGTERM);
    let ended = new.wait(DEADLINE)?;
    assert!(ended.success(), "{}", new.text());
    for part in STAYS {
        for words in ["addr show", "route show", "rule show"] {
            assert!(!has(&netns, words, part), "{part} is left");
        }
    }
    Ok(())
}
