// SPDX-License-Identifier: MIT OR Apache-2.0
//! Metrics of a route for the connections over it, and its preference.

use std::fmt;

/// A metric of a route, with which its connections start (`RTAX_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum RouteMetric {
    /// Path MTU in bytes.
    Mtu,
    /// Largest window to advertise, in bytes.
    Window,
    /// Maximum segment size to advertise, in bytes.
    Advmss,
    /// Hop limit.
    HopLimit,
    /// Congestion window at the beginning, in segments.
    InitCwnd,
    /// Receive window at the beginning, in segments.
    InitRwnd,
    /// Largest congestion window, in segments.
    Cwnd,
    /// Reordering in segments before a loss is assumed.
    Reordering,
    /// Round-trip time, in eighths of a millisecond.
    Rtt,
    /// Its variance, in quarters of a millisecond.
    RttVar,
    /// Slow-start threshold, in segments.
    SsThresh,
    /// Shortest retransmission time, in milliseconds.
    RtoMin,
    /// 1: acknowledge at once.
    QuickAck,
    /// 1: no cookie is needed for TCP Fast Open.
    FastOpenNoCookie,
    /// Bits of `RTAX_FEATURE_*`; 1: explicit congestion notification.
    Features,
}

impl RouteMetric {
    /// The metric of a name as `ip route` writes it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "mtu" => Self::Mtu,
            "window" => Self::Window,
            "advmss" => Self::Advmss,
            "hoplimit" => Self::HopLimit,
            "initcwnd" => Self::InitCwnd,
            "initrwnd" => Self::InitRwnd,
            "cwnd" => Self::Cwnd,
            "reordering" => Self::Reordering,
            "rtt" => Self::Rtt,
            "rttvar" => Self::RttVar,
            "ssthresh" => Self::SsThresh,
            "rto_min" => Self::RtoMin,
            "quickack" => Self::QuickAck,
            "fastopen_no_cookie" => Self::FastOpenNoCookie,
            "features" => Self::Features,
            _ => return None,
        })
    }
}

impl fmt::Display for RouteMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mtu => "mtu",
            Self::Window => "window",
            Self::Advmss => "advmss",
            Self::HopLimit => "hoplimit",
            Self::InitCwnd => "initcwnd",
            Self::InitRwnd => "initrwnd",
            Self::Cwnd => "cwnd",
            Self::Reordering => "reordering",
            Self::Rtt => "rtt",
            Self::RttVar => "rttvar",
            Self::SsThresh => "ssthresh",
            Self::RtoMin => "rto_min",
            Self::QuickAck => "quickack",
            Self::FastOpenNoCookie => "fastopen_no_cookie",
            Self::Features => "features",
        })
    }
}

/// How a route ranks among those that routers advertised (RFC 4191, `ICMPV6_ROUTER_PREF_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum RoutePreference {
    /// Behind the others.
    Low,
    /// As most.
    Medium,
    /// Before the others.
    High,
}

impl RoutePreference {
    /// The preference of a name as `ip route` writes it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "low" => Self::Low,
            "medium" => Self::Medium,
            "high" => Self::High,
            _ => return None,
        })
    }
}

impl fmt::Display for RoutePreference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        })
    }
}
