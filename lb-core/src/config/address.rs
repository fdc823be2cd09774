// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lines of `virtual_ipaddress` and `static_ipaddress`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv4Addr};

use lb_vrrp::AddressFlag;

use crate::model::{Scope, StaticItem, VirtualAddress};

use super::Diagnostic;
use super::line::{At, Context};
use super::source::Span;
use super::statics::{Groups, warn_of_both};
use super::tree::NodeId;
use super::value::whole;
use super::vocabulary::nearest;

/// Options with a value.
const OPTIONS: [&str; 8] = [
    "dev",
    "brd",
    "broadcast",
    "scope",
    "label",
    "peer",
    "preferred_lft",
    "track_group",
];
/// Options without one.
const FLAGS: [&str; 7] = [
    "home",
    "-nodad",
    "mngtmpaddr",
    "noprefixroute",
    "autojoin",
    "no_track",
    "use_vmac",
];

/// Reads a block of an instance's addresses. A line that keepalived would drop is dropped.
pub(super) fn addresses(
    context: &mut Context<'_>,
    block: NodeId,
    into: &mut Vec<At<VirtualAddress>>,
) {
    context.only_block(block);
    let known = into.iter().map(|at| (at.value.address, at.span));
    let mut known: HashMap<IpAddr, Span> = known.collect();
    for line in context.lines(block) {
        context.no_block(line);
        let Some((address, _)) = address(context, line, Groups::Virtual) else {
            continue;
        };
        warn_of_network(context, &address);
        match known.entry(address.value.address) {
            Entry::Occupied(first) => given_twice(context, &address, *first.get()),
            Entry::Vacant(place) => {
                place.insert(address.span);
                into.push(address);
            }
        }
    }
}

/// Reads a block of static addresses; one without an interface goes to `interface`.
pub(super) fn static_addresses(
    context: &mut Context<'_>,
    block: NodeId,
    (groups, interface): (Groups<'_>, &str),
    into: &mut Vec<At<StaticItem<VirtualAddress>>>,
) {
    context.only_block(block);
    let place = |entry: &VirtualAddress| (entry.address, entry.interface.clone());
    let known = into.iter().map(|at| (place(&at.value.item), at.span));
    let mut known: HashMap<_, Span> = known.collect();
    for line in context.lines(block) {
        context.no_block(line);
        let Some((mut address, group)) = address(context, line, groups) else {
            continue;
        };
        if std::mem::take(&mut address.value.vmac) {
            let message = "`use_vmac` is for the addresses of an instance";
            let finding = Diagnostic::warning(address.span, message);
            context.findings.push(finding.label("ignored"));
        }
        let own = &mut address.value.interface;
        own.get_or_insert_with(|| interface.to_owned());
        match known.entry(place(&address.value)) {
            Entry::Occupied(first) => {
                given_twice(context, &address, *first.get());
                continue;
            }
            Entry::Vacant(place) => {
                place.insert(address.span);
            }
        }
        let mut item = StaticItem::from(address.value);
        if group.is_some() && !item.item.tracked {
            warn_of_both(context, address.span);
        } else {
            item.group = group;
        }
        into.push(At::new(item, address.span));
    }
}

fn given_twice(context: &mut Context<'_>, address: &At<VirtualAddress>, first: Span) {
    let message = format!("address {} is given twice", address.value.address);
    let finding = Diagnostic::warning(address.span, message).silent();
    let finding = finding
        .label("ignored")
        .note_at(first, "it is already given here");
    context.findings.push(finding);
}

/// Warns of the first or last address of an IPv4 network, which is no address of a host.
fn warn_of_network(context: &mut Context<'_>, address: &At<VirtualAddress>) {
    let VirtualAddress {
        address: IpAddr::V4(ip),
        prefix_len: length @ 1..=30,
        peer: None,
        ..
    } = address.value
    else {
        return;
    };
    let bits = u32::from(ip);
    let host_bits = u32::MAX.checked_shr(length.into()).unwrap_or(0);
    let what = match bits & host_bits {
        0 => "the address of its network",
        own if own == host_bits => "the broadcast address of its network",
        _ => return,
    };
    let message = format!("{ip} is {what} /{length}");
    let finding = Diagnostic::warning(address.span, message).silent();
    context
        .findings
        .push(finding.note("no host answers at this address"));
}

/// One line, and the group that it names.
fn address(
    context: &mut Context<'_>,
    line: NodeId,
    groups: Groups<'_>,
) -> Option<(At<VirtualAddress>, Option<String>)> {
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
    let mut group = None;
    let mut words = words.iter().skip(1);
    while let Some(word) = words.next() {
        let option = At::new(context.text(word), word.span);
        if FLAGS.contains(&option.value) {
            flag(context, &mut address, option);
            continue;
        }
        if !OPTIONS.contains(&option.value) {
            let message = format!("unknown option `{}`", option.value);
            let suggestion = nearest(option.value, OPTIONS.into_iter().chain(FLAGS));
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
        if option.value == "track_group" {
            group = groups.named(context, option.span, value, "addresses");
        } else {
            apply(context, &mut address, option, value);
        }
    }
    Some((At::new(address, first.span), group))
}

fn apply(
    context: &mut Context<'_>,
    address: &mut VirtualAddress,
    option: At<&str>,
    value: At<&str>,
) {
    let ipv4 = ["brd", "broadcast", "scope", "label"];
    if ipv4.contains(&option.value) && address.address.is_ipv6() {
        let finding = Diagnostic::error(option.span, only_for(option, "IPv4"));
        return context.findings.push(finding.note("it is ignored"));
    }
    if option.value == "preferred_lft" && address.address.is_ipv4() {
        return ipv6_only(context, option);
    }
    match option.value {
        "peer" => peer(context, address, value),
        "preferred_lft" => lifetime(context, address, value),
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

fn only_for(option: At<&str>, family: &str) -> String {
    format!("`{}` is for {family} addresses", option.value)
}

/// Warns about an option for IPv6 on an IPv4 address; keepalived ignores it silently.
fn ipv6_only(context: &mut Context<'_>, option: At<&str>) {
    let finding = Diagnostic::warning(option.span, only_for(option, "IPv6")).silent();
    context.findings.push(finding.label("ignored"));
}

fn flag(context: &mut Context<'_>, address: &mut VirtualAddress, option: At<&str>) {
    // Those that are none of the kernel's.
    match option.value {
        "no_track" => address.tracked = false,
        "use_vmac" => address.vmac = true,
        _ => {}
    }
    let Some(flag) = AddressFlag::from_name(option.value) else {
        return;
    };
    if flag.is_for_ipv6() && address.address.is_ipv4() {
        ipv6_only(context, option);
    } else if !address.flags.contains(&flag) {
        address.flags.push(flag);
    }
}

/// `IP[/PREFIX]`; the prefix is that of the address then.
fn peer(context: &mut Context<'_>, address: &mut VirtualAddress, value: At<&str>) {
    let (ip, prefix) = match value.value.split_once('/') {
        Some((ip, prefix)) => (ip, Some(prefix)),
        None => (value.value, None),
    };
    let Some(ip) = context.address(At::new(ip, value.span)) else {
        return;
    };
    if ip.value.is_ipv4() != address.address.is_ipv4() {
        return context.error(value.span, "a peer of the other family");
    }
    let longest = if ip.value.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.map_or(Some(longest), |text| {
        whole(text).ok().and_then(|n| u8::try_from(n).ok())
    });
    match prefix.filter(|prefix| *prefix <= longest) {
        Some(prefix) => {
            address.peer = Some(ip.value);
            address.prefix_len = prefix;
        }
        None => {
            let message = format!("`{}` has no prefix length", value.value);
            let finding = Diagnostic::error(value.span, message);
            let limits = format!("must be 0 to {longest}");
            context.findings.push(finding.label(limits));
        }
    }
}

fn lifetime(context: &mut Context<'_>, address: &mut VirtualAddress, value: At<&str>) {
    let seconds = match value.value {
        "forever" => Some(u32::MAX),
        seconds => whole(seconds).ok().and_then(|n| u32::try_from(n).ok()),
    };
    match seconds {
        Some(seconds) => address.preferred_lifetime = Some(seconds),
        None => {
            let finding = context.not_a(value, "a lifetime", None);
            let note = "a number of seconds, or forever";
            context.findings.push(finding.note(note));
        }
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
