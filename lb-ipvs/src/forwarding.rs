// SPDX-License-Identifier: MIT OR Apache-2.0
//! Forwarding methods: how packets get to a destination.

use std::fmt;

/// How packets get to a destination (`IP_VS_CONN_F_FWD_MASK`).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(clippy::exhaustive_enums, reason = "what has no name here is `Other`")]
pub enum ForwardingMethod {
    /// Addresses are rewritten both ways (NAT). Equivalent to `ipvsadm -m`.
    Masquerade,
    /// The destination is this host. The kernel chooses this by itself for its own addresses.
    Local,
    /// Packets are encapsulated (TUN). Equivalent to `ipvsadm -i`.
    Tunnel(Tunnel),
    /// Packets are sent unchanged to the destination's link address (DR). The default.
    /// Equivalent to `ipvsadm -g`.
    #[default]
    DirectRouting,
    /// Packets go to their original address; set by the kernel for cache clusters.
    Bypass,
    /// A value this crate does not know.
    Other(u32),
}

impl fmt::Display for ForwardingMethod {
    /// The name in ipvsadm's listings: `Masq`, `Local`, `Tunnel`, `Route`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Masquerade => "Masq",
            Self::Local => "Local",
            Self::Tunnel(_) => "Tunnel",
            Self::DirectRouting => "Route",
            Self::Bypass => "Bypass",
            Self::Other(_) => "?",
        })
    }
}

/// The encapsulation of [`ForwardingMethod::Tunnel`].
///
/// Equivalent to `ipvsadm --tun-type`, `--tun-port`, `--tun-csum`, `--tun-remcsum`.
///
/// ```
/// use lb_ipvs::{Tunnel, TunnelFlags, TunnelKind};
/// let tunnel = Tunnel::gue(6080).with_flags(TunnelFlags::CHECKSUM);
/// assert_eq!((tunnel.kind, tunnel.port), (TunnelKind::Gue, 6080));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub struct Tunnel {
    /// The kind of encapsulation.
    pub kind: TunnelKind,
    /// The UDP port of GUE; 0 for the other kinds.
    pub port: u16,
    /// Checksums of GUE and GRE.
    pub flags: TunnelFlags,
}

impl Tunnel {
    /// IP in IP, the default.
    #[must_use]
    pub const fn ipip() -> Self {
        Self {
            kind: TunnelKind::Ipip,
            port: 0,
            flags: TunnelFlags::empty(),
        }
    }

    /// Generic UDP encapsulation to a port, which must not be 0.
    #[must_use]
    pub const fn gue(port: u16) -> Self {
        Self {
            kind: TunnelKind::Gue,
            port,
            flags: TunnelFlags::empty(),
        }
    }

    /// Generic routing encapsulation.
    #[must_use]
    pub const fn gre() -> Self {
        Self {
            kind: TunnelKind::Gre,
            port: 0,
            flags: TunnelFlags::empty(),
        }
    }

    /// The same with these flags.
    #[must_use]
    pub const fn with_flags(mut self, flags: TunnelFlags) -> Self {
        self.flags = flags;
        self
    }

    /// Any encapsulation, in the kernel's terms; [`Tunnel::ipip`], [`Tunnel::gue`] and [`Tunnel::gre`] make the usual ones.
    #[must_use]
    pub const fn new(kind: TunnelKind, port: u16, flags: TunnelFlags) -> Self {
        Self { kind, port, flags }
    }
}

/// The kind of a [`Tunnel`] (`IP_VS_CONN_F_TUNNEL_TYPE_*`).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(clippy::exhaustive_enums, reason = "what has no name here is `Other`")]
pub enum TunnelKind {
    /// IP in IP.
    #[default]
    Ipip,
    /// Generic UDP encapsulation.
    Gue,
    /// Generic routing encapsulation.
    Gre,
    /// A value this crate does not know.
    Other(u8),
}

impl TunnelKind {
    /// The kind with a kernel number.
    #[must_use]
    pub const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Ipip,
            1 => Self::Gue,
            2 => Self::Gre,
            other => Self::Other(other),
        }
    }

    /// The kernel's number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Ipip => 0,
            Self::Gue => 1,
            Self::Gre => 2,
            Self::Other(number) => number,
        }
    }
}

bitflags::bitflags! {
    /// Checksum flags of a [`Tunnel`] (`IP_VS_TUNNEL_ENCAP_FLAG_*`).
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
    pub struct TunnelFlags: u16 {
        /// The outer header carries a checksum. Equivalent to `ipvsadm --tun-csum`.
        const CHECKSUM = 1;
        /// Remote checksum offload, GUE only. Equivalent to `ipvsadm --tun-remcsum`.
        const REMOTE_CHECKSUM = 2;

        const _ = !0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tunnel_kinds() {
        for number in 0..=u8::MAX {
            assert_eq!(TunnelKind::from_number(number).number(), number);
        }
    }
}
