// SPDX-License-Identifier: MIT OR Apache-2.0
//! Options of regular expressions.

use std::fmt;
use std::str::FromStr;

/// An option of keepalived's `regex_options`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum RegexOption {
    /// `auto_callout`: without effect, as there is no callout.
    AutoCallout,
    /// `caseless`: letters of both cases are equal.
    Caseless,
    /// `dotall`: a dot matches a line break, too.
    DotAll,
    /// `dupnames`: groups may have equal names.
    DupNames,
    /// `extended`: blanks and comments in the pattern do not count.
    Extended,
    /// `firstline`: a match has to begin in the first line of what is searched.
    FirstLine,
    /// `multiline`: `^` and `$` match at line breaks, too.
    Multiline,
    /// `never_backslash_c`: `\C` is an error.
    NeverBackslashC,
    /// `never_ucp`: `(*UCP)` is an error.
    NeverUcp,
    /// `never_utf`: `(*UTF)` is an error.
    NeverUtf,
    /// `no_auto_capture`: groups without a name capture nothing.
    NoAutoCapture,
    /// `no_auto_possess`: one optimisation less.
    NoAutoPossess,
    /// `no_dotstar_anchor`: one optimisation less.
    NoDotStarAnchor,
    /// `no_start_optimize`: one optimisation less.
    NoStartOptimize,
    /// `ucp`: `\d`, `\w` and their like follow Unicode.
    Ucp,
    /// `ungreedy`: quantifiers are lazy, and greedy with `?`.
    Ungreedy,
    /// `use_offset_limit`: without effect, as `regex_max_offset` needs no option.
    UseOffsetLimit,
    /// `utf`: pattern and page are UTF-8.
    Utf,
}

/// Options with their names.
pub(super) const OPTIONS: [(RegexOption, &str); 18] = [
    (RegexOption::AutoCallout, "auto_callout"),
    (RegexOption::Caseless, "caseless"),
    (RegexOption::DotAll, "dotall"),
    (RegexOption::DupNames, "dupnames"),
    (RegexOption::Extended, "extended"),
    (RegexOption::FirstLine, "firstline"),
    (RegexOption::Multiline, "multiline"),
    (RegexOption::NeverBackslashC, "never_backslash_c"),
    (RegexOption::NeverUcp, "never_ucp"),
    (RegexOption::NeverUtf, "never_utf"),
    (RegexOption::NoAutoCapture, "no_auto_capture"),
    (RegexOption::NoAutoPossess, "no_auto_possess"),
    (RegexOption::NoDotStarAnchor, "no_dotstar_anchor"),
    (RegexOption::NoStartOptimize, "no_start_optimize"),
    (RegexOption::Ucp, "ucp"),
    (RegexOption::Ungreedy, "ungreedy"),
    (RegexOption::UseOffsetLimit, "use_offset_limit"),
    (RegexOption::Utf, "utf"),
];

/// Options of keepalived that no pattern can set.
pub(super) const UNAVAILABLE: [&str; 6] = [
    "allow_empty_class",
    "alt_bsux",
    "alt_circumflex",
    "alt_verbnames",
    "dollar_endonly",
    "match_unset_backref",
];

impl RegexOption {
    /// Its name in a configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        let mut options = OPTIONS.iter();
        options
            .find(|(option, _)| *option == self)
            .map_or("", |(_, name)| name)
    }
}

impl fmt::Display for RegexOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for RegexOption {
    type Err = ParseRegexOptionError;

    /// Reads the name of an option.
    ///
    /// # Errors
    /// When there is no such option, or none that this crate can set.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((option, _)) = OPTIONS.iter().find(|(_, name)| *name == text) {
            return Ok(*option);
        }
        Err(if UNAVAILABLE.contains(&text) {
            ParseRegexOptionError::Unavailable
        } else {
            ParseRegexOptionError::Unknown
        })
    }
}

/// Why a word is no usable option of a regular expression.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseRegexOptionError {
    /// An option of keepalived that no pattern can set: it is refused, for the pattern would mean
    /// something else without it.
    #[error("an option that this version can set")]
    Unavailable,
    /// Not an option.
    #[error("an option of regular expressions")]
    Unknown,
}
