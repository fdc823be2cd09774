// SPDX-License-Identifier: MIT OR Apache-2.0
//! From texts to one tree: the lexer, the tree builder and `include` together.

use std::path::PathBuf;
use std::sync::Arc;

use super::diagnostic::{Diagnostic, KeepalivedReport};
use super::findings::Findings;
use super::include::{Content, Found, Includes};
use super::lexer::{Fault, INCLUDES, Lexer, Token, Word};
use super::source::{Sources, Span};
use super::tree::{NodeId, Tree, TreeBuilder};

/// Files inside files, at most.
const DEEPEST_INCLUDE: usize = 16;
/// Files in all: a file may be included many times over.
const MOST_FILES: usize = 4096;

pub(super) struct Reader<'r> {
    pub(super) sources: Sources,
    pub(super) findings: Findings,
    builder: TreeBuilder<'r>,
    includes: &'r mut dyn Includes,
    /// The files that are being read, each included by the one before it.
    reading: Vec<PathBuf>,
}

impl<'r> Reader<'r> {
    pub(super) fn new(
        includes: &'r mut dyn Includes,
        is_custom_check: &'r dyn Fn(&str) -> bool,
    ) -> Self {
        Self {
            sources: Sources::default(),
            findings: Findings::default(),
            builder: TreeBuilder::new(is_custom_check),
            includes,
            reading: Vec::new(),
        }
    }

    /// Reads the first text and all it includes.
    pub(super) fn read(mut self, main: Found) -> (Sources, Tree, Findings) {
        let file = self.sources.push(main.name, Arc::from(""));
        let place = Span::new(file, 0, 0);
        match main.content {
            Content::Text { text, valid } => {
                self.reading.push(main.identity);
                self.sources.replace(file, Arc::from(text));
                self.text(file, valid);
            }
            Content::Skipped(why) => {
                self.findings
                    .push(unreadable(place, format!("the file {why}")));
            }
            Content::Unreadable(error) => {
                let message = format!("cannot read the file: {error}");
                self.findings.push(unreadable(place, message));
            }
        }
        let tree = self.builder.finish(&self.sources, &mut self.findings);
        (self.sources, tree, self.findings)
    }

    fn text(&mut self, file: u32, valid: bool) {
        let Some(text) = self
            .sources
            .get(file)
            .map(|source| Arc::clone(&source.text))
        else {
            return;
        };
        if text.len() > Sources::MAX_LEN {
            let place = Span::new(file, 0, 0);
            self.findings
                .push(Diagnostic::error(place, "the file is too large").fatal());
            return;
        }
        for token in Lexer::new(file, &text) {
            match token {
                Token::Word(word) => {
                    if !valid && self.sources.text(word.span).contains('\u{fffd}') {
                        self.findings.push(
                            Diagnostic::error(word.span, "not valid UTF-8").label("in this word"),
                        );
                    }
                    self.builder.word(&self.sources, word, &mut self.findings);
                }
                Token::End => {
                    if let Some(line) = self.builder.end_line() {
                        self.directive(line);
                    }
                }
                Token::Open(brace) => self.builder.open(&self.sources, brace, &mut self.findings),
                Token::Close(brace) => self.builder.close(&self.sources, brace, &mut self.findings),
                Token::Fault(fault, span) => self.findings.push(explain(fault, span)),
            }
        }
        // A text that ends without an end of line.
        if let Some(line) = self.builder.end_line() {
            self.directive(line);
        }
    }

    fn directive(&mut self, line: NodeId) {
        let tree = self.builder.tree();
        let Some([keyword, arguments @ ..]) = tree.words(line).get(..) else {
            return;
        };
        let name = tree.text(&self.sources, keyword);
        if !INCLUDES.contains(&name) {
            return;
        }
        let strict = name != "include";
        let (keyword, pattern) = (*keyword, arguments.first().copied());
        self.builder.forget_line();
        match pattern {
            Some(pattern) => self.include(keyword, pattern, strict),
            None => {
                let message = "`include` needs a file name".to_owned();
                self.findings.push(Diagnostic::error(keyword.span, message));
            }
        }
    }

    fn include(&mut self, keyword: Word, pattern: Word, strict: bool) {
        let place = pattern.span;
        let name = self.builder.tree().text(&self.sources, &pattern).to_owned();
        let including = self
            .sources
            .get(place.file)
            .map_or("", |file| file.name.as_str());
        let Some(found) = self.includes.find(&name, including) else {
            self.findings.push(
                Diagnostic::error(keyword.span, "`include` works in a file only")
                    .note("this configuration was given as a text"),
            );
            return;
        };
        if found.is_empty() {
            let message = format!("no file matches `{name}`");
            self.findings.push(if strict {
                Diagnostic::error(place, message)
            } else {
                Diagnostic::warning(place, message).silent()
            });
        }
        for found in found {
            self.included(place, found, strict);
        }
    }

    fn included(&mut self, place: Span, found: Found, strict: bool) {
        let refuse = |message: String| {
            if strict {
                Diagnostic::error(place, message)
            } else {
                Diagnostic::warning(place, message).silent()
            }
        };
        let name = &found.name;
        let (text, valid) = match found.content {
            Content::Text { text, valid } => (text, valid),
            Content::Skipped(why) => {
                self.findings
                    .push(refuse(format!("`{name}` {why} and is skipped")));
                return;
            }
            Content::Unreadable(error) => {
                self.findings
                    .push(refuse(format!("cannot read `{name}`: {error}")));
                return;
            }
        };
        if self.reading.contains(&found.identity) {
            let message = format!("`{name}` includes itself");
            self.findings.push(Diagnostic::error(place, message));
        } else if self.reading.len() >= DEEPEST_INCLUDE || self.sources.len() >= MOST_FILES {
            let message = format!("`{name}` is one file too many");
            self.findings
                .push(Diagnostic::error(place, message).note(format!(
                    "at most {DEEPEST_INCLUDE} files inside each other and {MOST_FILES} in all"
                )));
        } else {
            self.reading.push(found.identity);
            let file = self.sources.push(found.name, Arc::from(text));
            self.text(file, valid);
            self.reading.pop();
        }
    }
}

/// The finding about a main file that cannot be used.
fn unreadable(place: Span, message: String) -> Diagnostic {
    let finding = Diagnostic::error(place, message);
    finding.report(KeepalivedReport::Unreadable).fatal()
}

fn explain(fault: Fault, span: Span) -> Diagnostic {
    let later = |what: &str| {
        Diagnostic::error(span, format!("{what} are not supported yet")).note("the line is skipped")
    };
    match fault {
        Fault::Quote => Diagnostic::error(span, "missing closing `\"`")
            .label("this quote is still open at the end of the line"),
        Fault::Nul => Diagnostic::error(span, "NUL byte in this line").note("the line is skipped"),
        Fault::Long => Diagnostic::warning(
            Span::new(span.file, span.start, span.start),
            "line longer than 1023 bytes",
        )
        .note("keepalived would drop it"),
        Fault::Condition => later("lines with an `@` condition"),
        Fault::Definition => later("`$` definitions"),
        Fault::Sequence => later("`~SEQ` and `~LST`"),
        Fault::Predefined => Diagnostic::error(span, "predefined `${_…}` are not supported yet")
            .note("the text is used as it stands"),
    }
}
