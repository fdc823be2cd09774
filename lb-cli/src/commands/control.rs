// SPDX-License-Identifier: MIT OR Apache-2.0
//! The path of the control socket: one for each daemon of a host.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use lb_core::daemon::DEFAULT_CONTROL;
use nix::unistd::geteuid;

use crate::args::run::RunOptions;

/// Bytes of the path of a socket: those of `sockaddr_un` without the zero at the end.
const LONGEST: usize = 107;

/// What the path depends on besides the options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    /// Whether the process has the user id of root.
    pub(crate) is_root: bool,
    /// The folder of the user for sockets (`XDG_RUNTIME_DIR`).
    pub(crate) folder: Option<PathBuf>,
}

impl User {
    /// The user of this process.
    pub(crate) fn current() -> Self {
        let folder = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        Self {
            is_root: geteuid().is_root(),
            folder: folder.filter(|folder| folder.is_absolute()),
        }
    }

    /// The socket of the only daemon of this user.
    fn default_socket(&self) -> PathBuf {
        match &self.folder {
            Some(folder) if !self.is_root => folder.join("lb/lb.sock"),
            _ => PathBuf::from(DEFAULT_CONTROL),
        }
    }
}

/// The control socket of a daemon with these options: that of `--control`; beside the file of `--pid`,
/// which tells daemons apart; named after the network namespace; else the default.
pub(crate) fn of_daemon(options: &RunOptions, user: &User) -> PathBuf {
    if let Some(control) = &options.control {
        return control.clone();
    }
    let default = user.default_socket();
    let folder = default.parent().unwrap_or_else(|| Path::new("/"));
    if let Some(pid_file) = options.pid_files.parent.as_deref()
        && options.pid_files.is_parent_given
    {
        let beside = beside(pid_file);
        if beside.as_os_str().len() <= LONGEST {
            return beside;
        }
        let number = fnv1a(pid_file.as_os_str().as_encoded_bytes());
        return folder.join(format!("{number:016x}.sock"));
    }
    match &options.namespace {
        Some(namespace) => folder.join(format!("netns-{namespace}.sock")),
        None => default,
    }
}

/// The control socket that commands use without `--control`: that of the user's own daemon if there is
/// one, else that of the host's.
pub(crate) fn of_client(user: &User) -> PathBuf {
    let own = user.default_socket();
    if own.exists() {
        own
    } else {
        PathBuf::from(DEFAULT_CONTROL)
    }
}

/// `/run/a.sock` of `/run/a.pid`.
fn beside(pid_file: &Path) -> PathBuf {
    let mut name = match pid_file.extension() {
        Some(extension) if extension == "pid" => pid_file.with_extension("").into_os_string(),
        _ => OsString::from(pid_file),
    };
    name.push(".sock");
    PathBuf::from(name)
}

/// A number for a path that stays the same in later versions.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::keepalived::{KeepalivedRequest, parse};

    const ROOT: User = User {
        is_root: true,
        folder: None,
    };

    fn other() -> User {
        User {
            is_root: false,
            folder: Some("/run/user/1000".into()),
        }
    }

    fn path(line: &str, user: &User) -> String {
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let Ok(KeepalivedRequest::Run(options)) = parse(&words) else {
            panic!("{line}");
        };
        of_daemon(&options, user).display().to_string()
    }

    #[test]
    fn each_daemon_has_a_socket_of_its_own() {
        for (line, expected) in [
            ("", "/run/lb/lb.sock"),
            ("-p /run/keepalived.pid", "/run/keepalived.sock"),
            ("-p /var/lib/ha/a.pid", "/var/lib/ha/a.sock"),
            ("-p /var/lib/ha/a", "/var/lib/ha/a.sock"),
            ("-p /var/lib/ha/a.b -s blue", "/var/lib/ha/a.b.sock"),
            ("-s blue", "/run/lb/netns-blue.sock"),
        ] {
            assert_eq!(path(line, &ROOT), expected, "{line}");
        }
    }

    #[test]
    fn long_paths_have_short_sockets() {
        let folder = "x".repeat(100);
        let [one, two] = ["a", "b"].map(|name| path(&format!("-p /{folder}/{name}.pid"), &ROOT));
        assert!(one.len() < LONGEST && one.starts_with("/run/lb/"), "{one}");
        assert_ne!(one, two);
    }

    #[test]
    fn without_root_the_folder_of_the_user_is_used() {
        assert_eq!(path("", &other()), "/run/user/1000/lb/lb.sock");
        assert_eq!(path("-p /home/a/k.pid", &other()), "/home/a/k.sock");
        assert_eq!(of_client(&other()), Path::new(DEFAULT_CONTROL));
        assert_eq!(
            of_daemon(&RunOptions::lbctl(), &ROOT),
            Path::new(DEFAULT_CONTROL)
        );
    }
}
