// SPDX-License-Identifier: MIT OR Apache-2.0
//! The port through which packets to virtual addresses are dropped, and who is behind the ports.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use tracing::warn;

use super::address::{AddressManager, Link};
use super::error::AddressError;
use super::spec::RouterSpec;
use super::tracked::ScriptRunner;

/// Drops packets to virtual addresses whose routers do not accept them (`Accept_Mode` false,
/// RFC 9568 §6.1; `no_accept` in keepalived).
///
/// The driver calls it from one task, one address at a time: [`shield`](Self::shield) before an
/// address is put on its interface, [`unshield`](Self::unshield) after it was taken away. There is
/// no implementation in this crate; a program gives its own to
/// [`Driver::start_with`](super::Driver::start_with).
#[async_trait]
pub trait PacketFilter: fmt::Debug + Send {
    /// Drops what is sent to `address`, which is or will be on `link`, but for what resolves it:
    /// neighbour solicitations and advertisements must pass (RFC 9568 §6.4.3). That it is done
    /// already is no error.
    ///
    /// # Errors
    ///
    /// [`AddressError`] if packets to the address may pass. The driver puts the address on its
    /// interface all the same, and tries again every second.
    async fn shield(&mut self, link: &Link, address: IpAddr) -> Result<(), AddressError>;

    /// Lets packets to `address` pass again. That nothing is in their way, or that the interface is
    /// gone, is no error.
    ///
    /// # Errors
    ///
    /// [`AddressError`] if packets may still be dropped.
    async fn unshield(&mut self, link: &Link, address: IpAddr) -> Result<(), AddressError>;
}

/// What does the driver's work outside the protocol, where it is not the driver itself.
///
/// ```
/// use lb_vrrp::driver::Ports;
///
/// let ports = Ports::default();
/// assert!(ports.filter.is_none(), "packets to the addresses are accepted");
/// ```
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Ports {
    /// Puts addresses on interfaces; without one, rtnetlink does.
    pub addresses: Option<Box<dyn AddressManager>>,
    /// Drops packets to addresses; without one they are accepted, with a warning at start.
    pub filter: Option<Box<dyn PacketFilter>>,
    /// Runs tracked scripts; without one, [`CommandRunner`](super::CommandRunner) does.
    pub scripts: Option<Arc<dyn ScriptRunner>>,
}

impl Ports {
    /// Has `addresses` put addresses on interfaces.
    #[must_use]
    pub fn with_addresses(mut self, addresses: Box<dyn AddressManager>) -> Self {
        self.addresses = Some(addresses);
        self
    }

    /// Has `filter` drop packets to the addresses of routers that do not accept them.
    #[must_use]
    pub fn with_filter(mut self, filter: Box<dyn PacketFilter>) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Has `scripts` run the scripts of tracked objects.
    #[must_use]
    pub fn with_scripts(mut self, scripts: Arc<dyn ScriptRunner>) -> Self {
        self.scripts = Some(scripts);
        self
    }
}

impl From<Box<dyn AddressManager>> for Ports {
    fn from(addresses: Box<dyn AddressManager>) -> Self {
        Self::default().with_addresses(addresses)
    }
}

/// Says which routers accept packets though they should not, where nobody drops them.
pub(super) fn warn_of_unshielded(specs: &[RouterSpec]) {
    for spec in specs.iter().filter(|spec| !spec.config.accept()) {
        warn!(
            instance = %spec.name, vrid = %spec.config.vrid(),
            "packets to the virtual addresses are accepted all the same: there is no packet filter \
             to drop them"
        );
    }
}
