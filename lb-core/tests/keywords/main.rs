// SPDX-License-Identifier: MIT OR Apache-2.0
//! `KEYWORDS.md` is made from the definitions of keywords; `LB_BLESS=1 cargo test -p lb-core --test
//! keywords` writes it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod proofs;
mod words;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use self::proofs::Proofs;
use lb_core::config::{self, KeywordEffect, KeywordHelp};

const HEAD: &str = "\
# Keywords

Made from the definitions in `lb-core/src/config/keyword` by `LB_BLESS=1 cargo test -p lb-core --test keywords`;
without that the test fails where this page is not current. `lbctl check --explain KEYWORD` prints one of them.

The tier is how common a keyword is: 1 is in nearly every file, 4 is obsolete or hardly known. In the column
\"effect\", *none* means that the keyword is accepted and has no effect, for the reason given; *later* means
that its value is read, validated and kept, and has no effect in this version. *ours*: keepalived does not have
the keyword, and `lbctl check --keepalived` refuses it. The column \"tests\" names those that show the effect of the
keyword, each marked so by a comment (`lb-core/tests/keywords/proofs.rs`): those on a real kernel first, those of a
library that has no configuration last.
";

/// The number of keywords of each tier, by what they do.
fn counts(keywords: &[KeywordHelp]) -> String {
    let mut text = String::from(
        "\n| tier | keywords | done | without effect | read, no effect yet |\n|---|---|---|---|---|\n",
    );
    for tier in 1..=4 {
        let of_tier = || keywords.iter().filter(move |keyword| keyword.tier == tier);
        let count = |effect| {
            let with = |keyword: &&KeywordHelp| keyword.effect == effect;
            of_tier().filter(with).count()
        };
        writeln!(
            text,
            "| {tier} | {} | {} | {} | {} |",
            of_tier().count(),
            count(KeywordEffect::Full),
            count(KeywordEffect::Never),
            count(KeywordEffect::Later),
        )
        .unwrap();
    }
    text
}

fn page() -> String {
    let keywords = config::keywords();
    let mut text = HEAD.to_owned();
    text.push_str(&counts(&keywords));
    let proofs = Proofs::get();
    let mut block = None;
    for keyword in &keywords {
        if block != Some(keyword.block) {
            block = Some(keyword.block);
            let block = match keyword.block {
                "" => "At the top of a file",
                block => block,
            };
            writeln!(text, "\n## {block}\n").unwrap();
            text.push_str(
                "| keyword | value | default | tier | effect | meaning | tests |\n|---|---|---|---|---|---|---|\n",
            );
        }
        let KeywordHelp {
            name,
            argument,
            default,
            tier,
            help,
            ..
        } = keyword;
        let argument = argument.replace('|', "\\|");
        let effect = match keyword.effect {
            KeywordEffect::Never => "none",
            KeywordEffect::Later => "later",
            _ if keyword.own => "ours",
            _ => "",
        };
        let tests = proofs.tests(keyword);
        let tests: Vec<String> = tests.iter().map(|test| format!("`{test}`")).collect();
        let tests = tests.join(", ");
        writeln!(
            text,
            "| `{name}` | {argument} | {default} | {tier} | {effect} | {help} | {tests} |"
        )
        .unwrap();
    }
    text
}

#[test]
fn the_page_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("KEYWORDS.md");
    if std::env::var_os("LB_BLESS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == page(),
        "KEYWORDS.md is not current: LB_BLESS=1 cargo test -p lb-core --test keywords"
    );
}

#[test]
fn each_keyword_that_is_done_has_a_test_that_shows_it() {
    let keywords = config::keywords();
    let proofs = Proofs::get();
    assert!(proofs.mistakes.is_empty(), "{:#?}", proofs.mistakes);
    let done = |keyword: &&KeywordHelp| keyword.effect == KeywordEffect::Full && keyword.tier < 4;
    let done: Vec<&KeywordHelp> = keywords.iter().filter(done).collect();
    let missing = done.iter().filter(|keyword| !proofs.is_shown(keyword));
    let missing: Vec<String> = missing
        .map(|keyword| format!("{}: {}", keyword.block, keyword.name))
        .collect();
    assert!(
        missing.is_empty(),
        "{} keywords have an effect that no test shows; write `// shows BLOCK: KEYWORD` above the test that has \
         the keyword in a configuration and asserts its effect: {missing:#?}",
        missing.len()
    );
    assert!(done.len() >= 250, "{}", done.len());
}

#[test]
fn definitions_are_complete_and_unique() {
    let mut seen = BTreeSet::new();
    for keyword in config::keywords() {
        let KeywordHelp { name, block, .. } = keyword;
        assert!(
            seen.insert((block, name)),
            "{block}: {name} is defined twice"
        );
        assert!((1..=4).contains(&keyword.tier), "{name}");
        let help = keyword.help;
        let sentence = help.starts_with(char::is_uppercase) && help.ends_with('.');
        assert!(sentence, "{name}: {help}");
    }
}
