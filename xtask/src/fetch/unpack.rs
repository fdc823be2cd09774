// SPDX-License-Identifier: MIT OR Apache-2.0
//! Unpacks archives to a tree with merged `/usr`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tests_kernel::process;

use super::FetchError;
use super::files::{create_directory, file, read_directory, remove};

const UNPACK_DEADLINE: Duration = Duration::from_secs(120);

/// Unpacks all archives to `tree`, by way of a sibling, so that a tree is whole or absent.
/// Returns how many there were.
pub(super) fn unpack(archives: &Path, tree: &Path) -> Result<usize, FetchError> {
    let fresh = tree.with_extension("new");
    remove(&fresh)?;
    create_directory(&fresh)?;
    let mut count = 0;
    for entry in read_directory(archives)? {
        if entry.extension().is_none_or(|extension| extension != "deb") {
            continue;
        }
        let mut command = Command::new("dpkg-deb");
        command.arg("-x").arg(&entry).arg(&fresh);
        process::run(&mut command, UNPACK_DEADLINE).map_err(|source| FetchError::Unpack {
            package: entry,
            source,
        })?;
        count += 1;
    }
    // The user who unpacked the files owns them: with set-user-id, the guest's `mount` would
    // run as that user and not as root.
    let mut command = Command::new("chmod");
    command.args(["-R", "ug-s"]).arg(&fresh);
    process::run(&mut command, UNPACK_DEADLINE).map_err(|source| FetchError::Unpack {
        package: fresh.clone(),
        source,
    })?;
    // The host's /bin is a link to usr/bin; a directory of that name above it would hide the link.
    for top in ["bin", "sbin", "lib", "lib64"] {
        let link = fresh.join(top);
        let target = Path::new("usr").join(top);
        if link.is_dir() && !link.is_symlink() {
            merge(&link, &fresh.join(&target))?;
        }
        // Packages of a newer suite have files below usr only, and no link.
        if fresh.join(&target).is_dir() && !link.is_symlink() {
            symlink(&target, &link).map_err(file(&link))?;
        }
    }
    remove(tree)?;
    fs::rename(&fresh, tree).map_err(file(tree))?;
    Ok(count)
}

/// Moves everything below `from` to below `to`.
fn merge(from: &Path, to: &Path) -> Result<(), FetchError> {
    create_directory(to)?;
    for entry in read_directory(from)? {
        let Some(name) = entry.file_name() else {
            continue;
        };
        let target = to.join(name);
        let is_directory = entry.symlink_metadata().map_err(file(&entry))?.is_dir();
        if is_directory && target.is_dir() {
            merge(&entry, &target)?;
        } else {
            fs::rename(&entry, &target).map_err(file(&entry))?;
        }
    }
    fs::remove_dir(from).map_err(file(from))
}
