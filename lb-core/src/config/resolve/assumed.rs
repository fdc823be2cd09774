// SPDX-License-Identifier: MIT OR Apache-2.0
//! Settings of virtual servers that follow from others or are assumed.

use std::net::IpAddr;

use lb_ipvs::AddressFamily;

use crate::config::Diagnostic;
use crate::config::line::Context;
use crate::config::server::VirtualServerConfig;

/// Reports the value assumed for a missing setting; a setting with a mistake has been reported.
pub(super) fn assumed(
    context: &mut Context<'_>,
    written: &VirtualServerConfig,
    keywords: &[&str],
    value: &str,
) {
    if context
        .lines(written.block)
        .any(|line| keywords.contains(&context.keyword(line).0))
    {
        return;
    }
    let message = format!("virtual server without `{}`", keywords.join("` or `"));
    let finding = Diagnostic::warning(written.span, message);
    context
        .findings
        .push(finding.label(format!("{value} is assumed")));
}

pub(super) const fn family(ip: IpAddr) -> AddressFamily {
    match ip {
        IpAddr::V4(_) => AddressFamily::Ipv4,
        IpAddr::V6(_) => AddressFamily::Ipv6,
    }
}
