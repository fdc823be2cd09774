// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps of a dialogue, and whether received bytes are what a step expects.

use std::time::Duration;

use regex::bytes::{Regex, RegexBuilder};

use super::reply::Reply;
use crate::Reason;

/// One step of a dialogue.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// Sends bytes.
    Send(Vec<u8>),
    /// Waits for an answer.
    Expect(Expect),
    /// Makes the plain connection a TLS connection.
    StartTls,
    /// Ends the sending side of the connection; answers are still received.
    Close,
}

/// The answer that a step expects.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Expect {
    /// The bytes are somewhere in the answer.
    Contains(Vec<u8>),
    /// The answer begins with the bytes.
    Prefix(Vec<u8>),
    /// The next line consists of the bytes.
    Line(Vec<u8>),
    /// A part of the answer matches.
    Regex(Pattern),
    /// No byte arrives for this long.
    Nothing(Duration),
    /// The server closes the connection; bytes before that are ignored.
    End,
    /// A reply of a protocol.
    Reply(Reply),
}

/// A regular expression over bytes, with the matching of the crate `regex`: linear in the length of the answer,
/// whatever the server sends, while expressions of Perl can take time without bound.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Regex);

impl Pattern {
    /// Most bytes of a compiled expression.
    const SIZE: usize = 1 << 20;

    pub(super) fn new(text: &str) -> Result<Self, regex::Error> {
        let mut builder = RegexBuilder::new(text);
        // Without Unicode a dot is a byte, as protocols have them, and no table of characters is needed.
        builder.unicode(false).size_limit(Self::SIZE);
        builder.build().map(Self)
    }

    pub(super) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

/// What received bytes are for a step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Progress {
    /// Not enough to decide.
    More,
    /// The expected answer: its length, and the number of steps to leave out after this one.
    Matched {
        /// Bytes to take out of what was received.
        end: usize,
        /// Steps that the answer makes unnecessary.
        skip: usize,
    },
}

impl Progress {
    /// An expected answer of `end` bytes.
    const fn matched(end: usize) -> Self {
        Self::Matched { end, skip: 0 }
    }
}

impl Expect {
    /// Compares the bytes received since the last step; `ended` if no more will follow.
    pub(super) fn compare(&self, received: &[u8], ended: bool) -> Result<Progress, Reason> {
        let end = match self {
            Self::Contains(text) => find(received, text),
            Self::Prefix(text) if received.starts_with(text) => Some(text.len()),
            Self::Prefix(text) if text.starts_with(received) => None,
            Self::Prefix(_) => return Err(Reason::unexpected(received)),
            Self::Line(text) => match find(received, b"\n") {
                Some(end) if line(received, end) == text => Some(end),
                Some(end) => return Err(Reason::unexpected(line(received, end))),
                None => None,
            },
            Self::Regex(pattern) => pattern.0.find(received).map(|found| found.end()),
            Self::Nothing(_) if !received.is_empty() => return Err(Reason::unexpected(received)),
            Self::Nothing(_) | Self::End => ended.then_some(received.len()),
            Self::Reply(reply) => match reply.compare(received)? {
                Progress::More => None,
                matched => return Ok(matched),
            },
        };
        match (end, received) {
            (Some(end), _) => Ok(Progress::matched(end)),
            (None, _) if !ended => Ok(Progress::More),
            (None, []) => Err(Reason::L7NoData),
            (None, _) => Err(self.cut(received)),
        }
    }

    /// The reason when no more bytes arrive in time.
    pub(super) fn timeout(&self, received: &[u8]) -> Reason {
        match (self, received) {
            (_, []) | (Self::End, _) => Reason::L7Timeout,
            (Self::Reply(_), _) => Reason::L7Timeout,
            // The server waits after another answer.
            _ => Reason::unexpected(received),
        }
    }

    /// The reason when the connection was closed after these bytes.
    fn cut(&self, received: &[u8]) -> Reason {
        match self {
            Self::Reply(_) => Reason::L7Closed,
            _ => Reason::unexpected(received),
        }
    }
}

/// Where the first `part` of `bytes` ends.
fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    if part.is_empty() {
        return Some(0);
    }
    let at = bytes.windows(part.len()).position(|window| window == part);
    at.map(|at| at + part.len())
}

/// The line that ends at `end`, without LF or CR LF.
pub(super) fn line(bytes: &[u8], end: usize) -> &[u8] {
    let line = bytes.get(..end).unwrap_or_default();
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(expect: &Expect, received: &str, ended: bool) -> Result<usize, Option<Reason>> {
        match expect.compare(received.as_bytes(), ended) {
            Ok(Progress::Matched { end, .. }) => Ok(end),
            Ok(Progress::More) => Err(None),
            Err(reason) => Err(Some(reason)),
        }
    }

    fn unexpected(text: &str) -> Result<usize, Option<Reason>> {
        Err(Some(Reason::L7Unexpected(text.to_owned())))
    }

    #[test]
    fn text_may_be_anywhere() {
        let expect = Expect::Contains(b"OK".to_vec());
        assert_eq!(compare(&expect, "+O", false), Err(None));
        assert_eq!(compare(&expect, "+OK ready", false), Ok(3));
        assert_eq!(compare(&expect, "-ERR", true), unexpected("-ERR"));
        assert_eq!(compare(&expect, "", true), Err(Some(Reason::L7NoData)));
        assert_eq!(expect.timeout(b""), Reason::L7Timeout);
        assert_eq!(expect.timeout(b"no"), Reason::unexpected(b"no"));
    }

    #[test]
    fn prefix_fails_at_the_first_other_byte() {
        let expect = Expect::Prefix(b"220 ".to_vec());
        assert_eq!(compare(&expect, "22", false), Err(None));
        assert_eq!(compare(&expect, "220 hi", false), Ok(4));
        assert_eq!(compare(&expect, "5", false), unexpected("5"));
    }

    #[test]
    fn line_is_the_whole_line() {
        let expect = Expect::Line(b"+PONG".to_vec());
        assert_eq!(compare(&expect, "+PONG", false), Err(None));
        assert_eq!(compare(&expect, "+PONG\n", false), Ok(6));
        assert_eq!(compare(&expect, "+PONG\r\n+", false), Ok(7));
        assert_eq!(compare(&expect, "+PONGS\r\n", false), unexpected("+PONGS"));
        assert_eq!(compare(&expect, "+PONG", true), unexpected("+PONG"));
    }

    #[test]
    fn pattern_is_for_bytes() {
        let expect = Expect::Regex(Pattern::new(r"(?m)^220 .+\r$").unwrap());
        assert_eq!(compare(&expect, "220-a\r\n220 b\r\n", false), Ok(13));
        let bytes = Expect::Regex(Pattern::new(r"^\xff.\x00").unwrap());
        let found = bytes.compare(&[0xff, 0xa5, 0, 1], false);
        assert_eq!(found, Ok(Progress::matched(3)));
        assert!(Pattern::new("(").is_err());
        assert!(Pattern::new(&"(a{1000}){1000}".repeat(3)).is_err(), "large");
    }

    #[test]
    fn silence_and_end_are_answers() {
        let nothing = Expect::Nothing(Duration::from_secs(1));
        assert_eq!(compare(&nothing, "", false), Err(None));
        assert_eq!(compare(&nothing, "", true), Ok(0));
        assert_eq!(compare(&nothing, "x", false), unexpected("x"));
        assert_eq!(compare(&Expect::End, "bye", false), Err(None));
        assert_eq!(compare(&Expect::End, "bye", true), Ok(3));
        assert_eq!(compare(&Expect::End, "", true), Ok(0));
    }
}
