// SPDX-License-Identifier: MIT OR Apache-2.0
//! Macvlans, the state of links, and settings, over rtnetlink and /proc/sys.

mod note;
mod step;
mod sysctl;

use std::collections::{HashMap, HashSet};
use std::io;

use futures_util::TryStreamExt;
use nix::libc;
use rtnetlink::packet_route::link::{
    InfoKind, LinkAttribute, LinkInfo, LinkMessage, MacVlanMode, Prop,
};
use rtnetlink::{LinkGetRequest, LinkMacVlan, LinkUnspec};
use tracing::{debug, info, warn};

use self::note::Process;
pub use self::step::FoundLink;
use self::step::{DELETE_GROUP, Kept, NEW_GROUP, Recorder, Step, recover};
use super::{Rtnetlink, bounded};
use crate::interface::Link;
use crate::link::{Macvlan, Setting, SettingName};
use crate::object::{HostObject, Owner};
use crate::plan::Change;
use crate::reconcile::Applied;

/// What is known about links.
#[derive(Debug)]
pub(super) struct Links {
    recorder: Recorder,
    /// The index of each macvlan that was added, by name.
    macvlans: HashMap<String, u32>,
}

impl Links {
    pub(super) fn new(owner: Owner) -> Self {
        Self {
            recorder: Recorder::new(owner.name, Process::current()),
            macvlans: HashMap::new(),
        }
    }
}

impl Rtnetlink {
    /// Adds a macvlan that is down, or takes over one that is present.
    pub(super) async fn add_macvlan(&mut self, macvlan: &Macvlan) -> io::Result<Applied> {
        let present = self.find_link_named(&macvlan.name).await?;
        let applied = match &present {
            Some(found) if found.is(macvlan) => Applied::AlreadyPresent,
            Some(_) => return Err(io::ErrorKind::AlreadyExists.into()),
            None => Applied::Created,
        };
        let result = self.prepare_macvlan(macvlan, present).await;
        if result.is_err() && applied == Applied::Created {
            // Without a record on it no later process would find the macvlan.
            self.remove_macvlans(&[macvlan]).await;
        }
        result.map(|()| {
            info!(
                ifname = %macvlan.name, base = %macvlan.base.name, ?applied,
                "virtual interface is present"
            );
            applied
        })
    }

    async fn prepare_macvlan(
        &mut self,
        macvlan: &Macvlan,
        present: Option<FoundLink>,
    ) -> io::Result<()> {
        let found = match present {
            Some(found) => found,
            None => {
                let message =
                    LinkMacVlan::new(&macvlan.name, macvlan.base.index, MacVlanMode::Private)
                        .address(macvlan.mac.to_vec())
                        .link_group(NEW_GROUP)
                        .build();
                bounded(self.handle.link().add(message).execute()).await?;
                let created = self.find_link_named(&macvlan.name).await?;
                created.ok_or(io::ErrorKind::NotFound)?
            }
        };
        let index = found.link.index;
        self.links.macvlans.insert(macvlan.name.clone(), index);
        for step in self.links.recorder.mark(&found, macvlan.base.index) {
            self.take(&step).await?;
        }
        sysctl::prepare_macvlan(&macvlan.name, macvlan.family);
        Ok(())
    }

    /// Removes macvlans in one request, and returns a result for each.
    pub(super) async fn remove_macvlans(
        &mut self,
        macvlans: &[&Macvlan],
    ) -> Vec<io::Result<Applied>> {
        let mut found = Vec::with_capacity(macvlans.len());
        for macvlan in macvlans {
            found.push(match self.links.macvlans.get(&macvlan.name) {
                Some(index) => Ok(Some(*index)),
                None => self.find_own_macvlan(macvlan).await,
            });
        }
        let indices: Vec<u32> = found.iter().flatten().flatten().copied().collect();
        let deleted = self.delete_links(&indices).await;
        let results = macvlans.iter().zip(found).map(|(macvlan, found)| {
            found?;
            if let Err(error) = &deleted {
                return Err(copy_of(error));
            }
            self.links.macvlans.remove(&macvlan.name);
            Ok(Applied::Removed)
        });
        results.collect()
    }

    /// Finds a macvlan that another process of the owner added.
    async fn find_own_macvlan(&self, macvlan: &Macvlan) -> io::Result<Option<u32>> {
        let found = self.find_link_named(&macvlan.name).await?;
        let own = found.filter(|found| {
            let is_marked = found.mark(self.owner.name).is_some() || found.group == NEW_GROUP;
            is_marked && found.is(macvlan)
        });
        Ok(own.map(|found| found.link.index))
    }

    async fn delete_links(&self, indices: &[u32]) -> io::Result<()> {
        let links = self.handle.link();
        let mut request = match indices {
            [] => return Ok(()),
            [index] => links.del(*index),
            many => {
                for index in many {
                    let message = LinkUnspec::new_with_index(*index).link_group(DELETE_GROUP);
                    ignore_gone(bounded(links.set(message.build()).execute()).await)?;
                }
                links.del(0)
            }
        };
        if indices.len() > 1 {
            let group = LinkAttribute::Group(DELETE_GROUP);
            request.message_mut().attributes.push(group);
        }
        ignore_gone(bounded(request.execute()).await)
    }

    /// Sets a link up.
    pub(super) async fn set_link_up(&self, link: &Link) -> io::Result<Applied> {
        let message = LinkUnspec::new_with_index(link.index).up().build();
        bounded(self.handle.link().set(message).execute()).await?;
        Ok(Applied::Created)
    }

    /// Sets a link down. A link that is gone is no error.
    pub(super) async fn set_link_down(&self, link: &Link) -> io::Result<Applied> {
        let message = LinkUnspec::new_with_index(link.index).down().build();
        ignore_gone(bounded(self.handle.link().set(message).execute()).await)?;
        Ok(Applied::Removed)
    }

    /// Raises a setting.
    pub(super) async fn add_setting(&mut self, setting: &Setting) -> io::Result<Applied> {
        let (index, name) = (setting.link.index, setting.name);
        let found = self.find_link_at(index).await?;
        let found = found.ok_or_else(|| io::Error::from_raw_os_error(libc::ENODEV))?;
        let Some(current) = sysctl::read(&found.link.name, name)? else {
            return Ok(Applied::AlreadyPresent);
        };
        let steps = self.links.recorder.raise(&found, name, current);
        for step in &steps {
            if let Err(error) = self.take(step).await {
                // A record without a change would be misleading.
                let _ = self.remove_setting(setting).await;
                return Err(error);
            }
        }
        Ok(Applied::Created)
    }

    /// Restores a setting. /proc/sys knows interfaces by name: the index leads to the present name, or
    /// shows that the interface is gone and the name, perhaps, that of another one.
    pub(super) async fn remove_setting(&mut self, setting: &Setting) -> io::Result<Applied> {
        let (index, name) = (setting.link.index, setting.name);
        if let Some(found) = self.find_link_at(index).await?
            && let Some(current) = sysctl::read(&found.link.name, name)?
        {
            if !self.links.recorder.has_record(&found, name)
                && current == name.value()
                && let Some(original) = self.find_original(index, name).await?
            {
                self.links.recorder.learn(index, name, original);
            }
            for step in self.links.recorder.restore(&found, name, current) {
                self.take(&step).await?;
            }
        }
        self.links.recorder.forget(index, name);
        Ok(Applied::Removed)
    }

    /// Undoes what killed processes of the owner did to links: restores settings, except those to keep,
    /// by index of the interface, and removes macvlans. Macvlans for which `is_kept` holds are set down,
    /// because they answer for addresses, and stay.
    ///
    /// # Errors
    ///
    /// The answer of the kernel. Settings that cannot be written are logged.
    pub async fn remove_stale_links(
        &mut self,
        kept_settings: &HashSet<(u32, SettingName)>,
        is_kept: &(dyn Fn(&FoundLink) -> bool + Sync),
    ) -> io::Result<()> {
        let links = self.list_links().await?;
        let kept = Kept {
            settings: kept_settings,
            is_macvlan: is_kept,
        };
        let current = |link: &Link, setting| sysctl::read(&link.name, setting).ok().flatten();
        let steps = recover(self.owner.name, &links, &kept, current, Process::is_gone);
        for step in steps {
            match (&step, self.take(&step).await) {
                (Step::Write { link, setting, .. }, Err(error)) => {
                    warn!(ifindex = link, %setting, %error, "cannot restore a stale setting");
                }
                (_, result) => result?,
            }
        }
        Ok(())
    }

    async fn take(&self, step: &Step) -> io::Result<()> {
        let links = self.handle.link();
        match step {
            Step::SetAlias {
                link,
                alias,
                leaves_group,
            } => {
                let mut message = LinkUnspec::new_with_index(*link)
                    .append_extra_attribute(LinkAttribute::IfAlias(alias.clone()));
                if *leaves_group {
                    message = message.link_group(0);
                }
                bounded(links.set(message.build()).execute()).await
            }
            Step::AddName { link, name } => {
                let request = links.property_add(*link).alt_ifname(&[name]);
                if let Err(error) = bounded(request.execute()).await {
                    warn!(
                        ifindex = link, name, %error,
                        "cannot add an alternative name: a setting is restored at the end, but \
                         perhaps not after a kill"
                    );
                }
                Ok(())
            }
            Step::RemoveName { link, name } => {
                let request = links.property_del(*link).alt_ifname(&[name]);
                ignore_gone(bounded(request.execute()).await)
            }
            Step::Write {
                link,
                setting,
                value,
            } => match self.find_link_at(*link).await? {
                Some(found) => sysctl::write(&found.link.name, *setting, *value),
                None => Ok(()),
            },
            Step::SetDown { link } => {
                info!(ifname = %link.name, "taking over stale virtual interface");
                self.set_link_down(link).await.map(|_| ())
            }
            Step::Delete { link } => {
                info!(ifname = %link.name, "removing stale virtual interface");
                self.delete_links(&[link.index]).await
            }
        }
    }

    /// Finds what a setting was before another process raised it that could write its record on macvlans
    /// only.
    async fn find_original(&self, base: u32, setting: SettingName) -> io::Result<Option<u32>> {
        let links = self.list_links().await?;
        let above = links.iter().filter(|found| found.base == Some(base));
        let mut originals = above
            .filter_map(|found| found.mark(self.owner.name))
            .flat_map(|mark| mark.originals);
        let original = originals.find(|(name, _)| *name == setting);
        Ok(original.map(|(_, original)| original))
    }

    async fn list_links(&self) -> io::Result<Vec<FoundLink>> {
        let request = self.handle.link().get();
        let links: Vec<LinkMessage> = bounded(request.execute().try_collect()).await?;
        Ok(links.iter().map(found_link).collect())
    }

    async fn find_link_named(&self, name: &str) -> io::Result<Option<FoundLink>> {
        find_one(self.handle.link().get().match_name(name.to_owned())).await
    }

    async fn find_link_at(&self, index: u32) -> io::Result<Option<FoundLink>> {
        find_one(self.handle.link().get().match_index(index)).await
    }
}

/// The macvlans of changes that remove macvlans.
pub(super) fn removed_macvlans(changes: &[Change]) -> Vec<&Macvlan> {
    let macvlans = changes.iter().filter_map(|change| match change {
        Change::Remove(HostObject::Macvlan(macvlan)) => Some(&**macvlan),
        _ => None,
    });
    macvlans.collect()
}

/// Finds the link that the request selects, if there is one. Lists of all links are avoided: the kernel
/// makes one at a time for a socket.
async fn find_one(request: LinkGetRequest) -> io::Result<Option<FoundLink>> {
    match bounded(request.execute().try_next()).await {
        Ok(message) => Ok(message.as_ref().map(found_link)),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn found_link(message: &LinkMessage) -> FoundLink {
    let link = Link::new(message.header.index, "");
    let mut found = FoundLink::new(link, macvlan_base(message), None);
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => found.link.name.clone_from(name),
            LinkAttribute::Address(mac) => found.mac = <[u8; 6]>::try_from(mac.as_slice()).ok(),
            LinkAttribute::IfAlias(alias) => found.alias = Some(alias.clone()),
            LinkAttribute::Group(group) => found.group = *group,
            LinkAttribute::PropList(properties) => {
                let names = properties.iter().filter_map(|property| match property {
                    Prop::AltIfName(name) => Some(name.clone()),
                    _ => None,
                });
                found.other_names.extend(names);
            }
            _ => {}
        }
    }
    found
}

/// The index of the interface below a macvlan; `None` if the link is none.
#[doc(hidden)]
#[must_use]
pub fn macvlan_base(message: &LinkMessage) -> Option<u32> {
    let is_macvlan = |attribute: &LinkAttribute| match attribute {
        LinkAttribute::LinkInfo(infos) => infos.contains(&LinkInfo::Kind(InfoKind::MacVlan)),
        _ => false,
    };
    let mut attributes = message.attributes.iter();
    let base = attributes.find_map(|attribute| match attribute {
        LinkAttribute::Link(index) => Some(*index),
        _ => None,
    });
    base.filter(|_| message.attributes.iter().any(is_macvlan))
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENODEV | libc::ENXIO))
}

/// Accepts that a link is gone.
fn ignore_gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if is_gone(&error) => {
            debug!(%error, "link is gone");
            Ok(())
        }
        result => result,
    }
}

fn copy_of(error: &io::Error) -> io::Error {
    let code = error.raw_os_error();
    code.map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}
