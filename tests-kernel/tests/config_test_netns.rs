// SPDX-License-Identifier: MIT OR Apache-2.0
//! `keepalived -t` of both programs: small files have the same exit status, except where a case has
//! a reason.

use std::error::Error;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tests_kernel::net::Lan;
use tests_kernel::process;
use tests_kernel::tool::{keepalived, lbctl};

type TestResult<T = ()> = Result<T, Box<dyn Error>>;

const DEADLINE: Duration = Duration::from_secs(20);

/// `=== NAME`, then the file; a first line `# differs THEIRS OURS: REASON` names a difference, where a
/// status of 0 or more is expected and `signal` is the end by one.
const CASES: &str = include_str!("data/config-cases.txt");

struct Case<'a> {
    name: &'a str,
    text: &'a str,
    /// The statuses of keepalived and of ours, where they differ.
    differs: Option<(&'a str, &'a str)>,
}

fn cases() -> Vec<Case<'static>> {
    let blocks = CASES.split("=== ").skip(1);
    let case = |block: &'static str| {
        let (name, text) = block.split_once('\n').unwrap_or((block, ""));
        let reason = text.strip_prefix("# differs ");
        let differs = reason.and_then(|rest| rest.split_once(':')?.0.split_once(' '));
        Case {
            name,
            text,
            differs,
        }
    };
    blocks.map(case).collect()
}

fn status(mut command: Command, file: &Path) -> TestResult<(String, String)> {
    command.arg("-t").arg("-f").arg(file);
    let done = process::output(&mut command, DEADLINE)?;
    let status = done
        .status
        .code()
        .map_or_else(|| "signal".to_owned(), |code| code.to_string());
    let text = [done.stdout, done.stderr].concat();
    Ok((status, String::from_utf8_lossy(&text).into_owned()))
}

#[testbed::host_test]
fn exit_status_of_the_configuration_test_is_that_of_keepalived() -> TestResult {
    let lan = Lan::new()?;
    let host = lan.host("one", [192, 168, 1, 11].into())?;
    let folder = std::env::temp_dir().join(host.netns().name());
    fs::create_dir_all(&folder)?;
    let ours = folder.join("keepalived");
    symlink(lbctl(), &ours)?;
    let file = folder.join("test.conf");
    let cases = cases();
    assert!(cases.len() >= 60, "{}", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        fs::write(&file, case.text)?;
        let words = keepalived();
        let (program, arguments) = words.split_first().ok_or("no program")?;
        let mut command = host.netns().command(program);
        command.args(arguments);
        let (theirs, their_text) = status(command, &file)?;
        let (mine, my_text) = status(host.netns().command(&ours), &file)?;
        let expected = case
            .differs
            .map(|(theirs, ours)| (theirs.to_owned(), ours.to_owned()));
        let right = match expected {
            None => theirs == mine,
            Some(expected) => expected == (theirs.clone(), mine.clone()),
        };
        if !right {
            let name = case.name;
            wrong.push(format!(
                "{name}: {theirs}, ours {mine}\n{their_text}\n{my_text}"
            ));
        }
    }
    fs::remove_dir_all(&folder)?;
    assert!(
        wrong.is_empty(),
        "{} cases:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    Ok(())
}
