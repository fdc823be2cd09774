// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo run -p examples --example vrrp_simulation` prints what two routers do while their LAN is cut in two and joined again; its last line is `the host sends to router-a`.
//!
//! The engine alone: no socket, no clock, no root. The program jumps from one deadline to the next, so
//! forty seconds take no time. While the LAN is cut both routers are rightly master: no other router
//! answers on their side. After the LAN is joined the router with the higher priority stays master.

#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;
use std::time::{Duration, Instant};

use lb_vrrp::{
    Encapsulation, Output, Priority, Received, RouterConfig, State, VirtualRouter, Vrid,
};

const NAMES: [&str; 2] = ["router-a", "router-b"];

/// Two routers and one host.
struct Lan {
    start: Instant,
    now: Instant,
    routers: [VirtualRouter; 2],
    is_cut: bool,
    /// The router to which the host sends packets for the virtual address.
    neighbour: Option<usize>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let mut lan = Lan {
        start,
        now: start,
        routers: [router(150, [192, 0, 2, 1])?, router(100, [192, 0, 2, 2])?],
        is_cut: false,
        neighbour: None,
    };
    let startup = |router: &mut VirtualRouter| router.handle_startup(start);
    lan.routers.iter_mut().for_each(startup);
    lan.carry_out()?;
    lan.run(10)?;
    lan.is_cut = true;
    println!("--- the link is cut; the host is on the side of router-b");
    lan.run(20)?;
    lan.is_cut = false;
    println!("--- the link is joined again");
    lan.run(40)?;

    let states = lan.routers.each_ref().map(VirtualRouter::state);
    assert_eq!(states, [State::Master, State::Backup]);
    assert_eq!(lan.neighbour, Some(0));
    println!("the host sends to {}", NAMES[0]);
    Ok(())
}

fn router(priority: u8, primary: [u8; 4]) -> Result<VirtualRouter, Box<dyn Error>> {
    let config = RouterConfig::builder(Vrid::new(51)?)
        .priority(Priority::new(priority)?)
        .address([192, 0, 2, 100].into())
        .build()?;
    Ok(VirtualRouter::new(config, primary.into())?)
}

impl Lan {
    /// Jumps from timer to timer, until so many seconds after the start.
    fn run(&mut self, until: u64) -> Result<(), Box<dyn Error>> {
        let end = self.start + Duration::from_secs(until);
        loop {
            let timers = self.routers.iter().map(VirtualRouter::next_timeout);
            let timers = (0..)
                .zip(timers)
                .filter_map(|(router, due)| Some((due?, router)));
            self.now = end;
            match timers.min() {
                Some((due, router)) if due <= end => {
                    self.now = due;
                    self.routers[router].handle_timeout(due);
                    self.carry_out()?;
                }
                _ => return Ok(()),
            }
        }
    }

    /// Carries out the outputs of both routers; each router receives the advertisements of the other.
    fn carry_out(&mut self) -> Result<(), Box<dyn Error>> {
        let poll =
            |(router, engine): (usize, &mut VirtualRouter)| Some((router, engine.poll_output()?));
        while let Some((router, output)) = self.routers.iter_mut().enumerate().find_map(poll) {
            let seconds = (self.now - self.start).as_secs_f64();
            let print = |text: &str| println!("{:>7.4} s  {} {text}", seconds, NAMES[router]);
            match output {
                Output::SendAdvertisement(sent) => {
                    print(&format!("advertises priority {}", sent.priority));
                    let received = Received {
                        source: sent.source,
                        destination: sent.destination,
                        hop_limit: sent.hop_limit,
                        encapsulation: Encapsulation::Ip,
                        payload: &sent.payload,
                    };
                    if !self.is_cut {
                        self.routers[1 - router].handle_advertisement(self.now, received)?;
                    }
                }
                Output::AddAddresses => print("adds the address"),
                Output::RemoveAddresses => print("removes the address"),
                Output::Announce { .. } => {
                    print("announces the address");
                    if !self.is_cut || router == 1 {
                        self.neighbour = Some(router);
                    }
                }
                Output::Transitioned(transition) => print(&transition.to_string()),
                _ => {}
            }
        }
        Ok(())
    }
}
