// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo run -p examples --example nat` spreads 40 connections 3 to 1 by masquerading and fails over; it ends with `both directors stopped`.
//!
//! Two directors, two real servers, a client, each in a network namespace of its own. The director rewrites
//! the addresses both ways, so the answers have to pass it: the real servers' default gateway is the
//! virtual address, which moves with the master, and the client is in another subnet. Root and a kernel
//! with IPVS are needed; in the lab's kernel: `cargo xtask guest -- target/debug/examples/nat`.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::net::Ipv4Addr;
use std::time::Duration;

use examples::{Cluster, Director, REAL_SERVERS, Result, VIP, fail_over, need_ipvs, router};
use lb_core::check::Policy;
use lb_core::ipvs::{Destination, ForwardingMethod, Scheduler, Service, ServiceKey, Weight};
use lb_core::model::{CheckSpec, Global, Model, RealServer, VirtualServer};

/// The real servers' weights: of four connections the first gets three.
const WEIGHTS: [u32; 2] = [3, 1];

/// What a director is to do; the one with the higher priority holds the virtual address.
fn model(name: &str, priority: u8) -> Result<Model> {
    let key = ServiceKey::tcp((VIP, 80).into());
    let mut web = VirtualServer::new(Service::new(key, Scheduler::WeightedRoundRobin));
    for (address, weight) in REAL_SERVERS.into_iter().zip(WEIGHTS) {
        let weight = Weight::new(weight).ok_or("a weight is at most 2147483647")?;
        web = web.with_real_server(real_server(address, weight));
    }
    let model = Model::builder()
        .global(Global::new(name))
        .router(router(priority)?)
        .virtual_server(web);
    Ok(model.build()?)
}

/// A real server with a connection tried every second.
fn real_server(address: Ipv4Addr, weight: Weight) -> RealServer {
    let destination = Destination::new((address, 80).into())
        .with_forwarding(ForwardingMethod::Masquerade)
        .with_weight(weight);
    let check = CheckSpec::tcp(destination.address, Duration::from_secs(1))
        .with_policy(Policy::default().with_interval(Duration::from_secs(1)));
    RealServer::new(destination).with_check(check)
}

/// Routes, so that both ways lead over the director that holds the virtual address.
fn prepare(cluster: &Cluster) -> Result<()> {
    for real_server in &cluster.real_servers {
        let netns = real_server.netns();
        netns.ip(&format!("route replace default via {VIP} dev eth0"))?;
    }
    for director in &cluster.directors {
        director.netns().sysctl("net/ipv4/ip_forward", "1")?;
        director.netns().ip("route add 172.16.0.0/24 dev eth0")?;
    }
    let client = cluster.client.netns();
    client.ip("addr flush dev eth0")?;
    client.ip("addr add 172.16.0.100/24 dev eth0")?;
    client.ip("route add 192.168.1.0/24 dev eth0")?;
    Ok(())
}

fn main() -> Result<()> {
    need_ipvs("nat")?;
    let cluster = Cluster::new()?;
    prepare(&cluster)?;

    let [lb1, lb2] = &cluster.directors;
    let running = [
        Director::start(lb1, model("lb1", 150)?)?,
        Director::start(lb2, model("lb2", 100)?)?,
    ];
    cluster.until_served_by(lb1)?;
    println!("lb1 holds {VIP}");
    cluster.expect_spread([30, 10])?;
    fail_over(&cluster, running, [30, 10])
}
