// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checks of real servers.

use std::net::SocketAddr;
use std::time::Duration;

use lb_check::{Arguments, BuiltCheck, FirstVerdict, Policy};

use crate::model::{CheckSetting, CheckSpec, PendingCheck};

use super::PrintError;
use super::page::Page;

/// What a check has from its servers.
pub(super) struct Surroundings {
    /// What it connects to unless it names something else.
    pub(super) target: SocketAddr,
    /// That of the virtual server.
    pub(super) delay_loop: Duration,
    pub(super) alpha: bool,
    /// The name of the real server.
    pub(super) server: String,
}

/// Prints a check with its target and its schedule.
pub(super) fn check(page: &mut Page, spec: &CheckSpec, around: &Surroundings) {
    let Some(lines) = spec.probe.check.lines() else {
        let (kind, server) = (spec.kind.to_string(), around.server.clone());
        return page.fail(PrintError::Check { kind, server });
    };
    page.open([&*spec.kind]);
    if spec.follows_input() {
        for line in &lines {
            page.written(line);
        }
        return page.close();
    }
    target(page, spec, around.target);
    for line in &lines {
        // The account of a script; other checks have a `user` of another kind.
        if &*spec.kind != "MISC_CHECK"
            || line.name != "user"
            || !page.is_usual_account(&line.values)
        {
            page.written(line);
        }
    }
    schedule(page, spec, around.delay_loop);
    page.switch("alpha", spec.alpha, around.alpha);
    page.flag("log_all_failures", spec.log_all_failures);
    page.close();
}

fn target(page: &mut Page, spec: &CheckSpec, usual: SocketAddr) {
    let target = &spec.probe.target;
    let address = target.address;
    if spec.via_vip {
        page.set("via_vip", address.ip());
    } else if address.ip() != usual.ip() {
        page.set("connect_ip", address.ip());
    }
    if address.port() != usual.port() {
        page.set("connect_port", address.port());
    }
    if let Some(source) = target.source() {
        if !source.ip().is_unspecified() {
            page.set("bindto", source.ip());
        }
        if source.port() != 0 {
            page.set("bind_port", source.port());
        }
    }
    page.set_some("bind_if", target.device());
    page.set_some("fwmark", target.mark());
}

fn schedule(page: &mut Page, spec: &CheckSpec, delay_loop: Duration) {
    let policy = &*spec.probe.policy;
    page.set("retry", policy.retries);
    match policy.fast_interval {
        Some(interval) => page.seconds("fast_interval", interval),
        None => page.seconds("delay_before_retry", policy.retry_delay),
    }
    if policy.rise > 1 {
        page.set("rise", policy.rise);
    }
    if policy.interval != delay_loop {
        page.seconds("delay_loop", policy.interval);
    }
    if let Some(interval) = policy.down_interval
        && !waits_retry_delay(spec)
    {
        page.seconds("down_interval", interval);
    }
    if policy.jitter != 0 {
        page.set("jitter", policy.jitter);
    }
    if policy.deadline != BuiltCheck::usual_deadline(&*spec.probe.check) {
        page.seconds("deadline", policy.deadline);
    }
    if let Some(warmup) = policy.warmup {
        page.seconds("warmup", warmup);
    }
    // `warmup` has keepalived's rule of the first verdict with it.
    match (policy.first, policy.warmup) {
        (FirstVerdict::Counted, None) | (FirstVerdict::OneFailure, Some(_)) => {}
        (first, _) => page.fail(PrintError::Setting {
            what: "the rule of the first verdict",
            value: format!("{first:?}"),
        }),
    }
}

/// Whether a check has its down interval by the rule of its kind, without a keyword.
fn waits_retry_delay(spec: &CheckSpec) -> bool {
    let policy: &Policy = &spec.probe.policy;
    matches!(&*spec.kind, "HTTP_GET" | "SSL_GET")
        && policy.fast_interval.is_none()
        && policy.retry_delay > policy.interval
        && policy.down_interval == Some(policy.retry_delay)
}

/// Prints a check that does not run in this version.
pub(super) fn pending(page: &mut Page, check: &PendingCheck) {
    let children = check.settings.iter().map(setting);
    page.written(&Arguments::block(check.kind.as_str(), children));
}

fn setting(setting: &CheckSetting) -> Arguments {
    let mut line = Arguments::line(setting.keyword.as_str(), &setting.values);
    line.children = setting.block.iter().map(self::setting).collect();
    line.has_block = !line.children.is_empty();
    line
}
