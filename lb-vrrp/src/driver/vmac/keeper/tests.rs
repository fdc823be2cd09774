// SPDX-License-Identifier: MIT OR Apache-2.0
//! The keeper against a kernel of a few lines.

use std::sync::Mutex;

use async_trait::async_trait;

use super::super::executor::Found;
use super::*;
use crate::Vmac;
use crate::driver::links::tests::{eth, table};
use crate::spec::RouterSpec;
use crate::{MacAddr, RouterConfig, Vrid};

/// A kernel that does as it is told, and remembers it.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Fake(Arc<Mutex<State>>);

#[derive(Debug)]
pub(in super::super) struct State {
    pub(in super::super) links: Vec<Found>,
    /// Interfaces beneath macvlans.
    bases: Vec<Link>,
    pub(in super::super) settings: BTreeMap<(String, Setting), u32>,
    log: Vec<String>,
    /// The next action is to fail.
    fails: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            links: Vec::new(),
            bases: vec![Link::new(2, "eth0")],
            settings: BTreeMap::new(),
            log: Vec::new(),
            fails: false,
        }
    }
}

impl State {
    /// A base as the kernel describes it.
    fn base(&self, index: u32) -> Option<Found> {
        let link = self.bases.iter().find(|link| link.index == index)?;
        Some(Found {
            link: link.clone(),
            macvlan_of: None,
            mac: None,
            alias: None,
            other_names: Vec::new(),
        })
    }

    pub(in super::super) fn add(
        &mut self,
        name: &str,
        base: u32,
        mac: [u8; 6],
        alias: Option<&str>,
    ) {
        let index = 10 + u32::try_from(self.links.len()).unwrap();
        self.links.push(Found {
            link: Link::new(index, name),
            macvlan_of: Some(base),
            mac: Some(MacAddr::from(mac)),
            alias: alias.map(str::to_owned),
            other_names: Vec::new(),
        });
    }

    fn act(&mut self, what: String) -> io::Result<()> {
        if std::mem::take(&mut self.fails) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.log.push(what);
        Ok(())
    }
}

impl Fake {
    pub(in super::super) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap())
    }

    pub(in super::super) fn log(&self) -> Vec<String> {
        self.with(|state| std::mem::take(&mut state.log))
    }

    /// Has the next action fail.
    pub(in super::super) fn fail(&self) {
        self.with(|state| state.fails = true);
    }

    /// What was done beside settings of the macvlan.
    fn steps(&self) -> Vec<String> {
        let mut log = self.log();
        log.retain(|line| !line.starts_with("vrrp"));
        log
    }
}

#[async_trait]
impl LinkManager for Fake {
    async fn list(&mut self) -> io::Result<Vec<Found>> {
        Ok(self.with(|state| state.links.clone()))
    }

    async fn find(&mut self, name: &str) -> io::Result<Option<Found>> {
        let found = |state: &mut State| {
            let mut links = state.links.iter();
            links.find(|of| of.link.name == name).cloned()
        };
        Ok(self.with(found))
    }

    async fn find_at(&mut self, index: u32) -> io::Result<Option<Found>> {
        let found = |state: &mut State| {
            let mut links = state.links.iter();
            let found = links.find(|found| found.link.index == index).cloned();
            found.or_else(|| state.base(index))
        };
        Ok(self.with(found))
    }

    async fn create(&mut self, wanted: &VirtualLink) -> io::Result<()> {
        self.with(|state| {
            state.act(format!("create {}", wanted.name))?;
            state.add(&wanted.name, wanted.base.index, wanted.mac.octets(), None);
            Ok(())
        })
    }

    async fn mark(&mut self, link: &Link, alias: &str) -> io::Result<()> {
        self.with(|state| {
            state.act(format!("mark {}", link.name))?;
            for of in state.links.iter_mut().filter(|of| of.link == *link) {
                of.alias = Some(alias.to_owned());
            }
            Ok(())
        })
    }

    async fn add_name(&mut self, link: &Link, name: &str) -> io::Result<()> {
        self.with(|state| {
            state.act(format!("add {} {name}", link.name))?;
            for of in state.links.iter_mut().filter(|of| of.link == *link) {
                of.other_names.push(name.to_owned());
            }
            Ok(())
        })
    }

    async fn remove_name(&mut self, link: &Link, name: &str) -> io::Result<()> {
        self.with(|state| {
            state.act(format!("remove {} {name}", link.name))?;
            for of in state.links.iter_mut().filter(|of| of.link == *link) {
                of.other_names.retain(|of| of != name);
            }
            Ok(())
        })
    }

    async fn set_up(&mut self, link: &Link, up: bool) -> io::Result<()> {
        let direction = if up { "up" } else { "down" };
        self.with(|state| state.act(format!("{direction} {}", link.name)))
    }

    async fn delete(&mut self, links: &[Link]) -> io::Result<()> {
        self.with(|state| {
            let names: Vec<&str> = links.iter().map(|link| link.name.as_str()).collect();
            state.act(format!("delete {}", names.join(" ")))?;
            state.links.retain(|of| !links.contains(&of.link));
            Ok(())
        })
    }

    fn setting(&mut self, interface: &str, setting: Setting) -> io::Result<u32> {
        let key = (interface.to_owned(), setting);
        Ok(self.with(|state| state.settings.get(&key).copied().unwrap_or_default()))
    }

    fn set(&mut self, interface: &str, setting: Setting, value: u32) -> io::Result<()> {
        self.with(|state| {
            state.act(format!("{interface} {}={value}", setting.name()))?;
            state
                .settings
                .insert((interface.to_owned(), setting), value);
            Ok(())
        })
    }
}

pub(in super::super) fn spec(vrid: u8) -> RouterSpec {
    let config = RouterConfig::builder(Vrid::new(vrid).unwrap())
        .address("192.0.2.100".parse().unwrap())
        .build()
        .unwrap();
    let vmac = Vmac::new().with_name(format!("vrrp.{vrid}"));
    RouterSpec::new(format!("VI_{vrid}"), "eth0", config).with_vmac(vmac)
}

fn wanted<const N: usize>(vrids: [u8; N]) -> Arc<[VirtualLink]> {
    wanted_above(2, vrids)
}

/// With this index of `eth0`.
fn wanted_above<const N: usize>(index: u32, vrids: [u8; N]) -> Arc<[VirtualLink]> {
    let there = table([eth(index, "eth0")]);
    let links = vrids.map(|vrid| VirtualLink::of(&spec(vrid), &there).remove(0));
    links.into()
}

fn bench() -> (Fake, Keeper) {
    let fake = Fake::default();
    let mut keeper = Keeper::default();
    keeper.set_manager(Box::new(fake.clone()));
    (fake, keeper)
}

const fn held_by_none(_: &RouterKey) -> bool {
    false
}

const fn always() -> bool {
    true
}

const fn everybody(_: &RouterKey) -> bool {
    true
}

#[tokio::test]
async fn one_is_made_up_while_held_and_gone_at_the_end() {
    let (fake, mut keeper) = bench();
    let one = wanted([51]);
    assert!(keeper.settle(&one, held_by_none, always).await.is_empty());
    assert_eq!(
        fake.log(),
        [
            "create vrrp.51",
            "mark vrrp.51",
            "vrrp.51 arp_ignore=1",
            "vrrp.51 arp_announce=2",
            "vrrp.51 rp_filter=0",
            "vrrp.51 promote_secondaries=1",
            "vrrp.51 disable_ipv6=1",
            "eth0 arp_ignore=1",
            "eth0 arp_announce=2"
        ]
    );
    assert!(keeper.settle(&one, held_by_none, always).await.is_empty());
    assert_eq!(fake.log(), [""; 0], "nothing is done twice");

    keeper.raise(10).await.unwrap();
    keeper.raise(10).await.unwrap();
    keeper.raise(2).await.unwrap();
    assert!(keeper.lower(everybody, always).await.is_empty());
    assert_eq!(fake.log(), ["up vrrp.51"]);
    assert!(keeper.lower(held_by_none, always).await.is_empty());
    assert!(keeper.lower(held_by_none, always).await.is_empty());
    assert_eq!(fake.log(), ["down vrrp.51"]);

    assert!(
        keeper
            .settle(&wanted([]), held_by_none, always)
            .await
            .is_empty()
    );
    assert!(keeper.is_empty());
    assert_eq!(
        fake.log(),
        ["delete vrrp.51", "eth0 arp_ignore=0", "eth0 arp_announce=0"]
    );
}

#[tokio::test]
async fn the_interface_beneath_is_set_back_with_the_last_one() {
    let (fake, mut keeper) = bench();
    fake.with(|state| {
        state
            .settings
            .insert(("eth0".into(), Setting::ArpIgnore), 2);
        state
            .settings
            .insert(("all".into(), Setting::ReversePath), 1);
    });
    keeper.settle(&wanted([51, 52]), held_by_none, always).await;
    let log = fake.log();
    assert!(log.contains(&"vrrp.52 rp_filter=2".to_owned()), "{log:?}");
    let beneath: Vec<_> = log.iter().filter(|line| line.starts_with("eth0")).collect();
    assert_eq!(beneath, ["eth0 arp_announce=2"], "what is stricter stays");
    keeper.settle(&wanted([52]), held_by_none, always).await;
    assert_eq!(fake.log(), ["delete vrrp.51"]);
    keeper.settle(&wanted([]), held_by_none, always).await;
    assert_eq!(fake.log(), ["delete vrrp.52", "eth0 arp_announce=0"]);
}

/// The actuator may know of the new interface before it knows that the old one is gone.
#[tokio::test]
async fn an_interface_beneath_that_is_replaced_keeps_its_settings() {
    let (fake, mut keeper) = bench();
    keeper.settle(&wanted([51]), held_by_none, always).await;
    fake.with(|state| {
        state.links.clear();
        state.bases = vec![Link::new(3, "eth0")];
        for setting in [Setting::ArpIgnore, Setting::ArpAnnounce] {
            state.settings.insert(("eth0".into(), setting), 0);
        }
    });
    keeper
        .settle(&wanted_above(3, [51]), held_by_none, always)
        .await;
    keeper.forget(&Link::new(2, "eth0"));
    let now = |setting| fake.with(|state| state.settings[&("eth0".to_owned(), setting)]);
    assert_eq!((now(Setting::ArpIgnore), now(Setting::ArpAnnounce)), (1, 2));
    keeper.settle(&wanted([]), held_by_none, always).await;
    assert_eq!((now(Setting::ArpIgnore), now(Setting::ArpAnnounce)), (0, 0));
}

#[tokio::test]
async fn base_whose_name_another_interface_has_taken_is_restored_by_its_index() {
    let settings = |fake: &Fake, name: &str| {
        let value = |setting| {
            let key = (name.to_owned(), setting);
            fake.with(|state| state.settings.get(&key).copied())
        };
        (value(Setting::ArpIgnore), value(Setting::ArpAnnounce))
    };
    for is_renamed in [true, false] {
        let (fake, mut keeper) = bench();
        keeper.settle(&wanted([51]), held_by_none, always).await;
        assert_eq!(settings(&fake, "eth0"), (Some(1), Some(2)));
        fake.with(|state| {
            // The interface was renamed with its settings, or is gone, and no macvlan is above the one
            // that has the name now.
            state.bases = vec![Link::new(7, "eth0")];
            if is_renamed {
                state.bases.push(Link::new(2, "lan0"));
                for (setting, value) in BASE {
                    state.settings.insert(("lan0".into(), setting), value);
                }
            }
        });
        assert!(
            keeper
                .settle(&wanted([]), held_by_none, always)
                .await
                .is_empty()
        );
        assert!(keeper.is_empty());
        assert_eq!(settings(&fake, "eth0"), (Some(1), Some(2)), "external");
        let expected = is_renamed.then_some(0);
        assert_eq!(settings(&fake, "lan0"), (expected, expected));
    }
}

#[tokio::test]
async fn many_go_at_once_and_what_takes_time_gives_way() {
    let (fake, mut keeper) = bench();
    let two = wanted([51, 52]);
    assert!(keeper.settle(&two, held_by_none, || false).await.is_empty());
    assert!(keeper.is_empty(), "something else is wanted already");
    keeper.settle(&two, held_by_none, always).await;
    keeper.raise(10).await.unwrap();
    fake.log();
    assert!(keeper.lower(held_by_none, || false).await.is_empty());
    assert_eq!(fake.log(), [""; 0]);
    keeper.settle(&wanted([]), held_by_none, always).await;
    assert_eq!(fake.steps()[0], "delete vrrp.51 vrrp.52");
}

#[tokio::test]
async fn a_predecessors_is_taken_over_with_what_it_knew() {
    let (fake, mut keeper) = bench();
    let before = "lb-vrrp pid=0 started=1 arp_ignore=0 arp_announce=1";
    fake.with(|state| {
        state.add("vrrp.51", 2, [0, 0, 0x5e, 0, 1, 51], Some(before));
        state
            .settings
            .insert(("eth0".into(), Setting::ArpIgnore), 1);
        state
            .settings
            .insert(("eth0".into(), Setting::ArpAnnounce), 2);
    });
    keeper.settle(&wanted([51]), held_by_none, always).await;
    assert_eq!(fake.steps(), ["down vrrp.51", "mark vrrp.51"]);
    let alias = fake.with(|state| state.links[0].alias.clone()).unwrap();
    assert!(alias.ends_with("arp_ignore=0 arp_announce=1"), "{alias}");
    keeper.settle(&wanted([]), held_by_none, always).await;
    assert_eq!(
        fake.steps(),
        ["delete vrrp.51", "eth0 arp_ignore=0", "eth0 arp_announce=1"]
    );
}

#[tokio::test]
async fn one_that_is_held_is_taken_over_as_it_is() {
    let (fake, mut keeper) = bench();
    fake.with(|state| state.add("vrrp.51", 2, [0, 0, 0x5e, 0, 1, 51], None));
    keeper.settle(&wanted([51]), everybody, always).await;
    assert_eq!(fake.steps()[0], "mark vrrp.51");
}

#[tokio::test]
async fn a_strangers_interface_is_left_alone_and_told_of_once() {
    let (fake, mut keeper) = bench();
    fake.with(|state| state.add("vrrp.51", 2, [2; 6], None));
    let one = wanted([51]);
    for first in [true, false] {
        let troubles = keeper.settle(&one, held_by_none, always).await;
        let [trouble] = &troubles[..] else {
            panic!("{troubles:?}");
        };
        assert_eq!(trouble.first, first);
        assert_eq!(trouble.error.to_string(), "cannot make vrrp.51");
    }
    assert_eq!(fake.log(), [""; 0]);
    assert!(keeper.is_empty());
    fake.with(|state| state.links.clear());
    assert!(keeper.settle(&one, held_by_none, always).await.is_empty());
    assert!(!keeper.is_empty());
}

#[tokio::test]
async fn one_that_somebody_deletes_or_sets_down_is_made_or_set_up_again() {
    let (fake, mut keeper) = bench();
    let one = wanted([51]);
    keeper.settle(&one, held_by_none, always).await;
    keeper.raise(10).await.unwrap();
    fake.log();
    keeper.lowered(&Link::new(10, "vrrp.51"));
    keeper.raise(10).await.unwrap();
    assert_eq!(fake.log(), ["up vrrp.51"]);
    // Without a new address, too.
    assert!(keeper.raise_lowered(everybody).await.is_empty());
    keeper.lowered(&Link::new(10, "vrrp.51"));
    assert!(keeper.raise_lowered(held_by_none).await.is_empty());
    assert_eq!(fake.log(), [""; 0]);
    assert!(keeper.raise_lowered(everybody).await.is_empty());
    assert_eq!(fake.log(), ["up vrrp.51"]);
    fake.with(|state| state.links.clear());
    keeper.forget(&Link::new(10, "vrrp.51"));
    keeper.settle(&one, held_by_none, always).await;
    assert_eq!(fake.steps()[0], "create vrrp.51");
    // Notifications were lost.
    fake.with(|state| state.links.clear());
    keeper.doubt();
    keeper.settle(&one, held_by_none, always).await;
    assert_eq!(fake.steps()[0], "create vrrp.51");
    keeper.doubt();
    keeper.settle(&one, held_by_none, always).await;
    assert_eq!(fake.steps(), [""; 0]);
}

#[tokio::test]
async fn what_fails_is_tried_again() {
    let (fake, mut keeper) = bench();
    let one = wanted([51]);
    let fail = || fake.fail();
    fail();
    assert!(keeper.settle(&one, held_by_none, always).await[0].first);
    assert!(keeper.settle(&one, held_by_none, always).await.is_empty());
    fail();
    let trouble = keeper.raise(10).await.unwrap_err();
    assert_eq!(trouble.error.to_string(), "cannot set up vrrp.51");
    keeper.raise(10).await.unwrap();
    fail();
    assert_eq!(keeper.lower(held_by_none, always).await.len(), 1);
    assert!(keeper.lower(held_by_none, always).await.is_empty());
    fail();
    assert_eq!(
        keeper.settle(&wanted([]), held_by_none, always).await.len(),
        1
    );
    assert!(!keeper.is_empty());
    assert!(
        keeper
            .settle(&wanted([]), held_by_none, always)
            .await
            .is_empty()
    );
    assert!(keeper.is_empty());
}

#[tokio::test]
async fn what_a_predecessor_made_and_held_by_none_wants_is_deleted_and_the_base_put_back() {
    let (fake, mut keeper) = bench();
    let mac = [0, 0, 0x5e, 0, 1, 51];
    let alias = "lb-vrrp pid=1 started=1 arp_ignore=0 arp_announce=1";
    fake.with(|state| {
        state.add("eth1", 0, [2, 0, 0, 0, 0, 1], None);
        let base = state.links[0].link.index;
        state.links[0].macvlan_of = None;
        state.add("va.51", base, mac, Some(alias));
        state.add("va1.51", base, mac, None);
        let settings = [(Setting::ArpIgnore, 1), (Setting::ArpAnnounce, 2)];
        for (setting, value) in settings {
            state.settings.insert(("eth1".into(), setting), value);
        }
    });
    let router = RouterKey::of(&spec(51));
    // The second is somebody else's by now, the third has gone.
    let names = ["va.51", "va1.51", "va2.51"];
    let surplus = names.map(|name| (name.to_owned(), mac));
    let none = wanted([]);
    assert!(keeper.settle(&none, everybody, always).await.is_empty());
    keeper.inherit(&router, &Arc::from("VI_51"), surplus.into());
    assert!(!keeper.is_empty());
    // The same as before is wanted.
    assert!(keeper.settle(&none, everybody, always).await.is_empty());
    assert!(keeper.is_empty());
    assert_eq!(
        fake.log(),
        ["delete va.51", "eth1 arp_ignore=0", "eth1 arp_announce=1"]
    );
}

#[tokio::test]
async fn what_another_process_has_deleted_is_not_made_again_by_the_one_that_leaves() {
    let (fake, mut keeper) = bench();
    let both = wanted([51, 52]);
    assert!(keeper.settle(&both, everybody, always).await.is_empty());
    fake.log();
    let gone = fake.with(|state| state.links.remove(0).link);
    keeper.forget(&gone);
    assert!(keeper.settle(&both, everybody, || false).await.is_empty());
    assert_eq!(fake.log(), [""; 0]);
}
