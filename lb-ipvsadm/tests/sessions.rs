// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every listing of numbers in the recorded sessions: read back into the model, and written again
//! byte for byte. Reading goes by words, so that blanks, widths and titles are what is seen here;
//! sorting and names are in `listing`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::{fs, path::Path, time::Duration};

use lb_ipvs::{
    AddressFamily, Connections, Destination, DestinationEntry, ForwardingMethod, Info, Persistence,
    Service, ServiceEntry, ServiceFlags, ServiceKey, Stats, TableEntry, Thresholds, Timeouts,
    Tunnel, TunnelFlags, Version, Weight,
};
use lb_ipvsadm::{Columns, Listing, Numeric, connections};

const INFO: Info = Info {
    version: Version::new(1, 2, 1),
    connection_table_size: 4096,
};

/// Where we differ on purpose: marks below zero, the third flag of `sh` (docs/differences.md).
const MENDED: [(&str, &str); 4] = [
    ("FWM  -1294967296 ", "FWM  3000000000 "),
    ("FWM  -1 ", "FWM  4294967295 "),
    (
        "sh (sh-fallback)\nTCP  10.0.0.1:8 sh ()",
        "sh (sh-fallback,flag-3)\nTCP  10.0.0.1:8 sh (flag-3)",
    ),
    ("TCP  10.0.0.1:8 sh ()", "TCP  10.0.0.1:8 sh (flag-3)"),
];

#[test]
fn every_listing_of_numbers_is_written_again() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let (mut count, mut seen) = (0, Vec::new());
    for part in ["data", "golden"] {
        for entry in fs::read_dir(folder.join(part)).unwrap() {
            let entry = entry.unwrap();
            let path = entry.path();
            // Some are in both.
            let name = entry.file_name();
            if path.extension().is_none_or(|extension| extension != "txt") || seen.contains(&name) {
                continue;
            }
            seen.push(name);
            let session = fs::read_to_string(&path).unwrap();
            for block in session.split("\n$ ").skip(1) {
                let (command, rest) = block.split_once('\n').unwrap();
                let Some(printed) = rest.strip_prefix("--- stdout\n") else {
                    continue;
                };
                let printed = printed.split("--- ").next().unwrap();
                let printed = mended(printed);
                let Some(again) = written_again(command, &printed) else {
                    let numeric = command.starts_with("ipvsadm -Ln") || command.contains("-Lcn");
                    // The daemons are in `listing`.
                    assert!(
                        !numeric || command.contains("--daemon"),
                        "{}: {command}",
                        path.display()
                    );
                    continue;
                };
                assert_eq!(again, printed, "{}: {command}", path.display());
                count += 1;
            }
        }
    }
    assert!(count >= 100, "{count}");
}

fn mended(text: &str) -> String {
    MENDED.iter().fold(text.to_owned(), |text, (theirs, ours)| {
        text.replace(theirs, ours)
    })
}

/// Nothing when it is no listing, or one with names.
fn written_again(command: &str, printed: &str) -> Option<String> {
    let mut out = String::new();
    if let Some(numbers) = printed.strip_prefix("Timeout (tcp tcpfin udp): ") {
        let mut numbers = numbers
            .split_whitespace()
            .map(|number| Duration::from_secs(number.parse().unwrap()));
        let mut next = || numbers.next().unwrap();
        let (tcp, tcp_fin, udp) = (next(), next(), next());
        lb_ipvsadm::timeouts(&Timeouts { tcp, tcp_fin, udp }, &mut out).unwrap();
        return Some(out);
    }
    if printed.starts_with("IPVS connection entries\n") {
        let rows = connection_rows(printed)?;
        let persistent = printed.contains("pe_data");
        connections::listing(&Numeric, persistent, &rows, &mut out).unwrap();
        return Some(out);
    }
    let mut lines = printed.lines().peekable();
    let version = lines
        .next_if(|line| line.starts_with("IP Virtual Server version"))
        .is_some();
    let title: Vec<&str> = lines.next()?.strip_prefix("Prot ")?.split(' ').collect();
    let second = lines.next()?;
    let has = |word: &str| title.contains(&word);
    let columns = if has("Conns") {
        Columns::Stats
    } else if has("CPS") {
        Columns::Rates
    } else if has("Uthreshold") {
        Columns::Thresholds
    } else if has("PersistConn") {
        Columns::PersistentConnections
    } else if second.contains("TunnelInfo") {
        Columns::Tunnels
    } else {
        Columns::Plain
    };
    let table = table(lines, columns)?;
    let options = Listing::default()
        .with_columns(columns)
        .with_exact(command.contains("--exact"))
        .with_version(version)
        .with_sort(false);
    lb_ipvsadm::listing(&options, &INFO, &table, &mut out).unwrap();
    Some(out)
}

/// The rows of a listing in the form of `/proc/net/ip_vs_conn`, read from there.
fn connection_rows(printed: &str) -> Option<Vec<lb_ipvs::connections::Connection>> {
    printed
        .lines()
        .skip(2)
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (minutes, seconds) = words[1].split_once(':')?;
            let number = |text: &str| text.parse::<u32>().ok();
            let expires = number(minutes)? * 60 + number(seconds)?;
            let [client, service, server] = [words[3], words[4], words[5]].map(|address| {
                let address: std::net::SocketAddr = address.parse().ok()?;
                Some(match address {
                    std::net::SocketAddr::V4(v4) => {
                        format!("{:08X} {:04X}", u32::from(*v4.ip()), v4.port())
                    }
                    std::net::SocketAddr::V6(v6) => {
                        let groups = v6.ip().segments().map(|group| format!("{group:04x}"));
                        format!("{} {:04X}", groups.join(":"), v6.port())
                    }
                })
            });
            let engine = words[6..].join(" ");
            let row = format!(
                "{:<3} {} {} {} {:<11} {expires:>7} {engine}",
                words[0], client?, service?, server?, words[2]
            );
            row.trim_end().parse().ok()
        })
        .collect()
}

fn table<'a>(lines: impl Iterator<Item = &'a str>, columns: Columns) -> Option<Vec<TableEntry>> {
    let mut table: Vec<TableEntry> = Vec::new();
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words[0] == "->" {
            let entry = destination(&words[1..], columns)?;
            table.last_mut()?.destinations.push(entry);
        } else {
            let service = service(&words, columns)?;
            table.push(TableEntry {
                service,
                destinations: Vec::new(),
            });
        }
    }
    Some(table)
}

fn service(words: &[&str], columns: Columns) -> Option<ServiceEntry> {
    let mut rest = &words[2..];
    let key = match words[0] {
        "TCP" => ServiceKey::tcp(words[1].parse().ok()?),
        "UDP" => ServiceKey::udp(words[1].parse().ok()?),
        "SCTP" => ServiceKey::sctp(words[1].parse().ok()?),
        _ => {
            let mut family = AddressFamily::Ipv4;
            if rest.first() == Some(&"IPv6") {
                (family, rest) = (AddressFamily::Ipv6, &rest[1..]);
            }
            ServiceKey::firewall_mark(words[1].parse().ok()?, family)
        }
    };
    if matches!(columns, Columns::Stats | Columns::Rates) {
        let service = Service::new(key, "wlc".parse().ok()?);
        return Some(ServiceEntry {
            service,
            stats: stats(rest, columns)?,
        });
    }
    let mut rest = rest.iter();
    let mut service = Service::new(key, rest.next()?.parse().ok()?);
    while let Some(word) = rest.next() {
        match *word {
            "ops" => service.flags |= ServiceFlags::ONE_PACKET,
            "persistent" => {
                let seconds = rest.next()?.parse().ok()?;
                service.persistence = Some(Persistence::new(Duration::from_secs(seconds)));
            }
            "mask" => {
                let mask = rest.next()?;
                service.netmask = match mask.parse::<std::net::Ipv4Addr>() {
                    Ok(mask) => lb_ipvs::Netmask::Ipv4(mask),
                    Err(_) => lb_ipvs::Netmask::Ipv6(mask.parse().ok()?),
                };
            }
            "pe" => service.persistence_engine = Some(rest.next()?.parse().ok()?),
            flags => {
                for flag in flags.strip_prefix('(')?.strip_suffix(')')?.split(',') {
                    service.flags |= match flag {
                        "sh-fallback" | "mh-fallback" | "flag-1" => ServiceFlags::SCHED_1,
                        "sh-port" | "mh-port" | "flag-2" => ServiceFlags::SCHED_2,
                        "flag-3" => ServiceFlags::SCHED_3,
                        _ => return None,
                    };
                }
            }
        }
    }
    let stats = Stats::default();
    Some(ServiceEntry { service, stats })
}

fn destination(words: &[&str], columns: Columns) -> Option<DestinationEntry> {
    let mut destination = Destination::new(words[0].parse().ok()?);
    let mut connections = Connections::default();
    let mut counted = Stats::default();
    let number = |at: usize| words.get(at)?.parse::<u32>().ok();
    let (forwarding, weight, active) = match columns {
        Columns::Stats | Columns::Rates => {
            counted = stats(&words[1..], columns)?;
            (None, None, None)
        }
        Columns::Thresholds => {
            destination.thresholds = Thresholds {
                upper: number(1)?,
                lower: number(2)?,
            };
            (None, None, Some(3))
        }
        Columns::PersistentConnections => {
            connections.persistent = number(2)?;
            (None, Some(1), Some(3))
        }
        Columns::Plain => (Some(forwarding(words[1], None)?), Some(2), Some(3)),
        Columns::Tunnels => (
            Some(forwarding(words[1], Some(words[2]))?),
            Some(3),
            Some(4),
        ),
        _ => return None,
    };
    if let Some(forwarding) = forwarding {
        destination.forwarding = forwarding;
    }
    if let Some(at) = weight {
        destination.weight = Weight::new(number(at)?)?;
    }
    if let Some(at) = active {
        (connections.active, connections.inactive) = (number(at)?, number(at + 1)?);
    }
    Some(DestinationEntry {
        destination,
        connections,
        stats: counted,
    })
}

fn forwarding(name: &str, tunnel: Option<&str>) -> Option<ForwardingMethod> {
    Some(match (name, tunnel) {
        ("Masq", _) => ForwardingMethod::Masquerade,
        ("Route", _) => ForwardingMethod::DirectRouting,
        ("Local", _) => ForwardingMethod::Local,
        ("Tunnel", None | Some("ipip")) => ForwardingMethod::Tunnel(Tunnel::ipip()),
        ("Tunnel", Some(info)) => {
            let parts: Vec<&str> = info.split(':').collect();
            let flags = match *parts.last()? {
                "-c" => TunnelFlags::empty(),
                "+c" => TunnelFlags::CHECKSUM,
                "r+c" => TunnelFlags::REMOTE_CHECKSUM,
                _ => return None,
            };
            let tunnel = match parts[0] {
                "gre" => Tunnel::gre(),
                "gue" => Tunnel::gue(parts[1].parse().ok()?),
                _ => return None,
            };
            ForwardingMethod::Tunnel(tunnel.with_flags(flags))
        }
        _ => return None,
    })
}

fn stats(words: &[&str], columns: Columns) -> Option<Stats> {
    let numbers: Option<Vec<u64>> = words.iter().map(|word| word.parse().ok()).collect();
    let [a, b, c, d, e] = numbers?.try_into().ok()?;
    let mut stats = Stats::default();
    let rates = &mut stats.rates;
    let fields = match columns {
        Columns::Stats => [
            &mut stats.connections,
            &mut stats.incoming_packets,
            &mut stats.outgoing_packets,
            &mut stats.incoming_bytes,
            &mut stats.outgoing_bytes,
        ],
        _ => [
            &mut rates.connections,
            &mut rates.incoming_packets,
            &mut rates.outgoing_packets,
            &mut rates.incoming_bytes,
            &mut rates.outgoing_bytes,
        ],
    };
    for (field, value) in fields.into_iter().zip([a, b, c, d, e]) {
        *field = value;
    }
    Some(stats)
}
