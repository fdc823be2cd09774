// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files with the process id of the daemon, for scripts and for the system.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use lb_core::daemon::file;

use super::FATAL;
use crate::args::run::PidPaths;
use crate::failure::Failure;

/// Mode of the files: readable by all, as keepalived's.
const MODE: u32 = 0o644;
/// Mode of a folder for them.
const FOLDER_MODE: u32 = 0o755;

/// Files with this process's id, removed at the end.
#[derive(Debug, Default)]
pub(super) struct PidFiles(Vec<PathBuf>);

impl PidFiles {
    /// Writes a file. One that cannot be written, or that names another running daemon, is logged
    /// and left as it is.
    pub(super) fn write(&mut self, path: Option<&Path>) {
        let Some(path) = path else {
            return;
        };
        if let Some(pid) = running(path) {
            let path = path.display();
            return tracing::warn!("{path} is the file of the daemon with PID {pid}: not written");
        }
        match write(path) {
            Ok(()) => self.0.push(path.to_owned()),
            Err(error) => tracing::warn!("cannot write {}: {error}", path.display()),
        }
    }
}

impl Drop for PidFiles {
    fn drop(&mut self) {
        for path in &self.0 {
            // Only what is still ours: a later daemon may have written its own id.
            if read(path) == Some(std::process::id()) {
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// Refuses the start if the file of the parent process names a running daemon.
///
/// # Errors
/// With the path and the process id.
pub(super) fn refuse_running(paths: &PidPaths) -> Result<(), Failure> {
    let running = paths.parent.as_deref().and_then(|path| {
        let pid = running(path)?;
        Some((path, pid))
    });
    match running {
        Some((path, pid)) => Err(Failure::new(
            FATAL,
            format!("already running with PID {pid}, see {}", path.display()),
        )),
        None => Ok(()),
    }
}

fn write(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        file::create_directory(folder, FOLDER_MODE)?;
    }
    let mut file = file::open_for_writing(path, MODE)?;
    file.set_len(0)?;
    file.write_all(format!("{}\n", std::process::id()).as_bytes())
}

/// The number in a file; none unless it is a regular file with one.
fn read(path: &Path) -> Option<u32> {
    let text = file::read(path).ok()?;
    std::str::from_utf8(&text).ok()?.trim().parse().ok()
}

/// The process of a file, if it is a daemon that runs: an old file may contain the number of a
/// process that has nothing to do with it.
fn running(path: &Path) -> Option<u32> {
    let pid = read(path).filter(|pid| *pid != std::process::id())?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    matches!(name.trim_end(), "keepalived" | "lbctl").then_some(pid)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::os::unix::process::CommandExt as _;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_pid_file_is_removed_only_if_it_is_still_ours() {
        let folder = tempfile::tempdir().unwrap();
        let mine = folder.path().join("folder/mine");
        let other = folder.path().join("other");
        let mut files = PidFiles::default();
        for path in [Some(mine.as_path()), Some(&other), None] {
            files.write(path);
        }
        let text = fs::read_to_string(&mine).unwrap();
        assert_eq!(text, format!("{}\n", std::process::id()));
        assert_eq!(mine.metadata().unwrap().permissions().mode() & 0o777, MODE);
        fs::write(&other, "1\n").unwrap();
        drop(files);
        assert!(!mine.exists());
        assert!(other.exists());
    }

    #[test]
    fn a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let [target, link] = ["target", "link"].map(|name| folder.path().join(name));
        fs::write(&target, "precious\n").unwrap();
        symlink(&target, &link).unwrap();
        let mut files = PidFiles::default();
        files.write(Some(&link));
        drop(files);
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious\n");
        assert!(link.is_symlink());
    }

    #[test]
    fn only_the_number_of_a_running_daemon_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pid");
        let paths = PidPaths {
            parent: Some(path.clone()),
            ..PidPaths::default()
        };
        refuse_running(&paths).unwrap();
        for stale in ["", "x", "1\n", "4194999\n"] {
            fs::write(&path, stale).unwrap();
            refuse_running(&paths).unwrap();
        }
        // A process whose name is that of the daemon.
        let daemon = folder.path().join("keepalived");
        fs::copy("/bin/cat", &daemon).unwrap();
        let mut command = Command::new(&daemon);
        command.arg0("keepalived").stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        let text = format!("{}\n", child.id());
        fs::write(&path, &text).unwrap();
        let refused = refuse_running(&paths).unwrap_err().to_string();
        assert!(
            refused.contains(&format!("PID {}", child.id())),
            "{refused}"
        );
        let mut files = PidFiles::default();
        files.write(Some(&path));
        drop(files);
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        child.kill().unwrap();
        child.wait().unwrap();
        refuse_running(&paths).unwrap();
    }
}
