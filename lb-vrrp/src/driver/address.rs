// SPDX-License-Identifier: MIT OR Apache-2.0
//! The port through which virtual addresses reach interfaces, and its rtnetlink implementation.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use nix::libc;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{
    AddressAttribute, AddressFlags, AddressMessage, AddressProtocol, AddressScope, CacheInfo,
};

use super::error::{AddressError, AddressOperation};
use super::routing::RouteManager;
use crate::{AddressFlag, VirtualAddress};

/// Marks addresses that a virtual router added (`IFA_PROTO`, Linux 5.18 and later; `proto` in
/// `ip address`): VRRP's IP protocol number.
pub const ADDRESS_PROTOCOL: u8 = 112;

/// How long the kernel may take for one address.
const LIMIT: Duration = Duration::from_secs(5);

/// An interface as the kernel knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Link {
    /// Index (`ip link` shows it first).
    pub index: u32,
    /// Name.
    pub name: String,
}

impl Link {
    /// Names an interface.
    pub fn new(index: u32, name: impl Into<String>) -> Self {
        Self {
            index,
            name: name.into(),
        }
    }
}

/// What adding an address did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Added {
    /// The interface had it already.
    AlreadyPresent,
    /// It was not there before.
    Created,
}

/// Puts virtual addresses on interfaces and takes them away.
///
/// The driver calls it from one task, one address at a time. A program that manages addresses by
/// other means (a router's own control plane, a test) gives its own to
/// [`Driver::start_with`](super::Driver::start_with).
#[async_trait]
pub trait AddressManager: fmt::Debug + Send {
    /// Adds `address` to `link`. That it is there already is no error.
    ///
    /// # Errors
    ///
    /// [`AddressError`] if the address is not on the interface afterwards.
    async fn add(&mut self, link: &Link, address: &VirtualAddress) -> Result<Added, AddressError>;

    /// Removes `address` from `link`. That address or interface are missing is no error.
    ///
    /// # Errors
    ///
    /// [`AddressError`] if the address may still be there.
    async fn remove(&mut self, link: &Link, address: &VirtualAddress) -> Result<(), AddressError>;

    /// What adds routes and rules, if anything does; without it those of a router fail.
    fn routes(&mut self) -> Option<&mut dyn RouteManager> {
        None
    }
}

/// Addresses by rtnetlink: `ip address add` and `ip address delete`.
pub struct Rtnetlink {
    handle: rtnetlink::Handle,
    /// Cleared when the kernel turns out not to know `IFA_PROTO`.
    protocol: bool,
}

impl fmt::Debug for Rtnetlink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rtnetlink")
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

impl Rtnetlink {
    pub(super) const fn new(handle: rtnetlink::Handle) -> Self {
        Self {
            handle,
            protocol: true,
        }
    }

    pub(super) const fn handle(&self) -> &rtnetlink::Handle {
        &self.handle
    }

    async fn try_add(&self, message: AddressMessage, address: IpAddr) -> io::Result<()> {
        let mut request =
            self.handle
                .address()
                .add(message.header.index, address, message.header.prefix_len);
        *request.message_mut() = message;
        bounded(request.execute()).await
    }
}

/// What `ip address` would send. `IFA_ADDRESS` is the peer's where there is one.
fn message(link: &Link, address: &VirtualAddress) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.index = link.index;
    message.header.prefix_len = address.prefix_len;
    message.header.family = match address.address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    message.attributes = vec![
        AddressAttribute::Local(address.address),
        AddressAttribute::Address(address.peer.unwrap_or(address.address)),
    ];
    message
}

/// A `message` that adds the address.
pub(super) fn addition(link: &Link, address: &VirtualAddress, protocol: bool) -> AddressMessage {
    let mut message = message(link, address);
    message.header.scope = AddressScope::from(address.scope.get());
    if let Some(broadcast) = address.broadcast {
        message
            .attributes
            .push(AddressAttribute::Broadcast(broadcast));
    }
    if let Some(label) = &address.label {
        message
            .attributes
            .push(AddressAttribute::Label(label.clone()));
    }
    if address.address.is_ipv6() {
        // As keepalived does: no connection of this host's own begins from it.
        let host = (address.prefix_len == 128).then_some(0);
        if let Some(preferred) = address.preferred_lifetime.or(host) {
            let mut lifetimes = CacheInfo::default();
            lifetimes.ifa_preferred = preferred;
            lifetimes.ifa_valid = u32::MAX;
            message
                .attributes
                .push(AddressAttribute::CacheInfo(lifetimes));
        }
    }
    let flags = flags(address);
    if !flags.is_empty() {
        message.attributes.push(AddressAttribute::Flags(flags));
    }
    if protocol {
        message
            .attributes
            .push(AddressAttribute::Protocol(AddressProtocol::Other(
                ADDRESS_PROTOCOL,
            )));
    }
    message
}

fn flags(address: &VirtualAddress) -> AddressFlags {
    let mut flags = AddressFlags::empty();
    for flag in &address.flags {
        flags |= match flag {
            AddressFlag::Home => AddressFlags::Homeaddress,
            AddressFlag::ManageTemporary => AddressFlags::Managetempaddr,
            AddressFlag::NoPrefixRoute => AddressFlags::Noprefixroute,
            AddressFlag::AutoJoin => AddressFlags::Mcautojoin,
            AddressFlag::DetectDuplicates => AddressFlags::empty(),
        };
    }
    // A takeover must not wait for duplicate address detection.
    if address.address.is_ipv6() && !address.flags.contains(&AddressFlag::DetectDuplicates) {
        flags |= AddressFlags::Nodad;
    }
    flags
}

#[async_trait]
impl AddressManager for Rtnetlink {
    async fn add(&mut self, link: &Link, address: &VirtualAddress) -> Result<Added, AddressError> {
        let failed =
            |source| AddressError::new(AddressOperation::Add, address.address, &link.name, source);
        let mut result = self
            .try_add(addition(link, address, self.protocol), address.address)
            .await;
        let refused = |error: &io::Error| {
            matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EOPNOTSUPP))
        };
        if self.protocol && result.as_ref().is_err_and(refused) {
            result = self
                .try_add(addition(link, address, false), address.address)
                .await;
            self.protocol = result.is_err();
        }
        match result {
            Ok(()) => Ok(Added::Created),
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => Ok(Added::AlreadyPresent),
            Err(error) => Err(failed(error)),
        }
    }

    async fn remove(&mut self, link: &Link, address: &VirtualAddress) -> Result<(), AddressError> {
        let request = self.handle.address().del(message(link, address));
        match bounded(request.execute()).await {
            Ok(()) => Ok(()),
            Err(error)
                if matches!(
                    error.raw_os_error(),
                    Some(libc::EADDRNOTAVAIL | libc::ENODEV | libc::ENXIO)
                ) =>
            {
                Ok(())
            }
            Err(source) => Err(AddressError::new(
                AddressOperation::Remove,
                address.address,
                &link.name,
                source,
            )),
        }
    }

    fn routes(&mut self) -> Option<&mut dyn RouteManager> {
        Some(self)
    }
}

/// Waits for an answer of the kernel, and not forever.
pub(super) async fn bounded<T>(
    request: impl Future<Output = Result<T, rtnetlink::Error>>,
) -> io::Result<T> {
    match tokio::time::timeout(LIMIT, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(io_error(error)),
        Err(_elapsed) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// The kernel's error number where there is one.
pub(super) fn io_error(error: rtnetlink::Error) -> io::Error {
    match error {
        rtnetlink::Error::NetlinkError(message) => message.to_io(),
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::Scope;

    #[test]
    fn an_addition_carries_all_that_the_address_line_says() {
        let address = VirtualAddress::new(Ipv4Addr::new(192, 168, 1, 50).into())
            .with_prefix_len(24)
            .with_broadcast(Ipv4Addr::new(192, 168, 1, 255))
            .with_scope(Scope::LINK)
            .with_label("eth0:vip");
        let message = addition(&Link::new(3, "eth0"), &address, true);
        assert_eq!(message.header.index, 3);
        assert_eq!(message.header.prefix_len, 24);
        assert_eq!(message.header.scope, AddressScope::Link);
        for attribute in [
            AddressAttribute::Local(address.address),
            AddressAttribute::Broadcast(Ipv4Addr::new(192, 168, 1, 255)),
            AddressAttribute::Label("eth0:vip".to_owned()),
            AddressAttribute::Protocol(AddressProtocol::Other(112)),
        ] {
            assert!(
                message.attributes.contains(&attribute),
                "{attribute:?} is missing"
            );
        }
        let without = addition(&Link::new(3, "eth0"), &address, false);
        assert_eq!(without.attributes.len() + 1, message.attributes.len());
    }
}
