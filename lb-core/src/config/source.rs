// SPDX-License-Identifier: MIT OR Apache-2.0
//! The texts that were read, and places in them.

use std::sync::{Arc, OnceLock};

use super::expanded::{Composer, Expanded};
use super::span::offset;

pub use super::span::Span;

/// A place a person can go to. All numbers count from 1; columns are characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Location<'a> {
    /// Name of the file, as it was given or found.
    pub file: &'a str,
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// One text and its name.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: Arc<String>,
    /// Address of the first byte.
    base: u32,
    lines: OnceLock<Vec<u32>>,
}

impl Source {
    fn lines(&self) -> &[u32] {
        self.lines.get_or_init(|| {
            let ends = self
                .text
                .bytes()
                .zip(1u32..)
                .filter(|(byte, _)| *byte == b'\n');
            std::iter::once(0)
                .chain(ends.map(|(_, next)| next))
                .collect()
        })
    }

    /// The range of a span of this text.
    pub(super) fn range(&self, span: Span) -> std::ops::Range<usize> {
        let at = |address: u32| (address.saturating_sub(self.base) as usize).min(self.text.len());
        at(span.start)..at(span.end)
    }

    /// The addresses of the whole text.
    pub(super) fn span(&self) -> Span {
        Span::new(self.base, self.base + offset(self.text.len()))
    }

    /// Index of the line that holds this byte, counted from 0.
    pub(super) fn line_of(&self, offset: usize) -> usize {
        self.lines()
            .partition_point(|start| *start as usize <= offset)
            .saturating_sub(1)
    }

    /// First byte of a line and the byte after its last, without its end-of-line characters.
    pub(super) fn line_range(&self, line: usize) -> std::ops::Range<usize> {
        let start = self
            .lines()
            .get(line)
            .map_or(self.text.len(), |start| *start as usize);
        let end = self
            .lines()
            .get(line + 1)
            .map_or(self.text.len(), |next| *next as usize);
        let text = self.text.get(start..end).unwrap_or_default();
        start..start + text.trim_end_matches(['\n', '\r']).len()
    }
}

/// Every text that was read for one configuration: the file itself, then what it includes.
#[derive(Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
    /// The lines that differ from those of the files, by substitution or by escapes.
    expanded: Expanded,
}

impl Sources {
    /// Longest text that is read, in bytes.
    pub(super) const MAX_LEN: usize = 1 << 28;
    /// First address of the expanded lines; the files have those below.
    pub(super) const EXPANDED: u32 = Expanded::FIRST;

    /// Adds a text and returns its addresses. None: there is no room for it.
    pub(super) fn push(&mut self, name: String, text: Arc<String>) -> Option<Span> {
        // One address between two texts is of neither: the end of a range is in its own text.
        let base = self.files.last().map_or(0, |last| last.span().end + 1);
        let end = base.checked_add(offset(text.len()))?;
        if text.len() > Self::MAX_LEN || end >= Self::EXPANDED - 1 {
            return None;
        }
        let source = Source {
            name,
            text,
            base,
            lines: OnceLock::new(),
        };
        let span = source.span();
        self.files.push(source);
        Some(span)
    }

    /// The file that holds an address. Expanded lines are of none.
    pub(super) fn get(&self, span: Span) -> Option<&Source> {
        if let [only] = &self.files[..] {
            return (span.start < Self::EXPANDED).then_some(only);
        }
        let after = self.files.partition_point(|file| file.base <= span.start);
        let file = self.files.get(after.checked_sub(1)?)?;
        (span.start < Self::EXPANDED).then_some(file)
    }

    /// The size of all files.
    pub(super) fn bytes(&self) -> usize {
        self.files.last().map_or(0, |last| last.span().end as usize)
    }

    /// Keeps a line that is in no file; see [`Expanded::push`].
    pub(super) fn push_expanded(&mut self, line: Composer) -> Option<Span> {
        let files = self.bytes();
        self.expanded.push(line, files)
    }

    /// Adds a part of a text to a line as it is.
    pub(super) fn copy(&self, span: Span, line: &mut Composer) {
        if span.start < Self::EXPANDED && !span.is_empty() {
            line.copy(span, self.text(span));
        } else {
            self.expanded.copy(span, line);
        }
    }

    /// Removes an expanded line that was only a step; see [`Expanded::forget`].
    pub(super) fn forget_expanded(&mut self, line: Span) {
        self.expanded.forget(line);
    }

    /// The files alone, once no place is in an expanded line any more.
    pub(super) fn without_expanded(mut self) -> Self {
        self.expanded = Expanded::default();
        self
    }

    /// How many texts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The text of a range; empty where there is none.
    #[must_use]
    pub fn text(&self, span: Span) -> &str {
        if span.start >= Self::EXPANDED {
            return self.expanded.text(span);
        }
        self.get(span)
            .and_then(|file| file.text.get(file.range(span)))
            .unwrap_or_default()
    }

    /// The bytes of a range in its own file.
    #[must_use]
    pub fn range(&self, span: Span) -> std::ops::Range<usize> {
        self.get(span).map_or(0..0, |file| file.range(span))
    }

    /// The same place in a file, for one in an expanded line.
    pub(super) fn origin(&self, span: Span) -> Span {
        if span.start >= Self::EXPANDED {
            self.expanded.origin(span)
        } else {
            span
        }
    }

    /// The place where the text of an expanded range is defined.
    pub(super) fn definition(&self, span: Span) -> Option<Span> {
        (span.start >= Self::EXPANDED)
            .then(|| self.expanded.definition(span))
            .flatten()
    }

    /// Where a range begins.
    #[must_use]
    pub fn location(&self, span: Span) -> Location<'_> {
        let Some(file) = self.get(span) else {
            return Location {
                file: "",
                line: 1,
                column: 1,
            };
        };
        let at = file.range(span).start;
        let line = file.line_of(at);
        let start = file.line_range(line).start;
        let before = file.text.get(start..at).unwrap_or_default();
        Location {
            file: &file.name,
            line: line + 1,
            column: before.chars().count() + 1,
        }
    }
}
