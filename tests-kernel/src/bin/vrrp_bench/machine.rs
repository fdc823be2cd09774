// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the machine itself does to programs that have to be on time: a guest whose host is busy is
//! late whatever runs there.

use std::fs;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crate::report::Sample;

/// How late a thread is that sleeps for 10 ms at a time and does nothing else, for five seconds.
#[expect(
    clippy::disallowed_methods,
    reason = "sleeping is what is measured, and there is no runtime"
)]
pub(crate) fn lateness() -> Sample {
    const TIMES: u32 = 500;
    const PAUSE: Duration = Duration::from_millis(10);
    let begin = Instant::now();
    let late = (1..=TIMES).map(|round| {
        let due = begin + PAUSE * round;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        i128::try_from(due.elapsed().as_nanos()).unwrap_or(i128::MAX)
    });
    let mut sample = Sample::default();
    sample.extend(late);
    sample
}

/// Of all processors, in ticks since the machine started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticks {
    /// A processor that was wanted and not had.
    stolen: u64,
    all: u64,
}

impl Ticks {
    /// As of now: the line `cpu` of `/proc/stat`, proc(5).
    pub(crate) fn now() -> io::Result<Self> {
        /// Where a guest of this machine counts, it counts as user time as well.
        const COUNTED: usize = 8;
        const STEAL: usize = 7;
        let text = fs::read_to_string("/proc/stat")?;
        let line = text.lines().next().unwrap_or_default();
        let fields = line.split_whitespace().skip(1).take(COUNTED);
        let fields: Vec<u64> = fields.filter_map(|field| field.parse().ok()).collect();
        Ok(Self {
            stolen: fields.get(STEAL).copied().unwrap_or_default(),
            all: fields.iter().sum(),
        })
    }

    /// Hundredths of the processors' time that were stolen since then. The kernel's counts may also
    /// go back a little.
    pub(crate) fn stolen_since(self, then: Self) -> f64 {
        let part = |field: fn(Self) -> u64| {
            u32::try_from(field(self).saturating_sub(field(then))).unwrap_or(u32::MAX)
        };
        100.0 * f64::from(part(|field| field.stolen)) / f64::from(part(|field| field.all).max(1))
    }
}
