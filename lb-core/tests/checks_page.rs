// SPDX-License-Identifier: MIT OR Apache-2.0
//! `docs/checks.md` has each check and each common keyword.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use lb_check::Registry;
use lb_core::config::{self, KeywordEffect};

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/checks.md");
    fs::read_to_string(path).unwrap()
}

/// The names in the first cells of all tables.
fn first_cells(page: &str) -> BTreeSet<&str> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.filter_map(|row| row.split(" | ").next());
    cells
        .flat_map(|cell| cell.split(", "))
        .map(|name| name.trim_matches('`'))
        .collect()
}

#[test]
fn every_check_has_a_row() {
    let page = page();
    let rows = first_cells(&page);
    let registry = Registry::builtin();
    let missing: Vec<&str> = registry
        .names()
        .filter(|name| !rows.contains(name))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/checks.md has no row of {missing:?}"
    );
}

#[test]
fn every_common_keyword_has_a_row() {
    let page = page();
    let rows = first_cells(&page);
    let common = config::keywords()
        .into_iter()
        .filter(|keyword| keyword.block == "all checks");
    let missing: Vec<&str> = common
        .filter(|keyword| keyword.effect == KeywordEffect::Full)
        .map(|keyword| keyword.name)
        .filter(|name| !rows.contains(name))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/checks.md has no row of {missing:?}"
    );
}

#[test]
fn keywords_of_checks_are_on_the_page() {
    let page = page();
    let words: BTreeSet<&str> = page
        .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .collect();
    let registry = Registry::builtin();
    let is_of_check = |keyword: &config::KeywordHelp| {
        let mut names = keyword.block.split(", ");
        names.any(|name| registry.get(name).is_some())
            || ["url", "other checks"].contains(&keyword.block)
    };
    let missing: Vec<&str> = config::keywords()
        .into_iter()
        .filter(|keyword| is_of_check(keyword) && keyword.effect == KeywordEffect::Full)
        .map(|keyword| keyword.name)
        // An older name of `retry`.
        .filter(|name| *name != "nb_get_retry" && !words.contains(name))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/checks.md does not have {missing:?}"
    );
}
