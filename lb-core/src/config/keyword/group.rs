// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of `garp_group` and `track_group`.

use std::ops::RangeInclusive;
use std::time::Duration;

use lb_vrrp::Pacing;

use super::{Keyword, Value};
use crate::config::announcements::GarpGroupConfig;
use crate::config::statics::TrackGroupConfig;

const INTERVAL: RangeInclusive<Duration> = Duration::ZERO..=Pacing::MAX;

type Garp = Keyword<GarpGroupConfig>;

pub(in crate::config) const GARP_GROUP: &[Garp] = &[
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
    ),
];

type Track = Keyword<TrackGroupConfig>;

pub(in crate::config) const TRACK_GROUP: &[Track] = &[Track::new(
    "group",
    "Lists the instances.",
    Value::Other("{ INSTANCE … }", |group, context, line| {
        context.names(line, &mut group.members);
    }),
)];
