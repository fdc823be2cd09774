// SPDX-License-Identifier: MIT OR Apache-2.0
//! Blocks that are read, validated and kept, and have no effect in this version: checks other than those
//! of the registry and `bfd_instance`.

use std::ops::RangeInclusive;

use crate::model::{CheckSetting, PendingCheck};

use super::Diagnostic;
use super::line::{At, Context};
use super::schedule::{COUNT, JITTER};
use super::tree::NodeId;
use super::vocabulary::nearest;

/// What follows a keyword.
enum Form {
    Flag,
    Boolean,
    /// One word.
    Text(&'static str),
    Number(RangeInclusive<u32>),
    /// Seconds; with decimals.
    Seconds,
    /// Milliseconds with decimals, within limits.
    Milliseconds(RangeInclusive<u32>),
    Address,
    Interface,
    /// Hexadecimal digits, with `X` for any digit if so.
    Digits {
        wildcards: bool,
        optional: bool,
    },
    /// One of these words, in any case.
    Choice(&'static str, &'static [&'static str]),
}

struct Word(&'static str, Form);

const PORT: RangeInclusive<u32> = 1..=65535;
const ANY: RangeInclusive<u32> = 0..=u32::MAX;
const LENGTH: RangeInclusive<u32> = 0..=65535;

/// The words of every check that connects.
const COMMON: &[Word] = &[
    Word("connect_ip", Form::Address),
    Word("connect_port", Form::Number(PORT)),
    Word("bindto", Form::Address),
    Word("bind_port", Form::Number(PORT)),
    Word("bind_if", Form::Interface),
    Word("fwmark", Form::Number(ANY)),
    Word("connect_timeout", Form::Seconds),
    Word("retry", Form::Number(ANY)),
    Word("delay_before_retry", Form::Seconds),
    Word("delay_loop", Form::Seconds),
    Word("warmup", Form::Seconds),
    Word("rise", Form::Number(COUNT)),
    Word("fall", Form::Number(COUNT)),
    Word("fast_interval", Form::Seconds),
    Word("down_interval", Form::Seconds),
    Word("deadline", Form::Seconds),
    Word("jitter", Form::Number(JITTER)),
    Word("alpha", Form::Boolean),
    Word("log_all_failures", Form::Boolean),
];

const TYPES: &[&str] = &[
    "A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA", "RRSIG", "DNSKEY",
];

/// The words of one check beside the common ones.
fn own(check: &str) -> &'static [Word] {
    match check {
        "DNS_CHECK" => {
            const {
                &[
                    Word("type", Form::Choice("a type of record", TYPES)),
                    Word("name", Form::Text("a name")),
                ]
            }
        }
        "UDP_CHECK" => {
            const {
                &[
                    Word(
                        "payload",
                        Form::Digits {
                            wildcards: false,
                            optional: false,
                        },
                    ),
                    Word(
                        "require_reply",
                        Form::Digits {
                            wildcards: true,
                            optional: true,
                        },
                    ),
                    Word("min_reply_length", Form::Number(LENGTH)),
                    Word("max_reply_length", Form::Number(LENGTH)),
                ]
            }
        }
        "BFD_CHECK" => {
            const {
                &[
                    Word("name", Form::Text("the name of a BFD instance")),
                    Word("alpha", Form::Boolean),
                ]
            }
        }
        _ => &[],
    }
}

/// The word that a check must have.
fn required(check: &str) -> Option<&'static str> {
    Some(match check {
        "BFD_CHECK" => "name",
        _ => return None,
    })
}

const BFD: &[Word] = &[
    Word("neighbor_ip", Form::Address),
    Word("neighbour_ip", Form::Address),
    Word("source_ip", Form::Address),
    Word("min_rx", Form::Milliseconds(1..=4_294_967)),
    Word("min_tx", Form::Milliseconds(1..=4_294_967)),
    Word("idle_tx", Form::Milliseconds(1000..=4_294_967)),
    Word("multiplier", Form::Number(1..=255)),
    Word("passive", Form::Flag),
    Word("ttl", Form::Number(1..=255)),
    Word("hoplimit", Form::Number(1..=255)),
];

/// Reads a check that does not run; a warning reports that. None without what it needs.
pub(super) fn check(context: &mut Context<'_>, block: NodeId) -> Option<PendingCheck> {
    let (kind, span) = context.keyword(block);
    let finding = Diagnostic::warning(span, format!("`{kind}` does not run in this version"));
    let finding = finding.label("kept, without effect").silent();
    let note = "the real server is treated as if this check always passed";
    context.findings.push(finding.note(note));
    context.only_block(block);
    let common = match kind {
        "BFD_CHECK" => &[],
        _ => COMMON,
    };
    let settings = lines(context, block, &[own(kind), common]);
    let written = |word: &str| {
        context
            .lines(block)
            .any(|line| context.keyword(line).0 == word)
    };
    if let Some(word) = required(kind)
        && !written(word)
    {
        let finding = Diagnostic::error(span, format!("`{kind}` needs `{word}`"));
        context.findings.push(finding.note("the check is left out"));
        return None;
    }
    let complete = required(kind).is_none_or(|word| {
        let mut settings = settings.iter();
        settings.any(|setting| setting.keyword == word)
    });
    complete.then(|| PendingCheck::new(kind, settings))
}

/// Reads a `bfd_instance`; a warning reports that it does not run.
pub(super) fn bfd(context: &mut Context<'_>, block: NodeId) {
    let name = context.argument(block, 0, "a name");
    context.extra(block, 1);
    let (_, span) = context.keyword(block);
    let finding = Diagnostic::warning(span, "`bfd_instance` does not run in this version");
    context
        .findings
        .push(finding.label("kept, without effect").silent());
    if let Some(name) = name.filter(|name| name.value.len() > 31) {
        context.error(name.span, "the name of a BFD instance has at most 31 bytes");
    }
    lines(context, block, &[BFD]);
    let mut written = context.lines(block);
    if !written.any(|line| context.keyword(line).0.starts_with("neighbo")) {
        context.error(span, "`bfd_instance` needs `neighbor_ip`");
    }
}

fn lines(
    context: &mut Context<'_>,
    block: NodeId,
    tables: &[&'static [Word]],
) -> Vec<CheckSetting> {
    let mut settings = Vec::new();
    for line in context.lines(block) {
        let (keyword, span) = context.keyword(line);
        let mut words = tables.iter().flat_map(|table| table.iter());
        let Some(Word(_, form)) = words.find(|word| word.0 == keyword) else {
            if !keyword.is_empty() {
                let names = tables.iter().flat_map(|table| table.iter());
                let suggestion = nearest(keyword, names.map(|word| word.0));
                let finding = Diagnostic::error(span, format!("unknown keyword `{keyword}`"));
                context.findings.push(finding.suggest(suggestion));
            }
            continue;
        };
        if let Some(setting) = setting(context, line, form) {
            settings.push(setting);
        }
    }
    settings
}

/// Reads one line; none if its value is wrong, which has been reported.
fn setting(context: &mut Context<'_>, line: NodeId, form: &Form) -> Option<CheckSetting> {
    match form {
        Form::Flag => {
            context.flag(line);
        }
        Form::Boolean => {
            context.boolean(line)?;
        }
        Form::Text(wants) => {
            context.value(line, wants)?;
        }
        Form::Number(range) => {
            context.number(line, range.clone())?;
        }
        Form::Seconds => {
            context.seconds(line, super::schedule::PAUSE)?;
        }
        Form::Milliseconds(range) => milliseconds(context, line, range)?,
        Form::Address => {
            let text = context.value(line, "an address")?;
            context.address_without_prefix(text)?;
        }
        Form::Interface => {
            let text = context.value(line, "an interface")?;
            context.interface(text)?;
        }
        Form::Digits {
            wildcards,
            optional,
        } => {
            if !(*optional && context.arguments(line).is_empty()) {
                let text = context.argument(line, 0, "hexadecimal digits")?;
                context.no_block(line);
                digits(context, text, *wildcards)?;
            }
        }
        Form::Choice(wants, choices) => {
            let text = context.value(line, wants)?;
            let known = |choice: &&&str| choice.eq_ignore_ascii_case(text.value);
            if !choices.iter().any(|choice| known(&choice)) {
                let suggestion = nearest(text.value, choices.iter().copied());
                let finding = context.not_a(text, wants, suggestion);
                let note = format!("one of {}", choices.join(", "));
                context.findings.push(finding.note(note));
                return None;
            }
        }
    }
    let (keyword, _) = context.keyword(line);
    let values = context.arguments(line).iter();
    let values: Vec<&str> = values.map(|word| context.text(word)).collect();
    Some(CheckSetting::new(keyword, values))
}

/// Milliseconds with up to three decimals.
fn milliseconds(
    context: &mut Context<'_>,
    line: NodeId,
    range: &RangeInclusive<u32>,
) -> Option<()> {
    let text = context.value(line, "a number of milliseconds")?;
    let time = super::value::seconds(text.value).ok();
    let (least, most) = (u64::from(*range.start()), u64::from(*range.end()));
    if time.is_some_and(|time| (least..=most).contains(&time.as_secs())) {
        return Some(());
    }
    let finding = context.not_a(text, "a number of milliseconds", None);
    context
        .findings
        .push(finding.label(format!("must be {least} to {most}")));
    None
}

fn digits(context: &mut Context<'_>, text: At<&str>, wildcards: bool) -> Option<()> {
    let is_digit = |c: char| c.is_ascii_hexdigit() || (wildcards && matches!(c, 'x' | 'X'));
    if text.value.chars().all(is_digit) {
        return Some(());
    }
    let finding = context.not_a(text, "a row of hexadecimal digits", None);
    context.findings.push(finding);
    None
}
