// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checks of real servers.

use std::net::SocketAddr;
use std::time::Duration;

use lb_check::{Arguments, Policy, Target};

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
    target(page, &spec.probe.target, around.target);
    for line in &lines {
        // The account of a script; other checks have a `user` of another kind.
        if &*spec.kind != "MISC_CHECK"
            || line.name != "user"
            || !page.is_usual_account(&line.values)
        {
            page.written(line);
        }
    }
    schedule(page, &spec.probe.policy, around.delay_loop);
    page.switch("alpha", spec.alpha, around.alpha);
    page.flag("log_all_failures", spec.log_all_failures);
    page.close();
}

fn target(page: &mut Page, target: &Target, usual: SocketAddr) {
    let address = target.address;
    if address.ip() != usual.ip() {
        page.set("connect_ip", address.ip());
    }
    if address.port() != usual.port() {
        page.set("connect_port", address.port());
    }
    if let Some(source) = target.source {
        if !source.ip().is_unspecified() {
            page.set("bindto", source.ip());
        }
        if source.port() != 0 {
            page.set("bind_port", source.port());
        }
    }
    page.set_some("bind_if", target.device.as_ref());
    page.set_some("fwmark", target.mark);
}

fn schedule(page: &mut Page, policy: &Policy, delay_loop: Duration) {
    page.set("retry", policy.retries);
    page.seconds("delay_before_retry", policy.retry_delay);
    if policy.interval != delay_loop {
        page.seconds("delay_loop", policy.interval);
    }
    if let Some(warmup) = policy.warmup {
        page.seconds("warmup", warmup);
    }
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
