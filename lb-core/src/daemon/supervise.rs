// SPDX-License-Identifier: MIT OR Apache-2.0
//! Restarts tasks that panic, where the daemon can do without them for a moment.

use std::time::Duration;

use lb_host::thread::catch_future;

/// First wait before a task that panicked is run again; doubled each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest such wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Runs `task` until it ends by itself.
pub(super) async fn supervised<F: Future<Output = ()>>(
    name: &'static str,
    mut task: impl FnMut() -> F,
) {
    let mut wait = FIRST_WAIT;
    // The state of a panicking task is dropped with its future; shared state is in channels.
    while let Err(panic) = catch_future(task()).await {
        tracing::error!("{name}: {panic}; running it again in {wait:?}, please report this");
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_runs_again() {
        let runs = Cell::new(0);
        supervised("test", || async {
            runs.set(runs.get() + 1);
            assert!(runs.get() > 2, "panic on purpose");
        })
        .await;
        assert_eq!(runs.get(), 3);
    }
}
