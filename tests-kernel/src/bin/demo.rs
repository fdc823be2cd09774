// SPDX-License-Identifier: MIT OR Apache-2.0
//! `demo [keepalived]`: the cluster's story with a time line. Two directors hold a virtual
//! address and spread requests over two real servers, lose a real server, lose a director, and
//! recover. Runs in the guest (`cargo xtask demo`); with `keepalived` as the directors' daemon it
//! tells the same story for comparison.

#![expect(clippy::print_stdout, reason = "a program that tells a story")]

use std::error::Error;
use std::time::{Duration, Instant};

use tests_kernel::cluster::{Cluster, Forwarding, REAL_SERVERS, Software, VIP, wait_for_service};
use tests_kernel::net::{Behaviour, NetError, Poller};

const DEADLINE: Duration = Duration::from_secs(60);
const REQUESTS: usize = 20;

struct Story {
    begin: Instant,
    cluster: Cluster,
}

fn main() -> Result<(), Box<dyn Error>> {
    let software = match std::env::args().nth(1).as_deref() {
        None => Software::Lbctl,
        Some("keepalived") => Software::Keepalived,
        Some(_) => return Err("usage: demo [keepalived]".into()),
    };
    let begin = Instant::now();
    let cluster = Cluster::new([software; 2], Forwarding::DirectRouting, str::to_owned)?;
    let mut story = Story { begin, cluster };
    story.say(&format!(
        "two directors ({software}), two real servers and a client are on one LAN"
    ));
    story.together()?;
    story.real_server_fails()?;
    story.director_fails()?;
    story.director_stops()?;
    story.say("done: no manual step was needed");
    Ok(())
}

impl Story {
    fn say(&self, what: &str) {
        println!("[{:6.1} s] {what}", self.begin.elapsed().as_secs_f64());
    }

    fn show(&self, text: &str) {
        for line in text.lines() {
            println!("           | {line}");
        }
    }

    fn together(&mut self) -> Result<(), NetError> {
        self.cluster.start()?;
        self.say(&format!("lb1 is master and has {VIP}; lb2 is backup:"));
        for director in &self.cluster.directors {
            let addresses = director.host().netns().ip("-4 -br addr show dev eth0")?;
            self.show(&format!("{}  {addresses}", director.name()));
        }
        self.say("both have the same table; lb1's:");
        self.show(&self.cluster.directors[0].table()?);
        self.requests()
    }

    /// Sends requests and prints which real server answered how many.
    fn requests(&self) -> Result<(), NetError> {
        let spread = self.cluster.client.spread(REQUESTS)?;
        let spread: Vec<_> = spread
            .iter()
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        self.say(&format!(
            "the client sends {REQUESTS} requests: {}",
            spread.join(", ")
        ));
        Ok(())
    }

    fn real_server_fails(&self) -> Result<(), NetError> {
        let [_, second] = REAL_SERVERS;
        self.cluster.servers[0].set_behaviour(Behaviour::Refuse);
        let at = Instant::now();
        self.say("rs1's web server is stopped");
        self.cluster.directors[0].wait_for_table(&[second], DEADLINE)?;
        self.say(&format!(
            "lb1 has taken it out after {:.1} s",
            at.elapsed().as_secs_f64()
        ));
        self.requests()?;
        self.cluster.servers[0].set_behaviour(Behaviour::Serve);
        let at = Instant::now();
        self.say("rs1's web server is started");
        self.cluster.directors[0].wait_for_table(&REAL_SERVERS, DEADLINE)?;
        self.say(&format!(
            "lb1 has put it back after {:.1} s",
            at.elapsed().as_secs_f64()
        ));
        self.requests()
    }

    fn director_fails(&mut self) -> Result<(), NetError> {
        let poller = self.cluster.poll()?;
        self.say("the client now asks every 20 ms");
        self.cluster.directors[0].host().set_cable(false)?;
        self.cluster.directors[0].crash()?;
        let at = Instant::now();
        self.say("lb1 crashes: off the wire, its daemon killed");
        let first = self.cluster.first_advert(1, at, DEADLINE)?;
        self.say(&format!(
            "lb2 is master {:.2} s after that",
            (first - at).as_secs_f64()
        ));
        wait_for_service(&poller, DEADLINE)?;
        self.outage(&poller);
        drop(poller);
        self.requests()?;
        self.say("lb1 is repaired and started");
        self.cluster.directors[0].reboot(VIP)?;
        self.cluster.directors[0].host().set_cable(true)?;
        self.cluster.directors[0].start()?;
        self.cluster.wait_for_master(0, DEADLINE)?;
        self.cluster.directors[0].wait_for_table(&REAL_SERVERS, DEADLINE)?;
        self.say("lb1, of higher priority, is master again");
        self.requests()
    }

    fn director_stops(&mut self) -> Result<(), NetError> {
        let poller = self.cluster.poll()?;
        let at = Instant::now();
        self.say("lb1 is stopped for maintenance; it resigns");
        self.cluster.directors[0].stop()?;
        let first = self.cluster.first_advert(1, at, DEADLINE)?;
        self.say(&format!(
            "lb2 is master {:.2} s after that",
            (first - at).as_secs_f64()
        ));
        wait_for_service(&poller, DEADLINE)?;
        self.outage(&poller);
        self.say("lb1's table after the stop:");
        self.show(&self.cluster.directors[0].table()?);
        Ok(())
    }

    fn outage(&self, poller: &Poller) {
        let outage = poller.longest_outage();
        self.say(&format!(
            "the client was not served for {:.2} s",
            outage.as_secs_f64()
        ));
    }
}
