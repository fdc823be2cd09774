// SPDX-License-Identifier: MIT OR Apache-2.0
//! `vrrp_script`, `track_file`, `vrrp_track_process`: what can be tracked.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use lb_vrrp::track::{self, FileInit, ProcessPattern};

use super::command::Line;
use super::line::{At, Context};
use super::track::{Kind, WeightConfig, weight};
use super::tree::NodeId;

/// Longest interval of a script.
const LONGEST: Duration = Duration::from_secs(4294);
/// Limits of the delays of a tracked process.
pub(super) const PROCESS_DELAY: RangeInclusive<Duration> =
    Duration::from_micros(1)..=Duration::from_secs(3600);

#[derive(Debug, Default)]
pub(super) struct ScriptConfig {
    pub(super) command: Option<Line>,
    pub(super) user: Option<Line>,
    pub(super) interval: Option<At<Duration>>,
    pub(super) timeout: Option<At<Duration>>,
    pub(super) rise: Option<At<u32>>,
    pub(super) fall: Option<At<u32>>,
    pub(super) init_fail: Option<At<bool>>,
}

impl ScriptConfig {
    pub(super) fn script(&self) -> track::Script {
        let count = |at: Option<At<u32>>| at.and_then(|at| NonZeroU32::new(at.value));
        track::Script {
            rise: count(self.rise).unwrap_or(NonZeroU32::MIN),
            fall: count(self.fall).unwrap_or(NonZeroU32::MIN),
            init_fail: self.init_fail.is_some(),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct FileConfig {
    pub(super) path: Option<At<String>>,
    pub(super) init: Option<At<FileInit>>,
}

/// `param_match`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Matching {
    Exact,
    Initial,
    Partial,
}

#[derive(Debug, Default)]
pub(super) struct ProcessConfig {
    words: Option<At<Vec<String>>>,
    matching: Option<At<Matching>>,
    pub(super) full_command: Option<At<bool>>,
    pub(super) quorum: Option<At<u32>>,
    pub(super) quorum_max: Option<At<u32>>,
    pub(super) fork_delay: Option<At<Duration>>,
    pub(super) terminate_delay: Option<At<Duration>>,
}

impl ProcessConfig {
    /// None without `process`.
    pub(super) fn pattern(&self) -> Option<ProcessPattern> {
        let words = self.words.as_ref()?.value.clone();
        let matching = self.matching.map(|at| at.value);
        Some(match (matching, words.as_slice()) {
            (None, [name]) if self.full_command.is_none() => ProcessPattern::Name(name.clone()),
            (None | Some(Matching::Exact), _) => ProcessPattern::Exact(words),
            (Some(Matching::Initial), _) => ProcessPattern::Initial(words),
            (Some(Matching::Partial), _) => ProcessPattern::Partial(words),
        })
    }

    pub(super) fn process(&self) -> track::Process {
        // Numbers of at most 65535.
        let number = |at: At<u32>| u16::try_from(at.value).unwrap_or(u16::MAX);
        track::Process {
            quorum: self.quorum.map_or(1, number),
            quorum_max: self.quorum_max.map(number),
            fork_delay: self.fork_delay.map_or(Duration::ZERO, |at| at.value),
            terminate_delay: self.terminate_delay.map_or(Duration::ZERO, |at| at.value),
        }
    }
}

#[derive(Debug)]
pub(super) enum Source {
    Script(ScriptConfig),
    File(FileConfig),
    Process(ProcessConfig),
}

/// One block.
#[derive(Debug)]
pub(super) struct ObjectConfig {
    pub(super) name: At<String>,
    pub(super) weight: Option<WeightConfig>,
    pub(super) source: Source,
    pub(super) block: NodeId,
}

impl ObjectConfig {
    pub(super) const fn new(name: At<String>, source: Source, block: NodeId) -> Self {
        Self {
            name,
            weight: None,
            source,
            block,
        }
    }

    pub(super) const fn kind(&self) -> Kind {
        match self.source {
            Source::Script(_) => Kind::Script,
            Source::File(_) => Kind::File,
            Source::Process(_) => Kind::Process,
        }
    }

    /// Reads `weight`; a wrong one does not replace an earlier one.
    pub(super) fn weight(&mut self, context: &mut Context<'_>, line: NodeId) {
        context.no_block(line);
        self.weight = weight(context, line, 1, self.kind()).or(self.weight);
    }
}

/// Seconds with decimals; as in keepalived 0 is 1.
pub(super) fn seconds(context: &mut Context<'_>, line: NodeId) -> Option<At<Duration>> {
    let mut value = context.seconds(line, Duration::ZERO..=LONGEST)?;
    if value.value.is_zero() {
        context.warning(value.span, "0 is taken as 1 s");
        value.value = Duration::from_secs(1);
    }
    Some(value)
}

impl FileConfig {
    /// The path, if there is one.
    pub(super) fn path(&self) -> Option<PathBuf> {
        self.path.as_ref().map(|at| PathBuf::from(&at.value))
    }

    pub(super) fn init(&mut self, context: &mut Context<'_>, line: NodeId) {
        context.no_block(line);
        let mut init = FileInit::default();
        for word in context.arguments(line) {
            let text = At::new(context.text(word), word.span);
            if text.value == "overwrite" {
                init.overwrite = true;
            } else if let Ok(value) = text.value.parse::<i32>() {
                init.value = i64::from(value);
            } else {
                let finding = context.not_a(text, "a number or `overwrite`", None);
                context.findings.push(finding);
                return;
            }
        }
        let value = At::new(init, context.keyword(line).1);
        context.set(line, &mut self.init, Some(value));
    }
}

impl ProcessConfig {
    pub(super) fn words(&mut self, context: &mut Context<'_>, line: NodeId) {
        context.no_block(line);
        if context.argument(line, 0, "the name of a process").is_none() {
            return;
        }
        let words = context.arguments(line).iter();
        let words = words.map(|word| context.text(word).to_owned()).collect();
        let value = At::new(words, context.keyword(line).1);
        context.set(line, &mut self.words, Some(value));
    }

    pub(super) fn matching(&mut self, context: &mut Context<'_>, line: NodeId) {
        let value = if context.arguments(line).is_empty() {
            Some(At::new(Matching::Exact, context.flag(line).span))
        } else {
            let choices = [
                ("initial", Matching::Initial),
                ("partial", Matching::Partial),
            ];
            let text = context.value(line, "initial or partial");
            text.and_then(|text| context.one_of(text, "a way to match", &choices))
        };
        context.set(line, &mut self.matching, value);
    }

    pub(super) fn delay(&mut self, context: &mut Context<'_>, line: NodeId) {
        let value = context.seconds(line, PROCESS_DELAY);
        context.set(line, &mut self.fork_delay, value);
        context.set(line, &mut self.terminate_delay, value);
    }
}
