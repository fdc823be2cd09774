// SPDX-License-Identifier: MIT OR Apache-2.0
//! How often and how far apart addresses are announced: in `global_defs`, in instances, and in
//! `garp_group`.

use std::time::Duration;

use lb_vrrp::{ExtraRefresh, PacingGroup};

use super::Diagnostic;
use super::line::{At, Context};
use super::tree::NodeId;

/// What follows a keyword that sets a number of announcements.
pub(super) const REPEAT: &str = "NUMBER, 1 to 2147483647";

/// Announcement settings; an instance's come before the global ones.
#[derive(Debug, Default)]
pub(super) struct AnnouncementConfig {
    pub(super) delay: Option<At<Duration>>,
    pub(super) repeat: Option<At<u32>>,
    pub(super) refresh: Option<At<Duration>>,
    pub(super) refresh_repeat: Option<At<u32>>,
    pub(super) lower_delay: Option<At<Duration>>,
    pub(super) lower_repeat: Option<At<u32>>,
    /// None inside: switched off.
    pub(super) extra: Option<At<Option<ExtraRefresh>>>,
}

/// A number of announcements; keepalived makes one of zero.
pub(super) fn repeat(context: &mut Context<'_>, line: NodeId) -> Option<At<u32>> {
    let mut number = context.number(line, 0..=i32::MAX.unsigned_abs())?;
    if number.value == 0 {
        context.warning(number.span, "at least 1 announcement is made");
        number.value = 1;
    }
    Some(number)
}

/// `[all] SECONDS`; zero is off.
pub(super) fn extra(context: &mut Context<'_>, line: NodeId) -> Option<At<Option<ExtraRefresh>>> {
    let first = context.argument(line, 0, "a number of seconds")?;
    let all = first.value == "all";
    let text = if all {
        context.argument(line, 1, "a number of seconds")?
    } else {
        first
    };
    context.only(line, 1 + usize::from(all));
    let seconds = context.number_in(line, text, 0..=86400)?;
    let period = Duration::from_secs(u64::from(seconds.value));
    let extra = (!period.is_zero()).then(|| ExtraRefresh::new(period, all));
    Some(At::new(extra, seconds.span))
}

/// Times between announcements; 0, which old sample files have, is none.
#[derive(Debug, Default)]
pub(super) struct PacingConfig {
    pub(super) arp: Option<At<Duration>>,
    pub(super) neighbour: Option<At<Duration>>,
}

impl PacingConfig {
    /// Warns about an interval of zero, which paces nothing.
    pub(super) fn warn_of_zero(&self, context: &mut Context<'_>) {
        for at in [self.arp, self.neighbour].into_iter().flatten() {
            if at.value.is_zero() {
                let finding =
                    Diagnostic::warning(at.span, "0 s is not a pause between announcements");
                let finding = finding.label("ignored");
                let note = "there is no pause by default: leave the line out";
                context.findings.push(finding.note(note));
            }
        }
    }

    pub(super) fn arp(&self) -> Duration {
        self.arp.map_or(Duration::ZERO, |at| at.value)
    }

    pub(super) fn neighbour(&self) -> Duration {
        self.neighbour.map_or(Duration::ZERO, |at| at.value)
    }
}

/// `garp_group`.
#[derive(Debug)]
pub(super) struct GarpGroupConfig {
    pub(super) times: PacingConfig,
    interfaces: Vec<String>,
    /// The groups above.
    known: Vec<At<PacingGroup>>,
}

impl GarpGroupConfig {
    /// A group below the groups `known`.
    pub(super) fn new(known: &[At<PacingGroup>]) -> Self {
        Self {
            times: PacingConfig::default(),
            interfaces: Vec::new(),
            known: known.to_vec(),
        }
    }

    pub(super) fn interface(&mut self, context: &mut Context<'_>, line: NodeId) {
        if let Some(text) = context.value(line, "the name of an interface") {
            member(context, text, &self.known, &mut self.interfaces);
        }
    }

    pub(super) fn interfaces(&mut self, context: &mut Context<'_>, block: NodeId) {
        context.only_block(block);
        for line in context.lines(block) {
            context.no_block(line);
            for word in context.tree.words(line) {
                let text = At::new(context.text(word), word.span);
                member(context, text, &self.known, &mut self.interfaces);
            }
        }
    }

    /// The group of a block that has been read; none if it is left out.
    pub(super) fn finish(
        self,
        context: &mut Context<'_>,
        block: NodeId,
    ) -> Option<At<PacingGroup>> {
        let Self {
            times, interfaces, ..
        } = self;
        let (_, span) = context.keyword(block);
        let refusal = |what: &str| {
            let finding = Diagnostic::error(span, format!("`garp_group` without {what}"));
            finding.note("it is left out")
        };
        if times.arp.is_none() && times.neighbour.is_none() {
            let finding = refusal("`garp_interval` or `gna_interval`");
            context.findings.push(finding);
            return None;
        }
        if interfaces.is_empty() {
            context.findings.push(refusal("an interface").silent());
            return None;
        }
        let group = PacingGroup::new(interfaces, times.arp(), times.neighbour());
        Some(At::new(group, span))
    }
}

/// Reads one interface of a group; it can be in one group only.
fn member(
    context: &mut Context<'_>,
    text: At<&str>,
    known: &[At<PacingGroup>],
    into: &mut Vec<String>,
) {
    let Some(name) = context.interface(text) else {
        return;
    };
    let first = known
        .iter()
        .find(|group| group.value.interfaces.contains(&name.value));
    if let Some(first) = first {
        let message = format!("`{}` is in two groups", name.value);
        let finding = Diagnostic::error(name.span, message);
        context
            .findings
            .push(finding.note_at(first.span, "it stays in the one here"));
    } else if into.contains(&name.value) {
        context.warning(name.span, format!("`{}` is given twice", name.value));
    } else {
        into.push(name.value);
    }
}
