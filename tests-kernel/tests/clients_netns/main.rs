// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs that drive or read keepalived: their files and commands, with keepalived and with ours, on the
//! host's kernel. The stories are in the folder `clients`.

mod readers;
mod scripted;
mod stories;

use std::error::Error;

use tests_kernel::cluster::Software;

type TestResult<T = ()> = Result<T, Box<dyn Error>>;

/// Those whose answers are compared.
const BOTH: [Software; 2] = [Software::Keepalived, Software::Lbctl];
