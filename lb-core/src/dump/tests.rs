// SPDX-License-Identifier: MIT OR Apache-2.0
//! The files beside those that keepalived wrote for the same configuration, and what the programs that
//! read them look for.

#![cfg(feature = "config")]

mod clients;
mod recorded;

use std::path::{Path, PathBuf};
use std::time::Duration;

use lb_check::Registry;
use lb_vrrp::track::Verdict;
use lb_vrrp::{Priority, State};
use serde_json::Value;

use super::*;
use crate::config::{self, Mode};
use crate::director::Director;
use crate::model::Model;

fn data(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/keepalived-dumps");
    Path::new(folder).join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(data(name)).unwrap()
}

/// The configuration of the recordings.
fn recorded_model() -> Model {
    let loaded = config::load(data("keepalived.conf"), &Registry::builtin());
    loaded.into_model(Mode::Lenient).unwrap()
}

fn model(text: &str) -> Model {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lb.conf");
    std::fs::write(&path, text).unwrap();
    let loaded = config::load(&path, &Registry::builtin());
    loaded.into_model(Mode::Lenient).unwrap()
}

/// A daemon with this model whose routers are in `state`.
fn moment<'a>(model: &'a Model, director: &Director, state: State) -> Moment<'a> {
    let router = |instance: &'a VrrpInstance| RouterMoment {
        state,
        since: Duration::new(1_796_016_070, 125_043_000),
        ..RouterMoment::new(instance)
    };
    let states = director.virtual_servers();
    Moment {
        routers: model.routers.iter().map(router).collect(),
        groups: model.groups.iter().map(|group| (group, state)).collect(),
        objects: model
            .objects
            .iter()
            .map(|object| (object, Verdict::Well(true)))
            .collect(),
        virtual_servers: model.virtual_servers.iter().zip(states).collect(),
        ..Moment::new(&model.global)
    }
}

/// The recorded daemon: both routers master, the one with a failed process below its priority.
fn recorded_moment<'a>(model: &'a Model, director: &Director) -> Moment<'a> {
    let mut moment = moment(model, director, State::Master);
    for (router, (priority, since)) in moment.routers.iter_mut().zip([
        (95, Duration::new(1_796_016_070, 125_043_000)),
        (100, Duration::new(1_796_016_070, 126_783_000)),
    ]) {
        router.priority = Priority::new(priority).unwrap();
        router.since = since;
        router.stats.advertisements_sent = 8;
        router.stats.master_transitions = 1;
    }
    moment.routers[0].source = "192.168.1.51".parse().ok();
    moment.routers[1].source = "fe80::6403:7eff:fe35:73b5".parse().ok();
    for (object, verdict) in &mut moment.objects {
        if matches!(object.source, crate::model::Source::Process(_)) {
            *verdict = Verdict::Well(false);
        }
    }
    moment
}

/// A JSON document and its lines.
fn parse(text: &str) -> Value {
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.ends_with('\n'));
    serde_json::from_str(text).unwrap()
}
