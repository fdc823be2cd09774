// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routes over rtnetlink, and the request that routes and rules share.

use std::io;
use std::net::IpAddr;

use futures_util::StreamExt;
use nix::libc;
use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload, Nla as _,
};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteMetric as KernelMetric,
    RouteNextHop, RouteNextHopFlags, RoutePreference as KernelPreference, RouteProtocol,
    RouteScope, RouteType, RouteVia,
};
use rtnetlink::packet_route::{AddressFamily as KernelFamily, RouteNetlinkMessage};

use super::{Rtnetlink, bounded};
use crate::family::{AddressFamily, Scope};
use crate::interface::Link;
use crate::object::Owner;
use crate::reconcile::Applied;
use crate::routes::{NextHop, PlacedRoute, RouteKind, RouteMetric, RoutePreference, RoutingEntry};

impl Rtnetlink {
    pub(super) async fn add_routing(&self, entry: &RoutingEntry) -> io::Result<Applied> {
        let result = match entry {
            RoutingEntry::Route(placed) => {
                let message = RouteNetlinkMessage::NewRoute(route(placed, self.owner));
                // Without NLM_F_EXCL it goes before others of its destination and metric, and is
                // refused as existing only where it is the same in all.
                let added = self.request(message, NLM_F_CREATE).await;
                added.map(|()| Applied::Created)
            }
            RoutingEntry::Rule(rule) => self.add_rule(rule).await,
        };
        match result {
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => Ok(Applied::AlreadyPresent),
            result => result,
        }
    }

    pub(super) async fn remove_routing(&self, entry: &RoutingEntry) -> io::Result<Applied> {
        let result = match entry {
            RoutingEntry::Route(placed) => {
                let message = RouteNetlinkMessage::DelRoute(route(placed, self.owner));
                self.request(message, 0).await
            }
            RoutingEntry::Rule(rule) => self.remove_rule(rule).await,
        };
        match result {
            Ok(()) => Ok(Applied::Removed),
            // Not there, or its interface is not there any more, and it with that.
            Err(error)
                if matches!(
                    error.raw_os_error(),
                    Some(libc::ESRCH | libc::ENOENT | libc::ENODEV | libc::ENETDOWN)
                ) =>
            {
                Ok(Applied::Removed)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn request(&self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        let mut request = NetlinkMessage::from(message);
        request.header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        let mut handle = self.handle.clone();
        bounded(async move {
            let mut answers = handle.request(request)?;
            while let Some(answer) = answers.next().await {
                if let NetlinkPayload::Error(error) = answer.payload
                    && error.code.is_some()
                {
                    return Err(rtnetlink::Error::NetlinkError(error));
                }
            }
            Ok(())
        })
        .await
    }
}

pub(super) fn family(family: AddressFamily) -> KernelFamily {
    match family {
        AddressFamily::Ipv4 => KernelFamily::Inet,
        AddressFamily::Ipv6 => KernelFamily::Inet6,
    }
}

/// What `ip route` would send.
pub(super) fn route(placed: &PlacedRoute, owner: Owner) -> RouteMessage {
    let route = &placed.route;
    let (destination, own) = (route.destination, route.destination.family());
    let mut message = RouteMessage::default();
    let header = &mut message.header;
    header.address_family = family(own);
    header.destination_prefix_length = destination.prefix_len();
    header.tos = route.tos;
    header.protocol = RouteProtocol::from(route.protocol.unwrap_or(owner.routing));
    header.kind = kind(route.kind);
    // The kernel takes local routes with no wider scope.
    header.scope = match (route.kind, route.scope) {
        (RouteKind::Local, Scope::GLOBAL) => RouteScope::Host,
        (_, scope) => RouteScope::from(scope.get()),
    };
    if route.on_link {
        header.flags |= RouteFlags::Onlink;
    }
    header.table = u8::try_from(route.table).unwrap_or_default();
    let attributes = &mut message.attributes;
    if header.table == 0 {
        attributes.push(RouteAttribute::Table(route.table));
    }
    if destination.prefix_len() > 0 {
        attributes.push(RouteAttribute::Destination(destination.address().into()));
    }
    attributes.extend(route.gateway.map(|gateway| next(own, gateway)));
    attributes.extend(
        placed
            .link
            .as_ref()
            .map(|link| RouteAttribute::Oif(link.index)),
    );
    attributes.extend(
        route
            .source
            .map(|source| RouteAttribute::PrefSource(RouteAddress::from(source))),
    );
    attributes.extend(route.metric.map(RouteAttribute::Priority));
    if !route.metrics.is_empty() {
        let locks = route
            .locked
            .iter()
            .fold(0, |bits, metric| bits | lock(*metric));
        let locks = (locks != 0).then_some(KernelMetric::Lock(locks));
        let metrics = route
            .metrics
            .iter()
            .map(|&(name, value)| metric(name, value));
        attributes.push(RouteAttribute::Metrics(
            locks.into_iter().chain(metrics).collect(),
        ));
    }
    attributes.extend(
        route
            .preference
            .map(|value| RouteAttribute::Preference(preference(value))),
    );
    if !route.next_hops.is_empty() {
        let hops = route.next_hops.iter().zip(&placed.hop_links);
        let hops = hops.map(|(next_hop, link)| hop(own, next_hop, link.as_ref()));
        attributes.push(RouteAttribute::MultiPath(hops.collect()));
    }
    message
}

/// An IPv6 gateway of an IPv4 route has an attribute of its own.
fn next(own: AddressFamily, gateway: IpAddr) -> RouteAttribute {
    match (own, gateway) {
        (AddressFamily::Ipv4, IpAddr::V6(gateway)) => RouteAttribute::Via(RouteVia::Inet6(gateway)),
        (_, gateway) => RouteAttribute::Gateway(gateway.into()),
    }
}

fn hop(own: AddressFamily, next_hop: &NextHop, link: Option<&Link>) -> RouteNextHop {
    let mut hop = RouteNextHop::default();
    // Weights begin at 1, the kernel's field at 0.
    hop.hops = u8::try_from(next_hop.weight.saturating_sub(1)).unwrap_or(u8::MAX);
    hop.interface_index = link.map_or(0, |link| link.index);
    if next_hop.on_link {
        hop.flags |= RouteNextHopFlags::Onlink;
    }
    hop.attributes
        .extend(next_hop.gateway.map(|gateway| next(own, gateway)));
    hop
}

const fn kind(kind: RouteKind) -> RouteType {
    match kind {
        RouteKind::Unicast => RouteType::Unicast,
        RouteKind::Local => RouteType::Local,
        RouteKind::Blackhole => RouteType::BlackHole,
        RouteKind::Unreachable => RouteType::Unreachable,
        RouteKind::Prohibit => RouteType::Prohibit,
        RouteKind::Throw => RouteType::Throw,
    }
}

const fn metric(metric: RouteMetric, value: u32) -> KernelMetric {
    match metric {
        RouteMetric::Mtu => KernelMetric::Mtu(value),
        RouteMetric::Window => KernelMetric::Window(value),
        RouteMetric::Advmss => KernelMetric::Advmss(value),
        RouteMetric::HopLimit => KernelMetric::Hoplimit(value),
        RouteMetric::InitCwnd => KernelMetric::InitCwnd(value),
        RouteMetric::InitRwnd => KernelMetric::InitRwnd(value),
        RouteMetric::Cwnd => KernelMetric::Cwnd(value),
        RouteMetric::Reordering => KernelMetric::Reordering(value),
        RouteMetric::Rtt => KernelMetric::Rtt(value),
        RouteMetric::RttVar => KernelMetric::RttVar(value),
        RouteMetric::SsThresh => KernelMetric::SsThresh(value),
        RouteMetric::RtoMin => KernelMetric::RtoMin(value),
        RouteMetric::QuickAck => KernelMetric::QuickAck(value),
        RouteMetric::FastOpenNoCookie => KernelMetric::FastopenNoCookie(value),
        RouteMetric::Features => KernelMetric::Features(value),
    }
}

/// The bit that locks a metric.
fn lock(locked: RouteMetric) -> u32 {
    1u32.checked_shl(u32::from(metric(locked, 0).kind()))
        .unwrap_or(0)
}

const fn preference(preference: RoutePreference) -> KernelPreference {
    match preference {
        RoutePreference::Low => KernelPreference::Low,
        RoutePreference::Medium => KernelPreference::Medium,
        RoutePreference::High => KernelPreference::High,
    }
}
