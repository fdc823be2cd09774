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

/// Files as administrators and projects write them, and every form of the language.
const SHAPES: [&str; 5] = [
    SAMPLE,
    include_str!("data/lb2.conf"),
    include_str!("data/language.txt"),
    include_str!("data/wrong/language.conf"),
    include_str!("data/wrong/vmac.conf"),
];

/// 500 mutations, or 100 000 with `LB_SOAK`.
fn mutations() -> ProptestConfig {
    let soak = std::env::var_os("LB_SOAK").is_some();
    ProptestConfig {
        cases: if soak { 100_000 } else { 500 },
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// One change of a text: of a few characters, or of lines.
#[derive(Clone, Debug)]
enum Change {
    /// Replaces characters from a place on.
    Replace(prop::sample::Index, usize, String),
    /// Copies a line to another place.
    Copy(prop::sample::Index, prop::sample::Index),
    /// Removes a line.
    Remove(prop::sample::Index),
    /// Joins a line and the next one.
    Join(prop::sample::Index),
}

impl Change {
    fn apply(self, text: &str) -> String {
        let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
        match self {
            Self::Replace(at, length, piece) => {
                let mut text: Vec<char> = text.chars().collect();
                let at = at.index(text.len() + 1);
                let end = (at + length).min(text.len());
                text.splice(at..end, piece.chars());
                return text.into_iter().collect();
            }
            Self::Copy(from, to) => {
                let line = lines[from.index(lines.len())].clone();
                let to = to.index(lines.len());
                lines.insert(to, line);
            }
            Self::Remove(at) => {
                let at = at.index(lines.len());
                lines.remove(at);
            }
            Self::Join(at) => {
                let at = at.index(lines.len());
                if at + 1 < lines.len() {
                    let next = lines.remove(at + 1);
                    lines[at].push_str(&next);
                }
            }
        }
        lines.join("\n")
    }
}

fn change() -> impl Strategy<Value = Change> {
    let piece = proptest::sample::select(vec![
        "",
        "{",
        "}",
        "\"",
        "'",
        "#",
        "!",
        "\\",
        "\\\n",
        "$",
        "${",
        "$A",
        "${A}",
        "$A=",
        "@lab ",
        "@^lab ",
        "~SEQ(A, 3) ",
        "~LST(A, x, y) ",
        "~LST({A,v}, {1,2}) ",
        "include ",
        "\n",
        " ",
        "\0",
        "\u{a0}",
        "”",
        "é",
        "0",
        "-",
        "99999999999",
        "${_HASH}",
        "${_PWD}",
        "${_RANDOM 1 2}",
        "${_ENV HOME}",
    ]);
    let place = any::<prop::sample::Index>;
    prop_oneof![
        4 => (place(), 0usize..12, piece)
            .prop_map(|(at, length, piece)| Change::Replace(at, length, piece.to_owned())),
        1 => (place(), place()).prop_map(|(from, to)| Change::Copy(from, to)),
        1 => place().prop_map(Change::Remove),
        1 => place().prop_map(Change::Join),
    ]
}

proptest! {
    #![proptest_config(mutations())]

    #[test]
    fn mutations_of_real_shapes(
        shape in proptest::sample::select(SHAPES.to_vec()),
        changes in proptest::collection::vec(change(), 1..8)
    ) {
        let mut text = shape.to_owned();
        for change in changes {
            text = change.apply(&text);
        }
        check(&text)?;
    }
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
