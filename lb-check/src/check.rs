// SPDX-License-Identifier: MIT OR Apache-2.0
//! The trait of health checks.

use std::fmt;

use async_trait::async_trait;

use crate::{Outcome, Target};

/// A way to ask a target whether it is well.
///
/// An implementation knows *how* to ask, once. How often it is asked, how many failures are too many
/// and what happens then is up to [`Policy`](crate::Policy) and [`CheckState`](crate::CheckState).
///
/// # Cancel safety
/// The future returned by [`check`](Self::check) may be dropped at any await point: at its
/// deadline, when the target leaves the configuration, at shutdown. Whatever it opened (sockets,
/// child processes) must go with it.
///
/// The future must not block its thread; use the runtime's `spawn_blocking` for what does.
/// A panic in it becomes one [`Outcome::local`] and nothing else.
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

    /// Probes `target` once.
    async fn check(&self, target: &Target) -> Outcome;
}
