// SPDX-License-Identifier: MIT OR Apache-2.0
//! The steps of changes of links, in an order in which a kill between any two of them leaves enough
//! records to undo what was done.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::note::{Mark, Note, Process};
use crate::interface::Link;
use crate::link::{IpvlanMode, SettingName, VirtualLink, VirtualLinkKind};

/// The group of macvlans that have no alias yet ("lbnw"). The number is that of no other program.
pub(super) const NEW_GROUP: u32 = 0x6c62_6e77;
/// The group of links that are to be deleted together ("lbvr"): the kernel then waits once for all of
/// them, tens of milliseconds, and not once for each.
pub(super) const DELETE_GROUP: u32 = 0x6c62_7672;

/// A link as the kernel describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoundLink {
    /// Index and name.
    pub link: Link,
    /// The index of the interface below, if the link is a macvlan or an ipvlan.
    pub base: Option<u32>,
    /// The mode, if the link is an ipvlan.
    pub ipvlan: Option<IpvlanMode>,
    /// MAC address.
    pub mac: Option<[u8; 6]>,
    pub(super) alias: Option<String>,
    pub(super) other_names: Vec<String>,
    pub(super) group: u32,
}

impl FoundLink {
    /// A link without records, no ipvlan; `base` is the index of the interface below a macvlan.
    #[must_use]
    pub const fn new(link: Link, base: Option<u32>, mac: Option<[u8; 6]>) -> Self {
        Self {
            link,
            base,
            ipvlan: None,
            mac,
            alias: None,
            other_names: Vec::new(),
            group: 0,
        }
    }

    /// Whether this is the virtual link.
    pub(super) fn is(&self, link: &VirtualLink) -> bool {
        let is_kind = match link.kind {
            VirtualLinkKind::Macvlan(mac) => self.ipvlan.is_none() && self.mac == Some(mac),
            VirtualLinkKind::Ipvlan(mode) => self.ipvlan == Some(mode),
        };
        is_kind && self.base == Some(link.lower()) && self.link.name == link.name
    }

    /// The records of a setting, and their names.
    fn notes(&self, owner: &str, setting: SettingName) -> Vec<(Note, &str)> {
        let names = self.other_names.iter();
        let notes = names.filter_map(|name| Some((Note::parse(owner, name)?, name.as_str())));
        notes.filter(|(note, _)| note.setting == setting).collect()
    }

    pub(super) fn mark(&self, owner: &str) -> Option<Mark> {
        self.alias
            .as_deref()
            .and_then(|alias| Mark::parse(owner, alias))
    }
}

/// One request to the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Writes the alias of a link, and has the link leave a group of this program.
    SetAlias {
        link: u32,
        alias: String,
        leaves_group: bool,
    },
    /// Adds an alternative name.
    AddName { link: u32, name: String },
    /// Removes an alternative name.
    RemoveName { link: u32, name: String },
    /// Writes a setting.
    Write {
        link: u32,
        setting: SettingName,
        value: u32,
    },
    /// Sets a link down.
    SetDown { link: Link },
    /// Deletes a link.
    Delete { link: Link },
}

/// Writes and reads the records of one process.
#[derive(Debug)]
pub(super) struct Recorder {
    owner: &'static str,
    process: Process,
    /// What raised settings were, by index of the interface.
    originals: BTreeMap<(u32, SettingName), u32>,
    /// Settings that this process has raised, or found raised.
    raised: BTreeSet<(u32, SettingName)>,
}

impl Recorder {
    pub(super) const fn new(owner: &'static str, process: Process) -> Self {
        Self {
            owner,
            process,
            originals: BTreeMap::new(),
            raised: BTreeSet::new(),
        }
    }

    fn note(&self, setting: SettingName, original: u32) -> Note {
        Note {
            setting,
            original,
            process: self.process,
        }
    }

    /// The steps that raise a setting: the original value is recorded before. The record of another
    /// process is replaced.
    pub(super) fn raise(
        &mut self,
        found: &FoundLink,
        setting: SettingName,
        current: u32,
    ) -> Vec<Step> {
        let link = found.link.index;
        self.raised.insert((link, setting));
        let notes = found.notes(self.owner, setting);
        let known = self.originals.get(&(link, setting)).copied();
        let recorded = notes.first().map(|(note, _)| note.original);
        let is_low = !setting.is_met(current);
        let Some(original) = known.or(recorded).or_else(|| is_low.then_some(current)) else {
            return Vec::new();
        };
        self.originals.insert((link, setting), original);
        let own = self.note(setting, original);
        let mut steps = Vec::new();
        if !notes.iter().any(|(note, _)| *note == own) {
            let name = own.to_name(self.owner, link);
            steps.push(Step::AddName { link, name });
        }
        let others = notes.into_iter().filter(|(note, _)| *note != own);
        steps.extend(others.map(|(_, name)| remove_name(link, name)));
        if is_low {
            let value = setting.value();
            steps.push(Step::Write {
                link,
                setting,
                value,
            });
        }
        steps
    }

    /// Takes note of what a setting was, from a record that is on no link of its own.
    pub(super) fn learn(&mut self, link: u32, setting: SettingName, original: u32) {
        self.originals.insert((link, setting), original);
    }

    /// Whether a record of a setting is on the interface, or this process has raised the setting.
    pub(super) fn has_record(&self, found: &FoundLink, setting: SettingName) -> bool {
        self.originals.contains_key(&(found.link.index, setting))
            || !found.notes(self.owner, setting).is_empty()
    }

    /// The steps that restore a setting: the record is deleted after that. A value that another program
    /// has written stays. If this process has raised the setting, the records of other processes stay,
    /// and so does a value that they need; otherwise this process has taken the setting over from them. To
    /// be followed by [`forget`](Self::forget).
    pub(super) fn restore(
        &self,
        found: &FoundLink,
        setting: SettingName,
        current: u32,
    ) -> Vec<Step> {
        let link = found.link.index;
        let known = self.originals.get(&(link, setting)).copied();
        let is_own = |note: &Note| known.is_none() || note.process == self.process;
        let (own, others): (Vec<_>, Vec<_>) = found
            .notes(self.owner, setting)
            .into_iter()
            .partition(|(note, _)| is_own(note));
        let original = known.or_else(|| own.first().map(|(note, _)| note.original));
        // Another process that needs the setting restores it.
        let original = original.filter(|_| others.is_empty());
        let mut steps = Vec::new();
        steps.extend(original.and_then(|original| write_back(link, setting, original, current)));
        steps.extend(own.into_iter().map(|(_, name)| remove_name(link, name)));
        steps
    }

    /// Deletes what is known about a setting that was restored, or could not be raised.
    pub(super) fn forget(&mut self, link: u32, setting: SettingName) {
        self.originals.remove(&(link, setting));
        self.raised.remove(&(link, setting));
    }

    /// The steps that mark a macvlan. If another process recorded an original value only on the macvlan,
    /// and this process has raised that setting too, the value is also recorded on the interface below.
    pub(super) fn mark(&mut self, found: &FoundLink, base: u32) -> Vec<Step> {
        let mut steps = Vec::new();
        let recorded = found.mark(self.owner).map(|mark| mark.originals);
        for (setting, original) in recorded.unwrap_or_default() {
            let is_unknown = !self.originals.contains_key(&(base, setting));
            let is_raised = self.raised.contains(&(base, setting));
            if !setting.is_met(original) && is_unknown && is_raised {
                self.originals.insert((base, setting), original);
                let name = self.note(setting, original).to_name(self.owner, base);
                steps.push(Step::AddName { link: base, name });
            }
        }
        let originals = SettingName::ALL.into_iter().filter_map(|setting| {
            let original = self.originals.get(&(base, setting))?;
            Some((setting, *original))
        });
        let mark = Mark {
            process: self.process,
            originals: originals.collect(),
        };
        let alias = mark.to_alias(self.owner);
        let leaves_group = matches!(found.group, NEW_GROUP | DELETE_GROUP);
        if leaves_group || found.alias.as_ref() != Some(&alias) {
            steps.push(Step::SetAlias {
                link: found.link.index,
                alias,
                leaves_group,
            });
        }
        steps
    }
}

/// What stays although a killed process made it.
pub(super) struct Kept<'a> {
    /// Settings that are desired, by index of the interface.
    pub(super) settings: &'a HashSet<(u32, SettingName)>,
    /// Whether a macvlan or ipvlan is desired: it is set down, and stays.
    pub(super) is_virtual_link: &'a (dyn Fn(&FoundLink) -> bool + Sync),
}

/// The steps that undo the changes of processes that have ended. Settings are restored first, because macvlans
/// may have the only records of what they were.
pub(super) fn recover(
    owner: &str,
    links: &[FoundLink],
    kept: &Kept<'_>,
    current: impl Fn(&Link, SettingName) -> Option<u32>,
    is_gone: impl Fn(Process) -> bool,
) -> Vec<Step> {
    let mut steps = Vec::new();
    for found in links {
        for setting in SettingName::ALL {
            if !kept.settings.contains(&(found.link.index, setting)) {
                let current = current(&found.link, setting);
                restore_stale(&mut steps, owner, found, setting, current, &is_gone);
            }
        }
    }
    let mut ends = Vec::new();
    for found in links {
        let Some(base) = found.base else { continue };
        let link = found.link.clone();
        if (kept.is_virtual_link)(found) {
            ends.push(Step::SetDown { link });
            continue;
        }
        let mark = found.mark(owner);
        match &mark {
            Some(mark) if !is_gone(mark.process) => continue,
            None if found.group != NEW_GROUP => continue,
            _ => {}
        }
        let is_needed = |other: &FoundLink| {
            let process = other.mark(owner).map(|mark| mark.process);
            other.base == Some(base) && process.is_some_and(|process| !is_gone(process))
        };
        let below = links.iter().find(|other| other.link.index == base);
        if let Some(below) = below
            && !links.iter().any(is_needed)
        {
            for (setting, original) in mark.map(|mark| mark.originals).unwrap_or_default() {
                let is_kept = kept.settings.contains(&(base, setting));
                let current = current(&below.link, setting).filter(|_| !is_kept);
                let step = current.and_then(|now| write_back(base, setting, original, now));
                steps.extend(step.filter(|step| !steps.contains(step)));
            }
        }
        ends.push(Step::Delete { link });
    }
    steps.append(&mut ends);
    steps
}

/// The steps that restore a setting whose records are all of processes that are gone, and delete the
/// records.
fn restore_stale(
    steps: &mut Vec<Step>,
    owner: &str,
    found: &FoundLink,
    setting: SettingName,
    current: Option<u32>,
    is_gone: &impl Fn(Process) -> bool,
) {
    let link = found.link.index;
    let (gone, others): (Vec<_>, Vec<_>) = found
        .notes(owner, setting)
        .into_iter()
        .partition(|(note, _)| is_gone(note.process));
    if let (Some((note, _)), true, Some(current)) = (gone.first(), others.is_empty(), current) {
        steps.extend(write_back(link, setting, note.original, current));
    }
    steps.extend(gone.into_iter().map(|(_, name)| remove_name(link, name)));
}

/// Restores a setting that is as this program sets it.
fn write_back(link: u32, setting: SettingName, original: u32, current: u32) -> Option<Step> {
    let is_own = current == setting.value() && !setting.is_met(original);
    is_own.then_some(Step::Write {
        link,
        setting,
        value: original,
    })
}

fn remove_name(link: u32, name: &str) -> Step {
    Step::RemoveName {
        link,
        name: name.to_owned(),
    }
}

#[cfg(test)]
mod tests;
