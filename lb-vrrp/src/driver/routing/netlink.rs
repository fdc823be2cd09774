// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routes and rules by rtnetlink.

use std::io;
use std::net::IpAddr;

use async_trait::async_trait;
use futures_util::StreamExt;
use nix::libc;
use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteMetric as KernelMetric,
    RouteNextHop, RouteNextHopFlags, RouteProtocol, RouteScope, RouteType, RouteVia,
};
use rtnetlink::packet_route::rule::{
    RuleAction as KernelAction, RuleAttribute, RuleFlags, RuleMessage,
};
use rtnetlink::packet_route::{AddressFamily as KernelFamily, RouteNetlinkMessage};

use super::error::RouteError;
use super::{PlacedRoute, ROUTE_PROTOCOL, RouteManager, RoutingEntry};
use crate::driver::address::{Added, Link, Rtnetlink, bounded};
use crate::driver::error::AddressOperation;
use crate::{AddressFamily, NextHop, RouteKind, RouteMetric, RuleAction, Scope, VirtualRule};

#[async_trait]
impl RouteManager for Rtnetlink {
    async fn add(&mut self, entry: &RoutingEntry) -> Result<Added, RouteError> {
        // A route without NLM_F_EXCL goes before others of its destination and metric, and is
        // refused as existing only where it is the same in all; rules are not compared then.
        let (message, flags) = match entry {
            RoutingEntry::Route(placed) => {
                (RouteNetlinkMessage::NewRoute(route(placed)), NLM_F_CREATE)
            }
            RoutingEntry::Rule(of) => (
                RouteNetlinkMessage::NewRule(rule(of)),
                NLM_F_CREATE | NLM_F_EXCL,
            ),
        };
        match self.request(message, flags).await {
            Ok(()) => Ok(Added::Created),
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => Ok(Added::AlreadyPresent),
            Err(error) => Err(RouteError::new(AddressOperation::Add, entry, error)),
        }
    }

    async fn remove(&mut self, entry: &RoutingEntry) -> Result<(), RouteError> {
        let message = match entry {
            RoutingEntry::Route(placed) => RouteNetlinkMessage::DelRoute(route(placed)),
            RoutingEntry::Rule(of) => RouteNetlinkMessage::DelRule(rule(of)),
        };
        match self.request(message, 0).await {
            Ok(()) => Ok(()),
            // Not there, or its interface is not there any more, and it with that.
            Err(error)
                if matches!(
                    error.raw_os_error(),
                    Some(libc::ESRCH | libc::ENOENT | libc::ENODEV | libc::ENETDOWN)
                ) =>
            {
                Ok(())
            }
            Err(error) => Err(RouteError::new(AddressOperation::Remove, entry, error)),
        }
    }
}

impl Rtnetlink {
    async fn request(&self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        let mut request = NetlinkMessage::from(message);
        request.header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        let mut handle = self.handle().clone();
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

fn family(of: AddressFamily) -> KernelFamily {
    match of {
        AddressFamily::Ipv4 => KernelFamily::Inet,
        AddressFamily::Ipv6 => KernelFamily::Inet6,
    }
}

/// What `ip route` would send.
fn route(placed: &PlacedRoute) -> RouteMessage {
    let of = &placed.route;
    let (destination, own) = (of.destination, of.destination.family());
    let mut message = RouteMessage::default();
    let header = &mut message.header;
    header.address_family = family(own);
    header.destination_prefix_length = destination.prefix_len();
    header.tos = of.tos;
    header.protocol = RouteProtocol::Other(ROUTE_PROTOCOL);
    header.kind = kind(of.kind);
    // The kernel takes local routes with no wider scope.
    header.scope = match (of.kind, of.scope) {
        (RouteKind::Local, Scope::GLOBAL) => RouteScope::Host,
        (_, scope) => RouteScope::from(scope.get()),
    };
    if of.on_link {
        header.flags |= RouteFlags::Onlink;
    }
    header.table = u8::try_from(of.table).unwrap_or_default();
    let attributes = &mut message.attributes;
    if header.table == 0 {
        attributes.push(RouteAttribute::Table(of.table));
    }
    if destination.prefix_len() > 0 {
        attributes.push(RouteAttribute::Destination(destination.address().into()));
    }
    attributes.extend(of.gateway.map(|gateway| next(own, gateway)));
    attributes.extend(placed.link.as_ref().map(|of| RouteAttribute::Oif(of.index)));
    attributes.extend(
        of.source
            .map(|source| RouteAttribute::PrefSource(RouteAddress::from(source))),
    );
    attributes.extend(of.metric.map(RouteAttribute::Priority));
    if !of.metrics.is_empty() {
        let metrics = of.metrics.iter().map(|&(of, value)| metric(of, value));
        attributes.push(RouteAttribute::Metrics(metrics.collect()));
    }
    if !of.next_hops.is_empty() {
        let hops = of.next_hops.iter().zip(&placed.hop_links);
        let hops = hops.map(|(of, link)| hop(own, of, link.as_ref()));
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

fn hop(own: AddressFamily, of: &NextHop, link: Option<&Link>) -> RouteNextHop {
    let mut hop = RouteNextHop::default();
    // Weights begin at 1, the kernel's field at 0.
    hop.hops = u8::try_from(of.weight.saturating_sub(1)).unwrap_or(u8::MAX);
    hop.interface_index = link.map_or(0, |link| link.index);
    if of.on_link {
        hop.flags |= RouteNextHopFlags::Onlink;
    }
    hop.attributes
        .extend(of.gateway.map(|gateway| next(own, gateway)));
    hop
}

const fn kind(of: RouteKind) -> RouteType {
    match of {
        RouteKind::Unicast => RouteType::Unicast,
        RouteKind::Local => RouteType::Local,
        RouteKind::Blackhole => RouteType::BlackHole,
        RouteKind::Unreachable => RouteType::Unreachable,
        RouteKind::Prohibit => RouteType::Prohibit,
        RouteKind::Throw => RouteType::Throw,
    }
}

const fn metric(of: RouteMetric, value: u32) -> KernelMetric {
    match of {
        RouteMetric::Mtu => KernelMetric::Mtu(value),
        RouteMetric::Window => KernelMetric::Window(value),
        RouteMetric::Advmss => KernelMetric::Advmss(value),
        RouteMetric::HopLimit => KernelMetric::Hoplimit(value),
        RouteMetric::InitCwnd => KernelMetric::InitCwnd(value),
        RouteMetric::InitRwnd => KernelMetric::InitRwnd(value),
        RouteMetric::Cwnd => KernelMetric::Cwnd(value),
        RouteMetric::Reordering => KernelMetric::Reordering(value),
    }
}

/// What `ip rule` would send.
fn rule(of: &VirtualRule) -> RuleMessage {
    let mut message = RuleMessage::default();
    let header = &mut message.header;
    header.family = family(of.family);
    header.tos = of.tos;
    header.src_len = of.from.map_or(0, |from| from.prefix_len());
    header.dst_len = of.to.map_or(0, |to| to.prefix_len());
    if of.invert {
        header.flags |= RuleFlags::Invert;
    }
    let attributes = &mut message.attributes;
    attributes.push(RuleAttribute::Priority(of.priority));
    attributes.push(RuleAttribute::Protocol(RouteProtocol::Other(
        ROUTE_PROTOCOL,
    )));
    header.action = match of.action {
        RuleAction::Table(table) => {
            match u8::try_from(table) {
                Ok(table) => header.table = table,
                Err(_) => attributes.push(RuleAttribute::Table(table)),
            }
            KernelAction::ToTable
        }
        RuleAction::Goto(priority) => {
            attributes.push(RuleAttribute::Goto(priority));
            KernelAction::Goto
        }
        RuleAction::Nop => KernelAction::Nop,
        RuleAction::Blackhole => KernelAction::Blackhole,
        RuleAction::Unreachable => KernelAction::Unreachable,
        RuleAction::Prohibit => KernelAction::Prohibit,
    };
    attributes.extend(of.from.map(|from| RuleAttribute::Source(from.address())));
    attributes.extend(of.to.map(|to| RuleAttribute::Destination(to.address())));
    attributes.extend(of.input.clone().map(RuleAttribute::Iifname));
    attributes.extend(of.output.clone().map(RuleAttribute::Oifname));
    if let Some((mark, mask)) = of.mark {
        attributes.push(RuleAttribute::FwMark(mark));
        attributes.push(RuleAttribute::FwMask(mask));
    }
    attributes.extend(of.suppress_prefix_len.map(RuleAttribute::SuppressPrefixLen));
    message
}
