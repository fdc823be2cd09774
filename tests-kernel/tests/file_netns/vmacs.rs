// SPDX-License-Identifier: MIT OR Apache-2.0
//! Virtual MAC addresses for addresses on other interfaces: the macvlans that keepalived makes.

use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Lan, Netns, wait_until};

use super::{DEADLINE, TestResult};

const FILE: &str = "\
global_defs {
    vmac_prefix lan
    vmac_addr_prefix va
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 61
    advert_int 1
    use_vmac
    use_vmac_addr
    virtual_ipaddress {
        192.168.1.50/24
        192.168.7.50/24 dev eth1
        192.168.7.51/24 dev eth1
        192.168.8.50/24 dev eth2
    }
    virtual_ipaddress_excluded {
        2001:db8:7::50/64 dev eth1
    }
}
vrrp_instance VI_2 {
    interface eth0
    virtual_router_id 62
    advert_int 1
    virtual_ipaddress {
        192.168.1.60/24
        192.168.1.61/24 use_vmac
        192.168.7.60/24 dev eth1 use_vmac
        192.168.8.60/24 dev eth2
    }
}
";
/// The last addresses of the two.
const LAST: [&str; 2] = ["2001:db8:7::50/", "192.168.8.60/"];

/// Each macvlan with what is beneath and its MAC address, and each virtual address with where it is.
fn seen(netns: &Netns) -> TestResult<(Vec<String>, Vec<String>)> {
    let mut links = Vec::new();
    for line in netns.ip("-d -o link show")?.lines() {
        if !line.contains("macvlan mode private") {
            continue;
        }
        let name = line.split_whitespace().nth(1).ok_or("no name")?;
        let mut words = line.split_whitespace();
        let mac = words.by_ref().skip_while(|word| *word != "link/ether");
        let mac = mac.take(2).last().ok_or("no MAC address")?;
        links.push(format!("{name} {mac}"));
    }
    let mut addresses = Vec::new();
    for line in netns.ip("-o addr show")?.lines() {
        let mut words = line.split_whitespace().skip(1);
        let (name, address) = (words.next(), words.nth(1));
        let (name, address) = (name.ok_or("no name")?, address.ok_or("no address")?);
        // keepalived's IPv6 macvlans have a link-local address.
        if !address.starts_with("fe80::") {
            addresses.push(format!("{name} {address}"));
        }
    }
    links.sort();
    addresses.sort();
    Ok((links, addresses))
}

// shows global_defs: vmac_prefix, vmac_addr_prefix
// shows vrrp_instance: use_vmac, use_vmac_addr
#[testbed::host_test]
fn addresses_on_other_interfaces_are_where_keepalived_has_them() -> TestResult {
    let mut both = Vec::new();
    for software in [Software::Keepalived, Software::Lbctl] {
        let lan = Lan::new()?;
        let host = lan.host("one", [192, 168, 1, 11].into())?;
        let netns = host.netns().clone();
        for (number, network) in [(1, 7), (2, 8)] {
            netns.ip(&format!(
                "link add eth{number} type veth peer name peer{number}"
            ))?;
            for name in ["eth", "peer"] {
                netns.ip(&format!("link set {name}{number} up"))?;
            }
            netns.ip(&format!("addr add 192.168.{network}.11/24 dev eth{number}"))?;
        }
        let before = seen(&netns)?;
        let mut director = Director::new(host, software, FILE)?;
        director.start()?;
        wait_until(&format!("{software} holds all"), DEADLINE, || {
            let listing = netns.ip("-o addr show").unwrap_or_default();
            let all = LAST.iter().all(|last| listing.contains(last));
            let log = || format!("{listing}\n{}", director.log());
            all.then_some(()).ok_or_else(log)
        })?;
        both.push(seen(&netns)?);
        let (status, log) = director.stop()?;
        assert!(status.success(), "{software}: {log}");
        assert_eq!(seen(&netns)?, before, "{software} leaves something");
    }
    let [theirs, ours] = &both[..] else {
        return Err("two listings".into());
    };
    assert_eq!(ours, theirs);
    assert_eq!(ours.0.len(), 6, "{ours:?}");
    Ok(())
}
