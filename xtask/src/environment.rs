// SPDX-License-Identifier: MIT OR Apache-2.0
//! The environment of a test process: variables, working directory, namespaces.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use nix::unistd::geteuid;
use tempfile::TempDir;

use crate::fetch;

/// Sets what cargo would set, and the search path with the lab's programs.
pub(crate) fn prepare(command: &mut Command, package: &Path) {
    command
        .current_dir(package)
        .env("CARGO_MANIFEST_DIR", package)
        .env("PATH", fetch::search_path());
}

/// A new directory for a test's temporary files, removed on drop. Others may look into it: scripts
/// run as another user. Its path is short, because sockets are made in it.
pub(crate) fn temporary_directory() -> io::Result<TempDir> {
    tempfile::Builder::new()
        .prefix("lbx")
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir()
}

/// What `unshare` is to make: an ordinary user needs a user namespace for the others.
pub(crate) fn namespace_flags() -> &'static str {
    if geteuid().is_root() { "-nm" } else { "-Urnm" }
}

/// A command that runs a program in fresh network and mount namespaces, for an ordinary user in a
/// fresh user namespace, with a `/run` of its own and loopback up. Arguments can be added.
pub(crate) fn in_namespaces(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("unshare");
    command
        .args([namespace_flags(), "sh", "-c"])
        // Namespaces get names in /run/netns.
        .arg("mount -t tmpfs tmpfs /run && ip link set lo up && exec \"$0\" \"$@\"")
        .arg(program)
        .env("PATH", fetch::search_path())
        .env("LB_HOST_NS", "1");
    command
}
