// SPDX-License-Identifier: MIT OR Apache-2.0
//! ipvsadm's formats against what the real ipvsadm printed.
//!
//! The tables are made from the rules that `ipvsadm -S` printed in the same session.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use lb_ipvs::{
    AddressFamily, Connections, Destination, DestinationEntry, ForwardingMethod, Info, Netmask,
    Persistence, Protocol, Service, ServiceEntry, ServiceFlags, ServiceKey, Stats, TableEntry,
    Thresholds, Tunnel, TunnelFlags, Version, Weight,
};
use lb_ipvsadm::{Columns, Listing, Names, Numeric, connections};

const INFO: Info = Info {
    version: Version::new(1, 2, 1),
    connection_table_size: 4096,
};

/// What a command printed in a session.
fn printed<'a>(session: &'a str, command: &str) -> &'a str {
    let start = format!("$ {command}\n--- stdout\n");
    let (_, rest) = session
        .split_once(&start)
        .unwrap_or_else(|| panic!("no {command}"));
    rest.split_once("--- exit").unwrap().0
}

fn listed(options: &Listing<'_>, table: &[TableEntry]) -> String {
    let mut out = String::new();
    lb_ipvsadm::listing(options, &INFO, table, &mut out).unwrap();
    out
}

fn saved(names: &dyn Names, table: &[TableEntry]) -> String {
    let mut out = String::new();
    lb_ipvsadm::save(names, table, &mut out).unwrap();
    out
}

/// Reads the rules of `ipvsadm -Sn`.
fn rules(text: &str) -> Vec<TableEntry> {
    let mut table: Vec<TableEntry> = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let value = |option: &str| {
            let at = words.iter().position(|word| *word == option)?;
            words.get(at + 1).copied()
        };
        let has = |option: &str| words.contains(&option);
        if words[0] == "-A" {
            table.push(service_rule(value, has));
        } else {
            let entry = destination_rule(value, has);
            table.last_mut().unwrap().destinations.push(entry);
        }
    }
    table
}

fn service_rule<'a>(
    value: impl Fn(&str) -> Option<&'a str>,
    has: impl Fn(&str) -> bool,
) -> TableEntry {
    let key = if let Some(address) = value("-t") {
        ServiceKey::tcp(address.parse().unwrap())
    } else if let Some(address) = value("-u") {
        ServiceKey::udp(address.parse().unwrap())
    } else if let Some(address) = value("--sctp-service") {
        ServiceKey::sctp(address.parse().unwrap())
    } else {
        let mark: i64 = value("-f").unwrap().parse().unwrap();
        let mark = u32::try_from(mark & 0xffff_ffff)
            .unwrap()
            .try_into()
            .unwrap();
        let family = if has("-6") {
            AddressFamily::Ipv6
        } else {
            AddressFamily::Ipv4
        };
        ServiceKey::firewall_mark(mark, family)
    };
    let mut service = Service::new(key, value("-s").unwrap().parse().unwrap());
    if let Some(seconds) = value("-p") {
        service.persistence = Some(Persistence::new(Duration::from_secs(
            seconds.parse().unwrap(),
        )));
    }
    if let Some(mask) = value("-M") {
        service.netmask = match mask.parse::<Ipv4Addr>() {
            Ok(mask) => Netmask::Ipv4(mask),
            Err(_) => Netmask::Ipv6(mask.parse().unwrap()),
        };
    }
    service.persistence_engine = value("--pe").map(|name| name.parse().unwrap());
    if has("-o") {
        service.flags |= ServiceFlags::ONE_PACKET;
    }
    for flag in value("-b").into_iter().flat_map(|flags| flags.split(',')) {
        service.flags |= match flag {
            "sh-fallback" | "mh-fallback" | "flag-1" => ServiceFlags::SCHED_1,
            "sh-port" | "mh-port" | "flag-2" => ServiceFlags::SCHED_2,
            "flag-3" => ServiceFlags::SCHED_3,
            other => panic!("{other}"),
        };
    }
    let service = ServiceEntry {
        service,
        stats: Stats::default(),
    };
    TableEntry {
        service,
        destinations: Vec::new(),
    }
}

fn destination_rule<'a>(
    value: impl Fn(&str) -> Option<&'a str>,
    has: impl Fn(&str) -> bool,
) -> DestinationEntry {
    let flags = if has("--tun-csum") {
        TunnelFlags::CHECKSUM
    } else if has("--tun-remcsum") {
        TunnelFlags::REMOTE_CHECKSUM
    } else {
        TunnelFlags::empty()
    };
    let forwarding = match value("--tun-type") {
        _ if has("-m") => ForwardingMethod::Masquerade,
        None => ForwardingMethod::DirectRouting,
        Some("ipip") => ForwardingMethod::Tunnel(Tunnel::ipip()),
        Some("gre") => ForwardingMethod::Tunnel(Tunnel::gre().with_flags(flags)),
        Some("gue") => {
            let port = value("--tun-port").unwrap().parse().unwrap();
            ForwardingMethod::Tunnel(Tunnel::gue(port).with_flags(flags))
        }
        Some(other) => panic!("{other}"),
    };
    let destination = Destination::new(value("-r").unwrap().parse().unwrap())
        .with_forwarding(forwarding)
        .with_weight(Weight::new(value("-w").unwrap().parse().unwrap()).unwrap());
    let (connections, stats) = (Connections::default(), Stats::default());
    DestinationEntry {
        destination,
        connections,
        stats,
    }
}

/// Rules make the listing, and the rules again, in whatever order the table is.
fn check_case(session: &str, save: &str, list: &str) {
    let mut table = rules(printed(session, save));
    for _ in 0..2 {
        assert_eq!(listed(&Listing::default(), &table), printed(session, list));
        assert_eq!(saved(&Numeric, &table), printed(session, save));
        table.reverse();
        table
            .iter_mut()
            .for_each(|entry| entry.destinations.reverse());
    }
}

#[test]
fn kinds_of_services() {
    let session = include_str!("data/003-add-services-all-kinds.txt");
    check_case(session, "ipvsadm -S -n", "ipvsadm -L -n");
    let table = rules(printed(session, "ipvsadm -S -n"));
    for (columns, command) in [
        (Columns::Stats, "ipvsadm -L -n --stats"),
        (Columns::Rates, "ipvsadm -L -n --rate"),
    ] {
        let options = Listing::default().with_columns(columns);
        assert_eq!(listed(&options, &table), printed(session, command));
    }
    let one: Vec<TableEntry> = table
        .iter()
        .filter(|entry| entry.service.service.key.to_string() == "FWM 7 IPv6")
        .cloned()
        .collect();
    let options = Listing::default().with_version(false);
    assert_eq!(
        listed(&options, &one),
        printed(session, "ipvsadm -L -n -f 7 -6")
    );
}

#[test]
fn flags_persistence_engines_one_packet() {
    // The original prints nothing for the third flag of `sh`.
    let session = include_str!("data/005-sched-flags.txt")
        .replace("sh ()", "sh (flag-3)")
        .replace("sh -b \n", "sh -b flag-3\n");
    check_case(&session, "ipvsadm -Sn", "ipvsadm -Ln");
    for session in [
        include_str!("data/006-persistence.txt"),
        include_str!("data/007-pe-sip.txt"),
        include_str!("data/008-one-packet.txt"),
    ] {
        check_case(session, "ipvsadm -Sn", "ipvsadm -Ln");
    }
}

#[test]
fn destinations_in_all_columns() {
    let session = include_str!("data/010-destinations.txt");
    let table = rules(printed(session, "ipvsadm -Sn"));
    for (columns, command) in [
        (Columns::Plain, "ipvsadm -Ln"),
        (Columns::Tunnels, "ipvsadm -Ln --tun-info"),
        (Columns::Thresholds, "ipvsadm -Ln --thresholds"),
        (
            Columns::PersistentConnections,
            "ipvsadm -Ln --persistent-conn",
        ),
        (Columns::Stats, "ipvsadm -Ln --stats"),
        (Columns::Rates, "ipvsadm -Ln --rate"),
    ] {
        let options = Listing::default().with_columns(columns);
        assert_eq!(
            listed(&options, &table),
            printed(session, command),
            "{command}"
        );
    }
    assert_eq!(saved(&Numeric, &table), printed(session, "ipvsadm -Sn"));
    assert_eq!(
        listed(&Listing::default().with_names(&Lab), &table),
        printed(session, "ipvsadm -L")
    );
    assert_eq!(saved(&Lab, &table), printed(session, "ipvsadm -S"));
}

#[test]
fn weights_and_thresholds() {
    let session = include_str!("data/011-weights-thresholds.txt");
    check_case(session, "ipvsadm -Sn", "ipvsadm -Ln");
    let mut table = rules(printed(session, "ipvsadm -Sn"));
    for entry in &mut table[0].destinations {
        let thresholds = match entry.destination.address.to_string().as_str() {
            "10.0.1.10:80" => Thresholds {
                upper: 100,
                lower: 50,
            },
            "10.0.1.11:80" => Thresholds {
                upper: 100,
                lower: 100,
            },
            "10.0.1.14:80" => Thresholds {
                upper: 2_147_483_647,
                lower: 0,
            },
            _ => continue,
        };
        entry.destination.thresholds = thresholds;
    }
    let options = Listing::default().with_columns(Columns::Thresholds);
    assert_eq!(
        listed(&options, &table),
        printed(session, "ipvsadm -Ln --thresholds")
    );
}

#[test]
fn tunnels() {
    let session = include_str!("data/012-tunnel-types.txt");
    check_case(session, "ipvsadm -Sn", "ipvsadm -Ln");
    let table = rules(printed(session, "ipvsadm -Sn"));
    let options = Listing::default().with_columns(Columns::Tunnels);
    assert_eq!(
        listed(&options, &table),
        printed(session, "ipvsadm -Ln --tun-info")
    );
}

/// Reads an unsorted listing of numbers.
fn listing_rows(text: &str) -> Vec<TableEntry> {
    let mut table: Vec<TableEntry> = Vec::new();
    for line in text.lines().skip(3) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words[0] == "->" {
            let method = if words[2] == "Masq" {
                "-m"
            } else {
                "--tun-type"
            };
            let entry = destination_rule(
                |option| match option {
                    "-r" => Some(words[1]),
                    "-w" => Some(words[3]),
                    "--tun-type" if words[2] == "Tunnel" => Some("ipip"),
                    _ => None,
                },
                |option| option == method && option == "-m",
            );
            table.last_mut().unwrap().destinations.push(entry);
        } else {
            let option = match words[0] {
                "TCP" => "-t",
                "UDP" => "-u",
                "SCTP" => "--sctp-service",
                _ => "-f",
            };
            table.push(service_rule(
                |wanted| match wanted {
                    "-s" => words.last().copied(),
                    wanted if wanted == option => Some(words[1]),
                    _ => None,
                },
                |wanted| wanted == "-6" && words.contains(&"IPv6"),
            ));
        }
    }
    table
}

/// The original's order is no order, so it must start from the same one.
#[test]
fn sort() {
    // The original prints this mark negative.
    let session = include_str!("data/026-sort.txt").replace("FWM  -1294967296", "FWM  3000000000");
    let unsorted = printed(&session, "ipvsadm -Ln --nosort");
    let table = listing_rows(unsorted);
    assert_eq!(
        listed(&Listing::default().with_sort(false), &table),
        unsorted
    );
    assert_eq!(
        listed(&Listing::default(), &table),
        printed(&session, "ipvsadm -Ln")
    );
    assert_eq!(
        listed(&Listing::default(), &table),
        printed(&session, "ipvsadm -L --sort -n")
    );
}

/// The names of the machine the sessions were recorded on.
#[derive(Debug)]
struct Lab;

impl Names for Lab {
    fn host(&self, address: IpAddr) -> Option<String> {
        let name = match address.to_string().as_str() {
            "127.0.0.1" => "localhost",
            "192.168.1.50" => "vip.lab",
            "192.168.1.61" => "rs1.lab",
            "192.168.1.62" => "a-very-long-real-server-hostname.example.lab",
            "fd00::50" => "vip6.lab",
            "fd00::61" => "rs61.lab",
            _ => return None,
        };
        Some(name.to_owned())
    }

    fn port(&self, protocol: Protocol, port: u16) -> Option<String> {
        let name = match (protocol, port) {
            (Protocol::Tcp, 80) => "http",
            (Protocol::Tcp, 443) => "https",
            (Protocol::Tcp, 8080) => "http-alt",
            (Protocol::Tcp, 8081) => "tproxy",
            (Protocol::Udp, 53) => "domain",
            _ => return None,
        };
        Some(name.to_owned())
    }
}

#[test]
fn names() {
    let session = include_str!("data/027-names.txt");
    let table = rules(
        "-A -t 192.168.1.50:80 -s wlc\n\
         -a -t 192.168.1.50:80 -r 192.168.1.61:80 -g -w 1\n\
         -a -t 192.168.1.50:80 -r 192.168.1.62:80 -g -w 1\n\
         -a -t 192.168.1.50:80 -r 192.168.1.63:80 -g -w 1\n\
         -A -t 192.168.1.50:12345 -s wlc\n\
         -A -u 192.168.1.50:53 -s wlc\n\
         -A -t [fd00::50]:443 -s wlc\n\
         -a -t [fd00::50]:443 -r [fd00::61]:443 -g -w 1\n",
    );
    let options = Listing::default().with_names(&Lab);
    assert_eq!(listed(&options, &table), printed(session, "ipvsadm -L"));
    let stats = options.with_columns(Columns::Stats);
    assert_eq!(
        listed(&stats, &table),
        printed(session, "ipvsadm -L --stats")
    );
    assert_eq!(saved(&Lab, &table), printed(session, "ipvsadm -S"));
    let one = listed(&options.with_version(false), &table[..1]);
    assert_eq!(one, printed(session, "ipvsadm -L -t vip.lab:http"));
}

fn stats(totals: [u64; 5], rates: [u64; 5]) -> Stats {
    let mut stats = Stats::default();
    stats.connections = totals[0];
    stats.incoming_packets = totals[1];
    stats.outgoing_packets = totals[2];
    stats.incoming_bytes = totals[3];
    stats.outgoing_bytes = totals[4];
    stats.rates.connections = rates[0];
    stats.rates.incoming_packets = rates[1];
    stats.rates.outgoing_packets = rates[2];
    stats.rates.incoming_bytes = rates[3];
    stats.rates.outgoing_bytes = rates[4];
    stats
}

#[test]
fn traffic() {
    let session = include_str!("data/100-traffic-tcp-nat.txt");
    let mut table = rules(
        "-A -t 10.9.0.100:80 -s rr\n\
         -a -t 10.9.0.100:80 -r 10.10.0.11:8080 -m -w 1\n\
         -a -t 10.9.0.100:80 -r 10.10.0.12:8080 -m -w 1\n",
    );
    table[0].service.stats = stats([6, 144, 132, 130_416, 129_792], [1, 18, 16, 16_302, 16_224]);
    table[0].destinations[0].stats =
        stats([4, 96, 88, 86_944, 86_528], [0, 12, 11, 10_868, 10_816]);
    table[0].destinations[1].stats = stats([2, 48, 44, 43_472, 43_264], [0, 6, 5, 5_434, 5_408]);
    let options = Listing::default().with_columns(Columns::Stats);
    assert_eq!(
        listed(&options, &table),
        printed(session, "ipvsadm -Ln --stats")
    );
    let exact = options.with_exact(true);
    assert_eq!(
        listed(&exact, &table),
        printed(session, "ipvsadm -Ln --stats --exact")
    );
    let rates = Listing::default().with_columns(Columns::Rates);
    assert_eq!(
        listed(&rates, &table),
        printed(session, "ipvsadm -Ln --rate")
    );
}

#[test]
fn persistent_traffic() {
    let session = include_str!("data/101-traffic-persistent.txt");
    let mut table = rules(
        "-A -t 10.9.0.100:81 -s rr -p 300 -M 255.255.255.0\n\
         -a -t 10.9.0.100:81 -r 10.10.0.11:8080 -m -w 1\n\
         -a -t 10.9.0.100:81 -r 10.10.0.12:8080 -m -w 1\n",
    );
    table[0].destinations[1].connections = Connections {
        active: 3,
        inactive: 0,
        persistent: 1,
    };
    assert_eq!(
        listed(&Listing::default(), &table),
        printed(session, "ipvsadm -Ln")
    );
    let options = Listing::default().with_columns(Columns::PersistentConnections);
    assert_eq!(
        listed(&options, &table),
        printed(session, "ipvsadm -Ln --persistent-conn")
    );
}

/// The listing of connections, with the time to expiry taken out: the file was read later.
#[test]
fn connection_entries() {
    let timeless = |text: &str| -> Vec<String> {
        let row = |line: &str| match line.as_bytes().get(6) {
            Some(b':') => format!("{}**:**{}", &line[..4], &line[9..]),
            _ => line.to_owned(),
        };
        text.lines().map(row).collect()
    };
    for (session, command, persistent) in [
        (
            include_str!("data/100-traffic-tcp-nat.txt"),
            "ipvsadm -L -c -n",
            false,
        ),
        (
            include_str!("data/100-traffic-tcp-nat.txt"),
            "ipvsadm -L -c -n --persistent-conn",
            true,
        ),
        (
            include_str!("data/101-traffic-persistent.txt"),
            "ipvsadm -Lcn",
            false,
        ),
        (
            include_str!("data/103-traffic-ipv6.txt"),
            "ipvsadm -Lcn",
            false,
        ),
        (
            include_str!("data/104-traffic-fwmark.txt"),
            "ipvsadm -Lcn",
            false,
        ),
        (
            include_str!("data/106-traffic-sip-pe.txt"),
            "ipvsadm -Lcn",
            false,
        ),
        (
            include_str!("data/106-traffic-sip-pe.txt"),
            "ipvsadm -Lcn --persistent-conn",
            true,
        ),
    ] {
        let entries =
            lb_ipvs::connections::parse(printed(session, "cat /proc/net/ip_vs_conn")).unwrap();
        let mut out = String::new();
        connections::listing(&Numeric, persistent, &entries, &mut out).unwrap();
        assert_eq!(
            timeless(&out),
            timeless(printed(session, command)),
            "{command}"
        );
    }
    let session = include_str!("data/106-traffic-sip-pe.txt");
    let entries =
        lb_ipvs::connections::parse(printed(session, "cat /proc/net/ip_vs_conn")).unwrap();
    let client: SocketAddr = "10.9.0.2:38514".parse().unwrap();
    assert_eq!((entries[0].client, entries[0].expires), (client, 54));
    assert_eq!(
        entries[4].engine,
        Some(("sip".to_owned(), "abc123@host".to_owned()))
    );
}
