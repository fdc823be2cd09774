// SPDX-License-Identifier: MIT OR Apache-2.0
//! The steps against a kernel of a few lines, killed between any two of them.

use std::sync::Arc;

use super::*;
use crate::family::AddressFamily;
use crate::link::SettingName::{ArpAnnounce, ArpIgnore, IgmpReports, PromoteSecondaries};

const OWNER: &str = "lb-vrrp";
const THIS: Process = Process::new(100, 1);
const OTHER: Process = Process::new(200, 1);
const ETH0: u32 = 2;
const MACVLAN: u32 = 10;

/// Links and settings of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kernel {
    links: Vec<FoundLink>,
    settings: BTreeMap<(u32, SettingName), u32>,
    log: Vec<String>,
    has_alternative_names: bool,
}

fn link(index: u32, name: &str) -> FoundLink {
    FoundLink {
        link: Link::new(index, name),
        base: None,
        ipvlan: None,
        mac: Some([2, 0, 0, 0, 0, 1]),
        alias: None,
        other_names: vec!["enp0s3".to_owned()],
        group: 0,
    }
}

fn macvlan(index: u32, base: u32, vrid: u8, alias: Option<&str>) -> FoundLink {
    FoundLink {
        base: Some(base),
        mac: Some([0, 0, 0x5e, 0, 1, vrid]),
        alias: alias.map(str::to_owned),
        other_names: Vec::new(),
        ..link(index, &format!("vrrp.{vrid}"))
    }
}

impl Kernel {
    /// A kernel with these values of the settings that are raised, and reports of groups.
    fn new(values: [u32; 3]) -> Self {
        let names = [ArpIgnore, ArpAnnounce, PromoteSecondaries, IgmpReports];
        let settings = names.into_iter().zip(values.into_iter().chain([1]));
        Self {
            links: vec![link(ETH0, "eth0")],
            settings: settings
                .map(|(name, value)| ((ETH0, name), value))
                .collect(),
            log: Vec::new(),
            has_alternative_names: true,
        }
    }

    fn find(&self, index: u32) -> Option<&FoundLink> {
        self.links.iter().find(|found| found.link.index == index)
    }

    fn link_mut(&mut self, index: u32) -> &mut FoundLink {
        let mut links = self.links.iter_mut();
        let found = links.find(|found| found.link.index == index);
        found.expect("a link")
    }

    fn get(&self, setting: SettingName) -> u32 {
        self.settings[&(ETH0, setting)]
    }

    fn values(&self) -> [u32; 3] {
        [ArpIgnore, ArpAnnounce, PromoteSecondaries].map(|setting| self.get(setting))
    }

    fn name_of(&self, index: u32) -> &str {
        self.find(index).map_or("gone", |found| &found.link.name)
    }

    fn take(&mut self, step: &Step) {
        let line = match step {
            Step::SetAlias { link, .. } => format!("mark {}", self.name_of(*link)),
            Step::AddName { link, name } => format!("add {} {name}", self.name_of(*link)),
            Step::RemoveName { link, name } => format!("remove {} {name}", self.name_of(*link)),
            Step::Write {
                link,
                setting,
                value,
            } => format!("{} {setting}={value}", self.name_of(*link)),
            Step::SetDown { link } => format!("down {}", link.name),
            Step::Delete { link } => format!("delete {}", link.name),
        };
        self.log.push(line);
        match step {
            Step::SetAlias {
                link,
                alias,
                leaves_group,
            } => {
                let found = self.link_mut(*link);
                found.alias = Some(alias.clone());
                if *leaves_group {
                    found.group = 0;
                }
            }
            Step::AddName { link, name } => {
                if self.has_alternative_names {
                    self.link_mut(*link).other_names.push(name.clone());
                }
            }
            Step::RemoveName { link, name } => {
                let names = &mut self.link_mut(*link).other_names;
                names.retain(|other| other != name);
            }
            Step::Write {
                link,
                setting,
                value,
            } => {
                self.settings.insert((*link, *setting), *value);
            }
            Step::SetDown { .. } => {}
            Step::Delete { link } => self.links.retain(|found| found.link != *link),
        }
    }

    fn log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    fn recovery(
        &self,
        kept: impl IntoIterator<Item = SettingName>,
        is_kept: &(dyn Fn(&FoundLink) -> bool + Sync),
        is_gone: impl Fn(Process) -> bool,
    ) -> Vec<Step> {
        let settings = kept.into_iter().map(|setting| (ETH0, setting)).collect();
        let kept = Kept {
            settings: &settings,
            is_virtual_link: is_kept,
        };
        let current = |link: &Link, setting| self.settings.get(&(link.index, setting)).copied();
        recover(OWNER, &self.links, &kept, current, is_gone)
    }

    /// Recovers with nothing to keep from processes that are all gone.
    fn recover(&mut self) {
        for step in self.recovery([], &|_| false, |_| true) {
            self.take(&step);
        }
    }
}

/// A process that changes the kernel until it is killed.
struct Program<'a> {
    kernel: &'a mut Kernel,
    recorder: Recorder,
    /// Steps until it is killed.
    left: usize,
}

impl<'a> Program<'a> {
    fn new(kernel: &'a mut Kernel, process: Process, left: usize) -> Self {
        let recorder = Recorder::new(OWNER, process);
        Self {
            kernel,
            recorder,
            left,
        }
    }

    fn take(&mut self, steps: &[Step]) {
        let steps = steps.get(..self.left.min(steps.len())).expect("a range");
        self.left -= steps.len();
        for step in steps {
            self.kernel.take(step);
        }
    }

    fn raise(&mut self, setting: SettingName) {
        let found = self.kernel.find(ETH0).expect("eth0");
        let current = self.kernel.get(setting);
        let steps = self.recorder.raise(found, setting, current);
        self.take(&steps);
    }

    fn restore(&mut self, setting: SettingName) {
        let found = self.kernel.find(ETH0).expect("eth0");
        let current = self.kernel.get(setting);
        let steps = self.recorder.restore(found, setting, current);
        self.take(&steps);
        if self.left > 0 {
            self.recorder.forget(ETH0, setting);
        }
    }

    /// Reads a record that is on a macvlan only.
    fn find_original(&mut self, setting: SettingName) {
        let found = self.kernel.find(ETH0).expect("eth0");
        let marks = self.kernel.links.iter().filter_map(|link| link.mark(OWNER));
        let mut originals = marks.flat_map(|mark| mark.originals);
        if !self.recorder.has_record(found, setting)
            && let Some((_, original)) = originals.find(|(name, _)| *name == setting)
        {
            self.recorder.learn(ETH0, setting, original);
        }
    }

    fn create(&mut self, index: u32, vrid: u8) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        let mut created = macvlan(index, ETH0, vrid, None);
        created.group = NEW_GROUP;
        self.kernel.links.push(created);
        self.mark(index);
    }

    fn mark(&mut self, index: u32) {
        let found = self.kernel.find(index).expect("a macvlan");
        let steps = self.recorder.mark(found, ETH0);
        self.take(&steps);
    }

    fn delete(&mut self, index: u32) {
        let Some(found) = self.kernel.find(index) else {
            return;
        };
        let link = found.link.clone();
        self.take(&[Step::Delete { link }]);
    }

    /// Starts and stops in the order of the ranks of changes.
    fn run(&mut self) {
        for setting in SettingName::ALL {
            self.raise(setting);
        }
        self.create(MACVLAN, 51);
        self.create(MACVLAN + 1, 52);
        // One of them is removed by a reload, then all is.
        self.delete(MACVLAN);
        for setting in SettingName::ALL.into_iter().rev() {
            self.restore(setting);
        }
        self.delete(MACVLAN + 1);
    }
}

/// Upper bound on the steps of a run.
const STEPS: usize = 50;

#[test]
fn original_settings_outlive_a_kill_at_each_step() {
    for values in [[0, 0, 0], [0, 1, 0], [1, 2, 1], [2, 0, 0]] {
        for has_alternative_names in [true, false] {
            let mut before = Kernel::new(values);
            before.has_alternative_names = has_alternative_names;
            let mut steps = 0;
            for kill in 0..STEPS {
                let mut kernel = before.clone();
                let mut program = Program::new(&mut kernel, THIS, kill);
                program.run();
                steps = steps.max(kill - program.left);
                // Between the first setting and the alias of a macvlan there is no other record on an
                // old kernel.
                let is_recorded = kernel.links.iter().any(|found| found.alias.is_some());
                let is_changed = kernel.values() != values || kernel.get(IgmpReports) != 1;
                if !has_alternative_names && !is_recorded && is_changed {
                    assert!(
                        // Two for each of four settings, and two for the macvlan.
                        kill <= 10,
                        "{values:?} killed after {kill} steps: {:?}",
                        kernel.log
                    );
                    continue;
                }
                let killed = kernel.clone();
                kernel.recover();
                assert_eq!(
                    kernel.values(),
                    values,
                    "killed after {kill} steps: {:?}",
                    kernel.log
                );
                assert_eq!(kernel.links, before.links, "killed after {kill} steps");
                // The next process is killed while it recovers.
                for again in 0..STEPS {
                    let mut kernel = killed.clone();
                    for step in kernel.recovery([], &|_| false, |_| true).iter().take(again) {
                        kernel.take(step);
                    }
                    kernel.recover();
                    let killed = format!("killed after {kill} and {again} steps");
                    assert_eq!(kernel.values(), values, "{killed}: {:?}", kernel.log);
                    assert_eq!(kernel.get(IgmpReports), 1, "{killed}: {:?}", kernel.log);
                    assert_eq!(kernel.links, before.links, "{killed}");
                }
            }
            assert!(steps < STEPS, "{STEPS} are not all");
        }
    }
}

#[test]
fn original_settings_outlive_two_kills() {
    let before = Kernel::new([0, 1, 0]);
    for first in 0..STEPS {
        for second in 0..STEPS {
            let mut kernel = before.clone();
            Program::new(&mut kernel, THIS, first).run();
            // The next process needs the same, so it takes over what is there.
            let macvlans: Vec<u32> = kernel
                .links
                .iter()
                .skip(1)
                .map(|found| found.link.index)
                .collect();
            for step in kernel.recovery(SettingName::ALL, &|_| true, |_| true) {
                kernel.take(&step);
            }
            let mut program = Program::new(&mut kernel, OTHER, second);
            for setting in SettingName::ALL {
                program.raise(setting);
            }
            for index in &macvlans {
                program.mark(*index);
            }
            for setting in SettingName::ALL.into_iter().rev() {
                program.restore(setting);
            }
            for index in &macvlans {
                program.delete(*index);
            }
            kernel.recover();
            let killed = format!("killed after {first} and {second} steps");
            assert_eq!(kernel.values(), [0, 1, 0], "{killed}: {:?}", kernel.log);
            assert_eq!(kernel.get(IgmpReports), 1, "{killed}: {:?}", kernel.log);
            assert_eq!(kernel.links, before.links, "{killed}");
        }
    }
}

/// The new process needs all, only `arp_ignore`, or nothing. The old process has ended when it is killed.
#[test]
fn original_settings_outlive_a_handover_and_a_kill() {
    let needs: [&[SettingName]; 3] = [&SettingName::ALL, &[ArpIgnore], &[]];
    for needed in needs {
        for has_alternative_names in [true, false] {
            let mut before = Kernel::new([0, 1, 0]);
            before.has_alternative_names = has_alternative_names;
            let mut running = before.clone();
            let mut old = Program::new(&mut running, THIS, STEPS);
            for setting in SettingName::ALL {
                old.raise(setting);
            }
            old.create(MACVLAN, 51);
            for kill in 0..STEPS {
                let mut kernel = running.clone();
                let mut new = Program::new(&mut kernel, OTHER, kill);
                for setting in needed {
                    new.raise(*setting);
                }
                for setting in SettingName::ALL {
                    if !needed.contains(&setting) {
                        new.find_original(setting);
                        new.restore(setting);
                    }
                }
                if needed.is_empty() {
                    new.delete(MACVLAN);
                } else {
                    new.mark(MACVLAN);
                }
                if new.left > 0 {
                    let [arp_ignore, arp_announce, promote_secondaries] = kernel.values();
                    assert_eq!(arp_ignore, u32::from(!needed.is_empty()));
                    assert_eq!(arp_announce, if needed.len() > 1 { 2 } else { 1 });
                    assert_eq!(promote_secondaries, u32::from(needed.len() > 1));
                    let reports = kernel.get(IgmpReports);
                    assert_eq!(reports, u32::from(needed.len() <= 1));
                    let alias = kernel.find(MACVLAN).and_then(|found| found.alias.clone());
                    let alias = alias.unwrap_or_default();
                    assert!(!alias.contains("pid=100 "), "{alias}");
                    for setting in SettingName::ALL {
                        let is_needed = needed.contains(&setting);
                        assert_eq!(alias.contains(setting.name()), is_needed, "{alias}");
                        let is_needed = is_needed && has_alternative_names;
                        let notes = kernel.links[0].notes(OWNER, setting);
                        assert_eq!(notes.len(), usize::from(is_needed));
                        assert!(notes.iter().all(|(note, _)| note.process == OTHER));
                    }
                }
                kernel.recover();
                let killed = format!("{needed:?} killed after {kill} steps: {:?}", kernel.log);
                assert_eq!(kernel.values(), [0, 1, 0], "{killed}");
                assert_eq!(kernel.get(IgmpReports), 1, "{killed}");
                assert_eq!(kernel.links, before.links, "{killed}");
            }
        }
    }
}

#[test]
fn setting_is_recorded_before_it_is_raised_and_until_it_is_restored() {
    let mut kernel = Kernel::new([0, 0, 0]);
    let mut program = Program::new(&mut kernel, THIS, STEPS);
    program.raise(ArpAnnounce);
    let name = "lb-vrrp-2-arp_announce-0-100-1";
    assert_eq!(
        program.kernel.log(),
        [format!("add eth0 {name}"), "eth0 arp_announce=2".to_owned()]
    );
    program.raise(ArpAnnounce);
    assert_eq!(program.kernel.log(), [""; 0], "nothing is done twice");
    program.restore(ArpAnnounce);
    assert_eq!(
        program.kernel.log(),
        [
            "eth0 arp_announce=0".to_owned(),
            format!("remove eth0 {name}")
        ]
    );
    program.restore(ArpAnnounce);
    assert_eq!(program.kernel.log(), [""; 0]);
}

#[test]
fn stricter_setting_stays() {
    let mut kernel = Kernel::new([2, 2, 1]);
    kernel.settings.insert((ETH0, IgmpReports), 0);
    let mut program = Program::new(&mut kernel, THIS, STEPS);
    for setting in SettingName::ALL {
        program.raise(setting);
        program.restore(setting);
    }
    assert_eq!(kernel.log(), [""; 0]);
}

#[test]
fn setting_that_another_program_changed_stays() {
    let mut kernel = Kernel::new([0, 0, 0]);
    let mut program = Program::new(&mut kernel, THIS, STEPS);
    program.raise(ArpAnnounce);
    program.kernel.settings.insert((ETH0, ArpAnnounce), 1);
    program.kernel.log();
    program.restore(ArpAnnounce);
    assert_eq!(kernel.log(), ["remove eth0 lb-vrrp-2-arp_announce-0-100-1"]);
    assert_eq!(kernel.get(ArpAnnounce), 1);
}

#[test]
fn setting_without_a_place_for_its_record_is_restored_at_the_end() {
    let mut kernel = Kernel::new([0, 0, 0]);
    kernel.has_alternative_names = false;
    let mut program = Program::new(&mut kernel, THIS, STEPS);
    program.raise(PromoteSecondaries);
    assert_eq!(program.kernel.get(PromoteSecondaries), 1);
    program.restore(PromoteSecondaries);
    assert_eq!(kernel.get(PromoteSecondaries), 0);
}

#[test]
fn record_of_another_process_is_replaced_and_its_setting_restored() {
    let mut kernel = Kernel::new([0, 0, 1]);
    let other = "lb-vrrp-2-promote_secondaries-0-200-1";
    kernel.links[0].other_names.push(other.to_owned());
    let mut program = Program::new(&mut kernel, THIS, STEPS);
    program.raise(PromoteSecondaries);
    let name = "lb-vrrp-2-promote_secondaries-0-100-1";
    assert_eq!(
        program.kernel.log(),
        [format!("add eth0 {name}"), format!("remove eth0 {other}")]
    );
    program.restore(PromoteSecondaries);
    assert_eq!(
        program.kernel.log(),
        [
            "eth0 promote_secondaries=0".to_owned(),
            format!("remove eth0 {name}")
        ]
    );
    // Of a process that runs: it restores the setting itself.
    let mut kernel = Kernel::new([0, 0, 1]);
    kernel.links[0].other_names.push(other.to_owned());
    assert_eq!(kernel.recovery([], &|_| false, |_| false), []);
    assert_eq!(
        kernel.recovery([PromoteSecondaries], &|_| false, |_| true),
        []
    );
    kernel.recover();
    assert_eq!(
        kernel.log(),
        [
            "eth0 promote_secondaries=0".to_owned(),
            format!("remove eth0 {other}")
        ]
    );
}

#[test]
fn setting_that_was_taken_over_and_is_not_desired_is_restored() {
    let mut kernel = Kernel::new([1, 2, 0]);
    let other = "lb-vrrp-2-arp_ignore-0-200-1";
    kernel.links[0].other_names.push(other.to_owned());
    let mut program = Program::new(&mut kernel, THIS, STEPS);
    program.restore(ArpIgnore);
    assert_eq!(
        program.kernel.log(),
        [
            "eth0 arp_ignore=0".to_owned(),
            format!("remove eth0 {other}")
        ]
    );
    // Of a record that was on a macvlan only.
    assert!(
        !program
            .recorder
            .has_record(&link(ETH0, "eth0"), ArpAnnounce)
    );
    program.recorder.learn(ETH0, ArpAnnounce, 1);
    program.restore(ArpAnnounce);
    assert_eq!(kernel.values(), [0, 1, 0]);
}

#[test]
fn process_leaves_a_setting_that_another_one_has_taken_over() {
    let mut kernel = Kernel::new([0, 0, 0]);
    let mut old = Program::new(&mut kernel, THIS, STEPS);
    old.raise(PromoteSecondaries);
    let recorder = old.recorder;
    let mut new = Program::new(&mut kernel, OTHER, STEPS);
    new.raise(PromoteSecondaries);
    let steps = recorder.restore(&kernel.links[0], PromoteSecondaries, 1);
    assert_eq!(steps, []);
}

#[test]
fn macvlan_of_another_process_is_marked_and_its_records_are_kept() {
    let mut kernel = Kernel::new([1, 2, 0]);
    let alias = "lb-vrrp pid=200 started=1 arp_ignore=0 arp_announce=1";
    kernel.links.push(macvlan(MACVLAN, ETH0, 51, Some(alias)));
    let mut program = Program::new(&mut kernel, THIS, STEPS);
    // Both are raised already, and only the macvlan has the records.
    program.raise(ArpIgnore);
    program.raise(ArpAnnounce);
    assert_eq!(program.kernel.log(), [""; 0]);
    program.mark(MACVLAN);
    assert_eq!(
        program.kernel.log(),
        [
            "add eth0 lb-vrrp-2-arp_ignore-0-100-1",
            "add eth0 lb-vrrp-2-arp_announce-1-100-1",
            "mark vrrp.51"
        ]
    );
    let alias = program.kernel.links[1].alias.clone().expect("an alias");
    assert!(alias.ends_with("arp_ignore=0 arp_announce=1"), "{alias}");
    program.mark(MACVLAN);
    assert_eq!(program.kernel.log(), [""; 0], "nothing is done twice");
    program.restore(ArpAnnounce);
    program.restore(ArpIgnore);
    assert_eq!(kernel.values(), [0, 1, 0]);
}

#[test]
fn macvlan_leaves_the_groups_of_this_program_only() {
    for (group, expected) in [(NEW_GROUP, 0), (DELETE_GROUP, 0), (7, 7)] {
        let mut kernel = Kernel::new([0, 0, 0]);
        let mut present = macvlan(MACVLAN, ETH0, 51, None);
        present.group = group;
        kernel.links.push(present);
        Program::new(&mut kernel, THIS, STEPS).mark(MACVLAN);
        assert_eq!(kernel.links[1].group, expected);
    }
}

#[test]
fn stale_macvlans_are_set_down_or_deleted_and_others_stay() {
    let mut kernel = Kernel::new([1, 1, 0]);
    let gone = "lb-vrrp pid=200 started=1 arp_ignore=0 arp_announce=0";
    let running = "lb-vrrp pid=100 started=1";
    for (index, base, vrid, alias) in [
        (10, ETH0, 51, Some(gone)),
        (11, ETH0, 52, Some(gone)),
        (12, 9, 53, Some(running)),
        (13, ETH0, 54, Some("of the administrator")),
        (14, 9, 51, None),
    ] {
        kernel.links.push(macvlan(index, base, vrid, alias));
    }
    let mut unfinished = macvlan(15, ETH0, 55, None);
    unfinished.group = NEW_GROUP;
    kernel.links.push(unfinished);
    let is_kept = |found: &FoundLink| found.link.index == 10;
    for step in kernel.recovery([], &is_kept, |process| process != THIS) {
        kernel.take(&step);
    }
    assert_eq!(
        kernel.log(),
        [
            // Another program has changed arp_announce since.
            "eth0 arp_ignore=0",
            "down vrrp.51",
            "delete vrrp.52",
            "delete vrrp.55"
        ]
    );
    // A setting that is desired stays raised, and so does one that a running process needs.
    let mut kernel = Kernel::new([1, 2, 0]);
    kernel.links.push(macvlan(10, ETH0, 51, Some(gone)));
    let steps = kernel.recovery([ArpIgnore, ArpAnnounce], &|_| false, |_| true);
    assert_eq!(steps.len(), 1, "{steps:?}");
    kernel.links.push(macvlan(11, ETH0, 52, Some(running)));
    let steps = kernel.recovery([], &|_| false, |process| process != THIS);
    assert_eq!(steps.len(), 1, "{steps:?}");
}

#[test]
fn macvlan_is_known_by_name_base_and_mac_address() {
    let found = macvlan(MACVLAN, ETH0, 51, None);
    let base = Arc::new(Link::new(ETH0, "eth0"));
    let mac = [0, 0, 0x5e, 0, 1, 51];
    let desired = |name: &str, base: &Arc<Link>, mac| {
        VirtualLink::macvlan(name, Arc::clone(base), mac, AddressFamily::Ipv4)
    };
    assert!(found.is(&desired("vrrp.51", &base, mac)));
    assert!(!found.is(&desired("vrrp.52", &base, mac)));
    assert!(!found.is(&desired("vrrp.51", &Arc::new(Link::new(3, "eth1")), mac)));
    assert!(!found.is(&desired("vrrp.51", &base, [2; 6])));
    assert!(!link(ETH0, "vrrp.51").is(&desired("vrrp.51", &base, mac)));
}

#[test]
fn ipvlan_is_known_by_name_base_and_mode() {
    let found = FoundLink {
        base: Some(ETH0),
        ipvlan: Some(IpvlanMode::Private),
        ..link(MACVLAN, "vrrp.51")
    };
    let desired = |name: &str, base, mode| {
        let base = Arc::new(Link::new(base, "eth0"));
        VirtualLink::ipvlan(name, base, mode, AddressFamily::Ipv4)
    };
    assert!(found.is(&desired("vrrp.51", ETH0, IpvlanMode::Private)));
    assert!(!found.is(&desired("vrrp.51", ETH0, IpvlanMode::Bridge)));
    assert!(!found.is(&desired("vrrp.52", ETH0, IpvlanMode::Private)));
    assert!(!found.is(&desired("vrrp.51", 9, IpvlanMode::Private)));
    // A macvlan with the same MAC address is another link.
    let base = Arc::new(Link::new(ETH0, "eth0"));
    let mac = [2, 0, 0, 0, 0, 1];
    let macvlan = VirtualLink::macvlan("vrrp.51", base, mac, AddressFamily::Ipv4);
    assert!(!found.is(&macvlan));
}
