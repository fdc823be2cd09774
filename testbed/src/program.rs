// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the programs of the host are.

use std::env;
use std::path::{Path, PathBuf};

/// Directories of system programs, which the `PATH` of an ordinary user of Debian does not have.
const SYSTEM: [&str; 2] = ["/usr/sbin", "/sbin"];

/// The path of a program of the host, `ip` or `bridge`: in a directory of `PATH`, otherwise in
/// `/usr/sbin` or `/sbin`.
///
/// A name with a slash is a path already. A name that is found nowhere is returned as it is, so
/// that the error of the start names it.
#[must_use]
pub fn program(name: impl AsRef<Path>) -> PathBuf {
    let name = name.as_ref();
    if name.components().count() != 1 {
        return name.to_owned();
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(SYSTEM.map(PathBuf::from))
        .map(|directory| directory.join(name))
        .find(|path| path.is_file())
        .unwrap_or_else(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_and_a_path_is_kept() {
        assert!(program("sh").is_absolute());
        assert_eq!(program("./sh"), Path::new("./sh"));
        assert_eq!(program("/nowhere/sh"), Path::new("/nowhere/sh"));
        assert_eq!(program("no-such-program"), Path::new("no-such-program"));
    }
}
