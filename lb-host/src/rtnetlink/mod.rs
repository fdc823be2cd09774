// SPDX-License-Identifier: MIT OR Apache-2.0
//! The objects of the kernel, over rtnetlink.

mod address;
mod link;
mod route;
mod rule;
mod same;
mod stale;
mod watch;

pub use self::address::local_address;
pub use self::link::{FoundLink, ipvlan_base, macvlan_base};
pub use self::stale::Kept;
pub use self::watch::{KernelMessages, Subject, Watcher};

use std::fmt;
use std::future::Future;
use std::io;
use std::time::Duration;

use async_trait::async_trait;

use self::link::{Links, removed_virtual_links};
use crate::family::AddressFamily;
use crate::nftables::{self, Filter};
use crate::object::{HostObject, Owner, Shield};
use crate::plan::{Change, Group};
use crate::plane::HostPlane;
use crate::reconcile::Applied;

/// How long the kernel may take for one request.
const LIMIT: Duration = Duration::from_secs(5);

/// Changes the kernel of a network namespace, as `ip address`, `ip route`, `ip rule`, `ip link` and
/// sysctl(8) do. Objects carry the mark of an owner, addresses only where the kernel knows `IFA_PROTO`.
pub struct Rtnetlink {
    handle: rtnetlink::Handle,
    owner: Owner,
    /// Cleared when the kernel turns out not to know `IFA_PROTO`.
    marks_addresses: bool,
    links: Links,
    filter: Filter,
}

impl fmt::Debug for Rtnetlink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rtnetlink")
            .field("owner", &self.owner)
            .field("marks_addresses", &self.marks_addresses)
            .finish_non_exhaustive()
    }
}

impl Rtnetlink {
    /// Connects to the kernel in the network namespace of the calling thread, which is in a tokio
    /// runtime.
    ///
    /// # Errors
    ///
    /// The kernel's refusal of a socket.
    pub fn connect(owner: Owner) -> io::Result<Self> {
        let (connection, handle, _) = rtnetlink::new_connection()?;
        // Ends when the last handle is dropped.
        tokio::spawn(connection);
        Ok(Self::new(handle, owner))
    }

    /// Changes the network namespace that `handle` was opened in.
    #[doc(hidden)]
    #[must_use]
    pub fn new(handle: rtnetlink::Handle, owner: Owner) -> Self {
        Self {
            handle,
            owner,
            marks_addresses: true,
            links: Links::new(owner),
            filter: Filter::new(owner.name),
        }
    }

    async fn apply_one(&mut self, change: &Change) -> io::Result<Applied> {
        match change {
            Change::Add(HostObject::Address(address)) => self.add_address(address).await,
            Change::Remove(HostObject::Address(address)) => self.remove_address(address).await,
            Change::Add(HostObject::Routing(entry)) => self.add_routing(entry).await,
            Change::Remove(HostObject::Routing(entry)) => self.remove_routing(entry).await,
            Change::Add(HostObject::VirtualLink(link)) => self.add_virtual_link(link).await,
            Change::Add(HostObject::LinkUp(link)) => self.set_link_up(link).await,
            Change::Remove(HostObject::LinkUp(link)) => self.set_link_down(link).await,
            Change::Add(HostObject::Setting(setting)) => self.add_setting(setting).await,
            Change::Remove(HostObject::Setting(setting)) => self.remove_setting(setting).await,
            // These are applied in groups.
            Change::Add(HostObject::Shield(_))
            | Change::Remove(HostObject::Shield(_) | HostObject::VirtualLink(_)) => {
                Err(io::ErrorKind::Unsupported.into())
            }
        }
    }
}

#[async_trait]
impl HostPlane for Rtnetlink {
    async fn apply(&mut self, changes: &[Change]) -> Vec<io::Result<Applied>> {
        let mut results = Vec::with_capacity(changes.len());
        for group in changes.chunk_by(|one, next| one.group() == next.group()) {
            match group.first().and_then(Change::group) {
                Some(Group::RemovedVirtualLinks) => {
                    let links = removed_virtual_links(group);
                    results.extend(self.remove_virtual_links(&links).await);
                }
                Some(Group::AddedShields) => results.extend(self.filter.add(&shields(group)).await),
                Some(Group::RemovedShields) => {
                    results.extend(self.filter.remove(&shields(group)).await);
                }
                None => {
                    for change in group {
                        results.push(self.apply_one(change).await);
                    }
                }
            }
        }
        results
    }

    async fn check_shields(&mut self, family: AddressFamily) -> io::Result<()> {
        nftables::check(family).await
    }
}

/// The shields that a group of changes adds or removes.
fn shields(group: &[Change]) -> Vec<&Shield> {
    let objects = group.iter().map(Change::object);
    objects
        .filter_map(|object| match object {
            HostObject::Shield(shield) => Some(&**shield),
            _ => None,
        })
        .collect()
}

/// Waits for an answer of the kernel, for a limited time.
///
/// # Errors
///
/// The error number of the kernel, or [`io::ErrorKind::TimedOut`].
#[doc(hidden)]
pub async fn bounded<T>(
    request: impl Future<Output = Result<T, rtnetlink::Error>>,
) -> io::Result<T> {
    match tokio::time::timeout(LIMIT, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(io_error(error)),
        Err(_elapsed) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// The kernel's error number where there is one.
#[doc(hidden)]
#[must_use]
pub fn io_error(error: rtnetlink::Error) -> io::Error {
    match error {
        rtnetlink::Error::NetlinkError(message) => message.to_io(),
        other => io::Error::other(other),
    }
}
