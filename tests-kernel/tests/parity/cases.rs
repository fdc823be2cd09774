// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lines of `data/ipvsadm-cases.txt`, all with the original, then all with ours.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use tests_kernel::net::Netns;
use tests_kernel::process;

use super::accepted::{self, Verdict};
use super::goldens::{self, Compared};
use super::order::{self, Order};
use super::{Folder, Shown, Tally, TestResult, Who};

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
/// `$results`, and each case begins with an empty table. The lines that `again` names by number are run
/// once more with the original, with results in `again-i.out` and so on.
fn script(again: &BTreeSet<usize>) -> String {
    let mut script = String::from("set -u\nmount --bind \"$hosts\" /etc/hosts || exit 1\n");
    // The first service makes the connection table of the namespace, which the headings tell of.
    script.push_str("(PATH=$system; ipvsadm -A -t 127.0.0.1:9; ipvsadm -C) >/dev/null 2>&1\n");
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
            let mut run = |file: String, path: &str| {
                let file = format!("\"$results/{file}");
                script.push_str(&format!(
                    "({path}{text}\n) >{file}.out\" 2>{file}.err\" </dev/null; echo $? >{file}.exit\"\n"
                ));
            };
            run(number.to_string(), "");
            if again.contains(&number) {
                run(format!("again-{number}"), "PATH=$system; ");
            }
            number += 1;
        }
    }
    script
}

/// Runs all cases, and returns what their lines showed, with what the original showed of the same table
/// where it was asked again.
fn run(
    netns: &Netns,
    folder: &Folder,
    who: Who,
    lines: usize,
    again: &BTreeSet<usize>,
) -> TestResult<Vec<(Shown, Option<Shown>)>> {
    let results = folder.path().join(format!("{who:?}"));
    fs::create_dir(&results)?;
    let script_file = folder.path().join("script");
    fs::write(&script_file, script(again))?;
    let mut command = folder.command(netns, who, "sh")?;
    command.arg(&script_file).env("results", &results);
    process::run(&mut command, DEADLINE)?;
    (0..lines)
        .map(|number| {
            let shown = Shown::read(&results, &number.to_string())?;
            let again = again
                .contains(&number)
                .then(|| Shown::read(&results, &format!("again-{number}")));
            Ok((shown, again.transpose()?))
        })
        .collect()
}

/// Compares all of them with the original, and ours with what the original said when the goldens
/// were recorded.
pub(crate) fn compare(tally: &mut Tally, recorded: &mut Tally) -> TestResult {
    let folder = Folder::new("cases")?;
    let cases: Vec<(&str, Vec<&str>)> = cases()
        .into_iter()
        .map(|(case, mut lines)| {
            lines.retain(|line| !line.starts_with("@ "));
            (case.trim_end_matches(" (soak)"), lines)
        })
        .collect();
    let all: Vec<&str> = cases.iter().flat_map(|(_, lines)| lines).copied().collect();
    let netns = Netns::new("parity")?;
    let original = run(&netns, &folder, Who::Original, all.len(), &BTreeSet::new())?;
    let again: BTreeSet<usize> = all
        .iter()
        .zip(&original)
        .enumerate()
        .filter(|(_, (line, (shown, _)))| order::is_random() && order::is_listing(line, shown))
        .map(|(number, _)| number)
        .collect();
    let ours = run(&netns, &folder, Who::Ours, all.len(), &again)?;
    let mut results = original.iter().zip(&ours);
    for (case, lines) in cases {
        let mut compared = Vec::new();
        for (line, ((original, _), (ours, again))) in lines.into_iter().zip(&mut results) {
            let title = format!("{case}: {line}");
            // As it stands it is compared with what the original shows of the same table.
            let (witness, order) = match again {
                Some(again) => (again, Order::OfTheKernel),
                None => (original, Order::Matters),
            };
            let of_the_same = accepted::judge(line, witness, ours, Order::Matters);
            if matches!(of_the_same, Verdict::Other) {
                tally.judge(&title, witness, ours, Order::Matters);
            } else {
                tally.judge(&title, original, ours, order);
            }
            compared.push(Compared {
                line,
                original,
                ours,
                order,
            });
        }
        goldens::compare(case, &compared, recorded)?;
    }
    Ok(())
}
