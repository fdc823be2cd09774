// SPDX-License-Identifier: MIT OR Apache-2.0
//! The steps of `cargo xtask test`, the cheapest first.

mod guests;
mod host;
mod lints;

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::available_parallelism;
use std::time::Duration;

use crate::artifacts::{self, Artifact};
use crate::claims;
use crate::fetch::{self, Wanted};
use crate::place::Place;
use crate::pool;
use crate::runner::{Counts, StepError, run};
use crate::shard::Shard;
use crate::suite::{self, Outcome, Test};
use crate::words;

pub(crate) use guests::{GuestJob, run_in_guest};

/// One step: its name for `--only`, what it proves, and the function that runs it.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Whether the parts of a soak share the step; otherwise the first part runs it.
    pub(crate) shared: bool,
    /// Whether a soak alone has the step.
    pub(crate) soak: bool,
    pub(crate) run: fn(&mut Context) -> Result<(), StepError>,
}

/// State that the steps share.
pub(crate) struct Context {
    pub(crate) interrupted: Arc<AtomicBool>,
    /// Variables for the tests, such as the number of seeds.
    pub(crate) environment: Vec<(&'static str, String)>,
    /// Runs on both kernels and with the newest peers, too.
    pub(crate) soak: bool,
    pub(crate) shard: Shard,
    /// Test results of the running step so far.
    pub(crate) counts: Counts,
    /// How long each test took, of all steps.
    pub(crate) times: Vec<(Duration, String)>,
    built: Option<Arc<Vec<Artifact>>>,
}

pub(crate) const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        about: "formatting",
        shared: false,
        soak: false,
        run: lints::fmt,
    },
    Step {
        name: "words",
        about: "plain words in comments, messages, names and pages",
        shared: false,
        soak: false,
        run: words::words,
    },
    Step {
        name: "build",
        about: "all tests, programs and examples, once for all steps",
        shared: true,
        soak: false,
        run: build,
    },
    Step {
        name: "unit",
        about: "hermetic tests",
        shared: true,
        soak: false,
        run: unit,
    },
    Step {
        name: "doctest",
        about: "examples in the documentation",
        shared: false,
        soak: false,
        run: doctest,
    },
    Step {
        name: "clippy",
        about: "lints, each crate and feature alone",
        shared: false,
        soak: false,
        run: lints::clippy,
    },
    Step {
        name: "doc",
        about: "documentation builds without a warning",
        shared: false,
        soak: false,
        run: lints::doc,
    },
    Step {
        name: "deny",
        about: "the dependencies keep to deny.toml",
        shared: false,
        soak: false,
        run: claims::deny,
    },
    Step {
        name: "msrv",
        about: "the workspace needs no newer Rust than rust-version",
        shared: false,
        soak: false,
        run: claims::msrv,
    },
    Step {
        name: "fuzz",
        about: "the fuzz targets compile",
        shared: false,
        soak: false,
        run: claims::fuzz,
    },
    Step {
        name: "fetch",
        about: "the lab's packages are there, and its kernels boot",
        shared: true,
        soak: false,
        run: fetched,
    },
    Step {
        name: "host",
        about: "namespaces on the host's kernel",
        shared: false,
        soak: false,
        run: host::host,
    },
    Step {
        name: "lab",
        about: "the guest kernel, three guests at once on two processors",
        shared: true,
        soak: false,
        run: guests::lab,
    },
    Step {
        name: "examples",
        about: "the examples, in the guest",
        shared: false,
        soak: false,
        run: guests::examples,
    },
    Step {
        name: "servers",
        about: "the checks beside real servers of each protocol, in the guest",
        shared: false,
        soak: true,
        run: guests::servers,
    },
];

/// Time for one test on the host, several times what the longest takes; a soak has more to do.
const TEST_DEADLINE: Duration = Duration::from_secs(300);
const SOAK_DEADLINE: Duration = Duration::from_secs(60 * 60);

/// `cargo` as it called us, on this workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .args(arguments);
    command
}

/// How many processors there are.
pub(crate) fn processors() -> usize {
    available_parallelism().map_or(1, usize::from)
}

impl Context {
    pub(crate) fn new(interrupted: Arc<AtomicBool>) -> Self {
        Self {
            interrupted,
            environment: Vec::new(),
            soak: false,
            shard: Shard::default(),
            counts: Counts::default(),
            times: Vec::new(),
            built: None,
        }
    }

    pub(crate) fn cargo(&mut self, arguments: &[&str]) -> Result<(), StepError> {
        let mut command = cargo(arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        run(&mut command, &self.interrupted, &mut self.counts)
    }

    /// Counts something that is right or wrong as a whole like one test.
    pub(crate) fn one(&mut self, result: Result<(), StepError>) -> Result<(), StepError> {
        match result {
            Ok(()) => self.counts.passed += 1,
            Err(_) => self.counts.failed += 1,
        }
        result
    }

    /// Everything that cargo builds for the tests, built when it is first asked for.
    pub(crate) fn artifacts(&mut self) -> Result<Arc<Vec<Artifact>>, StepError> {
        if let Some(built) = &self.built {
            return Ok(Arc::clone(built));
        }
        let built = Arc::new(artifacts::build_everything(&self.interrupted)?);
        self.built = Some(Arc::clone(&built));
        Ok(built)
    }

    /// Fetches what the lab lacks; nothing when it is complete.
    pub(crate) fn fetch(&self) -> Result<(), StepError> {
        let wanted = Wanted {
            newest_peers: self.soak,
            servers: self.soak,
            again: false,
        };
        fetch::fetch(wanted).map_err(Into::into)
    }

    /// Time for one test on the host.
    pub(crate) const fn deadline(&self) -> Duration {
        if self.soak {
            SOAK_DEADLINE
        } else {
            TEST_DEADLINE
        }
    }

    /// The variables of a test: those of this run, and where our program is.
    pub(crate) fn variables(&mut self) -> Result<Vec<(&'static str, String)>, StepError> {
        let artifacts = self.artifacts()?;
        let lbctl = artifacts::program(&artifacts, "bin", "lbctl")?;
        let mut variables = self.environment.clone();
        variables.push(("LBCTL", lbctl.path.display().to_string()));
        Ok(variables)
    }

    /// Runs tests on the host, several at once, prints a line about each, and whole what a failed
    /// one wrote.
    pub(crate) fn run_tests(
        &mut self,
        tests: Vec<Test>,
        at_once: usize,
        variables: &[(&'static str, String)],
    ) -> Result<(), StepError> {
        let all = tests.len();
        let deadline = self.deadline();
        let interrupted = Arc::clone(&self.interrupted);
        let mut failed = Vec::new();
        pool::run(
            tests,
            at_once,
            &interrupted,
            |test| suite::run(&test, variables, deadline, &interrupted),
            |outcome| {
                self.take(&outcome);
                if outcome.failure.is_some() {
                    failed.push(outcome.label);
                }
            },
        );
        if interrupted.load(Ordering::Relaxed) {
            return Err(StepError::Interrupted);
        }
        if failed.is_empty() {
            return self.fail_on_skip();
        }
        failed.sort_unstable();
        println!("failed: {}", failed.join(", "));
        Err(StepError::Tests {
            failed: failed.len(),
            all,
        })
    }

    /// Counts an outcome and prints it.
    fn take(&mut self, outcome: &Outcome) {
        self.counts.add(outcome.counts);
        self.times.push((outcome.took, outcome.label.clone()));
        let verdict = match (&outcome.failure, outcome.counts.skipped) {
            (Some(_), _) => "FAILED",
            (None, 0) => "ok",
            (None, _) => "SKIPPED",
        };
        println!(
            "{verdict:>7} {:>7.2} s  {}",
            outcome.took.as_secs_f64(),
            outcome.label
        );
        for line in &outcome.output {
            println!("            {line}");
        }
        if let Some(failure) = &outcome.failure {
            println!("            {failure}");
        }
    }

    pub(crate) const fn fail_on_skip(&self) -> Result<(), StepError> {
        match self.counts.skipped {
            0 => Ok(()),
            skipped => Err(StepError::Skipped(skipped)),
        }
    }
}

fn build(context: &mut Context) -> Result<(), StepError> {
    let result = context.artifacts().map(drop);
    context.one(result)
}

/// All tests that need neither privileges nor packages.
fn unit(context: &mut Context) -> Result<(), StepError> {
    let artifacts = context.artifacts()?;
    let variables = context.variables()?;
    let mut tests = Vec::new();
    for suite in suite::suites(&artifacts, Place::Anywhere)? {
        tests.extend(suite::list(&suite, &context.interrupted)?);
    }
    // The simulations take longest: they begin first.
    tests.sort_by_key(|test| test.suite.name != "sim");
    context.run_tests(tests, processors(), &variables)
}

fn doctest(context: &mut Context) -> Result<(), StepError> {
    context.cargo(&["test", "--workspace", "--doc", "--no-fail-fast"])
}

fn fetched(context: &mut Context) -> Result<(), StepError> {
    let result = context.fetch();
    context.one(result)
}
