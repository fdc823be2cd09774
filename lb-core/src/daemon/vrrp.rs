// SPDX-License-Identifier: MIT OR Apache-2.0
//! Between the model's virtual routers and the VRRP driver, and what is logged about them.

use lb_vrrp::driver::{Event, RouterSpec};
use lb_vrrp::{Reason, State, Transition};

use crate::model::{Model, VrrpInstance};

/// What the driver is to run for this model.
pub(super) fn specs(model: &Model) -> Vec<RouterSpec> {
    model.routers.iter().map(spec).collect()
}

fn spec(instance: &VrrpInstance) -> RouterSpec {
    let spec = RouterSpec::new(&instance.name, &instance.interface, instance.config.clone())
        .with_virtual_addresses(instance.virtual_addresses.iter().cloned())
        .with_announcements(instance.announcements);
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
        Event::AddressFailed { .. } | Event::AddressRestored { .. } => {}
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
        Event::Stopped { .. } => tracing::error!("advert thread ended"),
        other => tracing::debug!(?other, "vrrp"),
    }
}

fn log_transition(router: &str, transition: Transition, own: u8) {
    let Transition {
        from, to, reason, ..
    } = transition;
    let why = match reason {
        Reason::HigherPriority { source, priority } => {
            format!(": {source} advertises priority {priority}, ours {own}")
        }
        Reason::Startup => " (init)".to_owned(),
        other => format!(": {other}"),
    };
    if to == State::Initialize {
        tracing::info!("({router}) Stopped{why}");
    } else {
        let from = state_name(from);
        tracing::info!(from, "({router}) Entering {} STATE{why}", state_name(to));
    }
}
