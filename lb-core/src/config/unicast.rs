// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the advertisements of an instance come from and go to: source, unicast peers.

use std::net::IpAddr;

use lb_vrrp::UnicastPeer;

use super::Diagnostic;
use super::line::{At, Context};
use super::tree::NodeId;

#[derive(Debug, Default)]
pub(super) struct UnicastConfig {
    /// `mcast_src_ip` and `unicast_src_ip`, which are one.
    pub(super) source: Option<At<IpAddr>>,
    pub(super) peers: Vec<At<UnicastPeer>>,
    pub(super) hop_limit: Option<At<u32>>,
    pub(super) check_source: Option<At<bool>>,
    /// `mcast_dst_ip`.
    pub(super) group: Option<At<IpAddr>>,
    pub(super) tracks_source: Option<At<bool>>,
    pub(super) needs_peer: Option<At<bool>>,
    /// Whether the old unicast checksum is sent; no with `never`.
    pub(super) old_checksum: Option<At<bool>>,
}

impl UnicastConfig {
    pub(super) fn old_checksum(&mut self, context: &mut Context<'_>, line: NodeId) {
        let value = if context.arguments(line).is_empty() {
            Some(context.flag(line))
        } else {
            let text = context.value(line, "never");
            text.and_then(|text| context.one_of(text, "never", &[("never", false)]))
        };
        context.set(line, &mut self.old_checksum, value);
    }

    /// A block of `IP [min_ttl N] [max_ttl N]`. A line that keepalived would drop is dropped.
    pub(super) fn peers(&mut self, context: &mut Context<'_>, block: NodeId) {
        context.only_block(block);
        for line in context.lines(block) {
            context.no_block(line);
            let Some(peer) = peer(context, line) else {
                continue;
            };
            let address = peer.value.address;
            let first = self.peers.iter().find(|peer| peer.value.address == address);
            if let Some(first) = first {
                let message = format!("peer {address} is given twice");
                let finding = Diagnostic::warning(peer.span, message).silent();
                let finding = finding.label("ignored");
                context
                    .findings
                    .push(finding.note_at(first.span, "it is already given here"));
                continue;
            }
            self.peers.push(peer);
        }
    }
}

fn peer(context: &mut Context<'_>, line: NodeId) -> Option<At<UnicastPeer>> {
    let words = context.tree.words(line);
    let first = words.first()?;
    let address = context.address_without_prefix(At::new(context.text(first), first.span))?;
    let (mut least, mut most) = (0, u8::MAX);
    let mut bounded = false;
    let mut words = words.iter().skip(1);
    while let Some(word) = words.next() {
        let option = At::new(context.text(word), word.span);
        let choices = [("min_ttl", true), ("max_ttl", false)];
        let lower = context.one_of(option, "an option of a peer", &choices)?;
        let Some(value) = words.next() else {
            let message = format!("`{}` needs a number", option.value);
            context.error(option.span, message);
            return None;
        };
        let value = At::new(context.text(value), value.span);
        let number = context.number_in(line, value, 0..=255)?;
        // Within the range above.
        let number = u8::try_from(number.value).unwrap_or(u8::MAX);
        *(if lower.value { &mut least } else { &mut most }) = number;
        bounded = true;
    }
    let mut peer = UnicastPeer::new(address.value);
    if least > most {
        let message = format!("`min_ttl` {least} is above `max_ttl` {most}");
        context.error(address.span, message);
    } else if bounded {
        peer = peer.with_hop_limits(least..=most);
    }
    Some(At::new(peer, address.span))
}
