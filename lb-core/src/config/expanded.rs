// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lines that differ from those of the files: with definitions put in, or without the backslashes of
//! escapes. Each piece knows the place in a file that it comes from.

use super::span::{Span, offset};

/// A part of an expanded line, up to the next part.
#[derive(Clone, Copy, Debug)]
struct Piece {
    /// Offset of the first byte.
    start: u32,
    /// The place in the file. As long as the piece if it is the same text.
    origin: Span,
    /// The place of the definition that gave the text, or [`NOT_DEFINED`].
    definition: Span,
    /// `origin` is the text itself and not a reference to it.
    same: bool,
}

const NOT_DEFINED: Span = Span::new(u32::MAX, u32::MAX);

/// A line that is being put together.
#[derive(Debug, Default)]
pub(super) struct Composer {
    text: String,
    pieces: Vec<Piece>,
}

impl Composer {
    /// The most pieces of one line; the rest of a line of more has one place in common.
    const MOST_PIECES: usize = 4096;

    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    fn piece(&mut self, origin: Span, definition: Span, same: bool) {
        let start = offset(self.text.len());
        if self.pieces.len() < Self::MOST_PIECES {
            self.pieces.push(Piece {
                start,
                origin,
                definition,
                same,
            });
        } else if let Some(last) = self.pieces.last_mut() {
            last.same = false;
            last.definition = NOT_DEFINED;
            if origin.end > last.origin.end {
                last.origin = last.origin.to(origin);
            }
        }
    }

    /// Adds a part of a file as it is.
    pub(super) fn copy(&mut self, origin: Span, text: &str) {
        self.piece(origin, NOT_DEFINED, true);
        self.text.push_str(text);
    }

    /// Adds a text in the place of `reference`. `definition` is where the text is written.
    pub(super) fn replace(&mut self, reference: Span, text: &str, definition: Option<Span>) {
        if text.is_empty() {
            return;
        }
        self.piece(reference, definition.unwrap_or(NOT_DEFINED), false);
        self.text.push_str(text);
    }
}

/// A piece of the lines that are kept: hostile files have millions of them.
#[derive(Clone, Copy, Debug)]
struct KeptPiece {
    /// Offset of the first byte.
    start: u32,
    /// Address of the same text in a file, or [`REFERENCE`] with an index of `references`.
    origin: u32,
}

/// The bit of a piece whose text is not that of its place in a file; files have addresses below.
const REFERENCE: u32 = 1 << 31;

/// The place of a text that is not the same in a file.
#[derive(Clone, Copy, Debug)]
struct Reference {
    origin: Span,
    /// The place of the definition that gave the text, or [`NOT_DEFINED`].
    definition: Span,
}

/// The expanded lines of one reading.
#[derive(Debug, Default)]
pub(super) struct Expanded {
    text: String,
    pieces: Vec<KeptPiece>,
    /// In the order of their pieces.
    references: Vec<Reference>,
}

impl Expanded {
    /// First address of the expanded lines; the files have those below.
    pub(super) const FIRST: u32 = 1 << 31;

    /// The most that is expanded, in bytes, beside the length of the files: references inside references
    /// grow without end.
    const MOST: usize = 1 << 24;

    /// The most pieces, beside one for so many bytes of the files.
    const MOST_PIECES: usize = 1 << 20;
    const BYTES_OF_PIECE: usize = 8;

    /// Adds a line and returns its addresses. None: there is too much already for files of this size.
    pub(super) fn push(&mut self, line: Composer, files: usize) -> Option<Span> {
        let pieces = Self::MOST_PIECES + files / Self::BYTES_OF_PIECE;
        if self.text.len() + line.text.len() > Self::MOST + files
            || self.pieces.len() + line.pieces.len() > pieces
        {
            return None;
        }
        let base = offset(self.text.len());
        for Piece {
            start,
            origin,
            definition,
            same,
        } in line.pieces
        {
            let start = base + start;
            let origin = if same && origin.start < REFERENCE {
                origin.start
            } else {
                let index = offset(self.references.len());
                self.references.push(Reference { origin, definition });
                REFERENCE | index
            };
            self.pieces.push(KeptPiece { start, origin });
        }
        self.text.push_str(&line.text);
        let end = offset(self.text.len());
        // The end of a line is in the line.
        self.text.push('\n');
        Some(Span::new(Self::FIRST + base, Self::FIRST + end))
    }

    /// Adds a part of the expanded lines to another line.
    pub(super) fn copy(&self, span: Span, line: &mut Composer) {
        let mut at = span.start;
        while at < span.end {
            let part = self.part(Span::new(at, span.end));
            let (origin, definition, same) = self.place(part);
            line.piece(origin, definition, same);
            line.text.push_str(self.text(part));
            at = part.end;
        }
    }

    /// Removes a line that was only a step of an expansion, if it is the last one.
    pub(super) fn forget(&mut self, line: Span) {
        let Some(start) = line.start.checked_sub(Self::FIRST) else {
            return;
        };
        if Self::FIRST + offset(self.text.len()) == line.end + 1 {
            self.text.truncate(start as usize);
            while let Some(piece) = self.pieces.pop_if(|piece| piece.start >= start) {
                if piece.origin & REFERENCE != 0 {
                    self.references.pop();
                }
            }
        }
    }

    pub(super) fn text(&self, span: Span) -> &str {
        let at = |address: u32| address.saturating_sub(Self::FIRST) as usize;
        self.text
            .get(at(span.start)..at(span.end))
            .unwrap_or_default()
    }

    /// Index of the piece at an address.
    fn index(&self, address: u32) -> usize {
        let at = address.saturating_sub(Self::FIRST);
        self.pieces
            .partition_point(|piece| piece.start <= at)
            .saturating_sub(1)
    }

    /// The addresses of a piece.
    fn span(&self, index: usize) -> Span {
        let address = |index: usize| {
            let end = offset(self.text.len());
            let start = self.pieces.get(index).map_or(end, |piece| piece.start);
            Self::FIRST + start
        };
        Span::new(address(index), address(index + 1))
    }

    /// The beginning of a range, as far as it is of one piece.
    fn part(&self, span: Span) -> Span {
        let piece = self.span(self.index(span.start));
        Span::new(span.start, piece.end.clamp(span.start + 1, span.end))
    }

    /// The origin of a range within one piece, its definition, and whether the origin is the text itself.
    fn place(&self, span: Span) -> (Span, Span, bool) {
        let index = self.index(span.start);
        let Some(piece) = self.pieces.get(index) else {
            return (Span::START, NOT_DEFINED, false);
        };
        let whole = self.span(index);
        let inside = |place: Span| {
            let at = |address: u32| address.saturating_sub(whole.start).min(place.len());
            Span::new(place.start + at(span.start), place.start + at(span.end))
        };
        if piece.origin & REFERENCE == 0 {
            let same = Span::new(piece.origin, piece.origin + whole.len());
            return (inside(same), NOT_DEFINED, true);
        }
        let index = (piece.origin & !REFERENCE) as usize;
        let Some(reference) = self.references.get(index) else {
            return (Span::START, NOT_DEFINED, false);
        };
        // The text of a variable of `~SEQ` is written nowhere.
        let definition = match reference.definition {
            place if place != NOT_DEFINED && place.len() == whole.len() => inside(place),
            place => place,
        };
        (reference.origin, definition, false)
    }

    /// The range of a file that a range comes from.
    pub(super) fn origin(&self, span: Span) -> Span {
        let last = span.end.max(span.start + 1) - 1;
        let (first, ..) = self.place(Span::new(span.start, span.start + 1));
        let (last, ..) = self.place(Span::new(last, last + 1));
        if span.is_empty() {
            return Span::new(first.start, first.start);
        }
        Span::new(first.start, last.end.max(first.start))
    }

    /// The place of the definition that gave the text, or a part of it.
    pub(super) fn definition(&self, span: Span) -> Option<Span> {
        let mut at = span.start;
        while at < span.end {
            let part = self.part(Span::new(at, span.end));
            let (_, definition, _) = self.place(part);
            if definition != NOT_DEFINED {
                return Some(definition);
            }
            at = part.end;
        }
        None
    }
}
