// SPDX-License-Identifier: MIT OR Apache-2.0
//! Between the model's virtual routers and the VRRP driver, and what is logged about them.

use std::sync::Arc;
use std::time::Duration;

use lb_host::script::{Account, Program};
use lb_vrrp::driver::{
    self, CommandRunner, Configuration, Event, FileSource, GroupSpec, LockMemory, ObjectSpec,
    ProcessSource, Processors, Realtime, RouterSpec, ScriptSource,
};
use lb_vrrp::track::ObjectId;
use lb_vrrp::{State, Transition, track};

use crate::model::{Model, SyncGroup, TrackedObject, TrackedScript, TrackedSource, VrrpInstance};

/// What the driver is to run for this model.
pub(super) fn configuration(model: &Model) -> Configuration {
    Configuration::new(model.routers.iter().map(spec).collect())
        .with_log_unknown_vrids(model.global.vrrp.log_unknown_vrids)
        .with_dynamic_interfaces(model.global.vrrp.dynamic_interfaces)
        .with_pacing(model.global.vrrp.pacing.clone())
        .with_carrier_delays(model.global.vrrp.carrier_delays.iter().cloned())
        .with_link_polls(model.global.vrrp.link_polls.iter().cloned())
        .with_groups(model.groups.iter().map(group))
        .with_objects(model.objects.iter().map(object))
        .with_statics(model.statics.clone())
}

/// How the driver is to run.
pub(super) fn options(model: &Model) -> driver::Options {
    let asked = &model.global.vrrp.scheduling;
    let mut scheduling = driver::Scheduling::default()
        .with_nice(asked.nice)
        .with_processors(Processors::new(asked.processors.iter().copied()))
        .with_limit(asked.limit);
    if asked.no_swap {
        scheduling = scheduling.with_memory(LockMemory::Always);
    }
    let options = driver::Options::default().with_netlink(model.global.vrrp.netlink);
    match asked.priority {
        Some(priority) => options
            .with_realtime(Realtime::Always)
            .with_scheduling(scheduling.with_priority(priority)),
        None => options.with_scheduling(scheduling),
    }
}

/// The same at the start of the program.
pub(super) fn first_options(model: &Model) -> driver::Options {
    let options = options(model);
    match model.global.vrrp.delay(uptime()) {
        Some(delay) => {
            tracing::info!(?delay, "virtual routers wait after the start");
            options.with_startup_delay(delay)
        }
        None => options,
    }
}

/// Since the boot of this machine; long ago if nobody knows.
fn uptime() -> Duration {
    let text = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds = text
        .split_whitespace()
        .next()
        .and_then(|of| of.parse().ok());
    let uptime = seconds.and_then(|of| Duration::try_from_secs_f64(of).ok());
    uptime.unwrap_or(Duration::MAX)
}

fn group(group: &SyncGroup) -> GroupSpec {
    let spec = GroupSpec::new(&group.name, group.members.iter().map(String::as_str))
        .with_tracking_weight(group.tracking_weight);
    group.tracked.iter().fold(spec, |spec, (object, weight)| {
        spec.with_tracked(object.clone(), *weight)
    })
}

fn object(object: &TrackedObject) -> ObjectSpec {
    let name = &**object.id.name();
    match &object.source {
        TrackedSource::Script(script) => {
            let source = ScriptSource::new(Arc::new(runner(script)))
                .with_interval(script.interval, script.timeout)
                .with_script(script.script);
            ObjectSpec::new(name, source)
        }
        TrackedSource::File { path, init } => {
            let mut source = FileSource::new(path);
            source.init = *init;
            ObjectSpec::new(name, source)
        }
        TrackedSource::Process { pattern, process } => {
            let source = ProcessSource::new(pattern.clone()).with_process(*process);
            ObjectSpec::new(name, source)
        }
    }
}

/// The program of a tracked script.
fn runner(tracked: &TrackedScript) -> CommandRunner {
    let mut program = Program::new(&tracked.argv).with_groups(tracked.groups.iter().copied());
    program.account = tracked.account.map(|(uid, gid)| Account::new(uid, gid));
    CommandRunner::from(program)
}

fn spec(instance: &VrrpInstance) -> RouterSpec {
    let spec = RouterSpec::new(&instance.name, &instance.interface, instance.config.clone())
        .with_virtual_addresses(instance.virtual_addresses.iter().cloned())
        .with_virtual_routes(instance.virtual_routes.iter().cloned())
        .with_virtual_rules(instance.virtual_rules.iter().cloned())
        .with_announcements(instance.announcements)
        .with_ignores_interface(instance.ignores_interface)
        .with_tracks_source(instance.tracks_source)
        .with_promotes_secondaries(instance.promotes_secondaries)
        .with_needs_peer(instance.needs_peer)
        .with_address_prefix(&instance.address_prefix);
    let spec = match &instance.vmac {
        Some(vmac) => spec.with_vmac(vmac.clone()),
        None => spec,
    };
    let spec = instance
        .tracked
        .iter()
        .fold(spec, |spec, (object, weight)| {
            spec.with_tracked(object.clone(), *weight)
        });
    let spec = match instance.receive_buffer {
        Some(buffer) => spec.with_receive_buffer(buffer),
        None => spec,
    };
    match instance.source {
        Some(source) => spec.with_source(source),
        None => spec,
    }
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
            let so = if well { "in its place" } else { "missing" };
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
