// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the threads of the virtual routers are scheduled, in `global_defs`.

use std::time::Duration;

use lb_vrrp::spec::{LockMemory, Processors, Realtime, Scheduling};

use super::Diagnostic;
use super::line::{At, Context};
use super::tree::NodeId;
use super::value::whole;

#[derive(Debug, Default)]
pub(super) struct SchedulingConfig {
    priority: Option<At<u8>>,
    nice: Option<At<i8>>,
    processors: Option<At<Processors>>,
    limit: Option<At<Duration>>,
    no_swap: Option<At<bool>>,
}

impl SchedulingConfig {
    /// Reads one of its keywords.
    pub(super) fn read(&mut self, context: &mut Context<'_>, line: NodeId, keyword: &str) -> bool {
        match keyword {
            "vrrp_rt_priority" => {
                let value = context.number(line, 1..=99);
                // Within the range above.
                let value = value.map(|at| At::new(u8::try_from(at.value).unwrap_or(99), at.span));
                context.set(line, &mut self.priority, value);
            }
            "vrrp_priority" => {
                let value = nice(context, line);
                context.set(line, &mut self.nice, value);
            }
            "vrrp_cpu_affinity" => {
                let value = processors(context, line);
                context.set(line, &mut self.processors, value);
            }
            "vrrp_rlimit_rttime" | "vrrp_rlimit_rtime" => {
                let value = context.number(line, 1..=u32::MAX);
                let micros = |at: At<u32>| Duration::from_micros(u64::from(at.value));
                let value = value.map(|at| At::new(micros(at), at.span));
                context.set(line, &mut self.limit, value);
            }
            "vrrp_no_swap" => {
                let value = context.flag(line);
                context.set(line, &mut self.no_swap, Some(value));
            }
            "max_auto_priority" | "min_auto_priority_delay" => {
                context.no_block(line);
                let (_, span) = context.keyword(line);
                let finding = Diagnostic::warning(span, format!("`{keyword}` has no effect"));
                let note = "with an interval below a second adverts are sent in real time from the \
                            start; `vrrp_rt_priority` asks for it otherwise";
                context.findings.push(finding.label("ignored").note(note));
            }
            _ => return false,
        }
        true
    }

    pub(super) fn scheduling(&self) -> Scheduling {
        let mut scheduling = Scheduling::default()
            .with_nice(self.nice.map(|at| at.value))
            .with_processors(self.processors.map(|at| at.value))
            .with_limit(self.limit.map(|at| at.value));
        if let Some(priority) = self.priority {
            scheduling = scheduling
                .with_realtime(Realtime::Always)
                .with_priority(priority.value);
        }
        if self.no_swap.is_some() {
            scheduling = scheduling.with_memory(LockMemory::Always);
        }
        scheduling
    }
}

fn nice(context: &mut Context<'_>, line: NodeId) -> Option<At<i8>> {
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
fn processors(context: &mut Context<'_>, line: NodeId) -> Option<At<Processors>> {
    context.no_block(line);
    let first = context.argument(line, 0, "the numbers of processors")?;
    let mut numbers = Vec::new();
    for word in context.arguments(line) {
        let text = At::new(context.text(word), word.span);
        let number = whole(text.value).ok().and_then(|of| u16::try_from(of).ok());
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
