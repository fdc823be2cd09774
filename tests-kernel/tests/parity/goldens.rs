// SPDX-License-Identifier: MIT OR Apache-2.0
//! What ours shows against what the original showed when the goldens were recorded.

use std::fs;
use std::path::PathBuf;

use super::order::{self, Order};
use super::{Shown, Tally, TestResult};

/// Its rows come in the order of the kernel's hash, which depends on where in memory the
/// namespace is.
const UNSORTED: &str = "--nosort";

/// Its order depends on that too, because the original takes the difference of addresses for a
/// signed number, so that its sort is none. The rows are compared as a set.
const BADLY_SORTED: &str = "015-address-parsing";

/// A command of a golden, and what it showed.
struct Recorded {
    command: String,
    shown: Shown,
}

/// A line of a case and what it showed.
pub(crate) struct Compared<'a> {
    pub(crate) line: &'a str,
    /// By the original, in this run.
    pub(crate) original: &'a Shown,
    pub(crate) ours: &'a Shown,
    pub(crate) order: Order,
}

/// Compares the lines of a case with its golden; every command of the golden must be among them.
pub(crate) fn compare(case: &str, lines: &[Compared<'_>], tally: &mut Tally) -> TestResult {
    let file = format!("../lb-ipvsadm/tests/golden/{case}.txt");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file);
    let Ok(text) = fs::read_to_string(&path) else {
        return Ok(());
    };
    let mut lines = lines.iter();
    for recorded in parse(&text).ok_or_else(|| format!("cannot read {}", path.display()))? {
        // What the session showed beside: /proc, modules.
        if !recorded.command.contains("ipvsadm") {
            continue;
        }
        let Some(compared) = lines.find(|compared| compared.line == recorded.command) else {
            return Err(format!("{case}: not compared: {}", recorded.command).into());
        };
        let line = compared.line;
        if line.contains(UNSORTED) {
            continue;
        }
        let title = format!("golden {case}: {line}");
        let mut recorded = order::with_size_of(&recorded.shown, compared.original);
        let mut ours = compared.ours.clone();
        if case == BADLY_SORTED {
            for shown in [&mut recorded, &mut ours] {
                shown.out = sorted(&shown.out);
            }
        }
        tally.judge(&title, &recorded, &ours, compared.order);
    }
    Ok(())
}

fn sorted(text: &str) -> String {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    lines.sort_unstable();
    lines.concat()
}

/// "$ COMMAND", its two streams, "--- exit N", one after the other.
fn parse(text: &str) -> Option<Vec<Recorded>> {
    text.split("\n$ ")
        .skip(1)
        .map(|block| {
            let (command, rest) = block.split_once('\n')?;
            let (streams, exit) = rest.split_once("--- exit ")?;
            let (out, err) = streams.split_once("--- stderr\n").unwrap_or((streams, ""));
            Some(Recorded {
                command: command.to_owned(),
                shown: Shown {
                    out: out.strip_prefix("--- stdout\n").unwrap_or(out).to_owned(),
                    // The word of the shell that recorded them, not of ipvsadm.
                    err: err.replace("Segmentation fault\n", ""),
                    exit: exit.lines().next()?.to_owned(),
                },
            })
        })
        .collect()
}
