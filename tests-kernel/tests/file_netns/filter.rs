// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packets to the addresses of a master that does not accept them: dropped as by keepalived, with the
//! same tables.
//!
//! These tests need the kernel of the host: that of the guest has no tables for IP.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use testbed::{Netns, play_at_once, ruleset, table_marks};
use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Lan, wait_until};
use tests_kernel::process::Background;
use tests_kernel::tool::lbctl;

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
    lan: Lan,
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
            lan,
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

    /// Its tables; the sort is stable. Which instance is master first, and with it which table comes first,
    /// is chance.
    fn tables(&self) -> TestResult<Vec<String>> {
        let mut tables = ruleset(&self.netns)?;
        tables.sort_by_key(|line| line.starts_with("ip6 "));
        Ok(tables)
    }

    /// Waits until the daemon has logged a line with this text.
    fn wait_log(&self, text: &str) -> TestResult {
        wait_until(text, DEADLINE, || {
            let log = self.director.log();
            log.contains(text).then_some(()).ok_or(log)
        })?;
        Ok(())
    }

    /// Why packets to the addresses of the instances are accepted although they should not be.
    fn unshielded(&self) -> TestResult<Vec<Option<String>>> {
        let status = self.director.lbctl(&["status", "--json"])?;
        let status: serde_json::Value = serde_json::from_str(&status)?;
        let routers = status["routers"].as_array().ok_or("no routers")?;
        let why = |router: &serde_json::Value| router["unshielded"].as_str().map(str::to_owned);
        Ok(routers.iter().map(why).collect())
    }

    fn stop(mut self) -> TestResult {
        let netns = self.netns.clone();
        let (status, log) = self.director.stop()?;
        assert!(status.success(), "{log}");
        assert_eq!(ruleset(&netns)?, [""; 0], "{log}");
        Ok(())
    }
}

// shows global_defs: nftables, nftables_priority, nftables_counters
// shows vrrp_instance: strict_mode, no_accept
#[testbed::host_test]
fn packets_are_dropped_with_the_tables_of_keepalived() -> TestResult {
    const ALL: [&str; 5] = [OWN, STRICT, ACCEPTING, GLOBAL, LINK_LOCAL];
    let words = [
        "",
        "nftables of_the_house\n nftables_priority -150\n nftables_counters\n nftables_ifindex",
        "vrrp_iptables",
        "vrrp_iptables IN OUT\n nftables",
    ];
    let cases = words.map(|global| BOTH.map(|software| (software, global)));
    let listings = play_at_once(cases.as_flattened(), |(software, global)| {
        let mut scene = Scene::new(*software, global)?;
        assert_eq!(ruleset(&scene.netns)?, [""; 0]);
        scene.director.start()?;
        scene.wait_masters()?;
        let tables = scene.tables()?;
        if global.is_empty() {
            assert_eq!(scene.accepting(&ALL)?, [OWN, ACCEPTING], "{software}");
        }
        scene.stop()?;
        Ok(tables)
    })?;
    for (both, global) in listings.chunks(2).zip(words) {
        let [theirs, ours] = both else {
            return Err("two listings".into());
        };
        assert_eq!(ours, theirs, "{global}");
        assert!(ours.len() > 10, "{ours:#?}");
    }
    Ok(())
}

#[testbed::host_test]
fn filter_is_there_while_the_instance_is_master() -> TestResult {
    let mut scene = Scene::new(Software::Lbctl, "")?;
    scene.director.start()?;
    scene.wait_masters()?;
    let as_master = scene.tables()?;
    // The IPv4 instance loses against keepalived.
    let host = scene.lan.host("two", [192, 168, 1, 13].into())?;
    let better = file("").replace("priority 100", "priority 200");
    let only_first = better.split("vrrp_instance VI_2").next().ok_or("no file")?;
    let mut winner = Director::new(host, Software::Keepalived, only_first)?;
    winner.start()?;
    scene.wait_log("(VI_1) Entering BACKUP STATE")?;
    wait_until("no IPv4 table", DEADLINE, || {
        let tables = scene.tables().map_err(|error| error.to_string())?;
        let is_gone = tables.iter().all(|line| line.starts_with("ip6 "));
        (is_gone && !tables.is_empty())
            .then_some(())
            .ok_or_else(|| format!("{tables:#?}"))
    })?;
    let (status, log) = winner.stop()?;
    assert!(status.success(), "{log}");
    scene.wait_masters()?;
    assert_eq!(scene.tables()?, as_master);
    assert_eq!(scene.accepting(&[STRICT])?, [""; 0]);

    // A reload that accepts, and a table with another name.
    let accepting = file("nftables renamed").replace("strict_mode", "accept");
    scene.director.configure(&accepting)?;
    scene.director.reload()?;
    wait_until("another table", DEADLINE, || {
        let tables = scene.tables().map_err(|error| error.to_string())?;
        let is_renamed = tables
            .first()
            .is_some_and(|line| line == "ip6 table renamed")
            && !tables.iter().any(|line| line.contains("keepalived"));
        is_renamed
            .then_some(())
            .ok_or_else(|| format!("{tables:#?}"))
    })?;
    assert_eq!(scene.accepting(&[STRICT, GLOBAL, LINK_LOCAL])?, [STRICT]);
    scene.stop()
}

#[testbed::host_test]
fn killed_daemon_leaves_a_filter_that_the_next_start_removes() -> TestResult {
    let mut scene = Scene::new(Software::Lbctl, "")?;
    scene.director.start()?;
    scene.wait_masters()?;
    let tables = scene.tables()?;
    scene.director.crash()?;
    assert_eq!(
        scene.tables()?,
        tables,
        "packets to addresses that are left are dropped"
    );
    scene.director.start()?;
    scene.wait_log("removing stale IPv4 packet filter keepalived")?;
    scene.wait_log("(VI_3) Entering MASTER STATE")?;
    scene.wait_masters()?;
    assert_eq!(scene.tables()?, tables);
    scene.director.crash()?;

    // By a configuration that needs no filter, too.
    let accepting = file("")
        .replace("strict_mode", "accept")
        .replace("no_accept", "accept");
    scene.director.configure(&accepting)?;
    scene.director.start()?;
    scene.wait_log("(VI_3) Entering MASTER STATE")?;
    assert_eq!(scene.tables()?, [""; 0]);
    scene.stop()
}

#[testbed::host_test]
fn table_of_a_keepalived_that_crashed_is_reported_and_not_touched() -> TestResult {
    let mut scene = Scene::new(Software::Keepalived, "")?;
    scene.director.start()?;
    scene.wait_masters()?;
    let theirs = scene.tables()?;
    scene.director.crash()?;
    scene.director.set_software(Software::Lbctl);
    scene.director.start()?;
    scene.wait_log("table ip keepalived exists and has not the mark of this program")?;
    scene.wait_masters()?;
    wait_until("a status that shows it", DEADLINE, || {
        let found = scene.unshielded().map_err(|error| error.to_string())?;
        let is_shown = found.iter().map(Option::is_some).eq([true, false, true]);
        is_shown.then_some(()).ok_or_else(|| format!("{found:?}"))
    })?;
    let text = scene.director.lbctl(&["status"])?;
    assert!(
        text.contains("VI_1: packets are not dropped: table ip keepalived exists"),
        "{text}"
    );
    assert_eq!(scene.tables()?, theirs);

    // With a name of its own both tables are there, and nothing is wrong.
    scene.director.configure(&file("nftables own"))?;
    scene.director.reload()?;
    wait_until("a status without problems", DEADLINE, || {
        let found = scene.unshielded().map_err(|error| error.to_string())?;
        let is_well = found.iter().all(Option::is_none);
        is_well.then_some(()).ok_or_else(|| format!("{found:?}"))
    })?;
    let marks = table_marks(&scene.netns)?;
    let mut names: Vec<_> = marks
        .iter()
        .map(|(family, name, _)| format!("{family} {name}"))
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["ip keepalived", "ip own", "ip6 keepalived", "ip6 own"]
    );
    let (status, log) = scene.director.stop()?;
    assert!(status.success(), "{log}");
    assert_eq!(scene.tables()?, theirs);
    Ok(())
}

#[testbed::host_test]
fn no_packet_passes_during_an_upgrade() -> TestResult {
    let mut scene = Scene::new(Software::Lbctl, "")?;
    scene.director.start()?;
    scene.wait_masters()?;
    let tables = scene.tables()?;
    let socket = scene.netns.enter(|| UdpSocket::bind(("0.0.0.0", PORT)))??;
    socket.set_nonblocking(true)?;
    let sender = scene.client.enter(|| UdpSocket::bind(("0.0.0.0", 0)))??;
    let is_done = AtomicBool::new(false);
    let mut new = thread::scope(|scope| -> TestResult<Background> {
        let flood = scope.spawn(|| -> io::Result<u64> {
            let mut sent = 0;
            while !is_done.load(Ordering::Relaxed) {
                sender.send_to(STRICT.as_bytes(), (STRICT, PORT))?;
                sent += 1;
                testbed::pause(Duration::from_micros(200));
            }
            sender.send_to(ACCEPTING.as_bytes(), (ACCEPTING, PORT))?;
            Ok(sent)
        });
        let upgraded = (|| {
            let mut command = scene.director.command(lbctl());
            command.args(["run", "--upgrade", "-f"]);
            command.arg(scene.director.configuration());
            command.arg("--control").arg(scene.director.control());
            let new = Background::spawn(&mut command)?;
            new.wait_for_line("end of the handover", DEADLINE, |line| {
                line.contains("replaced the old process")
            })?;
            let ended = scene.director.daemon()?.wait(DEADLINE)?;
            assert!(ended.success(), "{ended}");
            Ok(new)
        })();
        is_done.store(true, Ordering::Relaxed);
        let sent = flood.join().map_err(|_| "the sender panicked")??;
        assert!(sent > 100, "{sent}");
        upgraded
    })?;
    let mut buffer = [0; 64];
    let first = wait_until("the packet to the other address", DEADLINE, || {
        let received = socket.recv_from(&mut buffer);
        let (length, _) = received.map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
    })?;
    assert_eq!(first, ACCEPTING, "nothing before that");
    assert_eq!(scene.tables()?, tables);
    new.signal(Signal::SIGTERM);
    let ended = new.wait(DEADLINE)?;
    assert!(ended.success(), "{ended}: {}", new.text());
    assert_eq!(scene.tables()?, [""; 0]);
    Ok(())
}
