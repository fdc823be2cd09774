// SPDX-License-Identifier: MIT OR Apache-2.0
//! Definitions, `$NAME=VALUE`, and the references to them, `$NAME` and `${NAME}`.
//!
//! A value is put in as it was written; references in it are resolved by the next pass over the line, so
//! that a later definition of an inner name holds.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::diagnostic::Diagnostic;
use super::expanded::Composer;
use super::lexer::name_len;
use super::source::{Sources, Span};
use super::span::offset;
use super::vocabulary::nearest;

/// What a name stands for.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// The lines of a definition, each without its blanks; nearly always one.
    Lines(Rc<[Span]>),
    /// The text of a variable, and the place that sets it.
    Text(String, Span),
    /// Nothing: the definition refers to itself, which has been reported.
    Circular,
}

/// The names that are always defined.
#[derive(Clone, Debug, Default)]
pub(super) struct Predefined {
    /// `${_PWD}`: directory of the file that is read.
    pub(super) directory: String,
    /// `${_INSTANCE}`: the configuration's id.
    pub(super) instance: String,
    /// `${_RANDOM}`.
    pub(super) random: Random,
}

/// Numbers for `${_RANDOM}`: the same at each reading once there is a seed.
#[derive(Clone, Debug, Default)]
pub(super) struct Random {
    /// The state of the generator; none without a seed.
    state: Cell<Option<u64>>,
}

/// The names that are defined so far.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    values: HashMap<String, Value>,
}

/// One pass over a line.
pub(super) enum Substitution {
    /// There is nothing to put in. The remarks are about references without a definition.
    Complete(Vec<Diagnostic>),
    /// Another line, the further lines that follow it, and remarks about what was put in.
    Replaced(Composer, Option<Further>, Vec<Diagnostic>),
    /// The line grows without end.
    TooLong,
}

/// The lines of a definition after its first one.
#[derive(Debug)]
pub(super) struct Further {
    pub(super) name: String,
    pub(super) lines: Rc<[Span]>,
    /// The place that refers to the definition.
    pub(super) reference: Span,
}

/// A `$NAME`, `${NAME}` or `${NAME ARGUMENTS}` in a text.
struct Reference<'a> {
    length: usize,
    name: &'a str,
    arguments: &'a str,
    braces: bool,
}

impl<'a> Reference<'a> {
    /// Reads the reference at the beginning of a text.
    fn read(text: &'a str) -> Option<Self> {
        let inner = text.strip_prefix('$')?;
        if let Some(inner) = inner.strip_prefix('{') {
            let length = name_len(inner);
            let (name, rest) = inner.split_at_checked(length)?;
            let end = match rest.as_bytes().first() {
                Some(b'}') => 0,
                Some(b' ') if name.starts_with('_') => rest.find(['}', '"', '{', '$'])?,
                _ => return None,
            };
            let (arguments, rest) = rest.split_at_checked(end)?;
            (length > 0 && rest.starts_with('}')).then(|| Self {
                length: 2 + length + end + 1,
                name,
                arguments: arguments.trim(),
                braces: true,
            })
        } else {
            let length = name_len(inner);
            let (name, rest) = inner.split_at_checked(length)?;
            let ends = rest.is_empty() || rest.starts_with([' ', '\t', ',', ')', '\r']);
            (length > 0 && ends).then_some(Self {
                length: 1 + length,
                name,
                arguments: "",
                braces: false,
            })
        }
    }
}

impl Definitions {
    /// The most names.
    const MOST: usize = 1 << 16;
    /// How much longer than twice its own length a line may become.
    const MOST_GROWTH: usize = 1 << 20;
    /// The most remarks about one line.
    const MOST_REMARKS: usize = 100;

    /// Sets a name; false if there are too many.
    pub(super) fn set(&mut self, name: &str, value: Value) -> bool {
        if let Some(known) = self.values.get_mut(name) {
            *known = value;
            return true;
        }
        let fits = self.values.len() < Self::MOST;
        if fits {
            self.values.insert(name.to_owned(), value);
        }
        fits
    }

    /// Puts the values of all references into a line, without the references in the values themselves.
    pub(super) fn substitute(
        &self,
        sources: &Sources,
        line: Span,
        text: &str,
        predefined: &Predefined,
    ) -> Substitution {
        let limit = 2 * text.len() + Self::MOST_GROWTH;
        let mut composer = Composer::default();
        let (mut copied, mut from, mut quoted) = (0, 0, false);
        let mut replaced = false;
        let mut further = None;
        let (mut remarks, mut warnings) = (Vec::new(), Vec::new());
        while let Some(at) = text.get(from..).and_then(|rest| rest.find('$')) {
            let before = text.get(from..from + at).unwrap_or_default();
            quoted ^= before.bytes().filter(|byte| *byte == b'"').count() % 2 == 1;
            let start = from + at;
            from = start + 1;
            let Some(reference) = text.get(start..).and_then(Reference::read) else {
                let rest = text.get(from..).unwrap_or_default();
                if remarks.len() < Self::MOST_REMARKS {
                    remarks.extend(self.unfinished(rest, line.part(start..start + 1)));
                }
                continue;
            };
            let end = start + reference.length;
            let place = line.part(start..end);
            let value = match self.values.get(reference.name) {
                Some(Value::Text(text, setting)) => (text.as_str().into(), Some(*setting)),
                Some(Value::Lines(lines)) => {
                    if lines.len() > 1
                        && text.get(end..).is_some_and(|rest| !rest.trim().is_empty())
                    {
                        let message = format!(
                            "`{}` has several lines and is not the end of this line",
                            reference.name
                        );
                        if remarks.len() < Self::MOST_REMARKS {
                            let finding = Diagnostic::warning(place, message);
                            remarks.push(finding.label("used as it stands").silent());
                        }
                        from = end;
                        continue;
                    }
                    if lines.len() > 1 {
                        further = Some(Further {
                            name: reference.name.to_owned(),
                            lines: Rc::clone(lines),
                            reference: sources.origin(place),
                        });
                    }
                    let first = lines.first().copied().unwrap_or(Span::START);
                    (sources.text(first).into(), Some(sources.origin(first)))
                }
                Some(Value::Circular) => {
                    from = end;
                    continue;
                }
                None => match predefined.value(&reference, place, &mut warnings) {
                    Some(value) => (std::borrow::Cow::Owned(value), None),
                    None => {
                        if !quoted && remarks.len() < Self::MOST_REMARKS {
                            remarks.extend(self.undefined(&reference, place));
                        }
                        if reference.braces {
                            from = end;
                        }
                        continue;
                    }
                },
            };
            sources.copy(line.part(copied..start), &mut composer);
            composer.replace(sources.origin(place), &value.0, value.1);
            if composer.len() > limit {
                return Substitution::TooLong;
            }
            replaced = true;
            (copied, from) = (end, end);
        }
        if !replaced {
            return Substitution::Complete(remarks);
        }
        sources.copy(line.part(copied..text.len()), &mut composer);
        Substitution::Replaced(composer, further, warnings)
    }

    /// A short text with the values of all references, for the parameters of a sequence.
    pub(super) fn plain(&self, sources: &Sources, text: &str, predefined: &Predefined) -> String {
        const PASSES: usize = 8;
        const LONGEST: usize = 1 << 16;
        let mut text = text.to_owned();
        for _ in 0..PASSES {
            let Some(next) = self.plain_pass(sources, &text, predefined) else {
                break;
            };
            if next.len() > LONGEST {
                break;
            }
            text = next;
        }
        text
    }

    fn plain_pass(&self, sources: &Sources, text: &str, predefined: &Predefined) -> Option<String> {
        let (mut out, mut copied) = (String::new(), 0);
        for (at, _) in text.match_indices('$') {
            let Some(reference) = text.get(at..).and_then(Reference::read) else {
                continue;
            };
            let value = match self.values.get(reference.name) {
                Some(Value::Text(text, _)) => text.clone(),
                Some(Value::Lines(lines)) => sources.text(*lines.first()?).to_owned(),
                Some(Value::Circular) => continue,
                None => match predefined.value(&reference, Span::START, &mut Vec::new()) {
                    Some(value) => value,
                    None => continue,
                },
            };
            out.push_str(text.get(copied..at)?);
            out.push_str(&value);
            copied = at + reference.length;
        }
        out.push_str(text.get(copied..)?);
        (copied > 0).then_some(out)
    }

    /// Reports a name that is defined and followed by something that makes it no reference.
    fn unfinished(&self, after: &str, dollar: Span) -> Option<Diagnostic> {
        let (name, _) = after.split_at_checked(name_len(after))?;
        self.values.get(name)?;
        let place = Span::new(dollar.start, dollar.end + offset(name.len()));
        let finding = Diagnostic::warning(place, format!("`${name}` is not replaced here"));
        Some(finding.silent().suggest(Some(format!("${{{name}}}"))))
    }

    /// Reports a reference without a definition. Inside quotes it is the affair of a script.
    fn undefined(&self, reference: &Reference<'_>, place: Span) -> Option<Diagnostic> {
        let name = reference.name;
        // Not every pair of a few names and many is compared.
        let few = self.values.keys().take(256);
        if reference.braces {
            let known = few.map(String::as_str).chain(PREDEFINED);
            let suggestion = nearest(name, known).map(|name| format!("${{{name}}}"));
            let finding = Diagnostic::error(place, format!("`{name}` is not defined"));
            return Some(finding.label("used as it stands").suggest(suggestion));
        }
        let known = few.map(String::as_str);
        let suggestion = nearest(name, known).map(|name| format!("${name}"))?;
        let finding = Diagnostic::warning(place, format!("`{name}` is not defined"));
        Some(
            finding
                .silent()
                .label("used as it stands")
                .suggest(Some(suggestion)),
        )
    }

    /// Finds a circle of definitions that begins in this text, and removes their values. Returns their
    /// names.
    pub(super) fn remove_circle(&mut self, sources: &Sources, text: &str) -> Option<String> {
        let mut visited = HashSet::new();
        let mut chain = Vec::new();
        let names = self.walk(sources, text, &mut chain, &mut visited)?;
        for name in &names {
            self.values.insert(name.clone(), Value::Circular);
        }
        let names: Vec<String> = names.iter().map(|name| format!("${name}")).collect();
        Some(names.join(" → "))
    }

    fn walk<'a>(
        &'a self,
        sources: &'a Sources,
        text: &'a str,
        chain: &mut Vec<&'a str>,
        visited: &mut HashSet<&'a str>,
    ) -> Option<Vec<String>> {
        const DEEPEST: usize = 64;
        for (at, _) in text.match_indices('$') {
            let Some(reference) = text.get(at..).and_then(Reference::read) else {
                continue;
            };
            let name = reference.name;
            if let Some(first) = chain.iter().position(|known| *known == name) {
                let names = chain.iter().skip(first).chain([&name]);
                return Some(names.map(|name| (*name).to_owned()).collect());
            }
            if chain.len() >= DEEPEST || !visited.insert(name) {
                continue;
            }
            chain.push(name);
            let circle = match self.values.get(name) {
                Some(Value::Lines(lines)) => lines
                    .iter()
                    .find_map(|line| self.walk(sources, sources.text(*line), chain, visited)),
                Some(Value::Text(text, _)) => self.walk(sources, text, chain, visited),
                Some(Value::Circular) | None => None,
            };
            if circle.is_some() {
                return circle;
            }
            chain.pop();
        }
        None
    }
}

const PREDEFINED: [&str; 6] = ["_PWD", "_INSTANCE", "_RANDOM", "_ENV", "_HASH", "_BANG"];

impl Predefined {
    fn value(
        &self,
        reference: &Reference<'_>,
        place: Span,
        warnings: &mut Vec<Diagnostic>,
    ) -> Option<String> {
        let mut arguments = reference.arguments.split_ascii_whitespace();
        let value = match (reference.name, arguments.clone().count()) {
            ("_PWD", 0) => self.directory.clone(),
            ("_INSTANCE", 0) => self.instance.clone(),
            ("_HASH", 0) => "#".to_owned(),
            ("_BANG", 0) => "!".to_owned(),
            ("_RANDOM", 0..=2) => {
                let mut number = |default: u32| match arguments.next() {
                    Some(word) => word.parse().ok(),
                    None => Some(default),
                };
                let (least, most) = (number(0)?, number(32767)?);
                if least > most {
                    let message = format!("{least} is above {most}");
                    let finding = Diagnostic::warning(place, message);
                    warnings.push(finding.label(format!("taken as {least}")));
                }
                self.random.number(least, most).to_string()
            }
            ("_ENV", 1) => {
                let name = arguments.next()?;
                std::env::var(name).unwrap_or_else(|_| {
                    let message = format!("the environment has no `{name}`");
                    let finding = Diagnostic::warning(place, message);
                    warnings.push(finding.label("taken as empty").silent());
                    String::new()
                })
            }
            _ => return None,
        };
        Some(value)
    }
}

impl Random {
    /// Begins the sequence of a seed.
    pub(super) fn set_seed(&self, seed: u32) {
        self.state.set(Some(u64::from(seed)));
    }

    /// A number from `least` to `most`; `least` where `most` is smaller.
    fn number(&self, least: u32, most: u32) -> u64 {
        let span = u64::from(most.saturating_sub(least)) + 1;
        u64::from(least) + self.next() % span
    }

    /// The next number of the sequence, by SplitMix64 (Steele, Lea, Flood 2014): the std hasher may change
    /// with a version of Rust, and values of a configuration must not.
    fn next(&self) -> u64 {
        use std::hash::{BuildHasher as _, RandomState};
        let Some(state) = self.state.get() else {
            return RandomState::new().hash_one(());
        };
        let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.state.set(Some(state));
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_published_numbers_of_the_generator() {
        let random = Random::default();
        random.set_seed(1_234_567);
        let numbers = [random.next(), random.next(), random.next()];
        let published = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        assert_eq!(numbers, published);
        random.set_seed(0);
        assert!((1..=100).all(|_| (5..=9).contains(&random.number(5, 9))));
        assert_eq!(random.number(7, 3), 7);
        assert_eq!(random.number(0, u32::MAX) >> 32, 0);
    }
}
