// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the answer to an `HTTP_CHECK` has to be.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use hyper::HeaderMap;
use md5::Md5;
use sha2::{Digest as _, Sha256};

#[cfg(feature = "regex")]
use crate::PageRegex;
use crate::outcome::Failure;
use crate::{Md5Digest, Reason};

/// Longest part of a body that is searched for text, in bytes.
const SEARCH_LIMIT: usize = 256 << 10;
/// Longest body with a digest, in bytes.
const DIGEST_LIMIT: usize = 16 << 20;
/// Longest part of an answer that a reason shows, in characters.
const SHOWN: usize = 60;

/// What the answer to an [`HttpCheck`](crate::HttpCheck) has to be; all of it.
///
/// Text is searched in the first 256 KiB of a body. A body with a digest may have 16 MiB.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Expectation {
    /// Accepted status codes; empty = 200–299.
    pub status: Vec<RangeInclusive<u16>>,
    /// Headers that have to be there, with their whole value if it is given. Case matters in values.
    pub headers: Vec<(String, Option<String>)>,
    /// Text that the body has to contain.
    pub text: Option<String>,
    /// A regular expression that the body has to match. Other than in a [`Url`](crate::Url) the header is not
    /// searched.
    #[cfg(feature = "regex")]
    pub regex: Option<PageRegex>,
    /// The SHA-256 digest of the body, chunks decoded.
    pub sha256: Option<Sha256Digest>,
    /// The MD5 digest of the body, chunks decoded.
    pub md5: Option<Md5Digest>,
}

impl Expectation {
    /// Judges status and headers.
    pub(super) fn judge_head(&self, status: u16, headers: &HeaderMap) -> Result<(), Reason> {
        let accepted = match self.status.as_slice() {
            [] => (200..=299).contains(&status),
            ranges => ranges.iter().any(|range| range.contains(&status)),
        };
        if !accepted {
            return Err(Reason::L7Status(status));
        }
        for (name, wanted) in &self.headers {
            let found = || headers.get_all(name.as_str()).iter();
            let matches = found().any(|value| match wanted {
                Some(wanted) => value.as_bytes() == wanted.as_bytes(),
                None => true,
            });
            if !matches {
                return Err(Reason::L7Unexpected(match found().next() {
                    Some(value) => format!("{name}: {}", shorten(value.as_bytes())),
                    None => format!("no header {name}"),
                }));
            }
        }
        Ok(())
    }

    fn has_digest(&self) -> bool {
        self.sha256.is_some() || self.md5.is_some()
    }

    fn has_search(&self) -> bool {
        #[cfg(feature = "regex")]
        if self.regex.is_some() {
            return true;
        }
        self.text.is_some()
    }

    /// The body of which something is expected; `None` if none has to be read.
    pub(super) fn body(&self) -> Option<Body<'_>> {
        (self.has_search() || self.has_digest()).then(|| Body {
            expectation: self,
            searched: Vec::new(),
            length: 0,
            sha256: Sha256::new(),
            md5: Md5::new(),
        })
    }
}

/// A body as it comes.
pub(super) struct Body<'a> {
    expectation: &'a Expectation,
    searched: Vec<u8>,
    length: usize,
    sha256: Sha256,
    md5: Md5,
}

impl Body<'_> {
    /// Takes the next part. True if more of the body is needed.
    pub(super) fn add(&mut self, part: &[u8]) -> Result<bool, Reason> {
        self.length = self.length.saturating_add(part.len());
        if self.expectation.has_search() {
            let room = SEARCH_LIMIT.saturating_sub(self.searched.len());
            let part = part.get(..room.min(part.len())).unwrap_or_default();
            self.searched.extend_from_slice(part);
        }
        if !self.expectation.has_digest() {
            return Ok(self.length < SEARCH_LIMIT);
        }
        if self.length > DIGEST_LIMIT {
            let text = format!("a body of more than {DIGEST_LIMIT} bytes");
            return Err(Reason::L7Unexpected(text));
        }
        if self.expectation.sha256.is_some() {
            self.sha256.update(part);
        }
        if self.expectation.md5.is_some() {
            self.md5.update(part);
        }
        Ok(true)
    }

    /// Judges the body. `limit` bounds the wait for other searches by regular expressions.
    #[cfg_attr(
        not(feature = "regex"),
        expect(unused_variables, clippy::unused_async, reason = "only searches wait")
    )]
    pub(super) async fn judge(self, limit: Duration) -> Result<(), Failure> {
        if let Some(expected) = self.expectation.sha256 {
            let got = Sha256Digest(self.sha256.finalize().into());
            if got != expected {
                let text = format!("digest {got} instead of {expected}");
                return Err(Failure::Target(Reason::L7Unexpected(text)));
            }
        }
        if let Some(expected) = self.expectation.md5 {
            let got = Md5Digest::new(self.md5.finalize().into());
            if got != expected {
                return Err(Failure::Target(Reason::L7Digest { expected, got }));
            }
        }
        if let Some(text) = &self.expectation.text
            && !contains(&self.searched, text.as_bytes())
        {
            let shown = shorten(&self.searched);
            return Err(Failure::Target(Reason::L7Unexpected(shown)));
        }
        #[cfg(feature = "regex")]
        if let Some(regex) = &self.expectation.regex {
            regex.judge(self.searched, limit).await?;
        }
        Ok(())
    }
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text)
}

/// The first characters of an answer, control bytes escaped.
fn shorten(bytes: &[u8]) -> String {
    let text = bytes.get(..bytes.len().min(SHOWN)).unwrap_or_default();
    text.escape_ascii()
        .to_string()
        .chars()
        .take(SHOWN)
        .collect()
}

/// A SHA-256 digest: 64 hexadecimal digits.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Sha256Digest([u8; 32]);

impl Sha256Digest {
    /// Wraps the bytes of a digest.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256Digest({self})")
    }
}

/// A text that is not a SHA-256 digest.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a SHA-256 digest has 64 hexadecimal digits")]
#[non_exhaustive]
pub struct ParseSha256Error;

impl FromStr for Sha256Digest {
    type Err = ParseSha256Error;

    /// Reads 64 hexadecimal digits of either case.
    ///
    /// # Errors
    /// When the text has another length or another character.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ParseSha256Error);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digits = str::from_utf8(pair).map_err(|_| ParseSha256Error)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| ParseSha256Error)?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_printed_as_they_are_read() {
        let text = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        let digest: Sha256Digest = text.to_uppercase().parse().unwrap();
        assert_eq!(digest.to_string(), text);
        for wrong in ["", "2c", &text[1..], &format!("{}é", &text[2..])] {
            assert_eq!(wrong.parse::<Sha256Digest>(), Err(ParseSha256Error));
        }
    }

    #[test]
    fn what_is_shown_of_an_answer_is_short_and_has_no_control_bytes() {
        assert_eq!(shorten(b"a\r\n\x1b\xff"), r"a\r\n\x1b\xff");
        assert_eq!(shorten(&[0; 1000]).len(), SHOWN);
    }
}
