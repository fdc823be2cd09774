// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo run -p examples --example vrrp_only` shows an election, a crash and a takeover; its last line is `router-b holds 192.0.2.100 after …`.
//!
//! A virtual address without a load balancer. Without arguments it makes network namespaces with a
//! bridge between, runs a router in each and kills the Master; root is not needed where user
//! namespaces are allowed. `vrrp_only NAME INTERFACE VRID PRIORITY ADDRESS/PREFIX` runs one router
//! until Ctrl-C.

#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{error::Error, io::Write};

use lb_vrrp::driver::{Driver, DriverOptions, Event};
use lb_vrrp::spec::RouterSpec;
use lb_vrrp::{AdvertInterval, Priority, RouterConfig, Version, VirtualAddress, Vrid};

const ADDRESS: &str = "192.0.2.100";
const USAGE: &str = "usage: vrrp_only [NAME INTERFACE VRID PRIORITY ADDRESS/PREFIX]";
/// What `$1`, a process in its own network namespace, gets: an eth0 with address `$2`, on br0.
const CABLE: &str = r#"set -e
ip link show br0 >/dev/null 2>&1 || ip link add br0 up type bridge mcast_snooping 0
ip link add "port$1" master br0 up type veth peer name eth0 netns "$1"
nsenter -t "$1" -n ip addr add "$2" dev eth0
nsenter -t "$1" -n ip link set eth0 up"#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        // A namespace of our own first: all that is made in it goes away with it.
        [] => {
            let again = [std::env::current_exe()?.into_os_string(), "demo".into()];
            let mut unshare = Command::new("unshare");
            Err(unshare.args(["-r", "-n"]).args(again).exec().into())
        }
        ["demo"] => demo().await,
        ref other => router(other.try_into().map_err(|_| USAGE)?).await,
    }
}

/// Runs one router, which is all that a program needs to do.
async fn router(arguments: [&str; 5]) -> Result<(), Box<dyn Error>> {
    let [name, interface, vrid, priority, address] = arguments;
    let (address, prefix_len) = address.split_once('/').unwrap_or((address, "32"));
    let config = RouterConfig::builder(Vrid::new(vrid.parse()?)?)
        .version(Version::V3)
        .priority(Priority::new(priority.parse()?)?)
        .interval(AdvertInterval::from_centis(10)?)
        .address(address.parse()?)
        .build()?;
    let held = VirtualAddress::new(address.parse()?).with_prefix_len(prefix_len.parse()?);
    let spec = RouterSpec::new(name, interface, config).with_virtual_addresses([held]);
    let (driver, mut events) = Driver::start(vec![spec], DriverOptions::default()).await?;
    loop {
        tokio::select! {
            Some(event) = events.recv() => if let Event::Transitioned { transition, .. } = event {
                println!("{name}: {transition}");
            },
            _ = tokio::signal::ctrl_c() => return Ok(driver.shutdown().await?),
        }
    }
}

/// Two routers on a bridge; the better one is killed.
async fn demo() -> Result<(), Box<dyn Error>> {
    let (mut a, mut b) = (spawn("router-a", 150)?, spawn("router-b", 100)?);
    for (child, address) in [(&mut a, "192.0.2.1/24"), (&mut b, "192.0.2.2/24")] {
        let id = child.id().to_string();
        run("sh", &["-c", CABLE, "sh", &id, address])?;
        child.stdin.as_mut().ok_or("no stdin")?.write_all(b"\n")?;
    }
    let took = until_held(&a).await?;
    println!("router-a holds {ADDRESS} after {took:.1?}");
    a.kill()?;
    let took = until_held(&b).await?;
    println!("router-b holds {ADDRESS} after {took:.1?}");
    Ok(b.kill()?)
}

/// A router in a network namespace of its own; it starts when it is sent a line.
fn spawn(name: &str, priority: u8) -> Result<Child, Box<dyn Error>> {
    let script = format!("read _ && exec \"$0\" {name} eth0 51 {priority} {ADDRESS}/24");
    let arguments = ["--net", "sh", "-c", &script];
    let mut command = Command::new("unshare");
    command.args(arguments).arg(std::env::current_exe()?);
    let child = command.stdin(Stdio::piped()).spawn()?;
    let namespace = |id: &str| std::fs::read_link(format!("/proc/{id}/ns/net"));
    while namespace(&child.id().to_string())? == namespace("self")? {
        std::thread::yield_now();
    }
    Ok(child)
}

async fn until_held(router: &Child) -> Result<Duration, Box<dyn Error>> {
    let (start, id) = (Instant::now(), router.id().to_string());
    while !run("nsenter", &["-t", &id, "-n", "ip", "addr"])?.contains(ADDRESS) {
        if start.elapsed() > Duration::from_secs(30) {
            return Err("no router took over".into());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(start.elapsed())
}

fn run(program: &str, arguments: &[&str]) -> Result<String, Box<dyn Error>> {
    let output = Command::new(program)
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("{program} {arguments:?} failed").into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
