// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the advertisements of an instance go to and come from, and how they are summed.

use std::net::IpAddr;

use lb_vrrp::wire::ChecksumDialect;
use lb_vrrp::{AddressFamily, RouterConfigBuilder, Version};

use crate::config::Diagnostic;
use crate::config::global::GlobalConfig;
use crate::config::instance::InstanceConfig;
use crate::config::line::{At, Context};
use crate::config::unicast::UnicastConfig;
use crate::model::RouterSpec;

/// Unicast peers or the group, and what goes with them.
pub(super) fn destinations(
    context: &mut Context<'_>,
    mut builder: RouterConfigBuilder,
    global: &GlobalConfig,
    instance: &InstanceConfig,
    family: AddressFamily,
) -> RouterConfigBuilder {
    let unicast = &instance.unicast;
    let mut peers = 0;
    for peer in &unicast.peers {
        if AddressFamily::for_address(peer.value.address) == family {
            builder = builder.peer(peer.value.clone());
            peers += 1;
            continue;
        }
        let message = format!(
            "{} cannot be a peer of a router with {family} addresses",
            peer.value.address
        );
        let finding = Diagnostic::error(peer.span, message);
        context.findings.push(finding.label("ignored"));
    }
    if let Some(hop_limit) = unicast.hop_limit {
        if peers == 0 {
            let finding =
                Diagnostic::warning(hop_limit.span, "`unicast_ttl` without unicast peers");
            context.findings.push(finding.label("ignored"));
        } else {
            // A number of 0 to 255.
            builder = builder.unicast_hop_limit(u8::try_from(hop_limit.value).unwrap_or(u8::MAX));
        }
    }
    if peers > 0 {
        if let Some(check) = unicast.check_source.or(global.check_unicast_source) {
            builder = builder.check_unicast_source(check.value);
        }
    } else if let Some(check) = unicast.check_source {
        let finding = Diagnostic::warning(check.span, "`check_unicast_src` without unicast peers");
        context.findings.push(finding.label("ignored"));
    }
    let global = match family {
        AddressFamily::Ipv4 => global.vrrp.group4,
        AddressFamily::Ipv6 => global.vrrp.group6,
    };
    let own = unicast
        .group
        .and_then(|at| fitting(context, at, unicast, family));
    if let Some(group) = own.or(global)
        && peers == 0
    {
        builder = builder.group(group.value);
    }
    builder
}

/// The group of the instance, if it can be that.
fn fitting(
    context: &mut Context<'_>,
    at: At<IpAddr>,
    unicast: &UnicastConfig,
    family: AddressFamily,
) -> Option<At<IpAddr>> {
    if AddressFamily::for_address(at.value) != family {
        let message = format!(
            "{} cannot be the group of {family} advertisements",
            at.value
        );
        let finding = Diagnostic::error(at.span, message);
        context.findings.push(finding.note("it is ignored"));
        return None;
    }
    if let Some(peer) = unicast.peers.first() {
        let message = "`mcast_dst_ip` with unicast peers";
        let finding = Diagnostic::warning(at.span, message).label("ignored");
        context
            .findings
            .push(finding.note_at(peer.span, "the advertisements go here"));
        return None;
    }
    Some(at)
}

/// The checksum that is sent: the instance's own words, then the global one.
pub(super) fn checksum(
    context: &mut Context<'_>,
    builder: RouterConfigBuilder,
    global: &GlobalConfig,
    instance: &InstanceConfig,
    version: Version,
) -> RouterConfigBuilder {
    let old = instance.unicast.old_checksum.filter(|at| at.value);
    if let Some(at) = old {
        let v3_peers = version == Version::V3 && !instance.unicast.peers.is_empty();
        if v3_peers
            && instance
                .addresses
                .first()
                .is_some_and(|at| at.value.address.is_ipv4())
        {
            return builder.checksum(ChecksumDialect::GroupPseudoHeader);
        }
        let message = "`old_unicast_checksum` is about VRRP version 3 to IPv4 unicast peers";
        let finding = Diagnostic::warning(at.span, message);
        context.findings.push(finding.label("ignored"));
    }
    match instance.v3_checksum_as_v2.or(global.v3_checksum_as_v2) {
        Some(at) if at.value => builder.checksum(ChecksumDialect::MessageOnly),
        _ => builder,
    }
}

/// The source of the advertisements, which has to be of the addresses' family.
pub(super) fn source(
    context: &mut Context<'_>,
    router: &mut RouterSpec,
    unicast: &UnicastConfig,
) -> Option<()> {
    router.needs_peer = unicast.needs_peer.is_some();
    let Some(at) = unicast.source else {
        if let Some(at) = unicast.tracks_source {
            let message = "`track_src_ip` without a source address";
            let finding = Diagnostic::warning(at.span, message).label("ignored");
            let note = "`mcast_src_ip` or `unicast_src_ip` gives one";
            context.findings.push(finding.note(note));
        }
        return Some(());
    };
    let family = router.config.family();
    if AddressFamily::for_address(at.value) == family {
        router.source = Some(at.value);
        router.tracks_source = unicast.tracks_source.is_some();
        return Some(());
    }
    let message = format!(
        "{} cannot be the source of {family} advertisements",
        at.value
    );
    context
        .findings
        .push(Diagnostic::error(at.span, message).fatal());
    None
}
