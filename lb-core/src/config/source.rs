// SPDX-License-Identifier: MIT OR Apache-2.0
//! The texts that were read and places in them.

use std::sync::{Arc, OnceLock};

/// A range of bytes in one of the texts of a [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    pub(super) file: u32,
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    pub(super) const fn new(file: u32, start: u32, end: u32) -> Self {
        Self { file, start, end }
    }

    /// The empty range at the beginning of the first text.
    pub(super) const START: Self = Self::new(0, 0, 0);

    /// From the beginning of this range to the end of a later one.
    pub(super) const fn to(self, end: Self) -> Self {
        Self {
            file: self.file,
            start: self.start,
            end: end.end,
        }
    }

    /// The range of bytes in its text.
    #[must_use]
    pub fn range(&self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

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
    pub(super) text: Arc<str>,
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

    /// Index of the line that holds this byte, counted from 0.
    pub(super) fn line_of(&self, offset: u32) -> usize {
        self.lines()
            .partition_point(|start| *start <= offset)
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
}

impl Sources {
    /// Longest text that is read, in bytes.
    pub(super) const MAX_LEN: usize = 1 << 28;

    /// Adds a text. The caller has checked that it is at most [`Self::MAX_LEN`] long and that there are
    /// fewer than 2³² of them.
    pub(super) fn push(&mut self, name: String, text: Arc<str>) -> u32 {
        self.files.push(Source {
            name,
            text,
            lines: OnceLock::new(),
        });
        u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX)
    }

    /// Gives a text that was added before its content was known its content.
    pub(super) fn replace(&mut self, file: u32, text: Arc<str>) {
        if let Some(source) = self.files.get_mut(file as usize) {
            source.text = text;
            source.lines = OnceLock::new();
        }
    }

    pub(super) fn get(&self, file: u32) -> Option<&Source> {
        self.files.get(file as usize)
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
        self.get(span.file)
            .and_then(|file| file.text.get(span.range()))
            .unwrap_or_default()
    }

    /// Where a range begins.
    #[must_use]
    pub fn location(&self, span: Span) -> Location<'_> {
        let Some(file) = self.get(span.file) else {
            return Location {
                file: "",
                line: 1,
                column: 1,
            };
        };
        let line = file.line_of(span.start);
        let start = file.line_range(line).start;
        let before = file
            .text
            .get(start..span.start as usize)
            .unwrap_or_default();
        Location {
            file: &file.name,
            line: line + 1,
            column: before.chars().count() + 1,
        }
    }
}
