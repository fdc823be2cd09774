// SPDX-License-Identifier: MIT OR Apache-2.0

use std::net::SocketAddr;
use std::path::Path;
use std::task::{Context, Poll, Waker};

use lb_ipvs::{Destination, Scheduler, Service, SyncDaemon, SyncId, SyncState, Weight};

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

fn desired(n: u8, destinations: &[u8]) -> DesiredService {
    DesiredService {
        service: service(n),
        destinations: destinations.iter().map(|n| destination(*n, 1)).collect(),
    }
}

fn table(services: &[(u8, &[u8])]) -> BTreeMap<ServiceKey, DesiredService> {
    services
        .iter()
        .map(|(n, destinations)| (key(*n), desired(*n, destinations)))
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
    kernel.take_applied();
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
    assert!(kernel.table().is_empty());
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
    let destinations = &left.get(&key(50)).unwrap().destinations;
    assert_eq!(
        destinations.values().collect::<Vec<_>>(),
        [&destination(99, 7)]
    );
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
            .get(&key(50))
            .unwrap()
            .destinations
            .get(&address(61))
            .unwrap()
            .weight
    };
    // another real server flaps
    now(reconciler.service_changed(key(50), Some(desired(50, &[61])))).unwrap();
    now(reconciler.service_changed(key(50), Some(desired(50, &[61, 62])))).unwrap();
    // and a plain reload goes by
    now(reconciler.reload(table(&[(50, &[61, 62, 63])]), false)).unwrap();
    assert_eq!(weight(), Weight::ZERO);
    // the audit sees it, says so once, and leaves it
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
    kernel.take_applied();
    let mut reconciler = Reconciler::new(kernel.clone(), open(&path));
    now(reconciler.start(table(&[(50, &[61, 62])]))).unwrap();
    assert_eq!(
        kernel.take_applied(),
        [Change::AddDestination(key(50), destination(62, 1))]
    );
}

#[test]
fn what_another_hand_deleted_is_found_by_the_answer() {
    let kernel = MemoryPlane::new();
    let mut reconciler = started(&kernel, &[(50, &[61, 62])]);
    kernel.by_hand(&Change::DeleteService(key(50))).unwrap();
    // ESRCH: the service comes back complete
    let report =
        now(reconciler.service_changed(key(50), Some(desired(50, &[61, 62, 63])))).unwrap();
    assert!(report.failed.is_empty());
    assert_eq!(kernel.table().get(&key(50)).unwrap().destinations.len(), 3);
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
        assert_eq!(kernel.table().get(&key(50)).unwrap().destinations.len(), 2);
        assert_eq!(kernel.table().get(&key(51)).unwrap().destinations.len(), 1);
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
        let plan = plan_service(
            &key(50),
            None,
            Some(&desired(50, &[61, 62])),
            ledger.owned(),
            Drift::Recreate,
        );
        ledger.record([(key(50), plan.intent.clone())]).unwrap();
        for change in plan.changes.iter().take(after) {
            kernel.by_hand(change).unwrap();
        }
        drop(ledger);

        // the same configuration: what is missing is made
        let mut reconciler = Reconciler::new(kernel.clone(), open(&path));
        now(reconciler.start(table(&[(50, &[61, 62])]))).unwrap();
        assert_eq!(kernel.table().get(&key(50)).unwrap().destinations.len(), 2);
        drop(reconciler);

        // another configuration: nothing of ours stays, nothing of others goes
        let mut reconciler = Reconciler::new(kernel.clone(), open(&path));
        now(reconciler.start(table(&[]))).unwrap();
        assert_eq!(
            kernel
                .table()
                .iter()
                .map(|(key, _)| *key)
                .collect::<Vec<_>>(),
            [key(9)]
        );
        drop(reconciler);
    }
}

#[test]
fn a_crash_after_the_kernel_s_change_is_settled_without_a_change() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let kernel = MemoryPlane::new();
    let wanted = desired(50, &[61]);
    let mut ledger = open(&path);
    let plan = plan_service(&key(50), None, Some(&wanted), ledger.owned(), Drift::Keep);
    ledger.record([(key(50), plan.intent.clone())]).unwrap();
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
    kernel.take_applied();
    let report = now(reconciler.start(table(&[(50, &[61])]))).unwrap();
    assert!(report.is_empty(), "adopted without a word: {report:?}");
    now(reconciler.stop()).unwrap();
    assert!(!path.exists());
}

#[test]
fn a_corrupt_ledger_deletes_nothing() {
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
    assert_eq!(kernel.table().len(), 2, "51 may be anybody's now");
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
    assert!(kernel.table().is_empty());
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
    // meanwhile another hand undoes a part of it
    kernel
        .by_hand(&Change::DeleteDestination(key(50), address(63)))
        .unwrap();
    now(reconciler.service_changed(key(51), Some(desired(51, &[])))).unwrap();
    let table = kernel.table();
    let left = |n| {
        table
            .get(&key(n))
            .unwrap()
            .destinations
            .keys()
            .copied()
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
    assert_eq!(kernel.table().get(&key(50)).unwrap().destinations.len(), 2);
}

#[test]
fn a_scheduler_the_kernel_lacks_is_one_failure_and_tried_again_by_the_audit() {
    let refused = DataPlaneError::Refused {
        change: Box::new(Change::AddService(service(50))),
        source: std::io::Error::from_raw_os_error(ENOENT).into(),
    };
    assert!(Answer::of(&Change::AddService(service(50)), &Err(refused)) == Answer::Hopeless);

    // after a failure that is left behind, the ledger is not settled and the audit goes on from it
    let kernel = MemoryPlane::new();
    let mut ledger = Ledger::in_memory();
    let plan = plan_service(
        &key(50),
        None,
        Some(&desired(50, &[61])),
        ledger.owned(),
        Drift::Keep,
    );
    ledger
        .record([(key(50), plan.settled_except(&plan.changes))])
        .unwrap();
    let mut reconciler = Reconciler::new(kernel.clone(), ledger);
    reconciler.desired = table(&[(50, &[61])]);
    let audit = now(reconciler.audit_one()).unwrap().unwrap();
    assert_eq!(audit.report.applied, plan.changes);
}
