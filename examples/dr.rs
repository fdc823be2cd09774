// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo run -p examples --example dr` spreads 40 connections evenly by direct routing and fails over; it ends with `both directors stopped`.
//!
//! Two directors, two real servers, a client, each in a network namespace of its own. The request reaches
//! the director, which passes it on by the real server's hardware address; the answer goes to the client
//! directly. So every real server has the virtual address too, and must keep quiet about it. Root and a
//! kernel with IPVS are needed; in the lab's kernel: `cargo xtask guest -- target/debug/examples/dr`.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::net::Ipv4Addr;
use std::time::Duration;

use examples::{Cluster, Director, REAL_SERVERS, Result, VIP, fail_over, need_ipvs, router};
use lb_core::check::{Policy, Url};
use lb_core::ipvs::{Destination, ForwardingMethod, Scheduler, Service, ServiceKey};
use lb_core::model::{CheckSpec, Global, Model, RealServer, VirtualServer, VrrpInstance};
use tests_kernel::net::Host;

/// What a director is to do; the one with the higher priority holds the virtual address.
fn model(name: &str, priority: u8) -> Result<Model> {
    let key = ServiceKey::tcp((VIP, 80).into());
    let mut web = VirtualServer::new(Service::new(key, Scheduler::WeightedRoundRobin));
    for address in REAL_SERVERS {
        web = web.with_real_server(real_server(address)?);
    }
    // Connections are known to the other director too: `ip_vs`'s sync daemon follows the router's state.
    let router = VrrpInstance::new(router(priority)?).with_sync_daemon_interface("eth0");
    let model = Model::builder()
        .global(Global::new(name))
        .router(router)
        .virtual_server(web);
    Ok(model.build()?)
}

/// A real server with the default weight, 1, and a page that is fetched and compared once a second.
fn real_server(address: Ipv4Addr) -> Result<RealServer> {
    let destination =
        Destination::new((address, 80).into()).with_forwarding(ForwardingMethod::DirectRouting);
    let page = Url::new("/").with_digest("21dde95d9d269cbb2fa6560309dca40c".parse()?);
    let check = CheckSpec::http(destination.address, [page], Duration::from_secs(1))
        .with_policy(Policy::default().with_interval(Duration::from_secs(1)));
    Ok(RealServer::new(destination).with_check(check))
}

/// Gives a real server the virtual address, which it neither answers for nor tells by ARP.
fn prepare(real_server: &Host) -> Result<()> {
    let netns = real_server.netns();
    netns.sysctl("net/ipv4/conf/all/arp_ignore", "1")?;
    netns.sysctl("net/ipv4/conf/all/arp_announce", "2")?;
    netns.ip(&format!("addr add {VIP}/32 dev lo"))?;
    Ok(())
}

fn main() -> Result<()> {
    need_ipvs("dr")?;
    let cluster = Cluster::new()?;
    cluster.real_servers.iter().try_for_each(prepare)?;

    let [lb1, lb2] = &cluster.directors;
    let running = [
        Director::start(lb1, model("lb1", 150)?)?,
        Director::start(lb2, model("lb2", 100)?)?,
    ];
    cluster.until_served_by(lb1)?;
    println!("lb1 holds {VIP}");
    cluster.expect_spread([20, 20])?;
    fail_over(&cluster, running, [20, 20])
}
