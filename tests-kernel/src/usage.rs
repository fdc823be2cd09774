// SPDX-License-Identifier: MIT OR Apache-2.0
//! Processor time and memory of all processes in a network namespace: a daemon with its children.

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
            let found = text.lines().find_map(|text| text.strip_prefix(self.line()));
            let kib = found.and_then(|text| text.split_whitespace().next());
            let kib = kib.ok_or_else(|| io::Error::other("no such line in smaps_rollup"))?;
            total += kib.parse::<f64>().map_err(io::Error::other)? * 1024.0;
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
            let nanoseconds = text.split(' ').next().unwrap_or_default();
            total += nanoseconds.parse::<f64>().map_err(io::Error::other)? / 1e9;
        }
    }
    Ok(total)
}

/// Lists the processes in a namespace.
fn processes(netns: &Netns) -> io::Result<Vec<String>> {
    let own = fs::metadata(netns.path())?;
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        // A process that ends meanwhile is not counted.
        let namespace = fs::metadata(entry.path().join("ns/net"));
        if name.bytes().all(|byte| byte.is_ascii_digit())
            && namespace
                .is_ok_and(|namespace| (namespace.dev(), namespace.ino()) == (own.dev(), own.ino()))
        {
            found.push(name);
        }
    }
    Ok(found)
}
