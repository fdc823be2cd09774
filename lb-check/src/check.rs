// SPDX-License-Identifier: MIT OR Apache-2.0
//! The trait of all checks.

use std::fmt;

use async_trait::async_trait;

use crate::{Outcome, Target};

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

    /// Probes `target` once.
    async fn check(&self, target: &Target) -> Outcome;
}
