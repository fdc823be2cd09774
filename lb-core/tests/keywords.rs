// SPDX-License-Identifier: MIT OR Apache-2.0
//! `KEYWORDS.md` is made from the definitions of keywords; `LB_BLESS=1 cargo test -p lb-core --test
//! keywords` writes it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use lb_core::config::{self, KeywordHelp};

const HEAD: &str = "\
# Keywords

Made from the definitions in `lb-core/src/config/keyword` by `LB_BLESS=1 cargo test -p lb-core --test keywords`;
without that the test fails where this page is not current. `lbctl check --explain KEYWORD` prints one of them.

The tier is how common a keyword is: 1 is in nearly every file, 4 is hardly known.
";

fn page() -> String {
    let keywords = config::keywords();
    let mut text = HEAD.to_owned();
    let mut block = None;
    let mut missing: Vec<&str> = Vec::new();
    let finish = |text: &mut String, missing: &mut Vec<&str>| {
        if !missing.is_empty() {
            let names = missing.join("`, `");
            let line = "Known to keepalived and not supported yet";
            writeln!(text, "\n{line}: `{names}`.").unwrap();
        }
        missing.clear();
    };
    for keyword in &keywords {
        if block != Some(keyword.block) {
            finish(&mut text, &mut missing);
            block = Some(keyword.block);
            let block = match keyword.block {
                "" => "At the top of a file",
                block => block,
            };
            writeln!(text, "\n## {block}\n").unwrap();
            text.push_str(
                "| keyword | value | default | tier | meaning |\n|---|---|---|---|---|\n",
            );
        }
        let KeywordHelp {
            name,
            argument,
            default,
            tier,
            help,
            supported,
            ..
        } = keyword;
        if !supported {
            missing.push(name);
            continue;
        }
        let argument = argument.replace('|', "\\|");
        writeln!(
            text,
            "| `{name}` | {argument} | {default} | {tier} | {help} |"
        )
        .unwrap();
    }
    finish(&mut text, &mut missing);
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
        assert_eq!(sentence, keyword.supported, "{name}: {help}");
    }
}
