// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whatever happens in between, the host ends as it is desired.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::link::{Setting, VirtualLink};
use crate::plan::tests::object;

#[derive(Clone, Debug)]
enum Event {
    Desire(u32, u64, Vec<HostObject>),
    /// Another program deletes an object; with or without a notification.
    Delete(HostObject),
    /// A notification that is no longer true.
    Missing(HostObject),
    /// So many changes fail.
    Fail(u32),
    /// So many changes are applied, and time passes.
    Run(u8, u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (1..4_u32, 0..2_u64, vec(object(), 0..6))
            .prop_map(|(claimant, generation, objects)| Event::Desire(claimant, generation, objects)),
        1 => object().prop_map(Event::Delete),
        1 => object().prop_map(Event::Missing),
        1 => (1..4_u32).prop_map(Event::Fail),
        4 => (0..6_u8, 0..3_u64).prop_map(|(changes, seconds)| Event::Run(changes, seconds)),
    ]
}

/// Has the next changes fail.
fn fail(host: &MemoryHost, times: u32) {
    let mut left = times;
    host.set_fault(move |_| {
        left = left.checked_sub(1)?;
        Some(io::ErrorKind::PermissionDenied.into())
    });
}

proptest! {
    #[test]
    fn host_ends_as_desired(
        external in vec(object(), 0..3),
        events in vec(event(), 0..24),
    ) {
        let mut bench = Bench::new();
        // External objects are on a link of their own: none is desired.
        let external: Vec<HostObject> = external
            .iter()
            .map(|object| {
                let link = Arc::new(Link::new(9, "eth9"));
                match object {
                    HostObject::Address(address) => {
                        Address::new(link, address.address, address.prefix_len).into()
                    }
                    HostObject::Shield(shield) => Shield::new(link, shield.address).into(),
                    HostObject::Routing(_) => plan::tests::route(&link, [198, 51, 100, 1].into()),
                    HostObject::VirtualLink(above) => {
                        let mac = [2, 0, 0, 0, 0, 9];
                        VirtualLink::macvlan("external", link, mac, above.family).into()
                    }
                    HostObject::LinkUp(_) => HostObject::LinkUp(link),
                    HostObject::Setting(setting) => Setting::new(link, setting.name).into(),
                }
            })
            .collect();
        for object in &external {
            bench.host.insert(object.clone());
        }
        let before = bench.host.objects();
        let mut desired: BTreeMap<u32, Vec<HostObject>> = BTreeMap::new();
        for event in events {
            match event {
                Event::Desire(claimant, generation, objects) => {
                    let wanted = objects.iter().cloned().map(Desired::new);
                    bench.reconciler.set_desired(&claimant, generation, wanted);
                    desired.insert(claimant, objects);
                }
                Event::Delete(object) => {
                    if bench.reconciler.is_held(&object.key()) {
                        bench.host.delete(&object.key());
                        bench.reconciler.handle_missing(&object.key());
                    }
                }
                Event::Missing(object) => {
                    bench.reconciler.handle_missing(&object.key());
                }
                Event::Fail(times) => fail(&bench.host, times),
                Event::Run(changes, seconds) => {
                    for _ in 0..changes {
                        let Some(change) = bench.reconciler.next_change(bench.now) else { break };
                        let result = bench.host.apply(&change);
                        bench.reconciler.handle_result(bench.now, change, result);
                    }
                    bench.now += Duration::from_secs(seconds);
                }
            }
        }
        bench.host.clear_fault();
        bench.run();
        while let Some(at) = bench.reconciler.next_timeout() {
            bench.now = at;
            bench.run();
        }
        let mut expected: HashMap<Key, HostObject> = HashMap::new();
        for object in desired.into_values().flatten() {
            expected.entry(object.key()).or_insert(object);
        }
        for object in before {
            expected.entry(object.key()).or_insert(object);
        }
        let objects = bench.host.objects();
        let found = objects.into_iter().map(|object| (object.key(), object));
        prop_assert_eq!(found.collect::<HashMap<_, _>>(), expected);
        prop_assert!(!bench.reconciler.has_surplus());
        prop_assert!(bench.reconciler.queue.is_empty());
    }
}
