// SPDX-License-Identifier: MIT OR Apache-2.0

use std::net::SocketAddr;

use super::*;
use crate::plan::Record;

fn identity() -> Identity {
    Identity {
        boot_id: "5d6c0f5e-0000".into(),
        namespace: 4_026_531_840,
    }
}

fn key(last: u8) -> ServiceKey {
    ServiceKey::tcp(SocketAddr::from(([192, 168, 1, last], 80)))
}

fn service(specification: &str) -> OwnedService {
    OwnedService {
        service: Record::new(specification, true),
        destinations: [(
            SocketAddr::from(([10, 0, 0, 1], 80)),
            Record::new("direct,weight=1", false),
        )]
        .into(),
    }
}

#[test]
fn snapshot_and_journal_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let (mut ledger, opened) = Ledger::open(&path, identity()).unwrap();
    assert!(matches!(opened, Opened::Fresh));
    assert!(!path.exists(), "opening writes nothing");
    ledger
        .record([
            (key(1), Some(service("wrr"))),
            (key(2), Some(service("rr"))),
        ])
        .unwrap();
    ledger
        .record([(key(1), None), (key(3), Some(service("lc")))])
        .unwrap();
    ledger.record_sync_daemons(&[SyncState::Master]).unwrap();

    let (again, opened) = Ledger::open(&path, identity()).unwrap();
    assert!(matches!(opened, Opened::Loaded));
    assert_eq!(again.owned(), ledger.owned());
    assert_eq!(again.owned().len(), 2);
    assert_eq!(again.sync_daemons(), [SyncState::Master]);
}

#[test]
fn what_did_not_change_is_not_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let (mut ledger, _) = Ledger::open(&path, identity()).unwrap();
    ledger.record([(key(1), Some(service("wrr")))]).unwrap();
    let before = fs::read(&path).unwrap();
    ledger.record([(key(1), Some(service("wrr")))]).unwrap();
    ledger.record_sync_daemons(&[]).unwrap();
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn the_journal_is_folded_before_it_outgrows_the_table() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let (mut ledger, _) = Ledger::open(&path, identity()).unwrap();
    for round in 0..3 * JOURNAL_MIN {
        ledger
            .record([(key(1), Some(service(&format!("wrr{round}"))))])
            .unwrap();
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= JOURNAL_MIN + 2, "{lines} lines");
    }
    let (again, _) = Ledger::open(&path, identity()).unwrap();
    assert_eq!(again.owned(), ledger.owned());
}

#[test]
fn another_boot_or_namespace_counts_for_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let (mut ledger, _) = Ledger::open(&path, identity()).unwrap();
    ledger.record([(key(1), Some(service("wrr")))]).unwrap();
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
        let (ledger, opened) = Ledger::open(&path, other).unwrap();
        assert!(matches!(opened, Opened::Foreign(found) if found == identity()));
        assert!(ledger.owned().is_empty());
    }
}

/// Every prefix of a file is read without harm: as an earlier state when the cut is in the journal,
/// as truncated when it is in the snapshot. Never is anything claimed that was not written.
#[test]
fn every_truncation_is_safe() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let (mut ledger, _) = Ledger::open(&path, identity()).unwrap();
    ledger
        .record([
            (key(1), Some(service("wrr"))),
            (key(2), Some(service("rr"))),
        ])
        .unwrap();
    let snapshot_len = fs::metadata(&path).unwrap().len();
    ledger.record([(key(3), Some(service("lc")))]).unwrap();
    let bytes = fs::read(&path).unwrap();
    for end in 0..=bytes.len() {
        let cut = directory.path().join("cut");
        fs::write(&cut, bytes.get(..end).unwrap()).unwrap();
        let (ledger, opened) = Ledger::open(&cut, identity()).unwrap();
        let expected = match u64::try_from(end).unwrap() {
            end if end < snapshot_len => 0,
            _ if end < bytes.len() => 2,
            _ => 3,
        };
        assert_eq!(ledger.owned().len(), expected, "cut at {end}");
        assert_eq!(
            matches!(opened, Opened::SetAside { .. }),
            expected == 0,
            "cut at {end}"
        );
    }
}

#[test]
fn a_corrupt_file_is_set_aside_with_its_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let text = "lb-ledger 1 boot=x netns=1 lines=1\nown tcp/192.168.1.50:80 wrr 192.168.1.61 d\n";
    for (content, message) in [
        (
            text.as_bytes(),
            "line 2: \"192.168.1.61\" is not an address",
        ),
        (
            b"lb-ledger 2 boot=x netns=1 lines=0\n",
            "line 1: format version \"2\" is not known",
        ),
        (b"{\"services\": []}\n", "line 1: not a ledger"),
        (
            b"lb-ledger 1 boot=x netns=1 lines=1\n\xff\xfe\n",
            "line 2: not text",
        ),
        (
            b"lb-ledger 1 boot=x netns=1 lines=3\nown tcp/192.168.1.50:80 wrr\n",
            "line 3: the file is truncated, 2 line(s) are missing",
        ),
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

#[test]
fn a_write_that_fails_keeps_memory_right_and_is_made_up_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state/ledger");
    let (mut ledger, _) = Ledger::open(&path, identity()).unwrap();
    let error = ledger.record([(key(1), Some(service("wrr")))]).unwrap_err();
    assert_eq!(error.source.kind(), io::ErrorKind::NotFound);
    assert_eq!(ledger.owned().len(), 1);
    fs::create_dir(directory.path().join("state")).unwrap();
    ledger.record([(key(2), Some(service("rr")))]).unwrap();
    let (again, _) = Ledger::open(&path, identity()).unwrap();
    assert_eq!(again.owned(), ledger.owned());
}

#[test]
fn this_process_has_an_identity() {
    let identity = Identity::current().unwrap();
    assert!(!identity.boot_id.contains(char::is_whitespace));
    assert_eq!(identity, Identity::current().unwrap());
}
