// SPDX-License-Identifier: MIT OR Apache-2.0
//! When the addresses of a master are announced again.

use std::net::Ipv4Addr;
use std::time::Instant;

use testbed::play_at_once;
use tests_kernel::cluster::Director;
use tests_kernel::net::{Capture, Lan, wait_until};

use super::{BOTH, DEADLINE, TestResult};

/// The address owner is master at once.
const FILE: &str = "vrrp_instance VI_1 {
    state MASTER
    interface eth0
    virtual_router_id 64
    priority 255
    advert_int 1
    garp_master_repeat 3
    garp_master_delay 4
    garp_master_refresh 1
    garp_master_refresh_repeat 2
    virtual_ipaddress {
        192.168.1.50
    }
}
";

/// How many announcements there are from each second after the first one on, half a second earlier.
fn announcements(capture: &Capture, seconds: usize) -> Vec<usize> {
    let arps = capture.arps();
    let of_address = arps
        .iter()
        .filter(|(_, arp)| arp.is_gratuitous() && arp.sender == Ipv4Addr::new(192, 168, 1, 50));
    let times: Vec<Instant> = of_address.map(|(at, _)| *at).collect();
    let Some(first) = times.first() else {
        return Vec::new();
    };
    let mut counts = vec![0; seconds];
    for at in &times {
        let half_seconds = (*at - *first).as_millis() / 500;
        let second = usize::try_from(half_seconds.div_ceil(2)).unwrap_or(usize::MAX);
        if let Some(count) = counts.get_mut(second) {
            *count += 1;
        }
    }
    counts
}

// shows vrrp_instance: garp_master_delay, garp_master_repeat, garp_master_refresh, garp_master_refresh_repeat
#[testbed::host_test]
fn refreshes_do_not_wait_for_the_delayed_announcements() -> TestResult {
    play_at_once(&BOTH, |&software| {
        let lan = Lan::new()?;
        let host = lan.host("one", [192, 168, 1, 11].into())?;
        let capture = Capture::start(lan.switch(), "br0")?;
        let mut director = Director::new(host, software, FILE)?;
        director.start()?;
        // Three at once and three after four seconds, and two in each second.
        let expected = [3, 2, 2, 2, 5, 2, 2];
        wait_until("seven seconds", DEADLINE, || {
            let counts = announcements(&capture, expected.len());
            match counts == expected {
                true => Ok(()),
                false => Err(format!("{counts:?}")),
            }
        })?;
        let (status, log) = director.stop()?;
        assert!(status.success(), "{software}: {log}");
        Ok(())
    })?;
    Ok(())
}
