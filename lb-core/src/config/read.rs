// SPDX-License-Identifier: MIT OR Apache-2.0
//! From texts to one tree: lines, the lexer, the tree builder and `include` together.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::define::{Definitions, Predefined, Random};
use super::diagnostic::{Diagnostic, KeepalivedReport};
use super::findings::Findings;
use super::include::{Content, Found, Includes};
use super::level::Level;
use super::lexer::{Fault, Lexer, Token, Word, lookalike_name};
use super::source::{Sources, Span};
use super::tree::{Tree, TreeBuilder};
use super::vocabulary::Vocabulary;

mod included;
mod logical;

use included::Checks;
use logical::{Defining, Frame};

/// keepalived reads lines up to this many bytes, with their end.
const LONGEST_LINE: usize = 1024;

pub(super) struct Reader<'r> {
    sources: Sources,
    findings: Findings,
    builder: TreeBuilder<'r>,
    includes: &'r mut dyn Includes,
    /// The files that are being read, each included by the one before it.
    reading: Vec<PathBuf>,
    /// The file that is read now has been valid UTF-8.
    valid: bool,
    /// What an `include` of no kind insists on.
    checks: Checks,
    /// A file has included itself, or there are too many: no further one is read.
    looped: bool,
    /// The texts of included files.
    known: HashMap<PathBuf, Arc<String>>,
    /// Bytes of texts that had been included before.
    repeated: usize,
    /// There was no room for an expanded line.
    full: bool,
    definitions: Definitions,
    predefined: Predefined,
    /// The definition that continues on the next line.
    defining: Option<Defining>,
    /// Lines of definitions and sequences that are still to be read.
    frames: Vec<Frame>,
    /// How many of them there have been.
    generated: usize,
}

impl<'r> Reader<'r> {
    pub(super) fn new(
        includes: &'r mut dyn Includes,
        vocabulary: &'r Vocabulary<'r>,
        config_id: &str,
    ) -> Self {
        Self {
            sources: Sources::default(),
            findings: Findings::default(),
            builder: TreeBuilder::new(vocabulary),
            includes,
            reading: Vec::new(),
            valid: true,
            checks: Checks::default(),
            looped: false,
            known: HashMap::new(),
            repeated: 0,
            full: false,
            definitions: Definitions::default(),
            predefined: Predefined {
                directory: String::new(),
                instance: config_id.to_owned(),
                random: Random::default(),
            },
            defining: None,
            frames: Vec::new(),
            generated: 0,
        }
    }

    /// Makes every `include` insist on its files.
    pub(super) fn insist_on_files(mut self, insist: bool) -> Self {
        if insist {
            self.checks = Checks::ALL;
        }
        self
    }

    /// Reads the first text and all it includes.
    pub(super) fn read(mut self, main: Found) -> (Sources, Tree, Findings) {
        let (name, refusal) = (main.name, |message: String| {
            let finding = Diagnostic::error(Span::START, message);
            finding.report(KeepalivedReport::Unreadable).fatal()
        });
        match main.content {
            Content::Text { text, valid } => {
                self.reading.push(main.identity);
                self.predefined.directory = self.includes.directory(&name);
                match self.sources.push(name.clone(), Arc::new(text)) {
                    Some(span) => self.text(span, valid),
                    None => {
                        self.sources.push(name, Arc::default());
                        self.findings
                            .push(refusal("the file is too large".to_owned()));
                    }
                }
            }
            Content::Skipped(why) => {
                self.sources.push(name, Arc::default());
                self.findings.push(refusal(format!("the file {why}")));
            }
            Content::Unreadable(error) => {
                self.sources.push(name, Arc::default());
                self.findings
                    .push(refusal(format!("cannot read the file: {error}")));
            }
            Content::NotRead => {
                self.sources.push(name, Arc::default());
            }
        }
        let tree = self.builder.finish(&self.sources, &mut self.findings);
        (self.sources, tree, self.findings)
    }

    /// Reads one text, line by line.
    fn text(&mut self, file: Span, valid: bool) {
        let Some(text) = self.sources.get(file).map(|file| Arc::clone(&file.text)) else {
            return;
        };
        let valid = std::mem::replace(&mut self.valid, valid);
        let mut start = if text.starts_with('\u{feff}') {
            '\u{feff}'.len_utf8()
        } else {
            0
        };
        while start < text.len() {
            let (end, special) = find_end(text.as_bytes(), start);
            let line = text.get(start..end).unwrap_or_default();
            let span = file.part(start..end);
            if line.len() >= LONGEST_LINE {
                self.findings.push(
                    Diagnostic::warning(span.part(0..0), "line longer than 1023 bytes")
                        .note("keepalived does not read it whole"),
                );
            }
            if special && let Some(at) = line.find('\0') {
                self.findings.push(
                    Diagnostic::error(span.part(at..at + 1), "NUL byte")
                        .note("the line is skipped"),
                );
            } else if special || self.defining.is_some() {
                self.special_line(line, span);
            } else {
                self.tokens(Lexer::new(line, span), false);
            }
            start = end + 1;
        }
        self.end_definition();
        self.valid = valid;
    }

    /// Reads the words of a line, or those before its first brace. Returns where the rest begins.
    pub(super) fn tokens(&mut self, mut lexer: Lexer<'_>, to_brace: bool) -> usize {
        for token in lexer.by_ref() {
            match token {
                Token::Word(word) => {
                    if !self.valid {
                        self.check_encoding(word);
                    }
                    self.builder.word(&self.sources, word, &mut self.findings);
                    continue;
                }
                Token::Fault(fault, span) => {
                    self.findings.push(explain(fault, span));
                    continue;
                }
                Token::Include(keyword, pattern) => self.include(keyword, pattern),
                Token::End => {
                    self.directive();
                    self.builder.end_line();
                }
                Token::Open(brace) => self.builder.open(&self.sources, brace, &mut self.findings),
                Token::Close(brace) => {
                    self.directive();
                    self.builder.close(&self.sources, brace, &mut self.findings);
                }
            }
            if to_brace {
                break;
            }
        }
        lexer.position()
    }

    fn check_encoding(&mut self, word: Word) {
        if self.sources.text(word.span).contains('\u{fffd}') {
            self.findings
                .push(Diagnostic::error(word.span, "not valid UTF-8").label("in this word"));
        }
    }

    /// Acts on a line that changes how the following ones are read.
    fn directive(&mut self) {
        if self.builder.level() != Level::Global {
            return;
        }
        let words = self.builder.current_words();
        let mut texts = words
            .iter()
            .map(|word| (word.span, Word::unquoted(self.sources.text(word.span))));
        let name = texts.next().map(|(_, name)| name);
        if name == Some("random_seed") {
            // The keyword itself is read with the others.
            let seed = texts.next().and_then(|(_, word)| word.parse().ok());
            seed.into_iter()
                .for_each(|seed| self.predefined.random.set_seed(seed));
        } else if name == Some("include_check") {
            for (place, word) in texts.clone() {
                if !Checks::is_word(word) {
                    let message = format!("`{word}` is not a check of `include_check`");
                    self.findings.push(
                        Diagnostic::error(place, message)
                            .note("one of read, match, wildcard_match, brace_match, with + or -"),
                    );
                }
            }
            self.checks = self.checks.changed_by(texts.map(|(_, word)| word));
            self.builder.forget_current();
        }
    }
}

/// The end of the line that begins here, and whether a character of it may mean more than itself.
fn find_end(bytes: &[u8], start: usize) -> (usize, bool) {
    const LINE: u8 = 1;
    const SPECIAL: u8 = 2;
    const CLASS: [u8; 256] = {
        let mut table = [0; 256];
        table[b'\n' as usize] = LINE;
        table[b'$' as usize] = SPECIAL;
        table[b'\\' as usize] = SPECIAL;
        table[b'@' as usize] = SPECIAL;
        table[b'~' as usize] = SPECIAL;
        table[0] = SPECIAL;
        table
    };
    let mut found = 0;
    for (at, byte) in bytes.iter().enumerate().skip(start) {
        let class = CLASS[usize::from(*byte)];
        if class == LINE {
            return (at, found != 0);
        }
        found |= class;
    }
    (bytes.len(), found != 0)
}

fn explain(fault: Fault, span: Span) -> Diagnostic {
    match fault {
        Fault::Quote => Diagnostic::error(span, "missing closing `\"`")
            .label("this quote is still open at the end of the line"),
        Fault::Lookalike(c) => {
            let name = lookalike_name(c).unwrap_or_default();
            let message = format!("{name} (U+{:04X}) in a word", u32::from(c));
            Diagnostic::warning(span, message)
                .note("only ASCII blanks, quotes and dashes count")
                .silent()
        }
    }
}
