// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords as data: the definition of a keyword holds the form of its value, its meaning and the setting
//! that it fills. A table holds those of one kind of block.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::level::Level;
use crate::config::line::{At, Context};
use crate::config::tree::NodeId;
use crate::config::value::in_seconds;
use crate::config::vocabulary::Name;

/// Returns the setting of a block that a line fills.
type Slot<T, V> = fn(&mut T) -> &mut Option<At<V>>;

/// A keyword of a block that is read into a `T`.
pub(super) struct Keyword<T: 'static> {
    name: &'static str,
    /// How common the keyword is: 1 is in nearly every file, 4 is hardly known.
    tier: u8,
    /// The value without the keyword, for people; empty where there is none.
    default: &'static str,
    /// One line that begins with a verb, as in the documentation of a function.
    help: &'static str,
    value: Value<T>,
    /// The kind of block that the keyword opens.
    opens: Option<Level>,
    later: bool,
    own: bool,
}

/// What follows a keyword, and where it goes.
pub(super) enum Value<T: 'static> {
    /// Nothing.
    Flag(Slot<T, bool>),
    /// Yes or no; the keyword alone is yes.
    Boolean(Slot<T, bool>),
    /// Yes or no; the keyword alone is yes, and so is any other word.
    Switch(Slot<T, bool>),
    Number(RangeInclusive<u32>, Slot<T, u32>),
    /// Seconds with up to six decimals.
    Seconds(RangeInclusive<Duration>, Slot<T, Duration>),
    WholeSeconds(RangeInclusive<u32>, Slot<T, Duration>),
    /// One word of any form, and what it is.
    Text(&'static str, Slot<T, String>),
    Interface(&'static str, Slot<T, String>),
    Address(Slot<T, IpAddr>),
    /// Any words, which have no effect.
    Ignored(&'static str),
    /// Anything else: its form, and the function that reads it.
    Other(&'static str, fn(&mut T, &mut Context<'_>, NodeId)),
    /// A form that is read with all lines of its kind, beside the table.
    Elsewhere(&'static str),
}

impl<T> Keyword<T> {
    /// A keyword of tier 3 without a default.
    pub(super) const fn new(name: &'static str, help: &'static str, value: Value<T>) -> Self {
        Self {
            name,
            tier: 3,
            default: "",
            help,
            value,
            opens: None,
            later: false,
            own: false,
        }
    }

    /// Marks a keyword that opens a block.
    pub(super) const fn opens(mut self, level: Level) -> Self {
        self.opens = Some(level);
        self
    }

    /// Marks a keyword that is read, validated and kept, and has no effect in this version.
    pub(super) const fn later(mut self) -> Self {
        self.later = true;
        self
    }

    /// Marks a keyword that keepalived does not have.
    pub(super) const fn own(mut self) -> Self {
        self.own = true;
        self
    }

    pub(super) const fn tier(mut self, tier: u8) -> Self {
        self.tier = tier;
        self
    }

    pub(super) const fn default(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }

    /// The form of the value, for people: `NUMBER` and the range, with the unit.
    fn argument(&self) -> String {
        match &self.value {
            Value::Flag(_) => String::new(),
            Value::Boolean(_) | Value::Switch(_) => "[on|off]".to_owned(),
            Value::Number(range, _) if *range.end() == u32::MAX => {
                format!("NUMBER, at least {}", range.start())
            }
            Value::Number(range, _) => format!("NUMBER, {} to {}", range.start(), range.end()),
            Value::Seconds(range, _) => format!(
                "SECONDS, {} to {}",
                in_seconds(*range.start()),
                in_seconds(*range.end())
            ),
            Value::WholeSeconds(range, _) => {
                format!("SECONDS, whole, {} to {}", range.start(), range.end())
            }
            Value::Text(wants, _) => (*wants).to_owned(),
            Value::Interface(..) => "INTERFACE".to_owned(),
            Value::Address(_) => "ADDRESS".to_owned(),
            Value::Ignored(form) | Value::Other(form, _) | Value::Elsewhere(form) => {
                (*form).to_owned()
            }
        }
    }

    fn read(&self, target: &mut T, context: &mut Context<'_>, line: NodeId) {
        match &self.value {
            Value::Flag(slot) => {
                let value = context.flag(line);
                context.set(line, slot(target), Some(value));
            }
            Value::Boolean(slot) => {
                let value = context.boolean(line);
                context.set(line, slot(target), value);
            }
            Value::Switch(slot) => {
                let value = context.switch(line);
                context.set(line, slot(target), value);
            }
            Value::Number(range, slot) => {
                let value = context.number(line, range.clone());
                context.set(line, slot(target), value);
            }
            Value::Seconds(range, slot) => {
                let value = context.seconds(line, range.clone());
                context.set(line, slot(target), value);
            }
            Value::WholeSeconds(range, slot) => {
                let value = context.whole_seconds(line, range.clone());
                context.set(line, slot(target), value);
            }
            Value::Text(wants, slot) => {
                let value = context.string(line, wants);
                context.set(line, slot(target), value);
            }
            Value::Interface(wants, slot) => {
                let text = context.value(line, wants);
                let value = text.and_then(|text| context.interface(text));
                context.set(line, slot(target), value);
            }
            Value::Address(slot) => {
                let text = context.value(line, "an IP address");
                let value = text.and_then(|text| context.address_without_prefix(text));
                context.set(line, slot(target), value);
            }
            Value::Ignored(_) => context.no_block(line),
            Value::Other(_, read) => read(target, context, line),
            Value::Elsewhere(_) => {}
        }
    }
}

/// The keywords of a kind of block that is read into a `T`.
pub(super) struct Table<T: 'static> {
    levels: &'static [Level],
    heading: &'static str,
    /// The keywords, by topic.
    topics: &'static [&'static [Keyword<T>]],
}

impl<T> Table<T> {
    /// The keywords of one or more kinds of blocks; `heading` names these where the keywords are explained.
    pub(super) const fn new(
        levels: &'static [Level],
        heading: &'static str,
        topics: &'static [&'static [Keyword<T>]],
    ) -> Self {
        Self {
            levels,
            heading,
            topics,
        }
    }

    fn keywords(&self) -> impl Iterator<Item = &'static Keyword<T>> {
        self.topics.iter().flat_map(|topic| topic.iter())
    }

    /// Reads the lines of a block into `target`, and reports those whose keyword is not known.
    pub(super) fn read(&self, target: &mut T, context: &mut Context<'_>, block: NodeId) {
        for line in context.lines(block) {
            self.read_line(target, context, line);
        }
    }

    /// Reads one line into `target`; an unknown keyword is reported.
    pub(super) fn read_line(&self, target: &mut T, context: &mut Context<'_>, line: NodeId) {
        if !self.try_line(target, context, line)
            && let Some(level) = self.levels.first()
        {
            context.unknown(*level, line);
        }
    }

    /// Reads one line into `target`; false if no keyword of the table takes it.
    pub(super) fn try_line(&self, target: &mut T, context: &mut Context<'_>, line: NodeId) -> bool {
        let (name, _) = context.keyword(line);
        let mut known = self.keywords().filter(|keyword| keyword.is_read());
        let keyword = known.find(|keyword| keyword.name == name);
        if let Some(keyword) = keyword {
            if keyword.own && context.keepalived_only {
                context.refuse_own(line);
            } else {
                keyword.read(target, context, line);
            }
        }
        keyword.is_some()
    }
}

/// A table of any kind of block.
pub(super) trait Definitions: Sync {
    /// The names of its keywords.
    fn names(&self) -> Box<dyn Iterator<Item = Name> + '_>;

    /// What its keywords mean.
    fn help(&self) -> Box<dyn Iterator<Item = KeywordHelp> + '_>;
}

impl<T> Definitions for Table<T> {
    fn names(&self) -> Box<dyn Iterator<Item = Name> + '_> {
        Box::new(self.levels.iter().flat_map(|level| {
            self.keywords().map(|keyword| Name {
                level: *level,
                keyword: keyword.name,
                opens: keyword.opens,
                own: keyword.own,
            })
        }))
    }

    fn help(&self) -> Box<dyn Iterator<Item = KeywordHelp> + '_> {
        Box::new(self.keywords().map(|keyword| keyword.help(self.heading)))
    }
}

impl<T> Keyword<T> {
    const fn is_read(&self) -> bool {
        !matches!(self.value, Value::Elsewhere(_))
    }

    fn effect(&self) -> KeywordEffect {
        if self.later {
            KeywordEffect::Later
        } else if self.help.starts_with("Has no effect") {
            KeywordEffect::Never
        } else {
            KeywordEffect::Full
        }
    }

    /// The definition without the place where the value goes.
    fn help(&self, block: &'static str) -> KeywordHelp {
        KeywordHelp {
            name: self.name,
            block,
            argument: self.argument(),
            default: self.default,
            tier: self.tier,
            help: self.help,
            effect: self.effect(),
            own: self.own,
        }
    }
}

/// What a keyword means; see [`keywords`](fn@crate::config::keywords).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeywordHelp {
    /// The keyword.
    pub name: &'static str,
    /// The block that it stands in; empty at the top of a file.
    pub block: &'static str,
    /// Form and range of the value; empty where the keyword stands alone.
    pub argument: String,
    /// The value without the keyword; empty where there is none.
    pub default: &'static str,
    /// How common the keyword is: 1 is in nearly every file, 4 is hardly known.
    pub tier: u8,
    /// One line of explanation.
    pub help: &'static str,
    /// Whether it has an effect.
    pub effect: KeywordEffect,
    /// Whether keepalived does not have it.
    pub own: bool,
}

/// Whether a keyword has an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum KeywordEffect {
    /// The one of its help.
    Full,
    /// None, for the reason in its help.
    Never,
    /// None in this version: its value is read, validated and kept.
    Later,
}
