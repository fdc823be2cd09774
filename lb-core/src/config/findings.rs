// SPDX-License-Identifier: MIT OR Apache-2.0
//! Collects findings, up to a limit.

use super::diagnostic::{Diagnostic, KeepalivedReport, Severity};
use super::source::Span;

/// More than this many a person does not read, and a hostile file shall not fill the memory.
const LIMIT: usize = 1000;

#[derive(Debug, Default)]
pub(super) struct Findings {
    items: Vec<Diagnostic>,
    dropped: usize,
    /// The worst of what was dropped.
    worst: Option<Diagnostic>,
}

impl Findings {
    pub(super) fn push(&mut self, finding: Diagnostic) {
        if self.items.len() < LIMIT {
            self.items.push(finding);
            return;
        }
        self.dropped += 1;
        let rank = |d: &Diagnostic| (d.fatal, d.severity);
        if self
            .worst
            .as_ref()
            .is_none_or(|worst| rank(worst) < rank(&finding))
        {
            self.worst = Some(finding);
        }
    }

    /// Makes the findings within a place fatal; false if there is none.
    pub(super) fn make_fatal(&mut self, place: Span) -> bool {
        let mut any = false;
        for item in &mut self.items {
            let span = item.span;
            if span.start >= place.start && span.end <= place.end {
                item.fatal = true;
                any = true;
            }
        }
        any
    }

    /// Marks the warnings within a place as ones that keepalived does not report.
    pub(super) fn silence_warnings(&mut self, place: Span) {
        for item in &mut self.items {
            let span = item.span;
            let is_inside = span.start >= place.start && span.end <= place.end;
            if is_inside && item.severity == Severity::Warning {
                item.report = KeepalivedReport::Silent;
            }
        }
    }

    /// Whether a further finding will only be counted: then it needs no effort.
    pub(super) fn is_full(&self) -> bool {
        self.items.len() >= LIMIT
    }

    /// All that was kept; the worst of the rest stands for the rest.
    pub(super) fn into_items(self) -> Vec<Diagnostic> {
        let mut items = self.items;
        if let Some(worst) = self.worst {
            items.push(worst.note(format!(
                "{} further findings are not shown",
                self.dropped - 1
            )));
        }
        items
    }
}
