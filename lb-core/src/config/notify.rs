// SPDX-License-Identifier: MIT OR Apache-2.0
//! `notify…`, `quorum_up`, `quorum_down`, the FIFOs and `notify_url`, as they are written.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::Diagnostic;
use super::command::{Line, arguments};
use super::line::{At, Context};
use super::runtime::set_first;
use super::tree::NodeId;
use super::value;
use crate::model::{RouterEvent, Webhook};

/// What follows a keyword of a script.
pub(super) const COMMAND: &str = "COMMAND [USER [GROUP]]";
/// What follows `notify_url`.
pub(super) const WEBHOOK: &str = "URL [timeout SECONDS, 0.1 to 60] [retry NUMBER, 0 to 10]";
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60);
const RETRIES: RangeInclusive<u32> = 0..=10;

/// Scripts of a virtual router or a sync group.
#[derive(Debug, Default)]
pub(super) struct RouterNotifyConfig {
    pub(super) scripts: Vec<(RouterEvent, Line)>,
    /// `notify_deleted`, with a script or without.
    pub(super) reports_deletion: bool,
    pub(super) priority_changes: Option<At<bool>>,
    pub(super) webhook: Option<At<Arc<Webhook>>>,
}

impl RouterNotifyConfig {
    /// Reads the script of an event.
    pub(super) fn script(&mut self, context: &mut Context<'_>, line: NodeId, event: RouterEvent) {
        let mut known = self.scripts.iter();
        let first = known.find(|(known, _)| *known == event);
        let mut slot = first.map(|(_, first)| first.clone());
        let is_new = slot.is_none();
        script(context, line, &mut slot);
        if is_new {
            self.scripts.extend(slot.map(|script| (event, script)));
        }
    }

    /// Reads `notify_deleted [COMMAND]`.
    pub(super) fn deleted(&mut self, context: &mut Context<'_>, line: NodeId) {
        self.reports_deletion = true;
        if context.arguments(line).is_empty() {
            context.no_block(line);
        } else {
            self.script(context, line, RouterEvent::Deleted);
        }
    }
}

/// Scripts of a virtual or a real server.
#[derive(Debug, Default)]
pub(super) struct ServerNotifyConfig {
    pub(super) up: Option<Line>,
    pub(super) down: Option<Line>,
    pub(super) webhook: Option<At<Arc<Webhook>>>,
}

/// A FIFO and the program that reads it.
#[derive(Debug, Default)]
pub(super) struct FifoConfig {
    pub(super) path: Option<At<FifoPath>>,
    pub(super) script: Option<Line>,
}

/// `PATH [USER [GROUP]]`.
#[derive(Clone, Debug)]
pub(super) struct FifoPath {
    pub(super) path: String,
    pub(super) user: Option<(String, Option<String>)>,
}

/// The FIFOs.
#[derive(Debug, Default)]
pub(super) struct FifosConfig {
    pub(super) all: FifoConfig,
    pub(super) vrrp: FifoConfig,
    pub(super) servers: FifoConfig,
    pub(super) states_on_reload: Option<At<bool>>,
    pub(super) priority_changes: Option<At<bool>>,
}

/// Reads `URL [timeout SECONDS] [retry NUMBER]`.
pub(super) fn webhook(
    context: &mut Context<'_>,
    line: NodeId,
    slot: &mut Option<At<Arc<Webhook>>>,
) {
    context.no_block(line);
    let Some(url) = context.argument(line, 0, "a URL") else {
        return;
    };
    let mut webhook = match Webhook::new(url.value) {
        Ok(webhook) => webhook,
        Err(error) => {
            // The text may hold a password.
            let finding = Diagnostic::error(url.span, error.to_string());
            context.findings.push(finding.note("the line is left out"));
            return;
        }
    };
    let words = context.arguments(line).get(1..).unwrap_or_default();
    for pair in words.chunks(2) {
        let [option, rest @ ..] = pair else { continue };
        let option = At::new(context.text(option), option.span);
        let known = [("timeout", true), ("retry", false)];
        let Some(is_timeout) = context.one_of(option, "an option", &known) else {
            return;
        };
        let Some(word) = rest.first() else {
            context.error(option.span, format!("`{}` needs a number", option.value));
            return;
        };
        let text = At::new(context.text(word), word.span);
        let is_read = if is_timeout.value {
            let timeout = value::seconds(text.value).ok();
            let timeout = timeout.filter(|timeout| TIMEOUT.contains(timeout));
            timeout.map(|timeout| webhook.timeout = timeout)
        } else {
            let retries = text.value.parse().ok();
            let retries = retries.filter(|retries| RETRIES.contains(retries));
            retries.map(|retries| webhook.retries = retries)
        };
        if is_read.is_none() {
            let wants = if is_timeout.value {
                "0.1 to 60 seconds"
            } else {
                "0 to 10 retries"
            };
            let finding = context.not_a(text, wants, None);
            context.findings.push(finding);
        }
    }
    context.set(line, slot, Some(At::new(Arc::new(webhook), url.span)));
}

/// Reads a script; as in keepalived the first one holds.
pub(super) fn script(context: &mut Context<'_>, line: NodeId, slot: &mut Option<Line>) {
    let value = arguments(context, line, "a command");
    set_first(context, line, slot, value);
}

impl FifoConfig {
    /// Reads the path; the first one holds.
    pub(super) fn path(&mut self, context: &mut Context<'_>, line: NodeId) {
        if context.arguments(line).is_empty() {
            let (keyword, span) = context.keyword(line);
            return context.error(span, format!("`{keyword}` needs the path of a FIFO"));
        }
        let Some(path) = context.argument(line, 0, "the path of a FIFO") else {
            return;
        };
        context.only(line, 3);
        let words = context.arguments(line);
        let word = |index: usize| words.get(index).map(|word| context.text(word).to_owned());
        let value = FifoPath {
            path: path.value.to_owned(),
            user: word(1).map(|user| (user, word(2))),
        };
        let value = At::new(value, path.span);
        set_first(context, line, &mut self.path, Some(value));
    }
}
