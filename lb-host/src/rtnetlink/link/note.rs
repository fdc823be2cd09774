// SPDX-License-Identifier: MIT OR Apache-2.0
//! Records on links: which process made a macvlan, and what a setting was before.
//!
//! A macvlan has its record as alias, any interface has one alternative name for each setting. `ip link`
//! shows both. They exist as long as the link, so the next process finds what a killed one has to
//! restore. Kernels before 5.5 have no alternative names; there the alias of a macvlan has the original
//! values of the interface below, too.

use std::fs;
use std::process;

use crate::link::SettingName;

/// The identity of a process for all time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    id: u32,
    /// In ticks since the machine started: process numbers are used again.
    started: u64,
}

impl Process {
    /// This process.
    pub(super) fn current() -> Self {
        Self {
            id: process::id(),
            started: started("self").unwrap_or_default(),
        }
    }

    /// Whether the process has ended.
    pub(super) fn is_gone(self) -> bool {
        started(&self.id.to_string()) != Some(self.started)
    }

    #[cfg(test)]
    pub(super) const fn new(id: u32, started: u64) -> Self {
        Self { id, started }
    }
}

/// When a process started, the 22nd field of its stat; `None` if there is no such process.
fn started(process: &str) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is a name in brackets that may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

/// The alias of a macvlan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) process: Process,
    /// Original values of the interface below.
    pub(super) originals: Vec<(SettingName, u32)>,
}

impl Mark {
    /// Reads an alias that a process of this `owner` wrote; `None` for others.
    pub(super) fn parse(owner: &str, alias: &str) -> Option<Self> {
        let mut words = alias.split_whitespace();
        words.next().filter(|word| *word == owner)?;
        let mut mark = Self {
            process: Process { id: 0, started: 0 },
            originals: Vec::new(),
        };
        for (name, value) in words.filter_map(|word| word.split_once('=')) {
            match name {
                "pid" => mark.process.id = value.parse().unwrap_or_default(),
                "started" => mark.process.started = value.parse().unwrap_or_default(),
                _ => {
                    if let (Some(setting), Ok(value)) = (setting(name), value.parse()) {
                        mark.originals.push((setting, value));
                    }
                }
            }
        }
        Some(mark)
    }

    /// The alias, for this `owner`.
    pub(super) fn to_alias(&self, owner: &str) -> String {
        let Process { id, started } = self.process;
        let mut alias = format!("{owner} pid={id} started={started}");
        for (setting, value) in &self.originals {
            alias.push_str(&format!(" {setting}={value}"));
        }
        alias
    }
}

/// An alternative name that records what a setting was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) setting: SettingName,
    pub(super) original: u32,
    pub(super) process: Process,
}

impl Note {
    /// The name, for this `owner`, the only such one in a network namespace.
    pub(super) fn to_name(self, owner: &str, link: u32) -> String {
        let Self {
            setting,
            original,
            process: Process { id, started },
        } = self;
        format!("{owner}-{link}-{setting}-{original}-{id}-{started}")
    }

    /// Reads an alternative name that a process of this `owner` wrote; `None` for others.
    pub(super) fn parse(owner: &str, name: &str) -> Option<Self> {
        let mut words = name.strip_prefix(owner)?.strip_prefix('-')?.split('-');
        words.next()?.parse::<u32>().ok()?;
        let setting = setting(words.next()?)?;
        let mut number = || words.next()?.parse::<u64>().ok();
        let original = u32::try_from(number()?).ok()?;
        let id = u32::try_from(number()?).ok()?;
        let started = number()?;
        Some(Self {
            setting,
            original,
            process: Process { id, started },
        })
    }
}

fn setting(name: &str) -> Option<SettingName> {
    let mut all = SettingName::ALL.into_iter();
    all.find(|setting| setting.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: &str = "lb-vrrp";

    #[test]
    fn mark_is_read_as_it_was_written() {
        let mark = Mark {
            process: Process::current(),
            originals: vec![(SettingName::ArpIgnore, 0), (SettingName::ArpAnnounce, 1)],
        };
        let text = mark.to_alias(OWNER);
        assert!(text.starts_with("lb-vrrp pid="), "{text}");
        assert!(text.ends_with(" arp_ignore=0 arp_announce=1"), "{text}");
        assert!(text.len() < 256, "the kernel takes no longer one");
        assert_eq!(Mark::parse(OWNER, &text), Some(mark));
        assert_eq!(Mark::parse(OWNER, "the lan's gateway"), None);
        assert_eq!(Mark::parse(OWNER, ""), None);
        let unknown = "lb-vrrp colour=blue arp_ignore=x arp_announce=2";
        let unknown = Mark::parse(OWNER, unknown).unwrap();
        assert_eq!(unknown.originals, [(SettingName::ArpAnnounce, 2)]);
    }

    #[test]
    fn note_is_read_as_it_was_written() {
        for setting in SettingName::ALL {
            let note = Note {
                setting,
                original: 0,
                process: Process::new(u32::MAX, u64::MAX),
            };
            let name = note.to_name(OWNER, u32::MAX);
            assert!(name.len() < 128, "the kernel takes no longer one");
            assert_eq!(Note::parse(OWNER, &name), Some(note));
        }
        for other in [
            "enp0s3",
            "lb-vrrp-",
            "lb-vrrp-2-rp_filter-0-1-1",
            "lb-vrrp-2-promote_secondaries-0-1",
            "lb-vrrp-x-promote_secondaries-0-1-1",
        ] {
            assert_eq!(Note::parse(OWNER, other), None, "{other}");
        }
    }

    #[test]
    fn process_that_has_ended_is_gone() {
        let current = Process::current();
        assert!(!current.is_gone());
        let Process { id, started } = current;
        assert!(Process::new(id, started + 1).is_gone(), "another process");
        assert!(Process::new(0, started).is_gone());
    }
}
