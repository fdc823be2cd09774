// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two routers of one virtual address on a LAN of their own, and the third host that watches.

use std::net::Ipv4Addr;
use std::time::Duration;

use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Lan, Observer, Packet, Stamped};

use crate::Outcome;

/// The virtual address.
pub(crate) const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 100);
/// The preferred router's address, then the other's.
pub(crate) const ROUTERS: [Ipv4Addr; 2] =
    [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)];
const OBSERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 3);
/// Their priorities.
const PRIORITIES: [u8; 2] = [150, 100];

/// Ten times and more what a start or a takeover takes at 1 s.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The routers, the preferred one first.
pub(crate) struct Pair {
    pub(crate) interval: Duration,
    pub(crate) routers: [Director; 2],
    pub(crate) observer: Observer,
    _lan: Lan,
}

impl Pair {
    /// A pair that advertises in VRRPv3 at this interval, not started yet; `global` goes into the
    /// block `global_defs`.
    pub(crate) fn new(software: Software, interval: Duration, global: &str) -> Outcome<Self> {
        let lan = Lan::new()?;
        let observer = Observer::start(lan.host("observer", OBSERVER)?.netns())?;
        let router = |index: usize| -> Outcome<Director> {
            let text = configuration(interval, PRIORITIES[index], global, &[]);
            let host = lan.host(&format!("r{index}"), ROUTERS[index])?;
            Ok(Director::new(host, software, &text)?)
        };
        Ok(Self {
            interval,
            routers: [router(0)?, router(1)?],
            observer,
            _lan: lan,
        })
    }

    /// Rewrites the preferred router's file, with these addresses beside [`VIP`].
    pub(crate) fn configure(&self, excluded: &[Ipv4Addr]) -> Outcome {
        let text = configuration(self.interval, PRIORITIES[0], "", excluded);
        Ok(self.routers[0].configure(&text)?)
    }

    /// Three intervals and the skew of the second router: what it waits for, RFC 9568 §6.1.
    pub(crate) fn master_down(&self) -> Duration {
        self.interval * 3 + self.interval * (256 - u32::from(PRIORITIES[1])) / 256
    }

    /// Waits until the first router advertises alone, for this many advertisements in a row.
    pub(crate) fn wait_for_first(&self, adverts: usize) -> Outcome {
        let found = self.observer.wait(DEADLINE, |seen| {
            let mut last = seen.iter().rev().filter_map(advert).take(adverts);
            let count = last.clone().count();
            (count == adverts && last.all(|(_, router)| router == 0)).then_some(())
        });
        found.ok_or_else(|| {
            let logs = self.routers.iter().map(Director::log);
            let logs: Vec<String> = logs.collect();
            format!("the first router is not master: {}", logs.join("\n----\n")).into()
        })
    }
}

/// When and by which router, if that is an advertisement of one of them.
pub(crate) fn advert(seen: &Stamped) -> Option<(Duration, usize)> {
    let Packet::Advert(advert) = &seen.packet else {
        return None;
    };
    let router = ROUTERS.iter().position(|router| *router == advert.source)?;
    Some((seen.at, router))
}

/// The file of a router; `excluded` are addresses beyond [`VIP`].
fn configuration(interval: Duration, priority: u8, global: &str, excluded: &[Ipv4Addr]) -> String {
    let mut more = String::new();
    if !excluded.is_empty() {
        more += "  virtual_ipaddress_excluded {\n";
        for address in excluded {
            more += &format!("    {address}/24 dev eth0\n");
        }
        more += "  }\n";
    }
    format!(
        "global_defs {{\n  router_id bench\n  vrrp_version 3\n  {global}\n}}\n\
         vrrp_instance VI_1 {{\n  interface eth0\n  virtual_router_id 51\n  priority {priority}\n  \
         advert_int {}\n  virtual_ipaddress {{\n    {VIP}/24 dev eth0\n  }}\n{more}}}\n",
        interval.as_secs_f64()
    )
}
