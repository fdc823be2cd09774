// SPDX-License-Identifier: MIT OR Apache-2.0
//! `regex` of a page: a search by PCRE2 in the answer.

mod lines;
mod options;

use std::fmt;

use pcre2::bytes::{Regex, RegexBuilder};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{Duration, timeout};

use crate::outcome::Failure;
use crate::{LocalError, Reason};

pub(crate) use self::lines::{KEYWORDS, RegexLines, regex_lines};
pub use self::options::{ParseRegexOptionError, RegexOption};

/// Longest part of an answer that is searched, in bytes.
pub(super) const SEARCH_LIMIT: usize = 256 << 10;

/// Limits of one search. Each is an upper bound: a pattern may set a lower one itself.
const LIMITS: &str = "(*LIMIT_MATCH=1000000)(*LIMIT_DEPTH=1000000)(*LIMIT_HEAP=16384)";

/// Searches at once, each on a thread of the runtime's pool: a costly search delays no other check but those
/// with a regular expression.
static SEARCHES: Semaphore = Semaphore::const_new(4);

/// Why a pattern cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RegexError {
    /// PCRE2 cannot compile the pattern.
    #[error("{0}")]
    Pattern(String),
    /// An option forbids a part of the pattern.
    #[error("`{0}` forbids it")]
    Forbidden(RegexOption),
}

/// A regular expression that the answer of a server is searched for: keepalived's `regex` and the keywords
/// around it.
///
/// As in keepalived 2.2.7 the answer is searched from its first byte: the status line and the header count, and
/// so do the bytes of the body after the `Content-Length`. Other than there, the end of the answer is an end for
/// `$`.
///
/// The first 256 KiB of an answer are searched. A search stops at limits of its own (a million steps of
/// backtracking from one place, 16 MiB), and then counts as failed; no more than four run at once.
///
/// ```
/// use lb_check::{PageRegex, RegexOption};
///
/// let regex = PageRegex::new("^status: +ok$", [RegexOption::Multiline])?;
/// assert!(regex.is_match(b"version: 7\nstatus: ok\n")?);
/// assert!(!regex.is_match(b"version: 7\nstatus: failed\n")?);
/// # Ok::<(), lb_check::RegexError>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct PageRegex {
    pattern: String,
    options: Vec<RegexOption>,
    stack: Option<(usize, usize)>,
    /// Passes pages without a match (`regex_no_match`).
    pub no_match: bool,
    /// Bytes of the answer before the part that is searched (`regex_min_offset`); the pattern may look back at
    /// them.
    pub min_offset: usize,
    /// The last byte of the answer where a match may begin (`regex_max_offset`); `None` = any.
    pub max_offset: Option<usize>,
    compiled: Regex,
}

impl PageRegex {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// When PCRE2 refuses the pattern, or an option forbids a part of it.
    pub fn new(
        pattern: impl Into<String>,
        options: impl IntoIterator<Item = RegexOption>,
    ) -> Result<Self, RegexError> {
        Self::compile(pattern.into(), options.into_iter().collect(), None)
    }

    /// Compiles the pattern for the machine, with a stack of up to `max` bytes (`regex_stack`). Where the
    /// system allows no such code the pattern is interpreted, as without a stack.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_stack(self, start: usize, max: usize) -> Result<Self, RegexError> {
        let stack = Some((start, max));
        let compiled = Self::compile(self.pattern, self.options, stack)?;
        Ok(Self {
            no_match: self.no_match,
            min_offset: self.min_offset,
            max_offset: self.max_offset,
            ..compiled
        })
    }

    fn compile(
        pattern: String,
        mut options: Vec<RegexOption>,
        stack: Option<(usize, usize)>,
    ) -> Result<Self, RegexError> {
        options.sort_unstable();
        options.dedup();
        let (verbs, rest) = split_verbs(&pattern);
        check_forbidden(&options, verbs, rest)?;
        let has = |option| options.contains(&option);
        let mut text = LIMITS.to_owned();
        for (option, verb) in [
            (RegexOption::NoAutoPossess, "(*NO_AUTO_POSSESS)"),
            (RegexOption::NoDotStarAnchor, "(*NO_DOTSTAR_ANCHOR)"),
            (RegexOption::NoStartOptimize, "(*NO_START_OPT)"),
            (RegexOption::Ucp, "(*UCP)"),
        ] {
            if has(option) {
                text.push_str(verb);
            }
        }
        text.push_str(verbs);
        for (option, letter) in [
            (RegexOption::DupNames, "(?J)"),
            (RegexOption::NoAutoCapture, "(?n)"),
            (RegexOption::Ungreedy, "(?U)"),
        ] {
            if has(option) {
                text.push_str(letter);
            }
        }
        text.push_str(rest);
        let compiled = RegexBuilder::new()
            .caseless(has(RegexOption::Caseless))
            .dotall(has(RegexOption::DotAll))
            .extended(has(RegexOption::Extended))
            .multi_line(has(RegexOption::Multiline))
            .utf(has(RegexOption::Utf))
            .jit_if_available(stack.is_some())
            .max_jit_stack_size(stack.map(|(_, max)| max))
            .build(&text)
            .map_err(|error| RegexError::Pattern(describe(&error, &text, &pattern)))?;
        Ok(Self {
            pattern,
            options,
            stack,
            no_match: false,
            min_offset: 0,
            max_offset: None,
            compiled,
        })
    }

    /// The pattern.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The options, in order and each once.
    #[must_use]
    pub fn options(&self) -> &[RegexOption] {
        &self.options
    }

    /// First and largest size of the stack, in bytes.
    #[must_use]
    pub const fn stack(&self) -> Option<(usize, usize)> {
        self.stack
    }

    /// Whether the pattern matches in the part of `answer` that is searched. [`no_match`](Self::no_match) does
    /// not change the answer.
    ///
    /// # Errors
    /// When the search reaches one of its limits, or the answer is not UTF-8 under the option `utf`.
    pub fn is_match(&self, answer: &[u8]) -> Result<bool, RegexError> {
        if self.min_offset > answer.len() {
            return Ok(false);
        }
        let found = self.compiled.find_at(answer, self.min_offset);
        let found = found.map_err(|error| RegexError::Pattern(error.to_string()))?;
        let Some(found) = found else {
            return Ok(false);
        };
        // The first match is the leftmost: if it begins too late, so do all others.
        let first_line = self.options.contains(&RegexOption::FirstLine);
        let mut searched = answer.iter().skip(self.min_offset);
        let line = searched.position(|byte| *byte == b'\n');
        let last = line.filter(|_| first_line).map(|end| self.min_offset + end);
        let is_within = |last: Option<usize>| last.is_none_or(|last| found.start() <= last);
        Ok(is_within(last) && is_within(self.max_offset))
    }

    /// Searches on another thread, which must be free within `limit`.
    pub(crate) async fn judge(&self, answer: Vec<u8>, limit: Duration) -> Result<(), Failure> {
        let Ok(Ok(permit)) = timeout(limit, SEARCHES.acquire()).await else {
            let error = "other searches for regular expressions take too long".to_owned();
            return Err(Failure::Local(LocalError::Other(error)));
        };
        let regex = self.clone();
        let search = spawn_blocking(move || {
            let found = regex.is_match(&answer);
            drop(permit);
            found
        });
        let reason = match search.await {
            Ok(Ok(found)) if found != self.no_match => return Ok(()),
            Ok(Ok(true)) => "match".to_owned(),
            Ok(Ok(false)) => "no match".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(error) => return Err(Failure::Local(LocalError::Other(error.to_string()))),
        };
        Err(Failure::Target(Reason::L7Regex(reason)))
    }
}

impl fmt::Debug for PageRegex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageRegex")
            .field("pattern", &self.pattern)
            .field("options", &self.options)
            .field("stack", &self.stack)
            .field("no_match", &self.no_match)
            .field("min_offset", &self.min_offset)
            .field("max_offset", &self.max_offset)
            .finish_non_exhaustive()
    }
}

impl Eq for PageRegex {}

impl PartialEq for PageRegex {
    fn eq(&self, other: &Self) -> bool {
        let key = |regex: &Self| {
            (
                regex.stack,
                regex.no_match,
                regex.min_offset,
                regex.max_offset,
            )
        };
        self.pattern == other.pattern && self.options == other.options && key(self) == key(other)
    }
}

/// Splits the settings that may stand at the start of a pattern, such as `(*UTF)`, from the rest.
fn split_verbs(pattern: &str) -> (&str, &str) {
    const VERBS: [&str; 9] = [
        "ANY", "ANYCRLF", "CR", "CRLF", "LF", "NOTEMPTY", "NUL", "UCP", "UTF",
    ];
    let mut at = 0;
    while let Some(rest) = pattern.get(at..).and_then(|rest| rest.strip_prefix("(*")) {
        let Some((verb, _)) = rest.split_once(')') else {
            break;
        };
        let is_setting = VERBS.contains(&verb)
            || ["BSR_", "LIMIT_", "NO_", "NOTEMPTY_"]
                .iter()
                .any(|start| verb.starts_with(start));
        if !is_setting {
            break;
        }
        at += verb.len() + "(*)".len();
    }
    pattern.split_at_checked(at).unwrap_or(("", pattern))
}

/// Checks what `never_utf`, `never_ucp` and `never_backslash_c` forbid.
fn check_forbidden(options: &[RegexOption], verbs: &str, rest: &str) -> Result<(), RegexError> {
    let has = |option| options.contains(&option);
    let uses = |option, verb| has(option) || verbs.contains(verb);
    for (never, is_used) in [
        (RegexOption::NeverUtf, uses(RegexOption::Utf, "(*UTF)")),
        (RegexOption::NeverUcp, uses(RegexOption::Ucp, "(*UCP)")),
        (RegexOption::NeverBackslashC, has_backslash_c(rest)),
    ] {
        if has(never) && is_used {
            return Err(RegexError::Forbidden(never));
        }
    }
    Ok(())
}

/// Whether a pattern has `\C` outside of `\Q…\E`.
fn has_backslash_c(pattern: &str) -> bool {
    let (mut chars, mut is_quoted) = (pattern.chars(), false);
    while let Some(c) = chars.next() {
        if c != '\\' {
            continue;
        }
        match chars.clone().next() {
            Some('E') if is_quoted => is_quoted = false,
            _ if is_quoted => continue,
            Some('Q') => is_quoted = true,
            Some('C') => return true,
            _ => {}
        }
        chars.next();
    }
    false
}

/// The message of PCRE2, with the place in the pattern as it is written.
fn describe(error: &pcre2::Error, text: &str, pattern: &str) -> String {
    // The message ends with the place in the text that was compiled.
    let message = error.to_string();
    let message = message.rsplit(": ").next().unwrap_or_default().to_owned();
    let Some(offset) = error.offset() else {
        return message;
    };
    let added = text.len().saturating_sub(pattern.len());
    format!("{message} at offset {}", offset.saturating_sub(added))
}

#[cfg(test)]
mod tests;
