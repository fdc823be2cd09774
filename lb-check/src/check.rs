// SPDX-License-Identifier: MIT OR Apache-2.0
//! The trait of all checks.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::{Arguments, Outcome, Target};

/// A way to probe a target.
///
/// An implementation makes one probe. How often it is called, how many failures make a target down
/// and what follows is the matter of [`Policy`](crate::Policy) and
/// [`CheckState`](crate::CheckState).
///
/// # Cancel safety
/// The future returned by [`check`](Self::check) may be dropped at any await point: at its
/// deadline, when the target leaves the configuration, at shutdown. Everything that it opened (sockets,
/// child processes) must be closed or killed then.
///
/// The future must not block its thread; use the runtime's `spawn_blocking` for blocking calls.
/// A panic in it becomes one [`Outcome::local`] and has no other effect.
#[async_trait]
pub trait HealthCheck: fmt::Debug + Send + Sync {
    /// The name of the check in a configuration and in logs: `TCP_CHECK`, `HTTP_GET`, `MY_CHECK`.
    fn kind(&self) -> &str;

    /// Returns a canonical text of everything that decides what the check does, apart from target and
    /// policy: checks of equal kind and identity are the same check, and on an equal target and schedule
    /// they share one probe.
    ///
    /// Without an implementation of its own a check is identified by its [`kind`](Self::kind) and its
    /// `Debug` output, which then must show every field that matters, and nothing that changes by itself.
    fn identity(&self) -> String {
        format!("{} {self:?}", self.kind())
    }

    /// Returns the lines of its block in a configuration, without those of target and schedule; `None` if
    /// a configuration cannot describe it.
    ///
    /// A check of the [`Registry`](crate::Registry) is printed by this. The factory of its
    /// [`kind`](Self::kind) makes an equal check from these lines.
    fn lines(&self) -> Option<Vec<Arguments>> {
        None
    }

    /// Returns the longest time that one probe takes by the limits of the check itself; `None` if the check
    /// has none. [`BuiltCheck::usual_deadline`](crate::BuiltCheck::usual_deadline) makes the deadline of it.
    fn time_limit(&self) -> Option<Duration> {
        None
    }

    /// Returns the longest time to connect, for a check that is one TCP connection and nothing else.
    ///
    /// The scheduler then makes the probe itself, without a task, an allocation or a call of
    /// [`check`](Self::check), and the outcome is that of [`TcpCheck`](crate::TcpCheck). `check` has to
    /// do the same: other callers use it.
    fn connect_only(&self) -> Option<Duration> {
        None
    }

    /// Returns the state that the check follows, if a program pushes it: the check is probed whenever it
    /// changes.
    #[cfg(feature = "runtime")]
    fn input(&self) -> Option<&crate::Input> {
        None
    }

    /// Probes `target` once.
    async fn check(&self, target: &Target) -> Outcome;
}
