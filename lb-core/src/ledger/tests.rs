// SPDX-License-Identifier: MIT OR Apache-2.0

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use lb_ipvs::{
    AddressFamily, Destination, EngineName, ForwardingMethod, Netmask, OwnedChange, Persistence,
    Protocol, Record, Scheduler, Service, ServiceFlags, ServiceKey, SyncState, Thresholds, Tunnel,
    TunnelFlags, TunnelKind, Weight,
};

use super::*;

fn identity() -> Identity {
    Identity {
        boot_id: "5d6c0f5e-0000".into(),
        namespace: 4_026_531_840,
    }
}

fn key(last: u8) -> ServiceKey {
    ServiceKey::tcp(SocketAddr::from(([192, 168, 1, last], 80)))
}

fn address(number: u16) -> SocketAddr {
    let [high, low] = number.to_be_bytes();
    SocketAddr::from(([10, 0, high, low], 80))
}

fn unconfirmed(last: u8, number: u16) -> OwnedChange {
    OwnedChange::Destination(key(last), address(number), Some(Record::Unconfirmed))
}

fn weighted(last: u8, number: u16, weight: u32) -> OwnedChange {
    let weight = Weight::new(weight).unwrap();
    let destination = Destination::new(address(number)).with_weight(weight);
    let record = Record::Confirmed(destination);
    OwnedChange::Destination(key(last), address(number), Some(record))
}

fn service(last: u8, scheduler: Scheduler) -> [OwnedChange; 3] {
    let record = Record::Confirmed(Service::new(key(last), scheduler));
    [
        OwnedChange::Service(key(last), Some(record)),
        unconfirmed(last, 1),
        weighted(last, 2, 7),
    ]
}

fn wrr(last: u8) -> [OwnedChange; 3] {
    service(last, Scheduler::WeightedRoundRobin)
}

/// A service of 1000 destinations.
fn large(last: u8) -> impl Iterator<Item = OwnedChange> {
    let destinations = (0..1000).map(move |number| weighted(last, number, 1));
    wrr(last).into_iter().chain(destinations)
}

fn ledger_in(directory: &tempfile::TempDir) -> (PathBuf, Ledger) {
    let path = directory.path().join("ledger");
    let (ledger, opened) = Ledger::open(&path, identity()).unwrap();
    assert!(matches!(opened, Opened::Fresh));
    (path, ledger)
}

/// A ledger with a snapshot, a journal of every kind of line, and the bytes of its file.
fn ledger_with_journal(directory: &tempfile::TempDir) -> (PathBuf, Ledger, Vec<u8>) {
    let (path, mut ledger) = ledger_in(directory);
    ledger.record(wrr(1).into_iter().chain(wrr(2))).unwrap();
    let journal = [
        OwnedChange::Service(key(1), None),
        weighted(2, 3, 1),
        OwnedChange::Destination(key(2), address(1), None),
    ];
    let added = service(3, Scheduler::Maglev);
    ledger.record(journal.into_iter().chain(added)).unwrap();
    ledger.record_sync_daemons(&[SyncState::Master]).unwrap();
    let bytes = fs::read(&path).unwrap();
    (path, ledger, bytes)
}

type Object = (ServiceKey, Option<SocketAddr>);

fn objects(owned: &Owned) -> BTreeSet<Object> {
    owned
        .iter()
        .flat_map(|(key, service)| {
            let destinations = service.destinations().map(|(address, _)| Some(address));
            std::iter::once(None)
                .chain(destinations)
                .map(|address| (*key, address))
        })
        .collect()
}

#[test]
fn snapshot_and_journal_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let (path, ledger) = ledger_in(&directory);
    assert!(!path.exists(), "opening writes nothing");
    drop(ledger);
    let (path, ledger, _) = ledger_with_journal(&directory);

    let (again, opened) = Ledger::open(&path, identity()).unwrap();
    assert!(matches!(opened, Opened::Loaded));
    assert_eq!(again.owned(), ledger.owned());
    assert_eq!(again.owned().len(), 2);
    assert_eq!(again.sync_daemons(), [SyncState::Master]);
}

#[test]
fn every_key_and_configuration_comes_back() {
    let v6: SocketAddr = "[fd00::50]:80".parse().unwrap();
    let keys = [
        ServiceKey::tcp(v6),
        ServiceKey::udp(address(1)),
        ServiceKey::sctp(v6),
        ServiceKey::Address {
            protocol: Protocol::Other(50),
            address: v6,
        },
        ServiceKey::firewall_mark(5.try_into().unwrap(), AddressFamily::Ipv4),
        ServiceKey::firewall_mark(u32::MAX.try_into().unwrap(), AddressFamily::Ipv6),
    ];
    let services = |key| {
        let plain = Service::new(key, Scheduler::RoundRobin);
        let full = Service::new(key, "a \"odd,\n".parse().unwrap())
            .with_flags(ServiceFlags::from_bits_retain(0x8000_0004))
            .with_persistence(Persistence::new(Duration::from_secs(360)))
            .with_persistence_engine(EngineName::new("sip").unwrap());
        [
            plain.clone(),
            full,
            plain.clone().with_netmask(Netmask::Ipv6(64)),
            plain.with_netmask(Netmask::Ipv4([255, 255, 255, 0].into())),
        ]
    };
    let mut tunnel = Tunnel::gue(6080).with_flags(TunnelFlags::CHECKSUM);
    tunnel.kind = TunnelKind::Other(9);
    let methods = [
        ForwardingMethod::Masquerade,
        ForwardingMethod::Local,
        ForwardingMethod::DirectRouting,
        ForwardingMethod::Bypass,
        ForwardingMethod::Tunnel(Tunnel::ipip()),
        ForwardingMethod::Tunnel(Tunnel::gre()),
        ForwardingMethod::Tunnel(tunnel),
        ForwardingMethod::Other(6),
    ];
    let destinations = methods.iter().zip(1..).map(|(method, number)| {
        Destination::new(address(number))
            .with_forwarding(*method)
            .with_weight(Weight::MAX)
            .with_thresholds(Thresholds {
                upper: number.into(),
                lower: 1,
            })
    });
    let owned: Vec<_> = destinations
        .map(|destination| (destination.address, Record::Confirmed(destination)))
        .chain([(v6, Record::Unconfirmed)])
        .collect();

    let directory = tempfile::tempdir().unwrap();
    let (path, mut ledger) = ledger_in(&directory);
    for key in keys {
        for service in services(key) {
            let service = OwnedChange::Service(key, Some(Record::Confirmed(service)));
            let destinations = owned
                .iter()
                .map(|(address, record)| OwnedChange::Destination(key, *address, Some(*record)));
            ledger
                .record(std::iter::once(service).chain(destinations))
                .unwrap();
            let (again, opened) = Ledger::open(&path, identity()).unwrap();
            assert!(matches!(opened, Opened::Loaded), "{opened:?}");
            assert_eq!(again.owned(), ledger.owned());
        }
    }
}

#[test]
fn what_did_not_change_is_not_written() {
    let directory = tempfile::tempdir().unwrap();
    let (path, mut ledger) = ledger_in(&directory);
    ledger.record(wrr(1)).unwrap();
    let before = fs::read(&path).unwrap();
    ledger.record(wrr(1)).unwrap();
    ledger.record_sync_daemons(&[]).unwrap();
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_change_of_one_destination_writes_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let (path, mut ledger) = ledger_in(&directory);
    ledger.record(large(1)).unwrap();
    let before = fs::read_to_string(&path).unwrap();
    ledger.record([weighted(1, 500, 9)]).unwrap();
    let after = fs::read_to_string(&path).unwrap();
    let appended = after.strip_prefix(&before).unwrap();
    assert_eq!(appended.lines().count(), 1, "{appended}");
    assert!(
        appended.contains(r#"{"destination":[[6,"192.168.1.1:80"],"10.0.1.244:80""#),
        "{appended}"
    );
}

/// 600 changes of the weight of one of 1000 destinations, each with its intent and its result.
#[test]
fn the_file_is_bounded_in_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let (path, mut ledger) = ledger_in(&directory);
    ledger.record(large(1)).unwrap();
    let length = || fs::metadata(&path).unwrap().len();
    let snapshot = length();
    assert!(snapshot < 100 * 1001, "{snapshot} bytes");
    let (mut longest, mut snapshots) = (0, 0);
    for weight in 0..600 {
        for step in [unconfirmed(1, 500), weighted(1, 500, weight)] {
            let before = length();
            ledger.record([step]).unwrap();
            snapshots += u32::from(length() < before);
            longest = longest.max(length());
        }
    }
    let limit = snapshot + store::JOURNAL_MIN.max(2 * snapshot) + 64;
    assert!(longest <= limit, "{longest} bytes");
    assert_eq!(snapshots, 0, "1200 lines of a journal fit");
    let (again, _) = Ledger::open(&path, identity()).unwrap();
    assert_eq!(again.owned(), ledger.owned());
}

#[test]
fn the_journal_is_folded_before_it_outgrows_the_table() {
    let directory = tempfile::tempdir().unwrap();
    let (path, mut ledger) = ledger_in(&directory);
    ledger.record(wrr(1)).unwrap();
    let mut folded = false;
    let mut before = 0;
    for round in 0..3000 {
        ledger.record([weighted(1, 2, round)]).unwrap();
        let length = fs::metadata(&path).unwrap().len();
        assert!(length <= store::JOURNAL_MIN + 1024, "{length} bytes");
        folded |= length < before;
        before = length;
    }
    assert!(folded);
    let (again, _) = Ledger::open(&path, identity()).unwrap();
    assert_eq!(again.owned(), ledger.owned());
}

#[test]
fn another_boot_or_namespace_counts_for_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (path, mut ledger) = ledger_in(&directory);
    ledger.record(wrr(1)).unwrap();
    for other in [
        Identity {
            boot_id: "another".into(),
            ..identity()
        },
        Identity {
            namespace: 1,
            ..identity()
        },
    ] {
        assert!(peek(&path, &other).unwrap().is_none());
        let (ledger, opened) = Ledger::open(&path, other).unwrap();
        assert!(matches!(opened, Opened::Foreign(found) if found == identity()));
        assert!(ledger.owned().is_empty());
    }
}

/// Number of whole lines in a part of a file.
fn whole_lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// The state of the ledger after each line of the file.
fn states(bytes: &[u8]) -> Vec<Owned> {
    let mut states = vec![Owned::new()];
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    for (end, _) in ends {
        match read(bytes.get(..=end).unwrap(), &identity()) {
            Ok(Found::Own(contents, _)) => states.push(contents.owned),
            other => panic!("{:?}", other.err()),
        }
    }
    states
}

/// Every prefix of a file is the state after its last whole line, and a cut is reported unless it is
/// between two lines of the journal.
#[test]
fn every_truncation_keeps_what_is_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let (_, _, bytes) = ledger_with_journal(&directory);
    let states = states(&bytes);
    let cut = directory.path().join("cut");
    for end in 0..=bytes.len() {
        let part = bytes.get(..end).unwrap();
        fs::write(&cut, part).unwrap();
        let (ledger, opened) = Ledger::open(&cut, identity()).unwrap();
        let lines = whole_lines(part);
        assert_eq!(Some(ledger.owned()), states.get(lines), "cut at {end}");
        let in_journal = lines > 6;
        match opened {
            Opened::SetAside { .. } => assert_eq!(lines, 0, "cut at {end}"),
            Opened::Loaded => assert!(in_journal && part.ends_with(b"\n"), "cut at {end}"),
            Opened::Damaged { copy, damage } => {
                assert!(!in_journal || !part.ends_with(b"\n"), "cut at {end}");
                assert_eq!(damage.first.line, lines + 1);
                assert_eq!(fs::read(copy.unwrap()).unwrap(), part);
            }
            other => panic!("cut at {end}: {other:?}"),
        }
    }
}

/// Any byte replaced by garbage: all objects of undamaged lines are kept, none is invented, and it is
/// reported. The damaged line is the only one that is lost, and the next one when its newline was hit.
#[test]
fn garbage_at_any_byte_is_left_out_and_reported() {
    let directory = tempfile::tempdir().unwrap();
    let (_, _, bytes) = ledger_with_journal(&directory);
    let known: BTreeSet<Object> = states(&bytes).iter().flat_map(objects).collect();
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    for position in 0..bytes.len() {
        let original = *bytes.get(position).unwrap();
        for garbage in [original ^ 1, original ^ 0x20, 0, 0xff, b'\n', b'0'] {
            if garbage == original {
                continue;
            }
            let mut damaged = bytes.clone();
            *damaged.get_mut(position).unwrap() = garbage;
            let (contents, damage) = match read(&damaged, &identity()) {
                Ok(Found::Own(contents, damage)) => (contents, damage.unwrap()),
                other => panic!("byte {position}: {:?}", other.err()),
            };
            let hit = whole_lines(bytes.get(..position).unwrap());
            assert_eq!(damage.first.line, hit + 1, "byte {position}: {damage}");
            assert!(damage.lines <= 3, "byte {position}: {damage}");
            let found = objects(&contents.owned);
            assert!(found.is_subset(&known), "byte {position}: {found:?}");

            // the same file without the lines that were hit
            let lost = if original == b'\n' { 2 } else { 1 };
            let rest: Vec<u8> = lines
                .iter()
                .enumerate()
                .filter(|(index, _)| !(hit..hit + lost).contains(index))
                .flat_map(|(_, line)| line.iter().copied())
                .collect();
            let expected = match read(&rest, &identity()) {
                Ok(Found::Own(contents, _)) => contents,
                other => panic!("byte {position}: {:?}", other.err()),
            };
            assert_eq!(contents.owned, expected.owned, "byte {position}");
            assert_eq!(contents.sync, expected.sync, "byte {position}");
        }
    }
}

#[test]
fn lines_of_another_table_do_not_count() {
    let directory = tempfile::tempdir().unwrap();
    let (_, _, bytes) = ledger_with_journal(&directory);
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap();
    let other = Identity {
        boot_id: "another".into(),
        ..identity()
    };
    // without a header only the checksums bind the lines to a table
    let headless = bytes.get(end..).unwrap();
    assert!(matches!(
        read(headless, &identity()),
        Ok(Found::Own(contents, Some(_))) if contents.owned.len() == 2
    ));
    let error = read(headless, &other).err().unwrap();
    assert_eq!(error.to_string(), "line 1: not a ledger");
}

#[test]
fn a_damaged_file_is_replaced_by_the_next_write() {
    let directory = tempfile::tempdir().unwrap();
    let (path, _, mut bytes) = ledger_with_journal(&directory);
    bytes.truncate(bytes.len() - 5);
    fs::write(&path, &bytes).unwrap();
    let (mut ledger, opened) = Ledger::open(&path, identity()).unwrap();
    let Opened::Damaged { damage, .. } = opened else {
        panic!("{opened:?}")
    };
    assert_eq!(
        damage.to_string(),
        "1 line(s) are damaged, the first: line 14: the line is cut short"
    );
    ledger.record(wrr(9)).unwrap();
    let (again, opened) = Ledger::open(&path, identity()).unwrap();
    assert!(matches!(opened, Opened::Loaded));
    assert_eq!(again.owned(), ledger.owned());
}

#[test]
fn a_file_without_a_usable_line_is_set_aside_with_its_fault() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let newer = Line::Ledger(line::Header {
        version: 3,
        boot: "x".into(),
        netns: 1,
        lines: 0,
    });
    let mut version3 = Vec::new();
    newer.encode(line::Checksum::PLAIN, &mut version3).unwrap();
    let mut truncated1 = b"lb-ledger 1 boot=x netns=1 lines=3\n".to_vec();
    truncated1.extend(b"own tcp/192.168.1.50:80 wrr\n");
    let mut garbled1 = b"lb-ledger 1 boot=x netns=1 lines=1\n".to_vec();
    garbled1.extend(b"own tcp/192.168.1.50:80 wrr 192.168.1.61 d\n");
    for (content, message) in [
        (version3.as_slice(), "line 1: format version 3 is not known"),
        (b"{\"services\": []}\n", "line 1: not a ledger"),
        (b"", "line 1: not a ledger"),
        (b"\xff\xfe\n\n\n", "line 1: not a ledger"),
        (
            &truncated1,
            "line 3: the file is truncated, 2 line(s) are missing",
        ),
        (&garbled1, "line 2: the content is not known"),
    ] {
        fs::write(&path, content).unwrap();
        let (ledger, opened) = Ledger::open(&path, identity()).unwrap();
        assert!(ledger.owned().is_empty());
        let Opened::SetAside { path: aside, error } = opened else {
            panic!("{opened:?}")
        };
        assert_eq!(error.to_string(), message);
        assert_eq!(fs::read(aside).unwrap(), content);
        assert!(!path.exists());
    }
}

/// An upgrade from a version that wrote format 1 keeps all ownership, without confirmation.
#[test]
fn format_1_is_read_once_and_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let text = "lb-ledger 1 boot=5d6c0f5e-0000 netns=4026531840 lines=2\n\
        own tcp/192.168.1.1:80 wrr,flags=0x4 10.0.0.1:80 direct,weight=1 [fd00::1]:80 masquerade,weight=0?\n\
        own fwmark-ipv6/4294967295 rr\n\
        own 50/[fd00::50]:80 wrr?\n\
        drop fwmark-ipv6/4294967295\n\
        sync master\n\
        own udp/192.168.1.1:53 r";
    fs::write(&path, text).unwrap();
    assert_eq!(peek(&path, &identity()).unwrap().unwrap().len(), 2);
    let (mut ledger, opened) = Ledger::open(&path, identity()).unwrap();
    assert!(matches!(opened, Opened::Loaded), "{opened:?}");
    let other = ServiceKey::Address {
        protocol: Protocol::Other(50),
        address: "[fd00::50]:80".parse().unwrap(),
    };
    assert_eq!(
        objects(ledger.owned()),
        [
            (key(1), None),
            (key(1), Some(address(1))),
            (key(1), Some("[fd00::1]:80".parse().unwrap())),
            (other, None),
        ]
        .into()
    );
    assert!(ledger.owned().iter().all(|(_, service)| {
        let mut records = service.destinations().map(|(_, record)| record);
        !service.service().is_confirmed() && records.all(|record| record == Record::Unconfirmed)
    }));
    assert_eq!(ledger.sync_daemons(), [SyncState::Master]);
    let own = ledger.owned().clone();
    ledger.record(wrr(9)).unwrap();
    assert!(!fs::read_to_string(&path).unwrap().starts_with("lb-ledger"));
    let (again, _) = Ledger::open(&path, identity()).unwrap();
    assert!(objects(again.owned()).is_superset(&objects(&own)));

    fs::write(&path, text.replace("boot=5d", "boot=6d")).unwrap();
    let (ledger, opened) = Ledger::open(&path, identity()).unwrap();
    assert!(matches!(opened, Opened::Foreign(_)));
    assert!(ledger.owned().is_empty());
}

#[test]
fn a_write_that_fails_keeps_memory_right_and_is_made_up_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state/ledger");
    let (mut ledger, _) = Ledger::open(&path, identity()).unwrap();
    let error = ledger.record(wrr(1)).unwrap_err();
    assert_eq!(error.source.kind(), io::ErrorKind::NotFound);
    assert_eq!(ledger.owned().len(), 1);
    fs::create_dir(directory.path().join("state")).unwrap();
    ledger.record(wrr(2)).unwrap();
    let (again, _) = Ledger::open(&path, identity()).unwrap();
    assert_eq!(again.owned(), ledger.owned());
}

#[test]
fn this_process_has_an_identity() {
    let identity = Identity::current().unwrap();
    assert!(!identity.boot_id.contains(char::is_whitespace));
    assert_eq!(identity, Identity::current().unwrap());
}

/// A ledger that is a FIFO or a link is an error at once, and nothing is read through it.
#[cfg(feature = "daemon")]
#[test]
fn only_a_regular_file_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    Ledger::open(&fifo, identity()).unwrap_err();
    let target = directory.path().join("target");
    fs::write(&target, "precious\n").unwrap();
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(&target, &link).unwrap();
    Ledger::open(&link, identity()).unwrap_err();
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious\n");
}

#[test]
fn the_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let (mut ledger, _) = Ledger::open(&path, identity()).unwrap();
    ledger.record(wrr(1)).unwrap();
    let mode = path.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
