// SPDX-License-Identifier: MIT OR Apache-2.0
//! The port through which macvlans and settings are made, and its implementation by rtnetlink and
//! /proc/sys.

use std::fmt;
use std::fs;
use std::io;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use nix::libc;
use rtnetlink::packet_route::link::{LinkAttribute, LinkMessage, MacVlanMode, Prop};
use rtnetlink::{LinkGetRequest, LinkMacVlan, LinkUnspec};

use super::super::links::macvlan_of;
use super::VirtualLink;
use super::setting::Setting;
use crate::MacAddr;
use lb_host::Link;
use lb_host::rtnetlink::bounded;

/// The group of interfaces that are to be deleted together: the kernel then waits once for all of
/// them, tens of milliseconds, and not once for each. Nobody else's, by its number ("lbvr").
const DOOMED: u32 = 0x6c62_7672;

/// An interface that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::driver) struct Found {
    pub(in crate::driver) link: Link,
    /// The index of the interface beneath, if it is a macvlan.
    pub(in crate::driver) macvlan_of: Option<u32>,
    pub(in crate::driver) mac: Option<MacAddr>,
    /// `IFLA_IFALIAS`.
    pub(in crate::driver) alias: Option<String>,
    /// Alternative names.
    pub(in crate::driver) other_names: Vec<String>,
}

impl Found {
    /// Whether it is the macvlan that is wanted.
    pub(super) fn is(&self, wanted: &VirtualLink) -> bool {
        let base = self.macvlan_of == Some(wanted.base.index);
        base && self.mac == Some(wanted.mac) && self.link.name == *wanted.name
    }
}

/// Makes macvlans and changes settings of interfaces. One thing at a time.
#[async_trait]
pub(in crate::driver) trait LinkManager: fmt::Debug + Send {
    /// All interfaces.
    async fn list(&mut self) -> io::Result<Vec<Found>>;

    /// The interface of that name, if there is one.
    async fn find(&mut self, name: &str) -> io::Result<Option<Found>>;

    /// The interface of that index, if there is one.
    async fn find_at(&mut self, index: u32) -> io::Result<Option<Found>>;

    /// Makes a macvlan in private mode, which is down.
    async fn create(&mut self, wanted: &VirtualLink) -> io::Result<()>;

    /// Writes an alias on an interface.
    async fn mark(&mut self, link: &Link, alias: &str) -> io::Result<()>;

    /// Gives an interface another name beside those it has.
    async fn add_name(&mut self, link: &Link, name: &str) -> io::Result<()>;

    /// Takes it away. That the interface is gone is no error.
    async fn remove_name(&mut self, link: &Link, name: &str) -> io::Result<()>;

    /// Sets it up or down.
    async fn set_up(&mut self, link: &Link, up: bool) -> io::Result<()>;

    /// Deletes these. That one is not there is no error.
    async fn delete(&mut self, links: &[Link]) -> io::Result<()>;

    /// How an interface is set; `all` is a name, too.
    fn setting(&mut self, interface: &str, setting: Setting) -> io::Result<u32>;

    /// Sets it.
    fn set(&mut self, interface: &str, setting: Setting, value: u32) -> io::Result<()>;
}

/// The kernel's, in the network namespace of the thread that uses it.
pub(in crate::driver) struct Rtnetlink(rtnetlink::Handle);

impl Rtnetlink {
    pub(in crate::driver) const fn new(handle: rtnetlink::Handle) -> Self {
        Self(handle)
    }
}

impl fmt::Debug for Rtnetlink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rtnetlink").finish_non_exhaustive()
    }
}

fn found(message: &LinkMessage) -> Found {
    let mut found = Found {
        link: Link::new(message.header.index, ""),
        macvlan_of: macvlan_of(message),
        mac: None,
        alias: None,
        other_names: Vec::new(),
    };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => found.link.name.clone_from(name),
            LinkAttribute::Address(mac) => {
                found.mac = <[u8; 6]>::try_from(mac.as_slice()).ok().map(MacAddr::from);
            }
            LinkAttribute::PropList(of) => {
                let names = of.iter().filter_map(|of| match of {
                    Prop::AltIfName(name) => Some(name.clone()),
                    _ => None,
                });
                found.other_names.extend(names);
            }
            LinkAttribute::IfAlias(alias) => found.alias = Some(alias.clone()),
            _ => {}
        }
    }
    found
}

/// The interface that this asks for.
async fn one(request: LinkGetRequest) -> io::Result<Option<Found>> {
    match bounded(request.execute().try_next()).await {
        Ok(message) => Ok(message.as_ref().map(found)),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// That an interface is gone is no error.
fn there(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if !is_gone(&error) => Err(error),
        _ => Ok(()),
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENODEV | libc::ENXIO))
}

#[async_trait]
impl LinkManager for Rtnetlink {
    async fn list(&mut self) -> io::Result<Vec<Found>> {
        let links: Vec<LinkMessage> = bounded(self.0.link().get().execute().try_collect()).await?;
        Ok(links.iter().map(found).collect())
    }

    async fn find(&mut self, name: &str) -> io::Result<Option<Found>> {
        one(self.0.link().get().match_name(name.to_owned())).await
    }

    async fn find_at(&mut self, index: u32) -> io::Result<Option<Found>> {
        one(self.0.link().get().match_index(index)).await
    }

    async fn create(&mut self, wanted: &VirtualLink) -> io::Result<()> {
        let message = LinkMacVlan::new(&wanted.name, wanted.base.index, MacVlanMode::Private)
            .address(wanted.mac.octets().to_vec())
            .build();
        bounded(self.0.link().add(message).execute()).await
    }

    async fn mark(&mut self, link: &Link, alias: &str) -> io::Result<()> {
        let message = LinkUnspec::new_with_index(link.index)
            .append_extra_attribute(LinkAttribute::IfAlias(alias.to_owned()))
            .build();
        bounded(self.0.link().set(message).execute()).await
    }

    async fn add_name(&mut self, link: &Link, name: &str) -> io::Result<()> {
        let request = self.0.link().property_add(link.index);
        bounded(request.alt_ifname(&[name]).execute()).await
    }

    async fn remove_name(&mut self, link: &Link, name: &str) -> io::Result<()> {
        let request = self.0.link().property_del(link.index);
        there(bounded(request.alt_ifname(&[name]).execute()).await)
    }

    async fn set_up(&mut self, link: &Link, up: bool) -> io::Result<()> {
        let message = LinkUnspec::new_with_index(link.index);
        let message = if up { message.up() } else { message.down() };
        bounded(self.0.link().set(message.build()).execute()).await
    }

    async fn delete(&mut self, links: &[Link]) -> io::Result<()> {
        let mut request = match links {
            [] => return Ok(()),
            [link] => self.0.link().del(link.index),
            many => {
                for link in many {
                    let message = LinkUnspec::new_with_index(link.index)
                        .link_group(DOOMED)
                        .build();
                    there(bounded(self.0.link().set(message).execute()).await)?;
                }
                self.0.link().del(0)
            }
        };
        if links.len() > 1 {
            let group = LinkAttribute::Group(DOOMED);
            request.message_mut().attributes.push(group);
        }
        there(bounded(request.execute()).await)
    }

    fn setting(&mut self, interface: &str, setting: Setting) -> io::Result<u32> {
        let text = fs::read_to_string(setting.path(interface))?;
        text.trim()
            .parse()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    fn set(&mut self, interface: &str, setting: Setting, value: u32) -> io::Result<()> {
        fs::write(setting.path(interface), value.to_string())
    }
}
