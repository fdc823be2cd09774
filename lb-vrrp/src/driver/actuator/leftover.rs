// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addresses that were there before us.

use std::sync::Arc;

use tracing::{error, info};

use super::super::address::{AddressManager, Link};
use super::super::error::AddressError;
use super::super::links::Interfaces;
use super::Actuator;
use crate::VirtualAddress;

impl Actuator {
    /// Removes what was there before a router that a reload added.
    pub(super) async fn clean(&mut self) {
        for (link, address) in self.mailbox.take_leftovers() {
            let key = (link.index, address.address);
            if self.held.contains_key(&key) || self.statics.holds(&key) {
                continue;
            }
            info!(
                ifname = %link.name, address = %address.address, prefix = address.prefix_len,
                "removing left-over virtual address"
            );
            if let Err(error) = self.manager.remove(&link, &address).await {
                error!(
                    ifname = %error.interface, address = %error.address, error = %error.source,
                    "left-over virtual address not removed"
                );
            }
        }
    }
}

/// Removes what a predecessor that crashed left behind: our addresses, at the prefix they are to
/// have or with our mark on them. An address owner's stay, they are its own.
pub(in crate::driver) async fn remove_leftovers(
    manager: &mut dyn AddressManager,
    interfaces: &Interfaces,
    addresses: impl Iterator<Item = (Arc<str>, Link, VirtualAddress)>,
) -> Result<(), AddressError> {
    for (router, link, address) in addresses {
        for present in interfaces.leftovers(&link, &address) {
            info!(
                instance = %router, ifname = %link.name, address = %address.address,
                prefix = present, "removing left-over virtual address"
            );
            let address = address.clone().with_prefix_len(present);
            manager.remove(&link, &address).await?;
        }
        // Also asked for when there is nothing to remove: a missing capability shows at once.
        manager.remove(&link, &address).await?;
    }
    Ok(())
}
