// SPDX-License-Identifier: MIT OR Apache-2.0
//! Wrong and doubtful files: what is said about each is in `snapshots/`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::fs;
use std::path::{Path, PathBuf};

use lb_check::Registry;
use lb_core::config::{self, Mode, Severity};

fn files(directory: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(directory);
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

/// Shows one file's findings, having checked what holds for all findings.
fn shown(path: &Path) -> (String, config::Parsed) {
    let text = fs::read_to_string(path).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let parsed = config::parse(&text, name, &Registry::builtin());
    let diagnostics = parsed.diagnostics();
    for finding in diagnostics {
        let place = diagnostics.location(finding);
        assert_eq!(place.file, name);
        let line = text.lines().nth(place.line - 1).unwrap_or_default();
        assert!(place.column <= line.chars().count() + 1, "{finding:?}");
        let prefix = format!(
            "{name}:{}:{}: {}: ",
            place.line, place.column, finding.severity
        );
        assert!(diagnostics.line(finding).starts_with(&prefix));
        let message = &finding.message;
        assert!(!message.ends_with('.'), "{message}");
    }
    (diagnostics.render(false), parsed)
}

#[test]
fn wrong_files_are_refused_with_a_place_and_a_reason() {
    for path in files("wrong") {
        let (text, parsed) = shown(&path);
        let name = path.file_stem().unwrap().to_str().unwrap();
        insta::assert_snapshot!(format!("wrong_{name}"), text);
        let diagnostics = parsed.diagnostics();
        assert!(diagnostics.errors() > 0, "{name}");
        assert!(
            diagnostics
                .iter()
                .any(|finding| finding.severity == Severity::Error)
        );
        assert!(parsed.into_model(Mode::Strict).is_err(), "{name}");
    }
}

#[test]
fn doubtful_files_are_accepted_with_warnings() {
    for path in files("doubtful") {
        let (text, parsed) = shown(&path);
        let name = path.file_stem().unwrap().to_str().unwrap();
        insta::assert_snapshot!(format!("doubtful_{name}"), text);
        assert!(parsed.diagnostics().warnings() > 0, "{name}");
        parsed.into_model(Mode::Strict).unwrap();
    }
}

#[test]
fn passwords_are_not_shown() {
    for name in [
        "doubtful/assumed.conf",
        "wrong/authentication.conf",
        "wrong/hmac.conf",
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data")
            .join(name);
        let (text, parsed) = shown(&path);
        let all = format!("{text}{}{parsed:?}", parsed.diagnostics());
        let shown = format!("{text}{}", parsed.diagnostics());
        assert!(
            !shown.contains("muchtoolong")
                && !shown.contains("topsecret")
                && !shown.contains("0123456789abcdef"),
            "{all}"
        );
    }
}

#[test]
fn a_file_of_nonsense_has_a_bounded_report() {
    let text = "nonsense\n".repeat(100_000);
    let parsed = config::parse(&text, "n.conf", &Registry::builtin());
    assert_eq!(parsed.diagnostics().len(), 1001);
    assert!(parsed.diagnostics().render(false).len() < 1 << 20);
    let last = parsed
        .diagnostics()
        .iter()
        .find(|finding| !finding.notes.is_empty())
        .unwrap();
    assert_eq!(
        last.notes[0].message,
        "98999 further findings are not shown"
    );
}
