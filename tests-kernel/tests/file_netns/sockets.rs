// SPDX-License-Identifier: MIT OR Apache-2.0
//! Buffers of sockets: what the kernel shows of them.

use std::collections::BTreeSet;

use nix::sys::socket::sockopt::RcvBuf;
use nix::sys::socket::{getsockopt, setsockopt};
use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Lan, wait_until};

use super::{DEADLINE, TestResult, privileged};

fn file(global: &str) -> String {
    format!(
        "global_defs {{\n {global}\n}}
vrrp_instance VI_1 {{
    interface eth0
    virtual_router_id 61
    virtual_ipaddress {{
        192.168.1.50
        192.168.1.51
    }}
}}
vrrp_instance VI_2 {{
    interface eth0
    virtual_router_id 62
    virtual_ipaddress {{
        192.168.1.52
    }}
}}
"
    )
}

/// The receive buffers of adverts and of the netlink sockets, in bytes as the kernel counts.
fn buffers(global: &str) -> TestResult<(u64, Vec<u64>)> {
    let lan = Lan::new()?;
    let host = lan.host("one", [192, 168, 1, 11].into())?;
    let mut director = Director::new(host, Software::Lbctl, &file(global))?;
    director.start()?;
    let adverts = wait_until("status", DEADLINE, || {
        let status = director.lbctl(&["status", "--json"]);
        let text = status.map_err(|error| format!("{error}\n{}", director.log()))?;
        let status: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let size = status["interfaces"][0]["receive_buffer"].as_u64();
        size.ok_or(text)
    })?;
    let listing = director.host().netns().run("ss -Hanm -f netlink")?;
    // One that listens to a multicast group is listed twice.
    let lines: BTreeSet<&str> = listing.lines().collect();
    let size = |line: &&str| line.split(",rb").nth(1)?.split(',').next()?.parse().ok();
    let netlink = lines.iter().filter_map(size).collect();
    let (status, log) = director.stop()?;
    assert!(status.success(), "{log}");
    Ok((adverts, netlink))
}

/// The largest receive buffer without privileges, as the kernel counts.
fn limit() -> TestResult<u64> {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
    setsockopt(&socket, RcvBuf, &(1 << 29))?;
    Ok(getsockopt(&socket, RcvBuf)?.try_into()?)
}

// shows global_defs: vrrp_rx_bufs_policy, vrrp_rx_bufs_multiplier
// shows global_defs: vrrp_netlink_cmd_rcv_bufs, vrrp_netlink_cmd_rcv_bufs_force
// shows global_defs: vrrp_netlink_monitor_rcv_bufs, vrrp_netlink_monitor_rcv_bufs_force
#[testbed::host_test]
fn buffers_are_as_large_as_the_file_wants_them() -> TestResult {
    let usual = 2 * 512 * 1024;
    let limit = limit()?;
    let forced = |bytes: u64| {
        if privileged() {
            bytes
        } else {
            bytes.min(limit)
        }
    };
    let (adverts, netlink) = buffers("")?;
    assert!(adverts <= usual, "{adverts}");
    assert!(
        netlink.iter().all(|size| *size <= 2 * 1024 * 1024),
        "{netlink:?}"
    );
    // Two routers on an interface of 1500 bytes; adverts of 44 and of 40 bytes. The kernel makes
    // twice as much.
    for (policy, multiplier, wanted) in [
        ("MTU", 1000, 2 * 2 * 1_500_000),
        ("ADVERT", 50_000, 2 * (44 + 40) * 50_000),
    ] {
        let global = format!("vrrp_rx_bufs_policy {policy}\n vrrp_rx_bufs_multiplier {multiplier}");
        assert_eq!(buffers(&global)?.0, forced(wanted), "{policy}");
    }
    let (adverts, _) = buffers("vrrp_rx_bufs_policy 3000000")?;
    assert_eq!(adverts, forced(2 * 2 * 3_000_000));
    // keepalived's sample value is less than what there is anyway.
    assert!(buffers("vrrp_rx_bufs_policy MTU")?.0 <= usual);

    let (_, netlink) = buffers(
        "vrrp_netlink_cmd_rcv_bufs 21000000\n vrrp_netlink_cmd_rcv_bufs_force\n \
         vrrp_netlink_monitor_rcv_bufs 22000000\n vrrp_netlink_monitor_rcv_bufs_force true",
    )?;
    let count = |size| {
        netlink
            .iter()
            .filter(|found| **found == forced(size))
            .count()
    };
    let counts = (count(42_000_000), count(44_000_000));
    let expected = if privileged() { (1, 2) } else { (3, 3) };
    assert_eq!(counts, expected, "{netlink:?}");
    // Without force the limit of the machine holds.
    let (_, netlink) = buffers("vrrp_netlink_monitor_rcv_bufs 999999999")?;
    let count = netlink.iter().filter(|size| **size == limit).count();
    assert_eq!(count, 2, "{netlink:?}");
    Ok(())
}
