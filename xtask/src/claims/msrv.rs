// SPDX-License-Identifier: MIT OR Apache-2.0
//! The step `msrv`: the workspace needs no newer Rust than its `rust-version`.
//!
//! Where that very toolchain is installed it checks the workspace. Elsewhere clippy's lint
//! `incompatible_msrv` finds what the standard library did not have yet in that version; features
//! of the language are left to the other way. In both cases no dependency may ask for more.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::semver::Version;
use cargo_metadata::{Metadata, Package};
use toml::Table;

use super::{failed, metadata, read_toml, root};
use crate::runner::{StepError, run};
use crate::steps::{Context, cargo};

const LINT: &str = "incompatible_msrv";
/// The key of clippy.toml without which the lint leaves tests out.
const IN_TESTS: &str = "check-incompatible-msrv-in-tests";

/// Checks the workspace with its `rust-version`, or for it.
pub(crate) fn msrv(context: &mut Context) -> Result<(), StepError> {
    let metadata = metadata(context, &["--all-features"])?;
    let ours = workspace_version(&metadata)?;
    failed(&too_new(&metadata.packages, &ours))?;
    context.counts.passed += 1;
    match toolchain(&toolchains(), &ours) {
        Some(toolchain) => {
            println!("msrv: Rust {ours} is installed: it checks the workspace");
            let target = metadata.target_directory.join("msrv");
            let mut command = check_with(&toolchain);
            command.env("CARGO_TARGET_DIR", target);
            run(&mut command, &context.interrupted, &mut context.counts)?;
        }
        None => {
            println!(
                "msrv: Rust {ours} is not installed: clippy's {LINT} checks the workspace, \
                 and the dependencies name no newer version"
            );
            failed(&without_lint(&metadata)?)?;
            // The same words as in the step `clippy`, so that cargo has the result already.
            let clippy = ["clippy", "--workspace", "--all-targets", "--", "-Dwarnings"];
            let mut command = cargo(&clippy);
            run(&mut command, &context.interrupted, &mut context.counts)?;
        }
    }
    context.counts.passed += 1;
    Ok(())
}

/// The `rust-version` that all members have.
fn workspace_version(metadata: &Metadata) -> Result<Version, StepError> {
    let manifest: Table = read_toml("Cargo.toml")?;
    let text = manifest
        .get("workspace")
        .and_then(|it| it.get("package")?.get("rust-version")?.as_str())
        .ok_or_else(|| StepError::Missing("Cargo.toml has no rust-version".to_owned()))?;
    let mut reasons = Vec::new();
    let mut version = None;
    for member in metadata.workspace_packages() {
        match &member.rust_version {
            // "1.89" and "1.89.0" are the same here.
            Some(own) if own.to_string().starts_with(text) => version = Some(own.clone()),
            _ => reasons.push(format!("{} does not have rust-version {text}", member.name)),
        }
    }
    failed(&reasons)?;
    version.ok_or_else(|| StepError::Missing("the workspace has no members".to_owned()))
}

/// The packages that ask for a newer Rust.
fn too_new(packages: &[Package], ours: &Version) -> Vec<String> {
    let needed = packages
        .iter()
        .filter_map(|it| Some((it, it.rust_version.as_ref()?)));
    needed
        .filter(|(_, version)| *version > ours)
        .map(|(it, version)| format!("{} {} needs Rust {version}", it.name, it.version))
        .collect()
}

/// The toolchains of rustup, whether it is installed or not.
fn toolchains() -> Vec<PathBuf> {
    let home = env::var_os("RUSTUP_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".rustup")));
    let entries = home.and_then(|home| fs::read_dir(home.join("toolchains")).ok());
    let entries = entries.into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// The toolchain of a version: `1.89-…`, `1.89.0-…` and later patches of it.
fn toolchain(all: &[PathBuf], version: &Version) -> Option<PathBuf> {
    let short = format!("{}.{}", version.major, version.minor);
    let found = all.iter().find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let behind = name.strip_prefix(&short);
        behind.is_some_and(|behind| behind.is_empty() || behind.starts_with(['-', '.']))
    });
    found.cloned()
}

/// `cargo check` of the whole workspace by the programs of one toolchain.
fn check_with(toolchain: &Path) -> Command {
    let programs = toolchain.join("bin");
    let mut command = Command::new(programs.join("cargo"));
    command
        .current_dir(root())
        .args(["check", "--workspace", "--all-targets", "--locked"])
        .env("RUSTC", programs.join("rustc"))
        .env(
            "RUSTUP_TOOLCHAIN",
            toolchain.file_name().unwrap_or_default(),
        );
    command
}

/// Where the lint is not on as an error.
fn without_lint(metadata: &Metadata) -> Result<Vec<String>, StepError> {
    let workspace: Table = read_toml("Cargo.toml")?;
    let clippy: Table = read_toml("clippy.toml")?;
    let mut reasons = Vec::new();
    if !denies_lint(&workspace) {
        reasons.push(format!("Cargo.toml does not deny clippy's {LINT}"));
    }
    if clippy.get(IN_TESTS).and_then(toml::Value::as_bool) != Some(true) {
        reasons.push(format!("clippy.toml does not have {IN_TESTS} = true"));
    }
    for member in metadata.workspace_packages() {
        if !has_workspace_lints(&read_toml(&member.manifest_path)?) {
            let name = &member.name;
            reasons.push(format!("{name} does not have the lints of the workspace"));
        }
    }
    Ok(reasons)
}

fn denies_lint(workspace: &Table) -> bool {
    let lint = workspace
        .get("workspace")
        .and_then(|it| it.get("lints")?.get("clippy")?.get(LINT));
    let level = lint.map(|lint| lint.get("level").unwrap_or(lint));
    let level = level.and_then(toml::Value::as_str);
    matches!(level, Some("deny" | "forbid"))
}

fn has_workspace_lints(manifest: &Table) -> bool {
    let workspace = manifest.get("lints").and_then(|it| it.get("workspace"));
    workspace.and_then(toml::Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        text.parse().unwrap()
    }

    #[test]
    fn a_toolchain_has_the_version_as_its_whole_name() {
        let all: Vec<PathBuf> = ["1.8-x", "1.890.0-x", "stable-x", "1.89.1-x", "1.90.0-x"]
            .map(|name| Path::new("/toolchains").join(name))
            .to_vec();
        let found = |version: &str| toolchain(&all, &version.parse().unwrap());
        assert_eq!(found("1.89.0"), Some("/toolchains/1.89.1-x".into()));
        assert_eq!(found("1.90.0"), Some("/toolchains/1.90.0-x".into()));
        assert_eq!(found("1.88.0"), None);
    }

    #[test]
    fn a_dependency_that_needs_more_is_found() {
        let package = |version: Option<&str>| {
            let package = serde_json::json!({
                "name": "a", "version": "2.0.0", "id": "a 2.0.0", "rust_version": version,
                "dependencies": [], "targets": [], "features": {}, "manifest_path": "/a",
                "authors": [], "categories": [], "keywords": [], "edition": "2021",
            });
            serde_json::from_value::<Package>(package).unwrap()
        };
        let ours = Version::new(1, 89, 0);
        let found = |version| too_new(&[package(version)], &ours);
        assert_eq!(found(Some("1.90")), ["a 2.0.0 needs Rust 1.90.0"]);
        assert_eq!(found(Some("1.89.1")), ["a 2.0.0 needs Rust 1.89.1"]);
        for good in [Some("1.89"), Some("1.56.1"), None] {
            assert_eq!(found(good), [""; 0]);
        }
    }

    #[test]
    fn a_lint_that_only_warns_is_not_enough() {
        for good in [
            "[workspace.lints.clippy]\nincompatible_msrv = 'deny'",
            "[workspace.lints.clippy]\nincompatible_msrv = { level = 'deny', priority = 1 }",
        ] {
            assert!(denies_lint(&table(good)), "{good}");
        }
        for bad in [
            "[workspace.lints.clippy]\nincompatible_msrv = 'warn'",
            "[workspace.lints.clippy]\nuse_self = 'deny'",
            "",
        ] {
            assert!(!denies_lint(&table(bad)), "{bad}");
        }
        assert!(has_workspace_lints(&table("[lints]\nworkspace = true")));
        assert!(!has_workspace_lints(&table("[package]\nname = 'a'")));
    }
}
