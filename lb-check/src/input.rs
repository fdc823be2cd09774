// SPDX-License-Identifier: MIT OR Apache-2.0
//! States that a program pushes, as checks.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::{HealthCheck, LocalError, Outcome, Reason, Target};

/// A state that a program pushes: a number in a file, a BFD session, an order over an API.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum InputState {
    /// The target is well.
    Up,
    /// The target has failed, for this reason.
    Down(String),
    /// A number; what it means is the matter of the check.
    Number(i64),
}

/// A named state that a program pushes, and checks follow; clones share it.
///
/// A [`HealthCheck`] with an [`input`](HealthCheck::input) is probed at once when the state changes, whatever
/// its interval. Before the first state the [`Scheduler`](crate::Scheduler) does not probe it, and nothing is
/// known of its targets.
#[derive(Clone)]
pub struct Input {
    kind: &'static str,
    name: Arc<str>,
    state: watch::Sender<Option<InputState>>,
}

impl Input {
    /// An input without a state. `kind` names what the state is of (`track_file`, `bfd_instance`), `name` which
    /// one.
    #[must_use]
    pub fn new(kind: &'static str, name: impl Into<Arc<str>>) -> Self {
        Self {
            kind,
            name: name.into(),
            state: watch::Sender::new(None),
        }
    }

    /// What the state is of: `track_file`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.kind
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sets the state; an equal one changes nothing.
    pub fn set(&self, state: InputState) {
        self.state.send_if_modified(|current| {
            let changes = current.as_ref() != Some(&state);
            if changes {
                *current = Some(state);
            }
            changes
        });
    }

    /// Removes the state, so that nothing is known of it; verdicts stay.
    pub fn clear(&self) {
        self.state
            .send_if_modified(|current| current.take().is_some());
    }

    /// The present state, if there is one.
    #[must_use]
    pub fn state(&self) -> Option<InputState> {
        self.state.borrow().clone()
    }

    /// Follows the changes from now on.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Option<InputState>> {
        self.state.subscribe()
    }

    /// The outcome without a state.
    pub(crate) fn unknown(&self) -> Outcome {
        Outcome::local(LocalError::Other(format!("{self} has no state yet")))
    }
}

/// Kind and name: `track_file load`.
impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// Kind and name, and no state: a check that follows an input is the same check in each of its states.
impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Input").field(&self.to_string()).finish()
    }
}

/// A check that follows an [`Input`]: passes while it is up, or its number is 0.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use lb_check::{CheckEvent, Input, InputCheck, InputState, Policy, ProbeSpec, Scheduler,
///     SchedulerOptions, SubscriptionId, Target};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let input = Input::new("deployment", "web1");
/// let check = Arc::new(InputCheck::new("DEPLOYMENT", input.clone()));
/// let (scheduler, mut events) = Scheduler::start(SchedulerOptions::default());
/// let target = Target::new("192.0.2.61:80".parse()?);
/// let policy = Policy::default().with_warmup(Duration::ZERO).with_retries(0);
/// scheduler.subscribe(SubscriptionId::new(1), ProbeSpec::new(check, target, policy)).await?;
///
/// input.set(InputState::Up);
/// assert!(matches!(events.recv().await, Some(CheckEvent::Changed { up: true, .. })));
/// input.set(InputState::Down("restarting".into()));
/// assert!(matches!(events.recv().await, Some(CheckEvent::Changed { up: false, .. })));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct InputCheck {
    kind: &'static str,
    input: Input,
}

impl InputCheck {
    /// A check of this kind that follows `input`.
    #[must_use]
    pub const fn new(kind: &'static str, input: Input) -> Self {
        Self { kind, input }
    }
}

#[async_trait]
impl HealthCheck for InputCheck {
    fn kind(&self) -> &str {
        self.kind
    }

    fn identity(&self) -> String {
        format!("{} {}", self.kind, self.input)
    }

    fn input(&self) -> Option<&Input> {
        Some(&self.input)
    }

    async fn check(&self, _: &Target) -> Outcome {
        match self.input.state() {
            None => self.input.unknown(),
            Some(InputState::Up | InputState::Number(0)) => Outcome::pass(),
            Some(InputState::Down(reason)) => Outcome::fail(Reason::Other(reason)),
            Some(InputState::Number(number)) => {
                Outcome::fail(Reason::Other(format!("number {number}")))
            }
        }
    }
}
