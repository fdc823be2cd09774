// SPDX-License-Identifier: MIT OR Apache-2.0
//! Notices that routes or rules of the driver were deleted.

use std::io;
use std::time::Duration;

use lb_host::rtnetlink::{Subject, Watcher};
use nix::libc;
use tracing::warn;

use super::super::buffers::widen;
use super::super::host::OWNER;
use crate::NetlinkBuffer;

/// Time to the next attempt after an error that lasts.
const RETRY: Duration = Duration::from_secs(1);

/// A socket of its own: on a router with many routes their changes must not crowd out those of links and
/// addresses. It receives nothing before there is a route or rule to watch.
#[derive(Debug)]
pub(in crate::driver) struct Watch {
    watcher: Watcher,
    is_subscribed: bool,
}

impl Watch {
    /// Opens the socket, in the network namespace of the calling thread.
    pub(in crate::driver) fn open(buffer: Option<NetlinkBuffer>) -> io::Result<Self> {
        let watcher = Watcher::open()?;
        widen(watcher.socket(), buffer)?;
        Ok(Self {
            watcher,
            is_subscribed: false,
        })
    }

    /// Receives notifications from now on.
    pub(in crate::driver) fn subscribe(&mut self) {
        if std::mem::replace(&mut self.is_subscribed, true) {
            return;
        }
        if let Err(error) = self.watcher.subscribe(Subject::Routing) {
            warn!(%error, "deleted routes and rules are not noticed");
        }
    }

    /// Returns when routes or rules of the driver may have been deleted.
    pub(in crate::driver) async fn disturbed(&mut self) {
        loop {
            match self.watcher.receive().await {
                Ok(notification) if notification.may_delete_routing(OWNER) => return,
                Ok(_) => {}
                // Notifications were lost.
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => return,
                Err(error) => {
                    warn!(%error, "netlink socket failed, trying again");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }
}
