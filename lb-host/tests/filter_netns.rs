// SPDX-License-Identifier: MIT OR Apache-2.0
//! Shields on the kernel of the host, in network namespaces: packets are dropped, and nothing remains.
//!
//! Active with `LB_HOST_NS=1`, as root or inside `unshare -Urnm`. The kernel of the guest has no tables
//! for IP.

#![cfg(feature = "netlink")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use lb_host::{
    AddressFamily, Applied, Change, FilterTable, HostObject, HostPlane, Link, Owner, Rtnetlink,
    Shield, nftables,
};
use testbed::{Error, Netns, ruleset, table_marks, wait_until};

const OWNER: Owner = Owner::new(112, "lb-test");
const PORT: u16 = 7000;
/// Ten times what a connection over a veth takes with a loaded machine; a dropped one never succeeds.
const PATIENCE: Duration = Duration::from_secs(2);

/// A host with addresses, and a neighbour.
struct Pair {
    host: Netns,
    neighbour: Netns,
    link: Arc<Link>,
    neighbour_link: u32,
    _listener: TcpListener,
}

const ADDRESSES: [&str; 4] = ["192.0.2.1", "192.0.2.100", "2001:db8::100", "fe80::100"];

impl Pair {
    fn new() -> Result<Self, Error> {
        let (host, neighbour) = (Netns::new("host")?, Netns::new("neighbour")?);
        host.ip(&format!(
            "link add eth0 type veth peer name eth0 netns {}",
            neighbour.name()
        ))?;
        for netns in [&host, &neighbour] {
            netns.ip("link set eth0 up")?;
        }
        for address in ADDRESSES {
            let length = if address.contains(':') { 64 } else { 24 };
            host.ip(&format!("address add {address}/{length} dev eth0 nodad"))?;
        }
        neighbour.ip("address add 192.0.2.2/24 dev eth0")?;
        neighbour.ip("address add 2001:db8::2/64 dev eth0 nodad")?;
        neighbour.ip("address add fe80::2/64 dev eth0 nodad")?;
        let index = |netns: &Netns| -> Result<u32, Error> {
            let link = netns.ip("-o link show eth0")?;
            let (index, _) = link.split_once(':').unwrap();
            Ok(index.parse().unwrap())
        };
        let link = Arc::new(Link::new(index(&host)?, "eth0"));
        let neighbour_link = index(&neighbour)?;
        // IPv4 too.
        let listener = host.enter(|| TcpListener::bind(("::", PORT)).unwrap())?;
        Ok(Self {
            host,
            neighbour,
            link,
            neighbour_link,
            _listener: listener,
        })
    }

    /// Connects from the neighbour.
    fn connect(&self, address: &str) -> io::Result<TcpStream> {
        let address: IpAddr = address.parse().unwrap();
        let to = match address {
            IpAddr::V6(address) if address.is_unicast_link_local() => {
                std::net::SocketAddrV6::new(address, PORT, 0, self.neighbour_link).into()
            }
            address => SocketAddr::new(address, PORT),
        };
        self.neighbour
            .enter(|| TcpStream::connect_timeout(&to, PATIENCE))
            .unwrap()
    }

    /// The addresses that accept a connection.
    fn accepting(&self) -> Vec<&'static str> {
        let mut accepting = ADDRESSES.to_vec();
        accepting.retain(|address| match self.connect(address) {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{address}: {error}");
                false
            }
        });
        accepting
    }

    fn shield(&self, address: &str, table: &Arc<FilterTable>) -> HostObject {
        Shield::new(Arc::clone(&self.link), address.parse().unwrap())
            .with_table(Arc::clone(table))
            .into()
    }

    /// Applies changes as a process of its own.
    fn apply(&self, changes: &[Change]) -> Vec<io::Result<Applied>> {
        self.with_plane(OWNER, async |plane| plane.apply(changes).await)
    }

    fn with_plane<T: Send>(
        &self,
        owner: Owner,
        work: impl AsyncFnOnce(&mut Rtnetlink) -> T + Send,
    ) -> T {
        let run = async || {
            let mut plane = Rtnetlink::connect(owner).unwrap();
            work(&mut plane).await
        };
        self.host.enter(|| block_on(run())).unwrap()
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap().block_on(work)
}

fn succeed(results: Vec<io::Result<Applied>>) {
    for result in results {
        result.unwrap();
    }
}

#[testbed::host_test]
fn packets_to_shielded_addresses_are_dropped_and_neighbours_resolve_them() -> Result<(), Error> {
    let pair = Pair::new()?;
    assert_eq!(pair.accepting(), ADDRESSES);
    let table = Arc::new(FilterTable::new("lb-test"));
    let shields = ADDRESSES.map(|address| pair.shield(address, &table));
    let added: Vec<Change> = shields[1..].iter().cloned().map(Change::Add).collect();
    succeed(pair.apply(&added));
    pair.neighbour.ip("neigh flush dev eth0")?;
    assert_eq!(pair.accepting(), ADDRESSES[..1]);
    // The attempts to connect have resolved the addresses again.
    for address in ADDRESSES {
        wait_until(address, 10 * PATIENCE, || {
            let neighbours = pair.neighbour.ip("neigh show dev eth0").unwrap();
            let mut lines = neighbours.lines();
            let is_known = lines
                .any(|line| line.starts_with(&format!("{address} ")) && line.contains("lladdr"));
            is_known.then_some(()).ok_or(neighbours)
        })?;
    }

    // One after another, in any process.
    succeed(pair.apply(&[Change::Remove(shields[1].clone())]));
    assert_eq!(pair.accepting(), ADDRESSES[..2]);
    let tables: Vec<String> = ruleset(&pair.host)?
        .into_iter()
        .filter(|line| line.contains(" table "))
        .collect();
    assert_eq!(
        tables,
        ["ip6 table lb-test"],
        "the other one is empty and gone"
    );
    let removed: Vec<Change> = shields[2..].iter().cloned().map(Change::Remove).collect();
    succeed(pair.apply(&removed));
    assert_eq!(pair.accepting(), ADDRESSES);
    assert_eq!(ruleset(&pair.host)?, [""; 0]);
    // What is not there any more is no error.
    succeed(pair.apply(&removed));
    Ok(())
}

#[testbed::host_test]
fn table_of_a_killed_process_is_found_by_its_mark() -> Result<(), Error> {
    let pair = Pair::new()?;
    let table = Arc::new(FilterTable::new("lb-test"));
    let [first, second] = ["192.0.2.100", "fe80::100"].map(|address| pair.shield(address, &table));
    succeed(pair.apply(&[Change::Add(first.clone()), Change::Add(second)]));
    let complete = ruleset(&pair.host)?;
    // Another process adds to the table: it is not made twice.
    succeed(pair.apply(&[Change::Add(first)]));
    assert_eq!(ruleset(&pair.host)?, complete);
    let marks = table_marks(&pair.host)?;
    assert_eq!(marks.len(), 2);
    assert!(
        marks
            .iter()
            .all(|(_, _, mark)| mark == b"\x00\x08lb-test\x00"),
        "{marks:?}"
    );
    let removed = pair.with_plane(OWNER, async |plane| plane.remove_stale_filters().await);
    let removed: Vec<String> = removed.iter().map(ToString::to_string).collect();
    let expected =
        ["IPv4", "IPv6"].map(|family| format!("removing stale {family} packet filter lb-test"));
    assert_eq!(removed, expected);
    assert_eq!(ruleset(&pair.host)?, [""; 0]);
    Ok(())
}

#[testbed::host_test]
fn table_of_another_program_is_not_touched() -> Result<(), Error> {
    let pair = Pair::new()?;
    let table = Arc::new(FilterTable::new("keepalived"));
    let shield = pair.shield("192.0.2.100", &table);
    let other = Owner::new(18, "other");
    let add = [Change::Add(shield.clone())];
    succeed(pair.with_plane(other, async |plane| plane.apply(&add).await));
    let before = ruleset(&pair.host)?;
    let results = pair.apply(&add);
    let error = results[0].as_ref().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(
        error.to_string(),
        "table ip keepalived exists and has not the mark of this program: delete it, or choose \
         another name"
    );
    succeed(pair.apply(&[Change::Remove(shield)]));
    let removed = pair.with_plane(OWNER, async |plane| plane.remove_stale_filters().await);
    assert!(removed.is_empty(), "{removed:?}");
    assert_eq!(ruleset(&pair.host)?, before);
    Ok(())
}

#[testbed::host_test]
fn many_shields_and_a_rule_set_that_changes_meanwhile() -> Result<(), Error> {
    let pair = Pair::new()?;
    let table = Arc::new(
        FilterTable::new("lb-test")
            .with_counters(true)
            .with_priority(-100),
    );
    let shields: Vec<HostObject> = (0..2000_u16)
        .map(|number| {
            let [high, low] = number.to_be_bytes();
            pair.shield(&format!("10.0.{high}.{low}"), &table)
        })
        .collect();
    let changes = |change: fn(HostObject) -> Change| -> Vec<Change> {
        shields.iter().cloned().map(change).collect()
    };
    succeed(pair.apply(&changes(Change::Add)));
    let lines = ruleset(&pair.host)?;
    let elements = lines.iter().find(|line| line.contains("elements")).unwrap();
    assert_eq!(elements.matches("Key").count(), shields.len());
    let rules: Vec<&String> = lines.iter().filter(|line| line.contains("rule")).collect();
    assert!(
        rules.iter().all(|rule| rule.contains("counter")),
        "{rules:?}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.contains(&format!("Priority({})", (-100_i32).cast_unsigned()))),
        "{lines:?}"
    );
    // Another process adds and removes a table of its own all the time.
    let other = Arc::new(FilterTable::new("lb-other"));
    let noise = pair.shield("192.0.2.100", &other);
    std::thread::scope(|scope| {
        let noisy = scope.spawn(|| {
            for _ in 0..20 {
                succeed(pair.apply(&[Change::Add(noise.clone())]));
                succeed(pair.apply(&[Change::Remove(noise.clone())]));
            }
        });
        succeed(pair.apply(&changes(Change::Remove)));
        noisy.join().unwrap();
    });
    assert_eq!(ruleset(&pair.host)?, [""; 0]);
    Ok(())
}

#[testbed::host_test]
fn kernel_of_the_host_can_drop_and_a_check_changes_nothing() -> Result<(), Error> {
    let netns = Netns::new("host")?;
    let check = async || {
        for family in [AddressFamily::Ipv4, AddressFamily::Ipv6] {
            nftables::check(family).await.unwrap();
        }
    };
    netns.enter(|| block_on(check()))?;
    assert_eq!(ruleset(&netns)?, [""; 0]);
    Ok(())
}
