// SPDX-License-Identifier: MIT OR Apache-2.0
//! A kernel of the lab, and how it boots here.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Lab, Suite, Tree};

/// How User Mode Linux gets hold of its processes' system calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Mode {
    /// `seccomp=on`, since Linux 6.16: twice as fast as `ptrace`.
    Seccomp,
    /// `ptrace`, as ever.
    Ptrace,
    /// `ptrace` with a preloaded wrapper that completes the buffer of `PTRACE_SETREGSET`. Kernels
    /// before 6.13 pass one of fixed size, which a processor with AMX answers with `EFAULT`.
    PtraceFilled,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seccomp => "seccomp",
            Self::Ptrace => "ptrace",
            Self::PtraceFilled => "ptrace with the AMX wrapper",
        })
    }
}

/// A kernel that booted on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Kernel {
    /// Which suite has it.
    pub suite: Suite,
    /// Its release, as `uname -r` prints it.
    pub release: String,
    /// How it boots here.
    pub mode: Mode,
    /// How long it took from its start until its first process was ready.
    pub boot: Duration,
}

impl Kernel {
    /// A kernel to be tried in this mode.
    #[must_use]
    pub const fn new(suite: Suite, release: String, mode: Mode) -> Self {
        Self {
            suite,
            release,
            mode,
            boot: Duration::ZERO,
        }
    }

    const fn tree(&self) -> Tree {
        match self.suite {
            Suite::Newest => Tree::NewestKernel,
            Suite::Distribution => Tree::Distribution,
        }
    }

    /// The kernel of a suite, a program.
    #[must_use]
    pub fn program_of(suite: Suite) -> PathBuf {
        match suite {
            // Its ELF interpreter is the tree's own.
            Suite::Newest => Lab::directory().join("linux-newest"),
            Suite::Distribution => Tree::Distribution.path().join("usr/bin/linux.uml"),
        }
    }

    /// The kernel itself, a program.
    #[must_use]
    pub fn program(&self) -> PathBuf {
        Self::program_of(self.suite)
    }

    /// The directory of its modules.
    #[must_use]
    pub fn modules(&self) -> PathBuf {
        self.tree()
            .path()
            .join("usr/lib/uml/modules")
            .join(&self.release)
    }

    /// The wrapper of [`Mode::PtraceFilled`], a shared library.
    #[must_use]
    pub fn preload() -> PathBuf {
        Lab::directory().join("ptrace_xstate.so")
    }

    /// The variables it is started with.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        let mut variables = Vec::new();
        if self.suite == Suite::Newest {
            variables.push(("LD_LIBRARY_PATH", self.tree().libraries().into()));
        }
        if self.mode == Mode::PtraceFilled {
            variables.push(("LD_PRELOAD", Self::preload().into()));
        }
        variables
    }

    /// What its command line needs for its mode.
    #[must_use]
    pub const fn argument(&self) -> Option<&'static str> {
        match self.mode {
            Mode::Seccomp => Some("seccomp=on"),
            Mode::Ptrace | Mode::PtraceFilled => None,
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.release, self.suite.name(), self.mode)
    }
}
