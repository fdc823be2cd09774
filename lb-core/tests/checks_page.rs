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
fn keywords_of_checks_are_in_the_row_of_a_check() {
    let page = page();
    let blocks = ["HTTP_GET, SSL_GET", "url", "other checks"];
    let own = config::keywords()
        .into_iter()
        .filter(|keyword| blocks.contains(&keyword.block));
    let unmentioned: Vec<&str> = own
        .filter(|keyword| keyword.effect == KeywordEffect::Full)
        .map(|keyword| keyword.name)
        // An older name of `retry`.
        .filter(|name| *name != "nb_get_retry")
        .filter(|name| !page.contains(&format!("`{name}`")) && !page.contains(&format!("{name},")))
        .filter(|name| !page.contains(&format!("{name} }}")))
        .collect();
    assert!(
        unmentioned.is_empty(),
        "docs/checks.md does not have {unmentioned:?}"
    );
}
