// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which users could change what a program run by root does.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Finds the first part of a program's path, links followed, that users other than root may change.
///
/// Parts that cannot be read count as safe: the program cannot be executed through them either.
#[must_use]
pub fn find_changeable_part(program: &Path) -> Option<PathBuf> {
    // The path as written, because its links may be changed too, and the path that it leads to.
    let real = fs::canonicalize(program).ok();
    let parts = |path: &Path| -> Vec<PathBuf> {
        let mut parts: Vec<_> = path.ancestors().map(Path::to_path_buf).collect();
        parts.retain(|part| !part.as_os_str().is_empty());
        parts.reverse();
        parts
    };
    let mut all = parts(program);
    all.extend(real.as_deref().map(parts).unwrap_or_default());
    all.into_iter()
        .find(|part| fs::symlink_metadata(part).is_ok_and(|data| may_others_change(&data)))
}

fn may_others_change(data: &Metadata) -> bool {
    if data.uid() != 0 {
        return true;
    }
    // The mode of a link has no effect; in a sticky directory only root can replace root's files.
    if data.is_symlink() || (data.is_dir() && data.mode() & 0o1000 != 0) {
        return false;
    }
    data.mode() & 0o002 != 0 || (data.gid() != 0 && data.mode() & 0o020 != 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use nix::unistd::Uid;

    use super::*;

    #[test]
    fn changeable_parts_are_found_anywhere_in_the_path() {
        assert_eq!(find_changeable_part(Path::new("/bin/sh")), None);
        let directory = tempfile::tempdir().unwrap();
        let script = directory.path().join("script");
        fs::write(&script, "#!/bin/sh\n").unwrap();
        let mode = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(&script, 0o777);
        let found = find_changeable_part(&script);
        if Uid::effective().is_root() {
            assert_eq!(found.as_deref(), Some(script.as_path()));
            mode(&script, 0o755);
            assert_eq!(find_changeable_part(&script), None);
            mode(directory.path(), 0o777);
            let found = find_changeable_part(&script);
            assert_eq!(found.as_deref(), Some(directory.path()));
            // Sticky: files of root cannot be replaced.
            mode(directory.path(), 0o1777);
            assert_eq!(find_changeable_part(&script), None);
            // By a link.
            mode(&script, 0o757);
            let other = tempfile::tempdir().unwrap();
            let link = other.path().join("link");
            std::os::unix::fs::symlink(&script, &link).unwrap();
            let found = find_changeable_part(&link);
            assert_eq!(found.as_deref(), Some(script.as_path()));
        } else {
            // Some part of the path has the user of this test as its owner.
            assert!(found.is_some());
        }
    }
}
