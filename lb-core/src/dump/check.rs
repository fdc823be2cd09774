// SPDX-License-Identifier: MIT OR Apache-2.0
//! `keepalived_check.data`: virtual servers, real servers and their checks.

use std::fmt::{self, Write as _};

use lb_check::Initial;
use lb_ipvs::{ForwardingMethod, ServiceFlags};

use super::{Moment, global_data};
use crate::director::{CheckState, Health, RealServerState, VirtualServerState};
use crate::model::{CheckSpec, RealServer, VirtualServer};

/// Settings, virtual servers, real servers and their checks.
#[must_use]
pub fn check_data(moment: &Moment<'_>) -> String {
    let mut text = global_data(moment);
    // Writing to a string cannot fail.
    let _ = write_all(&mut text, moment);
    text
}

fn write_all(text: &mut String, moment: &Moment<'_>) -> fmt::Result {
    text.push_str("------< LVS Topology >------\n");
    for (server, state) in &moment.virtual_servers {
        write_server(text, server, state)?;
    }
    text.push_str("------< Health checkers >------\n");
    for (server, state) in &moment.virtual_servers {
        for (real, real_state) in server.real_servers.iter().zip(&state.real_servers) {
            for (check, check_state) in real.checks.iter().zip(&real_state.checks) {
                writeln!(text, " {} -> {}", state.name, real_state.name)?;
                write_check(text, check, check_state)?;
            }
        }
    }
    Ok(())
}

fn write_server(
    text: &mut String,
    server: &VirtualServer,
    state: &VirtualServerState,
) -> fmt::Result {
    let service = &server.service;
    text.push_str(" ------< Virtual server >------\n");
    match service.key.address() {
        _ if server.group.is_some() => writeln!(text, " VS GROUP = {}", state.name)?,
        Some(address) => writeln!(
            text,
            " VS VIP = {}, VPORT = {}",
            address.ip(),
            address.port()
        )?,
        None => writeln!(text, " VS = {}", state.name)?,
    }
    writeln!(
        text,
        "   delay_loop = {:.6}",
        server.delay_loop.as_secs_f64()
    )?;
    writeln!(text, "   lvs_sched = {}", service.scheduler)?;
    let ops = service.flags.contains(ServiceFlags::ONE_PACKET);
    let ops = if ops { "enabled" } else { "disabled" };
    writeln!(text, "   One packet scheduling = {ops}")?;
    if let Some(persistence) = &service.persistence {
        writeln!(
            text,
            "   persistence timeout = {}",
            persistence.timeout.as_secs()
        )?;
    }
    if let Some(protocol) = service.key.protocol() {
        let protocol = protocol.to_string().to_uppercase();
        writeln!(text, "   protocol = {protocol}")?;
    }
    writeln!(text, "   alpha is {}", on_off(server.alpha))?;
    writeln!(text, "   omega is {}", on_off(server.omega))?;
    writeln!(
        text,
        "   Inhibit on failure is {}",
        on_off(server.inhibit_on_failure)
    )?;
    writeln!(
        text,
        "   quorum = {}, hysteresis = {}",
        server.quorum, server.hysteresis
    )?;
    writeln!(
        text,
        "   Using smtp notification = {}",
        yes_no(server.smtp_alert)
    )?;
    if let Some(sorry) = &server.sorry_server {
        let protocol = service.key.protocol();
        let name = RealServer::new(*sorry).name(protocol);
        writeln!(text, "   sorry server = {name}")?;
        writeln!(
            text,
            "     forwarding method = {}",
            method(sorry.forwarding)
        )?;
        writeln!(
            text,
            "     Inhibit on failure is {}",
            on_off(server.sorry_server_inhibit)
        )?;
        writeln!(text, "     set = {}", u8::from(state.sorry))?;
    }
    writeln!(text, "   quorum_state_up = {}", u8::from(state.up))?;
    for (real, state) in server.real_servers.iter().zip(&state.real_servers) {
        write_real(text, real, state)?;
    }
    Ok(())
}

fn write_real(text: &mut String, real: &RealServer, state: &RealServerState) -> fmt::Result {
    let destination = &real.destination;
    let configured = destination.weight.get();
    let failed = state.checks.iter().filter(|check| !check.up).count();
    text.push_str("   ------< Real server >------\n");
    writeln!(
        text,
        "   RIP = {}, RPORT = {}, WEIGHT = {configured} EFF WEIGHT = {}",
        destination.address.ip(),
        destination.address.port(),
        state.weight
    )?;
    writeln!(
        text,
        "   forwarding method = {}",
        method(destination.forwarding)
    )?;
    writeln!(text, "   Alpha is {}", on_off(real.alpha))?;
    let thresholds = destination.thresholds;
    writeln!(
        text,
        "   connection limit range = {} -> {}",
        thresholds.lower, thresholds.upper
    )?;
    writeln!(
        text,
        "   Inhibit on failure is {}",
        on_off(real.inhibit_on_failure)
    )?;
    writeln!(
        text,
        "   Using smtp notification = {}",
        yes_no(real.smtp_alert)
    )?;
    writeln!(text, "   initial weight = {configured}")?;
    writeln!(text, "   effective weight = {}", state.weight)?;
    writeln!(text, "   alive = {}", u8::from(state.up))?;
    writeln!(text, "   num failed checkers = {failed}")?;
    let set = state.up || real.inhibit_on_failure;
    writeln!(text, "   RS set = {}", u8::from(set))
}

fn write_check(text: &mut String, check: &CheckSpec, state: &CheckState) -> fmt::Result {
    let policy = &check.probe.policy;
    writeln!(text, "   Up = {}", yes_no(state.up))?;
    writeln!(text, "   Has run = {}", yes_no(state.settled))?;
    let alpha = check.alpha || policy.initial == Initial::Down;
    writeln!(text, "   Alpha = {}", yes_no(alpha))?;
    writeln!(text, "   Delay loop = {} us", policy.interval.as_micros())?;
    if let Some(warmup) = policy.warmup {
        writeln!(text, "   Warmup = {} us", warmup.as_micros())?;
    }
    writeln!(text, "   Retries = {}", policy.retries)?;
    writeln!(
        text,
        "   Delay before retry = {} us",
        policy.retry_delay.as_micros()
    )?;
    writeln!(
        text,
        "   Log all failures = {}",
        yes_no(check.log_all_failures)
    )?;
    writeln!(text, "   Connection")?;
    writeln!(text, "     Dest = {}", check.probe.target)?;
    writeln!(text, "   Keepalive method = {}", check.kind)?;
    // Keepalived has no word for a check of which nothing is known: it is up until it fails.
    if state.health == Health::Unknown {
        writeln!(text, "   Last result = unknown: {}", state.why)?;
    } else if !state.reason.is_empty() {
        writeln!(text, "   Last result = {}", state.reason)?;
    }
    Ok(())
}

/// keepalived's name of a forwarding method.
const fn method(method: ForwardingMethod) -> &'static str {
    match method {
        ForwardingMethod::Masquerade => "NAT",
        ForwardingMethod::DirectRouting => "DR",
        ForwardingMethod::Tunnel(_) => "TUN",
        ForwardingMethod::Local => "LOCAL",
        _ => "OTHER",
    }
}

const fn on_off(value: bool) -> &'static str {
    if value { "ON" } else { "OFF" }
}

const fn yes_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}
