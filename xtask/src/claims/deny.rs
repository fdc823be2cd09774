// SPDX-License-Identifier: MIT OR Apache-2.0
//! The step `deny`: the dependencies keep to `deny.toml`.
//!
//! cargo-deny makes the checks; where it is missing it is installed below `target/tools`, once. Where
//! that fails, [`policy`](super::policy) makes the same checks from `cargo metadata`, except in a soak,
//! which fails. Advisories are checked only if cargo-deny has downloaded their database earlier.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::policy::{Policy, Severity};
use super::{failed, metadata, read_toml, target_directory};
use crate::runner::{StepError, run};
use crate::steps::{Context, cargo};

const PROGRAM: &str = "cargo-deny";
/// The version to install.
const VERSION: &str = "0.20.2";

/// Checks bans, licenses and sources, and advisories where there is a database of them.
pub(crate) fn deny(context: &mut Context) -> Result<(), StepError> {
    let tools = target_directory(context)?.join("tools");
    let program = match installed(&tools) {
        Some(program) => program,
        None => match install(context, &tools) {
            Ok(program) => program,
            Err(StepError::Failed { status, .. }) if !context.soak => {
                println!("deny: {PROGRAM} cannot be installed: cargo ended with {status}");
                return natively(context);
            }
            Err(error) => return Err(error),
        },
    };
    cargo_deny(context, &program)
}

/// cargo-deny, from `target/tools` or from `PATH`.
fn installed(tools: &Path) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders = vec![tools.join("bin")];
    folders.extend(env::split_paths(&path));
    folders
        .into_iter()
        .map(|folder| folder.join(PROGRAM))
        .find(|program| program.is_file())
}

fn install(context: &mut Context, tools: &Path) -> Result<PathBuf, StepError> {
    println!(
        "deny: installing {PROGRAM} {VERSION} below {}",
        tools.display()
    );
    let mut command = cargo(&[
        "install",
        PROGRAM,
        "--version",
        VERSION,
        "--locked",
        "--debug",
    ]);
    command
        .arg("--root")
        .arg(tools)
        // Without this variable cargo deletes the build directory, which nothing needs afterwards.
        .env_remove("CARGO_TARGET_DIR")
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    run(&mut command, &context.interrupted, &mut context.counts)?;
    Ok(tools.join("bin").join(PROGRAM))
}

fn cargo_deny(context: &mut Context, program: &Path) -> Result<(), StepError> {
    let mut checks = vec!["bans", "licenses", "sources"];
    let database = advisories();
    if database {
        checks.push("advisories");
    }
    println!(
        "deny: {} checks {}; {}",
        program.display(),
        checks.join(", "),
        if database {
            "the database of advisories is the one on this machine"
        } else {
            "there is no database of advisories on this machine"
        }
    );
    // cargo-deny reads the packages of all platforms; it would not download them offline.
    let mut fetch = cargo(&["fetch", "--locked"]);
    run(&mut fetch, &context.interrupted, &mut context.counts)?;
    let mut command = Command::new(program);
    command
        .current_dir(super::root())
        .args(["--offline", "--locked", "check", "--hide-inclusion-graph"])
        .args(&checks);
    run(&mut command, &context.interrupted, &mut context.counts)?;
    context.counts.passed += checks.len();
    Ok(())
}

/// Whether cargo-deny has downloaded a database of advisories to its usual place.
fn advisories() -> bool {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    home.and_then(|home| fs::read_dir(home.join("advisory-dbs")).ok())
        .is_some_and(|mut entries| entries.next().is_some())
}

fn natively(context: &mut Context) -> Result<(), StepError> {
    println!(
        "deny: xtask checks bans, licenses, sources of deny.toml itself; advisories are not checked"
    );
    let policy: Policy = read_toml("deny.toml")?;
    let mut arguments = vec!["--all-features"];
    for target in policy.targets() {
        arguments.extend(["--filter-platform", target]);
    }
    let metadata = metadata(context, &arguments)?;
    let findings = policy.findings(&metadata.packages);
    let (errors, warnings): (Vec<_>, Vec<_>) = findings
        .into_iter()
        .partition(|finding| finding.severity == Severity::Error);
    for warning in &warnings {
        println!("deny: warning: {}", warning.text);
    }
    println!("deny: {} packages are judged", metadata.packages.len());
    failed(
        &errors
            .into_iter()
            .map(|error| error.text)
            .collect::<Vec<_>>(),
    )?;
    context.counts.passed += 3;
    Ok(())
}
