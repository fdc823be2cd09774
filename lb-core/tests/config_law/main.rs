// SPDX-License-Identifier: MIT OR Apache-2.0
//! Law: a model made by the builder equals the model that is read from the file that describes it.
//!
//! Not covered: scripts of other programs than one that each machine has, and supplementary groups.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod global;
mod notify;
mod object;
mod router;
mod routing;
mod server;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use lb_check::{FileCheck, FileWeight, Policy, Registry, Target};
use lb_core::config::{self, Mode};
use lb_core::model::{
    CheckSpec, Global, GroupSpec, IpvsNamespace, Model, ObjectSpec, RouterNotify, RouterSpec,
    Source, StaticItem, StaticItems, SyncGroup, TrackGroup, VirtualAddress, VirtualRoute,
    VirtualRule, VirtualServer, VrrpInstance,
};
use lb_vrrp::track::{ObjectId, Weight as TrackWeight};
use lb_vrrp::{AddressFamily, Network, Pacing, RouterConfig, Vrid};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use self::global::global;
use self::notify::notify;
use self::object::{object, weight};
use self::router::{nth, router};
use self::routing::{distinct, rule};
use self::server::virtual_server;

fn seconds(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_secs)
}

fn micros(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_micros)
}

fn interface() -> impl Strategy<Value = String> {
    select(vec!["eth0", "eth1", "bond0.7"]).prop_map(str::to_owned)
}

/// Sizes of the parts, and what only the whole can know.
#[derive(Clone, Debug)]
struct Parts {
    global: Global,
    routers: Vec<VrrpInstance>,
    objects: Vec<(ObjectSpec, TrackWeight)>,
    grouped: Option<(bool, bool)>,
    statics: Option<(bool, Vec<VirtualRule>)>,
    servers: Vec<VirtualServer>,
    group_notify: RouterNotify,
}

prop_compose! {
    fn parts()(
        global in global().boxed(),
        routers in (router(0).boxed(), proptest::option::of(router(1).boxed()), proptest::option::of(router(2).boxed())),
        objects in ((object(0).boxed(), weight()), proptest::option::of((object(1).boxed(), weight()))),
        (tracked, suppresses_igmp) in any::<(bool, bool)>(),
        grouped in proptest::option::of((any::<bool>(), any::<bool>())),
        statics in proptest::option::of((any::<bool>(), vec(rule(), 0..2))),
        servers in (proptest::option::of(virtual_server(0).boxed()), proptest::option::of(virtual_server(1).boxed())),
        group_notify in notify(false),
    ) -> Parts {
        let routers = std::iter::once(routers.0).chain(routers.1).chain(routers.2);
        let routers = routers.map(|mut router| {
            router.spec.suppresses_igmp = suppresses_igmp;
            router
        });
        let objects = std::iter::once(objects.0).chain(objects.1);
        let servers: Vec<VirtualServer> = servers.0.into_iter().chain(servers.1).collect();
        let mut global = global;
        let mut checks = servers.iter().flat_map(|server| &server.real_servers).flat_map(|real| &real.checks);
        if checks.any(|check| check.via_vip) {
            // Such checks need the table of the program's own namespace.
            global.runtime.ipvs_namespace = IpvsNamespace::Own;
        }
        Parts {
            global,
            routers: routers.collect(),
            objects: objects.filter(|_| tracked).collect(),
            grouped,
            statics,
            servers,
            group_notify,
        }
    }
}

fn build(parts: Parts) -> Model {
    let Parts {
        mut global,
        mut routers,
        objects,
        grouped,
        statics,
        mut servers,
        group_notify,
    } = parts;
    // The kernel runs one sync daemon.
    if global.sync_daemon.is_some() {
        routers[0].sync_daemon_interface = None;
    }
    if global.mail.is_none() {
        global.no_fault_mails = false;
    }
    let names: Vec<String> = routers
        .iter()
        .map(|router| router.spec.name.clone())
        .collect();
    let first = &mut routers[0].spec;
    for (object, weight) in &objects {
        // The priority of an address owner does not change.
        let owner = first.config.priority().is_owner();
        let weight = if owner { TrackWeight::FAULT } else { *weight };
        first.tracked.push((object.id(), weight));
    }
    let other = if first.interface == "eth9" {
        "eth8"
    } else {
        "eth9"
    };
    first
        .tracked
        .push((ObjectId::Interface(other.into()), TrackWeight::FAULT));
    let mut builder = Model::builder().global(global);
    if let Some((grouped, rules)) = statics {
        let address = VirtualAddress::new(Ipv4Addr::new(203, 0, 113, 1).into());
        let network = Network::new(Ipv4Addr::new(203, 0, 113, 0), 24).unwrap();
        let mut address = StaticItem::from(address.with_interface("eth3"));
        let route = VirtualRoute::new(network).with_interface("eth3");
        let mut items = StaticItems::default();
        if grouped {
            items = items.with_group(TrackGroup::new("TG", [names[0].clone()]));
            address = address.with_group("TG");
        }
        items = items.with_address(address).with_route(route);
        items = distinct(rules)
            .into_iter()
            .fold(items, StaticItems::with_rule);
        builder = builder.statics(items);
    }
    if let Some((weights, alert)) = grouped {
        let group = GroupSpec::new("VG", names).with_tracking_weight(weights);
        let object = ObjectId::Interface("eth9".into());
        let group = group.with_tracked(object, TrackWeight::FAULT);
        let group = SyncGroup::new(group).with_smtp_alert(alert);
        builder = builder.group(group.with_notify(group_notify));
    }
    for router in routers {
        builder = builder.router(router);
    }
    let files = objects
        .iter()
        .filter(|(object, _)| matches!(object.source, Source::File(_)));
    for (server, (object, weight)) in servers.iter_mut().zip(files) {
        let real = &mut server.real_servers[0];
        let weight = FileWeight::new(i32::from(weight.get()) * 1000, weight.is_reversed());
        let check = FileCheck::new(object.name.as_str(), weight);
        let policy = Policy::default()
            .with_retries(0)
            .with_retry_delay(Duration::ZERO)
            .with_warmup(Duration::ZERO);
        let target = Target::new(real.destination.address);
        real.checks
            .push(CheckSpec::new(Arc::new(check), target, policy));
    }
    for (object, _) in objects {
        builder = builder.object(object);
    }
    for server in servers {
        builder = builder.virtual_server(server);
    }
    builder.build().expect("a valid model")
}

fn read(text: &str) -> Model {
    let parsed = config::parse(text, "law.conf", &Registry::builtin());
    let findings = parsed.diagnostics().to_string();
    let read = parsed.into_model(Mode::Strict);
    read.unwrap_or_else(|_| panic!("{findings}\n{text}"))
}

proptest! {
    #[test]
    fn builder_and_file_give_the_same_model(parts in parts()) {
        let built = build(parts);
        let text = config::print(&built).unwrap();
        let read = read(&text);
        // Part by part: a difference in one is readable.
        prop_assert_eq!(&read.global, &built.global, "{}", text);
        prop_assert_eq!(&read.routers, &built.routers, "{}", text);
        prop_assert_eq!(&read.groups, &built.groups);
        prop_assert_eq!(&read.objects, &built.objects);
        prop_assert_eq!(&read.statics, &built.statics);
        prop_assert_eq!(&read.virtual_servers, &built.virtual_servers, "{}", text);
        prop_assert_eq!(read, built);
    }
}

#[test]
fn all_600_addresses_of_a_router_survive_builder_and_file() {
    let config = RouterConfig::builder(Vrid::new(1).unwrap())
        .addresses((0..600).map(|n| nth(AddressFamily::Ipv4, n)))
        .build()
        .unwrap();
    assert!(config.addresses().as_slice().len() < 600);
    let router = RouterSpec::new("VI_1", "eth0", config);
    let mut global = Global::new("lb1");
    global.vrrp.pacing = Pacing::default();
    let built = Model::builder()
        .global(global)
        .router(router)
        .build()
        .unwrap();
    let held = |model: &Model| -> Vec<IpAddr> {
        let held = model.routers[0].spec.virtual_addresses.iter();
        held.map(|address| address.address).collect()
    };
    let all: Vec<IpAddr> = (0..600).map(|n| nth(AddressFamily::Ipv4, n)).collect();
    assert_eq!(held(&built), all);
    assert_eq!(held(&read(&config::print(&built).unwrap())), all);
}
