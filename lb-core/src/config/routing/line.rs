// SPDX-License-Identifier: MIT OR Apache-2.0
//! The words of one line, from the first to the last.

use std::net::IpAddr;

use lb_vrrp::{AddressFamily, Network};

use super::names::{self, Kind, Names};
use crate::config::Diagnostic;
use crate::config::lexer::Word;
use crate::config::line::{At, Context};
use crate::config::source::Span;
use crate::config::statics::{Groups, warn_of_both};
use crate::config::tree::NodeId;
use crate::config::vocabulary::nearest;

/// `RTPROT_KEEPALIVED`, the protocol of routes and rules that are tracked.
const KEEPALIVED: u8 = 18;

/// A line that is left out whole when something in it is wrong: half a route may lead astray.
pub(super) struct Line<'l, 'a> {
    pub(super) context: &'l mut Context<'a>,
    pub(super) names: &'l Names,
    words: &'a [Word],
    what: &'static str,
    /// The family, once a part of the line has shown it.
    pub(super) family: Option<At<AddressFamily>>,
    groups: Groups<'l>,
    group: Option<String>,
}

impl<'l, 'a> Line<'l, 'a> {
    /// The words of a line about `what`, a route or a rule.
    pub(super) fn new(
        context: &'l mut Context<'a>,
        names: &'l Names,
        line: NodeId,
        what: &'static str,
    ) -> Self {
        context.no_block(line);
        let words = context.tree.words(line);
        Self {
            context,
            names,
            words,
            what,
            family: None,
            groups: Groups::Virtual,
            group: None,
        }
    }

    /// Has it name one of these track groups.
    pub(super) fn with_groups(mut self, groups: Groups<'l>) -> Self {
        self.groups = groups;
        self
    }

    /// Reads the name of a track group; `what` is plural.
    pub(super) fn track_group(&mut self, option: At<&str>, what: &str) -> Option<()> {
        let name = self.value(option)?;
        self.group = self.groups.named(self.context, option.span, name, what);
        Some(())
    }

    /// The group that the line named, unless the line is not to be tracked.
    pub(super) fn group_unless(self, untracked: bool, begin: Span) -> Option<String> {
        if self.group.is_some() && untracked {
            warn_of_both(self.context, begin);
            return None;
        }
        self.group
    }

    pub(super) fn next(&mut self) -> Option<At<&'a str>> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(At::new(self.context.text(first), first.span))
    }

    pub(super) fn peek(&self) -> Option<&'a str> {
        self.words.first().map(|word| self.context.text(word))
    }

    /// Takes the next word if it is this one.
    pub(super) fn takes(&mut self, word: &str) -> bool {
        let there = self.peek() == Some(word);
        if there {
            self.next();
        }
        there
    }

    /// Reports what makes the line useless.
    pub(super) fn refuse(&mut self, finding: Diagnostic) {
        let note = format!("the {} is left out", self.what);
        self.context.findings.push(finding.note(note));
    }

    pub(super) fn fail<T>(&mut self, span: Span, message: impl Into<String>) -> Option<T> {
        self.refuse(Diagnostic::error(span, message));
        None
    }

    /// An option that would change what the line does, and that nothing here can do.
    pub(super) fn unsupported<T>(&mut self, option: At<&str>) -> Option<T> {
        let message = format!(
            "`{}` is a known keepalived option and is not supported yet",
            option.value
        );
        self.fail(option.span, message)
    }

    pub(super) fn unknown<'k, T>(
        &mut self,
        word: At<&str>,
        known: impl IntoIterator<Item = &'k str>,
    ) -> Option<T> {
        let message = format!("unknown option `{}`", word.value);
        let suggestion = nearest(word.value, known);
        self.refuse(Diagnostic::error(word.span, message).suggest(suggestion));
        None
    }

    /// The word after an option.
    pub(super) fn value(&mut self, option: At<&str>) -> Option<At<&'a str>> {
        match self.next() {
            Some(value) => Some(value),
            None => self.fail(option.span, format!("`{}` needs a value", option.value)),
        }
    }

    pub(super) fn not_a<T>(&mut self, text: At<&str>, wants: &str) -> Option<T> {
        let finding = self.context.not_a(text, wants, None);
        self.refuse(finding);
        None
    }

    /// A number from `least` on.
    pub(super) fn number(&mut self, option: At<&str>, least: u32) -> Option<u32> {
        let text = self.value(option)?;
        match names::number(text.value) {
            Some(number) if number >= least => Some(number),
            _ => self.not_a(text, &format!("a number of {least} to {}", u32::MAX)),
        }
    }

    /// 0 or 1.
    pub(super) fn bit(&mut self, option: At<&str>) -> Option<u32> {
        let text = self.value(option)?;
        match names::number(text.value) {
            Some(bit @ (0 | 1)) => Some(bit),
            _ => self.not_a(text, "0 or 1"),
        }
    }

    /// A number or a name for one.
    pub(super) fn named(&mut self, option: At<&str>, kind: Kind, wants: &str) -> Option<u32> {
        let text = self.value(option)?;
        match self.names.number(kind, text.value) {
            Some(number) => Some(number),
            None => self.not_a(text, wants),
        }
    }

    pub(super) fn table(&mut self, option: At<&str>) -> Option<u32> {
        let text = self.value(option)?;
        match self.names.number(Kind::Table, text.value) {
            Some(0) | None => self.not_a(text, "a routing table"),
            table => table,
        }
    }

    pub(super) fn tos(&mut self, option: At<&str>) -> Option<u8> {
        let text = self.value(option)?;
        let number = self.names.number(Kind::Tos, text.value);
        match number.and_then(|number| u8::try_from(number).ok()) {
            Some(tos) => Some(tos),
            None => self.not_a(text, "a type of service"),
        }
    }

    /// Reads a protocol of routes and rules, with the place of the option.
    pub(super) fn protocol(&mut self, option: At<&str>) -> Option<At<u8>> {
        let text = self.value(option)?;
        let number = self.names.number(Kind::Protocol, text.value);
        match number.and_then(|number| u8::try_from(number).ok()) {
            Some(protocol) => Some(At::new(protocol, option.span)),
            None => self.not_a(text, "a protocol of routes"),
        }
    }

    /// The protocol of a route or rule, instead of keepalived's: only those that are not tracked have
    /// another one, as in keepalived.
    pub(super) fn own_protocol(&mut self, given: Option<At<u8>>, tracked: bool) -> Option<u8> {
        let given = given.filter(|given| given.value != KEEPALIVED)?;
        if !tracked {
            return Some(given.value);
        }
        let message = format!(
            "a {} that is tracked has protocol {KEEPALIVED} (keepalived)",
            self.what
        );
        let finding =
            Diagnostic::warning(given.span, message).note("with `no_track` it has the given one");
        self.context.findings.push(finding.label("ignored"));
        None
    }

    pub(super) fn interface(&mut self, option: At<&str>) -> Option<String> {
        let text = self.value(option)?;
        match self.context.interface(text) {
            Some(name) => Some(name.value),
            None => self.fail(text.span, "no interface"),
        }
    }

    /// An address, which may be of any family.
    pub(super) fn address(&mut self, option: At<&str>) -> Option<At<IpAddr>> {
        let text = self.value(option)?;
        match text.value.parse() {
            Ok(address) => Some(At::new(address, text.span)),
            Err(_) => self.not_a(text, "an IP address"),
        }
    }

    /// An address of the line's family, which it sets if nothing has before.
    pub(super) fn own_address(&mut self, option: At<&str>) -> Option<IpAddr> {
        let address = self.address(option)?;
        self.check_family(At::new(
            AddressFamily::for_address(address.value),
            address.span,
        ))?;
        Some(address.value)
    }

    /// A network of the line's family; `default`, `all` and `any` are all addresses.
    pub(super) fn network(&mut self, text: At<&str>) -> Option<Option<Network>> {
        if matches!(text.value, "default" | "all" | "any") {
            return Some(None);
        }
        match text.value.parse::<Network>() {
            Ok(network) => {
                self.check_family(At::new(network.family(), text.span))?;
                // All addresses by number.
                Some((network.prefix_len() > 0).then_some(network))
            }
            Err(error) => self.fail(text.span, format!("`{}`: {error}", text.value)),
        }
    }

    /// Checks that this is of the line's family.
    pub(super) fn check_family(&mut self, family: At<AddressFamily>) -> Option<()> {
        match self.family {
            Some(first) if first.value != family.value => {
                let message = format!("{} and {} in one {}", first.value, family.value, self.what);
                let finding = Diagnostic::error(family.span, message);
                self.refuse(finding.note_at(first.span, "the family is set here"));
                None
            }
            Some(_) => Some(()),
            None => {
                self.family = Some(family);
                Some(())
            }
        }
    }

    /// The family of the line: IPv4 unless a part of the line has shown another one.
    pub(super) fn family_or_default(&self) -> AddressFamily {
        self.family.map_or(AddressFamily::Ipv4, |at| at.value)
    }
}
