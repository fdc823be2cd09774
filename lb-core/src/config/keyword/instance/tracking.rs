// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of `vrrp_instance` about what is tracked or depends on the instance.

use super::super::row::{Keyword, Value};
use crate::config::instance::InstanceConfig;
use crate::config::level::Level;
use crate::config::runtime::does_not_run;
use crate::config::track::{self, Kind};

type Instance = Keyword<InstanceConfig>;

pub(super) const KEYWORDS: &[Instance] = &[
    Instance::new(
        "track_interface",
        "Lists interfaces that change the priority, or are a fault, while down.",
        Value::Other(
            "{ NAME [weight N [reverse]] … }",
            |instance, context, line| {
                track::list(context, line, Kind::Interface, &mut instance.tracked);
            },
        ),
    )
    .opens(Level::Words)
    .tier(1),
    Instance::new(
        "track_script",
        "Lists scripts that change the priority, or are a fault, while they fail.",
        Value::Other(
            "{ NAME [weight N [reverse]] … }",
            |instance, context, line| {
                track::list(context, line, Kind::Script, &mut instance.tracked);
            },
        ),
    )
    .opens(Level::Words)
    .tier(1),
    Instance::new(
        "track_file",
        "Lists files whose number is added to the priority.",
        Value::Other(
            "{ NAME [weight N [reverse]] … }",
            |instance, context, line| {
                track::list(context, line, Kind::File, &mut instance.tracked);
            },
        ),
    )
    .opens(Level::Words)
    .tier(2),
    Instance::new(
        "track_process",
        "Lists processes that change the priority, or are a fault, while they are missing.",
        Value::Other(
            "{ NAME [weight N [reverse]] … }",
            |instance, context, line| {
                track::list(context, line, Kind::Process, &mut instance.tracked);
            },
        ),
    )
    .opens(Level::Words)
    .tier(2),
    Instance::new(
        "dont_track_primary",
        "Ignores the state of the own interface.",
        Value::Flag(|instance| &mut instance.ignores_interface),
    )
    .tier(2),
    Instance::new(
        "linkbeat_use_polling",
        "Polls the link of the interface; deprecated.",
        Value::Other("", InstanceConfig::polling),
    )
    .tier(4),
    Instance::new(
        "track_bfd",
        "Lists the BFD sessions that count in elections.",
        Value::Other("{ NAME [weight WEIGHT] … }", |_, context, line| {
            does_not_run(context, line);
        }),
    )
    .opens(Level::Words)
    .tier(2)
    .later(),
    Instance::new(
        "lvs_sync_daemon_interface",
        "Runs the connection sync daemon on this interface.",
        Value::Interface("the name of an interface", |instance| {
            &mut instance.sync_daemon_interface
        }),
    )
    .tier(4),
];
