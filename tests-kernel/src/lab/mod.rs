// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the lab's files are, and which kernels boot on this machine.
//!
//! `cargo xtask fetch` unpacks Debian packages into [`Tree`]s below `target/lab`, boots each
//! [`Kernel`] once and records how it booted; everything else reads that record.

mod kernel;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};

use crate::guest::GuestError;

pub use kernel::{Kernel, Mode};
pub use tree::{Suite, Tree};

/// Selects one of the recorded kernels: `newest` or `distribution`.
pub const KERNEL_VARIABLE: &str = "LB_KERNEL";
/// Selects the suite of the peers (keepalived, FRR, …): `newest` or `distribution`.
pub const PEERS_VARIABLE: &str = "LB_PEERS";

/// The kernels recorded in the lab's directory, `target/lab`.
#[derive(Debug, Clone)]
pub struct Lab {
    kernels: Vec<Kernel>,
}

impl Lab {
    /// The lab's directory of this checkout, whether or not anything is there yet: below
    /// `CARGO_TARGET_DIR` when that is set, else below the workspace's `target`.
    #[must_use]
    pub fn directory() -> PathBuf {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        let workspace = workspace.unwrap_or_else(|| Path::new("."));
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| workspace.join("target"), |target| workspace.join(target));
        target.join("lab")
    }

    /// Reads the record of kernels.
    ///
    /// # Errors
    ///
    /// [`GuestError::NotFetched`] when there is none, or when a kernel in it is gone.
    pub fn locate() -> Result<Self, GuestError> {
        let path = Self::record_path();
        let missing = || GuestError::NotFetched { path: path.clone() };
        let text = fs::read_to_string(&path).map_err(|_| missing())?;
        let kernels: Vec<Kernel> = serde_json::from_str(&text).map_err(|_| missing())?;
        let gone = kernels.iter().any(|kernel| !kernel.program().is_file());
        if kernels.is_empty() || gone {
            return Err(missing());
        }
        Ok(Self { kernels })
    }

    /// The file that records the kernels, a JSON list of [`Kernel`], the default first.
    #[must_use]
    pub fn record_path() -> PathBuf {
        Self::directory().join("kernels.json")
    }

    /// All kernels that boot here, the default first.
    #[must_use]
    pub fn kernels(&self) -> &[Kernel] {
        &self.kernels
    }

    /// The kernel that [`KERNEL_VARIABLE`] names, else the default.
    ///
    /// # Errors
    ///
    /// [`GuestError::NoSuchKernel`] when the variable names a kernel that does not boot here.
    pub fn kernel(&self) -> Result<&Kernel, GuestError> {
        let Some(wanted) = std::env::var_os(KERNEL_VARIABLE) else {
            return self.kernels.first().ok_or_else(|| GuestError::NotFetched {
                path: Self::record_path(),
            });
        };
        let wanted = wanted.to_string_lossy();
        self.kernels
            .iter()
            .find(|kernel| kernel.suite.name() == wanted)
            .ok_or_else(|| GuestError::NoSuchKernel {
                wanted: wanted.into_owned(),
                known: self.kernels.iter().map(ToString::to_string).collect(),
            })
    }

    /// Where each run has its directory.
    #[must_use]
    pub fn runs() -> PathBuf {
        Self::directory().join("run")
    }
}
