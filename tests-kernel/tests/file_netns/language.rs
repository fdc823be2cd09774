// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lexical rules: keepalived's test of a file names the words that it read. The table is that of
//! lb-core's own test, so both read the same.

use std::fs;
use std::process::Output;

use tempfile::TempDir;
use tests_kernel::net::Netns;
use tests_kernel::process;
use tests_kernel::tool::{keepalived, keepalived_options, lbctl};

use super::{DEADLINE, TestResult};

const TABLE: &str = include_str!("../../../lb-core/tests/data/language.txt");

/// Runs the test of a file.
fn test(
    netns: &Netns,
    words: Vec<std::ffi::OsString>,
    file: &std::path::Path,
) -> TestResult<Output> {
    let mut words = words.into_iter();
    let mut command = netns.command(words.next().unwrap_or_default());
    command
        .args(words)
        .args(["-i", "lab", "-t", "-f"])
        .arg(file);
    Ok(process::output(&mut command, DEADLINE)?)
}

fn real(netns: &Netns, file: &std::path::Path) -> TestResult<Output> {
    test(netns, [keepalived_options(), keepalived()].concat(), file)
}

fn ours(netns: &Netns, directory: &TempDir, file: &std::path::Path) -> TestResult<Output> {
    // The name it is called by makes it keepalived.
    let program = directory.path().join("keepalived");
    if !program.exists() {
        std::os::unix::fs::symlink(lbctl(), &program)?;
    }
    test(netns, vec![program.into()], file)
}

/// The words that keepalived names: those of the first of its readings, which names no file.
fn words(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    let mut words = Vec::new();
    for line in text.lines() {
        if line.contains(": Line ") {
            break;
        }
        // A date comes first in some settings.
        let place = line.split_once("(Line ").map(|(_, rest)| rest);
        let Some((line, rest)) = place.and_then(|rest| rest.split_once(") ")) else {
            continue;
        };
        let unknown = rest.strip_prefix("Unknown keyword '");
        let value = rest
            .strip_prefix("Invalid value '")
            .and_then(|rest| rest.strip_suffix(" for global smtp_alert specified"));
        let word = match unknown {
            Some(word) => Some(word.to_owned()),
            None => value.map(|value| format!("={value}")),
        };
        if let Some(word) = word.as_deref().and_then(|word| word.strip_suffix('\'')) {
            words.push(format!("{line} {word}"));
        }
    }
    words.join("\n")
}

#[testbed::host_test]
fn the_table_is_what_keepalived_reads() -> TestResult {
    let netns = Netns::new("language")?;
    let directory = TempDir::new()?;
    let file = directory.path().join("t.conf");
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in TABLE.split("\n== ").skip(1) {
        let (name, case) = case.split_once('\n').ok_or("a case has lines")?;
        let (text, expected) = case.split_once("\n--\n").ok_or("a case has words")?;
        fs::write(&file, format!("{text}\n"))?;
        let found = words(&real(&netns, &file)?);
        if found != expected.trim_end() {
            wrong.push(format!(
                "== {name}\n{text}\n-- not\n{expected}-- but\n{found}"
            ));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 30, "{count}");
    Ok(())
}

/// The exit status of the test of a file, which tells what an `include` insists on.
// shows top level: include, includer, includem, includew, includeb, includea
#[testbed::host_test]
fn an_include_insists_on_the_same_files() -> TestResult {
    let netns = Netns::new("include")?;
    let directory = TempDir::new()?;
    let path = |name: &str| directory.path().join(name);
    for name in ["z1", "z2"] {
        fs::write(path(name), "global_defs {\n}\n")?;
    }
    fs::create_dir(path("folder"))?;
    fs::create_dir(path("conf.d"))?;
    fs::write(path("conf.d/one.conf"), "include two.inc\n")?;
    fs::write(path("conf.d/two.inc"), "unknown_word\n")?;
    let file = path("t.conf");
    for (line, status) in [
        ("include z1", 0),
        ("include {z1,z2}", 0),
        ("include none", 0),
        ("include none*", 0),
        ("include folder", 0),
        ("include /dev/kmsg", 0),
        ("includer z1", 0),
        ("includer none", 0),
        ("includer folder", 6),
        ("includem none", 6),
        ("includem none*", 0),
        ("includem [z]1", 0),
        ("includem {no*,z1}", 0),
        ("includew none*", 6),
        ("includew {no*,z1}", 0),
        ("includeb {z1,none}", 6),
        ("includeb {no*,z1}", 0),
        ("includeb none", 0),
        ("includew none", 6),
        ("include {z1,none}", 0),
        ("includer {z1,none}", 0),
        ("includem {z1,none}", 0),
        ("includew {z1,none}", 0),
        ("includea none*", 6),
        ("includea z?", 0),
        ("include conf.d/*.conf", 5),
        ("global_defs { include z1", 5),
        ("include \"z1\"", 0),
        ("@lab include conf.d/*.conf", 5),
        ("@^lab include conf.d/*.conf", 0),
        ("$A=conf.d\ninclude ${A}/one.conf", 5),
    ] {
        fs::write(&file, format!("{line}\n"))?;
        let real = real(&netns, &file)?;
        assert_eq!(
            real.status.code(),
            Some(status),
            "keepalived: {line}: {real:?}"
        );
        let ours = ours(&netns, &directory, &file)?;
        assert_eq!(ours.status.code(), Some(status), "ours: {line}: {ours:?}");
    }
    Ok(())
}
