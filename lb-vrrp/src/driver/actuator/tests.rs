// SPDX-License-Identifier: MIT OR Apache-2.0
//! The actuator against a fake interface, with tokio's clock paused.

mod links;

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use lb_host::{AddressFamily, FilterTable, Link, MemoryHost};

use super::super::desired::{Burst, Prepared};
use super::super::event::{self, Events};
use super::super::handover::{ContinuedRouter, HostState};
use super::super::host::host_address;
use super::super::links::tests::{eth, table as interfaces};
use super::super::shields::FilterNeeds;
use super::*;
use crate::spec::{Configuration, RouterSpec};
use crate::{Announcements, RouterConfig, StaticItems, VirtualAddress, Vrid};

/// A host that logs attempted changes in short.
#[derive(Clone, Debug, Default)]
struct Fake(MemoryHost);

impl Fake {
    fn log(&self) -> Vec<String> {
        self.0.take_log().iter().map(short).collect()
    }

    /// Makes this number of additions fail.
    fn fail_additions(&self, times: u32) {
        let mut left = times;
        self.0.set_fault(move |change| {
            left = left.checked_sub(change.is_add().into())?;
            change
                .is_add()
                .then(|| io::ErrorKind::PermissionDenied.into())
        });
    }

    /// Makes so many removals fail.
    fn fail_removals(&self, times: u32) {
        let mut left = times;
        self.0.set_fault(move |change| {
            left = left.checked_sub((!change.is_add()).into())?;
            (!change.is_add()).then(|| io::ErrorKind::PermissionDenied.into())
        });
    }

    /// Makes shields fail.
    fn fail_shields(&self) {
        self.0.set_fault(|change| {
            let is_shield = matches!(change.object(), HostObject::Shield(_));
            is_shield.then(|| io::ErrorKind::PermissionDenied.into())
        });
    }

    fn clear(&self) {
        for object in self.0.objects() {
            self.0.delete(&object.key());
        }
    }

    fn is_empty(&self) -> bool {
        self.0.objects().is_empty()
    }
}

fn short(change: &Change) -> String {
    let verb = |add, remove| if change.is_add() { add } else { remove };
    match change.object() {
        HostObject::Address(address) => format!("{} {}", verb("add", "remove"), address.address),
        HostObject::Shield(shield) => format!("{} {}", verb("shield", "unshield"), shield.address),
        HostObject::Routing(entry) => entry.to_string(),
        _ => change.to_string(),
    }
}

struct Bench {
    fake: Fake,
    mailbox: Arc<Mailbox>,
    commands: mpsc::Receiver<Command>,
    hints: mpsc::Sender<Hint>,
    events: Events,
    task: tokio::task::JoinHandle<()>,
}

fn bench() -> Bench {
    bench_with(None)
}

/// A bench with these interfaces, for static items.
fn bench_with(table: Option<watch::Receiver<Interfaces>>) -> Bench {
    bench_on(table, |fake| Box::new(fake))
}

/// A bench with a host made from the fake.
fn bench_on(
    table: Option<watch::Receiver<Interfaces>>,
    host: impl FnOnce(MemoryHost) -> Box<dyn HostPlane>,
) -> Bench {
    let fake = Fake::default();
    let mailbox = Arc::new(Mailbox::default());
    let (command_sender, commands) = mpsc::channel(64);
    let (hints, hint_receiver) = mpsc::channel(4);
    let (event_sender, events) = event::channel(16);
    let actuator = Actuator::new(
        host(fake.0.clone()),
        Arc::clone(&mailbox),
        command_sender,
        hint_receiver,
        event_sender,
    );
    let actuator = match table {
        Some(table) => actuator.with_table(table),
        None => actuator,
    };
    mailbox.set_filter(refusing(FilterTable::default()));
    let task = tokio::spawn(actuator.run());
    Bench {
        fake,
        mailbox,
        commands,
        hints,
        events,
        task,
    }
}

impl Bench {
    /// Lets the actuator do all it can without time passing.
    async fn settle(&self) {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    async fn want(&self, vrid: u8, wanted: DesiredRouter) {
        self.mailbox.publish(key(vrid), wanted);
        self.settle().await;
    }

    /// What was reported to the advert thread about addresses that accept packets, of the first router.
    fn unshielded(&mut self) -> Vec<Option<String>> {
        let mut reports = Vec::new();
        while let Ok(command) = self.commands.try_recv() {
            if let Command::Unshielded(routers) = command {
                reports.push(routers.get(&key(1)).map(|problem| problem.to_string()));
            }
        }
        reports
    }

    /// Addresses that were reported to the advert thread.
    fn ready(&mut self) -> Vec<(u64, IpAddr)> {
        let mut ready = Vec::new();
        loop {
            match self.commands.try_recv() {
                Ok(Command::AddressReady { epoch, address, .. }) => ready.push((epoch, address)),
                Ok(Command::AddressRefused { .. }) => {}
                _ => return ready,
            }
        }
    }
}

/// The needs of a router that accepts no packets to its IPv4 addresses.
fn refusing(table: FilterTable) -> FilterNeeds {
    let config = RouterConfig::builder(Vrid::new(1).unwrap())
        .address(ip(100))
        .accept(false)
        .build()
        .unwrap();
    let router = RouterSpec::new("VI_1", "eth0", config)
        .with_virtual_addresses([VirtualAddress::new(ip(100))]);
    FilterNeeds::new(&Configuration::new(vec![router]).with_filter(table))
}

fn key(vrid: u8) -> RouterKey {
    RouterKey {
        family: AddressFamily::Ipv4,
        interface: Arc::from("eth0"),
        vrid: Vrid::new(vrid).unwrap(),
    }
}

fn link() -> Link {
    Link::new(2, "eth0")
}

fn on_eth0(address: VirtualAddress) -> HostObject {
    host_address(&address, &Arc::new(link())).into()
}

fn ip(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn wanted(held: bool, epoch: u64, addresses: &[u8]) -> DesiredRouter {
    let prepared = addresses.iter().map(|last| Prepared {
        address: Arc::new(VirtualAddress::new(ip(*last))),
        link: Arc::new(link()),
        is_on_macvlan: false,
        announcement: None,
        extra: None,
    });
    DesiredRouter {
        router: Arc::from("VI_1"),
        held,
        shielded: false,
        owner: false,
        epoch,
        announced: 0,
        bursts: 0,
        burst: Burst::new(&Announcements::default()),
        announcements: Announcements::default(),
        addresses: prepared.collect(),
        routing: Arc::new([]),
    }
}

#[tokio::test(start_paused = true)]
async fn addresses_follow_the_desired_state_and_each_is_reported() {
    let mut bench = bench();
    bench.want(1, wanted(false, 0, &[100, 101])).await;
    assert_eq!(bench.fake.log(), Vec::<String>::new());
    bench.want(1, wanted(true, 1, &[100, 101])).await;
    assert_eq!(bench.fake.log(), ["add 192.0.2.100", "add 192.0.2.101"]);
    assert_eq!(bench.ready(), [(1, ip(100)), (1, ip(101))]);
    bench.want(1, wanted(false, 1, &[100, 101])).await;
    assert_eq!(
        bench.fake.log(),
        ["remove 192.0.2.101", "remove 192.0.2.100"]
    );
    assert_eq!(bench.ready(), []);
}

#[tokio::test(start_paused = true)]
async fn mastery_lost_and_regained_in_between_is_reported_without_a_change() {
    let mut bench = bench();
    bench.want(1, wanted(true, 1, &[100])).await;
    bench.fake.log();
    bench.ready();
    bench.mailbox.publish(key(1), wanted(false, 1, &[100]));
    bench.mailbox.publish(key(1), wanted(true, 2, &[100]));
    bench.settle().await;
    assert_eq!(bench.fake.log(), Vec::<String>::new());
    assert_eq!(bench.ready(), [(2, ip(100))]);
}

#[tokio::test(start_paused = true)]
async fn a_reload_replaces_only_what_differs() {
    let mut bench = bench();
    bench.want(1, wanted(true, 1, &[100, 101])).await;
    bench.fake.log();
    bench.ready();
    bench.want(1, wanted(true, 1, &[100, 102])).await;
    assert_eq!(bench.fake.log(), ["remove 192.0.2.101", "add 192.0.2.102"]);
    assert_eq!(bench.ready(), [(1, ip(102))]);
    // Another prefix is another address to the kernel.
    let mut changed = wanted(true, 1, &[100, 102]);
    let mut addresses = changed.addresses.to_vec();
    Arc::make_mut(&mut addresses[0].address).prefix_len = 24;
    changed.addresses = addresses.into();
    bench.want(1, changed).await;
    assert_eq!(bench.fake.log(), ["remove 192.0.2.100", "add 192.0.2.100"]);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_moves_between_two_masters_stays() {
    let bench = bench();
    bench.want(1, wanted(true, 1, &[100])).await;
    bench.want(2, wanted(true, 1, &[100])).await;
    bench.fake.log();
    bench.want(1, wanted(true, 1, &[])).await;
    assert_eq!(bench.fake.log(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn failure_is_reported_once_and_tried_every_second() {
    let mut bench = bench();
    bench.fake.fail_additions(3);
    bench.want(1, wanted(true, 1, &[100])).await;
    assert!(matches!(
        bench.events.try_recv(),
        Ok(Some(Event::AddressFailed { .. }))
    ));
    tokio::time::sleep(Duration::from_millis(3500)).await;
    assert_eq!(bench.fake.log().len(), 4);
    assert!(matches!(
        bench.events.try_recv(),
        Ok(Some(Event::ChangeRecovered { .. }))
    ));
    assert!(
        matches!(bench.events.try_recv(), Ok(None)),
        "reported more than once"
    );
    assert_eq!(bench.ready(), [(1, ip(100))]);
}

#[tokio::test(start_paused = true)]
async fn address_that_is_deleted_again_and_again_is_reported_by_number() {
    let mut bench = bench();
    bench.want(1, wanted(true, 1, &[100])).await;
    for _ in 0..100 {
        bench.fake.log();
        bench.fake.clear();
        let gone = Hint::AddressGone {
            link: link(),
            address: ip(100),
            is_up: true,
        };
        bench.hints.send(gone).await.unwrap();
        bench.settle().await;
        assert_eq!(bench.fake.log(), ["add 192.0.2.100"]);
        bench.ready();
    }
    tokio::time::sleep(RESTORED_QUIET).await;
    bench.settle().await;
    let mut suppressed = Vec::new();
    while let Ok(Some(event)) = bench.events.try_recv() {
        if let Event::AddressRestored {
            suppressed: left_out,
            ..
        } = event
        {
            suppressed.push(left_out);
        }
    }
    assert_eq!(suppressed, [0, 98]);
}

#[tokio::test(start_paused = true)]
async fn address_that_the_kernel_deletes_with_its_interface_down_is_not_reported() {
    let mut bench = bench();
    bench.want(1, wanted(true, 1, &[100])).await;
    bench.fake.log();
    bench.fake.clear();
    let gone = Hint::AddressGone {
        link: link(),
        address: ip(100),
        is_up: false,
    };
    bench.hints.send(gone).await.unwrap();
    bench.settle().await;
    assert_eq!(bench.fake.log(), ["add 192.0.2.100"]);
    assert!(matches!(bench.events.try_recv(), Ok(None)));
}

#[tokio::test(start_paused = true)]
async fn deleted_address_is_restored_and_reported() {
    let mut bench = bench();
    bench.want(1, wanted(true, 1, &[100])).await;
    bench.fake.log();
    bench.fake.clear();
    let gone = || Hint::AddressGone {
        link: link(),
        address: ip(100),
        is_up: true,
    };
    bench.hints.send(gone()).await.unwrap();
    bench.settle().await;
    assert_eq!(bench.fake.log(), ["add 192.0.2.100"]);
    assert!(matches!(
        bench.events.try_recv(),
        Ok(Some(Event::AddressRestored { .. }))
    ));
    // A late notification of an address that was added again is not reported.
    bench.hints.send(gone()).await.unwrap();
    bench.settle().await;
    assert!(matches!(bench.events.try_recv(), Ok(None)));
    // After lost notifications the kernel's own list counts.
    bench.fake.clear();
    bench
        .hints
        .send(Hint::Audit(Interfaces::default()))
        .await
        .unwrap();
    bench.settle().await;
    assert_eq!(bench.fake.log(), ["add 192.0.2.100", "add 192.0.2.100"]);
    // A second one is reported after the quiet time.
    assert!(matches!(bench.events.try_recv(), Ok(None)));
    tokio::time::sleep(RESTORED_QUIET).await;
    bench.settle().await;
    assert!(matches!(
        bench.events.try_recv(),
        Ok(Some(Event::AddressRestored { suppressed: 0, .. }))
    ));
    // An address that is not desired is not added again.
    bench.want(1, wanted(false, 1, &[100])).await;
    bench.fake.log();
    bench.hints.send(gone()).await.unwrap();
    bench.settle().await;
    assert_eq!(bench.fake.log(), Vec::<String>::new());
}

/// An audit may have looked before the address was put there, and a notification may be of an
/// earlier one.
#[tokio::test(start_paused = true)]
async fn address_reported_deleted_is_removed_when_the_end_comes_first() {
    // Which of both is taken first is left to chance.
    for attempt in 0..64 {
        let gone = if attempt % 2 == 0 {
            Hint::Audit(Interfaces::default())
        } else {
            Hint::AddressGone {
                link: link(),
                address: ip(100),
                is_up: true,
            }
        };
        let bench = bench();
        bench.want(1, wanted(true, 1, &[100])).await;
        bench.hints.try_send(gone).unwrap();
        bench.mailbox.close(End::Orderly);
        bench.task.await.unwrap();
        assert!(bench.fake.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_that_an_owner_added_is_not_external_after_an_outdated_audit() {
    let bench = bench();
    let owner = |held| DesiredRouter {
        owner: true,
        ..wanted(held, 1, &[100])
    };
    bench.want(1, owner(true)).await;
    let audit = Hint::Audit(Interfaces::default());
    bench.hints.send(audit).await.unwrap();
    bench.settle().await;
    bench.fake.log();
    bench.want(1, owner(false)).await;
    assert_eq!(bench.fake.log(), ["remove 192.0.2.100"]);
}

#[tokio::test(start_paused = true)]
async fn an_owner_keeps_the_address_it_had_before() {
    let bench = bench();
    bench.fake.0.insert(on_eth0(VirtualAddress::new(ip(100))));
    let owner = |held| DesiredRouter {
        owner: true,
        ..wanted(held, 1, &[100, 101])
    };
    bench.want(1, owner(true)).await;
    bench.fake.log();
    bench.want(1, owner(false)).await;
    assert_eq!(bench.fake.log(), ["remove 192.0.2.101"]);
}

#[tokio::test(start_paused = true)]
async fn when_the_thread_has_ended_everything_is_removed_and_the_task_ends() {
    for (end, is_reported) in [(End::Orderly, false), (End::Failed, true)] {
        let mut bench = bench();
        bench.want(1, wanted(true, 1, &[100, 101])).await;
        bench.mailbox.close(end);
        bench.task.await.unwrap();
        assert!(bench.fake.is_empty());
        assert_eq!(
            matches!(bench.events.try_recv(), Ok(Some(Event::Stopped))),
            is_reported
        );
    }
}

#[tokio::test(start_paused = true)]
async fn packets_are_dropped_from_before_an_address_is_added_until_it_is_removed() {
    let bench = bench();
    let shielded = |held, shielded| DesiredRouter {
        shielded,
        ..wanted(held, 1, &[100, 101])
    };
    bench.want(1, shielded(true, true)).await;
    assert_eq!(
        bench.fake.log(),
        [
            "shield 192.0.2.100",
            "shield 192.0.2.101",
            "add 192.0.2.100",
            "add 192.0.2.101"
        ]
    );
    // A reload that accepts, and one that does not.
    bench.want(1, shielded(true, false)).await;
    assert_eq!(
        bench.fake.log(),
        ["unshield 192.0.2.101", "unshield 192.0.2.100"]
    );
    bench.want(1, shielded(true, true)).await;
    assert_eq!(
        bench.fake.log(),
        ["shield 192.0.2.100", "shield 192.0.2.101"]
    );
    // As the engine leaves: addresses first, then their shields.
    bench.mailbox.publish(key(1), shielded(false, true));
    bench.mailbox.publish(key(1), shielded(false, false));
    bench.settle().await;
    assert_eq!(
        bench.fake.log(),
        [
            "remove 192.0.2.101",
            "remove 192.0.2.100",
            "unshield 192.0.2.101",
            "unshield 192.0.2.100"
        ]
    );
    bench.want(1, shielded(true, true)).await;
    bench.fake.log();
    bench.mailbox.close(End::Orderly);
    bench.task.await.unwrap();
    assert_eq!(
        bench.fake.log().split_off(2),
        ["unshield 192.0.2.101", "unshield 192.0.2.100"]
    );
}

#[tokio::test(start_paused = true)]
async fn an_address_without_a_shield_is_added_and_shielded_as_soon_as_possible() {
    let mut bench = bench();
    bench.fake.fail_shields();
    let desired = DesiredRouter {
        shielded: true,
        ..wanted(true, 1, &[100])
    };
    bench.want(1, desired).await;
    let log = bench.fake.log();
    assert_eq!(log[..2], ["shield 192.0.2.100", "add 192.0.2.100"]);
    assert_eq!(bench.ready(), [(1, ip(100))]);
    let Ok(Some(Event::AddressFailed { error, .. })) = bench.events.try_recv() else {
        panic!("not reported");
    };
    assert_eq!(error.to_string(), "cannot shield 192.0.2.100 on eth0");
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(
        bench.fake.log(),
        ["shield 192.0.2.100", "shield 192.0.2.100"]
    );
    assert!(
        matches!(bench.events.try_recv(), Ok(None)),
        "reported more than once"
    );
    bench.fake.0.clear_fault();
    tokio::time::sleep(Duration::from_millis(3500)).await;
    assert_eq!(bench.fake.log(), ["shield 192.0.2.100"]);
    assert_eq!(bench.unshielded(), [None]);
}

#[tokio::test(start_paused = true)]
async fn shields_move_to_the_table_of_another_configuration() {
    let bench = bench();
    let desired = DesiredRouter {
        shielded: true,
        ..wanted(true, 1, &[100])
    };
    bench.want(1, desired).await;
    bench.fake.log();
    let table = FilterTable::new("other").with_priority(-5);
    bench.mailbox.set_filter(refusing(table.clone()));
    bench.settle().await;
    assert_eq!(
        bench.fake.log(),
        ["unshield 192.0.2.100", "shield 192.0.2.100"]
    );
    let tables: Vec<_> = bench
        .fake
        .0
        .objects()
        .into_iter()
        .filter_map(|object| match object {
            HostObject::Shield(shield) => Some(Arc::clone(&shield.table)),
            _ => None,
        })
        .collect();
    assert_eq!(tables, [Arc::new(table.clone())]);
    // The same once more is no change.
    bench.mailbox.set_filter(refusing(table));
    bench.settle().await;
    assert_eq!(bench.fake.log(), [""; 0]);
}

/// A host without a packet filter.
#[derive(Debug)]
struct Unfiltered(MemoryHost);

#[async_trait::async_trait]
impl HostPlane for Unfiltered {
    async fn apply(&mut self, changes: &[Change]) -> Vec<io::Result<Applied>> {
        HostPlane::apply(&mut self.0, changes).await
    }
}

#[tokio::test(start_paused = true)]
async fn host_without_a_packet_filter_is_reported_once_and_has_the_addresses() {
    let mut bench = bench_on(None, |fake| Box::new(Unfiltered(fake)));
    let desired = DesiredRouter {
        shielded: true,
        ..wanted(true, 1, &[100, 101])
    };
    bench.want(1, desired).await;
    assert_eq!(bench.fake.log(), ["add 192.0.2.100", "add 192.0.2.101"]);
    let Ok(Some(Event::ShieldsUnavailable { family, error, .. })) = bench.events.try_recv() else {
        panic!("not reported");
    };
    let problem = "the program that manages addresses has no packet filter";
    assert_eq!(
        (family, error.to_string().as_str()),
        (AddressFamily::Ipv4, problem)
    );
    assert!(matches!(bench.events.try_recv(), Ok(None)));
    assert_eq!(bench.unshielded(), [Some(problem.to_owned())]);
    bench.want(1, wanted(false, 1, &[100, 101])).await;
    assert_eq!(bench.unshielded(), [None]);
}

/// A static address on eth0.
fn own(last: u8) -> VirtualAddress {
    VirtualAddress::new(ip(last)).with_interface("eth0")
}

/// The reports about static items, without addresses that are ready.
fn static_states(bench: &mut Bench) -> Vec<Vec<String>> {
    let mut states = Vec::new();
    while let Ok(command) = bench.commands.try_recv() {
        if let Command::Statics(state) = command {
            let missing = state.missing.into_iter();
            states.push(
                missing
                    .map(|status| format!("{}: {}", status.item, status.problem))
                    .collect(),
            );
        }
    }
    states
}

async fn statics_wanted(bench: &Bench, statics: StaticItems) {
    bench.mailbox.set_statics(Arc::new(statics));
    bench.settle().await;
}

#[tokio::test(start_paused = true)]
async fn static_address_is_reported_missing_until_it_is_there() {
    let (table, seen) = watch::channel(Interfaces::default());
    let mut bench = bench_with(Some(seen));
    statics_wanted(&bench, StaticItems::default().with_address(own(1))).await;
    // The monitor may take a moment to see what is new.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let missing = "address 192.0.2.1/32 dev eth0: interface eth0 missing";
    assert_eq!(static_states(&mut bench), [vec![missing.to_owned()]]);
    assert_eq!(bench.fake.log(), Vec::<String>::new());

    bench.fake.fail_additions(2);
    table.send_replace(interfaces([eth(2, "eth0")]));
    tokio::time::sleep(Duration::from_millis(500)).await;
    let refused = "address 192.0.2.1/32 dev eth0: permission denied";
    assert_eq!(static_states(&mut bench), [vec![refused.to_owned()]]);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(bench.fake.log().len(), 3, "tried every second");
    assert_eq!(static_states(&mut bench), [Vec::<String>::new()]);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(
        static_states(&mut bench),
        Vec::<Vec<String>>::new(),
        "unchanged"
    );
}

#[tokio::test(start_paused = true)]
async fn an_address_that_is_static_too_stays_when_its_router_is_backup() {
    let (_table, seen) = watch::channel(interfaces([eth(2, "eth0")]));
    let bench = bench_with(Some(seen));
    statics_wanted(&bench, StaticItems::default().with_address(own(100))).await;
    bench.want(1, wanted(true, 1, &[100, 101])).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    bench.fake.log();
    bench.want(1, wanted(false, 1, &[100, 101])).await;
    assert_eq!(bench.fake.log(), ["remove 192.0.2.101"]);
    // The reverse order.
    bench.want(1, wanted(true, 2, &[100])).await;
    bench.fake.log();
    statics_wanted(&bench, StaticItems::default()).await;
    assert_eq!(bench.fake.log(), Vec::<String>::new());
    bench.mailbox.close(End::Orderly);
    bench.task.await.unwrap();
    assert_eq!(bench.fake.log(), ["remove 192.0.2.100"]);
}

#[tokio::test(start_paused = true)]
async fn static_address_reported_deleted_is_removed() {
    // Whether the audit or the end is taken first is left to chance.
    for _ in 0..32 {
        let (_table, seen) = watch::channel(interfaces([eth(2, "eth0")]));
        let bench = bench_with(Some(seen));
        statics_wanted(&bench, StaticItems::default().with_address(own(1))).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(bench.fake.log(), ["add 192.0.2.1"]);
        let audit = Hint::Audit(Interfaces::default());
        bench.hints.try_send(audit).unwrap();
        bench.mailbox.close(End::Orderly);
        bench.task.await.unwrap();
        assert!(bench.fake.is_empty());
    }
}

/// What the actuator of this bench owns, as it reports in an attempt at a handover.
async fn owned(bench: &mut Bench, attempt: u8) -> HostState {
    bench.mailbox.freeze(attempt);
    loop {
        match bench.commands.recv().await.unwrap() {
            Command::Frozen {
                attempt: own,
                state,
            } if own == attempt => return state,
            _ => {}
        }
    }
}

fn continued(vrid: u8) -> ContinuedRouter {
    ContinuedRouter {
        key: key(vrid),
        name: Arc::from("VI"),
        since: std::time::Instant::now(),
    }
}

#[tokio::test(start_paused = true)]
async fn owned_objects_continue_in_another_actuator() {
    let mut old = bench();
    old.want(1, wanted(true, 1, &[100, 101])).await;
    old.want(2, wanted(true, 3, &[102])).await;
    old.fake.log();
    // Reported once, and nothing is changed after that.
    let host = owned(&mut old, 1).await;
    old.want(2, wanted(false, 3, &[102])).await;
    old.hints
        .send(Hint::LinkGone {
            link: Link::new(9, "eth9"),
        })
        .await
        .unwrap();
    old.settle().await;
    assert!(old.commands.try_recv().is_err());
    assert_eq!(old.fake.log(), Vec::<String>::new());
    let host: HostState = serde_json::from_str(&serde_json::to_string(&host).unwrap()).unwrap();

    // The second router does not continue: its address is the old actuator's to remove.
    let mut new = bench();
    for object in old.fake.0.objects() {
        new.fake.0.insert(object);
    }
    new.mailbox.freeze(0);
    new.mailbox.continue_with(host, vec![continued(1)]);
    new.settle().await;
    new.want(1, wanted(true, 1, &[100])).await;
    assert_eq!(
        new.fake.log(),
        Vec::<String>::new(),
        "before all is published"
    );
    new.mailbox.thaw();
    new.settle().await;
    assert_eq!(new.fake.log(), ["remove 192.0.2.101"]);
    while let Ok(command) = new.commands.try_recv() {
        let frozen = matches!(command, Command::Frozen { attempt: 0, .. });
        assert!(frozen, "not announced again: {command:?}");
    }
    old.mailbox.retire(&key(2));
    old.mailbox.close(End::HandedOver);
    old.settle().await;
    assert_eq!(old.fake.log(), ["remove 192.0.2.102"]);
}

#[tokio::test(start_paused = true)]
async fn handed_over_static_items_continue_or_are_removed() {
    let (_table, seen) = watch::channel(interfaces([eth(2, "eth0")]));
    let mut old = bench_with(Some(seen.clone()));
    let before = StaticItems::default()
        .with_address(own(1))
        .with_address(own(2))
        // Another program deletes it; it is added only once.
        .with_address(own(3).with_tracked(false));
    statics_wanted(&old, before).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let gone = Hint::AddressGone {
        link: link(),
        address: ip(3),
        is_up: true,
    };
    old.hints.send(gone).await.unwrap();
    old.settle().await;
    let host = owned(&mut old, 1).await;

    let bench = bench_with(Some(seen));
    for last in [1, 2] {
        bench.fake.0.insert(on_eth0(own(last)));
    }
    let wanted = StaticItems::default()
        .with_address(own(2))
        .with_address(own(3).with_tracked(false));
    bench.mailbox.freeze(0);
    bench.mailbox.continue_with(host, Vec::new());
    bench.mailbox.set_statics(Arc::new(wanted));
    bench.mailbox.thaw();
    bench.settle().await;
    assert_eq!(bench.fake.log(), ["remove 192.0.2.1", "add 192.0.2.2"]);
    assert_eq!(bench.fake.0.objects(), [on_eth0(own(2))]);
    // Left to a third process.
    bench.mailbox.close(End::HandedOver);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(bench.task.is_finished());
    assert_eq!(bench.fake.log(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn object_that_is_deleted_during_a_handover_is_not_restored() {
    let gone = || Hint::AddressGone {
        link: link(),
        address: ip(100),
        is_up: true,
    };
    for is_handed_over in [false, true] {
        let bench = bench();
        bench.want(1, wanted(true, 1, &[100])).await;
        bench.fake.log();
        bench.mailbox.freeze(1);
        bench.settle().await;
        bench.fake.clear();
        bench.hints.send(gone()).await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(bench.fake.log(), Vec::<String>::new());
        if is_handed_over {
            bench.mailbox.close(End::HandedOver);
        } else {
            bench.mailbox.thaw();
        }
        bench.settle().await;
        let restored: &[&str] = if is_handed_over {
            &[]
        } else {
            &["add 192.0.2.100"]
        };
        assert_eq!(bench.fake.log(), restored);
    }
}

#[tokio::test(start_paused = true)]
async fn failed_change_waits_while_nothing_may_change() {
    let mut bench = bench();
    bench.fake.fail_additions(1);
    bench.want(1, wanted(true, 1, &[100])).await;
    assert_eq!(bench.fake.log().len(), 1);
    let refused = bench.commands.try_recv().unwrap();
    assert!(
        matches!(refused, Command::AddressRefused { address, .. } if address.address == ip(100))
    );
    bench.mailbox.freeze(1);
    // The clock would stand still if the actuator did not wait.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(bench.fake.log(), Vec::<String>::new());
    bench.mailbox.thaw();
    bench.settle().await;
    let frozen = bench.commands.try_recv().unwrap();
    assert!(matches!(frozen, Command::Frozen { attempt: 1, .. }));
    assert_eq!(bench.fake.log(), ["add 192.0.2.100"]);
    assert_eq!(bench.ready(), [(1, ip(100))]);
}

/// A desired state arrives during each change: the worst case of a mass failover.
#[tokio::test(start_paused = true)]
async fn mass_failover_costs_one_change_for_each_address() {
    const ROUTERS: u32 = 1000;
    const ADDRESSES: u32 = 4;
    let mut bench = bench();
    let mut commands = std::mem::replace(&mut bench.commands, mpsc::channel(1).1);
    let acknowledged = tokio::spawn(async move {
        for _ in 0..ROUTERS * ADDRESSES {
            commands.recv().await.unwrap();
        }
    });
    let start = std::time::Instant::now();
    for number in 0..ROUTERS {
        let prepared = (0..ADDRESSES).map(|place| {
            let address = Ipv4Addr::from(0x0a00_0000 + number * ADDRESSES + place);
            Prepared {
                address: Arc::new(VirtualAddress::new(address.into())),
                link: Arc::new(link()),
                is_on_macvlan: false,
                announcement: None,
                extra: None,
            }
        });
        let router = RouterKey {
            interface: Arc::from(format!("eth{}", number / 250)),
            ..key(u8::try_from(1 + number % 250).unwrap())
        };
        let desired = DesiredRouter {
            addresses: prepared.collect(),
            ..wanted(true, 1, &[])
        };
        bench.mailbox.publish(router, desired);
        tokio::task::yield_now().await;
    }
    acknowledged.await.unwrap();
    println!("{} changes, {:?}", ROUTERS * ADDRESSES, start.elapsed());
    let changes = bench.fake.log().len();
    assert_eq!(changes, usize::try_from(ROUTERS * ADDRESSES).unwrap());
}
