// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a daemon does to its own process: namespace, mode mask, background, process id.

use std::{fs, path::PathBuf};

use lb_ipvs::NetworkNamespace;
use nix::{
    sys::stat::{Mode, umask},
    unistd::daemon,
};

use super::FATAL;
use crate::{args::run::RunOptions, failure::Failure};

/// Enters the namespace and sets the mode mask. Must come before any thread is started.
pub(super) fn prepare(options: &RunOptions) -> Result<(), Failure> {
    if let Some(mask) = options.umask {
        umask(Mode::from_bits_truncate(mask));
    }
    if let Some(name) = &options.namespace {
        let namespace = NetworkNamespace::find(name);
        let entered = namespace.and_then(|namespace| namespace.enter());
        entered.map_err(|error| Failure::from_error(FATAL, &error))?;
    }
    Ok(())
}

/// Leaves the terminal and the working directory. The caller continues in a new process and session;
/// the old one ends with status 0. Must come before any thread is started.
pub(super) fn detach() -> Result<(), Failure> {
    daemon(false, false).map_err(|error| {
        Failure::new(
            FATAL,
            format!("cannot go to the background: {}", error.desc()),
        )
    })
}

/// Files with this process's id, removed at the end.
#[derive(Debug)]
pub(super) struct PidFiles(Vec<PathBuf>);

impl PidFiles {
    /// Writes the files. One that cannot be written is logged and left out: the files are for
    /// scripts and no lock.
    pub(super) fn write(paths: &[PathBuf]) -> Self {
        let id = format!("{}\n", std::process::id());
        Self(
            paths
                .iter()
                .filter(|path| match fs::write(path, &id) {
                    Ok(()) => true,
                    Err(error) => {
                        tracing::warn!("cannot write {}: {error}", path.display());
                        false
                    }
                })
                .cloned()
                .collect(),
        )
    }
}

impl Drop for PidFiles {
    fn drop(&mut self) {
        for path in &self.0 {
            // Only what is still ours: a later daemon may have written its own id.
            let ours = fs::read_to_string(path)
                .is_ok_and(|text| text.trim() == std::process::id().to_string());
            if ours {
                let _ = fs::remove_file(path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_file_is_removed_only_if_it_is_still_ours() {
        let folder = tempfile::tempdir().unwrap();
        let [mine, other] = ["mine", "other"].map(|name| folder.path().join(name));
        let missing = folder.path().join("no/such/folder");
        let files = PidFiles::write(&[mine.clone(), other.clone(), missing]);
        assert_eq!(
            fs::read_to_string(&mine).unwrap(),
            format!("{}\n", std::process::id())
        );
        fs::write(&other, "1\n").unwrap();
        drop(files);
        assert!(!mine.exists());
        assert!(other.exists());
    }
}
