// SPDX-License-Identifier: MIT OR Apache-2.0
//! The settings in `global_defs` for all virtual routers together.

use std::net::IpAddr;
use std::time::Duration;

use super::Diagnostic;
use super::announcements::PacingConfig;
use super::buffers::BuffersConfig;
use super::line::{At, Context};
use super::scheduling::SchedulingConfig;
use super::tree::NodeId;
use super::vocabulary::nearest;

#[derive(Debug, Default)]
pub(super) struct VrrpConfig {
    pub(super) group4: Option<At<IpAddr>>,
    pub(super) group6: Option<At<IpAddr>>,
    pub(super) startup_delay: Option<At<Duration>>,
    pub(super) delay_after_boot: Option<At<Duration>>,
    pub(super) log_unknown_vrids: Option<At<bool>>,
    pub(super) disable_local_igmp: Option<At<bool>>,
    pub(super) dynamic_interfaces: Option<At<bool>>,
    pub(super) min_garp: Option<At<bool>>,
    pub(super) pacing: PacingConfig,
    pub(super) scheduling: SchedulingConfig,
    pub(super) buffers: BuffersConfig,
}

/// `dynamic_interfaces [allow_if_changes]`. An interface that becomes another one is followed in
/// any case, so the word changes nothing.
pub(super) fn dynamic_interfaces(context: &mut Context<'_>, line: NodeId) -> Option<At<bool>> {
    const CHANGES: &str = "allow_if_changes";
    let Some(word) = context.arguments(line).first() else {
        return Some(context.flag(line));
    };
    context.only(line, 1);
    let text = At::new(context.text(word), word.span);
    if text.value != CHANGES {
        let finding = context.not_a(
            text,
            &format!("`{CHANGES}`"),
            nearest(text.value, [CHANGES]),
        );
        context.findings.push(finding);
        return None;
    }
    Some(At::new(true, text.span))
}

/// A multicast group of IPv4 (`true`) or IPv6.
pub(super) fn group(
    context: &mut Context<'_>,
    line: NodeId,
    ipv4: Option<bool>,
) -> Option<At<IpAddr>> {
    let text = context.value(line, "a multicast address")?;
    let address = context.address(text)?;
    let of_family = ipv4.is_none_or(|ipv4| address.value.is_ipv4() == ipv4);
    if !address.value.is_multicast() || !of_family {
        let family = match ipv4 {
            Some(true) => "an IPv4 multicast address",
            Some(false) => "an IPv6 multicast address",
            None => "a multicast address",
        };
        let finding = context.not_a(text, family, None);
        context.findings.push(finding);
        return None;
    }
    if let IpAddr::V6(group) = address.value
        && group
            .segments()
            .first()
            .is_some_and(|first| first & 0xf != 2)
    {
        let message = format!("{group} is not a link-local group");
        let finding = Diagnostic::warning(address.span, message);
        context
            .findings
            .push(finding.note("adverts are for one link: ff02::/16"));
    }
    Some(address)
}
