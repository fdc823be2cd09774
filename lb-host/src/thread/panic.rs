// SPDX-License-Identifier: MIT OR Apache-2.0
//! Panics as values.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use futures_util::FutureExt as _;

/// A panic, and the thread that it happened on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("thread {thread} panicked: {message}")]
#[non_exhaustive]
pub struct Panic {
    /// Name of the thread.
    pub thread: String,
    /// The text of the panic.
    pub message: String,
}

impl Panic {
    fn new(payload: &(dyn Any + Send)) -> Self {
        let text = (
            payload.downcast_ref::<String>(),
            payload.downcast_ref::<&str>(),
        );
        let message = match text {
            (Some(text), _) => text.clone(),
            (None, Some(text)) => (*text).to_owned(),
            (None, None) => "(no text)".to_owned(),
        };
        let thread = thread::current().name().unwrap_or("(unnamed)").to_owned();
        Self { thread, message }
    }
}

/// Calls `work`, and returns a panic in it as an error.
///
/// What `work` has changed when it panics stays as it is: the caller must not rely on that state.
///
/// # Errors
/// [`Panic`] when `work` panics.
pub fn catch<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| Panic::new(payload.as_ref()))
}

/// Runs a future to its end, and returns a panic in it as an error; see [`catch`].
///
/// # Errors
/// [`Panic`] when the future panics.
pub async fn catch_future<T>(future: impl Future<Output = T>) -> Result<T, Panic> {
    let ended = AssertUnwindSafe(future).catch_unwind().await;
    ended.map_err(|payload| Panic::new(payload.as_ref()))
}
