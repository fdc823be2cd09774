// SPDX-License-Identifier: MIT OR Apache-2.0
//! Blocks with a line for each interface.

use std::time::Duration;

use lb_vrrp::{CarrierDelay, LinkPoll, PollMethod};

use super::Diagnostic;
use super::line::{At, Context};
use super::tree::NodeId;

/// Reads `interface_up_down_delays`: `IF DOWN [UP]`. Without `UP` an interface is up at once.
pub(super) fn delays(context: &mut Context<'_>, block: NodeId, into: &mut Vec<At<CarrierDelay>>) {
    context.only_block(block);
    for line in context.lines(block) {
        context.only(line, 2);
        let Some(name) = first_of(context, line, |name| {
            let known = into.iter().find(|delay| delay.value.interface == name);
            known.map(|first| first.span)
        }) else {
            continue;
        };
        let range = || Duration::ZERO..=CarrierDelay::MAX;
        let Some(text) = context.argument(line, 0, "a number of seconds") else {
            continue;
        };
        let Some(down) = context.seconds_in(line, text, range()) else {
            continue;
        };
        let up = match context.arguments(line).get(1) {
            None => Duration::ZERO,
            Some(word) => {
                let text = At::new(context.text(word), word.span);
                match context.seconds_in(line, text, range()) {
                    Some(up) => up.value,
                    None => continue,
                }
            }
        };
        into.push(At::new(
            CarrierDelay::new(name.value, down.value, up),
            name.span,
        ));
    }
}

/// Reads `linkbeat_interfaces`: `IF [MII|ETHTOOL|IOCTL]`.
pub(super) fn polls(context: &mut Context<'_>, block: NodeId, into: &mut Vec<At<LinkPoll>>) {
    context.only_block(block);
    for line in context.lines(block) {
        context.only(line, 1);
        let Some(name) = first_of(context, line, |name| {
            let mut known = into.iter();
            let known = known.find(|poll| poll.value.interface.as_deref() == Some(name));
            known.map(|first| first.span)
        }) else {
            continue;
        };
        let method = match context.arguments(line).first() {
            None => PollMethod::default(),
            Some(word) => {
                let text = At::new(context.text(word), word.span);
                let names = [PollMethod::Mii, PollMethod::Ethtool, PollMethod::Flags];
                let names = names.map(|method| (method.keyword(), method));
                match context.one_of(text, "a way to ask for a link", &names) {
                    Some(method) => method.value,
                    None => continue,
                }
            }
        };
        let poll = LinkPoll::new(name.value).with_method(method);
        into.push(At::new(poll, name.span));
    }
}

/// The interface a line begins with, unless there is a line for it already.
fn first_of(
    context: &mut Context<'_>,
    line: NodeId,
    known: impl Fn(&str) -> Option<super::Span>,
) -> Option<At<String>> {
    let word = context.tree.words(line).first()?;
    let name = context.interface(At::new(context.text(word), word.span))?;
    if let Some(first) = known(&name.value) {
        let message = format!("`{}` is given twice", name.value);
        let finding = Diagnostic::error(name.span, message);
        context
            .findings
            .push(finding.note_at(first, "the first line holds"));
        return None;
    }
    Some(name)
}
