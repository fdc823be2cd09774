// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files that no person writes: they end soon, with a diagnostic, and with few findings.
//!
//! Nothing here measures time. A reading whose time or memory grows faster than its text does not end
//! within the limit of the test runner for texts of these sizes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use lb_check::Registry;
use lb_core::config::{self, Mode, Parsed};
use tempfile::TempDir;

/// About how many bytes a text of the tests has; much more with `LB_SOAK`.
fn size() -> usize {
    let soak = std::env::var_os("LB_SOAK").is_some();
    if soak { 1 << 24 } else { 1 << 18 }
}

fn parse(text: &str) -> Parsed {
    config::parse(text, "t.conf", &Registry::builtin())
}

fn load(directory: &TempDir, name: &str) -> Parsed {
    config::load(directory.path().join(name), &Registry::builtin())
}

/// The messages of all findings.
fn messages(parsed: &Parsed) -> Vec<&str> {
    let findings = parsed.diagnostics().iter();
    findings.map(|finding| finding.message.as_str()).collect()
}

/// A text is refused, and what is said about it is short.
fn refuse(name: &str, text: &str) -> Parsed {
    let parsed = parse(text);
    let findings = parsed.diagnostics();
    assert!(findings.has_errors(), "{name}");
    assert!(findings.len() <= 1001, "{name}: {}", findings.len());
    let shown = findings.render(false);
    assert!(shown.len() < 4 << 20, "{name}: {}", shown.len());
    for finding in findings {
        assert!(finding.message.len() <= 1100, "{name}");
    }
    parsed
}

#[test]
fn texts_of_one_piece_repeated() {
    let inside = |around: &str, piece: &str| {
        let (before, after) = around.split_once('|').unwrap();
        let repeated = piece.repeat(size() / piece.len());
        format!("{before}{repeated}{after}")
    };
    for (around, piece) in [
        ("|", "x"),
        ("|", "x "),
        ("|", "x\n"),
        ("|", "\""),
        ("|", "\"\n"),
        ("|", "{"),
        ("|", "}"),
        ("|", "{}"),
        ("|", "x{"),
        ("|", "x{\n"),
        ("|", "x{}"),
        ("|", "x{}\n"),
        ("|", "$"),
        ("|", "${a}"),
        ("|", "${a}\n"),
        ("|", "\\#"),
        ("|", "\\#\n"),
        ("|", "\0"),
        ("|", "\0\n"),
        ("|", "\u{a0}"),
        ("|", "“\n"),
        ("|", "~SEQ(\n"),
        ("|", "~LST(a,b) c\n"),
        ("|", "include x\n"),
        ("|}", " "),
        ("$A=a b\n|", "x $A y\n"),
        ("$A=a \\\n|\n$A\n$A\n", "b\\\n"),
        ("$A=$B\n$B=$A\n|", "x $A\n"),
        ("global_defs {\n|}\n", "include_check +x\n"),
        ("vrrp_instance A {\n|}\n", "a\n"),
        ("vrrp_instance A {\nvirtual_ipaddress {\n|}\n}\n", "::1\n"),
        (
            "virtual_server 10.0.0.1 80 {\nreal_server 10.0.0.2 80 {\nTCP_CHECK {\n|}\n}\n}\n",
            "a\n",
        ),
        (
            "virtual_server 10.0.0.1 80 {\nreal_server 10.0.0.2 80 {\nTCP_CHECK {\n|}\n}\n}\n",
            "a {\n",
        ),
    ] {
        refuse(&format!("{around:?} {piece:?}"), &inside(around, piece));
    }
    let comments = parse(&"#\n".repeat(size() / 2));
    assert!(comments.diagnostics().is_empty());
}

#[test]
fn nested_blocks_are_counted() {
    let count = 200_000;
    let closed = refuse("closed", &("x {".repeat(count) + &"}".repeat(count)));
    assert_eq!(
        messages(&closed),
        ["line longer than 1023 bytes", "unknown keyword `x`"]
    );
    let open = refuse("open", &"{\n".repeat(count));
    assert_eq!(
        open.diagnostics().to_string(),
        "t.conf:1:1: error: unexpected `{`: no keyword before it; the block is skipped\n\
         t.conf:1:1: error: missing `}` of this block; 199999 more blocks inside it have no `}`; \
         it is still open at the end of the file\n"
    );
}

#[test]
fn definitions_grow_up_to_a_limit() {
    let mut laugh = "$A0=lol lol lol lol lol lol lol lol lol\n".to_owned();
    for level in 0..20 {
        let value = format!("${{A{level}}} ").repeat(10);
        laugh += &format!("$A{}={value}\n", level + 1);
    }
    let parsed = refuse("laugh", &(laugh + "$A20\n"));
    let message = "definitions make this line too long";
    assert!(messages(&parsed).contains(&message));
    let message = "definitions and sequences give more than 524288 lines";
    for text in [
        "~SEQ(v, 1, 4000000000) x\n",
        "~SEQ(v, 1000) ~SEQ(w, 1000) x $v\n",
        "$A=~SEQ(v, 1000) $B\n$B=~SEQ(w, 1000) x\n$A\n",
    ] {
        assert!(messages(&refuse(text, text)).contains(&message), "{text}");
    }
}

#[test]
fn circles_name_their_chain() {
    for (text, chain) in [
        ("$A=$A\n$A\n", "$A → $A"),
        ("$A=x $B\n$B=y ${C}\n$C=$A\n$B\n", "$B → $C → $A → $B"),
        ("$A=~SEQ(v,2) $A\n$A\n", "$A → $A"),
        ("$A=x \\\n$A\n$A\n", "$A → $A"),
        ("$A=x \\\n y $B\n$B=u \\\n $A\n$A\n", "$A → $B → $A"),
    ] {
        let shown = refuse(text, text).diagnostics().to_string();
        let expected = format!("a definition refers to itself; {chain};");
        assert_eq!(shown.matches(&expected).count(), 1, "{text}: {shown}");
    }
}

#[test]
fn an_instance_with_many_addresses() {
    let addresses: String = (0..100_000)
        .map(|i| format!("10.{}.{}.{}\n", i >> 14, i >> 7 & 127, i & 127))
        .collect();
    let text = format!(
        "vrrp_instance A {{\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {{\n{addresses}}}\n}}\n"
    );
    let model = parse(&text).into_model(Mode::Strict).unwrap();
    assert_eq!(model.routers[0].spec.virtual_addresses.len(), 100_000);
}

#[test]
fn patterns_have_limits() {
    let directory = TempDir::new().unwrap();
    for (pattern, message) in [
        (
            "{a,b}".repeat(4000),
            "longer than a path can be: 20000 bytes",
        ),
        ("{".repeat(20_000), "longer than a path can be: 20000 bytes"),
        ("{a,b}".repeat(40), "more than 1024 alternatives"),
    ] {
        fs::write(
            directory.path().join("t.conf"),
            format!("include {pattern}\n"),
        )
        .unwrap();
        let parsed = load(&directory, "t.conf");
        let mut findings = parsed.diagnostics().iter();
        let finding = findings.find(|finding| finding.message == "this pattern names no files");
        let finding = finding.unwrap();
        assert_eq!(finding.label.as_deref(), Some(message));
    }
}

#[test]
fn files_that_include_all_files_are_read_once() {
    let directory = TempDir::new().unwrap();
    let filler = "# filler\n".repeat(1000);
    for name in 0..30 {
        let text = format!("include *.conf\n{filler}");
        fs::write(directory.path().join(format!("{name:02}.conf")), text).unwrap();
    }
    let parsed = load(&directory, "00.conf");
    assert_eq!(parsed.diagnostics().sources().len(), 1);
    let shown = parsed.diagnostics().to_string();
    assert!(shown.contains("00.conf` includes itself; "), "{shown}");
}

#[test]
fn a_file_that_is_included_often_has_a_limit() {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("x.inc"), "# filler\n".repeat(10_000)).unwrap();
    let text = "include x.inc\n".repeat(1000);
    fs::write(directory.path().join("t.conf"), text).unwrap();
    let parsed = load(&directory, "t.conf");
    assert_eq!(parsed.diagnostics().errors(), 1);
    assert!(parsed.diagnostics().sources().len() < 30);
}

#[test]
fn what_is_no_regular_file_is_not_opened() {
    let directory = TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("folder")).unwrap();
    let fifo = Command::new("mkfifo").arg(path("fifo")).status().unwrap();
    assert!(fifo.success());
    fs::write(path("program"), "x").unwrap();
    fs::set_permissions(path("program"), fs::Permissions::from_mode(0o755)).unwrap();
    for (name, why) in [
        ("folder", "is a directory"),
        ("fifo", "is not a regular file"),
        ("/dev/zero", "is not a regular file"),
        ("program", "is executable"),
    ] {
        fs::write(path("t.conf"), format!("include {name}\n")).unwrap();
        let parsed = load(&directory, "t.conf");
        assert_eq!(parsed.diagnostics().errors(), 0, "{name}");
        assert!(messages(&parsed)[0].ends_with(&format!("` {why} and is skipped")));
        fs::write(path("t.conf"), format!("includer {name}\n")).unwrap();
        let parsed = load(&directory, "t.conf");
        assert!(parsed.into_model(Mode::Lenient).is_err(), "{name}");
        // As the configuration itself.
        let parsed = load(&directory, name);
        assert_eq!(messages(&parsed), [format!("the file {why}")]);
        assert!(parsed.into_model(Mode::Lenient).is_err(), "{name}");
    }
    // A file that has no length and never ends.
    fs::write(path("t.conf"), "include /proc/kmsg\n").unwrap();
    load(&directory, "t.conf");
}
