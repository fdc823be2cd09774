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
/// assert_eq!(target.mark(), Some(7));
/// assert_eq!(target.to_string(), "192.0.2.61:80 from 192.0.2.16:0 mark 7");
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub struct Target {
    /// Address and port to probe: `connect_ip` and `connect_port`, else those of the real server.
    pub address: SocketAddr,
    /// What few of thousands of targets have; `None` = nothing of it.
    origin: Option<Box<Origin>>,
}

/// The source of a probe's packets.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
struct Origin {
    source: Option<SocketAddr>,
    mark: Option<u32>,
    device: Option<String>,
    source_ports: Option<SourcePorts>,
}

impl Target {
    /// A target without source, mark or device.
    #[must_use]
    pub const fn new(address: SocketAddr) -> Self {
        Self {
            address,
            origin: None,
        }
    }

    /// Binds probes to `source`; port 0 lets the kernel choose. Keepalived's `bindto`, `bind_port`.
    #[must_use]
    pub fn with_source(mut self, source: SocketAddr) -> Self {
        self.origin_mut().source = Some(source);
        self
    }

    /// Binds each connection to the next of these ports, where the source has none.
    #[must_use]
    pub fn with_source_ports(mut self, ports: SourcePorts) -> Self {
        self.origin_mut().source_ports = Some(ports);
        self
    }

    /// Marks the probe's packets. Keepalived's `fwmark`.
    #[must_use]
    pub fn with_mark(mut self, mark: u32) -> Self {
        self.origin_mut().mark = Some(mark);
        self
    }

    /// Binds probes to an interface. Keepalived's `bind_if`.
    #[must_use]
    pub fn with_device(mut self, device: impl Into<String>) -> Self {
        self.origin_mut().device = Some(device.into());
        self
    }

    /// Address and port to bind before connecting (`bindto`, `bind_port`); port 0 = any.
    #[must_use]
    pub fn source(&self) -> Option<SocketAddr> {
        self.origin.as_ref()?.source
    }

    /// Ports to bind where that of [`source`](Self::source) is 0; the kernel chooses unless given.
    #[must_use]
    pub fn source_ports(&self) -> Option<&SourcePorts> {
        self.origin.as_ref()?.source_ports.as_ref()
    }

    /// Firewall mark for the probe's packets (`fwmark`, the socket option `SO_MARK`).
    #[must_use]
    pub fn mark(&self) -> Option<u32> {
        self.origin.as_ref()?.mark
    }

    /// Interface to bind the socket to (`bind_if`, the socket option `SO_BINDTODEVICE`).
    #[must_use]
    pub fn device(&self) -> Option<&str> {
        self.origin.as_ref()?.device.as_deref()
    }

    fn origin_mut(&mut self) -> &mut Origin {
        self.origin.get_or_insert_default()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)?;
        if let Some(source) = self.source() {
            write!(f, " from {source}")?;
        }
        if let Some(device) = self.device() {
            write!(f, " dev {device}")?;
        }
        if let Some(mark) = self.mark() {
            write!(f, " mark {mark}")?;
        }
        Ok(())
    }
}
