// SPDX-License-Identifier: MIT OR Apache-2.0
//! `virtual_server_group`: the services of a virtual server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;

use lb_ipvs::AddressFamily;

use super::Diagnostic;
use super::line::{At, Context};
use super::tree::NodeId;

/// Most addresses of one line.
const MOST_ADDRESSES: u128 = 65536;

/// One or more services of a group.
#[derive(Clone, Copy, Debug)]
pub(super) enum GroupEntry {
    /// The addresses from `first` to `last`, which are of one family.
    Addresses {
        first: IpAddr,
        last: IpAddr,
        port: u16,
    },
    /// A firewall mark, with a family where one is written.
    Mark(NonZeroU32, Option<AddressFamily>),
}

impl GroupEntry {
    /// The family, where the entry has one.
    pub(super) fn family(&self) -> Option<AddressFamily> {
        match self {
            Self::Addresses { first, .. } if first.is_ipv4() => Some(AddressFamily::Ipv4),
            Self::Addresses { .. } => Some(AddressFamily::Ipv6),
            Self::Mark(_, family) => *family,
        }
    }
}

/// A group as it is written.
#[derive(Debug)]
pub(super) struct ServerGroupConfig {
    pub(super) name: At<String>,
    pub(super) entries: Vec<At<GroupEntry>>,
}

impl ServerGroupConfig {
    /// Reads one block; none if it has no name. A wrong line is left out.
    pub(super) fn read(context: &mut Context<'_>, block: NodeId) -> Option<Self> {
        let name = context.argument(block, 0, "a name");
        context.extra(block, 1);
        let mut entries = Vec::new();
        for line in context.lines(block) {
            context.no_block(line);
            entries.extend(entry(context, line));
        }
        let name = name?;
        let has = |wanted: &dyn Fn(&GroupEntry) -> bool| {
            entries
                .iter()
                .any(|entry: &At<GroupEntry>| wanted(&entry.value))
        };
        let family = |family| move |entry: &GroupEntry| entry.family() == Some(family);
        if has(&family(AddressFamily::Ipv4))
            && has(&family(AddressFamily::Ipv6))
            && has(&|entry| entry.family().is_none())
        {
            let message = "addresses of both families beside a mark without a family";
            let finding = Diagnostic::error(name.span, message).label("the group is left out");
            context
                .findings
                .push(finding.note("write `fwmark N inet` or `fwmark N inet6`"));
            entries.clear();
        } else if entries.is_empty() {
            let message = format!("virtual server group `{}` has no service", name.value);
            let finding = Diagnostic::error(name.span, message);
            context.findings.push(finding.note("it is left out"));
        }
        let name = At::new(name.value.to_owned(), name.span);
        Some(Self { name, entries })
    }
}

/// `IP [PORT]`, a range or a network of addresses, or `fwmark N [inet|inet6]`.
fn entry(context: &mut Context<'_>, line: NodeId) -> Option<At<GroupEntry>> {
    let words = context.tree.words(line);
    let [first, rest @ ..] = words else {
        return None;
    };
    let text = At::new(context.text(first), first.span);
    let second = rest
        .first()
        .map(|word| At::new(context.text(word), word.span));
    if text.value == "fwmark" {
        let Some(number) = second else {
            context.error(text.span, "`fwmark` needs a mark");
            return None;
        };
        if number.value == "0" {
            let finding = Diagnostic::error(number.span, "a firewall mark of 0 is none").silent();
            context.findings.push(finding.note("the line is left out"));
            return None;
        }
        let mark = context.number_in(line, number, 1..=u32::MAX)?;
        let family = match rest.get(1) {
            None => None,
            Some(word) => {
                let text = At::new(context.text(word), word.span);
                let families = [
                    ("inet", AddressFamily::Ipv4),
                    ("inet6", AddressFamily::Ipv6),
                ];
                Some(context.one_of(text, "an address family", &families)?.value)
            }
        };
        warn_of_rest(context, rest.get(2..).unwrap_or_default());
        let entry = GroupEntry::Mark(NonZeroU32::new(mark.value)?, family);
        return Some(At::new(entry, text.span));
    }
    let (first, last) = addresses(context, text)?;
    let port = match second {
        None => 0,
        Some(text) => {
            let port = context.number_in(line, text, 0..=65535)?;
            u16::try_from(port.value).ok()?
        }
    };
    warn_of_rest(context, rest.get(1..).unwrap_or_default());
    let entry = GroupEntry::Addresses { first, last, port };
    Some(At::new(entry, text.span))
}

fn warn_of_rest(context: &mut Context<'_>, rest: &[super::lexer::Word]) {
    if let [first, .., last] | [first @ last] = rest {
        let span = first.span.to(last.span);
        let finding = Diagnostic::warning(span, "a service of a group ends before this").silent();
        context.findings.push(finding.label("ignored"));
    }
}

/// The first and the last address of `IP`, `IP-IP`, `IP-LAST` (the last part of the address, as the
/// address has it: decimal or hexadecimal) or `IP/LENGTH`.
fn addresses(context: &mut Context<'_>, text: At<&str>) -> Option<(IpAddr, IpAddr)> {
    let refuse = |context: &mut Context<'_>, message: String| {
        context
            .findings
            .push(Diagnostic::error(text.span, message).note("the line is left out"));
        None
    };
    let range = if let Some((ip, end)) = text.value.split_once('-') {
        let first = context.address(At::new(ip, text.span))?.value;
        let Some(last) = end.parse().ok().or_else(|| with_last_part(first, end)) else {
            return refuse(
                context,
                format!("`{end}` is not the end of a range of {}", kind(first)),
            );
        };
        if first.is_ipv4() != last.is_ipv4() || first > last {
            return refuse(context, format!("the range ends at {last}, before {first}"));
        }
        (first, last)
    } else if let Some((ip, length)) = text.value.split_once('/') {
        let first = context.address(At::new(ip, text.span))?.value;
        let Some(last) = end_of_network(first, length) else {
            let message = format!("`{}` is not a network without host bits", text.value);
            return refuse(context, message);
        };
        (first, last)
    } else {
        let ip = context.address(text)?.value;
        (ip, ip)
    };
    if number(range.1) - number(range.0) >= MOST_ADDRESSES {
        let message = format!("more than {MOST_ADDRESSES} addresses in one line");
        return refuse(context, message);
    }
    Some(range)
}

const fn kind(ip: IpAddr) -> &'static str {
    match ip {
        IpAddr::V4(_) => "IPv4 addresses",
        IpAddr::V6(_) => "IPv6 addresses",
    }
}

/// `first` with another last part.
fn with_last_part(first: IpAddr, part: &str) -> Option<IpAddr> {
    if part.is_empty() || part.starts_with('+') {
        return None;
    }
    match first {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            Some(Ipv4Addr::new(a, b, c, part.parse().ok()?).into())
        }
        IpAddr::V6(ip) => {
            let part = u16::from_str_radix(part, 16).ok()?;
            let bits = u128::from(ip) & !u128::from(u16::MAX) | u128::from(part);
            Some(Ipv6Addr::from(bits).into())
        }
    }
}

/// The last address of a network whose first one is `first`.
fn end_of_network(first: IpAddr, length: &str) -> Option<IpAddr> {
    let length: u32 = length.parse().ok()?;
    match first {
        IpAddr::V4(ip) => {
            let host = u32::MAX.checked_shr(length).unwrap_or(0);
            let bits = u32::from(ip);
            (length <= 32 && bits & host == 0).then(|| Ipv4Addr::from(bits | host).into())
        }
        IpAddr::V6(ip) => {
            let host = u128::MAX.checked_shr(length).unwrap_or(0);
            let bits = u128::from(ip);
            (length <= 128 && bits & host == 0).then(|| Ipv6Addr::from(bits | host).into())
        }
    }
}

fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u32::from(ip).into(),
        IpAddr::V6(ip) => ip.into(),
    }
}

/// The addresses from `first` to `last`.
pub(super) fn between(first: IpAddr, last: IpAddr) -> impl Iterator<Item = IpAddr> {
    let ipv4 = first.is_ipv4();
    (number(first)..=number(last)).map(move |bits| match u32::try_from(bits) {
        Ok(bits) if ipv4 => Ipv4Addr::from(bits).into(),
        _ => Ipv6Addr::from(bits).into(),
    })
}
