// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo run -p examples --example vrrp_simulation` prints what two routers do while their LAN is cut in two and whole again; its last line is `the host sends to router-a`.
//!
//! The engine alone: no socket, no clock, no root. Forty seconds pass in no time, because the
//! program jumps from one deadline to the next. While the LAN is cut both routers are master, each
//! rightly: no other router answers on its side. Once it is whole the better one stays.

#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::collections::VecDeque;
use std::error::Error;
use std::time::{Duration, Instant};

use lb_vrrp::{
    Encapsulation, Output, Priority, Received, RouterConfig, State, Transmit, VirtualRouter, Vrid,
};

const NAMES: [&str; 2] = ["router-a", "router-b"];
const ADDRESS: [u8; 4] = [192, 0, 2, 100];
const CUT: Duration = Duration::from_secs(10);
const HEALED: Duration = Duration::from_secs(20);
const END: Duration = Duration::from_secs(40);
/// How long a frame takes.
const LATENCY: Duration = Duration::from_micros(200);

/// Two routers and one host, which is on the side of router-b when the LAN is cut.
struct Lan {
    start: Instant,
    now: Instant,
    routers: [VirtualRouter; 2],
    /// Advertisements on their way: when they arrive, from whom.
    flying: VecDeque<(Instant, usize, Transmit)>,
    cut: bool,
    /// Whom the host sends packets for the virtual address to.
    cache: Option<usize>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let routers = [router(150, [192, 0, 2, 1])?, router(100, [192, 0, 2, 2])?];
    let mut lan = Lan {
        start,
        now: start,
        routers,
        flying: VecDeque::new(),
        cut: false,
        cache: None,
    };
    for me in 0..NAMES.len() {
        lan.routers[me].handle_startup(start);
        lan.obey(me);
    }
    lan.run(CUT)?;
    lan.cut = true;
    lan.say("--- the link is cut; the host stays with router-b");
    lan.run(HEALED)?;
    lan.cut = false;
    lan.say("--- the link is whole again");
    lan.run(END)?;

    let states = lan.routers.each_ref().map(VirtualRouter::state);
    let cache = lan.cache.map_or("no router", |router| NAMES[router]);
    println!("the host sends to {cache}");
    if states != [State::Master, State::Backup] || lan.cache != Some(0) {
        return Err("router-a should be master, and the host should know".into());
    }
    Ok(())
}

fn router(priority: u8, own: [u8; 4]) -> Result<VirtualRouter, Box<dyn Error>> {
    let config = RouterConfig::builder(Vrid::new(51)?)
        .priority(Priority::new(priority)?)
        .address(ADDRESS.into())
        .build()?;
    Ok(VirtualRouter::new(config, own.into())?)
}

impl Lan {
    /// Runs from event to event: arrivals first, then timers.
    fn run(&mut self, until: Duration) -> Result<(), Box<dyn Error>> {
        loop {
            let arrival = self.flying.front().map(|(arrival, ..)| *arrival);
            let timer = (0..NAMES.len())
                .filter_map(|me| Some((self.routers[me].next_timeout()?, me)))
                .min();
            match (arrival, timer) {
                (Some(at), _) if timer.is_none_or(|(due, _)| at <= due) => {
                    self.now = at;
                    if let Some((_, from, sent)) = self.flying.pop_front() {
                        self.arrive(1 - from, &sent)?;
                    }
                }
                (_, Some((due, me))) if due <= self.start + until => {
                    self.now = due;
                    self.routers[me].handle_timeout(due);
                    self.obey(me);
                }
                _ => {
                    self.now = self.start + until;
                    return Ok(());
                }
            }
        }
    }

    fn arrive(&mut self, me: usize, sent: &Transmit) -> Result<(), Box<dyn Error>> {
        let received = Received {
            source: sent.source,
            destination: sent.destination,
            hop_limit: sent.hop_limit,
            encapsulation: Encapsulation::Ip,
            payload: &sent.payload,
        };
        self.routers[me].handle_advertisement(self.now, received)?;
        self.obey(me);
        Ok(())
    }

    /// Carries out the outputs of a router in their order.
    fn obey(&mut self, me: usize) {
        while let Some(output) = self.routers[me].poll_output() {
            let name = NAMES[me];
            match output {
                Output::SendAdvertisement(sent) => {
                    self.say(&format!("{name} advertises priority {}", sent.priority));
                    if !self.cut {
                        self.flying.push_back((self.now + LATENCY, me, sent));
                    }
                }
                Output::AddAddresses => self.say(&format!("{name} adds the address")),
                Output::RemoveAddresses => self.say(&format!("{name} removes the address")),
                Output::Announce { .. } => {
                    self.say(&format!("{name} announces the address"));
                    if !self.cut || me == 1 {
                        self.cache = Some(me);
                    }
                }
                Output::Transitioned(transition) => self.say(&format!("{name}: {transition}")),
                _ => {}
            }
        }
    }

    fn say(&self, what: &str) {
        let since = self.now.duration_since(self.start).as_secs_f64();
        println!("{since:>9.4} s  {what}");
    }
}
