// SPDX-License-Identifier: MIT OR Apache-2.0
//! Takes the steps from the macvlans there are to those that are wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use tracing::{debug, info, warn};

use super::super::error::{InterfaceError, InterfaceOperation};
use super::super::key::RouterKey;
use super::VirtualLink;
use super::executor::LinkManager;
use super::mark::Mark;
use super::setting::{BASE, Setting, of_macvlan};
use crate::MacAddr;
use lb_host::Link;

/// A failure, and whether it is the first since this macvlan was last well.
#[derive(Debug)]
pub(in crate::driver) struct Trouble {
    pub(in crate::driver) router: RouterKey,
    pub(in crate::driver) name: Arc<str>,
    pub(in crate::driver) error: InterfaceError,
    pub(in crate::driver) first: bool,
}

/// A macvlan that we made.
#[derive(Debug)]
struct Made {
    of: VirtualLink,
    link: Link,
    /// Whether it is up; `None` if that is not known.
    up: Option<bool>,
}

/// A macvlan that another process made for a router which is driven here now.
#[derive(Debug)]
struct Inherited {
    router: RouterKey,
    router_name: Arc<str>,
    name: Arc<str>,
    mac: MacAddr,
}

#[derive(Debug, Default)]
pub(in crate::driver) struct Keeper {
    /// Without one no macvlan is made.
    manager: Option<Box<dyn LinkManager>>,
    /// By index.
    made: BTreeMap<u32, Made>,
    /// How the interfaces beneath were set before us, by index.
    bases: BTreeMap<u32, (Link, Vec<(Setting, u32)>)>,
    /// Made by a predecessor, and wanted no more.
    inherited: Vec<Inherited>,
    /// Failed and told, by name.
    failing: BTreeSet<Arc<str>>,
    /// What `made` is in line with, if nothing has happened since.
    settled: Option<Arc<[VirtualLink]>>,
    /// Something may have happened that was not noticed.
    doubtful: bool,
}

impl Keeper {
    pub(in crate::driver) fn set_manager(&mut self, manager: Box<dyn LinkManager>) {
        self.manager = Some(manager);
    }

    pub(in crate::driver) fn is_empty(&self) -> bool {
        self.made.is_empty() && self.bases.is_empty() && self.inherited.is_empty()
    }

    /// Takes note of macvlans, by name and MAC address, that another process made for a router and
    /// that are not wanted any more.
    pub(in crate::driver) fn inherit(
        &mut self,
        router: &RouterKey,
        router_name: &Arc<str>,
        macvlans: Vec<(String, [u8; 6])>,
    ) {
        let macvlans = macvlans.into_iter().map(|(name, mac)| Inherited {
            router: router.clone(),
            router_name: Arc::clone(router_name),
            name: name.into(),
            mac: mac.into(),
        });
        self.inherited.extend(macvlans);
        // Also where nothing else is wanted than before.
        self.settled = None;
    }

    /// Takes what was inherited for its own, to be deleted as any other.
    async fn adopt(&mut self) -> io::Result<()> {
        let manager = self.manager.as_mut().ok_or(io::ErrorKind::Unsupported)?;
        while let Some(of) = self.inherited.last() {
            if let Some(found) = manager.find(&of.name).await?
                && let Some(mark) = found.alias.as_deref().and_then(Mark::parse)
                && found.mac == Some(of.mac)
                && let Some(base) = found.macvlan_of
                && let Some(base) = manager.find_at(base).await?
            {
                let virtual_link = VirtualLink {
                    router: of.router.clone(),
                    router_name: Arc::clone(&of.router_name),
                    name: Arc::clone(&of.name),
                    base: base.link.clone(),
                    mac: of.mac,
                    family: of.router.family,
                };
                self.bases
                    .entry(base.link.index)
                    .or_insert((base.link, mark.before));
                let made = Made {
                    of: virtual_link,
                    link: found.link,
                    up: None,
                };
                self.made.insert(made.link.index, made);
            }
            self.inherited.pop();
        }
        Ok(())
    }

    /// Takes note that an interface is gone.
    pub(in crate::driver) fn forget(&mut self, link: &Link) {
        self.bases.remove(&link.index);
        if let Some(made) = self.made.remove(&link.index) {
            info!(ifname = %made.link.name, "virtual interface was deleted by somebody else");
            self.settled = None;
        }
    }

    /// Takes note that an interface is not up any more.
    pub(in crate::driver) fn lowered(&mut self, link: &Link) {
        if let Some(made) = self.made.get_mut(&link.index) {
            made.up = None;
        }
    }

    /// Takes note that it may have missed something.
    pub(in crate::driver) fn doubt(&mut self) {
        self.doubtful = true;
        self.settled = None;
        for made in self.made.values_mut() {
            made.up = made.up.filter(|up| !up);
        }
    }

    /// Looks what is left of what was made.
    async fn look(&mut self) -> io::Result<()> {
        let manager = self.manager.as_mut().ok_or(io::ErrorKind::Unsupported)?;
        let there = manager.list().await?;
        let there: BTreeSet<Link> = there.into_iter().map(|of| of.link).collect();
        let links = self.made.values().map(|made| made.link.clone());
        let gone: Vec<Link> = links.filter(|link| !there.contains(link)).collect();
        for link in gone {
            self.forget(&link);
        }
        self.doubtful = false;
        Ok(())
    }

    /// Sets down those whose router does not hold its addresses, for as long as `same` says that
    /// nothing else is wanted meanwhile.
    pub(in crate::driver) async fn lower(
        &mut self,
        held: impl Fn(&RouterKey) -> bool,
        same: impl Fn() -> bool,
    ) -> Vec<Trouble> {
        let surplus: Vec<u32> = self
            .made
            .iter()
            .filter(|(_, made)| made.up != Some(false) && !held(&made.of.router))
            .map(|(index, _)| *index)
            .collect();
        let mut troubles = Vec::new();
        for index in surplus {
            if !same() {
                break;
            }
            troubles.extend(self.set_up(index, false).await.err());
        }
        troubles
    }

    /// Sets those up again that another program may have set down while their router holds its
    /// addresses.
    pub(in crate::driver) async fn raise_lowered(
        &mut self,
        held: impl Fn(&RouterKey) -> bool,
    ) -> Vec<Trouble> {
        let lowered: Vec<u32> = self
            .made
            .iter()
            .filter(|(_, made)| made.up.is_none() && held(&made.of.router))
            .map(|(index, _)| *index)
            .collect();
        let mut troubles = Vec::new();
        for index in lowered {
            troubles.extend(self.set_up(index, true).await.err());
        }
        troubles
    }

    /// Sets one up if it is ours and is not.
    pub(in crate::driver) async fn raise(&mut self, index: u32) -> Result<(), Trouble> {
        if self
            .made
            .get(&index)
            .is_some_and(|made| made.up != Some(true))
        {
            self.set_up(index, true).await?;
        }
        Ok(())
    }

    async fn set_up(&mut self, index: u32, up: bool) -> Result<(), Trouble> {
        let (Some(manager), Some(made)) = (&mut self.manager, self.made.get_mut(&index)) else {
            return Ok(());
        };
        if let Err(error) = manager.set_up(&made.link, up).await {
            let operation = if up {
                InterfaceOperation::Raise
            } else {
                InterfaceOperation::Lower
            };
            let of = made.of.clone();
            return Err(self.trouble(&of, operation, error));
        }
        made.up = Some(up);
        self.failing.remove(&made.of.name);
        Ok(())
    }

    /// Makes those that are missing, deletes those that are not wanted any more, and sets the
    /// interfaces beneath as they were before where nothing is above them any more. Stops early when
    /// `same` says that something else is wanted.
    pub(in crate::driver) async fn settle(
        &mut self,
        wanted: &Arc<[VirtualLink]>,
        held: impl Fn(&RouterKey) -> bool,
        same: impl Fn() -> bool,
    ) -> Vec<Trouble> {
        if self
            .settled
            .as_ref()
            .is_some_and(|settled| Arc::ptr_eq(settled, wanted))
        {
            return Vec::new();
        }
        if self.doubtful
            && !self.made.is_empty()
            && let Err(error) = self.look().await
        {
            warn!(%error, "virtual interfaces not looked at");
        }
        if !self.inherited.is_empty()
            && let Err(error) = self.adopt().await
        {
            warn!(%error, "virtual interfaces of another process not found, trying again");
        }
        let mut troubles = Vec::new();
        let by_name: BTreeMap<&str, &VirtualLink> =
            wanted.iter().map(|of| (&*of.name, of)).collect();
        let surplus: Vec<u32> = self
            .made
            .iter()
            .filter(|(_, made)| by_name.get(&*made.of.name).is_none_or(|of| **of != made.of))
            .map(|(index, _)| *index)
            .collect();
        troubles.extend(self.delete(&surplus).await.err());
        let there: BTreeSet<Arc<str>> = self
            .made
            .values()
            .map(|made| Arc::clone(&made.of.name))
            .collect();
        for of in wanted.iter().filter(|of| !there.contains(&of.name)) {
            if !same() {
                return troubles;
            }
            if let Err(error) = self.make(of, held(&of.router)).await {
                troubles.push(self.trouble(of, InterfaceOperation::Make, error));
            }
        }
        let bases = wanted.iter().map(|of| &of.base);
        let used: BTreeSet<u32> = bases
            .chain(self.made.values().map(|made| &made.of.base))
            .map(|base| base.index)
            .collect();
        let left = self.bases.values().map(|(base, _)| base);
        let left: Vec<Link> = left
            .filter(|base| !used.contains(&base.index))
            .cloned()
            .collect();
        let mut is_restored = true;
        for base in left {
            is_restored &= self.restore_base(&base).await;
        }
        if troubles.is_empty() && self.inherited.is_empty() && is_restored {
            self.settled = Some(Arc::clone(wanted));
        }
        troubles
    }

    /// Restores the settings of an interface that no macvlan is above any more; returns whether that is
    /// done. /proc/sys knows interfaces by name: the index tells which name the interface has now, or
    /// that it is gone and its name, perhaps, another's.
    async fn restore_base(&mut self, base: &Link) -> bool {
        let Some(manager) = &mut self.manager else {
            return true;
        };
        let found = match manager.find_at(base.index).await {
            Ok(found) => found,
            Err(error) => {
                warn!(
                    ifname = %base.name, %error,
                    "cannot find the interface to restore its settings, trying again"
                );
                return false;
            }
        };
        if let Some((_, before)) = self.bases.remove(&base.index)
            && let Some(found) = found
        {
            restore(manager.as_mut(), &found.link.name, &before);
        }
        true
    }

    async fn delete(&mut self, indices: &[u32]) -> Result<(), Trouble> {
        let made: Vec<&Made> = indices.iter().filter_map(|of| self.made.get(of)).collect();
        let (Some(manager), Some(first)) = (&mut self.manager, made.first()) else {
            return Ok(());
        };
        let first = first.of.clone();
        let links: Vec<Link> = made.iter().map(|made| made.link.clone()).collect();
        if let Err(error) = manager.delete(&links).await {
            return Err(self.trouble(&first, InterfaceOperation::Delete, error));
        }
        for index in indices {
            if let Some(made) = self.made.remove(index) {
                self.failing.remove(&made.of.name);
            }
        }
        Ok(())
    }

    /// Makes a macvlan, or takes over the one that a predecessor made.
    async fn make(&mut self, of: &VirtualLink, held: bool) -> io::Result<()> {
        let manager = self.manager.as_mut().ok_or(io::ErrorKind::Unsupported)?;
        let there = manager.find(&of.name).await?;
        let adopted = there.is_some();
        let found = match there {
            Some(there) if there.is(of) => there,
            Some(_) => return Err(io::ErrorKind::AlreadyExists.into()),
            None => {
                manager.create(of).await?;
                let made = manager.find(&of.name).await?;
                made.ok_or(io::ErrorKind::NotFound)?
            }
        };
        if adopted && !held {
            manager.set_up(&found.link, false).await?;
        }
        // /proc/sys knows interfaces by name, which may have changed since.
        let base = manager.find_at(of.base.index).await?;
        let base = base.ok_or_else(|| io::Error::from_raw_os_error(nix::libc::ENODEV))?;
        let base = base.link;
        let mark = found.alias.as_deref().and_then(Mark::parse);
        let (_, before) = self.bases.entry(of.base.index).or_insert_with(|| {
            let before = match mark {
                Some(mark) => mark.before,
                None => now(manager.as_mut(), &base.name),
            };
            (base.clone(), before)
        });
        // Written before anything beneath is changed.
        let mark = Mark::new(before.clone());
        manager.mark(&found.link, &mark.to_string()).await?;
        let strict = manager.setting("all", Setting::ReversePath);
        let strict = strict.is_ok_and(|value| value != 0);
        for (setting, value) in of_macvlan(of.family, strict) {
            set(manager.as_mut(), &of.name, setting, value);
        }
        for (setting, value) in BASE {
            // What is stricter already stays.
            if manager
                .setting(&base.name, setting)
                .is_ok_and(|now| now < value)
            {
                set(manager.as_mut(), &base.name, setting, value);
            }
        }
        info!(
            ifname = %of.name, base = %of.base.name, mac = %of.mac, adopted,
            "virtual interface is there"
        );
        self.failing.remove(&of.name);
        let (of, link) = (of.clone(), found.link);
        let up = (!adopted || !held).then_some(false);
        self.made.insert(link.index, Made { of, link, up });
        Ok(())
    }

    fn trouble(
        &mut self,
        of: &VirtualLink,
        operation: InterfaceOperation,
        source: io::Error,
    ) -> Trouble {
        self.settled = None;
        // The interface beneath is gone, which is told elsewhere.
        let gone = source.raw_os_error() == Some(nix::libc::ENODEV);
        let first = !gone && self.failing.insert(Arc::clone(&of.name));
        Trouble {
            router: of.router.clone(),
            name: Arc::clone(&of.router_name),
            error: InterfaceError::new(operation, &*of.name, source),
            first,
        }
    }
}

/// How an interface beneath is set.
fn now(manager: &mut dyn LinkManager, base: &str) -> Vec<(Setting, u32)> {
    let settings = BASE.into_iter();
    settings
        .filter_map(|(setting, _)| Some((setting, manager.setting(base, setting).ok()?)))
        .collect()
}

/// Undoes what [`Keeper::make`] did to an interface beneath. What somebody else has changed since
/// stays as it is.
pub(super) fn restore(manager: &mut dyn LinkManager, base: &str, before: &[(Setting, u32)]) {
    for (setting, value) in before {
        let ours = BASE.iter().find(|(of, _)| of == setting);
        let Some((_, ours)) = ours.filter(|(_, ours)| value < ours) else {
            continue;
        };
        if manager
            .setting(base, *setting)
            .is_ok_and(|now| now == *ours)
        {
            set(manager, base, *setting, *value);
        }
    }
}

/// A setting that cannot be made is told, and keeps nobody from going on: /proc/sys may be
/// read-only, IPv6 may not be there.
fn set(manager: &mut dyn LinkManager, interface: &str, setting: Setting, value: u32) {
    match manager.set(interface, setting, value) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            debug!(ifname = %interface, setting = setting.name(), "no such setting");
        }
        Err(error) => warn!(
            ifname = %interface, setting = setting.name(), value, %error,
            "setting not changed: neighbours may see other MAC addresses than the virtual one"
        ),
    }
}

#[cfg(test)]
pub(super) mod tests;
