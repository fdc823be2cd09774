// SPDX-License-Identifier: MIT OR Apache-2.0
//! The work of the driver that a program that embeds it can do itself.

use std::sync::Arc;

use lb_host::HostPlane;

use super::tracked::ScriptRunner;

/// The work outside the protocol that the program does instead of the driver.
///
/// ```
/// use lb_vrrp::driver::Ports;
///
/// let ports = Ports::default();
/// assert!(ports.host.is_none(), "the driver changes the kernel itself");
/// ```
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Ports {
    /// Adds and removes addresses, routes and macvlans; without one, rtnetlink does. A host that
    /// [can have shields](HostPlane::check_shields) drops packets to the addresses of routers that do not
    /// accept them (`Accept_Mode` false, RFC 9568 §6.1; `no_accept` in keepalived); otherwise they are
    /// accepted, and an [event](super::Event::ShieldsUnavailable) reports that.
    pub host: Option<Box<dyn HostPlane>>,
    /// Runs tracked scripts; without one, [`CommandRunner`](super::CommandRunner) does.
    pub scripts: Option<Arc<dyn ScriptRunner>>,
}

impl Ports {
    /// Has `host` add and remove addresses.
    #[must_use]
    pub fn with_host(mut self, host: Box<dyn HostPlane>) -> Self {
        self.host = Some(host);
        self
    }

    /// Has `scripts` run the scripts of tracked objects.
    #[must_use]
    pub fn with_scripts(mut self, scripts: Arc<dyn ScriptRunner>) -> Self {
        self.scripts = Some(scripts);
        self
    }
}

impl From<Box<dyn HostPlane>> for Ports {
    fn from(host: Box<dyn HostPlane>) -> Self {
        Self::default().with_host(host)
    }
}
