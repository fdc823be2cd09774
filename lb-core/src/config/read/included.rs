// SPDX-License-Identifier: MIT OR Apache-2.0
//! `include` and its variants, and what they insist on.

use std::path::PathBuf;
use std::sync::Arc;

use super::Reader;
use crate::config::diagnostic::{Diagnostic, KeepalivedReport};
use crate::config::include::{Content, Found, Matches};
use crate::config::source::Span;

/// Files inside files, at most.
const DEEPEST_INCLUDE: usize = 16;
/// Files in all: a file may be included many times over.
const MOST_FILES: usize = 1 << 16;
/// Bytes of files that had been included before, at most, beside four times those of all others.
const MOST_REPEATED: usize = 1 << 20;

/// What an `include` insists on; the start fails without it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Checks {
    /// Every match can be read and is a configuration.
    read: bool,
    /// A name without a wildcard has a file.
    found: bool,
    /// A name with a wildcard has a file.
    wildcard: bool,
    /// Every alternative in braces has a file.
    braces: bool,
}

impl Checks {
    pub(super) const ALL: Self = Self {
        read: true,
        found: true,
        wildcard: true,
        braces: true,
    };

    /// What a spelling of `include` adds.
    fn with_keyword(self, keyword: &str) -> Self {
        let kind = keyword.strip_prefix("include");
        Self {
            read: self.read || kind != Some(""),
            found: self.found || matches!(kind, Some("m" | "w" | "a")),
            wildcard: self.wildcard || matches!(kind, Some("w" | "a")),
            braces: self.braces || matches!(kind, Some("b" | "a")),
        }
    }

    fn part(&mut self, word: &str) -> Option<&mut bool> {
        match word.trim_start_matches(['+', '-']) {
            "read" | "readable" => Some(&mut self.read),
            "match" => Some(&mut self.found),
            "wildcard_match" => Some(&mut self.wildcard),
            "brace_match" => Some(&mut self.braces),
            _ => None,
        }
    }

    pub(super) fn is_word(word: &str) -> bool {
        Self::default().part(word).is_some()
    }

    /// The checks after `include_check WORDS`: all without words; words with a sign change the present
    /// ones.
    pub(super) fn changed_by<'a>(self, words: impl Iterator<Item = &'a str>) -> Self {
        let mut words = words.peekable();
        let mut checks = match words.peek() {
            None => return Self::ALL,
            Some(first) if first.starts_with(['+', '-']) => self,
            Some(_) => Self::default(),
        };
        for word in words {
            if let Some(part) = checks.part(word) {
                *part = !word.starts_with('-');
            }
        }
        checks
    }
}

impl Reader<'_> {
    pub(super) fn include(&mut self, keyword: Span, pattern: Span) {
        let name = self.sources.text(pattern).to_owned();
        if name.is_empty() {
            self.findings
                .push(Diagnostic::error(keyword, "`include` needs a file name"));
            return;
        }
        let checks = self.checks.with_keyword(self.sources.text(keyword));
        let place = self.sources.origin(pattern);
        let including = self
            .sources
            .get(place)
            .map_or("", |file| file.name.as_str());
        let found = match self.includes.find(&name, including) {
            None => {
                self.findings.push(
                    Diagnostic::error(keyword, "`include` works in a file only")
                        .note("this configuration was given as a text"),
                );
                return;
            }
            Some(Err(error)) => {
                let message = "this pattern names no files".to_owned();
                self.findings
                    .push(Diagnostic::error(pattern, message).label(error.to_string()));
                return;
            }
            Some(Ok(found)) => found,
        };
        self.report_missing(pattern, &name, &found, checks);
        for path in found.files {
            self.included(pattern, path, checks);
        }
    }

    fn report_missing(&mut self, place: Span, name: &str, found: &Matches, checks: Checks) {
        let (message, insisted) = match &found.missing[..] {
            _ if found.files.is_empty() => {
                let insisted = if found.wildcard {
                    checks.wildcard
                } else {
                    checks.found || checks.braces && found.missing.len() > 1
                };
                (format!("no file matches `{name}`"), insisted)
            }
            [] => return,
            missing => {
                let missing: Vec<String> = missing.iter().map(|name| format!("`{name}`")).collect();
                (format!("no file {}", missing.join(", ")), checks.braces)
            }
        };
        let mut finding = refusal(place, message, insisted);
        if name.contains('"') {
            finding = finding.note("quotes are part of the name");
        }
        self.findings.push(finding);
    }

    fn included(&mut self, place: Span, path: PathBuf, checks: Checks) {
        let identity = path.canonicalize().unwrap_or_else(|_| path.clone());
        if let Some(first) = self.reading.iter().position(|known| *known == identity) {
            self.looped = true;
            let names = self.reading.iter().skip(first).chain([&identity]);
            let chain: Vec<String> = names.map(|path| path.display().to_string()).collect();
            let message = format!("`{}` includes itself", path.display());
            self.findings
                .push(Diagnostic::error(place, message).note(chain.join(" → ")));
            return;
        }
        if self.looped {
            return;
        }
        if self.reading.len() >= DEEPEST_INCLUDE || self.sources.len() >= MOST_FILES {
            let message = format!("`{}` is one file too many", path.display());
            self.findings
                .push(Diagnostic::error(place, message).note(format!(
                    "at most {DEEPEST_INCLUDE} files inside each other and {MOST_FILES} in all"
                )));
            self.looped = true;
            return;
        }
        let found = self.includes.read(&path);
        self.read_found(place, found, checks);
    }

    fn read_found(&mut self, place: Span, found: Found, checks: Checks) {
        let Found {
            name,
            identity,
            content,
        } = found;
        let (text, valid) = match content {
            Content::Text { text, valid } => (text, valid),
            Content::Skipped(why) => {
                let message = format!("`{name}` {why} and is skipped");
                self.findings.push(refusal(place, message, checks.read));
                return;
            }
            Content::Unreadable(error) => {
                let message = format!("cannot read `{name}`: {error}");
                self.findings.push(refusal(place, message, checks.read));
                return;
            }
            Content::NotRead => return,
        };
        let text = match self.known.get(&identity) {
            Some(known) if **known == text => {
                self.repeated += text.len();
                Arc::clone(known)
            }
            _ => {
                let text = Arc::new(text);
                self.known.insert(identity.clone(), Arc::clone(&text));
                text
            }
        };
        let read = self.sources.bytes();
        let fits = self.repeated <= MOST_REPEATED + read.saturating_sub(self.repeated) * 4;
        let shown = name.clone();
        let Some(file) = fits.then(|| self.sources.push(name, text)).flatten() else {
            let message = format!("`{shown}` is too much");
            self.findings.push(
                Diagnostic::error(place, message).note(
                    "all files together are too large, or the same ones are included too often",
                ),
            );
            self.looped = true;
            return;
        };
        let directory = self.includes.directory(&shown);
        let directory = std::mem::replace(&mut self.predefined.directory, directory);
        let checks = self.checks;
        self.reading.push(identity);
        self.text(file, valid);
        self.reading.pop();
        self.checks = checks;
        self.predefined.directory = directory;
    }
}

/// A finding about an `include` that the start may depend on.
fn refusal(place: Span, message: String, insisted: bool) -> Diagnostic {
    if insisted {
        Diagnostic::error(place, message)
            .report(KeepalivedReport::NoConfiguration)
            .fatal()
    } else {
        // keepalived reports the file, and its test succeeds.
        Diagnostic::warning(place, message).silent()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checks_are_those_of_the_words() {
        let checks = |words: &str| Checks::default().changed_by(words.split_whitespace());
        assert_eq!(checks(""), Checks::ALL);
        let found = Checks {
            found: true,
            ..Checks::default()
        };
        assert_eq!(checks("match"), found);
        assert_eq!(checks("+match -read"), found);
        assert_eq!(Checks::ALL.changed_by(["match"].into_iter()), found);
        let without = Checks::ALL.changed_by(["-wildcard_match"].into_iter());
        assert!(!without.wildcard && without.braces && without.found && without.read);
        assert!(Checks::is_word("+read") && !Checks::is_word("foo"));
        assert_eq!(Checks::default().with_keyword("include"), Checks::default());
        assert_eq!(Checks::default().with_keyword("includea"), Checks::ALL);
    }
}
