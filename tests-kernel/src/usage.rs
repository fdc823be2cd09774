// SPDX-License-Identifier: MIT OR Apache-2.0
//! Processor time, memory and wake-ups of all processes in network namespaces: daemons with their children.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;

use crate::net::Netns;

/// A kind of memory, as a line of `/proc/PID/smaps_rollup`, proc(5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Memory {
    /// All pages in memory.
    Resident,
    /// Resident pages that are not of files.
    Anonymous,
    /// Resident pages, each divided by the number of processes that share it.
    Proportional,
}

impl Memory {
    const fn line(self) -> &'static str {
        match self {
            Self::Resident => "Rss:",
            Self::Anonymous => "Anonymous:",
            Self::Proportional => "Pss:",
        }
    }

    /// Reads the bytes of all processes in a namespace.
    ///
    /// # Errors
    ///
    /// When `/proc` cannot be read or a process ends meanwhile.
    pub fn of_processes(self, netns: &Netns) -> io::Result<f64> {
        let mut total = 0.0;
        for process in processes(netns)? {
            let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
            total += number(&text, self.line())? * 1024.0;
        }
        Ok(total)
    }
}

/// Reads the seconds that all threads of all processes in a namespace have run so far. Threads that
/// have ended are not counted.
///
/// # Errors
///
/// When `/proc` cannot be read or a process ends meanwhile.
pub fn processor_seconds(netns: &Netns) -> io::Result<f64> {
    let mut total = 0.0;
    for process in processes(netns)? {
        for thread in fs::read_dir(format!("/proc/{process}/task"))? {
            let text = fs::read_to_string(thread?.path().join("schedstat"))?;
            total += seconds(&text)?;
        }
    }
    Ok(total)
}

/// What all processes of some namespaces have used.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Usage {
    /// How many processes there are.
    pub processes: usize,
    /// Bytes in memory.
    pub resident: f64,
    /// Bytes in memory, shared pages counted in parts.
    pub proportional: f64,
    /// Bytes in memory that are not of files.
    pub anonymous: f64,
    /// Seconds on a processor.
    pub cpu: f64,
    /// Voluntary context switches: how often a thread waited.
    pub switches: f64,
}

impl Usage {
    /// Reads the use of all processes in some namespaces; threads that have ended are not counted.
    ///
    /// # Errors
    ///
    /// When `/proc` cannot be read or a process ends meanwhile.
    pub fn of_processes(namespaces: &[&Netns]) -> io::Result<Self> {
        let mut usage = Self::default();
        for process in processes_of(namespaces)? {
            usage.processes += 1;
            let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
            let bytes = |memory: Memory| Ok::<_, io::Error>(number(&text, memory.line())? * 1024.0);
            usage.resident += bytes(Memory::Resident)?;
            usage.proportional += bytes(Memory::Proportional)?;
            usage.anonymous += bytes(Memory::Anonymous)?;
            for thread in fs::read_dir(format!("/proc/{process}/task"))? {
                let thread = thread?.path();
                usage.cpu += seconds(&fs::read_to_string(thread.join("schedstat"))?)?;
                let status = fs::read_to_string(thread.join("status"))?;
                usage.switches += number(&status, "voluntary_ctxt_switches:")?;
            }
        }
        Ok(usage)
    }

    /// This use, with processor time and wake-ups since an earlier one.
    #[must_use]
    pub fn since(mut self, before: &Self) -> Self {
        self.cpu -= before.cpu;
        self.switches -= before.switches;
        self
    }
}

/// The number behind a word at the beginning of a line.
fn number(text: &str, word: &str) -> io::Result<f64> {
    let found = text.lines().find_map(|line| line.strip_prefix(word));
    let number = found.and_then(|rest| rest.split_whitespace().next());
    let number = number.ok_or_else(|| io::Error::other(format!("no line {word}")))?;
    number.parse().map_err(io::Error::other)
}

/// The first number of a `schedstat`, in seconds.
fn seconds(schedstat: &str) -> io::Result<f64> {
    let nanoseconds = schedstat.split(' ').next().unwrap_or_default();
    Ok(nanoseconds.parse::<f64>().map_err(io::Error::other)? / 1e9)
}

/// Lists the processes in a namespace.
fn processes(netns: &Netns) -> io::Result<Vec<String>> {
    processes_of(&[netns])
}

/// Lists the processes in some namespaces.
fn processes_of(namespaces: &[&Netns]) -> io::Result<Vec<String>> {
    let mut own = BTreeSet::new();
    for netns in namespaces {
        let file = fs::metadata(netns.path())?;
        own.insert((file.dev(), file.ino()));
    }
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        // A process that ends meanwhile is not counted.
        let namespace = fs::metadata(entry.path().join("ns/net"));
        if name.bytes().all(|byte| byte.is_ascii_digit())
            && namespace.is_ok_and(|namespace| own.contains(&(namespace.dev(), namespace.ino())))
        {
            found.push(name);
        }
    }
    Ok(found)
}
