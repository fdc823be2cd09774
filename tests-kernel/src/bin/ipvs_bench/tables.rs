// SPDX-License-Identifier: MIT OR Apache-2.0
//! Restore, list and save.

use std::fs;
use std::path::Path;

use tests_kernel::net::Netns;

use super::measure::Run;
use super::report::Report;
use super::{Outcome, Tools, batch, rules};

/// What is listed, once the table is there.
const LISTINGS: [&[&str]; 3] = [&["-Ln", "--stats"], &["-Ln"], &["-S", "-n"]];

/// Who does it.
pub(crate) const IPVSADM: &str = "ipvsadm";
pub(crate) const LBCTL: &str = "lbctl";
pub(crate) const FLOOR: &str = "sender";

/// All of it for one size, round after round, each table in a namespace of its own.
pub(crate) fn bench(tools: &Tools, size: u32, rounds: u32, report: &mut Report) -> Outcome {
    let rules = tools.folder.join("rules");
    let requests = tools.folder.join("requests");
    fs::write(&rules, rules::text(size))?;
    batch::prepare(size, &requests)?;
    let send = ["send", requests.to_str().ok_or("not UTF-8")?];
    for round in 1..=rounds {
        let mut tables = Vec::new();
        for (who, run) in &restores(tools, &rules, &send) {
            let netns = Netns::new("bench")?;
            let (cost, _) = run.measure(tools, &netns)?;
            report.add(size, "-R", who, cost);
            println!("{size} -R {who} {round}: {:?}", cost.wall);
            tables.push(netns);
        }
        // The three tables must be the same, or nothing was measured; listed by the original.
        let mut listed = Vec::new();
        for netns in &tables {
            let list = run(&tools.ipvsadm, &["-Sn"]);
            let (_, output) = list.measure(tools, netns)?;
            let mut lines: Vec<String> = fs::read_to_string(output)?
                .lines()
                .map(str::to_owned)
                .collect();
            lines.sort();
            listed.push(lines);
        }
        if listed.windows(2).any(|pair| pair.first() != pair.last()) {
            return Err("the tables differ".into());
        }
        let netns = tables.pop().ok_or("no table")?;
        drop(tables);
        for arguments in LISTINGS {
            let mut outputs = Vec::new();
            for (who, program) in [(IPVSADM, &tools.ipvsadm), (LBCTL, &tools.lbctl)] {
                let (cost, output) = run(program, arguments).measure(tools, &netns)?;
                report.add(size, &arguments.join(" "), who, cost);
                println!(
                    "{size} {} {who} {round}: {:?}",
                    arguments.join(" "),
                    cost.wall
                );
                outputs.push(fs::read(output)?);
            }
            if outputs.first() != outputs.last() {
                return Err(format!("the outputs of {} differ", arguments.join(" ")).into());
            }
        }
    }
    Ok(())
}

/// The same once more under strace, which costs too much time for a measurement beside.
pub(crate) fn system_calls(tools: &Tools, size: u32, report: &mut Report) -> Outcome {
    let rules = tools.folder.join("rules");
    let requests = tools.folder.join("requests");
    fs::write(&rules, rules::text(size))?;
    batch::prepare(size, &requests)?;
    let send = ["send", requests.to_str().ok_or("not UTF-8")?];
    let mut table = None;
    for (who, run) in &restores(tools, &rules, &send) {
        let netns = Netns::new("bench")?;
        let calls = run.system_calls(tools, &netns)?;
        report.add_calls(size, "-R", who, calls);
        table = Some(netns);
    }
    let netns = table.ok_or("no table")?;
    for arguments in LISTINGS {
        for (who, program) in [(IPVSADM, &tools.ipvsadm), (LBCTL, &tools.lbctl)] {
            let calls = run(program, arguments).system_calls(tools, &netns)?;
            report.add_calls(size, &arguments.join(" "), who, calls);
        }
    }
    Ok(())
}

/// Who restores, how.
fn restores<'a>(
    tools: &'a Tools,
    rules: &'a Path,
    send: &'a [&'a str; 2],
) -> [(&'static str, Run<'a>); 3] {
    let restore = |program| Run {
        program,
        arguments: &["-R"],
        input: Some(rules),
    };
    [
        (IPVSADM, restore(&tools.ipvsadm)),
        (LBCTL, restore(&tools.lbctl)),
        (FLOOR, run(&tools.bench, send)),
    ]
}

const fn run<'a>(program: &'a Path, arguments: &'a [&'a str]) -> Run<'a> {
    Run {
        program,
        arguments,
        input: None,
    }
}
