// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether a check goes to the virtual address.

use std::net::IpAddr;

use lb_ipvs::{ForwardingMethod, ServiceKey};

use crate::config::diagnostic::Diagnostic;
use crate::config::line::{At, Context};
use crate::config::via_vip::ViaVip;

/// What decides whether a check goes to the virtual address.
pub(super) struct Way<'c> {
    /// The name of the check.
    pub(super) name: &'c str,
    pub(super) setting: Option<At<ViaVip>>,
    /// Whether the check itself has the setting, and not a server.
    pub(super) own: bool,
    /// Whether it makes connections.
    pub(super) connects: bool,
    pub(super) real_server: IpAddr,
    /// Whether it has a source address.
    pub(super) has_source: bool,
    /// Keywords that exclude it, and whether the check has them.
    pub(super) excluded: [(bool, &'static str); 2],
}

/// The virtual address to which a check of a real server with this forwarding method goes; none if it goes to
/// the real server itself. `keys` are those of the services.
pub(super) fn via_vip(
    context: &mut Context<'_>,
    keys: &[ServiceKey],
    method: ForwardingMethod,
    way: &Way<'_>,
) -> Option<IpAddr> {
    let setting = way.setting?;
    let refuse = |context: &mut Context<'_>, why: String| {
        // A setting of a server is for the checks that can have it.
        if way.own {
            let finding = Diagnostic::error(setting.span, why);
            context
                .findings
                .push(finding.note("the check goes to the real server itself"));
        }
        None
    };
    let first = keys.iter().find_map(ServiceKey::address);
    let ip = match setting.value {
        ViaVip::Off => return None,
        ViaVip::Address(ip) => Some(ip),
        ViaVip::On => first.map(|address| address.ip()),
    };
    if !way.connects {
        return refuse(
            context,
            format!("`{}` makes no connection that IPVS forwards", way.name),
        );
    }
    if !matches!(
        method,
        ForwardingMethod::DirectRouting | ForwardingMethod::Tunnel(_)
    ) {
        return refuse(
            context,
            "`via_vip` is for direct routing and tunnels".to_owned(),
        );
    }
    for (is_set, keyword) in way.excluded {
        if is_set {
            return refuse(context, format!("`via_vip` does not go with `{keyword}`"));
        }
    }
    let Some(ip) = ip else {
        // Nothing else can be meant by the setting of a server.
        let finding = Diagnostic::error(setting.span, "a firewall mark has no address to check");
        context
            .findings
            .push(finding.note("write `via_vip ADDRESS`"));
        return None;
    };
    if ip.is_ipv4() != way.real_server.is_ipv4() && !way.has_source {
        return refuse(
            context,
            "`via_vip` to a real server of the other family needs `bindto`".to_owned(),
        );
    }
    Some(ip)
}
