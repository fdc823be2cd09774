// SPDX-License-Identifier: MIT OR Apache-2.0
//! Macvlans, their state, and the settings of interfaces.

use lb_host::{Setting, SettingName, VirtualLink};

use super::super::super::links::tests::macvlan as found_macvlan;
use super::*;

const MAC: [u8; 6] = [0, 0, 0x5e, 0, 1, 51];

fn above(base: Link, vrid: u8) -> HostObject {
    let mac = [0, 0, 0x5e, 0, 1, vrid];
    let family = AddressFamily::Ipv4;
    VirtualLink::macvlan(format!("vrrp.{vrid}"), Arc::new(base), mac, family).into()
}

fn settings(base: Link) -> [HostObject; 2] {
    let base = Arc::new(base);
    let names = [SettingName::ArpIgnore, SettingName::ArpAnnounce];
    names.map(|name| Setting::new(Arc::clone(&base), name).into())
}

/// The macvlan of a router with this VRID above eth0, and the settings of eth0.
fn links(vrid: u8) -> RouterLinks {
    RouterLinks {
        router: key(vrid),
        name: Arc::from(format!("VI_{vrid}")),
        objects: settings(link())
            .into_iter()
            .chain([above(link(), vrid)])
            .collect(),
    }
}

async fn want_links(bench: &Bench, links: Vec<RouterLinks>) {
    bench.mailbox.set_links(links);
    bench.settle().await;
}

/// A router with addresses on its macvlan, the interface 10.
fn on_macvlan(held: bool, epoch: u64, addresses: &[u8]) -> DesiredRouter {
    let mut desired = wanted(held, epoch, addresses);
    let mut prepared = desired.addresses.to_vec();
    for prepared in &mut prepared {
        prepared.link = Arc::new(Link::new(10, "vrrp.51"));
        prepared.is_on_macvlan = true;
    }
    desired.addresses = prepared.into();
    desired
}

#[tokio::test(start_paused = true)]
async fn macvlan_is_added_up_while_it_has_addresses_and_removed_at_the_end() {
    let bench = bench();
    want_links(&bench, vec![links(51)]).await;
    let added = [
        "add arp_ignore of eth0",
        "add arp_announce of eth0",
        "add macvlan vrrp.51 dev eth0",
    ];
    assert_eq!(bench.fake.log(), added);
    bench.want(51, on_macvlan(false, 0, &[100, 101])).await;
    assert_eq!(bench.fake.log(), [""; 0], "down while Backup");
    bench.want(51, on_macvlan(true, 1, &[100, 101])).await;
    let raised = [
        "add state up of vrrp.51",
        "add 192.0.2.100",
        "add 192.0.2.101",
    ];
    assert_eq!(bench.fake.log(), raised);
    bench.want(51, on_macvlan(false, 1, &[100, 101])).await;
    let lowered = [
        "remove 192.0.2.101",
        "remove 192.0.2.100",
        "remove state up of vrrp.51",
    ];
    assert_eq!(bench.fake.log(), lowered);
    bench.mailbox.close(End::Orderly);
    bench.task.await.unwrap();
    let removed = [
        "remove arp_announce of eth0",
        "remove arp_ignore of eth0",
        "remove macvlan vrrp.51 dev eth0",
    ];
    assert_eq!(bench.fake.log(), removed);
    assert!(bench.fake.is_empty());
}

#[tokio::test(start_paused = true)]
async fn settings_stay_with_the_last_macvlan_and_secondaries_are_kept_to_the_end() {
    let bench = bench();
    let mut promoting = links(52);
    let setting = Setting::new(Arc::new(link()), SettingName::PromoteSecondaries);
    promoting.objects.push(setting.into());
    bench.mailbox.set_links(vec![links(51), promoting.clone()]);
    bench.want(52, wanted(true, 1, &[100])).await;
    assert_eq!(
        bench.fake.log(),
        [
            "add arp_ignore of eth0",
            "add arp_announce of eth0",
            "add promote_secondaries of eth0",
            "add 192.0.2.100",
            "add macvlan vrrp.51 dev eth0",
            "add macvlan vrrp.52 dev eth0"
        ]
    );
    want_links(&bench, vec![promoting]).await;
    assert_eq!(bench.fake.log(), ["remove macvlan vrrp.51 dev eth0"]);
    bench.mailbox.close(End::Orderly);
    bench.task.await.unwrap();
    assert_eq!(
        bench.fake.log(),
        [
            "remove 192.0.2.100",
            "remove promote_secondaries of eth0",
            "remove arp_announce of eth0",
            "remove arp_ignore of eth0",
            "remove macvlan vrrp.52 dev eth0"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn macvlan_that_another_program_deletes_or_sets_down_is_restored() {
    let (table, seen) = watch::channel(interfaces([eth(2, "eth0")]));
    let bench = bench_with(Some(seen));
    want_links(&bench, vec![links(51)]).await;
    bench.want(51, on_macvlan(true, 1, &[100])).await;
    bench.fake.log();
    let lowered = || Hint::Lowered {
        link: Link::new(10, "vrrp.51"),
    };
    bench.hints.send(lowered()).await.unwrap();
    bench.settle().await;
    assert_eq!(bench.fake.log(), ["add state up of vrrp.51"]);
    // Notifications were lost: the macvlan may be down.
    let there = interfaces([eth(2, "eth0"), found_macvlan(10, "vrrp.51", 2, MAC)]);
    table.send_replace(there.clone());
    bench.hints.send(Hint::Audit(there)).await.unwrap();
    bench.settle().await;
    assert_eq!(
        bench.fake.log(),
        ["add state up of vrrp.51", "add 192.0.2.100"]
    );
    // And not while the router is Backup.
    bench.want(51, on_macvlan(false, 1, &[100])).await;
    bench.fake.log();
    bench.hints.send(lowered()).await.unwrap();
    bench.settle().await;
    assert_eq!(bench.fake.log(), [""; 0]);
    // Deleted, with a notification and without one.
    let gone = Link::new(10, "vrrp.51");
    for hint in [
        Hint::LinkGone { link: gone },
        Hint::Audit(interfaces([eth(2, "eth0")])),
    ] {
        bench.fake.0.delete(&above(link(), 51).key());
        bench.hints.send(hint).await.unwrap();
        bench.settle().await;
        assert_eq!(bench.fake.log(), ["add macvlan vrrp.51 dev eth0"]);
    }
    let there = interfaces([eth(2, "eth0"), found_macvlan(11, "vrrp.51", 2, MAC)]);
    bench.hints.send(Hint::Audit(there)).await.unwrap();
    bench.settle().await;
    assert_eq!(bench.fake.log(), [""; 0], "all is present");
}

#[tokio::test(start_paused = true)]
async fn macvlan_that_was_deleted_during_a_handover_is_not_added_again() {
    let bench = bench();
    want_links(&bench, vec![links(51), links(52)]).await;
    bench.fake.log();
    bench.mailbox.freeze(1);
    bench.settle().await;
    bench.fake.0.delete(&above(link(), 51).key());
    let gone = Link::new(10, "vrrp.51");
    bench
        .hints
        .send(Hint::LinkGone { link: gone })
        .await
        .unwrap();
    bench.settle().await;
    bench.mailbox.close(End::HandedOver);
    bench.task.await.unwrap();
    assert_eq!(bench.fake.log(), [""; 0]);
}

/// The actuator may know of the new interface before the old one is known to be gone.
#[tokio::test(start_paused = true)]
async fn settings_follow_an_interface_that_is_replaced() {
    let bench = bench();
    want_links(&bench, vec![links(51)]).await;
    for object in links(51).objects {
        bench.fake.0.delete(&object.key());
    }
    let new = Link::new(3, "eth0");
    let objects = settings(new.clone()).into_iter().chain([above(new, 51)]);
    let replaced = RouterLinks {
        objects: objects.collect(),
        ..links(51)
    };
    bench.mailbox.set_links(vec![replaced.clone()]);
    let gone = Hint::LinkGone { link: link() };
    bench.hints.send(gone).await.unwrap();
    bench.settle().await;
    let found = bench.fake.0.objects();
    for object in &replaced.objects {
        assert!(found.contains(object), "{object} is missing");
    }
    bench.mailbox.close(End::Orderly);
    bench.task.await.unwrap();
    assert!(bench.fake.is_empty());
}

#[tokio::test(start_paused = true)]
async fn failure_of_a_macvlan_is_reported_once_and_tried_again() {
    let mut bench = bench();
    bench.fake.0.set_fault(|change| {
        let is_macvlan = matches!(change.object(), HostObject::VirtualLink(_));
        is_macvlan.then(|| io::ErrorKind::AlreadyExists.into())
    });
    want_links(&bench, vec![links(51)]).await;
    let Ok(Some(Event::InterfaceFailed { error, router, .. })) = bench.events.try_recv() else {
        panic!("not reported");
    };
    assert_eq!(error.to_string(), "cannot make vrrp.51");
    assert_eq!(&*router, "VI_51");
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert!(
        matches!(bench.events.try_recv(), Ok(None)),
        "reported more than once"
    );
    bench.fake.log();
    bench.fake.0.clear_fault();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(bench.fake.log(), ["add macvlan vrrp.51 dev eth0"]);
    assert!(matches!(
        bench.events.try_recv(),
        Ok(Some(Event::ChangeRecovered { .. }))
    ));
    bench.fake.fail_removals(3);
    want_links(&bench, Vec::new()).await;
    assert!(!bench.fake.is_empty());
    for _ in settings(link()) {
        assert!(matches!(
            bench.events.try_recv(),
            Ok(Some(Event::SettingFailed { .. }))
        ));
    }
    assert!(matches!(
        bench.events.try_recv(),
        Ok(Some(Event::InterfaceFailed { .. }))
    ));
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(bench.fake.is_empty());
}

#[tokio::test(start_paused = true)]
async fn gone_interface_below_a_macvlan_is_no_failure_of_the_macvlan() {
    let mut bench = bench();
    bench
        .fake
        .0
        .set_fault(|_| Some(io::Error::from_raw_os_error(nix::libc::ENODEV)));
    let desired = RouterLinks {
        objects: vec![above(link(), 51)],
        ..links(51)
    };
    want_links(&bench, vec![desired]).await;
    assert_eq!(bench.fake.log().len(), 1);
    assert!(matches!(bench.events.try_recv(), Ok(None)));
}

#[tokio::test(start_paused = true)]
async fn address_waits_for_its_macvlan_to_be_up() {
    let mut bench = bench();
    bench.fake.0.set_fault(|change| {
        let is_state = matches!(change.object(), HostObject::LinkUp(_));
        is_state.then(|| io::ErrorKind::PermissionDenied.into())
    });
    bench.want(51, on_macvlan(true, 1, &[100])).await;
    let Ok(Some(Event::InterfaceFailed { error, .. })) = bench.events.try_recv() else {
        panic!("not reported");
    };
    assert_eq!(error.to_string(), "cannot set up vrrp.51");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(bench.ready(), []);
    assert_eq!(bench.fake.0.objects(), []);
    bench.fake.0.clear_fault();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(bench.ready(), [(1, ip(100))]);
    // A failure to set the macvlan down is tried again.
    bench.fake.fail_removals(2);
    bench.want(51, on_macvlan(false, 1, &[100])).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(bench.fake.is_empty());
}

#[tokio::test(start_paused = true)]
async fn macvlan_that_was_present_is_set_down_unless_it_has_addresses() {
    for is_held in [false, true] {
        let there = interfaces([eth(2, "eth0"), found_macvlan(10, "vrrp.51", 2, MAC)]);
        let (_table, seen) = watch::channel(there);
        let bench = bench_with(Some(seen));
        bench.fake.0.insert(above(link(), 51));
        bench.want(51, on_macvlan(is_held, 1, &[100])).await;
        bench.fake.log();
        want_links(&bench, vec![links(51)]).await;
        let log = bench.fake.log();
        let is_lowered = log.contains(&"remove state up of vrrp.51".to_owned());
        assert_eq!(is_lowered, !is_held, "{log:?}");
    }
}

/// An actuator with what `old` owns, for the first router, and nothing that is desired yet. Changes are
/// suspended.
async fn continued_bench(old: &mut Bench) -> Bench {
    let host = owned(old, 1).await;
    let document = serde_json::to_string(&host).unwrap();
    let new = bench();
    for object in old.fake.0.objects() {
        new.fake.0.insert(object);
    }
    new.mailbox.freeze(0);
    let host = serde_json::from_str(&document).unwrap();
    new.mailbox.continue_with(host, vec![continued(51)]);
    new
}

/// The first router is Master on its macvlan; only the second one has `promote_secondaries` raised.
async fn two_routers() -> Bench {
    let bench = bench();
    let mut second = links(52);
    let setting = Setting::new(Arc::new(link()), SettingName::PromoteSecondaries);
    second.objects.push(setting.into());
    want_links(&bench, vec![links(51), second]).await;
    bench.want(51, on_macvlan(true, 1, &[100])).await;
    bench.fake.log();
    bench
}

#[tokio::test(start_paused = true)]
async fn macvlans_and_settings_continue_in_another_actuator() {
    let mut old = two_routers().await;
    let new = continued_bench(&mut old).await;
    new.want(51, on_macvlan(true, 1, &[100])).await;
    want_links(&new, vec![links(51)]).await;
    assert_eq!(new.fake.log(), [""; 0], "before all is published");
    new.mailbox.thaw();
    new.settle().await;
    // Additions of what is present record it for this process.
    assert_eq!(
        new.fake.log(),
        [
            "add arp_ignore of eth0",
            "add arp_announce of eth0",
            "add state up of vrrp.51",
            "remove promote_secondaries of eth0",
            "add macvlan vrrp.51 dev eth0"
        ]
    );
    // The old process removes the macvlan of the second router, and restores no setting.
    old.mailbox.set_links(vec![links(51)]);
    old.mailbox.close(End::HandedOver);
    old.task.await.unwrap();
    assert_eq!(old.fake.log(), ["remove macvlan vrrp.52 dev eth0"]);
    new.mailbox.close(End::Orderly);
    new.task.await.unwrap();
    assert_eq!(
        new.fake.log(),
        [
            "remove 192.0.2.100",
            "remove arp_announce of eth0",
            "remove arp_ignore of eth0",
            "remove macvlan vrrp.51 dev eth0",
            "remove state up of vrrp.51"
        ]
    );
    let left = new.fake.0.objects();
    assert_eq!(left, [above(link(), 52)], "the old process's to remove");
}

#[tokio::test(start_paused = true)]
async fn setting_continues_for_another_router_of_the_new_process() {
    let mut old = two_routers().await;
    let new = continued_bench(&mut old).await;
    let third = RouterLinks {
        objects: settings(link()).to_vec(),
        ..links(53)
    };
    want_links(&new, vec![third]).await;
    new.mailbox.thaw();
    new.settle().await;
    let log = new.fake.log();
    let kept = ["add arp_ignore of eth0", "add arp_announce of eth0"];
    assert_eq!(log[..2], kept, "{log:?}");
    for setting in settings(link()) {
        assert!(new.fake.0.objects().contains(&setting));
    }
}

#[tokio::test(start_paused = true)]
async fn macvlans_and_settings_that_the_new_process_does_not_desire_are_removed() {
    let mut old = two_routers().await;
    let new = continued_bench(&mut old).await;
    want_links(&new, Vec::new()).await;
    new.mailbox.thaw();
    new.settle().await;
    assert_eq!(
        new.fake.log(),
        [
            "remove 192.0.2.100",
            "remove promote_secondaries of eth0",
            "remove arp_announce of eth0",
            "remove arp_ignore of eth0",
            "remove macvlan vrrp.51 dev eth0",
            "remove state up of vrrp.51"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn state_of_a_macvlan_is_handed_over_with_its_addresses() {
    for is_held in [true, false] {
        let mut old = two_routers().await;
        let new = continued_bench(&mut old).await;
        want_links(&new, vec![links(51)]).await;
        new.want(51, on_macvlan(is_held, 1, &[100])).await;
        new.mailbox.thaw();
        new.settle().await;
        let up = HostObject::LinkUp(Arc::new(Link::new(10, "vrrp.51")));
        assert_eq!(new.fake.0.objects().contains(&up), is_held);
        let lowered = "remove state up of vrrp.51".to_owned();
        assert_eq!(new.fake.log().contains(&lowered), !is_held);
    }
}

#[tokio::test(start_paused = true)]
async fn restored_macvlan_and_failed_setting_are_reported() {
    let mut bench = bench();
    want_links(&bench, vec![links(51)]).await;
    let macvlan = above(link(), 51);
    bench.fake.0.delete(&macvlan.key());
    let gone = Link::new(10, "vrrp.51");
    let hint = Hint::LinkGone { link: gone };
    bench.hints.send(hint).await.unwrap();
    bench.settle().await;
    let Ok(Some(Event::InterfaceRestored { interface, .. })) = bench.events.try_recv() else {
        panic!("not reported");
    };
    assert_eq!(&*interface, "vrrp.51");
    bench.fake.fail_additions(1);
    let secondaries = Setting::new(Arc::new(link()), SettingName::PromoteSecondaries);
    let mut desired = links(51);
    desired.objects.push(secondaries.into());
    want_links(&bench, vec![desired]).await;
    let Ok(Some(Event::SettingFailed { router, change, .. })) = bench.events.try_recv() else {
        panic!("not reported");
    };
    assert_eq!(&*router, "VI_51");
    assert_eq!(change.to_string(), "add promote_secondaries of eth0");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(matches!(
        bench.events.try_recv(),
        Ok(Some(Event::ChangeRecovered { .. }))
    ));
}
