// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lines that mean more than their words: escapes, `@` conditions, definitions and references to them,
//! `~SEQ` and `~LST`.
//!
//! The order is that of keepalived: comments and escapes, then condition, definition and sequence, then
//! references; a line that references have changed begins again. What follows a brace is a line of its
//! own.

use std::rc::Rc;

use super::Reader;
use crate::config::define::{Further, Substitution, Value};
use crate::config::diagnostic::Diagnostic;
use crate::config::expanded::Composer;
use crate::config::lexer::{Lexer, name_len};
use crate::config::sequence::{Form, Sequence};
use crate::config::source::Span;
use crate::config::span::offset;

/// A definition whose value continues on the next line.
#[derive(Debug)]
pub(super) struct Defining {
    name: String,
    lines: Vec<Span>,
}

/// Lines that are still to be read.
#[derive(Debug)]
pub(super) enum Frame {
    /// The lines of a definition from this one on.
    Lines(Further, usize),
    /// A line that is repeated, and the place of its sequence.
    Sequence(Sequence, Span, Span),
}

/// The most lines that definitions and sequences give.
const MOST_LINES: usize = 1 << 19;
/// The most references inside references.
const MOST_PASSES: usize = 64;
/// The most definitions of several lines and sequences inside each other.
const MOST_FRAMES: usize = 64;

/// A line without its comment.
struct Clean {
    line: Span,
    /// The backslash at the end, which is no part of `line`.
    backslash: Option<Span>,
}

impl Reader<'_> {
    /// Reads a line of a file that has a special character, or is part of a definition.
    pub(super) fn special_line(&mut self, text: &str, span: Span) {
        let Some(clean) = self.without_comment(text, span) else {
            return;
        };
        if self.defining.is_some() {
            self.continue_definition(text, &clean);
            return;
        }
        if clean.line.is_empty() && clean.backslash.is_none() {
            return;
        }
        self.line(clean);
        self.run_frames();
    }

    /// Removes the comment, the blanks at both ends, and the backslashes before `#` and `!`. None: there is
    /// no room for the result.
    fn without_comment(&mut self, text: &str, span: Span) -> Option<Clean> {
        let bytes = text.as_bytes();
        let (mut at, mut quoted, mut end) = (0, false, bytes.len());
        let mut escapes = Vec::new();
        let mut backslash = None;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'\\' => {
                    match bytes.get(at + 1) {
                        Some(b'#' | b'!') if !quoted => escapes.push(offset(at)),
                        // A carriage return is part of the end of the line.
                        None | Some(b'\r') if is_blank(text, at + 1) => {
                            backslash = Some(span.part(at..at + 1));
                            end = at;
                            break;
                        }
                        _ => {}
                    }
                    at += 1;
                }
                b'"' => quoted = !quoted,
                b'#' | b'!' if !quoted => {
                    end = at;
                    break;
                }
                _ => {}
            }
            at += 1;
        }
        let kept = text.get(..end).unwrap_or_default();
        let start = kept.len() - kept.trim_ascii_start().len();
        let end = kept.trim_ascii_end().len().max(start);
        let line = span.part(start..end);
        if escapes.is_empty() {
            return Some(Clean { line, backslash });
        }
        let mut composer = Composer::default();
        let mut from = start;
        for at in escapes.into_iter().map(|at| at as usize) {
            self.sources.copy(span.part(from..at), &mut composer);
            from = at + 1;
        }
        self.sources.copy(span.part(from..end), &mut composer);
        let line = self.expanded(composer, line)?;
        Some(Clean { line, backslash })
    }

    /// Keeps an expanded line. None, with a finding, if there is no room.
    fn expanded(&mut self, composer: Composer, place: Span) -> Option<Span> {
        let line = self.sources.push_expanded(composer);
        if line.is_none() && !self.full {
            self.full = true;
            self.findings.push(
                Diagnostic::error(place, "definitions and escapes give too much text")
                    .note("this line and further ones like it are skipped"),
            );
        }
        line
    }

    fn continue_definition(&mut self, written: &str, clean: &Clean) {
        if clean.line.is_empty() && clean.backslash.is_none() {
            // A comment or blanks are left out; an empty line is the end.
            if written.is_empty() {
                self.end_definition();
            }
            return;
        }
        if let Some(defining) = &mut self.defining {
            defining.lines.push(clean.line);
        }
        if clean.backslash.is_none() {
            self.end_definition();
        }
    }

    /// Ends a definition of several lines.
    pub(super) fn end_definition(&mut self) {
        if let Some(Defining { name, lines }) = self.defining.take() {
            self.define(&name, Value::Lines(Rc::from(lines)), Span::START);
        }
    }

    fn define(&mut self, name: &str, value: Value, place: Span) {
        if !self.definitions.set(name, value) {
            self.findings
                .push(Diagnostic::error(place, "too many definitions").label("not defined"));
        }
    }

    /// Reads what a line stands for, brace by brace.
    fn line(&mut self, clean: Clean) {
        let (mut line, mut backslash) = (clean.line, clean.backslash);
        let mut text = self.sources.text(line).to_owned();
        let mut from = 0;
        let mut passes = 0;
        let mut further = None;
        // References have been put in, and those that remain have no definition.
        let mut complete = false;
        let mut unexpanded = line;
        loop {
            let rest = text.get(from..).unwrap_or_default();
            from += rest.len() - rest.trim_ascii_start().len();
            let mut rest = rest.trim_ascii_start();
            if rest.is_empty() {
                break;
            }
            if let Some(condition) = rest.strip_prefix('@') {
                let Some(kept) = self.matching(condition) else {
                    break;
                };
                from = text.len() - kept.len();
                rest = kept;
            }
            let place = line.part(from..text.len());
            if let Some((name, value)) = definition(rest) {
                let value = place.skip(value);
                if backslash.is_some() {
                    let (name, lines) = (name.to_owned(), vec![value]);
                    self.defining = Some(Defining { name, lines });
                } else {
                    self.define(name, Value::Lines(Rc::from([value])), place);
                }
                return;
            }
            if let Some(form) = rest.starts_with('~').then(|| Form::find(rest)).flatten() {
                self.push_further(&mut further);
                match form
                    .and_then(|form| Ok((form.sequence(&self.plain(form.parameters))?, form.rest)))
                {
                    Ok((sequence, start)) => {
                        let (spec, rest) = (place.part(0..start), place.skip(start));
                        self.push_frame(Frame::Sequence(sequence, rest, spec), place);
                    }
                    Err(error) => {
                        self.findings.push(
                            Diagnostic::error(place, error.to_string()).note("the line is skipped"),
                        );
                    }
                }
                return;
            }
            if !complete && rest.contains('$') {
                let substitution =
                    self.definitions
                        .substitute(&self.sources, place, rest, &self.predefined);
                match substitution {
                    Substitution::Complete(remarks) => {
                        complete = true;
                        self.report(remarks);
                    }
                    Substitution::Replaced(composer, more, warnings) if passes < MOST_PASSES => {
                        self.report(warnings);
                        if from == 0 && passes > 0 {
                            self.sources.forget_expanded(line);
                        }
                        if passes == 0 {
                            unexpanded = place;
                        }
                        passes += 1;
                        let Some(next) = self.expanded(composer, clean.line) else {
                            return;
                        };
                        self.push_further(&mut further);
                        further = more;
                        // A `#` that was put in begins a comment.
                        let next_text = self.sources.text(next).to_owned();
                        let Some(next) = self.without_comment(&next_text, next) else {
                            return;
                        };
                        backslash = backslash.or(next.backslash);
                        line = next.line;
                        text = self.sources.text(line).to_owned();
                        from = 0;
                        continue;
                    }
                    Substitution::Replaced(..) | Substitution::TooLong => {
                        let origin = if passes > 0 { unexpanded } else { place };
                        let written = self.sources.text(origin).to_owned();
                        self.report_endless(origin, &written, "the line is used as it stands");
                        if passes > 0 {
                            line = unexpanded;
                            text = self.sources.text(line).to_owned();
                            from = 0;
                        }
                        complete = true;
                        continue;
                    }
                }
            }
            if let Some(end) = backslash.take() {
                self.report_continuation(end);
                let mut composer = Composer::default();
                self.sources.copy(place, &mut composer);
                self.sources.copy(end, &mut composer);
                let Some(next) = self.expanded(composer, place) else {
                    return;
                };
                line = next;
                text = self.sources.text(line).to_owned();
                from = 0;
            }
            let rest = text.get(from..).unwrap_or_default();
            let place = line.part(from..text.len());
            from += self.tokens(Lexer::without_comments(rest, place), true);
        }
        self.push_further(&mut further);
    }

    /// The line of a condition, `ID LINE` or `^ID LINE`, if it holds.
    fn matching<'a>(&self, condition: &'a str) -> Option<&'a str> {
        let (negated, condition) = match condition.strip_prefix('^') {
            Some(condition) => (true, condition),
            None => (false, condition),
        };
        let (id, line) = condition.split_once([' ', '\t'])?;
        let holds = (id == self.predefined.instance) != negated;
        let line = line.trim_ascii_start();
        (holds && !line.is_empty()).then_some(line)
    }

    /// The parameters of a sequence with the values of definitions in them.
    fn plain(&self, parameters: &str) -> String {
        self.definitions
            .plain(&self.sources, parameters, &self.predefined)
    }

    fn push_further(&mut self, further: &mut Option<Further>) {
        if let Some(further) = further.take() {
            let place = further.reference;
            let same = self
                .frames
                .iter()
                .any(|frame| matches!(frame, Frame::Lines(known, _) if known.name == further.name));
            if same {
                let text = format!("${{{}}}", further.name);
                self.report_endless(place, &text, "its further lines are skipped");
            } else {
                self.push_frame(Frame::Lines(further, 1), place);
            }
        }
    }

    fn push_frame(&mut self, frame: Frame, place: Span) {
        if self.frames.len() < MOST_FRAMES {
            self.frames.push(frame);
        } else {
            let text = self.sources.text(place).to_owned();
            self.report_endless(place, &text, "its further lines are skipped");
        }
    }

    /// Reads the lines that definitions and sequences give.
    fn run_frames(&mut self) {
        while let Some(frame) = self.frames.last_mut() {
            let line = match frame {
                Frame::Lines(further, next) => {
                    let line = further.lines.get(*next).copied();
                    *next += 1;
                    let reference = further.reference;
                    line.and_then(|line| {
                        let mut composer = Composer::default();
                        let definition = self.sources.origin(line);
                        let text = self.sources.text(line);
                        composer.replace(reference, text, Some(definition));
                        self.expanded(composer, reference)
                    })
                }
                Frame::Sequence(sequence, line, place) => sequence.next().map(|values| {
                    let place = self.sources.origin(*place);
                    for (name, value) in sequence.names.iter().zip(values) {
                        self.definitions.set(name, Value::Text(value, place));
                    }
                    *line
                }),
            };
            let Some(line) = line else {
                self.frames.pop();
                continue;
            };
            self.generated += 1;
            if self.generated > MOST_LINES {
                self.frames.clear();
                if self.generated == MOST_LINES + 1 {
                    let message =
                        format!("definitions and sequences give more than {MOST_LINES} lines");
                    self.report([Diagnostic::error(line, message).note("the rest is skipped")]);
                }
                return;
            }
            self.line(Clean {
                line,
                backslash: None,
            });
        }
    }

    /// Keeps findings whose places may be gone soon.
    fn report(&mut self, findings: impl IntoIterator<Item = Diagnostic>) {
        for finding in findings {
            let finding = finding.in_files(&self.sources);
            self.findings.push(finding);
        }
    }

    /// Reports references that lead to themselves, or to too much.
    fn report_endless(&mut self, place: Span, text: &str, consequence: &str) {
        self.frames.clear();
        let finding = match self.definitions.remove_circle(&self.sources, text) {
            Some(chain) => Diagnostic::error(place, "a definition refers to itself").note(chain),
            None if self.sources.text(place).starts_with('~') => {
                let message = format!("more than {MOST_FRAMES} sequences inside each other");
                Diagnostic::error(place, message)
            }
            None => Diagnostic::error(place, "definitions make this line too long"),
        };
        self.report([finding.note(consequence)]);
    }

    fn report_continuation(&mut self, backslash: Span) {
        self.report([
            Diagnostic::warning(backslash, "this backslash is part of the last word")
                .silent()
                .note("only the value of a definition continues on the next line"),
        ]);
    }
}

fn is_blank(text: &str, from: usize) -> bool {
    text.get(from..)
        .is_none_or(|rest| rest.trim_ascii().is_empty())
}

/// The name of `$NAME=VALUE` and the offset of the value.
fn definition(line: &str) -> Option<(&str, usize)> {
    let after = line.strip_prefix('$')?;
    let length = name_len(after);
    let (name, rest) = after.split_at_checked(length).filter(|_| length > 0)?;
    let value = rest.strip_prefix('=')?.trim_ascii_start();
    Some((name, line.len() - value.len()))
}
