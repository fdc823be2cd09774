// SPDX-License-Identifier: MIT OR Apache-2.0
//! `notify…`, `quorum_up`, `quorum_down` and the FIFOs, as they are written.

use super::Diagnostic;
use super::command::{Line, arguments};
use super::line::{At, Context};
use super::tree::NodeId;
use crate::model::RouterEvent;

/// What follows a keyword of a script.
pub(super) const COMMAND: &str = "COMMAND [USER [GROUP]]";

/// Scripts of a virtual router or a sync group.
#[derive(Debug, Default)]
pub(super) struct RouterNotifyConfig {
    pub(super) scripts: Vec<(RouterEvent, Line)>,
    /// `notify_deleted`, with a script or without.
    pub(super) reports_deletion: bool,
    pub(super) priority_changes: Option<At<bool>>,
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

/// Reads a script; as in keepalived the first one holds.
pub(super) fn script(context: &mut Context<'_>, line: NodeId, slot: &mut Option<Line>) {
    let value = arguments(context, line, "a command");
    set_first(context, line, slot, value);
}

impl FifoConfig {
    /// Reads the path; the first one holds.
    pub(super) fn path(&mut self, context: &mut Context<'_>, line: NodeId) {
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

fn set_first<T>(
    context: &mut Context<'_>,
    line: NodeId,
    slot: &mut Option<At<T>>,
    value: Option<At<T>>,
) {
    let Some(value) = value else { return };
    let Some(first) = slot else {
        *slot = Some(value);
        return;
    };
    let (keyword, span) = context.keyword(line);
    let finding = Diagnostic::warning(span, format!("`{keyword}` is given again"));
    let finding = finding.label("ignored");
    context
        .findings
        .push(finding.note_at(first.span, "this one holds"));
}
