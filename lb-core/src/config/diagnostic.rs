// SPDX-License-Identifier: MIT OR Apache-2.0
//! Findings: what is wrong, where, and what was probably meant.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::source::{Location, Sources, Span};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the one refuses a file, the other does not"
)]
pub enum Severity {
    /// The text is valid, but its meaning is probably not the intended one.
    Warning,
    /// A strict reading refuses the file; a lenient one skips the place.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// What keepalived 2.2.7 does at the place of a finding; the exit status of its configuration test follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum KeepalivedReport {
    /// It accepts the text silently.
    Silent,
    /// It cannot read the file.
    Unreadable,
    /// It reports the place, and would run.
    Reported,
    /// It ends: a keyword has no argument.
    Argument,
    /// It ends: a file that has to be there is not.
    NoConfiguration,
}

/// A remark about a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Note {
    /// The remark, lower case, no full stop.
    pub message: String,
    /// The place it speaks of, if it is another one.
    pub span: Option<Span>,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// Whether it refuses the file.
    pub severity: Severity,
    /// What is wrong, lower case, no full stop.
    pub message: String,
    /// Where.
    pub span: Span,
    /// A few words at the caret.
    pub label: Option<String>,
    /// What was probably meant: a word to put in the place of the marked one.
    pub suggestion: Option<String>,
    /// Further remarks.
    pub notes: Vec<Note>,
    /// Whether a lenient reading ends here, too, as keepalived does.
    pub(super) fatal: bool,
    /// The marked text is a secret; it is shown as asterisks.
    pub(super) secret: bool,
    pub(super) report: KeepalivedReport,
}

impl Diagnostic {
    /// Whether keepalived 2.2.7 has a message about this too; it is silent about the others.
    #[must_use]
    pub fn is_reported_by_keepalived(&self) -> bool {
        self.report != KeepalivedReport::Silent
    }

    pub(super) fn new(severity: Severity, span: Span, message: impl Into<String>) -> Self {
        Self {
            severity,
            message: shortened(message.into()),
            span,
            label: None,
            suggestion: None,
            notes: Vec::new(),
            fatal: false,
            secret: false,
            report: KeepalivedReport::Reported,
        }
    }

    pub(super) fn error(span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, span, message)
    }

    pub(super) fn warning(span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, span, message)
    }

    pub(super) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(shortened(label.into()));
        self
    }

    pub(super) fn suggest(mut self, word: Option<impl Into<String>>) -> Self {
        self.suggestion = word.map(Into::into);
        self
    }

    pub(super) fn note(mut self, message: impl Into<String>) -> Self {
        self.notes.push(Note {
            message: shortened(message.into()),
            span: None,
        });
        self
    }

    pub(super) fn note_at(mut self, span: Span, message: impl Into<String>) -> Self {
        self.notes.push(Note {
            message: shortened(message.into()),
            span: Some(span),
        });
        self
    }

    pub(super) fn fatal(mut self) -> Self {
        self.fatal = true;
        self
    }

    /// keepalived accepts this silently.
    pub(super) fn silent(self) -> Self {
        self.report(KeepalivedReport::Silent)
    }

    /// Moves its places from expanded lines into the files, and adds where the text is defined.
    pub(super) fn in_files(mut self, sources: &Sources) -> Self {
        let definition = sources.definition(self.span);
        self.span = sources.origin(self.span);
        let notes = self.notes.iter_mut();
        for place in notes.filter_map(|note| note.span.as_mut()) {
            *place = sources.origin(*place);
        }
        match definition {
            Some(place) => self.note_at(place, "this text is defined here"),
            None => self,
        }
    }

    pub(super) fn report(mut self, report: KeepalivedReport) -> Self {
        self.report = report;
        self
    }

    pub(super) fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

/// The findings of one reading, in the order of the text, with the texts they speak of.
///
/// Its `Display` is one line for each finding, `file:line:column: error: …`, for logs and editors;
/// [`render`](Self::render) shows the lines themselves with a caret, for people.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    sources: Arc<Sources>,
    items: Vec<Diagnostic>,
}

impl Diagnostics {
    pub(super) fn new(sources: Arc<Sources>, mut items: Vec<Diagnostic>) -> Self {
        items.sort_by_key(|item| item.span.start);
        // A line that is read several times has its mistakes once.
        items.dedup();
        Self { sources, items }
    }

    pub(super) fn push(&mut self, finding: Diagnostic) {
        self.items.push(finding);
        self.items.sort_by_key(|item| item.span.start);
    }

    /// The findings.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.items.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether a strict reading refuses the file.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.items
            .iter()
            .any(|item| item.severity == Severity::Error)
    }

    /// Whether even a lenient reading refuses the file.
    pub(super) fn is_fatal(&self) -> bool {
        self.items.iter().any(|item| item.fatal)
    }

    /// The exit status of `keepalived -t` for these findings: 0, 2 if a keyword has no argument, 4 if the
    /// file cannot be read, 5 if keepalived reports something else.
    ///
    /// ```
    /// use lb_check::Registry;
    /// use lb_core::config;
    ///
    /// let parsed = config::parse("global_defs {\n lvs_idd x\n}\n", "lb.conf", &Registry::builtin());
    /// assert_eq!(parsed.diagnostics().keepalived_status(), 5);
    /// ```
    #[must_use]
    pub fn keepalived_status(&self) -> u8 {
        match self.items.iter().map(|item| item.report).max() {
            None | Some(KeepalivedReport::Silent) => 0,
            Some(KeepalivedReport::Argument) => 2,
            Some(KeepalivedReport::Unreadable) => 4,
            Some(KeepalivedReport::Reported) => 5,
            Some(KeepalivedReport::NoConfiguration) => 6,
        }
    }

    /// How many findings are errors.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.items
            .iter()
            .filter(|item| item.severity == Severity::Error)
            .count()
    }

    /// How many findings are warnings.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.items.len() - self.errors()
    }

    /// The texts that were read.
    #[must_use]
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Where a finding begins.
    #[must_use]
    pub fn location(&self, diagnostic: &Diagnostic) -> Location<'_> {
        self.sources.location(diagnostic.span)
    }

    /// One finding in one line: `file:line:column: error: message; did you mean "word"?`.
    #[must_use]
    pub fn line(&self, diagnostic: &Diagnostic) -> String {
        let Location { file, line, column } = self.location(diagnostic);
        let mut text = format!(
            "{file}:{line}:{column}: {}: {}",
            diagnostic.severity, diagnostic.message
        );
        if let Some(word) = &diagnostic.suggestion {
            let _ = write!(text, "; did you mean `{word}`?");
        }
        for note in &diagnostic.notes {
            let _ = write!(text, "; {}", note.message);
            if let Some(span) = note.span {
                let Location { file, line, column } = self.sources.location(span);
                let _ = write!(text, " ({file}:{line}:{column})");
            }
        }
        text
    }

    /// All findings with the lines they speak of, a caret below each, and a count at the end. `colour`
    /// adds terminal colours.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let mut text = String::new();
        for diagnostic in &self.items {
            text.push_str(&renderer.render(&[self.group(diagnostic)]));
            text.push_str("\n\n");
        }
        let counts = [(self.errors(), "error"), (self.warnings(), "warning")];
        let mut separator = "";
        for (count, word) in counts.into_iter().filter(|(count, _)| *count > 0) {
            let plural = if count == 1 { "" } else { "s" };
            let _ = write!(text, "{separator}{count} {word}{plural}");
            separator = ", ";
        }
        if !separator.is_empty() {
            text.push('\n');
        }
        text
    }

    fn group<'a>(&'a self, diagnostic: &'a Diagnostic) -> Group<'a> {
        let level = match diagnostic.severity {
            Severity::Warning => Level::WARNING,
            Severity::Error => Level::ERROR,
        };
        let mut group = Group::with_title(level.primary_title(printable(&diagnostic.message)));
        let label = diagnostic.label.as_deref().map(printable);
        if let Some(snippet) = self.snippet(
            diagnostic.span,
            AnnotationKind::Primary,
            label,
            diagnostic.secret,
        ) {
            group = group.element(snippet);
        }
        if let Some(word) = &diagnostic.suggestion {
            let text = format!("did you mean `{}`?", printable(word));
            group = group.element(Level::HELP.message(text));
        }
        for note in &diagnostic.notes {
            group = group.element(Level::NOTE.message(printable(&note.message)));
            if let Some(snippet) = note
                .span
                .and_then(|span| self.snippet(span, AnnotationKind::Context, None, false))
            {
                group = group.element(snippet);
            }
        }
        group
    }

    /// Only the line that holds the place: the cost of a finding does not grow with the file.
    fn snippet<'a>(
        &'a self,
        span: Span,
        kind: AnnotationKind,
        label: Option<Cow<'a, str>>,
        secret: bool,
    ) -> Option<Snippet<'a, annotate_snippets::Annotation<'a>>> {
        let file = self.sources.get(span)?;
        let place = file.range(span);
        let line = file.line_of(place.start);
        let range = file.line_range(line);
        let range = window(&file.text, range, &place);
        let text = file.text.get(range.clone())?;
        let start = place.start.clamp(range.start, range.end) - range.start;
        let end = place.end.clamp(range.start + start, range.end) - range.start;
        let text = match (
            secret,
            text.get(..start),
            text.get(start..end),
            text.get(end..),
        ) {
            (true, Some(before), Some(hidden), Some(after)) => {
                Cow::Owned(format!("{before}{}{after}", "*".repeat(hidden.len())))
            }
            _ => Cow::Borrowed(text),
        };
        let snippet = Snippet::source(text)
            .path(file.name.as_str())
            .line_start(line + 1);
        Some(snippet.annotation(kind.span(start..end).label(label)))
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for item in &self.items {
            writeln!(f, "{}", printable(&self.line(item)))?;
        }
        Ok(())
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

/// The part of a long line that is shown: what is before and after a place, and the place itself, up to a
/// limit each. The cost of a finding does not grow with its line.
fn window(text: &str, line: Range<usize>, place: &Range<usize>) -> Range<usize> {
    const AROUND: usize = 120;
    if line.len() <= 4 * AROUND {
        return line;
    }
    let start = place.start.saturating_sub(AROUND);
    let start = before_char(text, start.clamp(line.start, line.end));
    let end = place.end.min(place.start + AROUND) + AROUND;
    start..before_char(text, end.clamp(start, line.end))
}

/// The last place at or before `at` where a character begins.
fn before_char(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// A message of a length that a person reads: the words of a file in it may be of any length.
fn shortened(mut message: String) -> String {
    const LONGEST: usize = 1024;
    const END: usize = 256;
    if message.len() <= LONGEST {
        return message;
    }
    let from = before_char(&message, LONGEST - END);
    let to = before_char(&message, message.len() - END);
    message.replace_range(from..to, " … ");
    message.shrink_to_fit();
    message
}

/// Words of the file come back in messages: control characters must not reach a terminal or a log.
fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) {
        Cow::Owned(text.chars().flat_map(escape_control).collect())
    } else {
        Cow::Borrowed(text)
    }
}

fn escape_control(c: char) -> impl Iterator<Item = char> {
    let escaped = c.is_control().then(|| c.escape_default());
    let plain = (!c.is_control()).then_some(c);
    escaped.into_iter().flatten().chain(plain)
}
