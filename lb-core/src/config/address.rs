// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lines of `virtual_ipaddress`.

use std::net::{IpAddr, Ipv4Addr};

use crate::model::{Scope, VirtualAddress};

use super::Diagnostic;
use super::keywords::nearest;
use super::line::{At, Context};
use super::tree::NodeId;
use super::value::whole;

/// Options of keepalived, with a value and without; they are not supported yet.
const LATER: [(&str, bool); 9] = [
    ("peer", true),
    ("preferred_lft", true),
    ("track_group", true),
    ("home", false),
    ("-nodad", false),
    ("mngtmpaddr", false),
    ("noprefixroute", false),
    ("autojoin", false),
    ("no_track", false),
];

const OPTIONS: [&str; 5] = ["dev", "brd", "broadcast", "scope", "label"];

/// Reads a block of addresses. A line that keepalived would drop is dropped.
pub(super) fn addresses(
    context: &mut Context<'_>,
    block: NodeId,
    into: &mut Vec<At<VirtualAddress>>,
) {
    context.only_block(block);
    for line in context.lines(block) {
        context.no_block(line);
        let Some(address) = address(context, line) else {
            continue;
        };
        if let Some(first) = into
            .iter()
            .find(|first| first.value.address == address.value.address)
        {
            let message = format!("address {} is given twice", address.value.address);
            let finding = Diagnostic::error(address.span, message);
            context
                .findings
                .push(finding.note_at(first.span, "it is already given here"));
            continue;
        }
        into.push(address);
    }
}

fn address(context: &mut Context<'_>, line: NodeId) -> Option<At<VirtualAddress>> {
    let words = context.tree.words(line);
    let first = words.first()?;
    let text = context.text(first);
    let (ip, prefix) = match text.split_once('/') {
        Some((ip, prefix)) => (ip, Some(prefix)),
        None => (text, None),
    };
    let ip = context.address(At::new(ip, first.span))?;
    let mut address = VirtualAddress::new(ip.value);
    if let Some(prefix) = prefix {
        let longest = address.prefix_len;
        match whole(prefix)
            .ok()
            .and_then(|n| u8::try_from(n).ok())
            .filter(|n| *n <= longest)
        {
            Some(prefix) => address.prefix_len = prefix,
            None => {
                context.findings.push(
                    Diagnostic::error(first.span, format!("`{prefix}` is not a prefix length"))
                        .label(format!("must be 0 to {longest}")),
                );
                return None;
            }
        }
    }
    let mut words = words.iter().skip(1);
    while let Some(word) = words.next() {
        let option = At::new(context.text(word), word.span);
        if let Some((_, has_value)) = LATER.iter().find(|(name, _)| *name == option.value) {
            let message = format!(
                "`{}` is a known keepalived option and is not supported yet",
                option.value
            );
            context
                .findings
                .push(Diagnostic::warning(option.span, message).label("ignored"));
            if *has_value {
                words.next();
            }
            continue;
        }
        if option.value == "use_vmac" {
            context.warning(option.span, "`use_vmac` is not supported yet");
            continue;
        }
        if !OPTIONS.contains(&option.value) {
            let message = format!("unknown option `{}`", option.value);
            let known = OPTIONS
                .into_iter()
                .chain(LATER.into_iter().map(|(name, _)| name));
            let suggestion = nearest(option.value, known);
            context
                .findings
                .push(Diagnostic::error(option.span, message).suggest(suggestion));
            continue;
        }
        let Some(value) = words.next() else {
            context.error(option.span, format!("`{}` needs a value", option.value));
            return None;
        };
        let value = At::new(context.text(value), value.span);
        apply(context, &mut address, option, value);
    }
    Some(At::new(address, first.span))
}

fn apply(
    context: &mut Context<'_>,
    address: &mut VirtualAddress,
    option: At<&str>,
    value: At<&str>,
) {
    if option.value != "dev" && address.address.is_ipv6() {
        let message = format!("`{}` is for IPv4 addresses", option.value);
        context
            .findings
            .push(Diagnostic::error(option.span, message).note("it is ignored"));
        return;
    }
    match option.value {
        "dev" => {
            if let Some(name) = context.interface(value) {
                address.interface = Some(name.value);
            }
        }
        "scope" => match Scope::from_name(value.value) {
            Some(scope) => address.scope = scope,
            None => {
                const NAMES: [&str; 5] = ["global", "site", "link", "host", "nowhere"];
                let suggestion = nearest(value.value, NAMES);
                let finding = context.not_a(value, "a scope", suggestion);
                context.findings.push(
                    finding.note("one of global, site, link, host, nowhere, or a number to 255"),
                );
            }
        },
        "label" if (1..16).contains(&value.value.len()) => {
            address.label = Some(value.value.to_owned());
        }
        "label" => {
            let finding = context.not_a(value, "a label", None);
            context
                .findings
                .push(finding.note("a label has 1 to 15 bytes"));
        }
        _ => broadcast(context, address, value),
    }
}

fn broadcast(context: &mut Context<'_>, address: &mut VirtualAddress, value: At<&str>) {
    let IpAddr::V4(ip) = address.address else {
        return;
    };
    let host_bits = u32::MAX.checked_shr(address.prefix_len.into()).unwrap_or(0);
    let computed = match value.value {
        "+" => Ipv4Addr::from(u32::from(ip) | host_bits),
        "-" => Ipv4Addr::from(u32::from(ip) & !host_bits),
        _ => {
            match context.address(value).map(|at| at.value) {
                Some(IpAddr::V4(broadcast)) => address.broadcast = Some(broadcast),
                Some(IpAddr::V6(_)) => {
                    context.error(value.span, "an IPv6 broadcast address does not exist");
                }
                None => {}
            }
            return;
        }
    };
    if address.prefix_len > 30 {
        let message = format!(
            "a /{} has no broadcast address to compute",
            address.prefix_len
        );
        context.error(value.span, message);
    } else {
        address.broadcast = Some(computed);
    }
}
