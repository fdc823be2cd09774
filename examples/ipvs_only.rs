// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo run -p examples --example ipvs_only` adds, lists, drains and deletes, as `ipvsadm -A`, `-a`, `-Ln`, `-e … -w 0`, `-d` and `-D` would; it ends with `0 services left`.
//!
//! The IPVS table without a load balancer: a batch of changes, a client with a connection, listings, and a
//! real server that is drained: it goes when the client's connection has ended. It happens in a network
//! namespace of its own, so the table of this machine is not touched. Root and a kernel with IPVS are needed;
//! in the lab's kernel: `cargo xtask guest -- target/debug/examples/ipvs_only`.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use examples::{Result, need_ipvs};
use lb_ipvs::{
    Change, Destination, DrainOptions, DrainStep, IpvsHandle, Scheduler, Service, ServiceKey,
};
use testbed::Netns;

const SERVICE: &str = "192.168.1.50:80";
const FIRST: &str = "192.168.1.61:80";
const SECOND: &str = "192.168.1.62:80";

#[tokio::main(flavor = "current_thread")]
async fn story() -> Result<()> {
    let mut ipvs = IpvsHandle::connect().await?;
    let key = ServiceKey::tcp(SERVICE.parse()?);

    // One batch; the outer error is the socket's, the inner ones are those of single changes.
    let outcomes = ipvs
        .apply(&[
            Change::AddService(Service::new(key, Scheduler::WeightedRoundRobin)),
            Change::AddDestination(key, Destination::new(FIRST.parse()?)),
        ])
        .await?;
    outcomes
        .into_iter()
        .collect::<std::result::Result<(), _>>()?;

    // A client of the first real server, which is this host itself.
    let server = TcpListener::bind("0.0.0.0:80")?;
    let mut client = Some(TcpStream::connect(SERVICE)?);
    let (mut served, _) = server.accept()?;
    served.write_all(b"welcome")?;
    let second = Destination::new(SECOND.parse()?);
    ipvs.add_destination(&key, &second).await?;
    list(&mut ipvs).await?;

    // No new connections for the first from now on; it is deleted when its connection has ended.
    let targets = ipvs.find_destinations(first()?, Some(80)).await?;
    let options = DrainOptions::default().with_timeout(Duration::from_secs(60));
    let results = ipvs
        .drain(&targets, &options, |event| {
            println!("{event}");
            if let DrainStep::Waiting(_) = event.step {
                // It closes without reading, which resets the connection: the kernel forgets a connection
                // that was reset after 10 s, one that was closed after a minute or two.
                client.take();
            }
        })
        .await?;
    println!();
    if !results.iter().all(|result| result.is_drained()) {
        return Err("the connection did not end".into());
    }
    list(&mut ipvs).await?;

    ipvs.delete_service(&key).await?;
    println!("{} services left", ipvs.services().await?.len());
    Ok(())
}

fn first() -> Result<std::net::IpAddr> {
    Ok(FIRST.parse::<std::net::SocketAddr>()?.ip())
}

async fn list(ipvs: &mut IpvsHandle) -> Result<()> {
    let (info, table) = (ipvs.info().await?, ipvs.snapshot().await?);
    let mut listing = String::new();
    lb_ipvsadm::listing(&lb_ipvsadm::Listing::default(), &info, &table, &mut listing)?;
    println!("{listing}");
    Ok(())
}

fn main() -> Result<()> {
    need_ipvs("ipvs_only")?;
    // With loopback up: where there is no local address at all, the kernel takes no destination.
    let netns = Netns::new("ipvs")?;
    for address in ["192.168.1.50", "192.168.1.61"] {
        netns.ip(&format!("addr add {address}/32 dev lo"))?;
    }
    netns.enter(story)?
}
