// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scripts and FIFOs of notifications.

use std::sync::Arc;
use std::time::Duration;

use lb_check::{Account, Problem, ScriptRules, Severity};

use super::Config;
use crate::config::Diagnostic;
use crate::config::command::Line;
use crate::config::global::GlobalConfig;
use crate::config::line::{At, Context};
use crate::config::notify::{FifoConfig, RouterNotifyConfig, ServerNotifyConfig};
use crate::model::{
    Fifo, NotifyFifos, NotifyScript, RouterNotify, ServerNotify, StageScript, Webhook,
};

/// The script of a line. One that is missing or refused is reported and left out.
fn script(context: &mut Context<'_>, rules: &ScriptRules, line: &Line) -> Option<NotifyScript> {
    let written = &line.value.raw;
    if let Some(known) = context.scripts.get(written) {
        return Some(known.clone());
    }
    // These scripts have no timeout.
    let (read, errors) = lb_check::Script::from_lines(&line.value, None, rules, Duration::MAX);
    let is_sound = errors.is_empty();
    for error in errors {
        let message = error.problem.to_string();
        let mut finding = match error.severity {
            Severity::Warning => Diagnostic::warning(line.span, message),
            _ => Diagnostic::error(line.span, message),
        };
        if read.is_none() {
            finding = finding.note("the script is left out");
        }
        // keepalived leaves out such a script without an error.
        let silent = matches!(
            error.problem,
            Problem::NotExecutable { .. }
                | Problem::ShellSyntax { .. }
                | Problem::Insecure { .. }
                | Problem::Refused { .. }
        );
        if silent {
            finding = finding.silent();
        }
        finding = error.suggestion.into_iter().fold(finding, Diagnostic::note);
        context.findings.push(finding);
    }
    let program = read?.program;
    let mut script = NotifyScript::new(program.argv);
    script.account = program.account.map(|account| (account.uid, account.gid));
    script.groups = program.groups;
    if is_sound {
        context.scripts.insert(written.clone(), script.clone());
    }
    Some(script)
}

/// The scripts of the start and of the end of the program.
pub(super) fn stage_scripts(
    context: &mut Context<'_>,
    config: &GlobalConfig,
) -> (Option<StageScript>, Option<StageScript>) {
    let runtime = &config.runtime;
    let mut stage = |line: &Option<Line>, timeout: Option<At<Duration>>| {
        let line = line.as_ref()?;
        let script = script(context, &config.script_rules, line);
        // keepalived leaves out such a script without an error.
        context.findings.silence_warnings(line.span);
        let script = script?;
        let mut stage = StageScript::new(script);
        if let Some(timeout) = timeout {
            stage.timeout = timeout.value;
        }
        Some(stage)
    };
    let startup = stage(&runtime.startup, runtime.startup_timeout);
    (startup, stage(&runtime.shutdown, runtime.shutdown_timeout))
}

/// The notifications of an instance. `notify_priority_changes` of its sync group holds where it has
/// none of its own, then that of `global_defs`.
pub(super) fn router(
    context: &mut Context<'_>,
    config: &Config,
    name: &str,
    written: &RouterNotifyConfig,
) -> RouterNotify {
    let mut groups = config.groups.iter();
    let group = groups.find(|group| group.members.iter().any(|member| member.value == name));
    let changes = written
        .priority_changes
        .or_else(|| group?.notify.priority_changes)
        .or(config.global.fifos.priority_changes);
    let mut notify = self::group(context, &config.global, written);
    notify.priority_changes = changes.is_some_and(|at| at.value);
    notify
}

/// The notifications of a sync group.
pub(super) fn group(
    context: &mut Context<'_>,
    global: &GlobalConfig,
    written: &RouterNotifyConfig,
) -> RouterNotify {
    let mut notify = RouterNotify::default();
    let webhook = written.webhook.as_ref().or(global.webhook.as_ref());
    notify.webhook = webhook.map(|at| Arc::clone(&at.value));
    for (event, line) in &written.scripts {
        if let Some(script) = script(context, &global.script_rules, line) {
            notify.scripts.insert(*event, script);
        }
    }
    notify.reports_deletion = written.reports_deletion;
    notify
}

/// The notifications of a virtual or a real server; `webhook` holds where it has none of its own.
pub(super) fn server(
    context: &mut Context<'_>,
    rules: &ScriptRules,
    written: &ServerNotifyConfig,
    webhook: Option<&At<Arc<Webhook>>>,
) -> Option<Box<ServerNotify>> {
    let mut notify = ServerNotify::default();
    let webhook = written.webhook.as_ref().or(webhook);
    notify.webhook = webhook.map(|at| Arc::clone(&at.value));
    for (line, slot) in [
        (&written.up, &mut notify.up),
        (&written.down, &mut notify.down),
    ] {
        *slot = line.as_ref().and_then(|line| script(context, rules, line));
    }
    (notify != ServerNotify::default()).then(|| Box::new(notify))
}

/// The FIFOs.
pub(super) fn fifos(context: &mut Context<'_>, global: &GlobalConfig) -> NotifyFifos {
    let rules = &global.script_rules;
    let written = &global.fifos;
    NotifyFifos {
        all: fifo(context, rules, &written.all),
        vrrp: fifo(context, rules, &written.vrrp),
        servers: fifo(context, rules, &written.servers),
        states_on_reload: written.states_on_reload.is_some_and(|at| at.value),
    }
}

fn fifo(context: &mut Context<'_>, rules: &ScriptRules, written: &FifoConfig) -> Option<Fifo> {
    let script = written.script.as_ref();
    let Some(path) = &written.path else {
        if let Some(line) = script {
            let message = "a script for a FIFO that is not given";
            let finding = Diagnostic::warning(line.span, message).silent();
            context.findings.push(finding.label("ignored"));
        }
        return None;
    };
    let mut fifo = Fifo::new(&path.value.path);
    if let Some((user, group)) = &path.value.user {
        match Account::find(user, group.as_deref()) {
            Ok(account) => fifo.account = Some((account.uid, account.gid)),
            Err(unknown) => {
                let finding = Diagnostic::error(path.span, unknown.to_string());
                context.findings.push(finding.note("the FIFO is left out"));
                return None;
            }
        }
    }
    fifo.script = script.and_then(|line| self::script(context, rules, line));
    Some(fifo)
}
