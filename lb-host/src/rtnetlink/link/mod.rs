// SPDX-License-Identifier: MIT OR Apache-2.0
//! Links above others, the state of links, and settings, over rtnetlink and /proc/sys.

mod note;
mod step;
mod sysctl;

use std::collections::{HashMap, HashSet};
use std::io;

use futures_util::TryStreamExt;
use nix::libc;
use rtnetlink::packet_route::link::{
    InfoData, InfoIpVlan, InfoKind, IpVlanFlags, IpVlanMode, LinkAttribute, LinkInfo, LinkMessage,
    MacVlanMode, Prop,
};
use rtnetlink::{LinkGetRequest, LinkIpVlan, LinkMacVlan, LinkUnspec};
use tracing::{debug, info, warn};

use self::note::Process;
pub use self::step::FoundLink;
use self::step::{DELETE_GROUP, Kept, NEW_GROUP, Recorder, Step, recover};
use super::{Rtnetlink, bounded};
use crate::interface::Link;
use crate::link::{IpvlanMode, Setting, SettingName, VirtualLink, VirtualLinkKind};
use crate::object::{HostObject, Owner};
use crate::plan::Change;
use crate::reconcile::Applied;

/// What is known about links.
#[derive(Debug)]
pub(super) struct Links {
    recorder: Recorder,
    /// The index of each macvlan and ipvlan that was added, by name.
    above: HashMap<String, u32>,
}

impl Links {
    pub(super) fn new(owner: Owner) -> Self {
        Self {
            recorder: Recorder::new(owner.name, Process::current()),
            above: HashMap::new(),
        }
    }
}

impl Rtnetlink {
    /// Adds a link that is down above another one, or takes over one that is present.
    pub(super) async fn add_virtual_link(&mut self, link: &VirtualLink) -> io::Result<Applied> {
        let present = self.find_link_named(&link.name).await?;
        let applied = match &present {
            Some(found) if found.is(link) => Applied::AlreadyPresent,
            Some(_) => return Err(io::ErrorKind::AlreadyExists.into()),
            None => Applied::Created,
        };
        let result = self.prepare_virtual_link(link, present).await;
        if result.is_err() && applied == Applied::Created {
            // Without a record on it no later process would find the link.
            self.remove_virtual_links(&[link]).await;
        }
        result.map(|()| {
            info!(
                ifname = %link.name, base = %link.base.name, ?applied,
                "virtual interface is present"
            );
            applied
        })
    }

    async fn prepare_virtual_link(
        &mut self,
        link: &VirtualLink,
        present: Option<FoundLink>,
    ) -> io::Result<()> {
        let found = match present {
            Some(found) => found,
            None => {
                let message = new_link(link);
                bounded(self.handle.link().add(message).execute()).await?;
                let created = self.find_link_named(&link.name).await?;
                created.ok_or(io::ErrorKind::NotFound)?
            }
        };
        let index = found.link.index;
        self.links.above.insert(link.name.clone(), index);
        for step in self.links.recorder.mark(&found, link.base.index) {
            self.take(&step).await?;
        }
        match link.kind {
            VirtualLinkKind::Macvlan(_) => sysctl::prepare_macvlan(&link.name, link.family),
            VirtualLinkKind::Ipvlan(_) => sysctl::prepare_ipvlan(&link.name, link.family),
        }
        Ok(())
    }

    /// Removes macvlans and ipvlans in one request, and returns a result for each.
    pub(super) async fn remove_virtual_links(
        &mut self,
        links: &[&VirtualLink],
    ) -> Vec<io::Result<Applied>> {
        let mut found = Vec::with_capacity(links.len());
        for link in links {
            found.push(match self.links.above.get(&link.name) {
                Some(index) => Ok(Some(*index)),
                None => self.find_own_virtual_link(link).await,
            });
        }
        let indices: Vec<u32> = found.iter().flatten().flatten().copied().collect();
        let deleted = self.delete_links(&indices).await;
        let results = links.iter().zip(found).map(|(link, found)| {
            found?;
            if let Err(error) = &deleted {
                return Err(copy_of(error));
            }
            self.links.above.remove(&link.name);
            Ok(Applied::Removed)
        });
        results.collect()
    }

    /// Finds a macvlan or ipvlan that another process of the owner added.
    async fn find_own_virtual_link(&self, link: &VirtualLink) -> io::Result<Option<u32>> {
        let found = self.find_link_named(&link.name).await?;
        let own = found.filter(|found| {
            let is_marked = found.mark(self.owner.name).is_some() || found.group == NEW_GROUP;
            is_marked && found.is(link)
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
    /// by index of the interface, and removes virtual links. Those for which `is_kept` holds are set down,
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
            is_virtual_link: is_kept,
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

/// The links of changes that remove macvlans and ipvlans.
pub(super) fn removed_virtual_links(changes: &[Change]) -> Vec<&VirtualLink> {
    let links = changes.iter().filter_map(|change| match change {
        Change::Remove(HostObject::VirtualLink(link)) => Some(&**link),
        _ => None,
    });
    links.collect()
}

/// The message that adds a macvlan or ipvlan.
fn new_link(link: &VirtualLink) -> LinkMessage {
    let base = link.base.index;
    match link.kind {
        VirtualLinkKind::Macvlan(mac) => LinkMacVlan::new(&link.name, base, MacVlanMode::Private)
            .address(mac.to_vec())
            .link_group(NEW_GROUP)
            .build(),
        VirtualLinkKind::Ipvlan(mode) => LinkIpVlan::new(&link.name, base, IpVlanMode::L2)
            .flag(match mode {
                IpvlanMode::Bridge => IpVlanFlags::empty(),
                IpvlanMode::Private => IpVlanFlags::Private,
                IpvlanMode::Vepa => IpVlanFlags::Vepa,
            })
            .link_group(NEW_GROUP)
            .build(),
    }
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
    let ipvlan = ipvlan_base(message);
    let base = macvlan_base(message).or_else(|| ipvlan.map(|(base, _)| base));
    let mut found = FoundLink::new(link, base, None);
    found.ipvlan = ipvlan.map(|(_, mode)| mode);
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
    infos(message)
        .any(|info| *info == LinkInfo::Kind(InfoKind::MacVlan))
        .then(|| base_of(message))
        .flatten()
}

/// The index of the interface below an ipvlan, and the mode; `None` if the link is none.
#[doc(hidden)]
#[must_use]
pub fn ipvlan_base(message: &LinkMessage) -> Option<(u32, IpvlanMode)> {
    let flags = infos(message).find_map(|info| match info {
        LinkInfo::Data(InfoData::IpVlan(data)) => Some(data.iter().find_map(|info| match info {
            InfoIpVlan::Flags(flags) => Some(*flags),
            _ => None,
        })),
        _ => None,
    })?;
    // Kernels before 4.15 have bridges only.
    let flags = flags.unwrap_or(IpVlanFlags::empty());
    let mode = if flags.contains(IpVlanFlags::Private) {
        IpvlanMode::Private
    } else if flags.contains(IpVlanFlags::Vepa) {
        IpvlanMode::Vepa
    } else {
        IpvlanMode::Bridge
    };
    Some((base_of(message)?, mode))
}

fn infos(message: &LinkMessage) -> impl Iterator<Item = &LinkInfo> {
    message.attributes.iter().flat_map(|attribute| {
        let infos: &[LinkInfo] = match attribute {
            LinkAttribute::LinkInfo(infos) => infos,
            _ => &[],
        };
        infos
    })
}

fn base_of(message: &LinkMessage) -> Option<u32> {
    let mut attributes = message.attributes.iter();
    attributes.find_map(|attribute| match attribute {
        LinkAttribute::Link(index) => Some(*index),
        _ => None,
    })
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
