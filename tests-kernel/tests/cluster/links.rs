// SPDX-License-Identifier: MIT OR Apache-2.0
//! Interfaces that the host's kernel need not have: one with a status register, one whose driver does
//! not report its link, one in a VRF.

use std::time::{Duration, Instant};

use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Capture, Lan, wait_until};
use tests_kernel::process::pause;

use super::{DEADLINE, TestResult};

fn wait_for_log(director: &Director, text: &str) -> Result<String, tests_kernel::net::NetError> {
    wait_until(text, DEADLINE, || {
        let log = director.log();
        match log.contains(text) {
            true => Ok(log),
            false => Err(log),
        }
    })
}

#[testbed::guest_test]
fn links_are_polled_by_what_answers() -> TestResult {
    let text = "\
linkbeat_interfaces {
    bnd
    dum0 ETHTOOL
}
vrrp_instance VI_1 {
    state MASTER
    interface bnd
    virtual_router_id 62
    priority 255
    advert_int 1
    track_interface {
        dum0
    }
    virtual_ipaddress {
        192.168.8.50
    }
}
";
    for software in [Software::Keepalived, Software::Lbctl] {
        let lan = Lan::new()?;
        let host = lan.host("one", [192, 168, 1, 11].into())?;
        for line in [
            "link add d0 type veth peer name d1",
            "link add bnd type bond miimon 100",
            "link set d0 master bnd",
            "link set bnd up",
            "link set d1 up",
            "address add 192.168.8.11/24 dev bnd",
            "link add dum0 up type dummy",
        ] {
            host.netns().ip(line)?;
        }
        wait_until("the carrier", DEADLINE, || {
            let link = host.netns().ip("-o link show dev bnd");
            let link = link.map_err(|error| error.to_string())?;
            link.contains("state UP").then_some(()).ok_or(link)
        })?;
        let mut director = Director::new(host, software, text)?;
        director.start()?;
        wait_for_log(&director, "MASTER STATE")?;
        let netns = director.host().netns();
        netns.ip("link set d1 down")?;
        let log = wait_for_log(&director, "FAULT STATE")?;
        if software == Software::Lbctl {
            let status = director.lbctl(&["status"])?;
            let line = "bnd (IPv4): polled by MII, counts as down";
            assert!(status.contains(line), "{status}");
            assert!(log.contains("ifname=dum0 method=IOCTL"), "{log}");
        } else {
            assert!(log.contains("Linkbeat reports bnd down"), "{log}");
            let fell_back = "(dum0): Configured linkbeat type ETHTOOL not supported, using IOCTL";
            assert!(log.contains(fell_back), "{log}");
        }
        let (status, log) = director.stop()?;
        assert!(status.success(), "{software}: {log}");
    }
    Ok(())
}

#[testbed::guest_test]
fn an_interface_in_a_vrf_is_used_as_any_other() -> TestResult {
    for pair in [
        [Software::Keepalived, Software::Lbctl],
        [Software::Lbctl, Software::Keepalived],
    ] {
        let lan = Lan::new()?;
        let capture = Capture::start(lan.switch(), "br0")?;
        let mut directors = Vec::new();
        for (software, last) in pair.into_iter().zip([11, 12]) {
            let host = lan.host(&format!("r{last}"), [192, 168, 1, last].into())?;
            host.netns().ip("link add red up type vrf table 10")?;
            host.netns().ip("link set eth0 master red")?;
            let text = format!(
                "vrrp_instance VI_1 {{
    state BACKUP
    interface eth0
    vrf red
    virtual_router_id 62
    priority {}
    advert_int 1
    virtual_ipaddress {{
        192.168.1.50
    }}
}}
",
                255 - u32::from(last)
            );
            directors.push(Director::new(host, software, &text)?);
        }
        let [first, second] = directors.as_mut_slice() else {
            unreachable!("two were made");
        };
        first.start()?;
        wait_for_log(first, "MASTER STATE")?;
        second.start()?;
        wait_for_log(second, "BACKUP STATE")?;
        // Longer than the master down interval.
        pause(Duration::from_secs(5));
        assert!(!second.log().contains("MASTER"), "{}", second.log());
        let begun = Instant::now();
        first.crash()?;
        let own = second.host().address();
        capture.wait_for_advert("the other's advert", begun, DEADLINE, |advert| {
            advert.vrid == 62 && advert.source == own
        })?;
    }
    Ok(())
}
