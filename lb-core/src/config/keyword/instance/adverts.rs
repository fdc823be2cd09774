// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of `vrrp_instance` about the packets of adverts.

use super::super::row::{Keyword, Value};
use crate::config::buffers::LARGEST;
use crate::config::instance::{InstanceConfig, vrf};
use crate::config::level::Level;
use crate::config::vrrp::group;

type Instance = Keyword<InstanceConfig>;

pub(super) const KEYWORDS: &[Instance] = &[
    Instance::new(
        "mcast_src_ip",
        "Sets the source of adverts.",
        Value::Address(|instance| &mut instance.unicast.source),
    )
    .default("first address of the interface")
    .tier(2),
    Instance::new(
        "unicast_src_ip",
        "Sets the source of adverts.",
        Value::Address(|instance| &mut instance.unicast.source),
    )
    .default("first address of the interface")
    .tier(1),
    Instance::new(
        "unicast_peer",
        "Lists the peers that adverts are sent to instead of the multicast group.",
        Value::Other(
            "{ ADDRESS [min_ttl N] [max_ttl N] … }",
            |instance, context, line| {
                instance.unicast.peers(context, line);
            },
        ),
    )
    .opens(Level::Words)
    .tier(1),
    Instance::new(
        "unicast_ttl",
        "Sets the hop limit of unicast adverts.",
        Value::Number(0..=255, |instance| &mut instance.unicast.hop_limit),
    )
    .default("255"),
    Instance::new(
        "check_unicast_src",
        "Accepts unicast adverts from configured peers only.",
        Value::Boolean(|instance| &mut instance.unicast.check_source),
    )
    .default("vrrp_check_unicast_src")
    .tier(2),
    Instance::new(
        "mcast_dst_ip",
        "Sets the multicast group of adverts.",
        Value::Other("ADDRESS", |instance, context, line| {
            let value = group(context, line, None);
            context.set(line, &mut instance.unicast.group, value);
        }),
    )
    .default("vrrp_mcast_group4, vrrp_mcast_group6"),
    Instance::new(
        "track_src_ip",
        "Is in fault while the source is not on the interface.",
        Value::Flag(|instance| &mut instance.unicast.tracks_source),
    )
    .tier(2),
    Instance::new(
        "unicast_fault_no_peer",
        "Is in fault without a unicast peer.",
        Value::Flag(|instance| &mut instance.unicast.needs_peer),
    ),
    Instance::new(
        "old_unicast_checksum",
        "Sends the VRRPv3 checksum that old versions of keepalived send to unicast peers.",
        Value::Other("[never]", |instance, context, line| {
            instance.unicast.old_checksum(context, line);
        }),
    )
    .tier(4),
    Instance::new(
        "v3_checksum_as_v2",
        "Leaves the pseudo header out of VRRPv3 checksums over IPv4.",
        Value::Boolean(|instance| &mut instance.v3_checksum_as_v2),
    )
    .default("off"),
    Instance::new(
        "kernel_rx_buf_size",
        "Sets the receive buffer of the socket for adverts, in bytes.",
        Value::Number(1..=LARGEST, |instance| &mut instance.receive_buffer),
    )
    .default("vrrp_rx_bufs_policy"),
    Instance::new(
        "vrf",
        "Has no effect beside interface, which can be in a VRF.",
        Value::Other("INTERFACE", |_, context, line| vrf(context, line)),
    ),
];
