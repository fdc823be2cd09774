// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask test` and `soak`: the steps one after the other, and the summary at the end.

use std::error::Error;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::chain;
use crate::in_guest::interrupt_flag;
use crate::runner::Counts;
use crate::shard::Shard;
use crate::steps::{Context, STEPS, Step};

/// Tests named at the end because they took longest.
const SLOWEST: usize = 10;

/// How the steps are to be run.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Runs the remaining steps, too, when one has failed.
    pub(crate) keep_going: bool,
    /// Runs these steps alone.
    pub(crate) only: Vec<String>,
    /// Variables for the tests.
    pub(crate) environment: Vec<(&'static str, String)>,
    /// Runs everything, on both kernels and with the newest peers, too.
    pub(crate) soak: bool,
    /// The part of a soak that runs here.
    pub(crate) shard: Shard,
}

struct Account {
    step: &'static Step,
    took: Duration,
    counts: Counts,
    failure: Option<String>,
}

/// Runs the steps and prints the result and the minutes of each.
pub(crate) fn test(plan: Plan) -> Result<ExitCode, Box<dyn Error>> {
    for name in &plan.only {
        if !STEPS.iter().any(|step| step.name == name) {
            let names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
            return Err(format!("no step {name}; there are {}", names.join(", ")).into());
        }
    }
    let mut context = Context::new(interrupt_flag()?);
    context.environment = plan.environment;
    context.soak = plan.soak;
    context.shard = plan.shard;
    let mut accounts = Vec::new();
    for step in STEPS {
        if !plan.only.is_empty() && !plan.only.iter().any(|name| name == step.name) {
            continue;
        }
        if step.soak && !plan.soak {
            if !plan.only.is_empty() {
                return Err(format!("the step {} is part of a soak", step.name).into());
            }
            continue;
        }
        if !step.shared && !plan.shard.is_first() {
            continue;
        }
        println!("==== {}: {}", step.name, step.about);
        let start = Instant::now();
        context.counts = Counts::default();
        let result = (step.run)(&mut context);
        let failure = result.err().map(|error| chain(&error));
        if let Some(failure) = &failure {
            println!("==== {}: FAILED: {failure}", step.name);
        }
        let failed = failure.is_some();
        accounts.push(Account {
            step,
            took: start.elapsed(),
            counts: context.counts,
            failure,
        });
        let interrupted = context.interrupted.load(Ordering::Relaxed);
        if interrupted || (failed && !plan.keep_going) {
            break;
        }
    }
    report_slowest(&mut context.times);
    Ok(report(&accounts))
}

fn report_slowest(times: &mut [(Duration, String)]) {
    if times.is_empty() {
        return;
    }
    times.sort_unstable_by(|a, b| b.cmp(a));
    println!("\nslowest tests");
    for (took, label) in times.iter().take(SLOWEST) {
        println!("{:>7.1} s  {label}", took.as_secs_f64());
    }
}

fn report(accounts: &[Account]) -> ExitCode {
    println!("\nstep       minutes  passed  failed  skipped");
    let mut total = Counts::default();
    let mut minutes = 0.0;
    for account in accounts {
        let mut counts = account.counts;
        // A step without a failed test, such as a failed build, counts as one failure.
        if account.failure.is_some() && counts.failed == 0 {
            counts.failed = 1;
        }
        let took = account.took.as_secs_f64() / 60.0;
        println!(
            "{:<10} {took:>7.1} {:>7} {:>7} {:>8}  {}",
            account.step.name,
            counts.passed,
            counts.failed,
            counts.skipped,
            account.failure.as_deref().unwrap_or("ok")
        );
        total.add(counts);
        minutes += took;
    }
    println!("{:<10} {minutes:>7.1}\n", "all");
    println!("{} passed, {} failed", total.passed, total.failed);
    if total.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
