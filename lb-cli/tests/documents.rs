// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pages at the root of the workspace say what is there.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// The third-party crates of `[workspace.dependencies]`.
fn dependencies() -> Vec<String> {
    let manifest = page("Cargo.toml");
    let section = manifest.split("[workspace.dependencies]").nth(1).unwrap();
    let section = section.split("\n[").next().unwrap();
    section
        .lines()
        .filter(|line| !line.contains("path = "))
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.to_owned())
        .collect()
}

#[test]
fn contributing_has_a_line_for_each_dependency() {
    let page = page("CONTRIBUTING.md");
    let table: Vec<&str> = page
        .lines()
        .skip_while(|line| !line.starts_with("## Dependencies"))
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .flat_map(|names| names.split(", "))
        .collect();
    let dependencies = dependencies();
    assert!(dependencies.len() > 20, "{dependencies:?}");
    let missing: Vec<_> = dependencies
        .iter()
        .filter(|name| !table.contains(&name.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "no line in CONTRIBUTING.md for {missing:?}"
    );
    let gone: Vec<_> = table
        .iter()
        .filter(|name| !["crate", "---"].contains(*name))
        .filter(|name| !dependencies.iter().any(|dependency| dependency == *name))
        .collect();
    assert!(gone.is_empty(), "CONTRIBUTING.md still has {gone:?}");
}

#[test]
fn paths_in_the_pages_exist() {
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = page(name);
        // Odd pieces between backticks are code; what holds a slash and no blank may be a path.
        let paths = text.split('`').skip(1).step_by(2).filter(|piece| {
            piece.contains('/')
                && !piece.contains([' ', '\n', ':'])
                && !piece.starts_with('/')
                && !piece.starts_with("target")
        });
        let missing: Vec<_> = paths.filter(|path| !root().join(path).exists()).collect();
        assert!(missing.is_empty(), "{name} names {missing:?}");
    }
}

#[test]
fn readme_names_the_rust_version() {
    let manifest = page("Cargo.toml");
    let version = manifest
        .split("rust-version = \"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .unwrap();
    assert!(page("README.md").contains(&format!("Rust {version} or later")));
}
