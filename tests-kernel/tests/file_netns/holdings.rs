// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addresses, routes and rules of a master: `ip` shows the same with either program.

use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Lan, Netns, wait_until};

use super::{DEADLINE, TestResult};

/// Every word that both programs know; rules without a priority come last, the first one lowest.
const FILE: &str = "\
vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    virtual_router_id 61
    advert_int 1
    virtual_ipaddress {
        192.168.1.100/24 dev eth0 label eth0:vip
        192.168.1.101/24 brd +
        192.168.1.102/24 brd 192.168.1.200 scope link
        192.168.1.103/32 peer 192.168.1.55
        192.168.1.104/24 noprefixroute
        192.168.1.105
    }
    virtual_ipaddress_excluded {
        2001:db8::5/64 home -nodad
        2001:db8::6
        2001:db8::7/64 preferred_lft 7777
        2001:db8::8/64 mngtmpaddr noprefixroute
    }
    virtual_routes {
        198.51.100.0/24 via 192.168.1.3 src 192.168.1.100
        default via 192.168.1.3 dev eth0 table 1000 metric 7 mtu 1400
        blackhole 203.0.113.0/24
        unreachable 203.0.114.0/24 metric 5 table 99
        throw 203.0.128.0/24 table 99
        prohibit 203.0.129.0/24
        203.0.116.0/24 dev eth0
        203.0.117.0/24 dev eth0 scope link
        203.0.118.0/24 nexthop via 192.168.1.4 dev eth0 weight 2 nexthop via 192.168.1.5 weight 3
        203.0.119.0/24 via 192.168.1.4 or 192.168.1.5
        203.0.120.0/24 via 10.10.0.1 dev eth0 onlink
        203.0.121.0/24 dev eth0 mtu lock 1300 advmss 1200 initcwnd 20
        203.0.122.0/24 dev eth0 tos 0x10
        203.0.124.0/24 dev eth0 rto_min 200ms quickack 1 features ecn
        203.0.126.5 dev eth0 no_track
        2001:db8:9::/48 dev eth0
        2001:db8:a::/48 via 2001:db8::9 dev eth0 pref high
        192.168.1.0/24 via 192.168.1.3
    }
    virtual_rules {
        from 192.168.1.100 table 1000
        from 192.168.1.101 lookup main preference 77
        to 10.0.0.0/8 table 99
        not from 192.168.1.102 table 99 priority 100
        fwmark 0x10/0xf0 iif eth0 prohibit priority 101
        fwmark 5 table 9
        fwmark 6 table 9 priority 200
        fwmark 7 table 9 priority 200
        from 2001:db8::5 table 9
        goto 32766 priority 150
        nop priority 151
        oif eth0 blackhole priority 152
        tos 0x10 table 9 priority 153
        uidrange 0-0 table 9 priority 154
        ipproto tcp sport 10-20 dport 80-81 table 9 priority 155
        suppress_prefixlength 0 table main priority 156
        l3mdev priority 157
        from 192.168.1.200 unreachable priority 158
        suppress_ifgroup 3 table 9 priority 161
        to default table 9 priority 163
    }
}
";

/// A listing without what differs by time, by host and by whose it is.
pub(super) fn listing(netns: &Netns, words: &str) -> TestResult<Vec<String>> {
    let lines = netns.ip(words)?;
    let mut shown = Vec::new();
    for line in lines.lines() {
        if line.contains("fe80::") || line.contains("proto kernel") || line.contains("ff00::") {
            continue;
        }
        let mut words = line.split_whitespace();
        let mut kept = Vec::new();
        while let Some(word) = words.next() {
            match word {
                "proto" => {
                    words.next();
                }
                "preferred_lft" => {
                    let lifetime = words.next().unwrap_or_default();
                    let some = if matches!(lifetime, "forever" | "0sec") {
                        lifetime
                    } else {
                        "some"
                    };
                    kept.extend([word, some]);
                }
                _ => kept.push(word),
            }
        }
        shown.push(kept.join(" "));
    }
    Ok(shown)
}

pub(super) fn all(netns: &Netns) -> TestResult<[Vec<String>; 5]> {
    Ok([
        listing(netns, "-o addr show dev eth0")?,
        listing(netns, "-4 -o route show table all")?,
        listing(netns, "-6 -o route show table all")?,
        listing(netns, "-4 rule show")?,
        listing(netns, "-6 rule show")?,
    ])
}

// shows vrrp_instance: virtual_ipaddress_excluded, virtual_routes, virtual_rules
#[testbed::host_test]
fn a_master_holds_what_keepalived_would() -> TestResult {
    let mut seen = Vec::new();
    for software in [Software::Keepalived, Software::Lbctl] {
        let lan = Lan::new()?;
        let host = lan.host("one", [192, 168, 1, 11].into())?;
        host.netns().ip("addr add 2001:db8::1/64 dev eth0 nodad")?;
        let before = all(host.netns())?;
        let mut director = Director::new(host, software, FILE)?;
        director.start()?;
        let netns = director.host().netns().clone();
        // The last rule is the last thing that either adds.
        wait_until(&format!("{software} holds all"), DEADLINE, || {
            let rules = netns.ip("-4 rule show").unwrap_or_default();
            if rules.contains("163:") {
                Ok(())
            } else {
                Err(format!("{rules}\n{}", director.log()))
            }
        })?;
        seen.push(all(&netns)?);
        let (status, log) = director.stop()?;
        assert!(status.success(), "{software}: {log}");
        // keepalived 2.2.7 leaves addresses with a peer.
        if software == Software::Lbctl {
            assert_eq!(all(&netns)?, before, "ours leaves something");
        }
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
