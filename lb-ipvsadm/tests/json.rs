// SPDX-License-Identifier: MIT OR Apache-2.0
//! The JSON documents, and the page that explains them.
#![cfg(feature = "json")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    io::{self, BufReader, Read, Write},
    path::Path,
    time::Duration,
};

use lb_ipvs::{
    AddressFamily, Aspects, Connections, Destination, DestinationEntry, Difference, DrainEvent,
    DrainStep, EngineName, ForwardingMethod, Info, Netmask, Persistence, Protocol, Rates,
    Scheduler, Service, ServiceEntry, ServiceFlags, ServiceKey, Stats, Status, SyncDaemon, SyncId,
    SyncState, TableEntry, Thresholds, Timeouts, Tunnel, TunnelFlags, Version, Weight,
    connections::{self, Origin, ReadError},
};
use lb_ipvsadm::json;
use serde_json::{Value, json};

fn stats(first: u64) -> Stats {
    let mut rates = Rates::default();
    rates.connections = first + 5;
    rates.incoming_packets = first + 6;
    rates.outgoing_packets = first + 7;
    rates.incoming_bytes = first + 8;
    rates.outgoing_bytes = first + 9;
    let mut stats = Stats::default();
    stats.connections = first;
    stats.incoming_packets = first + 1;
    stats.outgoing_packets = first + 2;
    stats.incoming_bytes = first + 3;
    stats.outgoing_bytes = first + 4;
    stats.rates = rates;
    stats
}

fn entry(service: Service, stats: Stats, destinations: Vec<DestinationEntry>) -> TableEntry {
    TableEntry {
        service: ServiceEntry { service, stats },
        destinations,
    }
}

fn destination(destination: Destination) -> DestinationEntry {
    DestinationEntry {
        destination,
        connections: Connections {
            active: 1,
            inactive: 2,
            persistent: 3,
        },
        stats: stats(100),
    }
}

/// A table with each kind of entry, and with values that have no name.
fn table() -> Vec<TableEntry> {
    let web = ServiceKey::tcp("192.168.1.50:80".parse().unwrap());
    let mark = ServiceKey::firewall_mark(u32::MAX.try_into().unwrap(), AddressFamily::Ipv6);
    let odd = ServiceKey::Address {
        protocol: Protocol::Other(50),
        address: "[fd00::50]:0".parse().unwrap(),
    };
    let gue = Tunnel::gue(6080)
        .with_flags(TunnelFlags::REMOTE_CHECKSUM | TunnelFlags::from_bits_retain(0x40));
    vec![
        entry(
            Service::new(web, Scheduler::WeightedRoundRobin),
            stats(u64::MAX - 9),
            vec![
                destination(
                    Destination::new("192.168.1.61:80".parse().unwrap())
                        .with_weight(Weight::MAX)
                        .with_thresholds(Thresholds {
                            upper: 20,
                            lower: 10,
                        }),
                ),
                destination(
                    Destination::new("[fd00::61]:80".parse().unwrap())
                        .with_forwarding(ForwardingMethod::Tunnel(gue)),
                ),
            ],
        ),
        entry(
            Service::new(mark, Scheduler::SourceHashing)
                .with_flags(
                    ServiceFlags::ONE_PACKET
                        | ServiceFlags::SCHED_2
                        | ServiceFlags::from_bits_retain(0x100),
                )
                .with_netmask(Netmask::Ipv6(64))
                .with_persistence(Persistence::new(Duration::from_secs(360)))
                .with_persistence_engine(EngineName::new("sip").unwrap()),
            Stats::default(),
            vec![destination(
                Destination::new("[fd00::62]:0".parse().unwrap())
                    .with_forwarding(ForwardingMethod::Other(7)),
            )],
        ),
        entry(
            Service::new(odd, "newest".parse().unwrap()),
            Stats::default(),
            Vec::new(),
        ),
    ]
}

fn info() -> Info {
    Info {
        version: Version::new(1, 2, 1),
        connection_table_size: 4096,
    }
}

const CONNECTIONS: &str = "\
Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
IP  0A090064 0000 00000005 0000 0A0A000C 0000 NONE             55
TCP [fd00:0000:0000:0000:0000:0000:0000:0002] CDA4 [fd00:0000:0000:0000:0000:0000:0000:0050] 0051 [fd00:0000:0000:0000:0000:0000:0000:0061] 1F90 ESTABLISHED     897 sip call-1@host
";

fn daemons() -> [SyncDaemon; 2] {
    let mut backup = SyncDaemon::new(SyncState::Backup, "eth0", SyncId::new(100));
    backup.max_length = Some(1452);
    backup.group = Some("ff02::55".parse().unwrap());
    backup.port = Some(8848);
    backup.ttl = Some(1);
    [
        SyncDaemon::new(SyncState::Master, "eth0", SyncId::new(0)),
        backup,
    ]
}

fn written(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> (String, Value) {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    let value = serde_json::from_slice(&out).unwrap();
    (String::from_utf8(out).unwrap(), value)
}

/// Differences of every kind.
fn differences() -> Vec<Difference> {
    let old = table();
    let mut new = old.clone();
    new[0].service.service.persistence = Some(Persistence::default());
    new[0].service.service.persistence_engine = Some(EngineName::new("sip").unwrap());
    new[0].service.service.flags = ServiceFlags::ONE_PACKET;
    new[0].service.stats = stats(1);
    new[0].destinations[0].connections.active = 9;
    new[0].destinations[0].stats = stats(200);
    new[0].destinations[0].destination.forwarding = ForwardingMethod::Tunnel(Tunnel::gre());
    new[0].destinations[1].destination.forwarding =
        ForwardingMethod::Tunnel(Tunnel::gre().with_flags(TunnelFlags::CHECKSUM));
    new[1].service.service.flags = ServiceFlags::empty();
    new[1].service.service.persistence_engine = None;
    new[1].service.service.persistence = None;
    let appeared = new.remove(2);
    let mut old = old;
    old.pop();
    let went = old.remove(1);
    let mut both = lb_ipvs::difference(&old, &new, Aspects::all());
    old.push(went);
    both.extend(lb_ipvs::difference(&old, &new, Aspects::all()));
    both.extend(lb_ipvs::difference(&old, &[appeared], Aspects::all()));
    both
}

/// Steps of every kind.
fn steps() -> Vec<DrainStep> {
    let left = Connections {
        active: 1,
        inactive: 2,
        persistent: 3,
    };
    let before = Destination::new("192.168.1.61:80".parse().unwrap()).with_weight(Weight::MAX);
    vec![
        DrainStep::Quiesced { before },
        DrainStep::Waiting(left),
        DrainStep::Drained,
        DrainStep::TimedOut(left),
        DrainStep::Reweighted(Weight::ONE),
        DrainStep::Gone,
        DrainStep::Deleted,
    ]
}

/// Lines, and the same as one list.
fn lines(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> (String, Value) {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let values = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let values = Value::Array(values.collect());
    (text, values)
}

/// The documents by the page's headings; where each line is one, a list of them.
fn documents() -> BTreeMap<&'static str, (String, Value)> {
    let timeouts = Timeouts {
        tcp: Duration::from_secs(900),
        tcp_fin: Duration::from_secs(120),
        udp: Duration::from_secs(300),
    };
    let mut rows = connections::parse(CONNECTIONS).unwrap();
    rows[0].origin = Some(Origin::Sync);
    BTreeMap::from([
        ("table", written(|out| json::table(&info(), &table(), out))),
        (
            "connections",
            written(|out| json::connections(rows.into_iter().map(io::Result::Ok), out)),
        ),
        ("timeouts", written(|out| json::timeouts(&timeouts, out))),
        (
            "sync daemons",
            written(|out| json::sync_daemons(&daemons(), out)),
        ),
        (
            "drain events",
            lines(|out| {
                let [web, mark, _] = table().try_into().unwrap();
                let events = steps().into_iter().flat_map(|step| {
                    [&web, &mark].map(|entry| {
                        let key = entry.service.service.key;
                        let address = entry.destinations[0].destination.address;
                        DrainEvent::new(key, address, step)
                    })
                });
                events
                    .into_iter()
                    .try_for_each(|event| json::drain_event(&event, out))
            }),
        ),
        ("table size", lines(|out| json::table_size(2, 8, out))),
        (
            "state of the kernel",
            lines(|out| {
                json::status(&info(), None, out)?;
                json::status(&info(), Some(&Status::parse("")), out)?;
                let recorded = include_str!("../../lb-ipvs/tests/data/ip_vs_status.txt");
                json::status(&info(), Some(&Status::parse(recorded)), out)
            }),
        ),
        (
            "differences",
            lines(|out| {
                differences()
                    .iter()
                    .try_for_each(|difference| json::difference(difference, out))
            }),
        ),
    ])
}

#[test]
fn a_service_as_a_line() {
    let (text, _) = &documents()["table"];
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        r#"{"schema":"lbctl.ipvs/1","version":"1.2.1","connection_table_size":4096,"services":["#
    );
    assert_eq!(
        lines[3],
        r#"{"protocol":"50","address":"fd00::50","port":0,"firewall_mark":null,"family":"ipv6","scheduler":"newest","flags":[],"persistence_timeout":null,"netmask":"128","persistence_engine":null,"stats":{"connections":0,"incoming_packets":0,"outgoing_packets":0,"incoming_bytes":0,"outgoing_bytes":0},"rates":{"connections":0,"incoming_packets":0,"outgoing_packets":0,"incoming_bytes":0,"outgoing_bytes":0},"destinations":[]}]}"#
    );
    assert_eq!(lines.len(), 4);
}

#[test]
fn what_is_known_and_what_is_not() {
    let (_, table) = &documents()["table"];
    let [web, mark, _] = table["services"].as_array().unwrap().as_slice() else {
        panic!("{table}");
    };
    assert_eq!(web["stats"]["connections"], json!(u64::MAX - 9));
    assert_eq!(web["rates"]["outgoing_bytes"], json!(u64::MAX));
    assert_eq!(web["netmask"], "255.255.255.255");
    let [route, tunnel] = web["destinations"].as_array().unwrap().as_slice() else {
        panic!("{web}");
    };
    assert_eq!(route["forwarding"], "direct-routing");
    assert_eq!(route["weight"], 2_147_483_647);
    assert_eq!(route["thresholds"], json!({"upper": 20, "lower": 10}));
    assert_eq!(
        route["connections"],
        json!({"active": 1, "inactive": 2, "persistent": 3})
    );
    assert_eq!(
        route["stats"],
        json!({"connections": 100, "incoming_packets": 101, "outgoing_packets": 102,
               "incoming_bytes": 103, "outgoing_bytes": 104})
    );
    assert_eq!(
        tunnel["tunnel"],
        json!({"kind": "gue", "port": 6080, "flags": ["remcsum", "0x40"]})
    );
    assert_eq!(mark["firewall_mark"], json!(u32::MAX));
    assert_eq!(mark["protocol"], Value::Null);
    assert_eq!(mark["flags"], json!(["ops", "sh-port", "0x100"]));
    assert_eq!(mark["persistence_timeout"], 360);
    assert_eq!(mark["netmask"], "64");
    assert_eq!(mark["persistence_engine"], "sip");
    assert_eq!(mark["destinations"][0]["forwarding"], "7");
}

#[test]
fn connections_come_one_a_line() {
    let (text, document) = &documents()["connections"];
    assert_eq!(text.lines().count(), 3);
    assert_eq!(document["connections"][0]["virtual_address"], "0.0.0.5");
    assert_eq!(
        document["connections"][1],
        json!({"protocol": "TCP", "client_address": "fd00::2", "client_port": 52644,
               "virtual_address": "fd00::50", "virtual_port": 81,
               "destination_address": "fd00::61", "destination_port": 8080,
               "state": "ESTABLISHED", "expires": 897,
               "persistence_engine": "sip", "persistence_data": "call-1@host", "origin": null})
    );
}

#[test]
fn events_as_lines() {
    let (text, _) = &documents()["drain events"];
    assert_eq!(
        text.lines().next(),
        Some(
            r#"{"schema":"lbctl.ipvs/1","event":"quiesced","service":{"protocol":"TCP","address":"192.168.1.50","port":80,"firewall_mark":null,"family":"ipv4"},"destination":{"address":"192.168.1.61","port":80},"weight":2147483647,"connections":null}"#
        )
    );
    let (_, differences) = &documents()["differences"];
    let mut events: Vec<&str> = differences
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["event"].as_str().unwrap())
        .collect();
    events.sort_unstable();
    events.dedup();
    assert_eq!(
        events,
        [
            "connections",
            "destination-appeared",
            "destination-changed",
            "destination-counters",
            "destination-went",
            "service-appeared",
            "service-changed",
            "service-counters",
            "service-went",
        ]
    );
}

#[test]
fn what_is_empty() {
    let nothing = |write: &dyn Fn(&mut Vec<u8>) -> io::Result<()>| written(|out| write(out)).1;
    let table = nothing(&|out| json::table(&info(), &[], out));
    assert_eq!(table["services"], json!([]));
    let daemons = nothing(&|out| json::sync_daemons(&[], out));
    assert_eq!(daemons["sync_daemons"], json!([]));
}

#[test]
fn an_error_ends_the_document() {
    let broken = "title\nTCP 0A090002\n";
    let mut out = Vec::new();
    let rows = connections::Connections::new(broken.as_bytes());
    let error = json::connections(rows, &mut out).unwrap_err();
    assert!(matches!(error, ReadError::Line(_)), "{error:?}");
    assert!(serde_json::from_slice::<Value>(&out).is_err());
}

/// A table of connections that is made while it is read, and a document that is counted while it is
/// written: how many lines the one was ahead of the other at most.
#[test]
fn connections_are_not_held() {
    const ROWS: u64 = 100_000;
    const LINE: &[u8] = b"TCP 0A090002 CDA4 0A090064 0051 0A0A000C 1F90 ESTABLISHED     897\n";

    struct Made<'a> {
        made: &'a Cell<u64>,
        rest: &'static [u8],
    }
    impl Read for Made<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.rest.is_empty() && self.made.get() <= ROWS {
                // The first line is the title.
                self.made.set(self.made.get() + 1);
                self.rest = LINE;
            }
            self.rest.read(buffer)
        }
    }
    struct Counted<'a> {
        made: &'a Cell<u64>,
        written: u64,
        most_ahead: u64,
    }
    impl Write for Counted<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
            self.written += u64::try_from(lines).unwrap();
            let ahead = self.made.get().saturating_sub(self.written);
            self.most_ahead = self.most_ahead.max(ahead);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let made = Cell::new(0);
    let mut out = Counted {
        made: &made,
        written: 0,
        most_ahead: 0,
    };
    let input = BufReader::with_capacity(
        4096,
        Made {
            made: &made,
            rest: &[],
        },
    );
    json::connections(connections::Connections::new(input), &mut out).unwrap();
    assert_eq!((made.get(), out.written), (ROWS + 1, ROWS + 1));
    assert!(out.most_ahead < 100, "{} lines were held", out.most_ahead);
}

/// Path to the types that were seen there.
type Fields = BTreeMap<String, BTreeSet<&'static str>>;

fn collect(path: &str, value: &Value, fields: &mut Fields) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Object(members) => {
            for (name, member) in members {
                let dot = if path.is_empty() { "" } else { "." };
                collect(&format!("{path}{dot}{name}"), member, fields);
            }
            "object"
        }
        Value::Array(elements) => {
            for element in elements {
                collect(&format!("{path}[]"), element, fields);
            }
            return;
        }
    };
    if !path.is_empty() {
        fields.entry(path.to_owned()).or_default().insert(kind);
    }
}

/// The rows of the tables below a heading: field and type.
fn explained(page: &str, heading: &str) -> BTreeMap<String, String> {
    let title = format!("## {heading}");
    page.lines()
        .skip_while(|line| *line != title)
        .skip(1)
        .take_while(|line| !line.starts_with("## "))
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split(" | ");
            let field = cells.next()?.strip_suffix('`')?;
            Some((field.to_owned(), cells.next()?.to_owned()))
        })
        .collect()
}

#[test]
fn the_page_explains_every_field_and_no_other() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/ipvs-json.md");
    let page = std::fs::read_to_string(path).unwrap();
    assert!(page.contains(json::SCHEMA));
    for (heading, (_, document)) in documents() {
        let documents = match document {
            Value::Array(lines) => lines,
            one => vec![one],
        };
        let mut fields = Fields::new();
        for document in &documents {
            assert_eq!(document["schema"], json::SCHEMA, "{heading}");
            collect("", document, &mut fields);
        }
        let seen: BTreeMap<String, String> = fields
            .into_iter()
            .map(|(field, mut kinds)| {
                let null = if kinds.remove("null") { "?" } else { "" };
                let kinds: Vec<&str> = kinds.into_iter().collect();
                (field, kinds.join("|") + null)
            })
            .collect();
        assert_eq!(explained(&page, heading), seen, "{heading}");
    }
}
