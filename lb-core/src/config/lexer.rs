// SPDX-License-Identifier: MIT OR Apache-2.0
//! Words and braces out of one line.
//!
//! A `#` or `!` outside double quotes begins a comment. A brace outside double quotes ends the line it is
//! in, so that it may stand anywhere. A word that begins with a double quote ends at the next one; nothing
//! is special inside. Lines with escapes, definitions and conditions have been rewritten before.

use super::source::Span;
use super::span::offset;

/// One word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// With its quotes.
    pub(super) span: Span,
}

impl Word {
    /// The word without its quotes; the last one may be missing.
    pub(super) fn unquoted(written: &str) -> &str {
        match written.strip_prefix('"') {
            Some(inner) => inner.strip_suffix('"').unwrap_or(inner),
            None => written,
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
    /// A line that includes files: its keyword and the rest of the line.
    Include(Span, Span),
    Fault(Fault, Span),
}

/// What is wrong with a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A double quote that its line does not close.
    Quote,
    /// A character that looks like a blank or a quote and is part of the word.
    Lookalike(char),
}

/// The spellings of `include`; all but the first insist on a file.
pub(super) const INCLUDES: [&str; 6] = [
    "include", "includer", "includem", "includew", "includeb", "includea",
];

pub(super) struct Lexer<'a> {
    text: &'a str,
    /// Address of the text.
    base: u32,
    pos: usize,
    /// Words of the current line have been returned and its end has not.
    open_line: bool,
    pending: Option<Token>,
    /// Comments have not been removed.
    comments: bool,
}

impl<'a> Lexer<'a> {
    /// Reads a line of a file as it is.
    pub(super) fn new(text: &'a str, span: Span) -> Self {
        Self {
            text,
            base: span.start,
            pos: 0,
            open_line: false,
            pending: None,
            comments: true,
        }
    }

    /// Reads a line without comments.
    pub(super) fn without_comments(text: &'a str, span: Span) -> Self {
        Self {
            comments: false,
            ..Self::new(text, span)
        }
    }

    /// Where the next token begins.
    pub(super) fn position(&self) -> usize {
        self.pos
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.base + offset(start), self.base + offset(end))
    }

    fn rest(&self, at: usize) -> &'a str {
        self.text.get(at..).unwrap_or_default()
    }

    fn quoted(&mut self) -> Token {
        let start = self.pos;
        let rest = self.rest(start + 1);
        match rest.bytes().position(|byte| byte == b'"') {
            Some(at) => self.pos = start + at + 2,
            None => {
                // A brace at the end of the line is meant as a brace all the same.
                let text = rest.trim_ascii_end();
                let text = text.strip_suffix('{').unwrap_or(text).trim_ascii_end();
                self.pos = start + 1 + text.len();
                self.pending = Some(Token::Fault(Fault::Quote, self.span(start, start + 1)));
            }
        }
        self.word(start)
    }

    fn plain(&mut self) -> Token {
        let start = self.pos;
        let bytes = self.text.as_bytes();
        let mut lookalike = false;
        while let Some(byte) = bytes.get(self.pos) {
            match CLASS[usize::from(*byte)] {
                ORDINARY => {}
                FOREIGN => lookalike = true,
                // The braces of `${NAME}` are not those of a block.
                DOLLAR => self.pos += reference_len(self.rest(self.pos)).saturating_sub(1),
                COMMENT if !self.comments => {}
                _ => break,
            }
            self.pos += 1;
        }
        if !self.open_line && bytes.get(start) == Some(&b'i') {
            let word = self.text.get(start..self.pos).unwrap_or_default();
            if INCLUDES.contains(&word) && self.is_blank(self.pos) {
                return self.include(start);
            }
        }
        if lookalike {
            self.pending = self.find_lookalike(start);
        }
        self.word(start)
    }

    fn word(&mut self, start: usize) -> Token {
        self.open_line = true;
        Token::Word(Word {
            span: self.span(start, self.pos),
        })
    }

    fn is_blank(&self, at: usize) -> bool {
        self.text
            .as_bytes()
            .get(at)
            .is_none_or(|byte| CLASS[usize::from(*byte)] == BLANK)
    }

    /// All of the line after the keyword names files: blanks, braces and quotes are part of it.
    fn include(&mut self, start: usize) -> Token {
        let keyword = self.span(start, self.pos);
        let rest = self.rest(self.pos);
        let mut quoted = false;
        let length = rest.bytes().position(|byte| {
            quoted ^= byte == b'"';
            self.comments && !quoted && matches!(byte, b'#' | b'!')
        });
        let pattern = rest.get(..length.unwrap_or(rest.len())).unwrap_or_default();
        let blanks = pattern.len() - pattern.trim_ascii_start().len();
        let from = self.pos + blanks;
        let pattern = self.span(from, from + pattern.trim_ascii().len());
        self.pos = self.text.len();
        Token::Include(keyword, pattern)
    }

    fn find_lookalike(&self, start: usize) -> Option<Token> {
        let word = self.text.get(start..self.pos)?;
        let (at, found) = word
            .char_indices()
            .find(|(_, c)| lookalike_name(*c).is_some())?;
        let place = self.span(start + at, start + at + found.len_utf8());
        Some(Token::Fault(Fault::Lookalike(found), place))
    }
}

/// The name of a character that is easily taken for a blank or a quote.
pub(super) fn lookalike_name(c: char) -> Option<&'static str> {
    Some(match c {
        '\u{a0}' => "no-break space",
        '\u{ad}' => "soft hyphen",
        '\u{2000}'..='\u{200a}' => "wide or narrow space",
        '\u{200b}'..='\u{200d}' | '\u{2060}' => "character without width",
        '\u{2028}' | '\u{2029}' => "line separator",
        '\u{202f}' => "narrow no-break space",
        '\u{3000}' => "ideographic space",
        '\u{feff}' => "byte order mark",
        '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' | '\u{201e}' => "curly quote",
        '\u{2010}'..='\u{2015}' | '\u{2212}' => "dash",
        '\u{ff01}'..='\u{ff5e}' => "full-width character",
        _ => return None,
    })
}

const ORDINARY: u8 = 0;
const BLANK: u8 = 1;
const QUOTE: u8 = 2;
const BRACE: u8 = 3;
const COMMENT: u8 = 4;
const DOLLAR: u8 = 5;
/// Begins a character that may be a [lookalike](lookalike_name).
const FOREIGN: u8 = 6;

const CLASS: [u8; 256] = {
    let mut table = [ORDINARY; 256];
    let bytes = b" \t\n\r\x0b\x0c\"{}#!$\xc2\xe2\xe3\xef";
    let classes = [
        BLANK, BLANK, BLANK, BLANK, BLANK, BLANK, QUOTE, BRACE, BRACE, COMMENT, COMMENT, DOLLAR,
        FOREIGN, FOREIGN, FOREIGN, FOREIGN,
    ];
    let mut i = 0;
    while i < bytes.len() {
        table[bytes[i] as usize] = classes[i];
        i += 1;
    }
    table
};

/// Length of the name at the beginning of a text, 0 if there is none.
pub(super) fn name_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    if bytes.first().is_some_and(u8::is_ascii_digit) {
        return 0;
    }
    bytes
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
        .count()
}

/// Length of `${NAME}` at the beginning of a text, 0 if there is none.
fn reference_len(text: &str) -> usize {
    let Some(inner) = text.strip_prefix("${") else {
        return 0;
    };
    let length = name_len(inner);
    match inner.as_bytes().get(length) {
        Some(b'}') if length > 0 => length + 3,
        _ => 0,
    }
}

impl Iterator for Lexer<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        if let Some(token) = self.pending.take() {
            return Some(token);
        }
        loop {
            let Some(byte) = self.text.as_bytes().get(self.pos) else {
                return std::mem::take(&mut self.open_line).then_some(Token::End);
            };
            match CLASS[usize::from(*byte)] {
                BLANK => self.pos += 1,
                COMMENT if self.comments => self.pos = self.text.len(),
                BRACE => {
                    let span = self.span(self.pos, self.pos + 1);
                    self.pos += 1;
                    self.open_line = false;
                    return Some(if *byte == b'{' {
                        Token::Open(span)
                    } else {
                        Token::Close(span)
                    });
                }
                QUOTE => return Some(self.quoted()),
                _ => return Some(self.plain()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(lexer: Lexer<'_>) -> String {
        let text = lexer.text;
        let range = |span: Span| &text[span.start as usize..span.end as usize];
        let mut out = String::new();
        for token in lexer {
            match token {
                Token::Word(word) => {
                    out.push('<');
                    out.push_str(Word::unquoted(range(word.span)));
                    out.push('>');
                }
                Token::End => out.push('.'),
                Token::Open(_) => out.push('{'),
                Token::Close(_) => out.push('}'),
                Token::Include(keyword, pattern) => {
                    out.push_str(&format!("{}({})", range(keyword), range(pattern)));
                }
                Token::Fault(fault, _) => out.push_str(&format!("{fault:?}")),
            }
        }
        out
    }

    fn read(text: &str) -> String {
        tokens(Lexer::new(text, Span::START))
    }

    #[test]
    fn comments_end_a_line_outside_double_quotes() {
        assert_eq!(read("a b # c"), "<a><b>.");
        assert_eq!(read("! d"), "");
        assert_eq!(read(" e!f"), "<e>.");
        assert_eq!(read("a \"b # c\" 'd # e'"), "<a><b # c><'d>.");
        let lexer = Lexer::without_comments("pass a#b!c # d", Span::START);
        assert_eq!(tokens(lexer), "<pass><a#b!c><#><d>.");
    }

    #[test]
    fn braces_stand_anywhere() {
        assert_eq!(read("a { b c }"), "<a>{<b><c>}");
        assert_eq!(read("a{b"), "<a>{<b>.");
        assert_eq!(read("}c"), "}<c>.");
        assert_eq!(read("a \"{\" {"), "<a><{>{");
        assert_eq!(read("a${B}c{"), "<a${B}c>{");
    }

    #[test]
    fn quotes_make_words() {
        assert_eq!(read("a \"b c\" \"\""), "<a><b c><>.");
        assert_eq!(read("abc\"d e\"f"), "<abc><d e><f>.");
        assert_eq!(read("a \"b c"), "<a><b c>Quote.");
        assert_eq!(read("a \"b {"), "<a><b>Quote{");
        assert_eq!(read("\""), "<>Quote.");
    }

    #[test]
    fn the_rest_of_an_include_names_files() {
        assert_eq!(read("include {a,b}.conf # c"), "include({a,b}.conf)");
        assert_eq!(read("x { includem \"a b\" } !"), "<x>{includem(\"a b\" })");
        assert_eq!(read("include"), "include()");
        assert_eq!(read("includex a"), "<includex><a>.");
        assert_eq!(read("x include a"), "<x><include><a>.");
    }

    #[test]
    fn ends_of_lines_and_blanks_of_all_kinds() {
        assert_eq!(read("a\r"), "<a>.");
        assert_eq!(read("\ta\x0bb\x0cc "), "<a><b><c>.");
        assert_eq!(read(""), "");
    }

    #[test]
    fn characters_that_look_like_blanks_and_quotes_are_named() {
        assert_eq!(read("a\u{a0}b"), "<a\u{a0}b>Lookalike('\\u{a0}').");
        assert_eq!(read("\u{201c}a"), "<\u{201c}a>Lookalike('“').");
        assert_eq!(read("é \"\u{a0}\" ☃"), "<é><\u{a0}><☃>.");
    }
}
