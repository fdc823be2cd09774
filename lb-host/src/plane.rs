// SPDX-License-Identifier: MIT OR Apache-2.0
//! The port through which changes reach a host.

use std::fmt;
use std::io;

use async_trait::async_trait;

use crate::family::AddressFamily;
use crate::memory::MemoryHost;
use crate::plan::Change;
use crate::reconcile::Applied;

/// Applies changes to a host.
///
/// [`Rtnetlink`](crate::Rtnetlink) is the kernel of the current network namespace, [`MemoryHost`] a
/// host for tests. A program that manages addresses by other means implements the trait itself.
#[async_trait]
pub trait HostPlane: fmt::Debug + Send {
    /// Applies changes in their order, and returns a result for each. Those that the kernel can make at
    /// once, as the removal of several macvlans, may be one request.
    ///
    /// # Errors
    ///
    /// For a change, the answer of the kernel, if an object is not there after it was added, or may still
    /// be there after it was removed. [`io::ErrorKind::Unsupported`] for objects that this host cannot
    /// have.
    async fn apply(&mut self, changes: &[Change]) -> Vec<io::Result<Applied>>;

    /// Checks whether the host can have [shields](crate::HostObject::Shield) of a family, and changes
    /// nothing. A host that does not implement this has none.
    ///
    /// # Errors
    ///
    /// Why the host cannot: [`io::ErrorKind::Unsupported`] if it never can.
    async fn check_shields(&mut self, family: AddressFamily) -> io::Result<()> {
        let _ = family;
        let error = "the program that manages addresses has no packet filter";
        Err(io::Error::new(io::ErrorKind::Unsupported, error))
    }
}

#[async_trait]
impl HostPlane for MemoryHost {
    async fn apply(&mut self, changes: &[Change]) -> Vec<io::Result<Applied>> {
        // Other tasks run while a kernel works.
        tokio::task::yield_now().await;
        let results = changes.iter().map(|change| Self::apply(self, change));
        results.collect()
    }

    async fn check_shields(&mut self, _family: AddressFamily) -> io::Result<()> {
        Ok(())
    }
}
