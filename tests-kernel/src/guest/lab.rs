// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the lab's files are.

use std::path::{Path, PathBuf};

use super::GuestError;

/// The lab's directory, `target/lab`: packages in `tree`, runs in `run`.
#[derive(Debug, Clone)]
pub struct Lab {
    directory: PathBuf,
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

    /// Finds the unpacked packages.
    ///
    /// # Errors
    ///
    /// [`GuestError::NotFetched`] when the guest kernel is not there.
    pub fn locate() -> Result<Self, GuestError> {
        let lab = Self {
            directory: Self::directory(),
        };
        let path = lab.kernel();
        if path.is_file() {
            Ok(lab)
        } else {
            Err(GuestError::NotFetched { path })
        }
    }

    /// The unpacked packages, laid out as a root directory with merged `/usr`.
    #[must_use]
    pub fn tree(&self) -> PathBuf {
        self.directory.join("tree")
    }

    /// The guest kernel, a program.
    #[must_use]
    pub fn kernel(&self) -> PathBuf {
        self.tree().join("usr/bin/linux.uml")
    }

    /// Where each run has its directory.
    #[must_use]
    pub fn runs(&self) -> PathBuf {
        self.directory.join("run")
    }
}
