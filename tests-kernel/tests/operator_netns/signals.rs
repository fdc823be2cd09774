// SPDX-License-Identifier: MIT OR Apache-2.0
//! Signals, the files that they cause, and pid files: ours called as keepalived, beside keepalived.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;
use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Lan, wait_until};
use tests_kernel::tool::{keepalived, lbctl};

use super::{DEADLINE, TestResult, VIP, instance};

/// The longest time from the signal to the whole file that its readers allow.
const READERS_PATIENCE: Duration = Duration::from_millis(100);
const JSON: &str = "keepalived.json";
const STATS: &str = "keepalived.stats";
const DATA: &str = "keepalived.data";
const PARENT: &str = "keepalived_parent.data";

/// A daemon with the command line of keepalived, and the folder of its files.
struct Daemon {
    director: Director,
    folder: TempDir,
}

impl Daemon {
    /// Starts the software with keepalived's options, and waits until it is master.
    fn start(lan: &Lan, software: Software, number: u8) -> TestResult<Self> {
        let address = std::net::Ipv4Addr::new(192, 168, 1, 10 + number);
        let host = lan.host(&format!("r{number}"), address)?;
        let text = instance(150, "0.3", "");
        let folder = tempfile::tempdir()?;
        let mut daemon = Self {
            director: Director::new(host, software, &text)?,
            folder,
        };
        let mut words = if software == Software::Keepalived {
            keepalived()
        } else {
            let program = daemon.path("keepalived");
            symlink(lbctl(), &program)?;
            vec![program.into()]
        };
        let mut command = daemon.director.command(words.remove(0));
        command.args(words).args(["-n", "-l", "-D", "-f"]);
        command.arg(daemon.director.configuration());
        for (option, file) in [
            ("-p", "parent.pid"),
            ("-r", "vrrp.pid"),
            ("-c", "checkers.pid"),
        ] {
            command.arg(option).arg(daemon.path(file));
        }
        command.env("TMPDIR", daemon.folder.path());
        daemon.director.start_command(command)?;
        wait_until("master", DEADLINE, || {
            let is_master = daemon.director.has_address(VIP);
            is_master.then_some(()).ok_or_else(|| daemon.director.log())
        })?;
        Ok(daemon)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn pid(&self, file: &str) -> TestResult<i32> {
        Ok(fs::read_to_string(self.path(file))?.trim().parse()?)
    }

    fn signal(&self, number: i32) -> TestResult {
        send(self.pid("parent.pid")?, number)
    }

    fn is_alive(&self) -> TestResult<bool> {
        let pid = Pid::from_raw(self.pid("parent.pid")?);
        Ok(nix::sys::signal::kill(pid, None).is_ok())
    }

    /// Waits for a file, which is removed then.
    fn take(&self, name: &str) -> TestResult<String> {
        let path = self.path(name);
        let text = wait_until(name, DEADLINE, || {
            let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
            (!text.is_empty())
                .then_some(text)
                .ok_or_else(|| "empty".to_owned())
        })?;
        fs::remove_file(&path)?;
        Ok(text)
    }
}

/// Sends a signal by number; no library that is used here has names for real-time signals.
fn send(pid: i32, number: i32) -> TestResult {
    let mut kill = std::process::Command::new("kill");
    kill.arg(format!("-{number}")).arg(pid.to_string());
    let done = tests_kernel::process::output(&mut kill, DEADLINE)?;
    if done.status.success() {
        Ok(())
    } else {
        Err(format!("kill -{number} {pid}: {done:?}").into())
    }
}

fn json_signal() -> i32 {
    libc::SIGRTMIN() + 2
}

/// All keys of the document, with those of objects within.
fn keys(document: &Value, prefix: &str, found: &mut BTreeSet<String>) {
    match document {
        Value::Object(fields) => {
            for (key, value) in fields {
                let path = format!("{prefix}/{key}");
                keys(value, &path, found);
                found.insert(path);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|value| keys(value, prefix, found)),
        _ => {}
    }
}

/// Both write the same files with the same fields, survive every signal, and have pid files of the
/// same names while they run.
#[testbed::host_test]
fn files_and_pid_files_are_those_of_keepalived() -> TestResult {
    let lan = Lan::new()?;
    let mut found = Vec::new();
    for (software, number) in [(Software::Keepalived, 1), (Software::Lbctl, 2)] {
        let mut daemon = Daemon::start(&lan, software, number)?;
        let pid_files = ["parent.pid", "vrrp.pid", "checkers.pid"].map(|file| {
            let path = daemon.path(file);
            path.exists()
        });
        daemon.signal(libc::SIGUSR1)?;
        let data = daemon.take(DATA)?;
        let parent = daemon.take(PARENT)?;
        daemon.signal(libc::SIGUSR2)?;
        let stats = daemon.take(STATS)?;
        daemon.signal(libc::SIGRTMAX() - 1)?;
        daemon.take(STATS)?;
        daemon.signal(libc::SIGUSR2)?;
        let cleared = daemon.take(STATS)?;
        assert!(
            cleared.contains("  Became master: 0\n"),
            "{software}: {cleared}"
        );
        daemon.signal(json_signal())?;
        let mode = wait_until("the JSON file", DEADLINE, || {
            let metadata = daemon
                .path(JSON)
                .metadata()
                .map_err(|error| error.to_string())?;
            (metadata.len() > 0)
                .then(|| metadata.permissions().mode() & 0o777)
                .ok_or_else(|| "empty".to_owned())
        })?;
        assert_eq!(mode, 0o600, "{software}");
        let json: Value = serde_json::from_str(&daemon.take(JSON)?)?;
        for number in libc::SIGRTMIN()..=libc::SIGRTMAX() {
            // The original writes a dump of its threads, if it was built so.
            if software == Software::Lbctl || number != libc::SIGRTMAX() {
                daemon.signal(number)?;
            }
        }
        // The signals have been served when this one has.
        fs::remove_file(daemon.path(STATS)).ok();
        daemon.signal(libc::SIGUSR2)?;
        daemon.take(STATS)?;
        assert!(
            daemon.is_alive()? && daemon.director.has_address(VIP),
            "{software}"
        );
        let (status, log) = daemon.director.stop()?;
        assert!(status.success(), "{software}: {status}: {log}");
        for file in ["parent.pid", "vrrp.pid"] {
            assert!(!daemon.path(file).exists(), "{software}: {file}");
        }
        found.push((pid_files, data, parent, stats, json));
    }
    let (ours, theirs) = (&found[1], &found[0]);
    assert_eq!(ours.0, theirs.0);
    assert_eq!(ours.0, [true, true, false]);
    for text in [&ours.1, &theirs.1] {
        assert!(text.contains("\n VRRP Instance = VI_1\n"), "{text}");
        assert!(
            text.contains(&format!("\n     {VIP}/24 dev eth0 scope global set\n")),
            "{text}"
        );
    }
    for text in [&ours.2, &theirs.2] {
        assert!(
            text.starts_with("------< Global definitions >------\n"),
            "{text}"
        );
    }
    let names = |text: &str| -> BTreeSet<String> {
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        lines.map(|(name, _)| name.to_owned()).collect()
    };
    assert!(
        names(&theirs.3).is_subset(&names(&ours.3)),
        "{} {}",
        theirs.3,
        ours.3
    );
    let mut fields = [BTreeSet::new(), BTreeSet::new()];
    keys(&theirs.4, "", &mut fields[0]);
    keys(&ours.4, "", &mut fields[1]);
    let missing: Vec<_> = fields[0].difference(&fields[1]).collect();
    assert!(missing.is_empty(), "{missing:?}");
    for field in [
        "iname",
        "state",
        "vrid",
        "vips",
        "base_priority",
        "adver_int",
        "version",
    ] {
        let value = |document: &Value| document[0]["data"][field].clone();
        assert_eq!(value(&ours.4), value(&theirs.4), "{field}");
    }
    Ok(())
}

/// Reads a file until it is stopped, and fails on one that is not whole.
fn read_continually(path: &Path, is_whole: fn(&str) -> bool, stop: &AtomicBool) -> TestResult<u32> {
    let mut reads = 0;
    while !stop.load(Ordering::Relaxed) {
        match fs::read_to_string(path) {
            Ok(text) if is_whole(&text) => reads += 1,
            Ok(text) => return Err(format!("{}: {text:?}", path.display()).into()),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(reads)
}

fn is_whole_json(text: &str) -> bool {
    text.ends_with('\n') && serde_json::from_str::<Value>(text).is_ok()
}

fn is_whole_stats(text: &str) -> bool {
    text.starts_with("VRRP Instance: VI_1\n")
        && text
            .lines()
            .last()
            .is_some_and(|line| line.starts_with("    Sent: ") && text.ends_with('\n'))
}

/// A reader never sees a part of a file, however often it is written, and a watcher gets the end of a
/// write under its name; the file is there in time for readers that wait 100 ms.
#[testbed::host_test]
fn a_file_is_seen_whole_at_every_moment() -> TestResult {
    let lan = Lan::new()?;
    let daemon = Daemon::start(&lan, Software::Lbctl, 1)?;
    let stop = AtomicBool::new(false);
    let (json, stats) = (daemon.path(JSON), daemon.path(STATS));
    let reads = thread::scope(|scope| -> TestResult<[u32; 2]> {
        let read = |path, is_whole| {
            let stop = &stop;
            let reads = move || read_continually(path, is_whole, stop);
            scope.spawn(move || reads().map_err(|error| error.to_string()))
        };
        let readers = [
            read(json.as_path(), is_whole_json as fn(&str) -> bool),
            read(stats.as_path(), is_whole_stats),
        ];
        let sent = (0..100).try_for_each(|_| -> TestResult {
            daemon.signal(json_signal())?;
            daemon.signal(libc::SIGUSR2)
        });
        stop.store(true, Ordering::Relaxed);
        let [json, stats] = readers.map(|reader| {
            let outcome = reader.join().map_err(|_| "a reader panicked".to_owned());
            outcome.and_then(|reads| reads)
        });
        sent?;
        Ok([json?, stats?])
    })?;
    assert!(reads.iter().all(|reads| *reads > 0), "{reads:?}");

    let inotify = Inotify::init(InitFlags::IN_NONBLOCK)?;
    inotify.add_watch(daemon.folder.path(), AddWatchFlags::IN_CLOSE_WRITE)?;
    let mut times = Vec::new();
    for _ in 0..11 {
        fs::remove_file(&json).ok();
        let begin = Instant::now();
        daemon.signal(json_signal())?;
        wait_until("the end of a write", DEADLINE, || {
            let events = inotify.read_events().unwrap_or_default();
            let names = events.into_iter().filter_map(|event| event.name);
            let mut names = names.map(|name| name.to_string_lossy().into_owned());
            names
                .any(|name| name == JSON)
                .then_some(())
                .ok_or_else(|| "none".to_owned())
        })?;
        times.push(begin.elapsed());
        assert!(is_whole_json(&fs::read_to_string(&json)?));
    }
    times.sort_unstable();
    // The time of `kill` itself is in it.
    assert!(times[times.len() / 2] < READERS_PATIENCE, "{times:?}");
    let names: Vec<_> = fs::read_dir(daemon.folder.path())?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_, std::io::Error>>()?;
    assert!(
        names.iter().all(|name| !name.contains(".json.")),
        "{names:?}"
    );
    Ok(())
}

/// A signal to the number in the file of the child process reaches the daemon: `SIGHUP` reloads it.
#[testbed::host_test]
fn the_pid_file_of_a_child_takes_signals() -> TestResult {
    let lan = Lan::new()?;
    let mut daemon = Daemon::start(&lan, Software::Lbctl, 1)?;
    daemon.director.configure(&instance(160, "0.3", ""))?;
    let pid = daemon.pid("vrrp.pid")?;
    send(pid, libc::SIGHUP)?;
    wait_until("the new priority", DEADLINE, || {
        let written = send(pid, json_signal()).and_then(|()| daemon.take(JSON));
        let text = written.map_err(|error| error.to_string())?;
        let is_new = text.contains("\"base_priority\":160");
        is_new.then_some(()).ok_or(text)
    })?;
    let (status, log) = daemon.director.stop()?;
    assert!(status.success(), "{status}: {log}");
    Ok(())
}
