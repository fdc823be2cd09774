// SPDX-License-Identifier: MIT OR Apache-2.0
//! `keepalived -t` of both programs: whole files, written in the shapes of administrators, of programs that
//! write such files and of regression tests, and keepalived's own samples, have the same exit status and
//! findings in the same lines, except where a file has a reason.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use testbed::Netns;
use tests_kernel::lab::{Suite, Tree};
use tests_kernel::net::Lan;
use tests_kernel::process;
use tests_kernel::tool::{keepalived, lbctl};

type TestResult<T = ()> = Result<T, Box<dyn Error>>;

const DEADLINE: Duration = Duration::from_secs(30);
const FOLDER: &str = "tests/data/configurations";
/// The differences of keepalived's samples: `NAME statuses …` and `NAME lines …`.
const SAMPLES: &str = include_str!("data/configurations/samples.txt");
/// The least number of files in the folder.
const FILES: usize = 150;
const WORKERS: usize = 3;
/// Begins a finding about a script that others can change.
const INSECURE: &str = ": warning: security: ";

/// What both programs find in a file, or are to find.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    /// Of keepalived and of ours; `signal` is the end by one.
    statuses: (String, String),
    /// Lines that only keepalived names, and lines that only ours names.
    lines: Lines,
}

/// Lines that only keepalived names, and lines that only ours names.
type Lines = (BTreeSet<u64>, BTreeSet<u64>);

/// The differences that a file announces at its end: `# statuses THEIRS OURS: REASON`, and
/// `# lines THEIRS… | OURS…: REASON` with `-` for none.
fn announced(text: &str) -> (Option<(&str, &str)>, Lines) {
    let (mut statuses, mut lines) = (None, (BTreeSet::new(), BTreeSet::new()));
    let numbers = |text: &str| {
        text.split(' ')
            .filter_map(|word| word.parse().ok())
            .collect()
    };
    for line in text.lines() {
        let Some((difference, _)) = line.trim_start_matches("# ").split_once(':') else {
            continue;
        };
        if let Some(both) = difference.strip_prefix("statuses ") {
            statuses = both.split_once(' ');
        } else if let Some((theirs, ours)) = difference
            .strip_prefix("lines ")
            .and_then(|both| both.split_once(" | "))
        {
            lines = (numbers(theirs), numbers(ours));
        }
    }
    (statuses, lines)
}

struct Programs<'a> {
    netns: &'a Netns,
    /// A link to ours with keepalived's name.
    ours: PathBuf,
}

impl Programs<'_> {
    fn run(&self, mut command: Command) -> TestResult<(String, String)> {
        let done = process::output(&mut command, DEADLINE)?;
        let status = done.status.code();
        let status = status.map_or_else(|| "signal".to_owned(), |code| code.to_string());
        let text = [done.stdout, done.stderr].concat();
        Ok((status, String::from_utf8_lossy(&text).into_owned()))
    }

    /// The outcome for a file, and all texts.
    fn compare(&self, file: &Path) -> TestResult<(Outcome, String)> {
        let test = |mut command: Command| {
            command.args(["-i", "one", "-t", "-f"]).arg(file);
            self.run(command)
        };
        let words = keepalived();
        let (program, arguments) = words.split_first().ok_or("no program")?;
        let mut command = self.netns.command(program);
        command.args(arguments);
        let (theirs, their_text) = test(command)?;
        let (mine, my_text) = test(self.netns.command(&self.ours))?;
        let mut check = self.netns.command(lbctl());
        check
            .args(["check", "--json", "--config-id", "one"])
            .arg(file);
        let (_, report) = self.run(check)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let their_lines = numbered(&their_text, &name);
        let mut my_lines = reported(&report, &name)?;
        my_lines.extend(missing_interfaces(&my_text, &name));
        let only = |one: &BTreeSet<u64>, other: &BTreeSet<u64>| {
            one.difference(other).copied().collect::<BTreeSet<u64>>()
        };
        let outcome = Outcome {
            lines: (only(&their_lines, &my_lines), only(&my_lines, &their_lines)),
            statuses: (theirs, mine),
        };
        Ok((outcome, format!("{their_text}\n{my_text}")))
    }
}

/// The lines of a file in keepalived's messages, `(FILE: Line N) …` or `(Line N) …`.
fn numbered(text: &str, name: &str) -> BTreeSet<u64> {
    let number = |line: &str| {
        let place = line.strip_prefix('(')?.split_once(')')?.0;
        let (file, number) = match place.rsplit_once(": Line ") {
            Some((file, number)) => (Path::new(file).file_name()?.to_str()?, number),
            None => (name, place.strip_prefix("Line ")?),
        };
        (file == name).then(|| number.parse().ok())?
    };
    text.lines().filter_map(number).collect()
}

/// The lines of a file with findings that keepalived has too, in the report of `lbctl check --json`.
fn reported(report: &str, name: &str) -> TestResult<BTreeSet<u64>> {
    let report: Value = serde_json::from_str(report)?;
    let findings = report.get("diagnostics").and_then(Value::as_array);
    let findings = findings.ok_or("no findings")?.iter();
    let line = |finding: &Value| {
        let file = Path::new(finding.get("file")?.as_str()?).file_name()?;
        let counts = finding.get("reported_by_keepalived")?.as_bool()?;
        (counts && file == name).then(|| finding.get("line")?.as_u64())?
    };
    Ok(findings.filter_map(line).collect())
}

/// The lines with interfaces that do not exist, `FILE:LINE:COLUMN: warning: interface …`.
fn missing_interfaces(text: &str, name: &str) -> BTreeSet<u64> {
    let number = |line: &str| {
        let (place, message) = line.split_once(": warning: interface ")?;
        let (file, rest) = place.rsplit_once('/')?.1.split_once(':')?;
        let wanted = file == name && message.ends_with(" does not exist");
        wanted.then(|| rest.split(':').next()?.parse().ok())?
    };
    text.lines().filter_map(number).collect()
}

/// Files and what they announce.
fn files() -> TestResult<Vec<(PathBuf, String)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "conf")
        {
            let text = fs::read_to_string(&path)?;
            files.push((path, text));
        }
    }
    assert!(files.len() >= FILES, "{}", files.len());
    for (path, text) in &files {
        let shapes = ["# administrator: ", "# client: ", "# regression: "];
        let has_shape = shapes.iter().any(|shape| text.starts_with(shape));
        assert!(has_shape, "{} begins with no shape", path.display());
    }
    let samples = Tree::of_peers(Suite::of_peers()).path();
    for entry in fs::read_dir(samples.join("usr/share/doc/keepalived/samples"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with("keepalived.conf") {
            continue;
        }
        let own = |line: &&str| line.split(' ').next() == Some(&*name);
        let lines = SAMPLES.lines().filter(own);
        let lines = lines.filter_map(|line| line.split_once(' '));
        let text: Vec<&str> = lines.map(|(_, difference)| difference).collect();
        let text = text.join("\n");
        files.push((path, text));
    }
    files.sort();
    Ok(files)
}

#[testbed::namespace_test]
fn whole_files_have_status_and_lines_of_keepalived() -> TestResult {
    let lan = Lan::new()?;
    let host = lan.host("one", [192, 168, 1, 11].into())?;
    for (name, address) in [("eth1", "10.0.0.11/24"), ("bond0", "10.0.1.11/24")] {
        let netns = host.netns();
        netns.ip(&format!("link add {name} type veth peer name peer-{name}"))?;
        netns.ip(&format!("link set {name} up"))?;
        netns.ip(&format!("link set peer-{name} up"))?;
        netns.ip(&format!("address add {address} dev {name}"))?;
    }
    let folder = tempfile::tempdir()?;
    let ours = folder.path().join("keepalived");
    symlink(lbctl(), &ours)?;
    let programs = Programs {
        netns: host.netns(),
        ours,
    };
    // In the namespace of an ordinary user each script is one that others can change: the guest has its test.
    let root_owns_files = fs::metadata("/")?.uid() == 0;
    let files = files()?;
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some((path, text)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (statuses, lines) = announced(text);
                    let right = |outcome: &Outcome| {
                        let (theirs, ours) = &outcome.statuses;
                        let same = match statuses {
                            None => theirs == ours,
                            Some(both) => both == (theirs, ours),
                        };
                        same && outcome.lines == lines
                    };
                    let report = match programs.compare(path) {
                        Ok((outcome, _)) if right(&outcome) => continue,
                        Ok((_, texts)) if !root_owns_files && texts.contains(INSECURE) => continue,
                        Ok((outcome, texts)) => {
                            format!("{}: {outcome:?}\n{texts}", path.display())
                        }
                        Err(error) => format!("{}: {error}", path.display()),
                    };
                    wrong.lock().expect("no panic").push(report);
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    let count = wrong.len();
    assert!(wrong.is_empty(), "{count} files:\n{}", wrong.join("\n"));
    Ok(())
}
