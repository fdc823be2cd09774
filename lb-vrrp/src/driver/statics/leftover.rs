// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a predecessor that crashed left behind, and what of it can stay.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

use futures_util::TryStreamExt;
use lb_host::rtnetlink::address::{is_address, local_address};
use lb_host::rtnetlink::bounded;
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
use tracing::{info, warn};

use super::{Placed, Spot};
use crate::StaticItems;
use crate::driver::host::{ADDRESS_PROTOCOL, host_address};
use crate::driver::links::Interfaces;
use crate::driver::routing;

/// Removes all rules, routes and addresses with our mark: what another configuration held when its
/// program crashed would lead packets astray. What a static item wants just so stays, and does not
/// flap; so do the addresses of an owner, `own`. What cannot be removed is told, and keeps nobody from
/// starting.
pub(in crate::driver) async fn remove_leftovers(
    handle: &rtnetlink::Handle,
    statics: &StaticItems,
    interfaces: &Interfaces,
    own: &BTreeSet<(u32, IpAddr)>,
) {
    let placed = Placed::new(statics, interfaces);
    let entries: Vec<_> = placed.routing().map(|(entry, _)| entry).collect();
    routing::remove_leftovers(&entries).await;
    if let Err(error) = remove_addresses(handle, &placed, (interfaces, own)).await {
        warn!(%error, "left-over addresses not looked for");
    }
}

async fn remove_addresses(
    handle: &rtnetlink::Handle,
    placed: &Placed,
    (interfaces, own): (&Interfaces, &BTreeSet<(u32, IpAddr)>),
) -> io::Result<()> {
    let all: Vec<AddressMessage> = bounded(handle.address().get().execute().try_collect()).await?;
    for there in all.into_iter().filter(is_ours) {
        let wanted = placed.0.iter().any(|item| match &item.spot {
            Some(Spot::Address(link, address)) => is_address(&there, &host_address(address, link)),
            _ => false,
        });
        let local = local_address(&there);
        let own = local.is_some_and(|local| own.contains(&(there.header.index, local)));
        if wanted || own {
            continue;
        }
        let ifname = interfaces.at(there.header.index).map(|of| &*of.link.name);
        let address = local.map(|of| format!("{of}/{}", there.header.prefix_len));
        info!(ifname, address, "removing left-over address");
        if let Err(error) = bounded(handle.address().del(there).execute()).await {
            warn!(ifname, address, %error, "left-over address not removed");
        }
    }
    Ok(())
}

fn is_ours(of: &AddressMessage) -> bool {
    let protocol = |of: &AddressAttribute| match of {
        AddressAttribute::Protocol(protocol) => u8::from(*protocol) == ADDRESS_PROTOCOL,
        _ => false,
    };
    of.attributes.iter().any(protocol)
}
