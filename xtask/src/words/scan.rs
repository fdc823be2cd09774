// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds the words of a list in a text, and `of` as an identifier in Rust code.

use std::ops::Range;

use proc_macro2::{LexError, TokenStream, TokenTree};

/// How findings name the identifier `of`.
pub(super) const OF: &str = "`of`";

/// A word, or several in a row, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Phrase {
    pub(super) text: String,
    words: Vec<String>,
}

/// An occurrence of a listed word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// From 1.
    pub(super) line: usize,
    pub(super) word: String,
}

/// A run of letters, or the part of an identifier that is one word.
#[derive(Debug)]
struct Word<'a> {
    text: &'a str,
    start: usize,
}

impl Word<'_> {
    const fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

impl Phrase {
    pub(super) fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            words: words(text)
                .iter()
                .map(|word| word.text.to_ascii_lowercase())
                .collect(),
        }
    }

    /// Matches the first of `found`, with only space and comment markers between the words.
    fn matches(&self, text: &str, found: &[Word<'_>]) -> bool {
        let Some(found) = found.get(..self.words.len()) else {
            return false;
        };
        let same = found
            .iter()
            .zip(&self.words)
            .all(|(found, word)| found.text.eq_ignore_ascii_case(word));
        same && found.windows(2).all(|pair| {
            let [left, right] = pair else { return true };
            text.get(left.end()..right.start).is_some_and(is_gap)
        })
    }
}

/// Whether text between two words keeps them in one phrase: space, a line break of a comment, or
/// the underscore of an identifier.
fn is_gap(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_whitespace() || matches!(c, '/' | '!' | '*' | '_'))
}

/// Splits text into words; identifiers are split at underscores and before capitals.
fn words(text: &str) -> Vec<Word<'_>> {
    let mut words: Vec<Word<'_>> = Vec::new();
    let mut start = None;
    let mut after_lower = false;
    for (at, c) in text.char_indices() {
        let begins = !c.is_alphabetic() || (c.is_uppercase() && after_lower);
        if let Some(from) = start
            && begins
        {
            words.extend(text.get(from..at).map(|text| Word { text, start: from }));
            start = None;
        }
        if c.is_alphabetic() && start.is_none() {
            start = Some(at);
        }
        after_lower = c.is_lowercase();
    }
    if let Some(from) = start {
        words.extend(text.get(from..).map(|text| Word { text, start: from }));
    }
    words
}

/// Finds the occurrences of exempt phrases. Counts in `used` how often each occurs.
pub(super) fn exempt_ranges(text: &str, exempt: &[&str], used: &mut [usize]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    for (phrase, used) in exempt.iter().zip(used) {
        for (start, _) in text.match_indices(phrase) {
            ranges.push(start..start + phrase.len());
            *used += 1;
        }
    }
    ranges
}

fn is_exempt(at: usize, exempt: &[Range<usize>]) -> bool {
    exempt.iter().any(|range| range.contains(&at))
}

/// Finds the phrases in a text, except in the exempt ranges.
pub(super) fn phrases(text: &str, phrases: &[Phrase], exempt: &[Range<usize>]) -> Vec<Finding> {
    let found = words(text);
    let mut findings = Vec::new();
    for (index, word) in found.iter().enumerate() {
        if is_exempt(word.start, exempt) {
            continue;
        }
        let rest = found.get(index..).unwrap_or_default();
        for phrase in phrases.iter().filter(|phrase| phrase.matches(text, rest)) {
            let before = text.get(..word.start).unwrap_or_default();
            findings.push(Finding {
                line: before.matches('\n').count() + 1,
                word: phrase.text.clone(),
            });
        }
    }
    findings
}

/// Finds `of` as an identifier, except in the exempt ranges: a variable, a parameter, a field or a
/// function.
///
/// # Errors
///
/// The text is not Rust.
pub(super) fn identifiers_of(
    text: &str,
    exempt: &[Range<usize>],
) -> Result<Vec<Finding>, LexError> {
    let mut findings = Vec::new();
    collect(text.parse()?, exempt, &mut findings);
    Ok(findings)
}

fn collect(tokens: TokenStream, exempt: &[Range<usize>], findings: &mut Vec<Finding>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => collect(group.stream(), exempt, findings),
            TokenTree::Ident(name) if name == "of" => {
                let span = name.span();
                if !is_exempt(span.byte_range().start, exempt) {
                    findings.push(Finding {
                        line: span.start().line,
                        word: OF.to_owned(),
                    });
                }
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn found(text: &str) -> Vec<(usize, String)> {
        found_except(text, &[])
    }

    fn found_except(text: &str, exempt: &[&str]) -> Vec<(usize, String)> {
        let list = [Phrase::new("gizmo"), Phrase::new("turns round")];
        let exempt = exempt_ranges(text, exempt, &mut vec![0; exempt.len()]);
        phrases(text, &list, &exempt)
            .into_iter()
            .map(|finding| (finding.line, finding.word))
            .collect()
    }

    #[test]
    fn word_in_comment_string_and_identifier_is_found() {
        let text = "// A gizmo.\nlet x = \"Gizmo's\";\nfn drop_gizmo() {}\nstruct MyGizmo;\nGIZMO";
        let lines: Vec<usize> = found(text).into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [1, 2, 3, 4, 5]);
    }

    #[test]
    fn part_of_a_word_is_not_found() {
        assert_eq!(found("gizmos megagizmo gizmotic"), []);
    }

    #[test]
    fn phrase_is_found_across_comment_lines_and_in_identifiers() {
        let phrase = "turns round".to_owned();
        assert_eq!(
            found("/// It turns\n    /// round.\nfn turns_round() {}\nstruct TurnsRound;"),
            [(1, phrase.clone()), (3, phrase.clone()), (4, phrase)]
        );
    }

    #[test]
    fn phrase_with_punctuation_between_is_not_found() {
        assert_eq!(found("turns; round, turns, round"), []);
    }

    #[test]
    fn exempt_phrase_is_not_found_and_counted_as_used() {
        let mut used = [0, 0];
        let list = [Phrase::new("gizmo")];
        let text = "user gizmo\ngroup gizmo\nuser gizmo";
        let exempt = exempt_ranges(text, &["user gizmo", "no such"], &mut used);
        let findings = phrases(text, &list, &exempt);
        let lines: Vec<usize> = findings.iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [2]);
        assert_eq!(used, [2, 0]);
    }

    #[test]
    fn exemption_is_case_sensitive() {
        assert_eq!(found_except("User gizmo", &["user gizmo"]).len(), 1);
    }

    #[test]
    fn identifier_of_is_found_in_code_only() {
        let text = concat!(
            "// of the comment\n",
            "/// of the doc\n",
            "fn of(of: u8) -> u8 {\n",
            "    let text = \"of\";\n",
            "    let raw = r#\"of\"#;\n",
            "    let life: &'static str = text;\n",
            "    Self::of(|of| of + 1)\n",
            "}\n",
            "/* of /* nested of */ of */\n",
            "macro_rules! m { ($of:ident) => {} }\n",
            "fn offer() { option::of(1) }\n",
            "// ü\n",
            "fn f(x: u8) { option::of(of) }\n",
        );
        let exempt = exempt_ranges(text, &["option::of("], &mut [0]);
        let lines: Vec<usize> = identifiers_of(text, &exempt)
            .unwrap()
            .iter()
            .map(|finding| finding.line)
            .collect();
        assert_eq!(lines, [3, 3, 7, 7, 7, 10, 13]);
    }

    #[test]
    fn text_that_is_not_rust_is_an_error() {
        assert!(identifiers_of("fn f( {", &[]).is_err());
    }
}
