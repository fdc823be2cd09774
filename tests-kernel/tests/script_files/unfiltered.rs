// SPDX-License-Identifier: MIT OR Apache-2.0
//! A kernel that cannot drop packets, as that of the guest: it has nf_tables, but no tables for IP.

use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Lan, wait_until};

use super::{DEADLINE, TestResult};

const FILE: &str = "\
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 61
    version 3
    advert_int 0.5
    strict_mode
    virtual_ipaddress {
        192.168.1.50/24
        192.168.1.51/24
    }
}
";

#[testbed::guest_test]
fn kernel_without_tables_for_ip_is_reported_once_and_in_the_status() -> TestResult {
    let lan = Lan::new()?;
    let host = lan.host("one", [192, 168, 1, 11].into())?;
    let mut director = Director::new(host, Software::Lbctl, FILE)?;
    director.start()?;
    let why = "the kernel has no nf_tables for IPv4";
    let status = wait_until("a status that shows it", DEADLINE, || {
        let status = director
            .lbctl(&["status"])
            .map_err(|error| error.to_string())?;
        let is_shown = status.contains(&format!("VI_1: packets are not dropped: {why}"));
        is_shown
            .then_some(())
            .ok_or_else(|| format!("{status}{}", director.log()))
    });
    status?;
    assert!(director.has_address([192, 168, 1, 50].into()));
    let (status, log) = director.stop()?;
    assert!(status.success(), "{log}");
    assert_eq!(log.matches(why).count(), 1, "{log}");
    assert!(
        log.contains("packets to IPv4 virtual addresses are accepted"),
        "{log}"
    );
    Ok(())
}
