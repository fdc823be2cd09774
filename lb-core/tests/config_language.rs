// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lexical rules: comments, quotes, braces, conditions, definitions and sequences.
//!
//! `data/language.txt` has the cases and what keepalived 2.2.7 and 2.3.4 read in them; the lab's suite
//! `language` compares it with the real one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use lb_check::Registry;
use lb_core::config::{self, Parsed, ReadOptions};

const TABLE: &str = include_str!("data/language.txt");

/// A text, and the words that are read in it, each with its line: unknown keywords as they are, invalid
/// values after `=`.
struct Case<'a> {
    name: &'a str,
    text: &'a str,
    words: &'a str,
}

fn cases() -> impl Iterator<Item = Case<'static>> {
    TABLE.split("\n== ").skip(1).map(|case| {
        let (name, case) = case.split_once('\n').unwrap();
        let (text, words) = case.split_once("\n--\n").unwrap();
        let words = words.trim_end();
        Case { name, text, words }
    })
}

fn parse(text: &str) -> Parsed {
    let options = ReadOptions::new().with_config_id("lab");
    config::parse_with(text, "t.conf", &Registry::builtin(), &options)
}

/// The words that findings name.
fn words(parsed: &Parsed) -> String {
    let findings = parsed.diagnostics();
    let words = findings.iter().filter_map(|finding| {
        let line = findings.location(finding).line;
        let message = finding.message.as_str();
        let unknown = message.strip_prefix("unknown keyword `");
        let unknown = unknown.map(|rest| format!("{line} {}", rest.trim_end_matches('`')));
        let value = message.strip_suffix("` is not yes or no");
        let value = value.map(|rest| format!("{line} ={}", &rest[1..]));
        unknown.or(value)
    });
    words.collect::<Vec<_>>().join("\n")
}

#[test]
fn words_are_those_of_keepalived() {
    let mut count = 0;
    let mut wrong = Vec::new();
    for case in cases() {
        let found = words(&parse(case.text));
        if found != case.words {
            let shown = parse(case.text).diagnostics().to_string();
            wrong.push(format!(
                "== {}\n{}\n-- not:\n{found}\n{shown}",
                case.name, case.words
            ));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 30, "{count} cases");
}

// shows global_defs: random_seed
#[test]
fn with_a_seed_random_numbers_are_the_same_at_each_reading() {
    let text = |seed: &str| {
        format!(
            "global_defs {{\n{seed}\n a${{_RANDOM 0 4294967295}}\n b${{_RANDOM 0 4294967295}}\n}}\n"
        )
    };
    let read = |seed: &str| words(&parse(&text(seed)));
    let one = read("random_seed 1");
    assert_eq!(one, read("random_seed 1"));
    assert_ne!(one, read("random_seed 2"));
    let [first, second] = [3, 4].map(|line| {
        let prefix = format!("{line} ");
        let word = one.lines().find_map(|word| word.strip_prefix(&prefix));
        word.unwrap()[1..].to_owned()
    });
    assert_ne!(first, second);
    // Without a seed, and where it is not a number, they are others each time.
    for none in ["", "random_seed x"] {
        assert_ne!(read(none), read(none));
    }
}
