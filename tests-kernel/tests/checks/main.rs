// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checks on a real kernel: the decisions of keepalived and of our daemon on the same outages.

#![allow(clippy::unwrap_used, reason = "tests")]

mod cases;
mod outages;
mod series;
mod via_vip;

use std::error::Error;
use std::time::Duration;

type TestResult<T = ()> = Result<T, Box<dyn Error>>;

/// Ten times what the slowest step takes.
const DEADLINE: Duration = Duration::from_secs(90);
