// SPDX-License-Identifier: MIT OR Apache-2.0
//! A test harness's tests, each run in a process of its own.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crate::artifacts::Artifact;
use crate::environment;
use crate::place::Place;
use crate::runner::{Counts, StepError, stream};

/// One test of a suite.
#[derive(Debug, Clone)]
pub(crate) struct Test {
    pub(crate) suite: Artifact,
    pub(crate) name: String,
}

impl Test {
    /// `SUITE::TEST`; unit tests have their package's name as the suite's.
    pub(crate) fn label(&self) -> String {
        format!("{}::{}", self.suite.name, self.name)
    }
}

/// The result of one test.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) label: String,
    pub(crate) took: Duration,
    pub(crate) counts: Counts,
    /// The test's output without the lines of the harness.
    pub(crate) output: Vec<String>,
    /// Why it failed; `None` when it passed.
    pub(crate) failure: Option<String>,
}

impl Outcome {
    fn not_run(test: &Test, error: &std::io::Error) -> Self {
        Self {
            label: test.label(),
            took: Duration::ZERO,
            counts: Counts {
                failed: 1,
                ..Counts::default()
            },
            output: Vec::new(),
            failure: Some(format!("no temporary directory: {error}")),
        }
    }
}

/// The suites of the workspace that run there.
pub(crate) fn suites(artifacts: &[Artifact], place: Place) -> Result<Vec<Artifact>, StepError> {
    let suites: Vec<Artifact> = artifacts
        .iter()
        .filter(|artifact| artifact.is_test && place_of(artifact) == place)
        .cloned()
        .collect();
    if suites.is_empty() {
        return Err(StepError::Missing(format!(
            "there is no test suite for {place:?}"
        )));
    }
    Ok(suites)
}

/// Unit tests of libraries and programs run anywhere; the name of a suite decides where it runs.
pub(crate) fn place_of(artifact: &Artifact) -> Place {
    if artifact.kind == "test" {
        Place::from_source(&artifact.source)
    } else {
        Place::Anywhere
    }
}

/// Asks a suite for its tests.
pub(crate) fn list(
    suite: &Artifact,
    interrupted: &Arc<AtomicBool>,
) -> Result<Vec<Test>, StepError> {
    let mut command = Command::new(&suite.path);
    command.arg("--list").current_dir(&suite.directory);
    let mut tests = Vec::new();
    stream(&mut command, interrupted, Some(DEADLINE), &mut |line| {
        if let Some(name) = line.strip_suffix(": test") {
            tests.push(Test {
                suite: suite.clone(),
                name: name.to_owned(),
            });
        }
    })?;
    Ok(tests)
}

/// Time for `--list`.
const DEADLINE: Duration = Duration::from_secs(60);

/// Runs one test to its end or its deadline.
pub(crate) fn run(
    test: &Test,
    variables: &[(&'static str, String)],
    deadline: Duration,
    interrupted: &Arc<AtomicBool>,
) -> Outcome {
    let arguments = [&*test.name, "--exact", "--test-threads=1"];
    let mut command = match place_of(&test.suite) {
        Place::HostNamespaces => {
            let mut command = environment::in_namespaces(&test.suite.path);
            command.args(arguments);
            command
        }
        Place::Anywhere | Place::Guest | Place::Servers => {
            let mut command = Command::new(&test.suite.path);
            command.args(arguments);
            command
        }
    };
    environment::prepare(&mut command, &test.suite.directory);
    // Process ids are reused: files of a killed test must not disturb a later one.
    let temporary = match environment::temporary_directory() {
        Ok(directory) => directory,
        Err(error) => return Outcome::not_run(test, &error),
    };
    command.env("TMPDIR", temporary.path());
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    let start = Instant::now();
    let mut counts = Counts::default();
    let mut output = Vec::new();
    let result = stream(&mut command, interrupted, Some(deadline), &mut |line| {
        counts.observe(line);
        if !is_of_harness(line) {
            output.push(line.to_owned());
        }
    });
    let failure = match result {
        Ok(()) if counts.passed + counts.skipped == 0 => {
            Some("it ended without a result".to_owned())
        }
        Ok(()) => None,
        Err(error) => Some(crate::chain(&error)),
    };
    if failure.is_some() {
        counts.failed = counts.failed.max(1);
    }
    Outcome {
        label: test.label(),
        took: start.elapsed(),
        counts,
        output,
        failure,
    }
}

/// What the harness prints about a single test that passes.
pub(crate) fn is_of_harness(line: &str) -> bool {
    line.is_empty()
        || line == "running 1 test"
        || line.starts_with("test result: ")
        || (line.starts_with("test ") && line.ends_with("... ok"))
}
