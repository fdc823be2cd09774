// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addresses with a port.

use std::net::IpAddr;

use super::line::{At, Context};
use super::tree::NodeId;

/// An address and the port after it, if there is one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endpoint {
    pub(super) ip: IpAddr,
    pub(super) port: Option<At<u16>>,
}

/// `IP [PORT]` after a keyword that takes a block.
pub(super) fn endpoint_words(context: &mut Context<'_>, line: NodeId) -> Option<At<Endpoint>> {
    let text = context.argument(line, 0, "an address")?;
    context.extra(line, 2);
    let ip = context.address_without_prefix(text)?;
    let port = match context.arguments(line).get(1) {
        None => None,
        Some(word) => {
            let text = At::new(context.text(word), word.span);
            let port = context.number_in(line, text, 0..=65535)?;
            let port = u16::try_from(port.value).ok().filter(|port| *port != 0);
            port.map(|port| At::new(port, text.span))
        }
    };
    Some(At::new(Endpoint { ip: ip.value, port }, ip.span))
}

/// `IP [PORT]` after a keyword that takes no block.
pub(super) fn endpoint(context: &mut Context<'_>, line: NodeId) -> Option<At<Endpoint>> {
    context.no_block(line);
    endpoint_words(context, line)
}
