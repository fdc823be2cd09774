// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host programs that tests run: those of the unpacked tree come first, so that the machine
//! need not have them.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use tests_kernel::lab::{Lab, Tree};

use super::FetchError;
use super::files::{create_directory, remove, write_executable};

/// Programs of the tree that tests run on the host by name.
const NAMES: &[&str] = &["bridge", "ip", "ss", "sysctl", "tc", "tcpdump"];
/// Where Debian has programs for administrators, which are not in an ordinary user's PATH.
const SYSTEM: &str = "/usr/sbin:/sbin";

/// The directory of the programs' wrappers.
fn directory() -> PathBuf {
    Lab::directory().join("bin")
}

/// Writes a script for each program: it starts the tree's through the tree's own loader.
pub(super) fn write_wrappers() -> Result<(), FetchError> {
    let directory = directory();
    remove(&directory)?;
    create_directory(&directory)?;
    for name in NAMES {
        let Some(program) = Tree::Distribution.program(name) else {
            continue;
        };
        let mut text = b"#!/bin/sh\nexec".to_vec();
        for word in Tree::Distribution.words(&program) {
            text.extend(b" '");
            text.extend(word.as_bytes());
            text.push(b'\'');
        }
        text.extend(b" \"$@\"\n");
        write_executable(&directory.join(name), text)?;
    }
    Ok(())
}

/// The search path for tests on the host: the tree's programs, the caller's path, and the
/// directories of an administrator.
pub(crate) fn search_path() -> OsString {
    let mut path = directory().into_os_string().into_vec();
    if let Some(own) = std::env::var_os("PATH") {
        path.push(b':');
        path.extend(own.as_bytes());
    }
    path.push(b':');
    path.extend(SYSTEM.bytes());
    OsString::from_vec(path)
}

/// Whether a program is in the caller's path.
pub(super) fn is_on_path(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|at| at.join(program).is_file()))
}
