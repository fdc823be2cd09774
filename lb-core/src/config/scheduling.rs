// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the threads of the virtual routers are scheduled, in `global_defs`.

use std::time::Duration;

use lb_vrrp::spec::{LockMemory, Processors, Realtime, Scheduling};

use super::Diagnostic;
use super::line::{At, Context};
use super::tree::NodeId;
use super::value::whole;

/// What follows a keyword that limits the time of real-time threads.
pub(super) const RTTIME: &str = "MICROSECONDS, at least 1";

#[derive(Debug, Default)]
pub(super) struct SchedulingConfig {
    pub(super) priority: Option<At<u32>>,
    pub(super) nice: Option<At<i8>>,
    pub(super) processors: Option<At<Processors>>,
    pub(super) limit: Option<At<Duration>>,
    pub(super) no_swap: Option<At<bool>>,
}

impl SchedulingConfig {
    pub(super) fn scheduling(&self) -> Scheduling {
        let mut scheduling = Scheduling::default()
            .with_nice(self.nice.map(|at| at.value))
            .with_processors(self.processors.map(|at| at.value))
            .with_limit(self.limit.map(|at| at.value));
        if let Some(priority) = self.priority {
            // A number of 1 to 99.
            let priority = u8::try_from(priority.value).unwrap_or(99);
            scheduling = scheduling
                .with_realtime(Realtime::Always)
                .with_priority(priority);
        }
        if self.no_swap.is_some() {
            scheduling = scheduling.with_memory(LockMemory::Always);
        }
        scheduling
    }
}

/// `vrrp_rlimit_rttime`, in microseconds.
pub(super) fn realtime_limit(context: &mut Context<'_>, line: NodeId) -> Option<At<Duration>> {
    let number = context.number(line, 1..=u32::MAX)?;
    let limit = Duration::from_micros(u64::from(number.value));
    Some(At::new(limit, number.span))
}

/// Warns of a keyword that delays real-time scheduling in keepalived.
pub(super) fn no_effect(context: &mut Context<'_>, line: NodeId) {
    context.no_block(line);
    let (keyword, span) = context.keyword(line);
    let finding = Diagnostic::warning(span, format!("`{keyword}` has no effect")).silent();
    let note = "with an interval below a second adverts are sent in real time from the start; \
                `vrrp_rt_priority` asks for it otherwise";
    context.findings.push(finding.label("ignored").note(note));
}

pub(super) fn nice(context: &mut Context<'_>, line: NodeId) -> Option<At<i8>> {
    let text = context.value(line, "a number")?;
    let nice = text.value.parse::<i8>().ok();
    match nice.filter(|nice| (-20..=19).contains(nice)) {
        Some(nice) => Some(At::new(nice, text.span)),
        None => {
            let finding = context.not_a(text, "a nice value", None);
            context.findings.push(finding.label("must be -20 to 19"));
            None
        }
    }
}

/// Numbers of processors, one or more.
pub(super) fn processors(context: &mut Context<'_>, line: NodeId) -> Option<At<Processors>> {
    context.no_block(line);
    let first = context.argument(line, 0, "the numbers of processors")?;
    let mut numbers = Vec::new();
    for word in context.arguments(line) {
        let text = At::new(context.text(word), word.span);
        let number = whole(text.value)
            .ok()
            .and_then(|number| u16::try_from(number).ok());
        match number.filter(|number| *number < 1024) {
            Some(number) => numbers.push(number),
            None => {
                let finding = context.not_a(text, "the number of a processor", None);
                context.findings.push(finding.label("must be 0 to 1023"));
                return None;
            }
        }
    }
    Some(At::new(Processors::new(numbers)?, first.span))
}
