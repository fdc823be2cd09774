// SPDX-License-Identifier: MIT OR Apache-2.0
//! Law: reading what [`config::print`] writes gives the same model, for every text that gives one. The texts
//! are those of all tests of configurations, and files.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use std::fs;
use std::path::{Path, PathBuf};

use lb_check::Registry;
use lb_core::config::{self, Mode, PrintError};
use proc_macro2::{TokenStream, TokenTree};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Prints what a text means and reads it again; false for a text without a model.
fn obeys(name: &str, text: &str) -> bool {
    let parsed = config::parse(text, "law.conf", &Registry::builtin());
    // Of files that a configuration names and the machine does not have.
    let known: Vec<String> = parsed
        .diagnostics()
        .iter()
        .map(|finding| finding.message.clone())
        .filter(|message| message.starts_with("cannot read"))
        .collect();
    let Ok(model) = parsed.into_model(Mode::Lenient) else {
        return false;
    };
    let printed = match config::print(&model) {
        Ok(printed) => printed,
        // A word with a reference to a predefined name, and half a character of a password.
        Err(PrintError::Word { .. } | PrintError::Encoding { .. }) => return true,
        Err(error) => panic!("{name}: {error}\n{text}"),
    };
    let again = config::parse(&printed, "printed.conf", &Registry::builtin());
    let findings = again.diagnostics().to_string();
    let errors: Vec<&str> = findings
        .lines()
        .filter(|line| line.contains(": error: "))
        .filter(|line| !known.iter().any(|known| line.contains(known)))
        .collect();
    assert!(
        errors.is_empty(),
        "{name}: {errors:#?}\n{text}\n→\n{printed}"
    );
    let mode = if known.is_empty() {
        Mode::Strict
    } else {
        Mode::Lenient
    };
    let again = again.into_model(mode).unwrap();
    let what = || format!("{name}:\n{text}\n→\n{printed}");
    // Part by part: a difference in one is readable.
    assert_eq!(again.global, model.global, "{}", what());
    assert_eq!(again.statics, model.statics, "{}", what());
    assert_eq!(again.objects, model.objects, "{}", what());
    assert_eq!(again.routers, model.routers, "{}", what());
    assert_eq!(again.groups, model.groups, "{}", what());
    assert_eq!(again.virtual_servers, model.virtual_servers, "{}", what());
    assert_eq!(again, model, "{}", what());
    true
}

fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !matches!(name.as_str(), "target" | ".git") {
            files.extend(files_below(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The string literals of a source with more than one line.
fn texts(source: &str) -> Vec<String> {
    fn walk(tokens: TokenStream, into: &mut Vec<String>) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => walk(group.stream(), into),
                TokenTree::Literal(literal) => into.extend(unquoted(&literal.to_string())),
                TokenTree::Ident(_) | TokenTree::Punct(_) => {}
            }
        }
    }
    let mut texts = Vec::new();
    walk(source.parse().unwrap(), &mut texts);
    texts.retain(|text| text.contains('\n'));
    texts
}

fn unquoted(literal: &str) -> Option<String> {
    if let Some(raw) = literal.strip_prefix('r') {
        let text = raw.trim_matches('#');
        return Some(text.strip_prefix('"')?.strip_suffix('"')?.to_owned());
    }
    let inner = literal.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = String::new();
    let mut rest = inner.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match rest.next()? {
            'n' => text.push('\n'),
            't' => text.push('\t'),
            'r' => text.push('\r'),
            '\n' => {
                let kept = rest.as_str().trim_start();
                rest = kept.chars();
            }
            other @ ('\\' | '"' | '\'') => text.push(other),
            _ => return None,
        }
    }
    Some(text)
}

#[test]
fn every_configuration_of_the_tests_survives_print() {
    let mut count = 0;
    let files = files_below(&workspace().join("lb-core"), "rs");
    // The texts there are about limits: a short one is half a million lines.
    let files = files
        .into_iter()
        .filter(|file| !file.ends_with("config_hostile.rs"));
    for file in files {
        let source = fs::read_to_string(&file).unwrap();
        for text in texts(&source) {
            let text = text.replace("{{", "{").replace("}}", "}");
            count += usize::from(obeys(&file.display().to_string(), &text));
        }
    }
    assert!(count >= 300, "{count}");
}

#[test]
fn every_file_survives_print() {
    let cases = workspace().join("tests-kernel/tests/data/config-cases.txt");
    let cases = fs::read_to_string(cases).unwrap();
    let mut count = 0;
    for case in cases.split("=== ").skip(1) {
        let (name, text) = case.split_once('\n').unwrap_or((case, ""));
        count += usize::from(obeys(name, text));
    }
    for file in files_below(&workspace(), "conf") {
        let text = fs::read_to_string(&file).unwrap();
        count += usize::from(obeys(&file.display().to_string(), &text));
    }
    assert!(count >= 80, "{count}");
}
