// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps that prove what the manifests claim: the dependencies keep to `deny.toml`, the workspace
//! builds with the Rust version that it names, and the fuzz targets still compile.

mod deny;
mod fuzz;
mod msrv;
mod policy;

use std::path::{Path, PathBuf};

use cargo_metadata::Metadata;

use crate::runner::{StepError, stream};
use crate::steps::{Context, cargo};

pub(crate) use deny::deny;
pub(crate) use fuzz::fuzz;
pub(crate) use msrv::msrv;

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The output of `cargo metadata` with these arguments. The lock file is not changed; packages that it
/// names and that are not on this machine are downloaded.
fn metadata(context: &Context, arguments: &[&str]) -> Result<Metadata, StepError> {
    let mut command = cargo(&["metadata", "--format-version=1", "--locked"]);
    command.args(arguments);
    let mut document = String::new();
    stream(&mut command, &context.interrupted, None, &mut |line| {
        if line.starts_with('{') {
            line.clone_into(&mut document);
        } else {
            println!("{line}");
        }
    })?;
    serde_json::from_str(&document)
        .map_err(|error| StepError::Missing(format!("cannot read `cargo metadata`: {error}")))
}

/// Where cargo puts what it builds.
fn target_directory(context: &Context) -> Result<PathBuf, StepError> {
    let metadata = metadata(context, &["--no-deps"])?;
    Ok(metadata.target_directory.into_std_path_buf())
}

/// Reads a TOML file at the root of the workspace, or below.
pub(crate) fn read_toml<T: serde::de::DeserializeOwned>(
    name: impl AsRef<Path>,
) -> Result<T, StepError> {
    let path = root().join(name);
    let failed = |error: &dyn std::error::Error| {
        StepError::Missing(format!("cannot read {}: {error}", path.display()))
    };
    let text = std::fs::read_to_string(&path).map_err(|error| failed(&error))?;
    toml::from_str(&text).map_err(|error| failed(&error))
}

/// A step's failure for several reasons, one a line.
pub(crate) fn failed(reasons: &[String]) -> Result<(), StepError> {
    if reasons.is_empty() {
        return Ok(());
    }
    Err(StepError::Missing(reasons.join("\n")))
}
