// SPDX-License-Identifier: MIT OR Apache-2.0

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::task::{Context, Poll, Waker};

use lb_ipvs::{
    Change, Destination, Scheduler, Service, SyncDaemon, SyncId, SyncState, Weight, plan,
};

use super::*;
use crate::dataplane::MemoryPlane;
use crate::ledger::{Identity, Opened};

fn key(n: u8) -> ServiceKey {
    ServiceKey::tcp(SocketAddr::from(([192, 168, 1, n], 80)))
}

fn service(n: u8) -> Service {
    Service::new(key(n), Scheduler::WeightedRoundRobin)
}

fn address(n: u8) -> SocketAddr {
    SocketAddr::from(([192, 168, 1, n], 80))
}

fn destination(n: u8, weight: u32) -> Destination {
    Destination::new(address(n)).with_weight(Weight::new(weight).unwrap())
}

fn desired(n: u8, destinations: &[u8]) -> TableService {
    TableService::new(service(n)).with_destinations(destinations.iter().map(|n| destination(*n, 1)))
}

fn table(services: &[(u8, &[u8])]) -> Table {
    services
        .iter()
        .map(|(n, destinations)| desired(*n, destinations))
        .collect()
}

/// The memory plane never waits, so neither does the reconciler.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

fn started(kernel: &MemoryPlane, services: &[(u8, &[u8])]) -> Reconciler<MemoryPlane> {
    let mut reconciler = Reconciler::new(kernel.clone(), Ledger::in_memory());
    let report = now(reconciler.start(table(services))).unwrap();
    assert!(report.failed.is_empty(), "{report:?}");
    let _ = kernel.take_applied();
    reconciler
}

fn open(path: &Path) -> Ledger {
    let identity = Identity {
        boot_id: "boot".into(),
        namespace: 1,
    };
    Ledger::open(path, identity).unwrap().0
}

#[test]
fn a_health_change_costs_one_change() {
    let kernel = MemoryPlane::new();
    let mut reconciler = started(&kernel, &[(50, &[61, 62]), (51, &[61])]);
    let report = now(reconciler.service_changed(key(50), Some(desired(50, &[62])))).unwrap();
    assert_eq!(
        report.applied,
        [Change::DeleteDestination(key(50), address(61))]
    );
    now(reconciler.service_changed(key(50), Some(desired(50, &[61, 62])))).unwrap();
    assert_eq!(
        kernel.take_applied(),
        [
            Change::DeleteDestination(key(50), address(61)),
            Change::AddDestination(key(50), destination(61, 1)),
        ]
    );
}

#[test]
fn reload_adds_a_real_server_and_touches_nothing_else() {
    let kernel = MemoryPlane::new();
    let mut reconciler = started(&kernel, &[(50, &[61, 62]), (51, &[61])]);
    now(reconciler.reload(table(&[(50, &[61, 62, 63]), (51, &[61])]), false)).unwrap();
    assert_eq!(
        kernel.take_applied(),
        [Change::AddDestination(key(50), destination(63, 1))]
    );
    // and the same again is nothing at all
    let report = now(reconciler.reload(table(&[(50, &[61, 62, 63]), (51, &[61])]), false)).unwrap();
    assert!(report.is_empty(), "{report:?}");
}

#[test]
fn others_survive_start_reload_and_stop() {
    let kernel = MemoryPlane::new();
    kernel.by_hand(&Change::AddService(service(9))).unwrap();
    kernel
        .by_hand(&Change::AddDestination(key(9), destination(99, 7)))
        .unwrap();
    let before = kernel.table();
    let mut reconciler = started(&kernel, &[(50, &[61])]);
    now(reconciler.reload(table(&[(51, &[61])]), true)).unwrap();
    let report = now(reconciler.stop()).unwrap();
    assert_eq!(report.applied, [Change::DeleteService(key(51))]);
    assert_eq!(kernel.table(), before);
    assert!(reconciler.ledger().owned().is_empty());
}

#[test]
fn stop_leaves_nothing_of_ours() {
    let kernel = MemoryPlane::new();
    let mut reconciler = started(&kernel, &[(50, &[61, 62]), (51, &[]), (52, &[61])]);
    now(reconciler.set_sync_daemons(&[SyncDaemon::new(
        SyncState::Backup,
        "eth0",
        SyncId::new(100),
    )]))
    .unwrap();
    let report = now(reconciler.stop()).unwrap();
    assert_eq!(report.applied.len(), 3, "one change for each service");
    assert_eq!(report.sync.unwrap().stopped, [SyncState::Backup]);
    assert!(kernel.table().services().len() == 0);
}

#[test]
fn a_destination_of_others_survives_and_keeps_its_service() {
    let kernel = MemoryPlane::new();
    let mut reconciler = started(&kernel, &[(50, &[61])]);
    // added behind our back: the stop must not take it along
    kernel
        .by_hand(&Change::AddDestination(key(50), destination(99, 7)))
        .unwrap();
    now(reconciler.service_changed(key(50), Some(desired(50, &[62])))).unwrap();
    now(reconciler.reload(table(&[(50, &[61])]), true)).unwrap();
    let report = now(reconciler.stop()).unwrap();
    assert_eq!(
        report.notes,
        [Note::ServiceReleased {
            key: key(50),
            foreign: 1
        }]
    );
    let left = kernel.table();
    let destinations = left.service(&key(50)).unwrap().destinations();
    assert_eq!(destinations.collect::<Vec<_>>(), [&destination(99, 7)]);
}

#[test]
fn a_weight_set_by_hand_survives_until_something_is_wanted_of_it() {
    let kernel = MemoryPlane::new();
    let mut reconciler = started(&kernel, &[(50, &[61, 62])]);
    kernel
        .by_hand(&Change::EditDestination(key(50), destination(61, 0)))
        .unwrap();
    let weight = || {
        kernel
            .table()
            .service(&key(50))
            .unwrap()
            .destination(address(61))
            .unwrap()
            .weight
    };
    // another real server flaps
    now(reconciler.service_changed(key(50), Some(desired(50, &[61])))).unwrap();
    now(reconciler.service_changed(key(50), Some(desired(50, &[61, 62])))).unwrap();
    // and a plain reload goes by
    now(reconciler.reload(table(&[(50, &[61, 62, 63])]), false)).unwrap();
    assert_eq!(weight(), Weight::ZERO);
    // the audit reports the change once and leaves it
    let audit = now(reconciler.audit_one()).unwrap().unwrap();
    assert!(matches!(
        audit.report.notes.as_slice(),
        [Note::DestinationDrifted { .. }]
    ));
    assert!(
        now(reconciler.audit_one())
            .unwrap()
            .unwrap()
            .report
            .is_empty()
    );
    assert_eq!(reconciler.drift().count(), 1);
    assert_eq!(weight(), Weight::ZERO);
    // asked to, we undo it
    let report = now(reconciler.reload(table(&[(50, &[61, 62, 63])]), true)).unwrap();
    assert_eq!(
        report.applied,
        [Change::EditDestination(key(50), destination(61, 1))]
    );
    assert_eq!(reconciler.drift().count(), 0);
}

#[test]
fn a_weight_set_by_hand_survives_a_crash_but_not_what_was_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let kernel = MemoryPlane::new();
    let mut reconciler = Reconciler::new(kernel.clone(), open(&path));
    now(reconciler.start(table(&[(50, &[61, 62])]))).unwrap();
    drop(reconciler);
    kernel
        .by_hand(&Change::EditDestination(key(50), destination(61, 0)))
        .unwrap();
    kernel
        .by_hand(&Change::DeleteDestination(key(50), address(62)))
        .unwrap();
    let _ = kernel.take_applied();
    let mut reconciler = Reconciler::new(kernel.clone(), open(&path));
    now(reconciler.start(table(&[(50, &[61, 62])]))).unwrap();
    assert_eq!(
        kernel.take_applied(),
        [Change::AddDestination(key(50), destination(62, 1))]
    );
}

#[test]
fn external_deletion_is_detected_by_the_answer() {
    let kernel = MemoryPlane::new();
    let mut reconciler = started(&kernel, &[(50, &[61, 62])]);
    kernel.by_hand(&Change::DeleteService(key(50))).unwrap();
    // ESRCH: the service comes back complete
    let report =
        now(reconciler.service_changed(key(50), Some(desired(50, &[61, 62, 63])))).unwrap();
    assert!(report.failed.is_empty());
    assert_eq!(
        kernel
            .table()
            .service(&key(50))
            .unwrap()
            .destinations()
            .len(),
        3
    );
    // ENOENT: what is to be deleted may be gone
    kernel
        .by_hand(&Change::DeleteDestination(key(50), address(61)))
        .unwrap();
    let report = now(reconciler.service_changed(key(50), Some(desired(50, &[62, 63])))).unwrap();
    assert!(
        report.failed.is_empty() && report.applied.is_empty(),
        "{report:?}"
    );
    // EEXIST: what is to be added may be there, as something else
    kernel
        .by_hand(&Change::AddDestination(key(50), destination(61, 9)))
        .unwrap();
    let report =
        now(reconciler.service_changed(key(50), Some(desired(50, &[61, 62, 63])))).unwrap();
    assert_eq!(
        report.applied,
        [Change::EditDestination(key(50), destination(61, 1))]
    );
    assert_eq!(
        report.notes,
        [Note::DestinationAdopted(key(50), address(61))]
    );
    // ESRCH at the deletion of the service
    kernel.by_hand(&Change::DeleteService(key(50))).unwrap();
    assert!(now(reconciler.stop()).unwrap().failed.is_empty());
    assert!(reconciler.ledger().owned().is_empty());
}

#[test]
fn a_lost_connection_is_read_and_planned_again() {
    for after in 0..6 {
        let kernel = MemoryPlane::new();
        let mut reconciler = Reconciler::new(kernel.clone(), Ledger::in_memory());
        kernel.lose_after(after);
        let report = now(reconciler.start(table(&[(50, &[61, 62]), (51, &[61])]))).unwrap();
        assert!(report.failed.is_empty());
        assert_eq!(
            kernel
                .table()
                .service(&key(50))
                .unwrap()
                .destinations()
                .len(),
            2
        );
        assert_eq!(
            kernel
                .table()
                .service(&key(51))
                .unwrap()
                .destinations()
                .len(),
            1
        );
        assert!(
            reconciler
                .ledger()
                .owned()
                .iter()
                .all(|(_, service)| service.is_confirmed())
        );
    }
}

/// Kill -9 at every moment of a start, a health change, and a stop, as the ledger and the kernel see
/// it: the intent is written, some changes are made, the rest is not.
#[test]
fn a_crash_between_ledger_and_kernel_is_repaired() {
    for after in 0..5 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger");
        let kernel = MemoryPlane::new();
        kernel.by_hand(&Change::AddService(service(9))).unwrap();

        let mut ledger = open(&path);
        let ownership = Ownership::Recorded(ledger.owned(), Drift::Recreate);
        let plan = plan(&Table::new(), &table(&[(50, &[61, 62])]), ownership);
        ledger.record(plan.intents()).unwrap();
        for change in plan.changes.iter().take(after) {
            kernel.by_hand(change).unwrap();
        }
        drop(ledger);

        // the same configuration: what is missing is made
        let mut reconciler = Reconciler::new(kernel.clone(), open(&path));
        now(reconciler.start(table(&[(50, &[61, 62])]))).unwrap();
        assert_eq!(
            kernel
                .table()
                .service(&key(50))
                .unwrap()
                .destinations()
                .len(),
            2
        );
        drop(reconciler);

        // another configuration: nothing owned stays, nothing foreign is deleted
        let mut reconciler = Reconciler::new(kernel.clone(), open(&path));
        now(reconciler.start(table(&[]))).unwrap();
        assert_eq!(kernel.table().keys().copied().collect::<Vec<_>>(), [key(9)]);
        drop(reconciler);
    }
}

#[test]
fn a_crash_after_the_kernel_s_change_is_settled_without_a_change() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let kernel = MemoryPlane::new();
    let mut ledger = open(&path);
    let ownership = Ownership::Recorded(ledger.owned(), Drift::Keep);
    let plan = plan(&Table::new(), &table(&[(50, &[61])]), ownership);
    ledger.record(plan.intents()).unwrap();
    plan.changes
        .iter()
        .for_each(|change| kernel.by_hand(change).unwrap());
    drop(ledger);

    let mut reconciler = Reconciler::new(kernel.clone(), open(&path));
    let report = now(reconciler.start(table(&[(50, &[61])]))).unwrap();
    assert!(report.is_empty(), "{report:?}");
    assert!(open(&path).owned().get(&key(50)).unwrap().is_confirmed());
}

#[test]
fn after_a_stop_there_is_no_ledger_after_a_keep_there_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let kernel = MemoryPlane::new();
    let mut reconciler = Reconciler::new(kernel.clone(), open(&path));
    now(reconciler.start(table(&[(50, &[61])]))).unwrap();
    drop(reconciler); // keep
    let mut reconciler = Reconciler::new(kernel.clone(), open(&path));
    let _ = kernel.take_applied();
    let report = now(reconciler.start(table(&[(50, &[61])]))).unwrap();
    assert!(report.is_empty(), "adopted without a word: {report:?}");
    now(reconciler.stop()).unwrap();
    assert!(!path.exists());
}

#[test]
fn an_unusable_ledger_deletes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let kernel = MemoryPlane::new();
    let mut reconciler = Reconciler::new(kernel.clone(), open(&path));
    now(reconciler.start(table(&[(50, &[61]), (51, &[61])]))).unwrap();
    drop(reconciler);
    std::fs::write(&path, "lb-ledger 1 boot=boot netns=1 lines=2\nown ???\n").unwrap();
    let identity = Identity {
        boot_id: "boot".into(),
        namespace: 1,
    };
    let (ledger, opened) = Ledger::open(&path, identity).unwrap();
    assert!(matches!(opened, Opened::SetAside { .. }));
    let mut reconciler = Reconciler::new(kernel.clone(), ledger);
    let report = now(reconciler.start(table(&[(50, &[61])]))).unwrap();
    assert_eq!(report.applied, []);
    assert_eq!(kernel.table().services().len(), 2, "51 may be external now");
    assert_eq!(
        report.notes,
        [
            Note::ServiceAdopted(key(50)),
            Note::DestinationAdopted(key(50), address(61))
        ]
    );
}

#[test]
fn a_full_disk_does_not_keep_a_dead_server_in_the_pool() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gone/ledger");
    let kernel = MemoryPlane::new();
    let mut reconciler = Reconciler::new(kernel.clone(), open(&path));
    let report = now(reconciler.start(table(&[(50, &[61])]))).unwrap();
    assert!(report.ledger.is_some());
    assert_eq!(report.applied.len(), 2);
    now(reconciler.stop()).unwrap();
    assert!(kernel.table().services().len() == 0);
}

#[test]
fn sync_daemons_follow_and_others_stay() {
    let kernel = MemoryPlane::new();
    let mut reconciler = started(&kernel, &[]);
    let daemon = |state, id| SyncDaemon::new(state, "eth0", SyncId::new(id));
    let (master, backup) = (
        daemon(SyncState::Master, 100),
        daemon(SyncState::Backup, 100),
    );
    let report = now(reconciler.set_sync_daemons(std::slice::from_ref(&backup))).unwrap();
    assert_eq!(report.started, std::slice::from_ref(&backup));
    let report = now(reconciler.set_sync_daemons(std::slice::from_ref(&backup))).unwrap();
    assert!(report.started.is_empty() && report.stopped.is_empty());
    let report = now(reconciler.set_sync_daemons(std::slice::from_ref(&master))).unwrap();
    assert_eq!(
        (report.started, report.stopped),
        (vec![master], vec![SyncState::Backup])
    );
    // the backup is another's now
    let mut other = kernel.clone();
    now(other.start_sync_daemon(&backup)).unwrap();
    let report = now(reconciler.set_sync_daemons(&[])).unwrap();
    assert_eq!(report.stopped, [SyncState::Master]);
    assert_eq!(now(other.sync_daemons()).unwrap(), [backup]);
    // other settings replace it
    let wanted = daemon(SyncState::Backup, 7);
    let report = now(reconciler.set_sync_daemons(std::slice::from_ref(&wanted))).unwrap();
    assert_eq!(
        (report.started, report.stopped),
        (vec![wanted], vec![SyncState::Backup])
    );
}

#[test]
fn audits_go_round() {
    let kernel = MemoryPlane::new();
    let mut reconciler = started(&kernel, &[(50, &[61]), (51, &[61]), (52, &[61])]);
    let mut seen = Vec::new();
    for _ in 0..6 {
        let audit = now(reconciler.audit_one()).unwrap().unwrap();
        seen.push((audit.service, audit.last));
    }
    let round = [(key(50), false), (key(51), false), (key(52), true)];
    assert_eq!(seen, [round, round].concat());
    let mut idle = started(&MemoryPlane::new(), &[]);
    assert!(now(idle.audit_one()).unwrap().is_none());
}

/// Looks at the ledger's file before and after each change of the table.
#[derive(Debug)]
struct Watched {
    kernel: MemoryPlane,
    path: PathBuf,
    /// The file and the table at each of these moments.
    moments: Vec<(Vec<u8>, Table)>,
}

impl Watched {
    fn look(&mut self) {
        let file = std::fs::read(&self.path).unwrap_or_default();
        self.moments.push((file, self.kernel.table()));
    }
}

#[async_trait::async_trait]
impl DataPlane for Watched {
    fn name(&self) -> &'static str {
        "watched"
    }

    fn capabilities(&self) -> crate::dataplane::Capabilities {
        self.kernel.capabilities()
    }

    async fn snapshot(&mut self) -> Result<Vec<lb_ipvs::TableEntry>, DataPlaneError> {
        self.kernel.snapshot().await
    }

    async fn service(
        &mut self,
        key: &ServiceKey,
    ) -> Result<Option<lb_ipvs::TableEntry>, DataPlaneError> {
        self.kernel.service(key).await
    }

    async fn apply(
        &mut self,
        changes: &[Change],
    ) -> Result<Vec<Result<(), DataPlaneError>>, DataPlaneError> {
        let mut results = Vec::new();
        for change in changes {
            self.look();
            results.extend(self.kernel.apply(std::slice::from_ref(change)).await?);
            self.look();
        }
        Ok(results)
    }

    async fn sync_daemons(&mut self) -> Result<Vec<SyncDaemon>, DataPlaneError> {
        self.kernel.sync_daemons().await
    }

    async fn start_sync_daemon(&mut self, daemon: &SyncDaemon) -> Result<(), DataPlaneError> {
        self.kernel.start_sync_daemon(daemon).await
    }

    async fn stop_sync_daemon(&mut self, state: SyncState) -> Result<(), DataPlaneError> {
        self.kernel.stop_sync_daemon(state).await
    }
}

/// The process may be killed before and after each change and at each byte that it writes: the ledger
/// always names everything in the table that it made, and nothing foreign.
#[test]
fn a_kill_at_every_write_boundary_loses_no_ownership() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let kernel = MemoryPlane::new();
    kernel.by_hand(&Change::AddService(service(9))).unwrap();
    kernel
        .by_hand(&Change::AddDestination(key(9), destination(99, 7)))
        .unwrap();
    let plane = Watched {
        kernel: kernel.clone(),
        path: path.clone(),
        moments: Vec::new(),
    };
    let mut reconciler = Reconciler::new(plane, open(&path));
    let weight = |n: u8, weight| {
        let destination = Some(destination(n, weight));
        DesiredChange::Destinations([(address(n), destination)].into())
    };
    let gone = DesiredChange::Destinations([(address(62), None)].into());
    now(reconciler.start(table(&[(50, &[61, 62]), (51, &[61])]))).unwrap();
    for change in [weight(61, 5), weight(63, 1), gone, weight(61, 0)] {
        now(reconciler.services_changed([(key(50), change)])).unwrap();
    }
    now(reconciler.reload(table(&[(50, &[61]), (52, &[64])]), true)).unwrap();
    reconciler.plane.look();
    now(reconciler.stop()).unwrap();
    let moments = reconciler.plane.moments;
    assert!(moments.len() > 30, "{} moments", moments.len());

    let check = |file: &[u8], table: &Table| {
        std::fs::write(&path, file).unwrap();
        let ledger = open(&path);
        let owned = ledger.owned();
        assert!(owned.get(&key(9)).is_none());
        let services = table.services();
        for service in services.filter(|service| service.service().key != key(9)) {
            let record = owned.get(&service.service().key);
            let record = record.unwrap_or_else(|| panic!("{} is lost", service.service().key));
            for destination in service.destinations() {
                let address = destination.address;
                assert!(record.destination(address).is_some(), "{address} is lost");
            }
        }
    };
    for pair in moments.windows(2) {
        let [(file, table), (next, _)] = pair else {
            unreachable!()
        };
        check(file, table);
        // what is appended until the next moment may be cut anywhere; a snapshot replaces the file
        if next.starts_with(file) {
            for end in file.len()..next.len() {
                check(next.get(..end).unwrap(), table);
            }
        }
        check(next, table);
    }
}

/// The cost of a weight change does not depend on the number of destinations.
#[test]
fn a_weight_change_of_one_of_1000_destinations_writes_one_destination() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let kernel = MemoryPlane::new();
    let mut reconciler = Reconciler::new(kernel, open(&path));
    let servers = (0..1000_u16).map(|n| {
        let [high, low] = n.to_be_bytes();
        Destination::new(SocketAddr::from(([10, 0, high, low], 80)))
    });
    let servers: Vec<Destination> = servers.collect();
    let large = TableService::new(service(50)).with_destinations(servers.clone());
    now(reconciler.start(Table::from_iter([large]))).unwrap();
    let before = std::fs::read_to_string(&path).unwrap();

    let changed = servers.get(500).unwrap().with_weight(Weight::ZERO);
    let change = DesiredChange::Destinations([(changed.address, Some(changed))].into());
    let report = now(reconciler.services_changed([(key(50), change)])).unwrap();
    assert_eq!(report.applied, [Change::EditDestination(key(50), changed)]);
    let after = std::fs::read_to_string(&path).unwrap();
    let appended: Vec<&str> = after.strip_prefix(&before).unwrap().lines().collect();
    assert_eq!(appended.len(), 2, "the intent and the result: {appended:?}");
    assert!(appended.iter().all(|line| line.contains("10.0.1.244:80")));
    let record = reconciler.ledger.owned().get(&key(50)).unwrap();
    assert!(record.is_confirmed());
    assert_eq!(record.destinations().count(), 1000);
}

#[test]
fn a_refused_destination_is_tried_again_by_the_next_change_of_its_service() {
    let kernel = MemoryPlane::new();
    let mut reconciler = started(&kernel, &[(50, &[61, 62])]);
    reconciler.incomplete.insert(key(50), String::new());
    let step = OwnedChange::intent(&Change::AddDestination(key(50), destination(61, 1)));
    reconciler.ledger.record([step]).unwrap();
    let shadow = reconciler.shadow.as_mut().unwrap();
    let delete = Change::DeleteDestination(key(50), address(61));
    shadow.apply(&delete).unwrap();
    kernel.by_hand(&delete).unwrap();
    let change = DesiredChange::Destinations([(address(62), Some(destination(62, 3)))].into());
    let report = now(reconciler.services_changed([(key(50), change)])).unwrap();
    assert_eq!(
        report.applied,
        [
            Change::AddDestination(key(50), destination(61, 1)),
            Change::EditDestination(key(50), destination(62, 3)),
        ]
    );
    assert!(reconciler.incomplete.is_empty());
}

#[test]
fn what_the_kernel_has_is_compared_with_what_is_desired() {
    let kernel = MemoryPlane::new();
    let mut reconciler = started(&kernel, &[(50, &[61, 62]), (51, &[61]), (52, &[61])]);
    let phrases = |services: Vec<ActualService>| -> Vec<(bool, String)> {
        services
            .into_iter()
            .map(|service| (service.actual.is_some(), service.differences.join("; ")))
            .collect()
    };
    let same = || (true, String::new());
    let as_desired = [same(), same(), same()];
    assert_eq!(phrases(now(reconciler.read_actual()).unwrap()), as_desired);
    for change in [
        Change::EditDestination(key(50), destination(61, 0)),
        Change::DeleteDestination(key(50), address(62)),
        Change::AddDestination(key(50), destination(63, 7)),
        Change::DeleteService(key(51)),
        Change::EditService(Service::new(key(52), Scheduler::RoundRobin)),
    ] {
        kernel.by_hand(&change).unwrap();
    }
    assert_eq!(
        phrases(reconciler.known_actual()),
        as_desired,
        "as it was last read"
    );
    assert_eq!(
        phrases(now(reconciler.read_actual()).unwrap()),
        [
            (
                true,
                "192.168.1.61:80 has weight 0 instead of 1; 192.168.1.62:80 missing; \
                 192.168.1.63:80 not desired"
                    .to_owned()
            ),
            (false, "service missing".to_owned()),
            (true, "service has other settings".to_owned()),
        ]
    );
    assert_eq!(kernel.take_applied(), [], "nothing is changed");
    reconciler.incomplete.insert(key(51), "EPERM".to_owned());
    let services = phrases(now(reconciler.read_actual()).unwrap());
    assert_eq!(services[1].1, "service missing: EPERM");

    let many: Vec<u8> = (100..120).collect();
    now(reconciler.service_changed(key(52), Some(desired(52, &many)))).unwrap();
    for n in &many {
        let delete = Change::DeleteDestination(key(52), address(*n));
        kernel.by_hand(&delete).unwrap();
    }
    let services = phrases(now(reconciler.read_actual()).unwrap());
    assert!(
        services[2]
            .1
            .ends_with("192.168.1.106:80 missing; 13 further differences"),
        "{services:?}"
    );
}

/// Makes its changes and never answers, once.
#[derive(Debug)]
struct Stuck(MemoryPlane, bool);

#[async_trait::async_trait]
impl DataPlane for Stuck {
    fn name(&self) -> &'static str {
        "stuck"
    }

    fn capabilities(&self) -> crate::dataplane::Capabilities {
        self.0.capabilities()
    }

    async fn snapshot(&mut self) -> Result<Vec<lb_ipvs::TableEntry>, DataPlaneError> {
        self.0.snapshot().await
    }

    async fn service(
        &mut self,
        key: &ServiceKey,
    ) -> Result<Option<lb_ipvs::TableEntry>, DataPlaneError> {
        self.0.service(key).await
    }

    async fn apply(
        &mut self,
        changes: &[Change],
    ) -> Result<Vec<Result<(), DataPlaneError>>, DataPlaneError> {
        let results = self.0.apply(changes).await;
        if std::mem::take(&mut self.1) {
            std::future::pending::<()>().await;
        }
        results
    }

    async fn sync_daemons(&mut self) -> Result<Vec<SyncDaemon>, DataPlaneError> {
        self.0.sync_daemons().await
    }

    async fn start_sync_daemon(&mut self, daemon: &SyncDaemon) -> Result<(), DataPlaneError> {
        self.0.start_sync_daemon(daemon).await
    }

    async fn stop_sync_daemon(&mut self, state: SyncState) -> Result<(), DataPlaneError> {
        self.0.stop_sync_daemon(state).await
    }
}

#[test]
fn a_dropped_call_is_made_good_by_the_next() {
    let kernel = MemoryPlane::new();
    let mut reconciler = Reconciler::new(Stuck(kernel.clone(), false), Ledger::in_memory());
    now(reconciler.start(table(&[(50, &[61, 62]), (51, &[61])]))).unwrap();
    reconciler.plane.1 = true;
    {
        let mut call =
            std::pin::pin!(reconciler.service_changed(key(50), Some(desired(50, &[62, 63]))));
        assert!(
            call.as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
    }
    // meanwhile a part of it is undone externally
    kernel
        .by_hand(&Change::DeleteDestination(key(50), address(63)))
        .unwrap();
    now(reconciler.service_changed(key(51), Some(desired(51, &[])))).unwrap();
    let table = kernel.table();
    let left = |n| {
        table
            .service(&key(n))
            .unwrap()
            .destinations()
            .map(|destination| destination.address)
            .collect::<Vec<_>>()
    };
    assert_eq!(left(50), [address(62), address(63)]);
    assert_eq!(left(51), []);
    assert!(
        reconciler
            .ledger()
            .owned()
            .iter()
            .all(|(_, service)| service.is_confirmed())
    );
}

#[test]
fn the_shadow_is_not_trusted_after_a_dropped_call() {
    let kernel = MemoryPlane::new();
    let mut reconciler = Reconciler::new(Stuck(kernel.clone(), false), Ledger::in_memory());
    now(reconciler.start(table(&[(50, &[61, 62])]))).unwrap();
    reconciler.plane.1 = true;
    {
        let call = std::pin::pin!(reconciler.service_changed(key(50), Some(desired(50, &[62]))));
        assert!(
            call.poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
    }
    // the shadow still has it, the table has not
    now(reconciler.service_changed(key(50), Some(desired(50, &[61, 62])))).unwrap();
    assert_eq!(
        kernel
            .table()
            .service(&key(50))
            .unwrap()
            .destinations()
            .len(),
        2
    );
}

#[test]
fn a_scheduler_the_kernel_lacks_is_one_failure_and_tried_again_by_the_audit() {
    let refused = DataPlaneError::Refused {
        change: Box::new(Change::AddService(service(50))),
        source: std::io::Error::from_raw_os_error(2).into(),
    };
    assert!(Answer::classify(&Change::AddService(service(50)), &Err(refused)) == Answer::Hopeless);

    // after a failure that is left behind, the ledger is not settled and the audit continues from it
    let kernel = MemoryPlane::new();
    let mut ledger = Ledger::in_memory();
    let ownership = Ownership::Recorded(ledger.owned(), Drift::Keep);
    let plan = plan(&Table::new(), &table(&[(50, &[61])]), ownership);
    ledger.record(plan.intents()).unwrap();
    let mut reconciler = Reconciler::new(kernel.clone(), ledger);
    reconciler.desired = table(&[(50, &[61])]);
    let audit = now(reconciler.audit_one()).unwrap().unwrap();
    assert_eq!(audit.report.applied, plan.changes);
}

#[test]
fn external_changes_of_enforced_services_are_undone() {
    let mark = std::num::NonZeroU32::new(7).unwrap();
    let marked = ServiceKey::firewall_mark(mark, lb_ipvs::AddressFamily::Ipv4);
    let probe = TableService::new(Service::new(marked, Scheduler::RoundRobin))
        .with_destinations([destination(61, 1)]);
    let kernel = MemoryPlane::new();
    let mut reconciler = Reconciler::new(kernel.clone(), Ledger::in_memory());
    reconciler.enforce(MarkRange::new(7, 9).unwrap());
    let both = [probe.clone(), desired(50, &[61])];
    now(reconciler.start(both.into_iter().collect())).unwrap();
    assert!(reconciler.is_in_place(&marked) && reconciler.is_in_place(&key(50)));

    let audit_both = |reconciler: &mut Reconciler<MemoryPlane>| {
        for _ in 0..2 {
            now(reconciler.audit_one()).unwrap();
        }
    };
    for change in [
        Change::DeleteService(marked),
        Change::DeleteDestination(marked, address(61)),
        Change::EditDestination(marked, destination(61, 0)),
    ] {
        kernel.by_hand(&change).unwrap();
        audit_both(&mut reconciler);
        assert_eq!(kernel.table().service(&marked), Some(&probe), "{change}");
        assert!(reconciler.is_in_place(&marked));
    }
    // Those of a virtual server stay.
    let drained = Change::EditDestination(key(50), destination(61, 0));
    kernel.by_hand(&drained).unwrap();
    audit_both(&mut reconciler);
    assert!(!reconciler.is_in_place(&key(50)));
    let table = kernel.table();
    let kept = table.service(&key(50)).unwrap().destination(address(61));
    assert_eq!(kept, Some(&destination(61, 0)));

    now(reconciler.service_changed(marked, None)).unwrap();
    assert_eq!(kernel.table().service(&marked), None);
    assert!(!reconciler.is_in_place(&marked));
}
