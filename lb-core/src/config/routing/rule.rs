// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lines of `virtual_rules` and `static_rules`.

use std::ops::RangeInclusive;

use lb_vrrp::{AddressFamily, RuleAction, VirtualRule};

use super::line::Line;
use super::names::{self, Kind, Names};
use crate::config::Diagnostic;
use crate::config::line::{At, Context};
use crate::config::source::Span;
use crate::config::statics::Groups;
use crate::config::tree::NodeId;
use crate::model::StaticItem;

/// Options, for suggestions.
const OPTIONS: &str = "
    not from to table lookup preference order priority tos dsfield fwmark suppress_prefixlength
    sup_pl suppress_ifgroup sup_group iif dev oif uidrange l3mdev protocol ipproto sport dport goto
    nop blackhole unreachable prohibit inet inet6 no_track track_group
";
/// Known options that would change what a rule is about.
const LATER: [&str; 2] = ["realms", "tunnel-id"];

/// Priorities for rules that have none of their own: the first rule of the file is looked at last.
#[derive(Debug)]
pub(in crate::config) struct Priorities {
    ipv4: u32,
    ipv6: u32,
}

impl Default for Priorities {
    fn default() -> Self {
        // As keepalived begins.
        Self {
            ipv4: 16384,
            ipv6: 16384,
        }
    }
}

impl Priorities {
    fn next(&mut self, family: AddressFamily) -> u32 {
        let next = match family {
            AddressFamily::Ipv4 => &mut self.ipv4,
            AddressFamily::Ipv6 => &mut self.ipv6,
        };
        let priority = *next;
        *next = priority.saturating_sub(1).max(1);
        priority
    }
}

/// Reads a block of rules. A line with a mistake is left out whole, as keepalived does.
pub(in crate::config) fn rules(
    context: &mut Context<'_>,
    (names, groups): (&Names, Groups<'_>),
    priorities: &mut Priorities,
    block: NodeId,
    into: &mut Vec<StaticItem<VirtualRule>>,
) {
    context.only_block(block);
    for line in context.lines(block) {
        let (_, span) = context.keyword(line);
        let mut line = Line::new(context, names, line, "rule").with_groups(groups);
        let Some(rule) = rule(&mut line, priorities, span) else {
            continue;
        };
        let group = line.group_unless(!rule.tracked, span);
        let bare = |rule: &VirtualRule| rule.clone().with_tracked(true);
        if into.iter().any(|known| bare(&known.item) == bare(&rule)) {
            let finding = Diagnostic::warning(span, format!("rule {rule} is given twice"));
            context.findings.push(finding.label("ignored"));
        } else {
            let mut item = StaticItem::from(rule);
            item.group = group;
            into.push(item);
        }
    }
}

/// The settings of a line so far.
struct Draft {
    rule: VirtualRule,
    priority: Option<u32>,
    action: Option<At<RuleAction>>,
    protocol: Option<At<u8>>,
}

/// One line; none if there is something wrong with it, which has been reported.
fn rule(line: &mut Line<'_, '_>, priorities: &mut Priorities, begin: Span) -> Option<VirtualRule> {
    let mut draft = Draft {
        rule: VirtualRule::new(AddressFamily::Ipv4, 0, RuleAction::Nop),
        priority: None,
        action: None,
        protocol: None,
    };
    while let Some(word) = line.next() {
        if !option(line, &mut draft, word)? && !action(line, &mut draft, word)? {
            return line.unknown(word, OPTIONS.split_whitespace());
        }
    }
    let Draft {
        mut rule,
        priority,
        action,
        protocol,
    } = draft;
    rule.protocol = line.own_protocol(protocol, rule.tracked);
    let Some(action) = action else {
        return line.fail(
            begin,
            "a rule needs something to do: a table, or goto, nop …",
        );
    };
    rule.action = action.value;
    rule.family = line.family_or_default();
    rule.priority = match priority {
        Some(priority) => priority,
        None => {
            let priority = priorities.next(rule.family);
            let finding = Diagnostic::warning(begin, "a rule without `priority`");
            let label = format!("gets {priority}");
            line.context.findings.push(finding.label(label));
            priority
        }
    };
    if let Some(problem) = rule.problem() {
        return line.fail(begin, format!("this is no rule: {problem}"));
    }
    Some(rule)
}

/// Reads an option; returns whether the word was one.
fn option(line: &mut Line<'_, '_>, draft: &mut Draft, word: At<&str>) -> Option<bool> {
    let rule = &mut draft.rule;
    match word.value {
        "not" => rule.invert = true,
        "from" => {
            let text = line.value(word)?;
            rule.from = line.network(text)?;
        }
        "to" => {
            let text = line.value(word)?;
            rule.to = line.network(text)?;
        }
        "preference" | "order" | "priority" => draft.priority = Some(line.number(word, 1)?),
        "tos" | "dsfield" => rule.tos = line.tos(word)?,
        "fwmark" => {
            let text = line.value(word)?;
            let (mark, mask) = match text.value.split_once('/') {
                Some((mark, mask)) => (names::number(mark), names::number(mask)),
                None => (names::number(text.value), Some(u32::MAX)),
            };
            match mark.zip(mask) {
                Some(mark) => rule.mark = Some(mark),
                None => return line.not_a(text, "a mark"),
            }
        }
        "suppress_prefixlength" | "sup_pl" => {
            rule.suppress_prefix_len = Some(line.number(word, 0)?);
        }
        "suppress_ifgroup" | "sup_group" => {
            let group = line.named(word, Kind::Group, "a group of interfaces")?;
            rule.suppress_interface_group = Some(group);
        }
        "iif" | "dev" => rule.input = Some(line.interface(word)?),
        "oif" => rule.output = Some(line.interface(word)?),
        "uidrange" => {
            let text = line.value(word)?;
            rule.users = range(line, text)?;
        }
        "ipproto" | "ip_proto" => {
            let text = line.value(word)?;
            match protocol(text.value) {
                Some(protocol) => rule.ip_protocol = Some(protocol),
                None => return line.not_a(text, "an IP protocol"),
            }
        }
        "sport" => {
            let text = line.value(word)?;
            rule.source_ports = range(line, text)?;
        }
        "dport" => {
            let text = line.value(word)?;
            rule.destination_ports = range(line, text)?;
        }
        "protocol" => draft.protocol = Some(line.protocol(word)?),
        "inet" => line.check_family(At::new(AddressFamily::Ipv4, word.span))?,
        "inet6" => line.check_family(At::new(AddressFamily::Ipv6, word.span))?,
        "no_track" => rule.tracked = false,
        "track_group" => line.track_group(word, "rules")?,
        _ if LATER.contains(&word.value) => return line.unsupported(word),
        _ => return Some(false),
    }
    Some(true)
}

/// Reads an action; returns whether the word was one.
fn action(line: &mut Line<'_, '_>, draft: &mut Draft, word: At<&str>) -> Option<bool> {
    let action = match word.value {
        "table" | "lookup" => RuleAction::Table(line.table(word)?),
        "l3mdev" => RuleAction::VrfTable,
        "goto" => RuleAction::Goto(line.number(word, 1)?),
        "nop" => RuleAction::Nop,
        "blackhole" => RuleAction::Blackhole,
        "unreachable" => RuleAction::Unreachable,
        "prohibit" => RuleAction::Prohibit,
        // May stand before the others.
        "type" => return Some(true),
        _ => return Some(false),
    };
    if let Some(first) = draft.action.replace(At::new(action, word.span)) {
        let finding = Diagnostic::error(word.span, "a rule does one thing");
        line.refuse(finding.note_at(first.span, "it does this already"));
        return None;
    }
    Some(true)
}

/// `A-B`, or `A` alone.
fn range<T: std::str::FromStr + Copy>(
    line: &mut Line<'_, '_>,
    text: At<&str>,
) -> Option<Option<RangeInclusive<T>>> {
    let (first, last) = text
        .value
        .split_once('-')
        .unwrap_or((text.value, text.value));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) => Some(Some(first..=last)),
        _ => line.not_a(text, "a range, such as 80-89"),
    }
}

/// By number, or by the names that have ports or are common.
fn protocol(text: &str) -> Option<u8> {
    Some(match text {
        "icmp" => 1,
        "tcp" => 6,
        "udp" => 17,
        "dccp" => 33,
        "gre" => 47,
        "esp" => 50,
        "ah" => 51,
        "icmpv6" | "ipv6-icmp" => 58,
        "sctp" => 132,
        "udplite" => 136,
        number => names::number(number).and_then(|number| u8::try_from(number).ok())?,
    })
}
