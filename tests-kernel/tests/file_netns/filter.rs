// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packets to the addresses of a master that does not accept them: dropped as by keepalived, with the
//! same tables.
//!
//! These tests need the kernel of the host: that of the guest has no tables for IP.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6, TcpListener, TcpStream};
use std::time::Duration;

use nix::sys::signal::Signal;
use testbed::{Netns, ruleset, table_marks};
use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Lan, wait_until};

use super::{BOTH, DEADLINE, TestResult};

const PORT: u16 = 7000;
/// Ten times what a connection takes on a loaded machine; a dropped one never succeeds.
const PATIENCE: Duration = Duration::from_secs(2);

const OWN: &str = "192.168.1.11";
const STRICT: &str = "192.168.1.50";
const ACCEPTING: &str = "192.168.1.60";
const GLOBAL: &str = "2001:db8::50";
const LINK_LOCAL: &str = "fe80::50";

/// A file with an instance of each kind; `global` is in global_defs.
fn file(global: &str) -> String {
    let instance = |name: &str, vrid: u8, rest: &str, addresses: &[&str]| {
        let addresses = addresses.join("\n");
        format!(
            "vrrp_instance {name} {{\n interface eth0\n virtual_router_id {vrid}\n version 3\n \
             priority 100\n advert_int 0.2\n {rest}\n virtual_ipaddress {{\n{addresses}\n}}\n}}\n"
        )
    };
    let mut text = format!("global_defs {{\n{global}\n}}\n");
    text += &instance("VI_1", 61, "strict_mode", &[STRICT]);
    text += &instance("VI_2", 62, "", &[ACCEPTING]);
    text += &instance(
        "VI_3",
        63,
        "no_accept",
        &[&format!("{LINK_LOCAL}/64"), &format!("{GLOBAL}/64")],
    );
    text
}

/// A director with the file, and a client.
struct Scene {
    director: Director,
    netns: Netns,
    client: Netns,
    /// Index of the client's interface.
    scope: u32,
    _lan: Lan,
    _listener: TcpListener,
}

impl Scene {
    fn new(software: Software, global: &str) -> TestResult<Self> {
        let lan = Lan::new()?;
        let host = lan.host("one", [192, 168, 1, 11].into())?;
        let client = lan.host("client", [192, 168, 1, 12].into())?;
        let (netns, client) = (host.netns().clone(), client.netns().clone());
        client.ip("address add 2001:db8::12/64 dev eth0 nodad")?;
        let link = client.ip("-o link show eth0")?;
        let (scope, _) = link.split_once(':').ok_or("no index")?;
        // IPv4 too.
        let listener = netns.enter(|| TcpListener::bind(("::", PORT)))??;
        Ok(Self {
            director: Director::new(host, software, &file(global))?,
            netns,
            client,
            scope: scope.parse()?,
            _lan: lan,
            _listener: listener,
        })
    }

    /// Waits until all instances are master.
    fn wait_masters(&mut self) -> TestResult {
        let (netns, director) = (self.netns.clone(), &self.director);
        wait_until("all addresses", DEADLINE, || {
            let listing = netns.ip("-o address show dev eth0").unwrap_or_default();
            let all = [STRICT, ACCEPTING, GLOBAL, LINK_LOCAL];
            let all = all
                .iter()
                .all(|address| listing.contains(&format!(" {address}/")));
            all.then_some(())
                .ok_or_else(|| format!("{listing}\n{}", director.log()))
        })?;
        Ok(())
    }

    /// Connects from the client.
    fn connect(&self, address: &str) -> TestResult<io::Result<TcpStream>> {
        let to = match address.parse()? {
            IpAddr::V6(address) if address.is_unicast_link_local() => {
                SocketAddrV6::new(address, PORT, 0, self.scope).into()
            }
            address => SocketAddr::new(address, PORT),
        };
        Ok(self
            .client
            .enter(|| TcpStream::connect_timeout(&to, PATIENCE))?)
    }

    /// Those of the addresses that accept a connection. A dropped one is resolved all the same.
    fn accepting(&self, addresses: &[&'static str]) -> TestResult<Vec<&'static str>> {
        let mut accepting = Vec::new();
        for address in addresses {
            match self.connect(address)? {
                Ok(_) => accepting.push(*address),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    let neighbours = self.client.ip("neigh show dev eth0")?;
                    let of_address = format!("{address} ");
                    let mut lines = neighbours.lines();
                    let is_resolved =
                        lines.any(|line| line.starts_with(&of_address) && line.contains("lladdr"));
                    assert!(is_resolved, "{address}: {neighbours}");
                }
                Err(error) => return Err(format!("{address}: {error}").into()),
            }
        }
        Ok(accepting)
    }

    fn stop(self) -> TestResult {
        let netns = self.netns.clone();
        let (status, log) = self.director.stop()?;
        assert!(status.success(), "{log}");
        assert_eq!(ruleset(&netns)?, [""; 0], "{log}");
        Ok(())
    }
}

#[testbed::host_test]
fn packets_are_dropped_with_the_tables_of_keepalived() -> TestResult {
    const ALL: [&str; 5] = [OWN, STRICT, ACCEPTING, GLOBAL, LINK_LOCAL];
    for global in [
        "",
        "nftables of_the_house\n nftables_priority -150\n nftables_counters\n nftables_ifindex",
        "vrrp_iptables",
        "vrrp_iptables IN OUT\n nftables",
    ] {
        let mut both = Vec::new();
        for software in BOTH {
            let mut scene = Scene::new(software, global)?;
            assert_eq!(ruleset(&scene.netns)?, [""; 0]);
            scene.director.start()?;
            scene.wait_masters()?;
            let mut tables = ruleset(&scene.netns)?;
            // Which instance is master first, and with it which table comes first, is chance.
            tables.sort_by_key(|line| line.starts_with("ip6 "));
            both.push(tables);
            if global.is_empty() {
                assert_eq!(scene.accepting(&ALL)?, [OWN, ACCEPTING], "{software}");
            }
            scene.stop()?;
        }
        let [theirs, ours] = &both[..] else {
            return Err("two listings".into());
        };
        assert_eq!(ours, theirs, "{global}");
        assert!(ours.len() > 10, "{ours:#?}");
    }
    Ok(())
}
