// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps whose programs run in the guest kernel, several guests at once.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tests_kernel::guest::Guest;
use tests_kernel::lab::{Kernel, Lab, Suite, Tree};

use crate::artifacts::{self, Artifact};
use crate::place::Place;
use crate::pool;
use crate::runner::{Counts, StepError};
use crate::steps::{Context, processors};
use crate::suite::{self, is_of_harness};

/// Examples that exit 0 only when what they show came out right.
const EXAMPLES: &[(&str, &str)] = &[
    ("example", "nat"),
    ("example", "dr"),
    ("example", "custom_check"),
    ("example", "vrrp_only"),
    ("example", "vrrp_simulation"),
    ("example", "ipvs_only"),
];
/// Suites whose tests take longest: their guests boot first, so that no guest runs alone at the end.
const LONGEST: &[&str] = &["failover", "cluster", "parity"];
/// The suite whose tests take minutes each: every one has a guest.
const ONE_PER_GUEST: &str = "failover";
/// Tests of one suite for each boot of a guest.
const TESTS_PER_GUEST: usize = 4;
/// Time for one guest, several times what the longest takes.
const DEADLINE: Duration = Duration::from_secs(20 * 60);

/// A program for a guest, with arguments.
#[derive(Debug, Clone)]
pub(crate) struct GuestJob {
    /// Names the run's directory and the line of the report.
    pub(crate) label: String,
    pub(crate) kernel: Kernel,
    pub(crate) peers: Suite,
    /// Whether the guest has the tree of servers instead of the peers.
    pub(crate) servers: bool,
    pub(crate) directory: PathBuf,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) deadline: Duration,
}

/// The result of a guest.
pub(crate) struct GuestOutcome {
    pub(crate) label: String,
    pub(crate) counts: Counts,
    pub(crate) times: Vec<(Duration, String)>,
    /// The tests that failed, named as in `times`.
    pub(crate) failed: Vec<String>,
    pub(crate) output: Vec<String>,
    pub(crate) result: Result<(), StepError>,
}

pub(super) fn lab(context: &mut Context) -> Result<(), StepError> {
    context.fetch()?;
    let artifacts = context.artifacts()?;
    let mut suites = suite::suites(&artifacts, Place::Guest)?;
    suites.sort_by_key(|suite| {
        let place = LONGEST.iter().position(|name| *name == suite.name);
        place.unwrap_or(LONGEST.len())
    });
    let mut jobs = Vec::new();
    for (kernel, peers) in combinations(context)? {
        for suite in &suites {
            jobs.extend(chunks(context, suite, &kernel, peers)?);
        }
    }
    let shard = context.shard;
    let mut position = 0..;
    jobs.retain(|_| position.next().is_some_and(|at| shard.has(at)));
    run_jobs(context, jobs)?;
    context.fail_on_skip()
}

/// The kernels and peers that the suites run with: in a soak both kernels, and the newest peers
/// on the default kernel.
fn combinations(context: &Context) -> Result<Vec<(Kernel, Suite)>, StepError> {
    let lab = Lab::locate()?;
    let default = lab.kernel()?.clone();
    if !context.soak {
        return Ok(vec![(default, Suite::of_peers())]);
    }
    let mut all: Vec<_> = lab
        .kernels()
        .iter()
        .map(|kernel| (kernel.clone(), Suite::Distribution))
        .collect();
    if all.len() < 2 {
        println!("lab: only kernel {default} boots here; the suites run on it alone");
    }
    if Tree::NewestPeers.path().is_dir() {
        all.push((default, Suite::Newest));
    } else {
        println!(
            "lab: the newest peers are not there; the suites run with the distribution's alone"
        );
    }
    Ok(all)
}

/// A suite's tests, some for each guest.
fn chunks(
    context: &Context,
    suite: &Artifact,
    kernel: &Kernel,
    peers: Suite,
) -> Result<Vec<GuestJob>, StepError> {
    let tests = suite::list(suite, &context.interrupted)?;
    let size = if suite.name == ONE_PER_GUEST {
        1
    } else {
        TESTS_PER_GUEST
    };
    let several = tests.len() > size;
    let jobs = tests.chunks(size).zip(1..).map(|(tests, part)| {
        let mut arguments: Vec<String> = tests.iter().map(|test| test.name.clone()).collect();
        arguments.extend(["--exact".to_owned(), "--test-threads=1".to_owned()]);
        let mut label = suite.name.clone();
        if several {
            label = format!("{label}-{part}");
        }
        if context.soak {
            label = format!("{label}-{}-{}", kernel.release, peers.name());
        }
        GuestJob {
            label,
            kernel: kernel.clone(),
            peers,
            servers: suite::place_of(suite) == Place::Servers,
            directory: suite.directory.clone(),
            program: suite.path.clone(),
            arguments,
            deadline: DEADLINE,
        }
    });
    Ok(jobs.collect())
}

/// The checks of lb-check, each beside a server of its protocol.
pub(super) fn servers(context: &mut Context) -> Result<(), StepError> {
    context.fetch()?;
    let artifacts = context.artifacts()?;
    let kernel = Lab::locate()?.kernel()?.clone();
    let mut jobs = Vec::new();
    for suite in &suite::suites(&artifacts, Place::Servers)? {
        jobs.extend(chunks(context, suite, &kernel, Suite::Distribution)?);
    }
    run_jobs(context, jobs)?;
    context.fail_on_skip()
}

pub(super) fn examples(context: &mut Context) -> Result<(), StepError> {
    context.fetch()?;
    let artifacts = context.artifacts()?;
    let kernel = Lab::locate()?.kernel()?.clone();
    let mut jobs = Vec::new();
    for &(kind, name) in EXAMPLES {
        let example = artifacts::program(&artifacts, kind, name)?;
        jobs.push(GuestJob {
            label: name.to_owned(),
            kernel: kernel.clone(),
            peers: Suite::Distribution,
            servers: false,
            directory: example.directory.clone(),
            program: example.path.clone(),
            arguments: Vec::new(),
            deadline: DEADLINE,
        });
    }
    run_jobs(context, jobs)
}

/// Boots a guest for each job. All jobs run, so that one failure does not hide another.
///
/// A guest uses one processor at most and waits for half of its time, so one guest more than there are
/// processors runs at once.
fn run_jobs(context: &mut Context, jobs: Vec<GuestJob>) -> Result<(), StepError> {
    let all = jobs.len();
    let variables = context.variables()?;
    let interrupted = Arc::clone(&context.interrupted);
    let mut failed = Vec::new();
    pool::run(
        jobs,
        processors() + 1,
        &interrupted,
        |job| run_in_guest(&job, &variables, &interrupted, true),
        |outcome| {
            context.times.extend(outcome.times);
            let mut counts = outcome.counts;
            match outcome.result {
                // A program without a harness counts as one test.
                Ok(()) if counts == Counts::default() => counts.passed = 1,
                Ok(()) => {}
                Err(error) => {
                    counts.failed = counts.failed.max(1);
                    println!(" FAILED  {}: {}", outcome.label, crate::chain(&error));
                    for line in &outcome.output {
                        println!("            {line}");
                    }
                    failed.push(outcome.label);
                }
            }
            context.counts.add(counts);
        },
    );
    if interrupted.load(Ordering::Relaxed) {
        return Err(StepError::Interrupted);
    }
    if failed.is_empty() {
        return Ok(());
    }
    println!("failed guests: {}", failed.join(", "));
    Err(StepError::Tests {
        failed: failed.len(),
        all,
    })
}

/// Boots a guest for one program and reads the lines of its test harness.
pub(crate) fn run_in_guest(
    job: &GuestJob,
    variables: &[(&'static str, String)],
    interrupted: &Arc<AtomicBool>,
    show: bool,
) -> GuestOutcome {
    let mut guest = Guest::new(&job.kernel)
        .with_name(&job.label)
        .with_peers(job.peers)
        .with_directory(&job.directory)
        .with_deadline(job.deadline)
        .with_env("RUST_BACKTRACE", "1")
        .with_interrupt(Arc::clone(interrupted));
    if job.servers {
        guest = guest.with_servers();
    }
    for (name, value) in variables {
        guest = guest.with_env(*name, value);
    }
    let mut words = vec![job.program.clone().into_os_string()];
    words.extend(job.arguments.iter().map(Into::into));
    let mut follower = Follower::new(&job.label, show);
    let result = guest.run(words, |line| follower.observe(line));
    let result = match result {
        Ok(outcome) => {
            if show {
                println!(
                    "   guest {:>7.2} s  {} (booted in {:.1?})",
                    outcome.total.as_secs_f64(),
                    job.label,
                    outcome.boot
                );
            }
            if outcome.exit_code == 0 {
                Ok(())
            } else {
                Err(StepError::InGuest {
                    what: job.label.clone(),
                    code: outcome.exit_code,
                    results: outcome.results.display().to_string(),
                })
            }
        }
        Err(error) => Err(error.into()),
    };
    GuestOutcome {
        label: job.label.clone(),
        counts: follower.counts,
        times: follower.times,
        failed: follower.failed,
        output: follower.output,
        result,
    }
}

/// Reads the lines of a test harness that runs one test at a time.
struct Follower {
    label: String,
    show: bool,
    counts: Counts,
    times: Vec<(Duration, String)>,
    failed: Vec<String>,
    output: Vec<String>,
    /// The test whose result is still to come, because it wrote a line of its own before.
    pending: Option<String>,
    last: Instant,
}

impl Follower {
    fn new(label: &str, show: bool) -> Self {
        Self {
            label: label.to_owned(),
            show,
            counts: Counts::default(),
            times: Vec::new(),
            failed: Vec::new(),
            output: Vec::new(),
            pending: None,
            last: Instant::now(),
        }
    }

    fn observe(&mut self, line: &str) {
        self.counts.observe(line);
        self.output.push(line.to_owned());
        if line.starts_with("running ") {
            self.last = Instant::now();
        }
        let begun = line
            .strip_prefix("test ")
            .and_then(|rest| rest.split_once(" ... "));
        let result = match begun {
            Some((name, result)) => {
                self.pending = Some(name.to_owned());
                result
            }
            None => line,
        };
        let verdict = ["ok", "FAILED"].into_iter().find(|word| *word == result);
        if let (Some(verdict), Some(name)) = (verdict, self.pending.clone()) {
            self.pending = None;
            let took = self.last.elapsed();
            self.last = Instant::now();
            let label = format!("{}::{name}", self.label);
            if self.show {
                println!("{verdict:>7} {:>7.2} s  {label}", took.as_secs_f64());
            }
            if verdict == "FAILED" {
                self.failed.push(label.clone());
            }
            self.times.push((took, label));
        } else if self.show && self.counts.failed == 0 && !is_of_harness(line) {
            println!("            {}: {line}", self.label);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_behind_other_lines_is_found() {
        let mut follower = Follower::new("suite", false);
        for line in [
            "running 2 tests",
            "test first ... ok",
            "test second ... a line past the capture",
            "ok",
            "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s",
        ] {
            follower.observe(line);
        }
        let names: Vec<&str> = follower.times.iter().map(|(_, name)| &**name).collect();
        assert_eq!(names, ["suite::first", "suite::second"]);
        assert_eq!(follower.counts.passed, 2);
    }
}
