// SPDX-License-Identifier: MIT OR Apache-2.0
//! Between the model's virtual routers and the VRRP driver, and what is logged about them.

use std::time::Duration;

use lb_vrrp::driver::{DriverOptions, Event};
use lb_vrrp::spec::Configuration;
use lb_vrrp::track::ObjectId;
use lb_vrrp::{Notice, State, Transition, track};

use crate::model::Model;

/// Returns the configuration of the VRRP driver for this model.
pub(super) fn configuration(model: &Model) -> Configuration {
    let settings = &model.global.vrrp;
    let routers = model.routers.iter().map(|router| router.spec.clone());
    Configuration::new(routers.collect())
        .with_log_unknown_vrids(settings.log_unknown_vrids)
        .with_dynamic_interfaces(settings.dynamic_interfaces)
        .with_pacing(settings.pacing.clone())
        .with_carrier_delays(settings.carrier_delays.iter().cloned())
        .with_link_polls(settings.link_polls.iter().cloned())
        .with_groups(model.groups.iter().map(|group| group.spec.clone()))
        .with_objects(model.objects.iter().cloned())
        .with_statics(model.statics.clone())
}

/// Returns the options of the VRRP driver for a running program.
pub(super) fn options(model: &Model) -> DriverOptions {
    DriverOptions::default()
        .with_netlink(model.global.vrrp.netlink)
        .with_scheduling(model.global.vrrp.scheduling)
}

/// The same at the start of the program.
pub(super) fn first_options(model: &Model) -> DriverOptions {
    let options = options(model);
    match model.global.vrrp.delay(uptime()) {
        Some(delay) => {
            tracing::info!(?delay, "virtual routers wait after the start");
            options.with_startup_delay(delay)
        }
        None => options,
    }
}

/// Time since the boot of this machine; the maximum if it cannot be read.
fn uptime() -> Duration {
    let text = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds = text
        .split_whitespace()
        .next()
        .and_then(|seconds| seconds.parse().ok());
    let uptime = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    uptime.unwrap_or(Duration::MAX)
}

/// keepalived's name of a state.
pub(super) const fn state_name(state: State) -> &'static str {
    match state {
        State::Initialize => "INIT",
        State::Backup => "BACKUP",
        State::Master => "MASTER",
        State::Fault => "FAULT",
    }
}

/// Logs a driver event: one info line for each transition, in keepalived's words.
pub(super) fn log(event: &Event) {
    match event {
        Event::Transitioned {
            router,
            transition,
            priority,
            ..
        } => {
            log_transition(router, *transition, priority.get());
        }
        Event::Rejected {
            router,
            source,
            reason,
            suppressed,
            ..
        } => {
            tracing::warn!(
                suppressed,
                "({router}) packet from {source} discarded: {reason}"
            );
        }
        // Each advert of another router can cause one.
        Event::Noticed {
            router,
            notice: notice @ Notice::LosingAdvertisement { .. },
            ..
        } => tracing::debug!("({router}) {notice}"),
        Event::Noticed { router, notice, .. } => {
            tracing::warn!("({router}) {notice}");
        }
        // The driver logs these itself.
        Event::AddressFailed { .. }
        | Event::AddressRestored { .. }
        | Event::StaticChanged { .. }
        | Event::StaticRestored { .. } => {}
        Event::LinkChanged {
            router,
            interface,
            problem: Some(problem),
            ..
        } => {
            tracing::warn!("({router}) {interface}: {problem}");
        }
        Event::LinkChanged {
            router,
            interface,
            problem: None,
            ..
        } => {
            tracing::info!("({router}) {interface}: usable");
        }
        Event::PriorityChanged {
            router, from, to, ..
        } => tracing::info!("({router}) Changing effective priority from {from} to {to}"),
        Event::ObjectChanged {
            object, verdict, ..
        } => log_object(object, *verdict),
        Event::GroupChanged {
            group, from, to, ..
        } => {
            let from = state_name(*from);
            tracing::info!(
                from,
                "VRRP_Group({group}) Syncing instances to {} state",
                state_name(*to)
            );
        }
        Event::Stopped { .. } => tracing::error!("VRRP stopped"),
        other => tracing::debug!(?other, "vrrp"),
    }
}

fn log_object(object: &ObjectId, verdict: track::Verdict) {
    match (object, verdict) {
        (ObjectId::Script(name), track::Verdict::Well(true)) => {
            tracing::info!("VRRP_Script({name}) succeeded");
        }
        (ObjectId::Script(name), track::Verdict::Well(false)) => {
            tracing::info!("VRRP_Script({name}) failed");
        }
        (ObjectId::Process(name), track::Verdict::Well(true)) => {
            tracing::info!("quorum gained for tracked process {name}");
        }
        (ObjectId::Process(name), track::Verdict::Well(false)) => {
            tracing::info!("quorum lost for tracked process {name}");
        }
        (ObjectId::Interface(name), track::Verdict::Well(up)) => {
            tracing::info!("{name} is {}", if up { "up" } else { "down" });
        }
        (ObjectId::Static(name), track::Verdict::Well(well)) => {
            let so = if well { "present" } else { "missing" };
            tracing::info!("tracked static {name} is {so}");
        }
        (ObjectId::File(name), track::Verdict::Value(value)) => {
            tracing::info!("Track file {name}: now {value}");
        }
        _ => tracing::debug!(%object, ?verdict, "tracked"),
    }
}

fn log_transition(router: &str, transition: Transition, own: u8) {
    let Transition {
        from, to, reason, ..
    } = transition;
    let why = match reason {
        lb_vrrp::Reason::HigherPriority { source, priority } => {
            format!(": {source} advertises priority {priority}, ours {own}")
        }
        lb_vrrp::Reason::Startup => " (init)".to_owned(),
        other => format!(": {other}"),
    };
    if to == State::Initialize {
        tracing::info!("({router}) Stopped{why}");
    } else {
        let from = state_name(from);
        tracing::info!(from, "({router}) Entering {} STATE{why}", state_name(to));
    }
}
