// SPDX-License-Identifier: MIT OR Apache-2.0
//! Virtual servers: keepalived's `virtual_server`, one IPVS service with its real servers.

use std::fmt::Write as _;
use std::time::Duration;

use lb_ipvs::{Destination, Protocol, Service, ServiceKey};

#[cfg(feature = "config")]
use super::CheckSpec;
use super::real_server::socket_name;
use super::{RealServer, ServerNotify, ServiceGroup};

/// One IPVS service, its real servers and what is done when they fail.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct VirtualServer {
    /// Address or firewall mark, scheduler, persistence and flags.
    pub service: Service,
    /// Further services with the same real servers; none unless given.
    pub group: Option<Box<ServiceGroup>>,
    /// Period of the checks; 60 s unless given.
    pub delay_loop: Duration,
    /// Check only while the virtual address is present on this host.
    pub ha_suspend: bool,
    /// Weight of live real servers at which the service counts as up; 1 unless given.
    pub quorum: u32,
    /// Added to the quorum on the way up and subtracted on the way down; 0 unless given.
    pub hysteresis: u32,
    /// Real servers start down and join when their checks have passed.
    pub alpha: bool,
    /// Stopping counts as losing every real server: their notifications are sent.
    pub omega: bool,
    /// Takes the traffic while the quorum is lost.
    pub sorry_server: Option<Destination>,
    /// The sorry server is always there and has weight 0 while not needed.
    pub sorry_server_inhibit: bool,
    /// A failed real server gets weight 0 instead of being removed; the default of its real servers.
    pub inhibit_on_failure: bool,
    /// Whether a change of quorum is mailed; no unless given.
    pub smtp_alert: bool,
    /// The scripts that gaining and losing the quorum start.
    pub notify: Option<Box<ServerNotify>>,
    /// The real servers, in the order they were given.
    pub real_servers: Vec<RealServer>,
}

impl VirtualServer {
    /// A virtual server without real servers and with every default.
    #[must_use]
    pub fn new(service: Service) -> Self {
        Self {
            service,
            group: None,
            delay_loop: Duration::from_secs(60),
            ha_suspend: false,
            quorum: 1,
            hysteresis: 0,
            alpha: false,
            omega: false,
            sorry_server: None,
            sorry_server_inhibit: false,
            inhibit_on_failure: false,
            smtp_alert: false,
            notify: None,
            real_servers: Vec::new(),
        }
    }

    /// Adds a real server.
    #[must_use]
    pub fn with_real_server(mut self, real_server: RealServer) -> Self {
        self.real_servers.push(real_server);
        self
    }

    /// Sets the period of the checks.
    #[must_use]
    pub fn with_delay_loop(mut self, delay_loop: Duration) -> Self {
        self.delay_loop = delay_loop;
        self
    }

    /// Sets whether checks run only while the virtual address is present on this host.
    #[must_use]
    pub fn with_ha_suspend(mut self, ha_suspend: bool) -> Self {
        self.ha_suspend = ha_suspend;
        self
    }

    /// Sets the quorum and its hysteresis.
    #[must_use]
    pub fn with_quorum(mut self, quorum: u32, hysteresis: u32) -> Self {
        self.quorum = quorum;
        self.hysteresis = hysteresis;
        self
    }

    /// Sets the sorry server.
    #[must_use]
    pub fn with_sorry_server(mut self, destination: Destination) -> Self {
        self.sorry_server = Some(destination);
        self
    }

    /// Sets whether the sorry server is always there, with weight 0 while not needed.
    #[must_use]
    pub fn with_sorry_server_inhibit(mut self, inhibit: bool) -> Self {
        self.sorry_server_inhibit = inhibit;
        self
    }

    /// Sets whether real servers start down.
    #[must_use]
    pub fn with_alpha(mut self, alpha: bool) -> Self {
        self.alpha = alpha;
        self
    }

    /// Sets whether stopping counts as losing every real server.
    #[must_use]
    pub fn with_omega(mut self, omega: bool) -> Self {
        self.omega = omega;
        self
    }

    /// Sets whether a failed real server gets weight 0 instead of being removed.
    #[must_use]
    pub fn with_inhibit_on_failure(mut self, inhibit: bool) -> Self {
        self.inhibit_on_failure = inhibit;
        self
    }

    /// Sets whether a change of quorum is mailed.
    #[must_use]
    pub fn with_smtp_alert(mut self, alert: bool) -> Self {
        self.smtp_alert = alert;
        self
    }

    /// Sets the scripts.
    #[must_use]
    pub fn with_notify(mut self, notify: ServerNotify) -> Self {
        self.notify = Some(Box::new(notify));
        self
    }

    /// The name in logs and mails, as keepalived writes it: `[192.168.1.50]:tcp:80`, `FWM 5`, or
    /// `[web]:0` of a group.
    #[must_use]
    pub fn name(&self) -> String {
        if let Some(group) = &self.group {
            return format!("[{}]:{}", group.name, group.ordinal);
        }
        match self.service.key {
            ServiceKey::Address { protocol, address } => socket_name(address, Some(protocol)),
            ServiceKey::FirewallMark { mark, .. } => {
                let mut name = String::from("FWM ");
                let _ = write!(name, "{mark}");
                name
            }
        }
    }

    /// The names of the tracked files that the checks of its real servers follow.
    #[cfg(feature = "config")]
    pub(crate) fn checked_files(&self) -> impl Iterator<Item = &str> {
        let checks = self.real_servers.iter().flat_map(|real| &real.checks);
        checks.filter_map(CheckSpec::checked_file)
    }

    /// The transport protocol, none if it has firewall marks only.
    #[must_use]
    pub fn protocol(&self) -> Option<Protocol> {
        self.keys().find_map(|key| key.protocol())
    }
}
