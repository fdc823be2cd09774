// SPDX-License-Identifier: MIT OR Apache-2.0
//! `promote_secondaries` on the interfaces of routers that ask for it: the other addresses of a
//! network stay when its first one goes, such as a virtual address that came before the host's own.
//!
//! What was set before is written on the interface, as an alternative name (`ip link` shows it):
//! it is there as long as the interface, also for the successor of a program that was killed. A
//! successor that takes over writes its own in its place, and who finds another's leaves it.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use tracing::{info, warn};

use super::executor::{Found, LinkManager};
use super::mark::Owner;
use super::setting::Setting;
use lb_host::Link;

const SETTING: Setting = Setting::PromoteSecondaries;

/// How an interface was set, and who changed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Note {
    before: u32,
    owner: Owner,
}

impl Note {
    /// The alternative name that says it, the only one in a network namespace.
    fn name(self, link: &Link) -> String {
        let Owner { process, started } = self.owner;
        let (index, setting, before) = (link.index, SETTING.name(), self.before);
        format!("lb-vrrp-{index}-{setting}-{before}-{process}-{started}")
    }

    fn parse(name: &str) -> Option<Self> {
        let mut words = name.strip_prefix("lb-vrrp-")?.split('-');
        words.next().filter(|index| index.parse::<u32>().is_ok())?;
        words.next().filter(|setting| *setting == SETTING.name())?;
        let mut number = || words.next()?.parse::<u64>().ok();
        let before = u32::try_from(number()?).ok()?;
        let process = u32::try_from(number()?).ok()?;
        let started = number()?;
        Some(Self {
            before,
            owner: Owner { process, started },
        })
    }

    /// All there are on an interface, and their names.
    fn of(found: &Found) -> Vec<(Self, &str)> {
        let names = found.other_names.iter();
        names
            .filter_map(|name| Some((Self::parse(name)?, name.as_str())))
            .collect()
    }
}

#[derive(Debug, Default)]
pub(in crate::driver) struct Secondaries {
    /// Without one nothing is set.
    manager: Option<Box<dyn LinkManager>>,
    /// Where it is set, and how that was before where it could not be written down.
    held: BTreeMap<Link, Option<u32>>,
    /// What all is in line with.
    settled: Option<Arc<[Link]>>,
    /// Failed and told.
    failing: bool,
}

impl Secondaries {
    pub(in crate::driver) fn set_manager(&mut self, manager: Box<dyn LinkManager>) {
        self.manager = Some(manager);
    }

    /// Whether nothing is set that somebody has to put back.
    pub(in crate::driver) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Sets it on these interfaces and on no others.
    pub(in crate::driver) async fn settle(&mut self, wanted: &Arc<[Link]>) {
        if self.settled.as_ref() == Some(wanted) {
            return;
        }
        match self.try_settle(wanted).await {
            Ok(()) => {
                self.failing = false;
                self.settled = Some(Arc::clone(wanted));
            }
            Err(error) if !std::mem::replace(&mut self.failing, true) => {
                warn!(%error, "promote_secondaries not settled, trying again");
            }
            Err(_) => {}
        }
    }

    /// Looks at each by itself: a list of all may not be asked for while the monitor asks for one.
    async fn try_settle(&mut self, wanted: &[Link]) -> io::Result<()> {
        let Some(manager) = &mut self.manager else {
            return Ok(());
        };
        let surplus: Vec<Link> = self
            .held
            .keys()
            .filter(|link| !wanted.contains(link))
            .cloned()
            .collect();
        for link in surplus {
            if let Some(found) = find(manager.as_mut(), &link).await? {
                let before = self.held.get(&link).copied().flatten();
                let ours = |owner: Owner| owner == Owner::this();
                put_back(manager.as_mut(), &found, before, ours).await?;
            }
            self.held.remove(&link);
        }
        for link in wanted {
            if let Some(found) = find(manager.as_mut(), link).await? {
                let unwritten = promote(manager.as_mut(), &found).await?;
                self.held.entry(link.clone()).or_insert(unwritten);
            }
        }
        Ok(())
    }
}

async fn find(manager: &mut dyn LinkManager, link: &Link) -> io::Result<Option<Found>> {
    manager.find_at(link.index).await
}

/// Sets it; says what was set before where that cannot be written down.
async fn promote(manager: &mut dyn LinkManager, found: &Found) -> io::Result<Option<u32>> {
    let (link, notes) = (&found.link, Note::of(found));
    let now = manager.setting(&link.name, SETTING).unwrap_or(1);
    let before = notes.first().map(|(note, _)| note.before);
    let Some(before) = before.or_else(|| (now == 0).then_some(0)) else {
        return Ok(None);
    };
    let owner = Owner::this();
    let note = Note { before, owner };
    let mut unwritten = None;
    // Written before anything is changed, and another's is gone after that.
    if !notes.iter().any(|(of, _)| *of == note)
        && let Err(error) = manager.add_name(link, &note.name(link)).await
    {
        warn!(
            ifname = %link.name, %error,
            "no alternative name: promote_secondaries is put back at the end only, and not after a \
             kill"
        );
        unwritten = Some(before);
    }
    for (_, name) in notes.iter().filter(|(of, _)| *of != note) {
        manager.remove_name(link, name).await?;
    }
    set(manager, link, 1);
    Ok(unwritten)
}

/// Undoes it where the note is of one of these owners, or `unwritten` says what was before. What
/// somebody else has changed since stays as it is.
async fn put_back(
    manager: &mut dyn LinkManager,
    found: &Found,
    unwritten: Option<u32>,
    owners: impl Fn(Owner) -> bool,
) -> io::Result<()> {
    let link = &found.link;
    let mut notes = Note::of(found);
    notes.retain(|(note, _)| owners(note.owner));
    let before = unwritten.or_else(|| notes.first().map(|(note, _)| note.before));
    if before == Some(0) && manager.setting(&link.name, SETTING).is_ok_and(|of| of == 1) {
        set(manager, link, 0);
    }
    for (_, name) in notes {
        manager.remove_name(link, name).await?;
    }
    Ok(())
}

/// Undoes what a process did that has ended.
pub(super) async fn clean(manager: &mut dyn LinkManager, found: &Found) -> io::Result<()> {
    put_back(manager, found, None, Owner::is_gone).await
}

fn set(manager: &mut dyn LinkManager, link: &Link, value: u32) {
    match manager.set(&link.name, SETTING, value) {
        Ok(()) => info!(ifname = %link.name, value, "promote_secondaries set"),
        Err(error) => warn!(ifname = %link.name, value, %error, "promote_secondaries not set"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::keeper::tests::Fake;
    use super::*;

    fn with_eth0(names: &[&str], value: u32) -> (Fake, Secondaries, Link) {
        let fake = Fake::default();
        let link = fake.with(|state| {
            state.add("eth0", 0, [2, 0, 0, 0, 0, 1], None);
            let eth0 = state.links.last_mut().unwrap();
            eth0.macvlan_of = None;
            eth0.other_names = names.iter().map(|name| (*name).to_owned()).collect();
            state.settings.insert(("eth0".to_owned(), SETTING), value);
            eth0.link.clone()
        });
        let mut secondaries = Secondaries::default();
        secondaries.set_manager(Box::new(fake.clone()));
        (fake, secondaries, link)
    }

    fn ours(before: u32) -> String {
        let owner = Owner::this();
        Note { before, owner }.name(&Link::new(10, "eth0"))
    }

    fn of(links: &[&Link]) -> Arc<[Link]> {
        links.iter().map(|link| (*link).clone()).collect()
    }

    #[test]
    fn a_note_is_read_as_it_was_written() {
        let owner = Owner {
            process: u32::MAX,
            started: u64::MAX,
        };
        let note = Note { before: 0, owner };
        let name = note.name(&Link::new(u32::MAX, "eth0"));
        assert!(name.len() < 128, "the kernel takes no longer one");
        assert_eq!(Note::parse(&name), Some(note));
        for other in [
            "enp0s3",
            "lb-vrrp-",
            "lb-vrrp-2-rp_filter-0-1-1",
            "lb-vrrp-2-promote_secondaries-0-1",
            "lb-vrrp-x-promote_secondaries-0-1-1",
        ] {
            assert_eq!(Note::parse(other), None, "{other}");
        }
    }

    #[tokio::test]
    async fn it_is_set_while_it_is_wanted_and_put_back() {
        let (fake, mut secondaries, link) = with_eth0(&["enp0s3"], 0);
        secondaries.settle(&of(&[&link])).await;
        assert!(!secondaries.is_empty());
        let name = ours(0);
        assert_eq!(
            fake.log(),
            [
                format!("add eth0 {name}"),
                "eth0 promote_secondaries=1".to_owned()
            ]
        );
        secondaries.settle(&of(&[&link])).await;
        assert_eq!(fake.log(), Vec::<String>::new());
        secondaries.settle(&of(&[])).await;
        assert!(secondaries.is_empty());
        assert_eq!(
            fake.log(),
            [
                "eth0 promote_secondaries=0".to_owned(),
                format!("remove eth0 {name}")
            ]
        );
    }

    #[tokio::test]
    async fn what_was_set_already_stays() {
        let (fake, mut secondaries, link) = with_eth0(&[], 1);
        secondaries.settle(&of(&[&link])).await;
        secondaries.settle(&of(&[])).await;
        assert_eq!(fake.log(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_successor_knows_what_was_before_and_puts_it_back() {
        let dead = "lb-vrrp-10-promote_secondaries-0-0-1";
        // Still wanted: another's note becomes ours.
        let (fake, mut secondaries, link) = with_eth0(&[dead], 1);
        secondaries.settle(&of(&[&link])).await;
        let name = ours(0);
        assert_eq!(
            fake.log(),
            [
                format!("add eth0 {name}"),
                format!("remove eth0 {dead}"),
                "eth0 promote_secondaries=1".to_owned(),
            ]
        );
        // Not wanted any more.
        let (mut fake, _, _) = with_eth0(&[dead], 1);
        let found = |fake: &Fake| fake.with(|state| state.links[0].clone());
        let eth0 = found(&fake);
        clean(&mut fake, &eth0).await.unwrap();
        assert_eq!(
            fake.log(),
            [
                "eth0 promote_secondaries=0".to_owned(),
                format!("remove eth0 {dead}")
            ]
        );
        // Of a process that lives: it is its own business.
        let started = Owner::of(1).unwrap().started;
        let alive = format!("lb-vrrp-10-promote_secondaries-0-1-{started}");
        let (mut fake, _, _) = with_eth0(&[&alive], 1);
        let eth0 = found(&fake);
        clean(&mut fake, &eth0).await.unwrap();
        assert_eq!(fake.log(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn without_a_place_to_write_it_is_put_back_at_the_end() {
        let (fake, mut secondaries, link) = with_eth0(&[], 0);
        fake.fail();
        secondaries.settle(&of(&[&link])).await;
        assert_eq!(fake.log(), ["eth0 promote_secondaries=1"]);
        secondaries.settle(&of(&[])).await;
        assert_eq!(fake.log(), ["eth0 promote_secondaries=0"]);
    }
}
