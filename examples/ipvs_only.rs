// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo run -p examples --example ipvs_only` lists a service as `ipvsadm -Ln` does, before and after a change; it ends with `0 services left`.
//!
//! The IPVS table without a load balancer: one batch of changes, a listing, a weight set to 0, and all of
//! it deleted. It happens in a network namespace of its own, so the table of this machine is not touched.
//! Root and a kernel with IPVS are needed; in the lab's kernel:
//! `cargo xtask guest -- target/debug/examples/ipvs_only`.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use examples::{Result, need_ipvs};
use lb_ipvs::{
    Change, Destination, ForwardingMethod, IpvsHandle, Scheduler, Service, ServiceKey, Weight, text,
};
use tests_kernel::net::Netns;

#[tokio::main(flavor = "current_thread")]
async fn story() -> Result<()> {
    let mut ipvs = IpvsHandle::connect().await?;
    let key = ServiceKey::tcp("192.168.1.50:80".parse()?);
    let destination = |address: &str| -> Result<Destination> {
        Ok(Destination::new(address.parse()?).with_forwarding(ForwardingMethod::DirectRouting))
    };
    let (first, second) = (
        destination("192.168.1.61:80")?,
        destination("192.168.1.62:80")?,
    );

    // One batch; the outer error is the socket's, the inner ones are those of single changes.
    let outcomes = ipvs
        .apply(&[
            Change::AddService(Service::new(key, Scheduler::WeightedRoundRobin)),
            Change::AddDestination(key, first),
            Change::AddDestination(key, second),
        ])
        .await?;
    outcomes
        .into_iter()
        .collect::<std::result::Result<(), _>>()?;
    list(&mut ipvs).await?;

    // No new connections for the first from now on; those it has go on.
    let drained = first.with_weight(Weight::ZERO);
    ipvs.edit_destination(&key, &drained).await?;
    list(&mut ipvs).await?;

    ipvs.delete_service(&key).await?;
    println!("{} services left", ipvs.services().await?.len());
    Ok(())
}

async fn list(ipvs: &mut IpvsHandle) -> Result<()> {
    let (info, table) = (ipvs.info().await?, ipvs.snapshot().await?);
    let mut listing = String::new();
    text::listing(&text::Listing::default(), &info, &table, &mut listing)?;
    println!("{listing}");
    Ok(())
}

fn main() -> Result<()> {
    need_ipvs("ipvs_only")?;
    // With loopback up: where there is no local address at all, the kernel takes no destination.
    Netns::new("ipvs")?.enter(story)?
}
