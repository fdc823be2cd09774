// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds everything once, and finds where cargo put it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde_json::Value;

use crate::runner::{StepError, stream};
use crate::steps::cargo;

/// What the steps of `test` run: one build, so that all have the same features and profile. Without
/// further options cargo builds tests with their harness, and programs and examples as they are.
const EVERYTHING: &[&str] = &["test", "--workspace", "--no-run"];

/// An executable that cargo built.
#[derive(Debug, Clone)]
pub(crate) struct Artifact {
    /// The target's name.
    pub(crate) name: String,
    /// `test`, `bin`, `example`, `lib`, …
    pub(crate) kind: String,
    /// Whether it is a test harness: a library or a program has one beside itself.
    pub(crate) is_test: bool,
    pub(crate) path: PathBuf,
    /// The target's main source file.
    pub(crate) source: PathBuf,
    /// The package's directory, where cargo runs its tests.
    pub(crate) directory: PathBuf,
}

/// Builds all tests, programs and examples of the workspace.
pub(crate) fn build_everything(interrupted: &Arc<AtomicBool>) -> Result<Vec<Artifact>, StepError> {
    build(EVERYTHING, interrupted)
}

/// Runs `cargo ARGUMENTS --message-format=json` and returns the executables of the packages
/// asked for.
pub(crate) fn build(
    arguments: &[&str],
    interrupted: &Arc<AtomicBool>,
) -> Result<Vec<Artifact>, StepError> {
    let mut command = cargo(arguments);
    command.arg("--message-format=json-render-diagnostics");
    let mut artifacts = Vec::new();
    stream(
        &mut command,
        interrupted,
        None,
        &mut |line| match serde_json::from_str::<Value>(line) {
            Ok(message) => artifacts.extend(artifact(&message)),
            Err(_) => println!("{line}"),
        },
    )?;
    artifacts.sort_by(|a: &Artifact, b: &Artifact| a.name.cmp(&b.name));
    Ok(artifacts)
}

/// The program of that name, not its test harness.
pub(crate) fn program<'a>(
    artifacts: &'a [Artifact],
    kind: &str,
    name: &str,
) -> Result<&'a Artifact, StepError> {
    artifacts
        .iter()
        .find(|artifact| artifact.name == name && artifact.kind == kind && !artifact.is_test)
        .ok_or_else(|| StepError::Missing(format!("cargo built no {kind} {name}")))
}

fn artifact(message: &Value) -> Option<Artifact> {
    let target = message.get("target")?;
    let manifest: &Path = message.get("manifest_path")?.as_str()?.as_ref();
    Some(Artifact {
        name: target.get("name")?.as_str()?.to_owned(),
        kind: target.get("kind")?.get(0)?.as_str()?.to_owned(),
        is_test: message.get("profile")?.get("test")?.as_bool()?,
        path: message.get("executable")?.as_str()?.into(),
        source: target.get("src_path")?.as_str()?.into(),
        directory: manifest.parent()?.to_owned(),
    })
}
