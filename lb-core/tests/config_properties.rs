// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whatever the text: no panic, and every finding has a place in it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use lb_check::Registry;
use lb_core::config::{self, Mode};
use proptest::prelude::*;

const SAMPLE: &str = include_str!("data/lb1.conf");

fn check(text: &str) -> Result<(), TestCaseError> {
    let parsed = config::parse(text, "t.conf", &Registry::builtin());
    let findings = parsed.diagnostics();
    for finding in findings {
        let place = findings.location(finding);
        let line = text.split('\n').nth(place.line - 1);
        prop_assert!(line.is_some(), "{finding:?}");
        prop_assert!(
            place.column <= line.unwrap().chars().count() + 2,
            "{finding:?}"
        );
        let range = findings.sources().range(finding.span);
        prop_assert!(text.get(range).is_some(), "{finding:?}");
    }
    prop_assert!(findings.is_empty() == findings.render(false).is_empty());
    let plain = findings.to_string();
    let controls = plain
        .chars()
        .filter(|c| c.is_control() && *c != '\n')
        .count();
    prop_assert_eq!(controls, 0);
    let errors = findings.errors();
    prop_assert_eq!(parsed.model(Mode::Strict).is_some(), errors == 0);
    // What is accepted is valid, in either mode: the builder agrees.
    if let Some(model) = parsed.model(Mode::Lenient) {
        let mut builder = lb_core::model::Model::builder().global(model.global.clone());
        for router in &model.routers {
            builder = builder.router(router.clone());
        }
        for server in &model.virtual_servers {
            builder = builder.virtual_server(server.clone());
        }
        prop_assert!(builder.build().is_ok());
    } else {
        prop_assert!(errors > 0);
    }
    Ok(())
}

/// Words and signs that mean something, in any order.
fn fragments() -> impl Strategy<Value = String> {
    let words: Vec<&'static str> = SAMPLE.split_whitespace().collect();
    let signs = vec![
        "{",
        "}",
        "\n",
        "\n",
        " ",
        "\"",
        "#",
        "!",
        "'",
        "\\",
        "\r\n",
        "\t",
        "$A=",
        "${_PWD}",
        "@x ",
        "~SEQ(",
        "include ",
        "\0",
        "é",
        "TUN type gue port ",
        "fwmark ",
        "brd + ",
        "sorry_server ",
        "TCP_CHECK",
        "MISC_CHECK",
        "misc_path",
        "quorum",
        "-1",
        "99999999999999999999",
        "0.5",
        "::1",
        "/33",
    ];
    let piece = prop_oneof![
        3 => proptest::sample::select(words).prop_map(|word| format!("{word} ")),
        2 => proptest::sample::select(signs).prop_map(str::to_owned),
    ];
    proptest::collection::vec(piece, 0..200).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in any::<String>()) {
        check(&text)?;
    }

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        check(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn words_and_signs_in_any_order(text in fragments()) {
        check(&text)?;
    }

    #[test]
    fn the_sample_with_pieces_cut_and_put(
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), 0usize..40, fragments()), 1..5)
    ) {
        let mut text: Vec<char> = SAMPLE.chars().collect();
        for (at, length, piece) in cuts {
            let at = at.index(text.len() + 1);
            let end = (at + length).min(text.len());
            let piece: Vec<char> = piece.chars().take(30).collect();
            text.splice(at..end, piece);
        }
        check(&text.into_iter().collect::<String>())?;
    }

    #[test]
    fn the_sample_without_one_line(line in 0..SAMPLE.lines().count()) {
        let mut lines: Vec<&str> = SAMPLE.lines().collect();
        lines.remove(line);
        check(&lines.join("\n"))?;
    }
}
