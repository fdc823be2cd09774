// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tracked objects and their states.

use std::{
    num::{NonZeroU16, NonZeroU32},
    time::{Duration, Instant},
};

/// An object whose state affects the election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Object {
    /// An interface, up or down (`track_interface`). Initially up.
    Interface,
    /// A script that succeeds or fails (`vrrp_script`).
    Script(Script),
    /// A number in a file (`track_file`). Initially 0.
    File,
    /// A number of processes (`vrrp_track_process`). Unknown until counted.
    Process(Process),
    /// A BFD session, up or down (`bfd_instance`). Initially down.
    Bfd,
    /// A static address, route or rule, installed or not (`track_group`). Initially installed.
    Static,
}

/// How often a script must succeed or fail to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the keywords of vrrp_script")]
pub struct Script {
    /// Successes in a row until it counts as well (`rise`).
    pub rise: NonZeroU32,
    /// Failures in a row until it counts as failed (`fall`).
    pub fall: NonZeroU32,
    /// It counts as failed before its first result (`init_fail`); otherwise it has no effect, and
    /// routers that it can make faulty wait for the first result.
    pub init_fail: bool,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            rise: NonZeroU32::MIN,
            fall: NonZeroU32::MIN,
            init_fail: false,
        }
    }
}

/// The required number of processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the keywords of vrrp_track_process"
)]
pub struct Process {
    /// The minimum (`quorum`).
    pub quorum: u16,
    /// The maximum (`quorum_max`); with 0 there must be none.
    pub quorum_max: Option<u16>,
    /// How long enough of them must run before they count (`fork_delay`).
    pub fork_delay: Duration,
    /// How long too few or too many are tolerated (`terminate_delay`).
    pub terminate_delay: Duration,
}

impl Default for Process {
    fn default() -> Self {
        Self {
            quorum: NonZeroU16::MIN.get(),
            quorum_max: None,
            fork_delay: Duration::ZERO,
            terminate_delay: Duration::ZERO,
        }
    }
}

impl Process {
    fn suffices(&self, count: u32) -> bool {
        match self.quorum_max {
            Some(0) => count == 0,
            Some(most) => (u32::from(self.quorum)..=u32::from(most)).contains(&count),
            None => count >= u32::from(self.quorum),
        }
    }
}

/// How a run of a script ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScriptOutcome {
    /// It exited with this status; 0 is success.
    Exited(i32),
    /// A signal ended it: a failure.
    Killed(i32),
    /// It did not end in time: a failure.
    TimedOut,
    /// It could not be started: a failure. keepalived counts it as success, because its child exits
    /// with 0 then.
    NotStarted,
}

impl ScriptOutcome {
    /// Whether it counts as success.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Exited(0))
    }
}

/// The state of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Verdict {
    /// Not known yet.
    Unknown,
    /// Well, or failed.
    Well(bool),
    /// The number in a file.
    Value(i64),
}

/// An object and its state, shared by all routers that track it.
#[derive(Clone, Debug)]
pub(super) enum Tracked {
    /// An interface, a session, or a static item.
    Binary {
        object: Object,
        up: bool,
    },
    Script {
        script: Script,
        result: RiseFall,
    },
    File {
        value: i64,
    },
    Process(ProcessCount),
}

impl Tracked {
    pub(super) fn new(object: Object) -> Self {
        match object {
            Object::Interface | Object::Static => Self::Binary { object, up: true },
            Object::Bfd => Self::Binary { object, up: false },
            Object::Script(script) => Self::Script {
                script,
                result: RiseFall::new(&script),
            },
            Object::File => Self::File { value: 0 },
            Object::Process(process) => Self::Process(ProcessCount::new(process)),
        }
    }

    pub(super) const fn object(&self) -> Object {
        match self {
            Self::Binary { object, .. } => *object,
            Self::Script { script, .. } => Object::Script(*script),
            Self::File { .. } => Object::File,
            Self::Process(count) => Object::Process(count.process),
        }
    }

    /// Changes the parameters and keeps the state, unless the kind differs.
    pub(super) fn replace(&mut self, now: Instant, object: Object) {
        match (&mut *self, object) {
            (Self::Script { script, result }, Object::Script(new)) => {
                result.rescale(&new);
                *script = new;
            }
            (Self::Process(count), Object::Process(new)) => {
                count.process = new;
                count.evaluate(now);
            }
            (known, new) if known.object() == new => {}
            (known, new) => *known = Self::new(new),
        }
    }

    /// Sets the state to one of another tracker; ignored if the kind differs.
    pub(super) fn restore(&mut self, verdict: Verdict) {
        match (self, verdict) {
            (Self::Binary { up, .. }, Verdict::Well(well)) => *up = well,
            (Self::Script { script, result }, Verdict::Well(true)) => result.well(script),
            (Self::Script { result, .. }, Verdict::Well(false)) => result.fail(),
            (Self::File { value }, Verdict::Value(known)) => *value = known,
            (Self::Process(count), Verdict::Well(well)) => count.well = Some(well),
            _ => {}
        }
    }

    pub(super) const fn verdict(&self) -> Verdict {
        match self {
            Self::Binary { up, .. } => Verdict::Well(*up),
            Self::Script { result, .. } => result.verdict(),
            Self::File { value } => Verdict::Value(*value),
            Self::Process(count) => match count.well {
                Some(well) => Verdict::Well(well),
                None => Verdict::Unknown,
            },
        }
    }

    /// When the state changes without a further event.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Process(count) => count.deadline,
            Self::Binary { .. } | Self::Script { .. } | Self::File { .. } => None,
        }
    }
}

/// Successes and failures in a row, as keepalived counts them: `0..rise` is failed, `rise` up to
/// `rise + fall - 1` is well. The first result decides alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct RiseFall {
    result: u32,
    /// `None`: not known yet.
    well: Option<bool>,
}

impl RiseFall {
    const fn new(script: &Script) -> Self {
        Self {
            result: script.rise.get() - 1,
            well: if script.init_fail { Some(false) } else { None },
        }
    }

    const fn verdict(self) -> Verdict {
        match self.well {
            Some(well) => Verdict::Well(well),
            None => Verdict::Unknown,
        }
    }

    pub(super) const fn count(&mut self, script: &Script, success: bool) {
        let rise = script.rise.get();
        if success {
            if self.result < rise - 1 {
                self.result += 1;
            } else {
                self.well(script);
            }
        } else if self.result > rise {
            self.result -= 1;
        } else {
            self.fail();
        }
    }

    const fn fail(&mut self) {
        self.result = 0;
        self.well = Some(false);
    }

    const fn well(&mut self, script: &Script) {
        self.result = script
            .rise
            .get()
            .saturating_add(script.fall.get().saturating_sub(1));
        self.well = Some(true);
    }

    /// The result stays, with all its successes or failures.
    const fn rescale(&mut self, script: &Script) {
        match self.well {
            Some(true) => self.well(script),
            Some(false) => self.result = 0,
            None => *self = Self::new(script),
        }
    }
}

/// The number of processes, and whether it is in the range.
#[derive(Clone, Debug)]
pub(super) struct ProcessCount {
    process: Process,
    count: Option<u32>,
    well: Option<bool>,
    /// When the verdict changes if the number stays the same.
    deadline: Option<Instant>,
}

impl ProcessCount {
    const fn new(process: Process) -> Self {
        Self {
            process,
            count: None,
            well: None,
            deadline: None,
        }
    }

    pub(super) fn count(&mut self, now: Instant, count: u32) {
        self.count = Some(count);
        self.evaluate(now);
    }

    /// The first count decides at once; later ones after their delay.
    fn evaluate(&mut self, now: Instant) {
        let Some(count) = self.count else { return };
        let suffices = self.process.suffices(count);
        let delay = if suffices {
            self.process.fork_delay
        } else {
            self.process.terminate_delay
        };
        if self.well.is_none() || self.well == Some(suffices) || delay.is_zero() {
            self.well = Some(suffices);
            self.deadline = None;
        } else {
            self.deadline.get_or_insert(now + delay);
        }
    }

    pub(super) const fn is_waiting(&self) -> bool {
        self.deadline.is_some()
    }

    pub(super) fn timeout(&mut self, now: Instant) {
        if self.deadline.take_if(|deadline| *deadline <= now).is_some() {
            self.well = self.well.map(|well| !well);
        }
    }
}
