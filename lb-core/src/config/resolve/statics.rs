// SPDX-License-Identifier: MIT OR Apache-2.0
//! Static addresses, routes and rules, and the instances that need them.

use super::Config;
use super::routing::Routing;
use crate::config::Diagnostic;
use crate::config::address::static_addresses;
use crate::config::line::Context;
use crate::config::statics::StaticKind;
use crate::config::vocabulary::nearest;
use crate::model::{StaticItems, TrackGroup, VrrpInstance};

/// The interface of addresses that name none.
const INTERFACE: &str = "eth0";

/// Static addresses, routes and rules; [`groups`] returns the routers that need them.
pub(super) fn items(
    context: &mut Context<'_>,
    config: &Config,
    routing: &mut Routing,
) -> StaticItems {
    let mut items = StaticItems::default();
    let mut addresses = Vec::new();
    let interface = config.global.default_interface.as_ref();
    let interface = interface.map_or(INTERFACE, |at| at.value.as_str());
    for block in &config.statics.blocks {
        let groups = config.statics.above(*block);
        match block.kind {
            StaticKind::Addresses => {
                let around = (groups, interface);
                static_addresses(context, block.node, around, &mut addresses);
            }
            StaticKind::Routes => routing.routes(context, block.node, groups, &mut items),
            StaticKind::Rules => routing.rules(context, block.node, groups, &mut items),
        }
    }
    for address in addresses {
        if let Some(problem) = address.value.item.problem() {
            let message = format!("this is no address: {problem}");
            let finding = Diagnostic::error(address.span, message);
            context.findings.push(finding.note("it is left out"));
        } else {
            items.addresses.push(address.value);
        }
    }
    items
}

/// The groups; a member that is unknown is reported and left out.
pub(super) fn groups(
    context: &mut Context<'_>,
    config: &Config,
    routers: &[VrrpInstance],
) -> Vec<TrackGroup> {
    let mut groups = Vec::new();
    for written in &config.statics.groups {
        let mut members = Vec::new();
        for member in &written.members {
            let names = || routers.iter().map(|router| router.spec.name.as_str());
            if names().any(|name| name == member.value) {
                members.push(member.value.as_str());
                continue;
            }
            let message = format!("no `vrrp_instance {}`", member.value);
            let finding = Diagnostic::error(member.span, message);
            let suggestion = nearest(&member.value, names());
            context.findings.push(finding.suggest(suggestion));
        }
        if written.members.is_empty() {
            context.warning(written.name.span, "a track group without a member");
        }
        groups.push(TrackGroup::new(written.name.value.as_str(), members));
    }
    groups
}
