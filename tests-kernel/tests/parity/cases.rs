// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lines of `data/ipvsadm-cases.txt`, all with the original, then all with ours.

use std::fs;
use std::time::Duration;

use tests_kernel::net::Netns;
use tests_kernel::process;

use super::{Folder, Shown, Tally, TestResult, Who, goldens};

const CASES: &str = include_str!("../data/ipvsadm-cases.txt");
/// Ten times what a long run takes.
const DEADLINE: Duration = Duration::from_secs(900);

/// The cases of this run, each with its lines.
fn cases() -> Vec<(&'static str, Vec<&'static str>)> {
    let soak = std::env::var_os("LB_SOAK").is_some();
    let mut cases: Vec<(_, Vec<_>)> = Vec::new();
    for text in CASES
        .lines()
        .filter(|text| !text.is_empty() && !text.starts_with('#'))
    {
        match (text.strip_prefix("== "), cases.last_mut()) {
            (Some(name), _) => cases.push((name, Vec::new())),
            (None, Some((_, lines))) => lines.push(text),
            (None, None) => panic!("a line before the first case: {text}"),
        }
    }
    cases.retain(|(name, _)| soak || !name.ends_with("(soak)"));
    cases
}

/// All cases as one shell script: the results of line `i` go to `i.out`, `i.err` and `i.exit` in
/// `$results`, and each case begins with an empty table.
fn script() -> String {
    let mut script = String::from("set -u\nmount --bind \"$hosts\" /etc/hosts || exit 1\n");
    let mut number = 0;
    for (_, lines) in cases() {
        script.push_str(
            "(PATH=$system; ipvsadm -C; ipvsadm --set 900 120 300; \
             ipvsadm --stop-daemon master; ipvsadm --stop-daemon backup) >/dev/null 2>&1\n",
        );
        for text in lines {
            if let Some(setup) = text.strip_prefix("@ ") {
                script.push_str(&format!("({setup}\n) >/dev/null 2>&1\n"));
                continue;
            }
            let file = format!("\"$results/{number}");
            script.push_str(&format!(
                "({text}\n) >{file}.out\" 2>{file}.err\" </dev/null; echo $? >{file}.exit\"\n"
            ));
            number += 1;
        }
    }
    script
}

fn run(netns: &Netns, folder: &Folder, who: Who, lines: usize) -> TestResult<Vec<Shown>> {
    let results = folder.path().join(format!("{who:?}"));
    fs::create_dir(&results)?;
    let mut command = folder.command(netns, who, "sh")?;
    command
        .arg(folder.path().join("script"))
        .env("results", &results);
    process::run(&mut command, DEADLINE)?;
    (0..lines)
        .map(|number| Shown::of(&results, number))
        .collect()
}

/// Compares all of them with the original, and ours with what the original said when the goldens
/// were recorded.
pub(crate) fn compare(tally: &mut Tally, recorded: &mut Tally) -> TestResult {
    let folder = Folder::new("cases")?;
    fs::write(folder.path().join("script"), script())?;
    let cases: Vec<(&str, Vec<&str>)> = cases()
        .into_iter()
        .map(|(case, mut lines)| {
            lines.retain(|line| !line.starts_with("@ "));
            (case.trim_end_matches(" (soak)"), lines)
        })
        .collect();
    let count = cases.iter().map(|(_, lines)| lines.len()).sum();
    let netns = Netns::new("parity")?;
    let original = run(&netns, &folder, Who::Original, count)?;
    let ours = run(&netns, &folder, Who::Ours, count)?;
    let mut results = original.iter().zip(&ours);
    for (case, lines) in cases {
        let mut shown = Vec::new();
        for (line, (original, ours)) in lines.into_iter().zip(&mut results) {
            tally.judge(&format!("{case}: {line}"), original, ours);
            shown.push((line, ours));
        }
        goldens::compare(case, &shown, recorded)?;
    }
    Ok(())
}
