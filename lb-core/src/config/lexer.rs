// SPDX-License-Identifier: MIT OR Apache-2.0
//! Words and braces out of a text, line by line.
//!
//! A `#` or `!` outside double quotes begins a comment, unless a backslash stands before it. A brace
//! outside double quotes ends the line it is in, so that it may stand anywhere. A word that begins with
//! a double quote ends at the next one; nothing is special inside.

use super::source::Span;

/// One word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// With its quotes.
    pub(super) span: Span,
    pub(super) form: Form,
}

/// How a word is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is.
    Plain,
    /// With a backslash before a comment character.
    Escaped,
    /// Between double quotes.
    Quoted,
    /// After a double quote that nothing closes.
    Unclosed,
}

impl Word {
    /// The text without quotes; an escaped word keeps its backslashes.
    pub(super) fn inner(&self) -> Span {
        let Span { file, start, end } = self.span;
        match self.form {
            Form::Plain | Form::Escaped => self.span,
            Form::Quoted => Span::new(file, start + 1, end - 1),
            Form::Unclosed => Span::new(file, start + 1, end),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word(Word),
    /// The end of a line that has words.
    End,
    Open(Span),
    Close(Span),
    Fault(Fault, Span),
}

/// What cannot be read as words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A double quote that its line does not close.
    Quote,
    /// A line with a NUL byte, which is dropped.
    Nul,
    /// A line keepalived would drop.
    Long,
    /// `@id` condition, dropped.
    Condition,
    /// `$NAME=` definition, dropped.
    Definition,
    /// `~SEQ` or `~LST`, dropped.
    Sequence,
    /// `${_NAME}`, kept as it is.
    Predefined,
}

/// keepalived reads lines up to this many bytes, with their end.
const LONGEST_LINE: usize = 1024;

/// The spellings of `include`; all but the first insist on a file.
pub(super) const INCLUDES: [&str; 6] = [
    "include", "includer", "includem", "includew", "includeb", "includea",
];

pub(super) struct Lexer<'a> {
    file: u32,
    text: &'a str,
    pos: usize,
    /// End of the current line, without its end-of-line character.
    line_end: usize,
    /// Words of the current line have been returned and its end has not.
    open_line: bool,
    pending: Option<Token>,
    has_nul: bool,
    /// The current line is an `include`: its braces are alternatives.
    include: bool,
}

impl<'a> Lexer<'a> {
    /// `text` is shorter than 4 GiB.
    pub(super) fn new(file: u32, text: &'a str) -> Self {
        let pos = if text.starts_with('\u{feff}') {
            '\u{feff}'.len_utf8()
        } else {
            0
        };
        let mut lexer = Self {
            file,
            text,
            pos,
            line_end: pos,
            open_line: false,
            pending: None,
            has_nul: text.contains('\0'),
            include: false,
        };
        lexer.start_line(pos);
        lexer
    }

    fn span(&self, start: usize, end: usize) -> Span {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span::new(self.file, offset(start), offset(end))
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// Begins the line at this offset; a line that is dropped leaves nothing to read.
    fn start_line(&mut self, start: usize) {
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        let length = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(rest.len());
        let blanks = rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count();
        self.pos = start + blanks.min(length);
        self.line_end = start + length;
        self.include = false;
        let unusual = length >= LONGEST_LINE
            || self.has_nul
            || matches!(rest.get(blanks), Some(b'@' | b'$' | b'~' | b'i'));
        if unusual {
            self.start_unusual_line(start);
        }
    }

    fn start_unusual_line(&mut self, start: usize) {
        let line = self.text.get(start..self.line_end).unwrap_or_default();
        self.include = is_include(line);
        if line.len() >= LONGEST_LINE {
            self.pending = Some(Token::Fault(Fault::Long, self.span(start, self.line_end)));
        }
        let fault = match line.trim_start().as_bytes() {
            _ if line.contains('\0') => Fault::Nul,
            [b'@', ..] => Fault::Condition,
            [b'$', name @ ..] if is_definition(name) => Fault::Definition,
            [b'~', b'S', b'E', b'Q', ..] | [b'~', b'L', b'S', b'T', ..] => Fault::Sequence,
            _ => return,
        };
        let first = start + (line.len() - line.trim_start().len());
        let last = start + line.trim_end().len();
        self.pending = Some(Token::Fault(fault, self.span(first, last)));
        self.pos = self.line_end;
    }

    fn quoted(&mut self) -> Token {
        let start = self.pos;
        let rest = self.text.get(start + 1..self.line_end).unwrap_or_default();
        let (length, form) = match rest.bytes().position(|byte| byte == b'"') {
            Some(at) => (at + 2, Form::Quoted),
            None => {
                // A brace at the end of the line is meant as a brace all the same.
                let text = rest.trim_end();
                let text = text.strip_suffix('{').unwrap_or(text).trim_end();
                (text.len() + 1, Form::Unclosed)
            }
        };
        self.pos = start + length;
        let span = self.span(start, self.pos);
        if form == Form::Unclosed {
            self.pending = Some(Token::Fault(Fault::Quote, self.span(start, start + 1)));
        } else if rest.get(..length - 2).is_some_and(is_predefined) {
            self.pending = Some(Token::Fault(Fault::Predefined, span));
        }
        Token::Word(Word { span, form })
    }

    fn plain(&mut self) -> Token {
        let start = self.pos;
        let mut form = Form::Plain;
        let mut dollar = false;
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.pos) {
            if SPECIAL[usize::from(*byte)] {
                match byte {
                    b'$' => {
                        dollar = true;
                        // The braces of `${NAME}` are not those of a block.
                        let rest = self.text.get(self.pos..self.line_end).unwrap_or_default();
                        self.pos += reference_len(rest).max(1);
                        continue;
                    }
                    b'\\' if matches!(bytes.get(self.pos + 1), Some(b'#' | b'!')) => {
                        form = Form::Escaped;
                        self.pos += 1;
                    }
                    b'{' | b'}' if self.include => {}
                    b'\\' => {}
                    _ => break,
                }
            }
            self.pos += 1;
        }
        let span = self.span(start, self.pos);
        if dollar && self.text.get(start..self.pos).is_some_and(is_predefined) {
            self.pending = Some(Token::Fault(Fault::Predefined, span));
        }
        Token::Word(Word { span, form })
    }
}

/// The bytes that need a look inside a plain word; all but `$` and a backslash end it.
const SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    let bytes = b" \t\n\r\x0b\x0c\"{}#!$\\";
    let mut i = 0;
    while i < bytes.len() {
        table[bytes[i] as usize] = true;
        i += 1;
    }
    table
};

/// Whether a line is `include` or one of its variants.
fn is_include(line: &str) -> bool {
    let word = line.split_ascii_whitespace().next().unwrap_or_default();
    INCLUDES.contains(&word)
}

/// `NAME=`, what follows a `$` that defines.
fn is_definition(after: &[u8]) -> bool {
    let length = name_len(after);
    length > 0 && after.get(length) == Some(&b'=')
}

fn name_len(bytes: &[u8]) -> usize {
    let name = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_');
    if bytes.first().is_some_and(u8::is_ascii_digit) {
        0
    } else {
        name.count()
    }
}

/// Length of `${NAME}` at the beginning of a text, 0 if there is none.
fn reference_len(text: &str) -> usize {
    let Some(inner) = text.strip_prefix("${") else {
        return 0;
    };
    let length = name_len(inner.as_bytes());
    match inner.as_bytes().get(length) {
        Some(b'}') if length > 0 => length + 3,
        _ => 0,
    }
}

fn is_predefined(text: &str) -> bool {
    [
        "${_PWD",
        "${_INSTANCE",
        "${_RANDOM",
        "${_ENV",
        "${_HASH",
        "${_BANG",
    ]
    .iter()
    .any(|name| text.contains(name))
}

impl Iterator for Lexer<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            if let Some(token) = self.pending.take() {
                return Some(token);
            }
            if self.pos >= self.line_end {
                if self.open_line {
                    self.open_line = false;
                    return Some(Token::End);
                }
                if self.line_end >= self.text.len() {
                    return None;
                }
                self.start_line(self.line_end + 1);
                continue;
            }
            match self.byte(self.pos)? {
                b' ' | b'\t' | b'\r' | 0x0b | 0x0c => self.pos += 1,
                b'#' | b'!' => self.pos = self.line_end,
                brace @ (b'{' | b'}') if !self.include => {
                    let span = self.span(self.pos, self.pos + 1);
                    self.pos += 1;
                    self.open_line = false;
                    return Some(if brace == b'{' {
                        Token::Open(span)
                    } else {
                        Token::Close(span)
                    });
                }
                b'"' => {
                    self.open_line = true;
                    return Some(self.quoted());
                }
                _ => {
                    self.open_line = true;
                    return Some(self.plain());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        let mut out = String::new();
        for token in Lexer::new(0, text) {
            match token {
                Token::Word(word) => {
                    out.push('<');
                    out.push_str(&text[word.inner().range()]);
                    out.push('>');
                }
                Token::End => out.push('.'),
                Token::Open(_) => out.push('{'),
                Token::Close(_) => out.push('}'),
                Token::Fault(fault, _) => out.push_str(&format!("{fault:?}")),
            }
        }
        out
    }

    #[test]
    fn comments_end_a_line_outside_double_quotes() {
        assert_eq!(read("a b # c\n! d\n e!f\n"), "<a><b>.<e>.");
        assert_eq!(read("a \"b # c\" 'd # e'"), "<a><b # c><'d>.");
        assert_eq!(read(r"pass a\#b\!c"), r"<pass><a\#b\!c>.");
    }

    #[test]
    fn braces_stand_anywhere() {
        assert_eq!(read("a { b c }"), "<a>{<b><c>}");
        assert_eq!(read("a{b\n}c"), "<a>{<b>.}<c>.");
        assert_eq!(read("a\n{\n}\n"), "<a>.{}");
        assert_eq!(read("a \"{\" {"), "<a><{>{");
    }

    #[test]
    fn quotes_make_words() {
        assert_eq!(read("a \"b c\" \"\""), "<a><b c><>.");
        assert_eq!(read("abc\"d e\"f"), "<abc><d e><f>.");
        assert_eq!(read("a \"b c\nd"), "<a><b c>Quote.<d>.");
        assert_eq!(read("a \"b {\n}"), "<a><b>Quote{}");
    }

    #[test]
    fn braces_of_an_include_are_alternatives() {
        assert_eq!(
            read("include {a,b}.conf # c\nx {"),
            "<include><{a,b}.conf>.<x>{"
        );
    }

    #[test]
    fn line_ends_of_all_kinds() {
        assert_eq!(read("a\r\nb\r\n\r\n"), "<a>.<b>.");
        assert_eq!(read(""), "");
        assert_eq!(read("\n\n"), "");
        assert_eq!(read("\u{feff}a"), "<a>.");
    }

    #[test]
    fn what_is_not_read_is_reported() {
        assert_eq!(read("a\0b\nc"), "Nul<c>.");
        assert_eq!(
            read("@main x 1\n$A=1\n~SEQ(x, 1, 2) y\nz"),
            "ConditionDefinitionSequence<z>."
        );
        assert_eq!(
            read("a ${_INSTANCE} ${B} $C"),
            "<a><${_INSTANCE}>Predefined<${B}><$C>."
        );
        let long = "x".repeat(2000);
        assert_eq!(read(&long), format!("Long<{long}>."));
    }
}
