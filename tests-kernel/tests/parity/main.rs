// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lbctl ipvs` is ipvsadm: the same command lines with Debian's ipvsadm and with ours; standard
//! output, standard error and exit status must be the same, except for what [`accepted`] lists.
//!
//! Both run in the same namespace, because the kernel's order of services depends on it; [`order`]
//! compares them where it depends on more.

mod accepted;
mod cases;
mod goldens;
mod names;
mod order;
mod restore;
mod traffic;

use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tests_kernel::net::Netns;
use tests_kernel::{process, tool};

use accepted::{ACCEPTED, Verdict};
use order::Order;

type TestResult<T = ()> = Result<T, Box<dyn Error>>;

/// The names the goldens were recorded with.
const HOSTS: &str = include_str!("../data/hosts");
/// The page that must list the accepted differences.
const DOCUMENT: &str = include_str!("../../../docs/differences.md");

/// Ten times what a line with ten thousand takes.
const DEADLINE: Duration = Duration::from_secs(300);

/// Commands that are ours under these names.
const NAMES: [&str; 3] = ["ipvsadm", "ipvsadm-save", "ipvsadm-restore"];

/// What a line did.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown {
    out: String,
    err: String,
    exit: String,
}

impl Shown {
    /// What a script left of its line of this number.
    fn read(results: &Path, number: &str) -> TestResult<Self> {
        let read = |kind: &str| fs::read(results.join(format!("{number}.{kind}")));
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Self {
            out: text(read("out")?),
            err: text(read("err")?),
            exit: text(read("exit")?).trim_end().to_owned(),
        })
    }
}

/// Who carries a line out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Original,
    Ours,
}

/// Where the programs and their files are; removed on drop.
struct Folder(PathBuf);

impl Folder {
    fn new(label: &str) -> TestResult<Self> {
        let name = format!("parity-{label}-{}", std::process::id());
        let folder = Self(std::env::temp_dir().join(name));
        let bin = folder.0.join("bin");
        fs::create_dir_all(&bin)?;
        fs::write(folder.0.join("hosts"), HOSTS)?;
        for name in NAMES {
            symlink(tool::lbctl(), bin.join(name))?;
        }
        Ok(folder)
    }

    fn path(&self) -> &Path {
        &self.0
    }

    /// A command in a namespace with `ipvsadm` in the path, the original's or ours; `$system` is
    /// the path with the original, `$hosts` the file of names.
    fn command(&self, netns: &Netns, who: Who, program: &str) -> TestResult<Command> {
        let system = std::env::var("PATH")?;
        let path = match who {
            Who::Original => system.clone(),
            Who::Ours => format!("{}:{system}", self.0.join("bin").display()),
        };
        let mut command = netns.command(program);
        command
            .env("PATH", path)
            .env("system", system)
            .env("hosts", self.0.join("hosts"));
        Ok(command)
    }

    /// Runs one line with the original, with ours, and with the original again, as close together
    /// as one shell can.
    fn between(&self, netns: &Netns, line: &str) -> TestResult<[Shown; 3]> {
        let results = self.0.join("between");
        fs::create_dir_all(&results)?;
        let mut script = String::from("mount --bind \"$hosts\" /etc/hosts || exit 99\n");
        for (file, path) in ["$system", "$PATH", "$system"].iter().enumerate() {
            script.push_str(&format!(
                "(PATH={path}; {line}\n) >$results/{file}.out 2>$results/{file}.err; \
                 echo $? >$results/{file}.exit\n"
            ));
        }
        let mut command = self.command(netns, Who::Ours, "sh")?;
        command.env("results", &results);
        process::run(command.arg("-c").arg(script), DEADLINE)?;
        Ok([
            Shown::read(&results, "0")?,
            Shown::read(&results, "1")?,
            Shown::read(&results, "2")?,
        ])
    }

    /// Runs one line of shell with the names of the goldens.
    fn line(&self, netns: &Netns, who: Who, line: &str) -> TestResult<Shown> {
        let mut command = self.command(netns, who, "sh")?;
        let script = format!("mount --bind \"$hosts\" /etc/hosts || exit 99\n{line}");
        let output = process::output(command.arg("-c").arg(script), DEADLINE)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Shown {
            out: text(&output.stdout),
            err: text(&output.stderr),
            exit: output
                .status
                .code()
                .map_or_else(|| output.status.to_string(), |code| code.to_string()),
        })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // It is below the guest's /tmp, which goes with the guest.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// How the lines came out.
#[derive(Debug, Default)]
struct Tally {
    same: usize,
    accepted: Vec<String>,
    other: Vec<String>,
}

impl Tally {
    /// Judges one line.
    fn judge(&mut self, line: &str, original: &Shown, ours: &Shown, order: Order) {
        match accepted::judge(line, original, ours, order) {
            Verdict::Same => self.same += 1,
            Verdict::Accepted(row) => self.accepted.push(format!("{line}: {row}")),
            Verdict::Other => self
                .other
                .push(format!("{line}\noriginal: {original:#?}\nours: {ours:#?}")),
        }
    }

    /// Prints the account past the capture of the test harness.
    fn print(&self, title: &str) {
        let mut error = std::io::stderr().lock();
        for line in &self.accepted {
            let _ = writeln!(error, "accepted: {line}");
        }
        for line in &self.other {
            let _ = writeln!(error, "other: {line}");
        }
        let _ = writeln!(
            error,
            "{title}: {} same, {} accepted, {} other",
            self.same,
            self.accepted.len(),
            self.other.len()
        );
    }
}

#[testbed::guest_test]
fn the_same_words_do_the_same() -> TestResult {
    let mut tally = Tally::default();
    let mut recorded = Tally::default();
    cases::compare(&mut tally, &mut recorded)?;
    traffic::compare(&mut tally)?;
    recorded.print("recorded");
    tally.print("parity");
    assert!(recorded.other.is_empty(), "{} differ", recorded.other.len());
    assert!(recorded.same >= 200, "{}", recorded.same);
    assert!(tally.other.is_empty(), "{} differ", tally.other.len());
    assert!(tally.accepted.len() <= 15, "{}", tally.accepted.len());
    assert!(tally.same >= 300, "{}", tally.same);
    Ok(())
}

/// What is accepted is what the documentation tells.
#[test]
fn every_accepted_difference_is_documented() {
    for accepted in ACCEPTED {
        let row = format!("\n| {} |", accepted.row);
        assert!(DOCUMENT.contains(&row), "no row {}", accepted.row);
    }
    assert!(ACCEPTED.len() <= 15);
}
