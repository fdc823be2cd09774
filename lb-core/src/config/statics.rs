// SPDX-License-Identifier: MIT OR Apache-2.0
//! `static_ipaddress`, `static_routes`, `static_rules`, and `track_group`.

use super::Diagnostic;
use super::line::{At, Context};
use super::source::Span;
use super::tree::NodeId;
use super::vocabulary::nearest;

/// All such blocks of a file.
#[derive(Debug, Default)]
pub(super) struct StaticsConfig {
    pub(super) groups: Vec<TrackGroupConfig>,
    /// Their lines are read when all of `global_defs` is.
    pub(super) blocks: Vec<StaticBlock>,
}

/// A block of lines, and how many groups stand above it.
#[derive(Clone, Copy, Debug)]
pub(super) struct StaticBlock {
    pub(super) kind: StaticKind,
    pub(super) node: NodeId,
    above: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StaticKind {
    Addresses,
    Routes,
    Rules,
}

/// `track_group`.
#[derive(Debug)]
pub(super) struct TrackGroupConfig {
    pub(super) name: At<String>,
    pub(super) members: Vec<At<String>>,
}

impl TrackGroupConfig {
    pub(super) const fn new(name: At<String>) -> Self {
        Self {
            name,
            members: Vec::new(),
        }
    }
}

impl StaticsConfig {
    pub(super) fn block(&mut self, kind: StaticKind, node: NodeId) {
        let above = self.groups.len();
        self.blocks.push(StaticBlock { kind, node, above });
    }

    /// Adds a `track_group`; a second one by a name is skipped.
    pub(super) fn add_group(&mut self, context: &mut Context<'_>, group: TrackGroupConfig) {
        let mut groups = self.groups.iter();
        if let Some(first) = groups.find(|other| other.name.value == group.name.value) {
            let message = format!("a second `track_group {}`", group.name.value);
            let finding = Diagnostic::error(group.name.span, message)
                .note_at(first.name.span, "the first one holds, this one is skipped");
            context.findings.push(finding);
            return;
        }
        self.groups.push(group);
    }

    /// The groups that the lines of a block may name.
    pub(super) fn above(&self, block: StaticBlock) -> Groups<'_> {
        Groups::Static {
            groups: &self.groups,
            above: block.above,
        }
    }
}

/// What `track_group` may name on a line.
#[derive(Clone, Copy, Debug)]
pub(super) enum Groups<'g> {
    /// None: the line is of an instance, which has its items only while it is master.
    Virtual,
    /// One of the first `above` groups; the others are reported as defined too late.
    Static {
        groups: &'g [TrackGroupConfig],
        above: usize,
    },
}

impl Groups<'_> {
    /// The group that a line about `what` names; none if it may not, which has been reported.
    pub(super) fn named(
        self,
        context: &mut Context<'_>,
        option: Span,
        name: At<&str>,
        what: &str,
    ) -> Option<String> {
        let Self::Static { groups, above } = self else {
            let message = format!("`track_group` is for static {what}");
            let finding = Diagnostic::warning(option, message);
            context.findings.push(finding.label("ignored"));
            return None;
        };
        let same = |group: &TrackGroupConfig| group.name.value == name.value;
        let finding = match groups.iter().position(same) {
            Some(at) if at < above => return Some(name.value.to_owned()),
            Some(at) => {
                let message = format!("`track_group {}` is defined too late", name.value);
                let finding = Diagnostic::error(name.span, message);
                let place = groups.get(at).map_or(name.span, |group| group.name.span);
                finding.note_at(place, "it must stand above the lines that name it")
            }
            None => {
                let names = groups.iter().map(|group| group.name.value.as_str());
                let message = format!("no `track_group {}`", name.value);
                Diagnostic::error(name.span, message).suggest(nearest(name.value, names))
            }
        };
        context.findings.push(finding);
        None
    }
}

/// Warns about a line with both `no_track` and `track_group`.
pub(super) fn warn_of_both(context: &mut Context<'_>, line: Span) {
    let finding = Diagnostic::warning(line, "both `no_track` and `track_group`");
    context.findings.push(finding.label("not tracked"));
}
