// SPDX-License-Identifier: MIT OR Apache-2.0
//! A tokenizer with the habits of the popt library, which ipvsadm's users rely on.
//!
//! - short options bundle (`-Ln`), and the one that takes a value ends the bundle, its value being
//!   the rest of the word (`-w9`, `-w=9`) or the next word (`-At ADDR`);
//! - long options are never abbreviated; `--name=value` and `--name value` are the same;
//! - an optional value is the next word unless that begins with `-`;
//! - a required value is the next word whatever it looks like (`-w -1`);
//! - options and other words mix freely; `--` ends the options;
//! - a complaint shows the whole word last looked at, not the letter (`-AD`).

use std::fmt;

/// Whether an option takes a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Arity {
    /// `-n`
    None,
    /// `-t HOST`
    Required,
    /// `-p [SECONDS]`
    Optional,
}

/// One option a program knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Definition<T> {
    /// The letter behind a single dash.
    pub(crate) short: Option<char>,
    /// The word behind two dashes.
    pub(crate) long: &'static str,
    /// Whether a value follows.
    pub(crate) arity: Arity,
    /// What the program calls it.
    pub(crate) id: T,
}

/// One option as it was given.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Given<T> {
    /// Which option.
    pub(crate) id: T,
    /// Its value.
    pub(crate) value: Option<String>,
    /// The word last looked at, for complaints about this option.
    pub(crate) word: String,
}

/// Why the options could not be read to the end.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Broken {
    /// The word it happened at.
    pub word: String,
    /// What is wrong with it.
    pub kind: BrokenKind,
}

/// The kinds of [`Broken`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum BrokenKind {
    /// No such option.
    Unknown,
    /// The value is missing.
    MissingValue,
    /// A value was given to an option that takes none.
    UnwantedValue,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.kind {
            BrokenKind::Unknown => "unknown option",
            BrokenKind::MissingValue => "missing argument",
            BrokenKind::UnwantedValue => "option does not take an argument",
        };
        write!(f, "{}: {text}", self.word)
    }
}

/// A command line taken apart.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Tokens<T> {
    /// The options before the first that could not be read, in order.
    pub(crate) given: Vec<Given<T>>,
    /// The first that could not be read; reading stops there.
    pub(crate) broken: Option<Broken>,
    /// The words that are not options.
    pub(crate) words: Vec<String>,
}

/// Takes `arguments` (without the program's name) apart.
pub(crate) fn tokenize<T: Copy>(arguments: &[String], known: &[Definition<T>]) -> Tokens<T> {
    let mut tokens = Tokens {
        given: Vec::new(),
        broken: None,
        words: Vec::new(),
    };
    let mut rest = arguments.iter();
    while let Some(word) = rest.next() {
        if word == "--" {
            tokens.words.extend(rest.cloned());
            break;
        }
        let outcome = if let Some(long) = word.strip_prefix("--") {
            long_option(word, long, &mut rest, known, &mut tokens.given)
        } else if let Some(bundle) = word.strip_prefix('-').filter(|bundle| !bundle.is_empty()) {
            short_options(word, bundle, &mut rest, known, &mut tokens.given)
        } else {
            tokens.words.push(word.clone());
            Ok(())
        };
        if let Err(broken) = outcome {
            tokens.broken = Some(broken);
            break;
        }
    }
    tokens
}

fn long_option<T: Copy>(
    word: &str,
    long: &str,
    rest: &mut std::slice::Iter<'_, String>,
    known: &[Definition<T>],
    given: &mut Vec<Given<T>>,
) -> Result<(), Broken> {
    let (name, value) = match long.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (long, None),
    };
    let definition = known
        .iter()
        .find(|definition| definition.long == name)
        .ok_or_else(|| Broken {
            word: word.to_owned(),
            kind: BrokenKind::Unknown,
        })?;
    given.push(take(definition, word, value, rest)?);
    Ok(())
}

fn short_options<T: Copy>(
    word: &str,
    bundle: &str,
    rest: &mut std::slice::Iter<'_, String>,
    known: &[Definition<T>],
    given: &mut Vec<Given<T>>,
) -> Result<(), Broken> {
    let mut letters = bundle.chars();
    while let Some(letter) = letters.next() {
        let definition = known
            .iter()
            .find(|definition| definition.short == Some(letter))
            .ok_or_else(|| Broken {
                word: word.to_owned(),
                kind: BrokenKind::Unknown,
            })?;
        let tail = letters.as_str();
        if definition.arity == Arity::None && tail.starts_with('=') {
            return Err(Broken {
                word: word.to_owned(),
                kind: BrokenKind::UnwantedValue,
            });
        } else if definition.arity == Arity::None || tail.is_empty() {
            given.push(take(definition, word, None, rest)?);
        } else {
            let value = tail.strip_prefix('=').unwrap_or(tail);
            given.push(take(definition, word, Some(value), rest)?);
            break;
        }
    }
    Ok(())
}

fn take<T: Copy>(
    definition: &Definition<T>,
    word: &str,
    attached: Option<&str>,
    rest: &mut std::slice::Iter<'_, String>,
) -> Result<Given<T>, Broken> {
    let broken = |kind| Broken {
        word: word.to_owned(),
        kind,
    };
    let (value, last) = match (definition.arity, attached) {
        (Arity::None, None) => (None, word),
        (Arity::None, Some(_)) => return Err(broken(BrokenKind::UnwantedValue)),
        (_, Some(value)) => (Some(value.to_owned()), word),
        (Arity::Required, None) => {
            let next = rest
                .next()
                .ok_or_else(|| broken(BrokenKind::MissingValue))?;
            (Some(next.clone()), next.as_str())
        }
        (Arity::Optional, None) => {
            match rest
                .as_slice()
                .first()
                .filter(|next| !next.starts_with('-'))
            {
                Some(next) => {
                    rest.next();
                    (Some(next.clone()), next.as_str())
                }
                None => (None, word),
            }
        }
    };
    Ok(Given {
        id: definition.id,
        value,
        word: last.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Definition<char>] = &[
        Definition {
            short: Some('L'),
            long: "list",
            arity: Arity::None,
            id: 'L',
        },
        Definition {
            short: Some('n'),
            long: "numeric",
            arity: Arity::None,
            id: 'n',
        },
        Definition {
            short: Some('t'),
            long: "tcp-service",
            arity: Arity::Required,
            id: 't',
        },
        Definition {
            short: Some('p'),
            long: "persistent",
            arity: Arity::Optional,
            id: 'p',
        },
        Definition {
            short: None,
            long: "stats",
            arity: Arity::None,
            id: 's',
        },
    ];

    fn tokens(words: &[&str]) -> Tokens<char> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        tokenize(&words, KNOWN)
    }

    fn pairs(words: &[&str]) -> Vec<(char, Option<String>)> {
        tokens(words)
            .given
            .into_iter()
            .map(|given| (given.id, given.value))
            .collect()
    }

    fn value(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn letters_bundle_and_a_value_ends_the_bundle() {
        assert_eq!(pairs(&["-Ln"]), [('L', None), ('n', None)]);
        assert_eq!(
            pairs(&["-Lt", "a:80", "-n"]),
            [('L', None), ('t', value("a:80")), ('n', None)]
        );
        assert_eq!(pairs(&["-Ltn", "a:80"]), [('L', None), ('t', value("n"))]);
        assert_eq!(pairs(&["-t=x"]), [('t', value("x"))]);
    }

    #[test]
    fn long_options_take_their_value_either_way_and_are_not_abbreviated() {
        assert_eq!(
            pairs(&["--tcp-service=a", "--stats"]),
            [('t', value("a")), ('s', None)]
        );
        assert_eq!(pairs(&["--tcp-service", "-a"]), [('t', value("-a"))]);
        assert_eq!(
            tokens(&["--stat"]).broken,
            Some(Broken {
                word: "--stat".to_owned(),
                kind: BrokenKind::Unknown
            })
        );
    }

    #[test]
    fn an_optional_value_is_the_next_word_unless_it_begins_with_a_dash() {
        assert_eq!(pairs(&["-p"]), [('p', None)]);
        assert_eq!(pairs(&["-p", "5"]), [('p', value("5"))]);
        assert_eq!(pairs(&["-p5"]), [('p', value("5"))]);
        assert_eq!(pairs(&["--persistent=7"]), [('p', value("7"))]);
        assert_eq!(pairs(&["-p", "-n"]), [('p', None), ('n', None)]);
        assert_eq!(pairs(&["-pn"]), [('p', value("n"))]);
    }

    #[test]
    fn complaints_show_the_whole_word() {
        let shown = |words: &[&str]| tokens(words).broken.map(|broken| broken.to_string());
        assert_eq!(shown(&["-L", "-q"]), value("-q: unknown option"));
        assert_eq!(shown(&["-Lq"]), value("-Lq: unknown option"));
        assert_eq!(shown(&["-L", "-t"]), value("-t: missing argument"));
        assert_eq!(
            shown(&["-Ln=5"]),
            value("-Ln=5: option does not take an argument")
        );
        assert_eq!(
            shown(&["--stats=1"]),
            value("--stats=1: option does not take an argument")
        );
    }

    #[test]
    fn other_words_mix_freely_and_two_dashes_end_the_options() {
        let tokens = tokens(&["a", "-L", "b", "-", "--", "-n", "--"]);
        assert_eq!(tokens.given.len(), 1);
        assert_eq!(tokens.words, ["a", "b", "-", "-n", "--"]);
        assert_eq!(tokens.broken, None);
    }
}
