// SPDX-License-Identifier: MIT OR Apache-2.0
//! `via_vip` of virtual servers, real servers and checks.

use std::net::IpAddr;

use super::line::{At, Context};
use super::tree::NodeId;

/// Whether a check goes to the virtual address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ViaVip {
    /// To the real server itself.
    Off,
    /// To the first address of the virtual server.
    On,
    /// To this address.
    Address(IpAddr),
}

/// The form of `via_vip`.
pub(super) const VIA_VIP: &str = "[on|off|ADDRESS]";

/// Reads `via_vip`.
pub(super) fn via_vip(context: &mut Context<'_>, line: NodeId) -> Option<At<ViaVip>> {
    let first = context.arguments(line).first();
    if first.is_some_and(|word| context.text(word).contains(['.', ':'])) {
        let text = context.value(line, "an address")?;
        let address = context.address_without_prefix(text)?;
        return Some(At::new(ViaVip::Address(address.value), address.span));
    }
    let switch = context.boolean(line)?;
    let value = if switch.value {
        ViaVip::On
    } else {
        ViaVip::Off
    };
    Some(At::new(value, switch.span))
}
