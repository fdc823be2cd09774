// SPDX-License-Identifier: MIT OR Apache-2.0
//! The addresses of this host, followed by route netlink: `ha_suspend` depends on them.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use lb_host::rtnetlink::{KernelMessages, Subject, Watcher, io_error, local_address};
use nix::libc;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::supervise::supervised;

/// Time to wait for further events after one: a takeover adds many addresses at once.
const SETTLE: Duration = Duration::from_millis(20);
/// A lost netlink connection is tried again after this long.
const RETRY: Duration = Duration::from_secs(1);

/// The addresses of this host, and the task that follows them until this is dropped.
#[derive(Debug)]
pub(super) struct AddressMonitor {
    present: watch::Receiver<BTreeSet<IpAddr>>,
    _task: AbortOnDropHandle<()>,
}

impl AddressMonitor {
    /// Reads the addresses, and follows them from then on.
    ///
    /// # Errors
    /// When route netlink cannot be opened or refuses the dump.
    pub(super) async fn start() -> Result<Self, AddressError> {
        let (sender, present) = watch::channel(local_addresses().await?);
        let task = tokio::spawn(async move {
            supervised("address monitor", || watch_addresses(&sender)).await;
        });
        Ok(Self {
            present,
            _task: AbortOnDropHandle::new(task),
        })
    }

    /// The addresses as they are known now.
    pub(super) fn present(&mut self) -> BTreeSet<IpAddr> {
        self.present.borrow_and_update().clone()
    }

    async fn changed(&mut self) -> BTreeSet<IpAddr> {
        if self.present.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        self.present()
    }
}

/// The addresses after their next change; never returns without a monitor.
pub(super) async fn next_addresses(monitor: &mut Option<AddressMonitor>) -> BTreeSet<IpAddr> {
    match monitor {
        Some(monitor) => monitor.changed().await,
        None => std::future::pending().await,
    }
}

/// Follows the host's addresses until the receiver of `present` is gone.
async fn watch_addresses(present: &watch::Sender<BTreeSet<IpAddr>>) {
    while !present.is_closed() {
        if let Err(error) = follow(present).await {
            tracing::warn!(%error, "address monitor lost, trying again");
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Uses one netlink connection: dumps the addresses, and again after each change.
///
/// A change is an occasion to read the whole list, never a difference to apply: an overrun socket
/// then loses nothing.
async fn follow(present: &watch::Sender<BTreeSet<IpAddr>>) -> Result<(), AddressError> {
    let mut watcher = Watcher::open().map_err(AddressError::Open)?;
    watcher
        .subscribe(Subject::Addresses)
        .map_err(AddressError::Open)?;
    let (connection, handle, _) = rtnetlink::new_connection().map_err(AddressError::Open)?;
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    loop {
        let addresses = dump(&handle).await?;
        present.send_if_modified(|old| {
            let changed = *old != addresses;
            *old = addresses;
            changed
        });
        tokio::select! {
            received = watcher.receive() => check(received)?,
            () = present.closed() => return Ok(()),
        }
        tokio::time::sleep(SETTLE).await;
        while let Some(received) = watcher.try_receive().transpose() {
            check(received)?;
        }
    }
}

/// Notifications that were lost are an occasion to read the list like any other.
fn check(received: io::Result<KernelMessages>) -> Result<(), AddressError> {
    match received {
        Err(error) if error.raw_os_error() != Some(libc::ENOBUFS) => {
            Err(AddressError::Receive(error))
        }
        _ => Ok(()),
    }
}

/// Reads the host's addresses once.
///
/// # Errors
/// When route netlink cannot be opened or refuses the dump.
async fn local_addresses() -> Result<BTreeSet<IpAddr>, AddressError> {
    let (connection, handle, _) = rtnetlink::new_connection().map_err(AddressError::Open)?;
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    dump(&handle).await
}

async fn dump(handle: &rtnetlink::Handle) -> Result<BTreeSet<IpAddr>, AddressError> {
    let mut found = BTreeSet::new();
    let mut messages = handle.address().get().execute();
    while let Some(message) = messages.try_next().await.map_err(dump_error)? {
        found.extend(local_address(&message));
    }
    Ok(found)
}

fn dump_error(error: rtnetlink::Error) -> AddressError {
    AddressError::Dump(io_error(error))
}

/// Route netlink failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// The socket could not be opened.
    #[error("cannot open route netlink")]
    Open(#[source] io::Error),
    /// The socket failed.
    #[error("cannot receive from route netlink")]
    Receive(#[source] io::Error),
    /// The list of addresses could not be read.
    #[error("cannot read the addresses of this host")]
    Dump(#[source] io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn loopback_is_among_the_local_addresses() {
        let mut monitor = AddressMonitor::start().await.unwrap();
        let addresses = monitor.present();
        assert!(
            addresses.contains(&IpAddr::from([127, 0, 0, 1])),
            "{addresses:?}"
        );
    }
}
