// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of a file about the start, and about adverts of unknown virtual routers.

use std::fs;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use testbed::Monitor;
use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Capture, Lan, inject, ip_frame, wait_until};

use super::{BOTH, DEADLINE, TestResult};

/// An address owner, which advertises at once when nothing keeps it.
fn owner(global: &str) -> String {
    format!(
        "global_defs {{\n {global}\n}}
vrrp_instance VI_1 {{
    state MASTER
    interface eth0
    virtual_router_id 61
    priority 255
    advert_int 1
    virtual_ipaddress {{
        192.168.1.50
    }}
}}
"
    )
}

/// A virtual address that is the host's own: keepalived removes it, ours reports it and leaves it alone.
#[testbed::host_test]
fn own_address_of_the_host_stays_although_it_is_virtual() -> TestResult {
    let file = owner("").replace("priority 255", "priority 150");
    let file = file.replace("192.168.1.50", "192.168.1.11/24");
    for software in BOTH {
        let lan = Lan::new()?;
        let own = Ipv4Addr::new(192, 168, 1, 11);
        let host = lan.host("one", own)?;
        let netns = host.netns().clone();
        // Adverts need another source.
        netns.ip("addr add 192.168.2.11/24 dev eth0")?;
        let monitor = Monitor::start(&netns, "address")?;
        let mut director = Director::new(host, software, &file)?;
        director.start()?;
        wait_until(&format!("{software} is master"), DEADLINE, || {
            let log = director.log();
            let is_master = log.contains("Entering MASTER STATE") && director.has_address(own);
            is_master.then_some(()).ok_or(log)
        })?;
        let (status, log) = director.stop()?;
        assert!(status.success(), "{software}: {log}");
        let stays = software == Software::Lbctl;
        assert_eq!(director.has_address(own), stays, "{software}: {log}");
        let changes = monitor.stop()?;
        assert_eq!(!changes.contains("Deleted"), stays, "{software}: {changes}");
        let warning = "another program added the virtual address to the interface";
        assert_eq!(log.contains(warning), stays, "{log}");
    }
    Ok(())
}

/// Since the boot of this machine.
fn uptime() -> TestResult<Duration> {
    let text = fs::read_to_string("/proc/uptime")?;
    let seconds = text.split_whitespace().next().ok_or("empty")?.parse()?;
    Ok(Duration::from_secs_f64(seconds))
}

/// How long after its start a router advertises.
fn first_advert(software: Software, global: &str) -> TestResult<Duration> {
    let lan = Lan::new()?;
    let host = lan.host("one", [192, 168, 1, 11].into())?;
    let capture = Capture::start(lan.switch(), "br0")?;
    let mut director = Director::new(host, software, &owner(global))?;
    let begun = Instant::now();
    director.start()?;
    let advert = capture.wait_for_advert("an advert", begun, DEADLINE, |advert| advert.vrid == 61);
    let (at, _) = advert.map_err(|error| format!("{error}\n{}", director.log()))?;
    let (status, log) = director.stop()?;
    assert!(status.success(), "{software}: {log}");
    Ok(at - begun)
}

// shows global_defs: vrrp_startup_delay, vrrp_delay_after_boot
#[testbed::host_test]
fn startup_delay_no_advert_before_its_end() -> TestResult {
    let delay = Duration::from_millis(2500);
    for software in [Software::Keepalived, Software::Lbctl] {
        let took = first_advert(software, "vrrp_startup_delay 2.5")?;
        assert!(took >= delay, "{software}: {took:?}");
    }
    // It is the delay that does it.
    assert!(first_advert(Software::Lbctl, "")? < delay);

    // After the boot, which is some time ago; the larger of the two.
    let wanted = uptime()? + Duration::from_secs(3);
    let keyword = format!("vrrp_delay_after_boot {}", wanted.as_secs_f64());
    first_advert(
        Software::Lbctl,
        &format!("{keyword}\n vrrp_startup_delay 0.1"),
    )?;
    let advertised = uptime()?;
    assert!(advertised >= wanted, "{advertised:?} of {wanted:?}");
    Ok(())
}

// shows global_defs: log_unknown_vrids
#[testbed::host_test]
fn an_advert_of_an_unknown_router_is_logged_once_for_each_sender() -> TestResult {
    let lan = Lan::new()?;
    let host = lan.host("one", [192, 168, 1, 11].into())?;
    let mut director = Director::new(host, Software::Lbctl, &owner("log_unknown_vrids"))?;
    director.start()?;
    let lines = |director: &Director, source: Ipv4Addr| -> usize {
        let log = director.log();
        let is_reported =
            |line: &&str| line.contains("unknown virtual router") && line.contains("vrid=77");
        let source = format!("source={source}");
        log.lines()
            .filter(is_reported)
            .filter(|line| line.contains(&source))
            .count()
    };
    let group = [224, 0, 0, 18].into();
    // The first frame of the last one is read after all frames of the others.
    let peers = [77, 78, 79].map(|last| Ipv4Addr::new(192, 168, 1, last));
    for peer in peers {
        let frame = ip_frame(peer, group, 255, &[0x31, 77, 100, 0, 0, 10, 0, 0]);
        // More than once: what comes before it listens is lost.
        wait_until("a line", DEADLINE, || {
            inject(lan.switch(), "br0", &frame).map_err(|error| error.to_string())?;
            match lines(&director, peer) {
                0 => Err(director.log()),
                _ => Ok(()),
            }
        })?;
        for _ in 0..100 {
            inject(lan.switch(), "br0", &frame)?;
        }
    }
    for peer in peers {
        assert_eq!(lines(&director, peer), 1, "{}", director.log());
    }
    Ok(())
}
