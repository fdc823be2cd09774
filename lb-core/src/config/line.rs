// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads the values of one line, and reports mistakes in them.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use lb_check::Registry;

use super::diagnostic::{Diagnostic, KeepalivedReport};
use super::findings::Findings;
use super::include::Includes;
use super::level::Level;
use super::lexer::Word;
use super::shared::{KnownScripts, SharedChecks};
use super::source::{Sources, Span};
use super::ssl::SslBlock;
use super::tree::{NodeId, Tree};
use super::value::{self, NumberError};
use super::vocabulary::{Vocabulary, nearest};

/// A value and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Span,
}

impl<T> At<T> {
    pub(super) const fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// What the readers of all blocks share.
pub(super) struct Context<'a> {
    pub(super) sources: &'a Sources,
    pub(super) tree: &'a Tree,
    pub(super) registry: &'a Registry,
    pub(super) vocabulary: &'a Vocabulary<'a>,
    pub(super) findings: Findings,
    pub(super) includes: &'a mut dyn Includes,
    pub(super) checks: SharedChecks,
    pub(super) scripts: KnownScripts,
    /// The block `SSL`.
    pub(super) ssl: SslBlock,
    /// Whether keywords that keepalived does not have are errors.
    pub(super) keepalived_only: bool,
}

impl<'a> Context<'a> {
    pub(super) fn error(&mut self, span: Span, message: impl Into<String>) {
        self.findings.push(Diagnostic::error(span, message));
    }

    pub(super) fn warning(&mut self, span: Span, message: impl Into<String>) {
        self.findings.push(Diagnostic::warning(span, message));
    }

    pub(super) fn keyword(&self, line: NodeId) -> (&'a str, Span) {
        self.tree.keyword(self.sources, line)
    }

    pub(super) fn text(&self, word: &Word) -> &'a str {
        // The tree and the sources outlive the context.
        let (tree, sources) = (self.tree, self.sources);
        tree.text(sources, word)
    }

    /// The words after the keyword.
    pub(super) fn arguments(&self, line: NodeId) -> &'a [Word] {
        self.tree.words(line).get(1..).unwrap_or_default()
    }

    /// The lines of a block. A block that ought to be one and is not has been reported.
    pub(super) fn lines(&self, block: NodeId) -> impl Iterator<Item = NodeId> + use<'a> {
        self.tree.children(block)
    }

    /// Warns of words after the first `taken`.
    pub(super) fn extra(&mut self, line: NodeId, taken: usize) {
        if let Some(finding) = self.extra_words(line, taken) {
            self.findings.push(finding.silent());
        }
    }

    fn extra_words(&self, line: NodeId, taken: usize) -> Option<Diagnostic> {
        let Some([first, rest @ ..]) = self.arguments(line).get(taken..) else {
            return None;
        };
        let span = rest
            .last()
            .map_or(first.span, |last| first.span.to(last.span));
        let (keyword, _) = self.keyword(line);
        let message = match taken {
            0 => format!("`{keyword}` takes no value"),
            1 => format!("`{keyword}` takes one value"),
            taken => format!("`{keyword}` takes {taken} values"),
        };
        Some(Diagnostic::warning(span, message).label("ignored"))
    }

    /// A line that takes this many values and no block.
    pub(super) fn only(&mut self, line: NodeId, taken: usize) {
        self.extra(line, taken);
        self.no_block(line);
    }

    /// A line that takes a block and no value.
    pub(super) fn only_block(&mut self, line: NodeId) {
        self.extra(line, 0);
    }

    /// Reports a block after a keyword that takes none.
    pub(super) fn no_block(&mut self, line: NodeId) {
        if self.tree.has_block(line) {
            let (keyword, span) = self.keyword(line);
            let message = format!("`{keyword}` takes no block");
            self.findings
                .push(Diagnostic::error(span, message).note("the block is skipped"));
        }
    }

    /// The first value, which has to be there; no further one may follow.
    pub(super) fn value(&mut self, line: NodeId, wants: &str) -> Option<At<&'a str>> {
        let value = self.argument(line, 0, wants);
        self.only(line, 1);
        value
    }

    /// The name after a keyword that takes a block.
    pub(super) fn name(&mut self, block: NodeId) -> Option<At<String>> {
        let name = self.argument(block, 0, "a name");
        self.extra(block, 1);
        name.map(|name| At::new(name.value.to_owned(), name.span))
    }

    /// The same for a block that keepalived leaves out if further words follow.
    pub(super) fn sole_name(&mut self, block: NodeId) -> Option<At<String>> {
        let name = self.argument(block, 0, "a name");
        if let Some(finding) = self.extra_words(block, 1) {
            self.findings.push(finding);
        }
        name.map(|name| At::new(name.value.to_owned(), name.span))
    }

    /// One value, which has to be there.
    pub(super) fn argument(
        &mut self,
        line: NodeId,
        index: usize,
        wants: &str,
    ) -> Option<At<&'a str>> {
        if let Some(word) = self.arguments(line).get(index) {
            return Some(At::new(self.text(word), word.span));
        }
        let (keyword, span) = self.keyword(line);
        let finding = Diagnostic::error(span, format!("`{keyword}` needs {wants}"));
        self.findings
            .push(finding.report(KeepalivedReport::Argument));
        None
    }

    /// A whole number within limits.
    pub(super) fn number(&mut self, line: NodeId, range: RangeInclusive<u32>) -> Option<At<u32>> {
        let text = self.value(line, "a number")?;
        self.number_in(line, text, range)
    }

    pub(super) fn number_in(
        &mut self,
        line: NodeId,
        text: At<&str>,
        range: RangeInclusive<u32>,
    ) -> Option<At<u32>> {
        let number = match value::whole(text.value) {
            Ok(number) => Some(number),
            Err(NumberError::Trailing { value, digits }) => {
                self.trailing(text, digits);
                Some(value)
            }
            Err(NumberError::TooLarge) => None,
            Err(_) => {
                self.findings.push(self.not_a(text, "a whole number", None));
                return None;
            }
        };
        match number
            .and_then(|n| u32::try_from(n).ok())
            .filter(|n| range.contains(n))
        {
            Some(number) => Some(At::new(number, text.span)),
            None => {
                let limits = match (*range.start(), *range.end()) {
                    (start, end) if end - start == 1 => format!("{start} or {end}"),
                    (start, u32::MAX) => format!("at least {start}"),
                    (start, end) => format!("{start} to {end}"),
                };
                self.out_of_range(line, text, &limits);
                None
            }
        }
    }

    /// A number and something behind it: keepalived takes the number.
    fn trailing(&mut self, text: At<&str>, digits: usize) {
        let number = text.value.get(..digits).unwrap_or_default();
        let mut finding = self.not_a(text, "a number", Some(number));
        finding.label = Some("something follows the number".to_owned());
        self.findings.push(finding);
    }

    fn out_of_range(&mut self, line: NodeId, text: At<&str>, limits: &str) {
        let (keyword, _) = self.keyword(line);
        let message = format!("`{keyword}` is out of range: {}", text.value);
        self.findings
            .push(Diagnostic::error(text.span, message).label(format!("must be {limits}")));
    }

    pub(super) fn not_a(&self, text: At<&str>, wants: &str, instead: Option<&str>) -> Diagnostic {
        Diagnostic::error(text.span, format!("`{}` is not {wants}", text.value)).suggest(instead)
    }

    /// Seconds, with decimals, within limits.
    pub(super) fn seconds(
        &mut self,
        line: NodeId,
        range: RangeInclusive<Duration>,
    ) -> Option<At<Duration>> {
        let text = self.value(line, "a number of seconds")?;
        self.seconds_in(line, text, range)
    }

    pub(super) fn seconds_in(
        &mut self,
        line: NodeId,
        text: At<&str>,
        range: RangeInclusive<Duration>,
    ) -> Option<At<Duration>> {
        let seconds = match value::seconds(text.value) {
            Ok(seconds) => Some(seconds),
            Err(NumberError::Trailing { value, digits }) => {
                self.trailing(text, digits);
                Some(value)
            }
            Err(NumberError::TooFine { value }) => {
                self.findings.push(
                    Diagnostic::error(text.span, "more than six decimals")
                        .label(format!("rounded to {}", value::in_seconds(value))),
                );
                Some(value)
            }
            Err(NumberError::TooLarge) => None,
            Err(NumberError::NotANumber) => {
                self.findings
                    .push(self.not_a(text, "a number of seconds", None));
                return None;
            }
        };
        match seconds.filter(|seconds| range.contains(seconds)) {
            Some(seconds) => Some(At::new(seconds, text.span)),
            None => {
                let (start, end) = (
                    value::in_seconds(*range.start()),
                    value::in_seconds(*range.end()),
                );
                self.out_of_range(line, text, &format!("{start} to {end} s"));
                None
            }
        }
    }

    /// Whole seconds within limits.
    pub(super) fn whole_seconds(
        &mut self,
        line: NodeId,
        range: RangeInclusive<u32>,
    ) -> Option<At<Duration>> {
        let number = self.number(line, range)?;
        Some(At::new(
            Duration::from_secs(u64::from(number.value)),
            number.span,
        ))
    }

    /// Yes or no; the bare keyword is yes.
    pub(super) fn boolean(&mut self, line: NodeId) -> Option<At<bool>> {
        let Some(word) = self.arguments(line).first() else {
            self.no_block(line);
            return Some(At::new(true, self.keyword(line).1));
        };
        self.only(line, 1);
        let text = At::new(self.text(word), word.span);
        match value::boolean(text.value) {
            Some(value) => Some(At::new(value, text.span)),
            None => {
                const WORDS: [&str; 6] = ["on", "off", "true", "false", "yes", "no"];
                let finding = self.not_a(text, "yes or no", nearest(text.value, WORDS));
                self.findings
                    .push(finding.note("one of on, off, true, false, yes, no"));
                None
            }
        }
    }

    /// Reads a keyword without arguments.
    pub(super) fn flag(&mut self, line: NodeId) -> At<bool> {
        self.only(line, 0);
        At::new(true, self.keyword(line).1)
    }

    pub(super) fn string(&mut self, line: NodeId, wants: &str) -> Option<At<String>> {
        self.value(line, wants)
            .map(|text| At::new(text.value.to_owned(), text.span))
    }

    /// The name of an interface.
    pub(super) fn interface(&mut self, text: At<&str>) -> Option<At<String>> {
        let legal = (1..16).contains(&text.value.len())
            && !text.value.contains(|c: char| c == '/' || c.is_whitespace());
        if !legal {
            let finding = self.not_a(text, "the name of an interface", None);
            self.findings.push(finding.note("a name has 1 to 15 bytes"));
        }
        legal.then(|| At::new(text.value.to_owned(), text.span))
    }

    pub(super) fn address(&mut self, text: At<&str>) -> Option<At<IpAddr>> {
        match text.value.parse() {
            Ok(address) => Some(At::new(address, text.span)),
            Err(_) => {
                let finding = self.not_a(text, "an IP address", None);
                self.findings.push(match address_hint(text.value) {
                    Some(hint) => finding.note(hint),
                    None => finding,
                });
                None
            }
        }
    }

    /// An IP address. A prefix length behind it is ignored with a warning, as keepalived ignores it.
    pub(super) fn address_without_prefix(&mut self, text: At<&str>) -> Option<At<IpAddr>> {
        let Some((ip, length)) = text.value.split_once('/') else {
            return self.address(text);
        };
        let is_length = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
        if !is_length || ip.parse::<IpAddr>().is_err() {
            return self.address(text);
        }
        let finding = Diagnostic::warning(text.span, "a prefix length has no meaning here");
        let finding = finding.label(format!("write {ip}")).silent();
        self.findings.push(finding);
        self.address(At::new(ip, text.span))
    }

    /// Yes or no; the bare keyword and any other word are yes, as keepalived has it.
    pub(super) fn switch(&mut self, line: NodeId) -> Option<At<bool>> {
        let text = match self.arguments(line).first() {
            Some(word) => At::new(self.text(word), word.span),
            None => return self.boolean(line),
        };
        if value::boolean(text.value).is_some() {
            return self.boolean(line);
        }
        self.only(line, 1);
        let message = format!("`{}` is not yes or no", text.value);
        let finding = Diagnostic::warning(text.span, message).label("taken as yes");
        self.findings.push(finding.silent());
        Some(At::new(true, text.span))
    }

    /// One of a few words.
    pub(super) fn one_of<T: Copy>(
        &mut self,
        text: At<&str>,
        wants: &str,
        choices: &[(&'static str, T)],
    ) -> Option<At<T>> {
        match choices.iter().find(|(name, _)| *name == text.value) {
            Some((_, choice)) => Some(At::new(*choice, text.span)),
            None => {
                let names = || choices.iter().map(|(name, _)| *name);
                let finding = self.not_a(text, wants, nearest(text.value, names()));
                let names: Vec<_> = names().collect();
                self.findings
                    .push(finding.note(format!("one of {}", names.join(", "))));
                None
            }
        }
    }

    /// A block of names, each on a line of its own or several on one.
    pub(super) fn names(&mut self, block: NodeId, into: &mut Vec<At<String>>) {
        self.only_block(block);
        for line in self.lines(block) {
            self.no_block(line);
            for word in self.tree.words(line) {
                let name = At::new(self.text(word).to_owned(), word.span);
                if into.iter().any(|known| known.value == name.value) {
                    self.warning(name.span, format!("`{}` is given twice", name.value));
                } else {
                    into.push(name);
                }
            }
        }
    }

    /// Fills a setting; the last one holds, and an earlier one is mentioned.
    pub(super) fn set<T>(&mut self, line: NodeId, slot: &mut Option<At<T>>, value: Option<At<T>>) {
        let Some(value) = value else { return };
        if let Some(first) = slot.replace(value) {
            let (keyword, span) = self.keyword(line);
            self.findings.push(
                Diagnostic::warning(span, format!("`{keyword}` is given again"))
                    .silent()
                    .note_at(first.span, "this earlier value is not used"),
            );
        }
    }

    /// Whether a keyword is refused in a block of the kind `level` because keepalived does not have it.
    pub(super) fn refuses_own(&self, level: Option<Level>, keyword: &str) -> bool {
        self.keepalived_only && level.is_some_and(|level| self.vocabulary.is_own(level, keyword))
    }

    /// A line whose keyword keepalived does not have.
    pub(super) fn refuse_own(&mut self, line: NodeId) {
        let (keyword, span) = self.keyword(line);
        let finding = Diagnostic::error(span, format!("keepalived has no keyword `{keyword}`"));
        let finding = if self.tree.has_block(line) {
            finding.note("the block is skipped")
        } else {
            finding
        };
        self.findings.push(finding.label("ignored"));
    }

    /// A line whose keyword is not understood here.
    pub(super) fn unknown(&mut self, level: Level, line: NodeId) {
        let (keyword, span) = self.keyword(line);
        if keyword.is_empty() && self.tree.words(line).is_empty() {
            return; // A block without a keyword has been reported.
        }
        let skipped = |finding: Diagnostic| {
            if self.tree.has_block(line) {
                finding.note("the block is skipped")
            } else {
                finding
            }
        };
        if self.vocabulary.knows(level, keyword) {
            let message =
                format!("`{keyword}` is a known keepalived keyword and is not supported yet");
            self.findings.push(skipped(
                Diagnostic::warning(span, message).label("ignored").silent(),
            ));
            return;
        }
        if self.findings.is_full() {
            self.error(span, "unknown keyword");
            return;
        }
        let suggestion = match (level, keyword) {
            // Every other level has a name for it.
            (Level::RealServer, "lb_kind") => Some("lvs_method"),
            _ => {
                let words = self.vocabulary;
                let counterpart = words.counterpart(level, keyword);
                counterpart.or_else(|| words.nearest(level, keyword))
            }
        };
        let mut finding = Diagnostic::error(span, format!("unknown keyword `{keyword}`"));
        if suggestion.is_none()
            && let Some(home) = self.vocabulary.home(keyword)
        {
            finding = finding.note(home);
        }
        self.findings.push(skipped(finding.suggest(suggestion)));
    }
}

/// What is wrong with something that looks like an IPv4 address.
fn address_hint(text: &str) -> Option<String> {
    if let Ok(socket) = text.parse::<std::net::SocketAddr>() {
        let (ip, port) = (socket.ip(), socket.port());
        return Some(format!("the port is a word of its own: `{ip} {port}`"));
    }
    if text.contains('/') {
        return Some("a prefix length is not allowed here".to_owned());
    }
    let parts: Vec<&str> = text.split('.').collect();
    if parts.len() < 3
        || !parts
            .iter()
            .all(|part| part.bytes().all(|b| b.is_ascii_digit()))
    {
        return None;
    }
    if parts.len() != 4 {
        return Some(format!(
            "{} parts where an IPv4 address has four",
            parts.len()
        ));
    }
    parts.iter().find_map(|part| match part.parse::<u32>() {
        Err(_) => Some("a part between the dots is empty or too large".to_owned()),
        Ok(256..) => Some(format!("{part} is above 255")),
        Ok(_) if part.len() > 1 && part.starts_with('0') => Some(format!(
            "{part} begins with a zero, which could mean an octal number"
        )),
        Ok(_) => None,
    })
}
