// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rules over rtnetlink, each distinguished from the others of its priority.
//!
//! The kernel compares only what a request names. A rule is said to exist where another one has a
//! source, a mark or the like besides, and of the rules of one priority the first that has what the
//! request names is deleted, whatever else it has (seen on Linux 6.18; the protocol is compared, so
//! that rules of others are safe).

use std::io;
use std::ops::RangeInclusive;

use futures_util::TryStreamExt;
use nix::libc;
use rtnetlink::IpVersion;
use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::route::RouteProtocol;
use rtnetlink::packet_route::rule::{
    RuleAction as KernelAction, RuleAttribute, RuleFlags, RuleHeader, RuleMessage, RulePortRange,
    RuleUidRange,
};

use super::{Rtnetlink, bounded};
use crate::family::AddressFamily;
use crate::object::Owner;
use crate::reconcile::Applied;
use crate::routes::{Rule, RuleAction};

impl Rtnetlink {
    pub(super) async fn add_rule(&self, rule: &Rule) -> io::Result<Applied> {
        let add = |flags| {
            let message = RouteNetlinkMessage::NewRule(message(rule, self.owner));
            self.request(message, NLM_F_CREATE | flags)
        };
        match add(NLM_F_EXCL).await {
            Ok(()) => Ok(Applied::Created),
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {
                let wanted = message(rule, self.owner);
                let there = self.rules_of(rule).await?;
                if there.iter().any(|other| same(other, &wanted)) {
                    return Ok(Applied::AlreadyPresent);
                }
                add(0).await.map(|()| Applied::Created)
            }
            Err(error) => Err(error),
        }
    }

    /// Removes a rule, and puts back those of ours that the kernel took for it.
    pub(super) async fn remove_rule(&self, rule: &Rule) -> io::Result<()> {
        let wanted = message(rule, self.owner);
        let before = self.rules_of(rule).await?;
        let Some(at) = before.iter().position(|other| same(other, &wanted)) else {
            return Ok(());
        };
        self.delete_rule(&wanted).await?;
        if at == 0 {
            return Ok(());
        }
        let mut after = self.rules_of(rule).await?;
        // The rule that was deleted may have been one of those before it.
        for _ in 0..at {
            if !after.iter().any(|other| same(other, &wanted)) {
                break;
            }
            self.delete_rule(&wanted).await?;
            after = self.rules_of(rule).await?;
        }
        for (_, lost) in before
            .into_iter()
            .enumerate()
            .filter(|(index, other)| *index != at && !after.iter().any(|left| same(left, other)))
        {
            self.request(RouteNetlinkMessage::NewRule(lost), NLM_F_CREATE)
                .await?;
        }
        Ok(())
    }

    async fn delete_rule(&self, rule: &RuleMessage) -> io::Result<()> {
        let request = RouteNetlinkMessage::DelRule(rule.clone());
        match self.request(request, 0).await {
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
            result => result,
        }
    }

    /// The rules with this one's family, priority and protocol, in their order.
    async fn rules_of(&self, rule: &Rule) -> io::Result<Vec<RuleMessage>> {
        let version = match rule.family {
            AddressFamily::Ipv4 => IpVersion::V4,
            AddressFamily::Ipv6 => IpVersion::V6,
        };
        let rules = self.handle.rule().get(version).execute();
        let mut rules: Vec<RuleMessage> = bounded(rules.try_collect()).await?;
        let ours = [
            RuleAttribute::Priority(rule.priority),
            RuleAttribute::Protocol(protocol(rule, self.owner)),
        ];
        rules.retain(|rule| {
            ours.iter()
                .all(|attribute| rule.attributes.contains(attribute))
        });
        Ok(rules)
    }
}

/// Whether the kernel's `there` is the rule.
pub(super) fn is_rule(there: &RuleMessage, rule: &Rule, owner: Owner) -> bool {
    same(there, &message(rule, owner))
}

/// Whether two rules are the same. The kernel returns more attributes than it was given.
fn same(one: &RuleMessage, other: &RuleMessage) -> bool {
    let (ours, theirs) = (essential(one), essential(other));
    let header = |rule: &RuleMessage| {
        let RuleHeader {
            family,
            dst_len,
            src_len,
            tos,
            action,
            ..
        } = rule.header;
        let inverted = rule.header.flags.contains(RuleFlags::Invert);
        (family, dst_len, src_len, tos, action, inverted, table(rule))
    };
    header(one) == header(other)
        && ours.len() == theirs.len()
        && ours.iter().all(|attribute| theirs.contains(attribute))
}

/// The attributes that are no defaults, without the [`table`].
fn essential(rule: &RuleMessage) -> Vec<&RuleAttribute> {
    let default = |attribute: &RuleAttribute| {
        matches!(
            attribute,
            RuleAttribute::Table(_)
                | RuleAttribute::FwMark(0)
                | RuleAttribute::FwMask(0)
                | RuleAttribute::SuppressPrefixLen(u32::MAX)
                | RuleAttribute::SuppressIfGroup(u32::MAX)
                | RuleAttribute::L3MDev(false)
                | RuleAttribute::Goto(0)
        )
    };
    rule.attributes
        .iter()
        .filter(|attribute| !default(attribute))
        .collect()
}

fn table(rule: &RuleMessage) -> u32 {
    let attribute = rule
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            RuleAttribute::Table(table) => Some(*table),
            _ => None,
        });
    attribute.unwrap_or_else(|| u32::from(rule.header.table))
}

/// What `ip rule` would send.
pub(super) fn message(rule: &Rule, owner: Owner) -> RuleMessage {
    let mut message = RuleMessage::default();
    let header = &mut message.header;
    header.family = super::route::family(rule.family);
    header.tos = rule.tos;
    header.src_len = rule.from.map_or(0, |from| from.prefix_len());
    header.dst_len = rule.to.map_or(0, |to| to.prefix_len());
    if rule.invert {
        header.flags |= RuleFlags::Invert;
    }
    let attributes = &mut message.attributes;
    attributes.push(RuleAttribute::Priority(rule.priority));
    attributes.push(RuleAttribute::Protocol(protocol(rule, owner)));
    header.action = match rule.action {
        RuleAction::Table(table) => {
            match u8::try_from(table) {
                Ok(table) => header.table = table,
                Err(_) => attributes.push(RuleAttribute::Table(table)),
            }
            KernelAction::ToTable
        }
        RuleAction::VrfTable => {
            attributes.push(RuleAttribute::L3MDev(true));
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
    attributes.extend(rule.from.map(|from| RuleAttribute::Source(from.address())));
    attributes.extend(rule.to.map(|to| RuleAttribute::Destination(to.address())));
    attributes.extend(rule.input.clone().map(RuleAttribute::Iifname));
    attributes.extend(rule.output.clone().map(RuleAttribute::Oifname));
    if let Some((mark, mask)) = rule.mark {
        attributes.push(RuleAttribute::FwMark(mark));
        attributes.push(RuleAttribute::FwMask(mask));
    }
    attributes.extend(
        rule.suppress_prefix_len
            .map(RuleAttribute::SuppressPrefixLen),
    );
    attributes.extend(
        rule.suppress_interface_group
            .map(RuleAttribute::SuppressIfGroup),
    );
    attributes.extend(
        rule.ip_protocol
            .map(|protocol| RuleAttribute::IpProtocol(protocol.into())),
    );
    let source = rule.source_ports.as_ref().map(ports);
    attributes.extend(source.map(RuleAttribute::SourcePortRange));
    let destination = rule.destination_ports.as_ref().map(ports);
    attributes.extend(destination.map(RuleAttribute::DestinationPortRange));
    attributes.extend(rule.users.as_ref().map(|users| {
        RuleAttribute::UidRange(RuleUidRange {
            start: *users.start(),
            end: *users.end(),
        })
    }));
    message
}

fn protocol(rule: &Rule, owner: Owner) -> RouteProtocol {
    RouteProtocol::from(rule.protocol.unwrap_or(owner.routing))
}

const fn ports(range: &RangeInclusive<u16>) -> RulePortRange {
    RulePortRange {
        start: *range.start(),
        end: *range.end(),
    }
}
