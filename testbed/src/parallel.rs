// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cases of one test at the same time.

use std::error::Error;
use std::thread;

use crate::gate::chain;

/// Plays the story of each case at the same time, each on a thread of its own, and returns the
/// results in the order of the cases. Stories of routers mostly wait.
///
/// # Errors
///
/// The first error, in the order of the cases, when all stories have ended.
pub fn play_at_once<C: Sync, T: Send>(
    cases: &[C],
    story: impl Fn(&C) -> Result<T, Box<dyn Error>> + Sync,
) -> Result<Vec<T>, Box<dyn Error>> {
    let story = &story;
    let outcomes: Vec<Result<T, String>> = thread::scope(|scope| {
        // An error of any kind cannot leave its thread: its text does.
        let play = |case| scope.spawn(move || story(case).map_err(|error| chain(&*error)));
        let threads: Vec<_> = cases.iter().map(play).collect();
        let ends = threads.into_iter().map(|thread| thread.join());
        ends.map(|end| end.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let outcomes: Result<Vec<T>, String> = outcomes.into_iter().collect();
    Ok(outcomes?)
}
