// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask stress SUITE [TEST] --runs N [--load]`: the same tests many times, several at
//! once, so that a race shows before it fails a run of everything.

use std::collections::BTreeMap;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use testbed::Hogs;
use tests_kernel::lab::{Lab, Suite};

use crate::artifacts::Artifact;
use crate::in_guest::interrupt_flag;
use crate::place::Place;
use crate::pool;
use crate::runner::StepError;
use crate::steps::{Context, GuestJob, processors, run_in_guest};
use crate::suite::{self, Test, place_of};

/// Busy threads for each processor under `--load`.
const HOGS: usize = 2;
/// Runs at once on each processor, on the host.
const AT_ONCE: usize = 6;
/// Time for a guest that repeats a test.
const GUEST_DEADLINE: Duration = Duration::from_secs(4 * 60 * 60);

/// What is repeated, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The suite: the name of a test target, or of a package for its unit tests; `all-host` and
    /// `all-guest` stand for all suites of that place.
    suite: String,
    /// Only tests whose name contains this.
    test: Option<String>,
    /// How often each test is run.
    #[arg(long, default_value_t = 50)]
    runs: usize,
    /// Runs at once; on the host six for each processor unless given, guests one for each.
    #[arg(long)]
    jobs: Option<usize>,
    /// Keeps every processor busy with two threads while the tests run.
    #[arg(long)]
    load: bool,
}

/// The results of one test.
#[derive(Debug, Default)]
struct Record {
    runs: usize,
    failures: usize,
    longest: Duration,
    total: Duration,
}

impl Record {
    fn add(&mut self, took: Duration, failed: bool) {
        self.runs += 1;
        self.failures += usize::from(failed);
        self.longest = self.longest.max(took);
        self.total += took;
    }
}

/// Prints every twentieth part of the runs how many are done.
struct Progress {
    all: usize,
    done: usize,
    failed: usize,
}

impl Progress {
    const fn new(all: usize) -> Self {
        Self {
            all,
            done: 0,
            failed: 0,
        }
    }

    fn step(&mut self, failed: bool) {
        self.done += 1;
        self.failed += usize::from(failed);
        if self.done.is_multiple_of(self.all.div_ceil(20)) {
            println!("{} of {} runs, {} failed", self.done, self.all, self.failed);
        }
    }
}

/// Builds, repeats, and prints a line for each test and the output of each failure.
pub(crate) fn stress(arguments: &Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let mut context = Context::new(interrupt_flag()?);
    let artifacts = context.artifacts()?;
    let suites: Vec<&Artifact> = artifacts
        .iter()
        .filter(|artifact| artifact.is_test && arguments.selects(artifact))
        .collect();
    if suites.is_empty() {
        return Err(StepError::Missing(format!("no suite {}", arguments.suite)).into());
    }
    let mut tests = Vec::new();
    for suite in suites {
        tests.extend(suite::list(suite, &context.interrupted)?);
    }
    if let Some(part) = &arguments.test {
        tests.retain(|test| test.name.contains(part));
    }
    if tests.is_empty() {
        return Err(StepError::Missing("no test of that name".to_owned()).into());
    }
    if tests
        .iter()
        .any(|test| place_of(&test.suite) != Place::Anywhere)
    {
        context.fetch()?;
    }
    let hogs = Hogs::start(if arguments.load {
        HOGS * processors()
    } else {
        0
    });
    let (guest, host): (Vec<Test>, Vec<Test>) = tests
        .into_iter()
        .partition(|test| place_of(&test.suite).is_guest());
    let mut records = BTreeMap::new();
    on_the_host(&mut context, arguments, &host, &mut records)?;
    in_guests(&mut context, arguments, &guest, &mut records)?;
    drop(hogs);
    Ok(report(&records))
}

impl Arguments {
    fn selects(&self, artifact: &Artifact) -> bool {
        match &*self.suite {
            "all-host" => place_of(artifact) == Place::HostNamespaces,
            "all-guest" => place_of(artifact) == Place::Guest,
            name => artifact.name == name || artifact.name == name.replace('-', "_"),
        }
    }
}

/// Runs each test in a process and namespaces of its own.
fn on_the_host(
    context: &mut Context,
    arguments: &Arguments,
    tests: &[Test],
    records: &mut BTreeMap<String, Record>,
) -> Result<(), StepError> {
    let variables = context.variables()?;
    let deadline = context.deadline();
    let interrupted = Arc::clone(&context.interrupted);
    // Round by round, so that different tests run at the same time.
    let jobs: Vec<(usize, &Test)> = (1..=arguments.runs)
        .flat_map(|round| tests.iter().map(move |test| (round, test)))
        .collect();
    let mut progress = Progress::new(jobs.len());
    pool::run(
        jobs,
        arguments.jobs.unwrap_or_else(|| AT_ONCE * processors()),
        &interrupted,
        |(round, test)| (round, suite::run(test, &variables, deadline, &interrupted)),
        |(round, outcome)| {
            let failed = outcome.failure.is_some() && !interrupted.load(Ordering::Relaxed);
            if let Some(failure) = outcome.failure.filter(|_| failed) {
                println!("==== round {round}: {} FAILED: {failure}", outcome.label);
                for line in &outcome.output {
                    println!("    {line}");
                }
            }
            let record = records.entry(outcome.label).or_default();
            record.add(outcome.took, failed);
            progress.step(failed);
        },
    );
    Ok(())
}

/// Boots a guest for each part of the runs; in it the tests run one after the other.
fn in_guests(
    context: &mut Context,
    arguments: &Arguments,
    tests: &[Test],
    records: &mut BTreeMap<String, Record>,
) -> Result<(), StepError> {
    if tests.is_empty() {
        return Ok(());
    }
    let variables = context.variables()?;
    let interrupted = Arc::clone(&context.interrupted);
    let kernel = Lab::locate()?.kernel()?.clone();
    let mut suites: BTreeMap<String, Vec<&Test>> = BTreeMap::new();
    for test in tests {
        suites
            .entry(test.suite.name.clone())
            .or_default()
            .push(test);
    }
    let mut jobs = Vec::new();
    for round in 1..=arguments.runs {
        for (name, tests) in &suites {
            let Some(first) = tests.first() else { continue };
            let mut words: Vec<String> = tests.iter().map(|test| test.name.clone()).collect();
            words.extend(["--exact".to_owned(), "--test-threads=1".to_owned()]);
            jobs.push(GuestJob {
                label: format!("stress-{name}-{round}"),
                kernel: kernel.clone(),
                peers: Suite::of_peers(),
                servers: place_of(&first.suite) == Place::Servers,
                directory: first.suite.directory.clone(),
                program: first.suite.path.clone(),
                arguments: words,
                deadline: GUEST_DEADLINE,
            });
        }
    }
    let mut progress = Progress::new(jobs.len());
    pool::run(
        jobs,
        arguments.jobs.unwrap_or_else(processors),
        &interrupted,
        |job| run_in_guest(&job, &variables, &interrupted, false),
        |outcome| {
            if interrupted.load(Ordering::Relaxed) {
                return;
            }
            progress.step(outcome.result.is_err());
            let round = format!("{}::", outcome.label);
            let suite = outcome.label.strip_prefix("stress-").unwrap_or_default();
            let suite = suite.rsplit_once('-').map_or(suite, |(suite, _)| suite);
            for (took, label) in &outcome.times {
                let failed = outcome.failed.contains(label);
                let name = label.strip_prefix(&round).unwrap_or(label);
                records
                    .entry(format!("{suite}::{name}"))
                    .or_default()
                    .add(*took, failed);
            }
            if let Err(error) = outcome.result {
                println!("==== {} FAILED: {}", outcome.label, crate::chain(&error));
                for line in &outcome.output {
                    println!("    {line}");
                }
                if outcome.failed.is_empty() {
                    // The guest itself failed, not one of its tests.
                    records
                        .entry(outcome.label)
                        .or_default()
                        .add(Duration::ZERO, true);
                }
            }
        },
    );
    Ok(())
}

fn report(records: &BTreeMap<String, Record>) -> ExitCode {
    println!("\n   runs  failed  mean s   max s  test");
    let (mut runs, mut failures) = (0, 0);
    for (label, record) in records {
        let mean = record.total.as_secs_f64() / record.runs.max(1) as f64;
        println!(
            "{:>7} {:>7} {mean:>7.2} {:>7.2}  {label}",
            record.runs,
            record.failures,
            record.longest.as_secs_f64()
        );
        runs += record.runs;
        failures += record.failures;
    }
    println!("\n{} passed, {failures} failed", runs - failures);
    if failures == 0 && runs > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
