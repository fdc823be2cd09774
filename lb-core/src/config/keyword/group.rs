// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of `garp_group` and `track_group`.

use std::ops::RangeInclusive;
use std::time::Duration;

use lb_vrrp::{Pacing, PacingGroup};

use super::row::{Keyword, Table, Value};
use crate::config::announcements::GarpGroupConfig;
use crate::config::level::Level;
use crate::config::line::{At, Context};
use crate::config::statics::TrackGroupConfig;
use crate::config::tree::NodeId;

const INTERVAL: RangeInclusive<Duration> = Duration::ZERO..=Pacing::MAX;

type Garp = Keyword<GarpGroupConfig>;

pub(in crate::config) static GARP_GROUP: Table<GarpGroupConfig> =
    Table::new(&[Level::GarpGroup], "garp_group", &[GARP_KEYWORDS]);

const GARP_KEYWORDS: &[Garp] = &[
    Garp::new(
        "garp_interval",
        "Sets the time between two gratuitous ARP packets on all interfaces of the group.",
        Value::Seconds(INTERVAL, |group| &mut group.times.arp),
    )
    .default("0"),
    Garp::new(
        "gna_interval",
        "Sets the time between two neighbour advertisements on all interfaces of the group.",
        Value::Seconds(INTERVAL, |group| &mut group.times.neighbour),
    )
    .default("0"),
    Garp::new(
        "interface",
        "Adds an interface to the group.",
        Value::Other("INTERFACE", GarpGroupConfig::interface),
    ),
    Garp::new(
        "interfaces",
        "Adds interfaces to the group.",
        Value::Other("{ INTERFACE … }", GarpGroupConfig::interfaces),
    )
    .opens(Level::Words),
];

type Track = Keyword<TrackGroupConfig>;

pub(in crate::config) static TRACK_GROUP: Table<TrackGroupConfig> =
    Table::new(&[Level::TrackGroup], "track_group", &[TRACK_KEYWORDS]);

const TRACK_KEYWORDS: &[Track] = &[Track::new(
    "group",
    "Lists the instances.",
    Value::Other("{ INSTANCE … }", |group, context, line| {
        context.names(line, &mut group.members);
    }),
)
.opens(Level::Words)];

/// Reads one `garp_group`; none if it is left out.
pub(super) fn garp_group(
    context: &mut Context<'_>,
    block: NodeId,
    known: &[At<PacingGroup>],
) -> Option<At<PacingGroup>> {
    context.only_block(block);
    let mut group = GarpGroupConfig::new(known);
    GARP_GROUP.read(&mut group, context, block);
    group.finish(context, block)
}

/// Reads one `track_group`; none if it has no name.
pub(super) fn track_group(context: &mut Context<'_>, block: NodeId) -> Option<TrackGroupConfig> {
    let mut group = TrackGroupConfig::new(context.name(block)?);
    TRACK_GROUP.read(&mut group, context, block);
    Some(group)
}
