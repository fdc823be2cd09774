// SPDX-License-Identifier: MIT OR Apache-2.0
//! One kind and number of checks, a second apart, by one of the programs.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use tests_kernel::net::{Netns, wait_until};
use tests_kernel::process::pause;
use tests_kernel::usage::{Memory, processor_seconds};

use super::server::{Kind, Server};
use super::{CHECKING, Outcome, keepalived, prober};

/// The first round of all targets.
const DEADLINE: Duration = Duration::from_secs(60);
const MIB: f64 = 1024.0 * 1024.0;

/// What is checked, once a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) kind: Kind,
    pub(crate) targets: u32,
    /// The CPU time of a check, as a part of keepalived's.
    pub(crate) budget: f64,
}

/// Who checks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Program {
    Keepalived,
    LbCheck,
}

impl Program {
    pub(crate) const ALL: [Self; 2] = [Self::Keepalived, Self::LbCheck];
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keepalived => "keepalived",
            Self::LbCheck => "lb-check",
        })
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {}", self.targets, self.kind)
    }
}

/// What was found in one window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    /// Microseconds of a processor for a check.
    pub(crate) cpu: f64,
    /// Checks a second that the server saw.
    pub(crate) rate: f64,
    /// MiB resident.
    pub(crate) resident: f64,
    /// Hundredths of the probes that started more than 100 ms late, or not at all.
    pub(crate) late: Option<f64>,
}

impl Case {
    pub(crate) const fn new(kind: Kind, targets: u32, budget: f64) -> Self {
        Self {
            kind,
            targets,
            budget,
        }
    }

    /// Starts a program in the namespace, and measures it once it has seen all targets.
    pub(crate) fn measure(
        self,
        program: Program,
        netns: &Netns,
        server: &Server,
        window: Duration,
    ) -> Outcome<Found> {
        let before = server.count();
        let checker = match program {
            Program::Keepalived => keepalived::start(netns, self)?,
            Program::LbCheck => prober::start(netns, self)?,
        };
        let targets = u64::from(self.targets);
        wait_until("three rounds of checks", DEADLINE, || {
            match server.count() - before {
                found if found >= 3 * targets => Ok(()),
                found => Err(format!("{found} checks; {}", checker.text())),
            }
        })?;
        let lateness = || (program == Program::LbCheck).then(|| prober::Stats::last_of(&checker));
        let (stats, count) = (lateness().transpose()?, server.count());
        let (cpu, begin) = (processor_seconds(netns)?, Instant::now());
        pause(window);
        let cpu = processor_seconds(netns)? - cpu;
        let (took, count) = (begin.elapsed(), server.count() - count);
        let late = match (stats, lateness().transpose()?) {
            (Some(before), Some(after)) => Some(after.late_since(&before)),
            _ => None,
        };
        let checks = f64::from(u32::try_from(count)?.max(1));
        Ok(Found {
            cpu: cpu * 1e6 / checks,
            rate: checks / took.as_secs_f64(),
            resident: Memory::Resident.of_processes(netns)? / MIB,
            late,
        })
    }
}

/// The address of a target; the server is at all addresses of loopback.
pub(crate) fn target(number: u32, kind: Kind) -> SocketAddr {
    let [_, high, middle, low] = (number + 256).to_be_bytes();
    SocketAddr::from((Ipv4Addr::new(127, high, middle, low), kind.port()))
}

/// Pins this thread, and those that it starts, to a processor, if there is more than one.
pub(crate) fn pin_to(processor: usize) -> io::Result<()> {
    if std::thread::available_parallelism()?.get() < 2 {
        return Ok(());
    }
    let mut set = CpuSet::new();
    set.set(processor)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

/// A command in the namespace, on the processor of the programs that check.
pub(crate) fn pinned(netns: &Netns, words: &[std::ffi::OsString]) -> Command {
    let mut command = netns.command("taskset");
    command.arg("-c").arg(CHECKING.to_string()).args(words);
    command
}
