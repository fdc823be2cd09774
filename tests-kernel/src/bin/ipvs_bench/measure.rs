// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one run of a program takes.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use tests_kernel::net::Netns;
use tests_kernel::process;

use super::{Outcome, Tools};

/// Ten times what ipvsadm takes for the largest table.
const DEADLINE: Duration = Duration::from_secs(600);

/// What it took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// From its start to its end.
    pub(crate) wall: Duration,
    /// What it had in memory at most.
    pub(crate) resident_kib: u64,
}

/// A program with its input.
pub(crate) struct Run<'a> {
    pub(crate) program: &'a Path,
    pub(crate) arguments: &'a [&'a str],
    pub(crate) input: Option<&'a Path>,
}

impl Run<'_> {
    /// Runs it in a namespace; it must succeed. Its standard output is left in a file.
    pub(crate) fn measure(&self, tools: &Tools, netns: &Netns) -> Outcome<(Cost, PathBuf)> {
        let result = tools.folder.join("measured");
        let words = [
            tools.bench.as_os_str(),
            "measure".as_ref(),
            result.as_os_str(),
        ];
        let output = self.run(tools, netns, &words)?;
        let text = fs::read_to_string(result)?;
        let mut words = text.split_whitespace();
        let (Some(micros), Some(kib)) = (words.next(), words.next()) else {
            return Err(format!("no measurement in: {text}").into());
        };
        let cost = Cost {
            wall: Duration::from_micros(micros.parse()?),
            resident_kib: kib.parse()?,
        };
        Ok((cost, output))
    }

    /// How many system calls it makes.
    pub(crate) fn system_calls(&self, tools: &Tools, netns: &Netns) -> Outcome<u64> {
        let counts = tools.folder.join("strace");
        let strace = netns.command("strace").get_program().to_owned();
        let words = [
            strace.as_os_str(),
            "-f".as_ref(),
            "-c".as_ref(),
            "-o".as_ref(),
            counts.as_os_str(),
        ];
        self.run(tools, netns, &words)?;
        // "% time, seconds, usecs/call, calls, errors (if any), name"; the last row is the sum.
        let calls = fs::read_to_string(counts)?
            .lines()
            .filter(|line| !line.ends_with(" total"))
            .filter_map(|line| line.split_whitespace().nth(3)?.parse::<u64>().ok())
            .sum();
        Ok(calls)
    }

    /// Runs the program behind `words` in a namespace; its standard output is left in a file.
    fn run(&self, tools: &Tools, netns: &Netns, words: &[&OsStr]) -> Outcome<PathBuf> {
        let output = tools.folder.join("output");
        // The shell opens the files: `process` keeps the streams of what it starts for itself. The
        // command of the namespace must be used itself: a copy of its words is not in the namespace.
        let script = "exec \"$@\" <\"$input\" >\"$output\"";
        let mut command = netns.command("sh");
        command
            .args(["-c", script, "sh"])
            .args(words)
            .arg(self.program)
            .args(self.arguments)
            .env(
                "input",
                self.input.unwrap_or_else(|| Path::new("/dev/null")),
            )
            .env("output", &output);
        process::run(&mut command, DEADLINE)?;
        Ok(output)
    }
}

/// `measure RESULT PROGRAM …`: runs the program here and writes down microseconds and KiB.
///
/// It has a process of its own because the peak of the memory is that of all children together.
pub(crate) fn here(result: &OsStr, program: &[OsString]) -> Outcome {
    let (program, arguments) = program.split_first().ok_or("no program")?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::inherit());
    let start = Instant::now();
    let status = command.status()?;
    let wall = start.elapsed();
    let resident = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    fs::write(result, format!("{} {resident}\n", wall.as_micros()))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{} ended with {status}", program.display()).into())
    }
}
