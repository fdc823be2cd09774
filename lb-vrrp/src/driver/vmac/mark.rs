// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is written on a macvlan of ours, as its alias (`ip link` shows it): who made it, and how
//! the interface beneath was set before.
//!
//! It lasts exactly as long as the macvlan. A successor of a program that was killed finds there
//! what it has to put back.

use std::fmt;
use std::fs;
use std::process;

use super::setting::{BASE, Setting};

const NAME: &str = "lb-vrrp";

/// A process, of whichever time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) process: u32,
    /// In ticks since the machine started: with the number it names a process for good.
    pub(super) started: u64,
}

impl Owner {
    /// This process.
    pub(super) fn this() -> Self {
        Self {
            process: process::id(),
            started: started("self").unwrap_or_default(),
        }
    }

    /// Whether it has ended.
    pub(super) fn is_gone(self) -> bool {
        started(&self.process.to_string()) != Some(self.started)
    }

    #[cfg(test)]
    pub(super) fn of(process: u32) -> Option<Self> {
        let started = started(&process.to_string())?;
        Some(Self { process, started })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    owner: Owner,
    /// Of the interface beneath.
    pub(super) before: Vec<(Setting, u32)>,
}

impl Mark {
    /// This process's.
    pub(super) fn new(before: Vec<(Setting, u32)>) -> Self {
        Self {
            owner: Owner::this(),
            before,
        }
    }

    /// Reads an alias; `None` if it is none of ours.
    pub(super) fn parse(alias: &str) -> Option<Self> {
        let mut words = alias.split_whitespace();
        if words.next() != Some(NAME) {
            return None;
        }
        let mut mark = Self {
            owner: Owner {
                process: 0,
                started: 0,
            },
            before: Vec::new(),
        };
        for (name, value) in words.filter_map(|word| word.split_once('=')) {
            match name {
                "pid" => mark.owner.process = value.parse().unwrap_or_default(),
                "started" => mark.owner.started = value.parse().unwrap_or_default(),
                _ => {
                    let setting = BASE.iter().find(|(setting, _)| setting.name() == name);
                    if let (Some((setting, _)), Ok(value)) = (setting, value.parse()) {
                        mark.before.push((*setting, value));
                    }
                }
            }
        }
        Some(mark)
    }

    /// Whether the process that made it has ended.
    pub(super) fn is_orphan(&self) -> bool {
        self.owner.is_gone()
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Owner { process, started } = self.owner;
        write!(f, "{NAME} pid={process} started={started}")?;
        for (setting, value) in &self.before {
            write!(f, " {}={value}", setting.name())?;
        }
        Ok(())
    }
}

/// When a process started, the 22nd field of its stat; `None` if it is not there.
fn started(process: &str) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is a name in brackets that may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        let mark = Mark::new(vec![(Setting::ArpIgnore, 0), (Setting::ArpAnnounce, 1)]);
        let text = mark.to_string();
        assert!(text.starts_with("lb-vrrp pid="), "{text}");
        assert!(text.ends_with(" arp_ignore=0 arp_announce=1"), "{text}");
        assert!(text.len() < 256, "the kernel takes no longer one");
        assert_eq!(Mark::parse(&text), Some(mark));
        assert_eq!(Mark::parse("the lan's gateway"), None);
        assert_eq!(Mark::parse(""), None);
        let unknown = Mark::parse("lb-vrrp colour=blue arp_ignore=x arp_announce=2").unwrap();
        assert_eq!(unknown.before, [(Setting::ArpAnnounce, 2)]);
    }

    #[test]
    fn the_dead_leave_orphans() {
        let mut mark = Mark::new(Vec::new());
        assert!(!mark.is_orphan());
        mark.owner.started += 1;
        assert!(mark.is_orphan(), "another process of the same number");
        mark.owner.process = 0;
        assert!(mark.is_orphan());
    }
}
