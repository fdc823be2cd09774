// SPDX-License-Identifier: MIT OR Apache-2.0
//! Each `cargo xtask` command of the documentation is read by this program's own parser, and the
//! steps that it names exist.

#[path = "../../lb-cli/tests/support/pages.rs"]
mod pages;

use clap::Parser as _;
use clap::error::ErrorKind;

use crate::steps::STEPS;
use crate::{Arguments, Task};

/// Reads the words behind `cargo xtask`.
fn read(words: &[String]) -> Result<(), String> {
    let argv = std::iter::once("cargo xtask").chain(words.iter().map(String::as_str));
    let arguments = match Arguments::try_parse_from(argv) {
        Ok(arguments) => arguments,
        Err(error) if error.kind() == ErrorKind::DisplayHelp => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    let Task::Test { only, .. } = arguments.task else {
        return Ok(());
    };
    let known = |name: &String| STEPS.iter().any(|step| step.name == name);
    match only.iter().find(|name| !known(name)) {
        Some(name) => Err(format!("there is no step {name}")),
        None => Ok(()),
    }
}

#[test]
fn commands_in_the_pages_are_read() {
    let commands = pages::commands(&["cargo"]);
    let mut count = 0;
    let mut refused = Vec::new();
    for shown in &commands {
        let [program, verb, words @ ..] = shown.words.as_slice() else {
            continue;
        };
        if program != "cargo" || verb != "xtask" {
            continue;
        }
        // A sentence about the program as a whole.
        if words.is_empty() && shown.inline {
            continue;
        }
        count += 1;
        if let Err(why) = read(words) {
            refused.push(format!("{shown}\n    {why}"));
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert!(
        count > 15,
        "the pages have more commands than these {count}"
    );
}

#[test]
fn a_line_that_is_wrong_is_refused() {
    for line in [
        "tests",
        "test --only no-step",
        "bench --only no-bench",
        "soak --shard 3/2",
        "guest",
        "demo now",
        "",
    ] {
        let words = shlex::split(line).unwrap();
        assert!(read(&words).is_err(), "cargo xtask {line}");
    }
}
