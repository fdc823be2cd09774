// SPDX-License-Identifier: MIT OR Apache-2.0
//! The target of a probe, and the source of its packets.

use std::fmt;
use std::net::SocketAddr;

use crate::SourcePorts;

/// The destination of a probe, and the source of its packets.
///
/// The target is apart from the check: the same [`HealthCheck`](crate::HealthCheck) value may be
/// used for many targets, and two equal targets with an equal check are probed once.
///
/// ```
/// use lb_check::Target;
///
/// let target = Target::new("192.0.2.61:80".parse()?)
///     .with_source("192.0.2.16:0".parse()?)
///     .with_mark(7);
/// assert_eq!(target.to_string(), "192.0.2.61:80 from 192.0.2.16:0 mark 7");
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub struct Target {
    /// Address and port to probe: `connect_ip` and `connect_port`, else those of the real server.
    pub address: SocketAddr,
    /// Address and port to bind before connecting (`bindto`, `bind_port`); port 0 = any.
    pub source: Option<SocketAddr>,
    /// Firewall mark for the probe's packets (`fwmark`, the socket option `SO_MARK`).
    pub mark: Option<u32>,
    /// Interface to bind the socket to (`bind_if`, the socket option `SO_BINDTODEVICE`).
    pub device: Option<String>,
    /// Ports to bind where that of [`source`](Self::source) is 0; the kernel chooses unless given.
    pub source_ports: Option<SourcePorts>,
}

impl Target {
    /// A target without source, mark or device.
    #[must_use]
    pub const fn new(address: SocketAddr) -> Self {
        Self {
            address,
            source: None,
            mark: None,
            device: None,
            source_ports: None,
        }
    }

    /// Binds probes to `source`; port 0 lets the kernel choose. Keepalived's `bindto`, `bind_port`.
    #[must_use]
    pub const fn with_source(mut self, source: SocketAddr) -> Self {
        self.source = Some(source);
        self
    }

    /// Binds each connection to the next of these ports, where the source has none.
    #[must_use]
    pub fn with_source_ports(mut self, ports: SourcePorts) -> Self {
        self.source_ports = Some(ports);
        self
    }

    /// Marks the probe's packets. Keepalived's `fwmark`.
    #[must_use]
    pub const fn with_mark(mut self, mark: u32) -> Self {
        self.mark = Some(mark);
        self
    }

    /// Binds probes to an interface. Keepalived's `bind_if`.
    #[must_use]
    pub fn with_device(mut self, device: impl Into<String>) -> Self {
        self.device = Some(device.into());
        self
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)?;
        if let Some(source) = self.source {
            write!(f, " from {source}")?;
        }
        if let Some(device) = &self.device {
            write!(f, " dev {device}")?;
        }
        if let Some(mark) = self.mark {
            write!(f, " mark {mark}")?;
        }
        Ok(())
    }
}
