// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a setting could not be read or written.

use std::{io, path::PathBuf};

use super::{Sysctl, SysctlValue};

/// Why a setting could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SysctlError {
    /// The settings are not there: this kernel has no IPVS, or `/proc` is not mounted.
    #[error("cannot list {}", .path.display())]
    Directory {
        /// Where they were looked for.
        path: PathBuf,
        /// Why they could not be listed.
        source: io::Error,
    },
    /// It could not be read.
    #[error("cannot read net.ipv4.vs.{sysctl}")]
    Read {
        /// Which one.
        sysctl: Sysctl,
        /// The kernel's errno.
        source: io::Error,
    },
    /// It could not be written.
    #[error("cannot set net.ipv4.vs.{sysctl} to {value}")]
    Write {
        /// Which one.
        sysctl: Sysctl,
        /// What it should have become.
        value: SysctlValue,
        /// The kernel's errno.
        source: io::Error,
    },
    /// The value is of another kind than the setting.
    #[error("{value} is no value of net.ipv4.vs.{sysctl}, which is {}", .sysctl.kind())]
    Kind {
        /// Which one.
        sysctl: Sysctl,
        /// What it should have become.
        value: SysctlValue,
    },
}

impl SysctlError {
    /// The errno behind the error, if there is one.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Directory { source, .. }
            | Self::Read { source, .. }
            | Self::Write { source, .. } => source.raw_os_error(),
            Self::Kind { .. } => None,
        }
    }
}
