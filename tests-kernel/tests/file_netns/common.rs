// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the tests of this suite share with those of them that run in the guest, too.

use std::error::Error;
use std::time::Duration;

use tests_kernel::cluster::Software;
pub(crate) use tests_kernel::cluster::{privileged, runs_scripts};

pub(crate) type TestResult<T = ()> = Result<T, Box<dyn Error>>;

/// Those whose behaviour is compared.
pub(crate) const BOTH: [Software; 2] = [Software::Keepalived, Software::Lbctl];

/// Ten times what the slowest step takes.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
