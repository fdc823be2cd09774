// SPDX-License-Identifier: MIT OR Apache-2.0
//! The virtual MAC address of an instance.

use super::Diagnostic;
use super::lexer::Word;
use super::line::{At, Context};
use super::tree::NodeId;

/// Five bytes, to which the VRID is added, or six.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MacConfig {
    Prefix([u8; 5]),
    Whole([u8; 6]),
}

#[derive(Debug, Default)]
pub(super) struct VmacConfig {
    /// The keyword `use_vmac`.
    pub(super) wanted: Option<At<bool>>,
    pub(super) name: Option<At<String>>,
    pub(super) mac: Option<At<MacConfig>>,
    pub(super) transmit_from_base: Option<At<bool>>,
    /// The keyword `use_vmac_addr`.
    pub(super) of_addresses: Option<At<bool>>,
}

impl VmacConfig {
    /// `use_vmac [[name] IFNAME] [MAC] [netlink_notify_msg] [group G]`.
    pub(super) fn wanted(&mut self, context: &mut Context<'_>, line: NodeId) {
        context.no_block(line);
        let (_, span) = context.keyword(line);
        context.set(line, &mut self.wanted, Some(At::new(true, span)));
        // The last line holds whole.
        self.name = None;
        self.mac = None;
        let mut words = context.arguments(line).iter();
        while let Some(word) = words.next() {
            let option = At::new(context.text(word), word.span);
            match option.value {
                "name" => {
                    if let Some(name) = value(context, option, words.next()) {
                        self.name = context.interface(name);
                    }
                }
                "group" => {
                    value(context, option, words.next());
                    no_effect(context, option, "the interface stays in the default group");
                }
                "netlink_notify_msg" => {
                    no_effect(context, option, "netlink reports nothing twice");
                }
                text if text.contains(':') => self.mac = mac(context, option).or(self.mac),
                _ if self.name.is_none() => self.name = context.interface(option),
                text => {
                    let message = format!("unknown option `{text}` of `use_vmac`");
                    context.error(option.span, message);
                }
            }
        }
    }
}

pub(super) fn value<'a>(
    context: &mut Context<'a>,
    option: At<&str>,
    word: Option<&'a Word>,
) -> Option<At<&'a str>> {
    let value = word.map(|word| At::new(context.text(word), word.span));
    if value.is_none() {
        context.error(option.span, format!("`{}` needs a value", option.value));
    }
    value
}

pub(super) fn no_effect(context: &mut Context<'_>, option: At<&str>, why: &str) {
    let message = format!("`{}` has no effect", option.value);
    let finding = Diagnostic::warning(option.span, message).label("ignored");
    context.findings.push(finding.note(why));
}

fn mac(context: &mut Context<'_>, text: At<&str>) -> Option<At<MacConfig>> {
    let bytes: Option<Vec<u8>> = text
        .value
        .split(':')
        .map(|byte| {
            let digits = (1..=2).contains(&byte.len());
            digits.then(|| u8::from_str_radix(byte, 16).ok()).flatten()
        })
        .collect();
    let mac = bytes.and_then(|bytes| {
        let whole = <[u8; 6]>::try_from(&*bytes).map(MacConfig::Whole);
        let prefix = || <[u8; 5]>::try_from(&*bytes).map(MacConfig::Prefix);
        whole.or_else(|_| prefix()).ok()
    });
    if mac.is_none() {
        let finding = context.not_a(text, "a MAC address", None);
        let note = "six bytes in hexadecimal with colons, or five, and the VRID is the sixth";
        context.findings.push(finding.note(note));
    }
    mac.map(|mac| At::new(mac, text.span))
}
