// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds test binaries and examples without running them, and finds where cargo put them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde_json::Value;

use crate::runner::{StepError, stream};
use crate::steps::cargo;

/// An executable that cargo built.
#[derive(Debug, Clone)]
pub(crate) struct Artifact {
    /// The target's name.
    pub(crate) name: String,
    /// `test`, `bin`, `example`, …
    pub(crate) kind: String,
    pub(crate) path: PathBuf,
    /// The target's main source file.
    pub(crate) source: PathBuf,
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
        &mut |line| match serde_json::from_str::<Value>(line) {
            Ok(message) => artifacts.extend(artifact(&message)),
            Err(_) => println!("{line}"),
        },
    )?;
    artifacts.sort_by(|a: &Artifact, b: &Artifact| a.name.cmp(&b.name));
    Ok(artifacts)
}

fn artifact(message: &Value) -> Option<Artifact> {
    let target = message.get("target")?;
    Some(Artifact {
        name: target.get("name")?.as_str()?.to_owned(),
        kind: target.get("kind")?.get(0)?.as_str()?.to_owned(),
        path: message.get("executable")?.as_str()?.into(),
        source: target.get("src_path")?.as_str()?.into(),
    })
}
