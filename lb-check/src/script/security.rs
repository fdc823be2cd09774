// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who else could change what a script run by root does.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};

use super::process::Account;
use crate::ScriptRules;

/// The user that scripts run as where no other is given, if the machine has it.
const DEFAULT_USER: &str = "keepalived_script";

impl ScriptRules {
    /// With the user given, or else `keepalived_script` if there is one, or else the director's.
    #[must_use]
    pub const fn new(user: Option<(String, Option<String>)>, secure: bool) -> Self {
        Self {
            default_user: user,
            usual_user: true,
            secure,
            supplementary_groups: false,
        }
    }

    /// User and group of a script that has no `user`; `None`: the director's.
    pub(super) fn default_user(&self) -> Option<(String, Option<String>)> {
        if self.default_user.is_some() || !self.usual_user {
            return self.default_user.clone();
        }
        let usual = User::from_name(DEFAULT_USER).ok().flatten();
        usual.map(|of| (of.name, None))
    }

    /// Sets whether scripts are in all the groups of their user.
    #[must_use]
    pub const fn with_supplementary_groups(mut self, all: bool) -> Self {
        self.supplementary_groups = all;
        self
    }

    /// What is wrong with running this program as this account: it does not run (`Err`), or is
    /// worth a word (`Ok`).
    pub(super) fn judge(
        &self,
        program: &Path,
        account: Option<&Account>,
    ) -> Result<Option<String>, String> {
        if !account.map_or_else(|| Uid::effective().is_root(), |of| of.uid == 0) {
            return Ok(None);
        }
        if self.secure && account.is_none() {
            return Err(format!(
                "would run as root: neither `user` nor `script_user` is given, and there is no user \
                 {DEFAULT_USER}"
            ));
        }
        let Some(path) = changeable(program) else {
            return Ok(None);
        };
        let why = format!(
            "run by root, and others than root may change {}",
            path.display()
        );
        if self.secure { Err(why) } else { Ok(Some(why)) }
    }
}

/// The first part of a path, links followed, that others than root may change.
fn changeable(program: &Path) -> Option<PathBuf> {
    // The path as it is written, for its links may be changed too, and the one that it leads to.
    let real = fs::canonicalize(program).ok();
    let parts = |path: &Path| -> Vec<PathBuf> {
        let mut parts: Vec<_> = path.ancestors().map(Path::to_path_buf).collect();
        parts.retain(|part| !part.as_os_str().is_empty());
        parts.reverse();
        parts
    };
    let mut all = parts(program);
    all.extend(real.as_deref().map(parts).unwrap_or_default());
    all.into_iter().find(|part| {
        // What cannot be looked at is told elsewhere.
        fs::symlink_metadata(part).is_ok_and(|of| others_may_change(&of))
    })
}

fn others_may_change(of: &Metadata) -> bool {
    if of.uid() != 0 {
        return true;
    }
    // The mode of a link says nothing; in a sticky directory nobody can replace what is root's.
    if of.is_symlink() || (of.is_dir() && of.mode() & 0o1000 != 0) {
        return false;
    }
    of.mode() & 0o002 != 0 || (of.gid() != 0 && of.mode() & 0o020 != 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_others_may_change_is_found_wherever_it_is_on_the_way() {
        assert_eq!(changeable(Path::new("/bin/sh")), None);
        let directory = tempfile::tempdir().unwrap();
        let script = directory.path().join("script");
        fs::write(&script, "#!/bin/sh\n").unwrap();
        let mode = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(&script, 0o777);
        let found = changeable(&script);
        if Uid::effective().is_root() {
            assert_eq!(found.as_deref(), Some(script.as_path()));
            mode(&script, 0o755);
            assert_eq!(changeable(&script), None);
            mode(directory.path(), 0o777);
            assert_eq!(changeable(&script).as_deref(), Some(directory.path()));
            // Sticky: what is root's stays.
            mode(directory.path(), 0o1777);
            assert_eq!(changeable(&script), None);
            // By a link.
            mode(&script, 0o757);
            let other = tempfile::tempdir().unwrap();
            let link = other.path().join("link");
            std::os::unix::fs::symlink(&script, &link).unwrap();
            assert_eq!(changeable(&link).as_deref(), Some(script.as_path()));
        } else {
            // Somewhere on the way is something of ours.
            assert!(found.is_some());
        }
    }

    #[test]
    fn only_what_root_runs_is_judged_and_only_the_strict_refuse() {
        let directory = tempfile::tempdir().unwrap();
        let script = directory.path().join("script");
        fs::write(&script, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o777)).unwrap();
        let lax = ScriptRules::default();
        let strict = ScriptRules {
            secure: true,
            ..ScriptRules::default()
        };
        let (root, other) = (Account::new(0, 0), Account::new(65534, 65534));
        assert_eq!(strict.judge(&script, Some(&other)), Ok(None));
        assert!(lax.judge(&script, Some(&root)).unwrap().is_some());
        assert!(strict.judge(&script, Some(&root)).is_err());
        let shell = Path::new("/bin/sh");
        assert_eq!(strict.judge(shell, Some(&root)), Ok(None));
        assert_eq!(
            strict.judge(shell, None).is_err(),
            Uid::effective().is_root()
        );
        assert_eq!(lax.judge(shell, None), Ok(None));
    }
}
