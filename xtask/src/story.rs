// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask demo` and `bench`: programs of tests-kernel, run in the guest.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use crate::artifacts;
use crate::fetch;
use crate::in_guest::interrupt_flag;
use crate::runner::{Counts, StepError};
use crate::shard::Shard;
use crate::steps::{Context, cargo, in_guest};

const DEADLINE: Duration = Duration::from_secs(60 * 60);

/// Tells the cluster's story.
pub(crate) fn demo() -> Result<ExitCode, Box<dyn Error>> {
    in_lab("demo", &[])
}

/// Runs the criterion benches, then measures the outage of a client, ours and the peer's in turn.
pub(crate) fn bench(runs: u32) -> Result<ExitCode, Box<dyn Error>> {
    let status = cargo(&["bench", "--package", "benches"]).status()?;
    if !status.success() {
        return Ok(ExitCode::FAILURE);
    }
    in_lab("failover", &["--runs", &runs.to_string()])
}

/// Builds `lbctl` and a program of tests-kernel, and runs that in the guest.
fn in_lab(name: &str, arguments: &[&str]) -> Result<ExitCode, Box<dyn Error>> {
    let mut context = Context {
        interrupted: interrupt_flag()?,
        environment: Vec::new(),
        shard: Shard::default(),
        counts: Counts::default(),
    };
    fetch::fetch()?;
    artifacts::build(&["build", "--package", "lb-cli"], &context.interrupted)?;
    let build = ["build", "--package", "tests-kernel", "--bin", name];
    let programs = artifacts::build(&build, &context.interrupted)?;
    let program = programs.iter().find(|program| program.name == name);
    let program = program.ok_or_else(|| StepError::Missing(format!("no program {name}")))?;
    in_guest(&mut context, program, arguments, DEADLINE)?;
    Ok(ExitCode::SUCCESS)
}
