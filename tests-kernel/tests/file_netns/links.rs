// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of a file about interfaces.

use std::time::{Duration, Instant};

use testbed::play_at_once;
use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Capture, Lan, wait_until};
use tests_kernel::process::pause;

use super::{BOTH, DEADLINE, TestResult};

/// An address owner, which is master at once, and whose backups would wait long: delays may be
/// long then.
fn owner(top: &str, lines: &str) -> String {
    format!(
        "{top}
vrrp_instance VI_1 {{
    state MASTER
    interface eth0
    virtual_router_id 62
    priority 255
    version 3
    advert_int 5
    {lines}
    virtual_ipaddress {{
        192.168.1.50
    }}
}}
"
    )
}

// shows top level: interface_up_down_delays
#[testbed::host_test]
fn a_carrier_that_is_back_before_the_delay_ends_was_never_away() -> TestResult {
    let delay = Duration::from_secs(3);
    let text = owner("interface_up_down_delays {\n    eth0 3\n}", "");
    play_at_once(&BOTH, |&software| {
        let lan = Lan::new()?;
        let host = lan.host("one", [192, 168, 1, 11].into())?;
        let capture = Capture::start(lan.switch(), "br0")?;
        let mut director = Director::new(host, software, &text)?;
        let mut begun = Instant::now();
        director.start()?;
        let wait = |begun| {
            capture.wait_for_advert("an advert", begun, DEADLINE, |advert| advert.vrid == 62)
        };
        wait(begun)?;

        // On a machine that stands still for seconds the carrier is away for longer than was meant:
        // then it is tried again, and a fault counts only from there on.
        let mut tries = 1..=10;
        loop {
            let faults = director.log().matches("FAULT").count();
            let away = Instant::now();
            director.host().set_cable(false)?;
            // Long enough for both programs to see it.
            pause(Duration::from_millis(300));
            director.host().set_cable(true)?;
            let away = away.elapsed();
            // The delay would have ended by then; nothing passes that could be counted.
            pause(delay + Duration::from_secs(1));
            let log = director.log();
            if away < delay {
                assert_eq!(log.matches("FAULT").count(), faults, "{software}: {log}");
                break;
            }
            assert!(tries.next().is_some(), "{software}: away for {away:?}");
        }

        let faults = director.log().matches("FAULT").count();
        begun = Instant::now();
        director.host().set_cable(false)?;
        wait_until("a fault", DEADLINE, || {
            let log = director.log();
            match log.matches("FAULT").count() > faults {
                true => Ok(()),
                false => Err(log),
            }
        })?;
        assert!(
            begun.elapsed() >= delay,
            "{software}: {:?}",
            begun.elapsed()
        );
        // Without a second number it is up at once.
        begun = Instant::now();
        director.host().set_cable(true)?;
        wait(begun)?;
        let (status, log) = director.stop()?;
        assert!(status.success(), "{software}: {log}");
        Ok(())
    })?;
    Ok(())
}

// shows top level: linkbeat_interfaces, linkbeat_use_polling
// shows vrrp_instance: linkbeat_use_polling
#[testbed::host_test]
fn a_link_that_is_polled_is_lost_and_found() -> TestResult {
    let block = |method: &str| format!("linkbeat_interfaces {{\n    eth0 {method}\n    nope0\n}}");
    // A veth has no PHY: its driver answers.
    let cases = [
        (block(""), "", "ETHTOOL"),
        (block("MII"), "", "ETHTOOL"),
        (block("ETHTOOL"), "", "ETHTOOL"),
        (block("IOCTL"), "", "IOCTL"),
        ("linkbeat_use_polling".to_owned(), "", "ETHTOOL"),
        (String::new(), "linkbeat_use_polling", "ETHTOOL"),
    ];
    let of_both = |case| BOTH.map(|software| (software, case));
    let cases: Vec<_> = cases.iter().flat_map(of_both).collect();
    play_at_once(&cases, |&(software, (top, lines, method))| {
        let text = owner(top, lines).replace("advert_int 5", "advert_int 1");
        let lan = Lan::new()?;
        let host = lan.host("one", [192, 168, 1, 11].into())?;
        let capture = Capture::start(lan.switch(), "br0")?;
        let mut director = Director::new(host, software, &text)?;
        let wait = |begun| {
            capture.wait_for_advert("an advert", begun, DEADLINE, |advert| advert.vrid == 62)
        };
        let mut begun = Instant::now();
        director.start()?;
        wait(begun)?;
        // Both are in Fault at their start where the first poll comes before the kernel has noticed
        // the carrier of a new interface.
        let faults = |log: &str| log.matches("FAULT").count();
        let before = faults(&director.log());
        director.host().set_cable(false)?;
        wait_until("a fault", DEADLINE, || {
            let log = director.log();
            (faults(&log) > before).then_some(()).ok_or(log)
        })?;
        // The source of the link's state.
        match software {
            Software::Lbctl => {
                let status = director.lbctl(&["status"])?;
                let line = format!("eth0 (IPv4): polled by {method}, counts as down");
                assert!(status.contains(&line), "{text}: {status}");
            }
            _ => {
                let log = director.log();
                assert!(log.contains("Linkbeat reports eth0 down"), "{text}: {log}");
            }
        }
        begun = Instant::now();
        director.host().set_cable(true)?;
        wait(begun)?;
        let (status, log) = director.stop()?;
        assert!(status.success(), "{software}: {log}");
        Ok(())
    })?;
    Ok(())
}

// shows vrrp_instance: promote_secondaries
#[testbed::host_test]
fn promote_secondaries_of_the_file_is_set_and_put_back() -> TestResult {
    let path = "cat /proc/sys/net/ipv4/conf/eth0/promote_secondaries";
    for software in [Software::Keepalived, Software::Lbctl] {
        let lan = Lan::new()?;
        let host = lan.host("one", [192, 168, 1, 11].into())?;
        host.netns()
            .sysctl("net/ipv4/conf/eth0/promote_secondaries", "0")?;
        let mut director = Director::new(host, software, &owner("", "promote_secondaries"))?;
        director.start()?;
        wait_until("the setting", DEADLINE, || {
            let value = director.host().netns().run(path);
            let value = value.map_err(|error| error.to_string())?;
            match value.trim() {
                "1" => Ok(()),
                _ => Err(director.log()),
            }
        })?;
        // keepalived leaves the setting if it is stopped before its instance runs.
        wait_until("a master", DEADLINE, || {
            let log = director.log();
            log.contains("Entering MASTER STATE")
                .then_some(())
                .ok_or(log)
        })?;
        let (status, log) = director.stop()?;
        assert!(status.success(), "{software}: {log}");
        let value = director.host().netns().run(path)?;
        assert_eq!(value.trim(), "0", "{software}: {log}");
    }
    Ok(())
}

// shows global_defs: dynamic_interfaces
#[testbed::host_test]
fn dynamic_interfaces_may_come_after_the_start() -> TestResult {
    let text = |global: &str| owner(global, "").replace("eth0", "late0");
    play_at_once(&BOTH, |&software| {
        let lan = Lan::new()?;
        let host = lan.host("one", [192, 168, 1, 11].into())?;
        let global = "global_defs {\n    dynamic_interfaces\n}";
        let mut director = Director::new(host, software, &text(global))?;
        director.start()?;
        let wait_for_log = |director: &Director, word: &str| {
            wait_until(word, DEADLINE, || {
                let log = director.log();
                match log.contains(word) {
                    true => Ok(()),
                    false => Err(log),
                }
            })
        };
        wait_for_log(&director, "FAULT")?;
        assert!(!director.log().contains("MASTER"), "{software}");
        let host = director.host().netns();
        host.run("ip link add late0 up type veth peer name late1")?;
        host.run("ip link set late1 up")?;
        host.run("ip address add 192.168.7.1/24 dev late0")?;
        wait_for_log(&director, "MASTER")?;
        wait_until("the address", DEADLINE, || {
            let there = director.host().netns().run("ip -o address show dev late0");
            let there = there.map_err(|error| error.to_string())?;
            match there.contains("192.168.1.50") {
                true => Ok(()),
                false => Err(there),
            }
        })?;
        let (status, log) = director.stop()?;
        assert!(status.success(), "{software}: {log}");
        Ok(())
    })?;
    Ok(())
}
