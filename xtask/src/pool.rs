// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs jobs on several threads, the first of the list first.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

/// Calls `run` for each job on `workers` threads and `on_result` on this one as results come.
/// Jobs that have not begun when `interrupted` is set are dropped.
pub(crate) fn run<J: Send, R: Send>(
    jobs: Vec<J>,
    workers: usize,
    interrupted: &AtomicBool,
    run: impl Fn(J) -> R + Sync,
    mut on_result: impl FnMut(R),
) {
    let queue = Mutex::new(VecDeque::from(jobs));
    let (sender, results) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..workers.max(1) {
            let (queue, run, sender) = (&queue, &run, sender.clone());
            scope.spawn(move || {
                while !interrupted.load(Ordering::Relaxed) {
                    let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
                    let Some(job) = queue.pop_front() else { return };
                    drop(queue);
                    if sender.send(run(job)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for result in results {
            on_result(result);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_has_a_result() {
        let mut results = Vec::new();
        let interrupted = AtomicBool::new(false);
        run(
            (0..50).collect(),
            4,
            &interrupted,
            |job: u32| job * 2,
            |result| results.push(result),
        );
        results.sort_unstable();
        assert_eq!(results, (0..50).map(|job| job * 2).collect::<Vec<_>>());
    }

    #[test]
    fn interruption_drops_the_jobs_that_wait() {
        let interrupted = AtomicBool::new(false);
        let mut results = 0;
        let job = |_| interrupted.store(true, Ordering::Relaxed);
        run((0..50).collect(), 1, &interrupted, job, |()| results += 1);
        assert_eq!(results, 1);
    }
}
