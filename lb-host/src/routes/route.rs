// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routes.

use std::fmt;
use std::net::IpAddr;

use super::Network;
use super::metric::{RouteMetric, RoutePreference};
use crate::{AddressFamily, Scope};

/// A route: what `ip route` describes (`virtual_routes` and `static_routes` in keepalived).
///
/// The equivalent of `ip route prepend`: where another route has the same destination and metric,
/// this one goes first. Without a protocol of its own it has that of the
/// [owner](crate::Owner) of the host plane, by which it is found after a crash.
///
/// # Examples
///
/// ```
/// use lb_host::{Network, Route};
///
/// let route = Route::new("198.51.100.0/24".parse::<Network>()?)
///     .with_gateway("192.0.2.254".parse()?)
///     .with_interface("eth0")
///     .with_source("192.0.2.100".parse()?);
/// assert_eq!(
///     route.to_string(),
///     "198.51.100.0/24 via 192.0.2.254 dev eth0 src 192.0.2.100"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Route {
    /// Where it leads.
    pub destination: Network,
    /// What it does with packets.
    pub kind: RouteKind,
    /// The next router; one of IPv6 may carry IPv4.
    pub gateway: Option<IpAddr>,
    /// The interface that packets leave by.
    pub interface: Option<String>,
    /// The source of packets that begin here and have none yet.
    pub source: Option<IpAddr>,
    /// Routing table; [`MAIN_TABLE`](Self::MAIN_TABLE) unless given.
    pub table: u32,
    /// Metric: of several routes to one destination, the lowest holds. The kernel's default is 0
    /// for IPv4 and 1024 for IPv6.
    pub metric: Option<u32>,
    /// Scope, IPv4 only; universe unless given, as in keepalived.
    pub scope: Scope,
    /// Type of service that packets must have; 0: any.
    pub tos: u8,
    /// Whether the gateway is on the link although no address of the interface is in its network
    /// (`onlink`).
    pub on_link: bool,
    /// Several ways at once, instead of one gateway and interface.
    pub next_hops: Vec<NextHop>,
    /// What connections over this route begin with.
    pub metrics: Vec<(RouteMetric, u32)>,
    /// Of these, the ones that nothing learned on the way may change (`mtu lock`).
    pub locked: Vec<RouteMetric>,
    /// How it ranks among routes that routers advertised, IPv6 only (`pref`, RFC 4191).
    pub preference: Option<RoutePreference>,
    /// The state of a router depends on the interfaces of the route.
    pub tracked: bool,
    /// `rtm_protocol` (`proto`), instead of that of the owner.
    #[cfg_attr(feature = "serde", serde(default))]
    pub protocol: Option<u8>,
}

impl Route {
    /// `RT_TABLE_MAIN`.
    pub const MAIN_TABLE: u32 = 254;

    /// A route to `destination`; it needs a gateway or an interface, or another kind.
    #[must_use]
    pub const fn new(destination: Network) -> Self {
        Self {
            destination,
            kind: RouteKind::Unicast,
            gateway: None,
            interface: None,
            source: None,
            table: Self::MAIN_TABLE,
            metric: None,
            scope: Scope::GLOBAL,
            tos: 0,
            on_link: false,
            next_hops: Vec::new(),
            metrics: Vec::new(),
            locked: Vec::new(),
            preference: None,
            tracked: true,
            protocol: None,
        }
    }

    /// Sets a protocol (`proto`) other than that of the owner. Such a route is not found after a crash.
    #[must_use]
    pub const fn with_protocol(mut self, protocol: u8) -> Self {
        self.protocol = Some(protocol);
        self
    }

    /// Sets what it does with packets.
    #[must_use]
    pub const fn with_kind(mut self, kind: RouteKind) -> Self {
        self.kind = kind;
        self
    }

    /// Sets the next router (`via`).
    #[must_use]
    pub const fn with_gateway(mut self, gateway: IpAddr) -> Self {
        self.gateway = Some(gateway);
        self
    }

    /// Sets the interface (`dev`).
    #[must_use]
    pub fn with_interface(mut self, interface: impl Into<String>) -> Self {
        self.interface = Some(interface.into());
        self
    }

    /// Sets the preferred source (`src`).
    #[must_use]
    pub const fn with_source(mut self, source: IpAddr) -> Self {
        self.source = Some(source);
        self
    }

    /// Sets the routing table (`table`).
    #[must_use]
    pub const fn with_table(mut self, table: u32) -> Self {
        self.table = table;
        self
    }

    /// Sets the metric (`metric`).
    #[must_use]
    pub const fn with_metric(mut self, metric: u32) -> Self {
        self.metric = Some(metric);
        self
    }

    /// Sets the scope (`scope`).
    #[must_use]
    pub const fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Sets the type of service (`tos`).
    #[must_use]
    pub const fn with_tos(mut self, tos: u8) -> Self {
        self.tos = tos;
        self
    }

    /// Has the gateway taken as a neighbour (`onlink`).
    #[must_use]
    pub const fn with_on_link(mut self, on_link: bool) -> Self {
        self.on_link = on_link;
        self
    }

    /// Adds a way (`nexthop`).
    #[must_use]
    pub fn with_next_hop(mut self, hop: NextHop) -> Self {
        self.next_hops.push(hop);
        self
    }

    /// Sets a metric of connections (`mtu` and the like).
    #[must_use]
    pub fn with_connection_metric(mut self, metric: RouteMetric, value: u32) -> Self {
        self.metrics.retain(|(known, _)| *known != metric);
        self.metrics.push((metric, value));
        self
    }

    /// Has nothing learned on the way change a metric of connections (`lock`).
    #[must_use]
    pub fn with_locked(mut self, metric: RouteMetric) -> Self {
        if !self.locked.contains(&metric) {
            self.locked.push(metric);
        }
        self
    }

    /// Sets how it ranks among routes that routers advertised (`pref`).
    #[must_use]
    pub const fn with_preference(mut self, preference: RoutePreference) -> Self {
        self.preference = Some(preference);
        self
    }

    /// Sets whether its interfaces are tracked (`no_track` in keepalived: they are not).
    #[must_use]
    pub const fn with_tracked(mut self, tracked: bool) -> Self {
        self.tracked = tracked;
        self
    }

    /// The interfaces it names.
    pub fn interfaces(&self) -> impl Iterator<Item = &str> {
        let hops = self.next_hops.iter().map(|hop| &hop.interface);
        std::iter::once(&self.interface)
            .chain(hops)
            .filter_map(Option::as_deref)
    }

    /// Why the route is invalid, in words.
    #[must_use]
    pub fn problem(&self) -> Option<&'static str> {
        let family = self.destination.family();
        let other = |address: Option<IpAddr>| {
            address.is_some_and(|address| AddressFamily::for_address(address) != family)
        };
        let fits = |gateway: Option<IpAddr>| !other(gateway) || family == AddressFamily::Ipv4;
        let led = self.gateway.is_some() || self.interface.is_some();
        if other(self.source) {
            Some("its source is of the other family")
        } else if !fits(self.gateway) || self.next_hops.iter().any(|hop| !fits(hop.gateway)) {
            Some("an IPv6 route has no IPv4 gateway")
        } else if self.preference.is_some() && family == AddressFamily::Ipv4 {
            Some("only an IPv6 route has a preference")
        } else if led && !self.next_hops.is_empty() {
            Some("it has a way of its own beside its next hops")
        } else if self.kind.leads() && !led && self.next_hops.is_empty() {
            Some("it names no gateway and no interface")
        } else if self
            .next_hops
            .iter()
            .any(|hop| hop.gateway.is_none() && hop.interface.is_none())
        {
            Some("a next hop names no gateway and no interface")
        } else {
            None
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind != RouteKind::Unicast {
            write!(f, "{} ", self.kind)?;
        }
        if self.destination.prefix_len() == 0 {
            f.write_str("default")?;
        } else {
            write!(f, "{}", self.destination)?;
        }
        way(f, self.gateway, self.interface.as_deref(), self.on_link)?;
        if let Some(source) = self.source {
            write!(f, " src {source}")?;
        }
        if self.tos != 0 {
            write!(f, " tos {:#04x}", self.tos)?;
        }
        if self.table != Self::MAIN_TABLE {
            write!(f, " table {}", self.table)?;
        }
        if let Some(metric) = self.metric {
            write!(f, " metric {metric}")?;
        }
        if self.scope != Scope::GLOBAL {
            write!(f, " scope {}", self.scope.get())?;
        }
        if let Some(protocol) = self.protocol {
            write!(f, " proto {protocol}")?;
        }
        for (metric, value) in &self.metrics {
            let lock = if self.locked.contains(metric) {
                "lock "
            } else {
                ""
            };
            write!(f, " {metric} {lock}{value}")?;
        }
        if let Some(preference) = self.preference {
            write!(f, " pref {preference}")?;
        }
        for hop in &self.next_hops {
            write!(f, " nexthop{hop}")?;
        }
        Ok(())
    }
}

fn way(
    f: &mut fmt::Formatter<'_>,
    gateway: Option<IpAddr>,
    interface: Option<&str>,
    on_link: bool,
) -> fmt::Result {
    if let Some(gateway) = gateway {
        write!(f, " via {gateway}")?;
    }
    if let Some(interface) = interface {
        write!(f, " dev {interface}")?;
    }
    if on_link {
        f.write_str(" onlink")?;
    }
    Ok(())
}

/// One of several ways of a route.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct NextHop {
    /// The next router.
    pub gateway: Option<IpAddr>,
    /// The interface that packets leave by.
    pub interface: Option<String>,
    /// Its share of the packets, 1 to 256.
    pub weight: u16,
    /// Whether the gateway is on the link although no address of the interface is in its network
    /// (`onlink`).
    pub on_link: bool,
}

impl NextHop {
    /// A way with one share.
    #[must_use]
    pub const fn new(gateway: Option<IpAddr>, interface: Option<String>) -> Self {
        Self {
            gateway,
            interface,
            weight: 1,
            on_link: false,
        }
    }

    /// Sets its share, 1 to 256.
    #[must_use]
    pub const fn with_weight(mut self, weight: u16) -> Self {
        self.weight = weight;
        self
    }

    /// Has the gateway taken as a neighbour.
    #[must_use]
    pub const fn with_on_link(mut self, on_link: bool) -> Self {
        self.on_link = on_link;
        self
    }
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        way(f, self.gateway, self.interface.as_deref(), self.on_link)?;
        write!(f, " weight {}", self.weight)
    }
}

/// What a route does with packets (`RTN_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum RouteKind {
    /// Forwards them.
    #[default]
    Unicast,
    /// Takes them as its own.
    Local,
    /// Drops them.
    Blackhole,
    /// Answers that the destination is unreachable.
    Unreachable,
    /// Answers that it is forbidden.
    Prohibit,
    /// Has the next rule decide.
    Throw,
}

impl RouteKind {
    /// Whether packets go somewhere.
    const fn leads(self) -> bool {
        matches!(self, Self::Unicast | Self::Local)
    }

    /// The kind of a name as `ip route` writes it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "unicast" => Self::Unicast,
            "local" => Self::Local,
            "blackhole" => Self::Blackhole,
            "unreachable" => Self::Unreachable,
            "prohibit" => Self::Prohibit,
            "throw" => Self::Throw,
            _ => return None,
        })
    }
}

impl fmt::Display for RouteKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unicast => "unicast",
            Self::Local => "local",
            Self::Blackhole => "blackhole",
            Self::Unreachable => "unreachable",
            Self::Prohibit => "prohibit",
            Self::Throw => "throw",
        })
    }
}
