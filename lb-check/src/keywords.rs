// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads the lines of a block and collects findings, for the built-in factories.

use crate::{ArgumentError, Arguments, Problem, SCHEDULE_KEYWORDS, SOCKET_KEYWORDS};

/// Findings of one block.
#[derive(Debug, Default)]
pub(crate) struct Findings(pub(crate) Vec<ArgumentError>);

impl Findings {
    pub(crate) fn error(&mut self, line: &Arguments, problem: Problem) {
        self.0.push(ArgumentError::error(line, problem));
    }

    /// Notes `line` as unknown in `block`, unless it is one of the keywords that the
    /// configuration reads itself.
    pub(crate) fn unknown(
        &mut self,
        line: &Arguments,
        block: &Arguments,
        own: &[&'static str],
        socket: bool,
    ) {
        let mut expected = own.to_vec();
        expected.extend(SCHEDULE_KEYWORDS);
        if socket {
            expected.extend(SOCKET_KEYWORDS);
        }
        if !expected.contains(&line.name.as_str()) {
            self.unknown_among(line, block, expected);
        }
    }

    pub(crate) fn unknown_among(
        &mut self,
        line: &Arguments,
        block: &Arguments,
        expected: Vec<&'static str>,
    ) {
        let (keyword, block) = (line.name.clone(), block.name.clone());
        self.error(
            line,
            Problem::UnknownKeyword {
                keyword,
                block,
                expected,
            },
        );
    }
}

impl Findings {
    pub(crate) fn warning(&mut self, line: &Arguments, problem: Problem) {
        self.0.push(ArgumentError::warning(line, problem));
    }

    /// The one value of a line.
    pub(crate) fn single<'a>(
        &mut self,
        line: &'a Arguments,
        wants: &'static str,
    ) -> Option<&'a str> {
        let mut values = line.values.iter();
        let Some(value) = values.next() else {
            self.error(
                line,
                Problem::MissingValue {
                    keyword: line.name.clone(),
                    wants,
                },
            );
            return None;
        };
        self.extra(line, 1);
        Some(value)
    }

    /// Warns of words after the first `taken`.
    pub(crate) fn extra(&mut self, line: &Arguments, taken: usize) {
        let words = line
            .values
            .iter()
            .skip(taken)
            .map(String::as_str)
            .collect::<Vec<_>>();
        if !words.is_empty() {
            let (keyword, words) = (line.name.clone(), words.join(" "));
            self.warning(line, Problem::ExtraWords { keyword, words });
        }
    }

    pub(crate) fn invalid(&mut self, line: &Arguments, value: &str, wants: impl Into<String>) {
        let (value, wants) = (value.to_owned(), wants.into());
        self.error(line, Problem::InvalidValue { value, wants });
    }

    /// Sets a value; warns when it is set already.
    pub(crate) fn replace<T>(&mut self, line: &Arguments, slot: &mut Option<T>, value: T) {
        if slot.replace(value).is_some() {
            let keyword = line.name.clone();
            self.warning(
                line,
                Problem::Repeated {
                    keyword,
                    counts: "last",
                },
            );
        }
    }
}

#[cfg(any(feature = "http", feature = "text"))]
impl Findings {
    /// `on`, `true`, `yes` or no word; or their opposites.
    pub(crate) fn boolean(&mut self, line: &Arguments) -> Option<bool> {
        if line.values.is_empty() {
            return Some(true);
        }
        let word = self.single(line, "on or off")?;
        match word.to_ascii_lowercase().as_str() {
            "on" | "true" | "yes" => Some(true),
            "off" | "false" | "no" => Some(false),
            _ => {
                self.invalid(line, word, "on or off");
                None
            }
        }
    }
}

#[cfg(feature = "text")]
impl Findings {
    /// Sets the one word of a line.
    pub(crate) fn set_word(
        &mut self,
        line: &Arguments,
        wants: &'static str,
        slot: &mut Option<String>,
    ) {
        if let Some(word) = self.single(line, wants) {
            self.replace(line, slot, word.to_owned());
        }
    }

    /// Reports a line without a word; none then.
    pub(crate) fn require_words(&mut self, line: &Arguments, wants: &'static str) -> Option<()> {
        if line.values.is_empty() {
            self.single(line, wants)?;
        }
        Some(())
    }

    /// Warns that a line has no effect in its block.
    pub(crate) fn warn_no_effect(&mut self, line: &Arguments, block: &Arguments) {
        let (keyword, block) = (line.name.clone(), block.name.clone());
        self.warning(line, Problem::NoEffect { keyword, block });
    }
}
