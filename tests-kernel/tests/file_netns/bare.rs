// SPDX-License-Identifier: MIT OR Apache-2.0
//! Instances without `virtual_ipaddress`, as on hosts of a cloud, which have notify scripts only.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use testbed::play_at_once;
use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Advert, Capture, Lan, wait_until};

use super::{DEADLINE, TestResult};

const HOSTS: [Ipv4Addr; 2] = [
    Ipv4Addr::new(192, 168, 1, 11),
    Ipv4Addr::new(192, 168, 1, 12),
];

/// VRRPv2: both programs refuse version 3 without addresses, also for IPv6.
fn router(side: usize, unicast: bool) -> String {
    let priority = [150, 100][side];
    let peers = if unicast {
        let [own, peer] = [HOSTS[side], HOSTS[1 - side]];
        format!("unicast_src_ip {own}\n    unicast_peer {{\n        {peer}\n    }}")
    } else {
        String::new()
    };
    format!(
        "vrrp_instance VI_1 {{
    state BACKUP
    interface eth0
    virtual_router_id 65
    priority {priority}
    advert_int 1
    {peers}
}}
"
    )
}

#[testbed::host_test]
fn two_routers_without_addresses_elect_one() -> TestResult {
    let pairs = [
        [Software::Lbctl, Software::Keepalived],
        [Software::Keepalived, Software::Lbctl],
    ];
    let cases = [false, true].map(|unicast| pairs.map(|pair| (pair, unicast)));
    play_at_once(&cases.concat(), |&(pair, unicast)| {
        let lan = Lan::new()?;
        let hosts = [lan.host("one", HOSTS[0])?, lan.host("two", HOSTS[1])?];
        // The switch shows unicast to its ports alone.
        let capture = Capture::start(hosts[1].netns(), "eth0")?;
        let [one, two] = hosts;
        let begun = Instant::now();
        let mut first = Director::new(one, pair[0], &router(0, unicast))?;
        let mut second = Director::new(two, pair[1], &router(1, unicast))?;
        let wait_for_log = |director: &Director, words: &str| {
            wait_until(words, DEADLINE, || {
                let log = director.log();
                log.contains(words).then_some(()).ok_or(log)
            })
        };
        first.start()?;
        wait_for_log(&first, "Entering MASTER STATE")?;
        second.start()?;
        wait_for_log(&second, "Entering BACKUP STATE")?;
        let of_first = |advert: &Advert| advert.source == HOSTS[0];
        let mut since = begun;
        // More of them than the other one waits for.
        for _ in 0..5 {
            let (at, advert) = capture.wait_for_advert("an advert", since, DEADLINE, of_first)?;
            assert_eq!((advert.priority, &advert.addresses[..]), (150, &[][..]));
            assert!(advert.checksum_ok, "{advert:?}");
            since = at + Duration::from_millis(1);
        }
        assert!(!second.log().contains("MASTER STATE"), "{}", second.log());
        let (status, log) = first.stop()?;
        assert!(status.success(), "{log}");
        wait_for_log(&second, "Entering MASTER STATE")?;
        first.start()?;
        wait_until("the better one again", DEADLINE, || {
            let log = second.log();
            (log.matches("Entering BACKUP STATE").count() == 2)
                .then_some(())
                .ok_or(log)
        })?;
        Ok(())
    })?;
    Ok(())
}
