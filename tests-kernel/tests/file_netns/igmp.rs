// SPDX-License-Identifier: MIT OR Apache-2.0
//! `disable_local_igmp`: no reports of membership of 224.0.0.18.

use testbed::{FrameSocket, play_at_once};
use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Host, Lan, wait_until};

use super::{BOTH, DEADLINE, TestResult};

const SETTING: &str = "cat /proc/sys/net/ipv4/igmp_link_local_mcast_reports";

fn file(global: &str, vrid: u8) -> String {
    format!(
        "global_defs {{\n    {global}\n}}
vrrp_instance VI_1 {{
    state MASTER
    interface eth0
    virtual_router_id {vrid}
    priority 255
    virtual_ipaddress {{
        192.168.1.{vrid}
    }}
}}
"
    )
}

fn started(host: Host, software: Software, text: &str) -> TestResult<Director> {
    let mut director = Director::new(host, software, text)?;
    director.start()?;
    wait_until("a master", DEADLINE, || {
        let log = director.log();
        let is_master = log.contains("Entering MASTER STATE");
        is_master.then_some(()).ok_or(log)
    })?;
    Ok(director)
}

fn setting(director: &Director) -> TestResult<String> {
    let text = director.host().netns().run(SETTING)?;
    Ok(text.trim().to_owned())
}

/// The station that sent a report of 224.0.0.18, if the frame is one.
fn reporter(frame: &[u8]) -> Option<[u8; 6]> {
    let is_igmp = frame.get(12..14) == Some(&[8, 0]) && frame.get(23) == Some(&2);
    let names_group = frame
        .windows(4)
        .skip(34)
        .any(|bytes| bytes == [224, 0, 0, 18]);
    let source = frame.get(6..12)?.try_into().ok();
    source.filter(|_| is_igmp && names_group)
}

// shows global_defs: disable_local_igmp
#[testbed::host_test]
fn membership_is_not_reported_and_the_setting_is_restored() -> TestResult {
    play_at_once(&BOTH, |&software| {
        let lan = Lan::new()?;
        let mut socket = lan.switch().enter(FrameSocket::open)??;
        let silent = lan.host("one", [192, 168, 1, 11].into())?;
        let mac = silent.mac()?;
        let mut silent = started(silent, software, &file("disable_local_igmp", 68))?;
        assert_eq!(setting(&silent)?, "0", "{software}");
        // This one reports, so that one would have reported before.
        let other = lan.host("two", [192, 168, 1, 12].into())?;
        let other_mac = other.mac()?;
        let _other = started(other, software, &file("", 69))?;
        let mut reporters = Vec::new();
        wait_until("two reports of the other host", DEADLINE, || {
            while let Some(frame) = socket.receive() {
                reporters.extend(reporter(frame.bytes));
            }
            let of_other = reporters.iter().filter(|mac| **mac == other_mac);
            let is_enough = of_other.count() >= 2;
            is_enough
                .then_some(())
                .ok_or_else(|| format!("{reporters:?}"))
        })?;
        assert!(!reporters.contains(&mac), "{software}: {reporters:?}");
        let (status, log) = silent.stop()?;
        assert!(status.success(), "{software}: {log}");
        assert_eq!(setting(&silent)?, "1", "{software}: {log}");
        Ok(())
    })?;
    Ok(())
}

/// What the setting was is known after a kill.
#[testbed::host_test]
fn a_start_after_a_kill_restores_the_setting() -> TestResult {
    let lan = Lan::new()?;
    let host = lan.host("one", [192, 168, 1, 11].into())?;
    let mut director = started(host, Software::Lbctl, &file("disable_local_igmp", 68))?;
    assert_eq!(setting(&director)?, "0");
    director.crash()?;
    assert_eq!(setting(&director)?, "0");
    director.configure(&file("", 68))?;
    director.start()?;
    wait_until("the setting", DEADLINE, || {
        let value = setting(&director).map_err(|error| error.to_string())?;
        (value == "1").then_some(()).ok_or_else(|| director.log())
    })?;
    Ok(())
}
