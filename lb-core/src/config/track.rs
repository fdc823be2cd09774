// SPDX-License-Identifier: MIT OR Apache-2.0
//! `track_interface`, `track_script`, `track_file`, `track_process`, in instances and sync groups.

use super::Diagnostic;
use super::level::Level;
use super::line::{At, Context};
use super::notify::RouterNotifyConfig;
use super::source::Span;
use super::tree::NodeId;

/// What kind of object a list names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Interface,
    Script,
    File,
    Process,
}

impl Kind {
    /// The keyword that defines such an object.
    pub(super) const fn keyword(self) -> &'static str {
        match self {
            Self::Interface => "interface",
            Self::Script => "vrrp_script",
            Self::File => "track_file",
            Self::Process => "vrrp_track_process",
        }
    }

    /// The largest weight, either way.
    const fn limit(self) -> i32 {
        match self {
            Self::Interface | Self::Script => 253,
            Self::File | Self::Process => 254,
        }
    }
}

/// `W [reverse|noreverse]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct WeightConfig {
    pub(super) weight: i32,
    pub(super) reverse: Option<bool>,
    pub(super) span: Span,
}

/// One line of a list.
#[derive(Clone, Debug)]
pub(super) struct TrackConfig {
    pub(super) kind: Kind,
    pub(super) name: At<String>,
    pub(super) weight: Option<WeightConfig>,
    pub(super) line: NodeId,
}

/// Reads a list of `NAME [weight W [reverse|noreverse]]`.
pub(super) fn list(
    context: &mut Context<'_>,
    block: NodeId,
    kind: Kind,
    into: &mut Vec<TrackConfig>,
) {
    context.only_block(block);
    for line in context.lines(block) {
        context.no_block(line);
        let words = context.tree.words(line);
        let Some(first) = words.first() else { continue };
        let name = At::new(context.text(first).to_owned(), first.span);
        let weight = match words.get(1) {
            None => None,
            Some(option) => {
                let option = At::new(context.text(option), option.span);
                let known = [("weight", ())];
                if context.one_of(option, "an option", &known).is_none() {
                    continue;
                }
                // With a mistake there, the object's own weight counts, as in keepalived.
                weight(context, line, 2, kind)
            }
        };
        into.push(TrackConfig {
            kind,
            name,
            weight,
            line,
        });
    }
}

/// Reads a weight that begins at the word `at` of a line, to the end of the line.
pub(super) fn weight(
    context: &mut Context<'_>,
    line: NodeId,
    at: usize,
    kind: Kind,
) -> Option<WeightConfig> {
    let words = context.tree.words(line);
    let Some(word) = words.get(at) else {
        let span = context.keyword(line).1;
        context.error(span, "`weight` needs a number");
        return None;
    };
    let text = At::new(context.text(word), word.span);
    let limit = kind.limit();
    let weight = text.value.parse::<i32>().ok();
    if weight.is_none_or(|weight| weight.saturating_abs() > limit) {
        let wants = format!("a weight of -{limit} to {limit}");
        let finding = context.not_a(text, &wants, None);
        context.findings.push(finding);
    }
    // What is too much is taken as the most there can be.
    let weight = weight?.clamp(-limit, limit);
    let reverse = match words.get(at + 1) {
        None => None,
        Some(word) => {
            let text = At::new(context.text(word), word.span);
            let choices = [("reverse", true), ("noreverse", false)];
            Some(
                context
                    .one_of(text, "reverse or noreverse", &choices)?
                    .value,
            )
        }
    };
    // Of the words after the keyword.
    context.extra(line, at + 1);
    Some(WeightConfig {
        weight,
        reverse,
        span: text.span,
    })
}

/// `vrrp_sync_group`.
#[derive(Debug)]
pub(super) struct GroupConfig {
    pub(super) name: At<String>,
    pub(super) members: Vec<At<String>>,
    pub(super) tracked: Vec<TrackConfig>,
    pub(super) tracking_weight: bool,
    /// Members stand directly in the block, which has been reported.
    pub(super) misplaced_members: bool,
    pub(super) smtp_alert: Option<At<bool>>,
    pub(super) notify: RouterNotifyConfig,
}

impl GroupConfig {
    /// Reports a line whose keyword is not known; it may be a member outside of `group { … }`.
    pub(super) fn report_unknown(
        &mut self,
        context: &mut Context<'_>,
        block: NodeId,
        line: NodeId,
    ) {
        let (keyword, span) = context.keyword(line);
        let level = Level::SyncGroup;
        let alone = context.arguments(line).is_empty() && !context.tree.has_block(line);
        let mut lines = context.lines(block);
        let has_list = lines.any(|line| context.keyword(line).0 == "group");
        let words = context.vocabulary;
        let is_word = words.knows(level, keyword) || words.nearest(level, keyword).is_some();
        if has_list || is_word || !alone {
            return context.unknown(level, line);
        }
        self.misplaced_members = true;
        let message = format!("`{keyword}` is not in a block `group {{ … }}`");
        let finding = Diagnostic::error(span, message);
        let note = "the members of a sync group stand in `group { … }` inside it";
        context.findings.push(finding.note(note));
    }

    pub(super) fn new(name: At<String>) -> Self {
        Self {
            name,
            members: Vec::new(),
            tracked: Vec::new(),
            tracking_weight: false,
            misplaced_members: false,
            smtp_alert: None,
            notify: RouterNotifyConfig::default(),
        }
    }
}
