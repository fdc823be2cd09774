// SPDX-License-Identifier: MIT OR Apache-2.0
//! The schedule of checks: settings of a virtual server, a real server or one check.

use std::ops::RangeInclusive;
use std::time::Duration;

use lb_check::Policy;

use super::Diagnostic;
use super::line::{At, Context};
use super::tree::NodeId;
use super::via_vip::{ViaVip, via_vip};

/// Longest time of any setting: what a 32-bit number of seconds holds.
const LONGEST: Duration = Duration::from_secs(u32::MAX as u64);
/// Times that cannot be zero.
pub(super) const PERIOD: RangeInclusive<Duration> = Duration::from_micros(1)..=LONGEST;
/// Times that can be zero.
pub(super) const PAUSE: RangeInclusive<Duration> = Duration::ZERO..=LONGEST;
/// Numbers of results in a row.
pub(super) const COUNT: RangeInclusive<u32> = 1..=u32::MAX;
/// Percent of an interval.
pub(super) const JITTER: RangeInclusive<u32> = 0..=Policy::MAX_JITTER as u32;

/// Defaults of a check from its real server, which has them from its virtual server.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CheckDefaults {
    pub(super) retries: Option<At<u32>>,
    /// One more than `retries`, which it excludes.
    pub(super) fall: Option<At<u32>>,
    pub(super) rise: Option<At<u32>>,
    pub(super) retry_delay: Option<At<Duration>>,
    /// Excludes `retry_delay`.
    pub(super) fast_interval: Option<At<Duration>>,
    pub(super) down_interval: Option<At<Duration>>,
    pub(super) deadline: Option<At<Duration>>,
    pub(super) jitter: Option<At<u32>>,
    pub(super) warmup: Option<At<Duration>>,
    pub(super) connect_timeout: Option<At<Duration>>,
    pub(super) delay_loop: Option<At<Duration>>,
    pub(super) alpha: Option<At<bool>>,
    pub(super) via_vip: Option<At<ViaVip>>,
}

/// Keywords that keepalived does not have.
const OWN: [&str; 7] = [
    "fall",
    "rise",
    "fast_interval",
    "down_interval",
    "deadline",
    "jitter",
    "via_vip",
];

impl CheckDefaults {
    /// Reads a line of a check if it is one of these.
    pub(super) fn read(&mut self, context: &mut Context<'_>, line: NodeId, keyword: &str) -> bool {
        if context.keepalived_only && OWN.contains(&keyword) {
            context.refuse_own(line);
            return true;
        }
        self.read_count(context, line, keyword) || self.read_time(context, line, keyword)
    }

    fn read_count(&mut self, context: &mut Context<'_>, line: NodeId, keyword: &str) -> bool {
        let (range, slot) = match keyword {
            "alpha" => {
                let value = context.boolean(line);
                context.set(line, &mut self.alpha, value);
                return true;
            }
            "via_vip" => {
                let value = via_vip(context, line);
                context.set(line, &mut self.via_vip, value);
                return true;
            }
            "retry" => (0..=u32::MAX, &mut self.retries),
            "fall" => (COUNT, &mut self.fall),
            "rise" => (COUNT, &mut self.rise),
            "jitter" => (JITTER, &mut self.jitter),
            _ => return false,
        };
        let value = context.number(line, range);
        context.set(line, slot, value);
        true
    }

    fn read_time(&mut self, context: &mut Context<'_>, line: NodeId, keyword: &str) -> bool {
        let (range, slot) = match keyword {
            "delay_loop" => (PERIOD, &mut self.delay_loop),
            "fast_interval" => (PERIOD, &mut self.fast_interval),
            "down_interval" => (PERIOD, &mut self.down_interval),
            "deadline" => (PERIOD, &mut self.deadline),
            "connect_timeout" => (PERIOD, &mut self.connect_timeout),
            "warmup" => (PAUSE, &mut self.warmup),
            "delay_before_retry" => (PAUSE, &mut self.retry_delay),
            _ => return false,
        };
        let value = context.seconds(line, range);
        context.set(line, slot, value);
        true
    }

    /// Reports settings of one block that exclude each other, and leaves out the later one of each two.
    pub(super) fn exclude_contradictions(&mut self, context: &mut Context<'_>) {
        let note = "`fall` is one more than `retry`";
        exclude(
            context,
            ("retry", &mut self.retries),
            ("fall", &mut self.fall),
            note,
        );
        let note = "both set the time between two attempts";
        exclude(
            context,
            ("delay_before_retry", &mut self.retry_delay),
            ("fast_interval", &mut self.fast_interval),
            note,
        );
        self.warn_of_slow_transition(context);
    }

    fn warn_of_slow_transition(&self, context: &mut Context<'_>) {
        if let (Some(fast), Some(regular)) = (self.fast_interval, self.delay_loop)
            && fast.value > regular.value
        {
            let message = "`fast_interval` is longer than `delay_loop`";
            let finding = Diagnostic::warning(fast.span, message);
            let finding = finding.note_at(regular.span, "`delay_loop` is given here");
            context.findings.push(finding.silent());
        }
    }

    /// These settings where they are given, else the outer ones.
    pub(super) fn or(self, outer: &Self) -> Self {
        // Either of two settings that exclude each other hides both outer ones.
        let (retries, fall) = match (self.retries, self.fall) {
            (None, None) => (outer.retries, outer.fall),
            own => own,
        };
        let (retry_delay, fast_interval) = match (self.retry_delay, self.fast_interval) {
            (None, None) => (outer.retry_delay, outer.fast_interval),
            own => own,
        };
        Self {
            retries,
            fall,
            rise: self.rise.or(outer.rise),
            retry_delay,
            fast_interval,
            down_interval: self.down_interval.or(outer.down_interval),
            deadline: self.deadline.or(outer.deadline),
            jitter: self.jitter.or(outer.jitter),
            warmup: self.warmup.or(outer.warmup),
            connect_timeout: self.connect_timeout.or(outer.connect_timeout),
            delay_loop: self.delay_loop.or(outer.delay_loop),
            alpha: self.alpha.or(outer.alpha),
            via_vip: self.via_vip.or(outer.via_vip),
        }
    }

    /// The number of further attempts, if it is given in either way.
    pub(super) fn retries(&self) -> Option<u32> {
        let fall = self.fall.map(|at| at.value.saturating_sub(1));
        fall.or_else(|| self.retries.map(|at| at.value))
    }
}

/// Reports two settings of one block that exclude each other, and leaves out the later one.
fn exclude<A, B>(
    context: &mut Context<'_>,
    (name, setting): (&str, &mut Option<At<A>>),
    (other_name, other): (&str, &mut Option<At<B>>),
    note: &str,
) {
    let (Some(one), Some(two)) = (&setting, &other) else {
        return;
    };
    let (one, two) = (one.span, two.span);
    let (earlier, later, later_name, earlier_name) = if one.start < two.start {
        *other = None;
        (one, two, other_name, name)
    } else {
        *setting = None;
        (two, one, name, other_name)
    };
    let message = format!("`{later_name}` contradicts `{earlier_name}`");
    let finding = Diagnostic::error(later, message).label("ignored");
    let finding = finding.note_at(earlier, format!("`{earlier_name}` is given here"));
    context.findings.push(finding.note(note));
}
