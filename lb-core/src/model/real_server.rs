// SPDX-License-Identifier: MIT OR Apache-2.0
//! Real servers and their checks: keepalived's `real_server`.

#[cfg(feature = "checks")]
use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
#[cfg(feature = "checks")]
use std::time::Duration;

#[cfg(feature = "config")]
use lb_check::FileCheck;
use lb_check::{HealthCheck, Policy, ProbeSpec, Target};
#[cfg(feature = "checks")]
use lb_check::{HttpGet, Script, TcpCheck, Url};
use lb_ipvs::{Destination, Protocol};

use super::{PendingCheck, ServerNotify};

/// One IPVS destination and the checks that must all pass for it to take traffic.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RealServer {
    /// Address, forwarding method, weight and thresholds.
    pub destination: Destination,
    /// On failure the weight becomes 0 instead of the destination being removed.
    pub inhibit_on_failure: bool,
    /// Starts down and joins when its checks have passed.
    pub alpha: bool,
    /// Whether a change of health is mailed; yes unless given.
    pub smtp_alert: bool,
    /// The scripts that changes of health start.
    pub notify: Option<Box<ServerNotify>>,
    /// All must pass; without any the real server is always up.
    pub checks: Vec<CheckSpec>,
    /// Checks that this version does not run; the real server is treated as if they passed.
    pub pending_checks: Box<[PendingCheck]>,
}

impl RealServer {
    /// A real server without checks and with every default.
    #[must_use]
    pub fn new(destination: Destination) -> Self {
        Self {
            destination,
            inhibit_on_failure: false,
            alpha: false,
            smtp_alert: true,
            notify: None,
            checks: Vec::new(),
            pending_checks: Box::default(),
        }
    }

    /// Adds a check.
    #[must_use]
    pub fn with_check(mut self, check: CheckSpec) -> Self {
        self.checks.push(check);
        self
    }

    /// Sets whether a failure gives weight 0 instead of removal.
    #[must_use]
    pub fn with_inhibit_on_failure(mut self, inhibit: bool) -> Self {
        self.inhibit_on_failure = inhibit;
        self
    }

    /// Sets whether it starts down.
    #[must_use]
    pub fn with_alpha(mut self, alpha: bool) -> Self {
        self.alpha = alpha;
        self
    }

    /// Sets whether a change of health is mailed.
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

    /// The name in logs, mails and FIFOs, as keepalived writes it: `[192.168.1.61]:tcp:80`. The protocol
    /// is that of the virtual server; for a firewall mark it is `none`.
    #[must_use]
    pub fn name(&self, protocol: Option<Protocol>) -> String {
        socket_name(self.destination.address, protocol)
    }
}

/// One check of one real server: what to do, where, and how often.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CheckSpec {
    /// Kind of the check, as the configuration names it: `HTTP_GET`.
    pub kind: Arc<str>,
    /// The check, its target, and its period, retries and delays. Probes with an equal identity, target
    /// and policy run once for all. Equal checks and policies of a configuration file are shared.
    pub probe: Arc<ProbeSpec>,
    /// The real server is down until this check has passed once.
    pub alpha: bool,
    /// Every failed try is worth a line in the log, not only the one that decides.
    pub log_all_failures: bool,
    /// The target is the virtual address: a probe takes the way of a client's packets, by the forwarding
    /// method of the real server.
    pub via_vip: bool,
}

impl CheckSpec {
    /// A check of `target` under `policy`.
    pub fn new(
        check: Arc<dyn HealthCheck>,
        target: Target,
        policy: impl Into<Arc<Policy>>,
    ) -> Self {
        Self {
            kind: check.kind().into(),
            probe: Arc::new(ProbeSpec::new(check, target, policy)),
            alpha: false,
            log_all_failures: false,
            via_vip: false,
        }
    }

    /// Connects to `address`, within `timeout` (`TCP_CHECK`), under the default policy.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lb_core::check::Policy;
    /// use lb_core::model::{CheckSpec, RealServer};
    /// use lb_core::ipvs::Destination;
    ///
    /// let destination = Destination::new("192.0.2.61:80".parse()?);
    /// let check = CheckSpec::tcp(destination.address, Duration::from_secs(3))
    ///     .with_policy(Policy::default().with_interval(Duration::from_secs(5)));
    /// assert_eq!(RealServer::new(destination).with_check(check).checks[0].kind.as_ref(), "TCP_CHECK");
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    #[cfg(feature = "checks")]
    #[must_use]
    pub fn tcp(address: SocketAddr, timeout: Duration) -> Self {
        Self::builtin(TcpCheck::new(timeout), address)
    }

    /// Fetches pages from `address`, each step within `step_timeout` (`HTTP_GET`), under the default policy.
    #[cfg(feature = "checks")]
    pub fn http(
        address: SocketAddr,
        urls: impl IntoIterator<Item = Url>,
        step_timeout: Duration,
    ) -> Self {
        Self::builtin(HttpGet::new(urls, step_timeout), address)
    }

    /// Runs a program for the real server at `address`, within `timeout` (`MISC_CHECK`), under the default
    /// policy.
    #[cfg(feature = "checks")]
    pub fn script<A: Into<OsString>>(
        address: SocketAddr,
        argv: impl IntoIterator<Item = A>,
        timeout: Duration,
    ) -> Self {
        Self::builtin(Script::new(argv, timeout), address)
    }

    #[cfg(feature = "checks")]
    fn builtin(check: impl HealthCheck + 'static, address: SocketAddr) -> Self {
        Self::new(Arc::new(check), Target::new(address), Policy::default())
    }

    /// Sets how often the target is probed and what makes a verdict.
    #[must_use]
    pub fn with_policy(mut self, policy: impl Into<Arc<Policy>>) -> Self {
        Arc::make_mut(&mut self.probe).policy = policy.into();
        self
    }

    /// Sets whether the real server is down until this check has passed once.
    #[must_use]
    pub fn with_alpha(mut self, alpha: bool) -> Self {
        self.alpha = alpha;
        self
    }

    /// Has probes go to a virtual address, through the forwarding method of the real server: they fail if the
    /// real server has no such address, does not answer from it, or has no tunnel. For direct routing and
    /// tunnels.
    #[must_use]
    pub fn with_via_vip(mut self, virtual_address: IpAddr) -> Self {
        self.via_vip = true;
        Arc::make_mut(&mut self.probe)
            .target
            .address
            .set_ip(virtual_address);
        self
    }

    /// Whether a program pushes the state that the check follows: it has neither target nor schedule.
    #[cfg(feature = "config")]
    pub(crate) fn follows_input(&self) -> bool {
        self.probe.check.input().is_some()
    }

    /// The name of the tracked file that the check follows, if it follows one.
    #[cfg(feature = "config")]
    pub(crate) fn checked_file(&self) -> Option<&str> {
        let input = self.probe.check.input()?;
        (input.kind() == FileCheck::SOURCE).then(|| input.name())
    }

    /// Whether the same is done, at the same place and as often.
    pub(crate) fn probes_as(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.probe.check == other.probe.check
            && self.probe.target == other.probe.target
            && self.probe.policy == other.probe.policy
            && self.via_vip == other.via_vip
    }
}

/// Equal when they would do the same: the trait object is compared by its identity.
impl PartialEq for CheckSpec {
    fn eq(&self, other: &Self) -> bool {
        self.probes_as(other)
            && self.alpha == other.alpha
            && self.log_all_failures == other.log_all_failures
    }
}

/// `[ADDRESS]:protocol:port`; the protocol of a firewall mark is `none`.
pub(super) fn socket_name(address: SocketAddr, protocol: Option<Protocol>) -> String {
    let mut name = String::with_capacity(32);
    let _ = write!(name, "[{}]:", address.ip());
    match protocol {
        Some(Protocol::Tcp) => name.push_str("tcp:"),
        Some(Protocol::Udp) => name.push_str("udp:"),
        Some(Protocol::Sctp) => name.push_str("sctp:"),
        Some(other) => {
            let _ = write!(name, "{other}:");
        }
        None => name.push_str("none:"),
    }
    let _ = write!(name, "{}", address.port());
    name
}
