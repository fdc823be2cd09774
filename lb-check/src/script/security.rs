// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rules about the account of a script and about scripts that run as root.

use std::path::{Path, PathBuf};

use lb_host::script::find_changeable_part;

use super::Account;
use crate::ScriptRules;

/// The user that scripts run as where no other is given, if the machine has it.
const DEFAULT_USER: &str = "keepalived_script";

/// Why running a script as root is a risk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Risk {
    #[error(
        "would run as root: neither `user` nor `script_user` is given, and there is no user \
         {DEFAULT_USER}"
    )]
    NoUser,
    #[error("run by root, and others than root may change {}", .0.display())]
    Changeable(PathBuf),
}

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
        let usual = Account::find(DEFAULT_USER, None);
        usual.is_ok().then(|| (DEFAULT_USER.to_owned(), None))
    }

    /// Sets whether scripts are in all the groups of their user.
    #[must_use]
    pub const fn with_supplementary_groups(mut self, all: bool) -> Self {
        self.supplementary_groups = all;
        self
    }

    /// The risk of running this program as this account: refused (`Err`), or accepted with a
    /// warning (`Ok`).
    pub(super) fn judge(
        &self,
        program: &Path,
        account: Option<Account>,
    ) -> Result<Option<Risk>, Risk> {
        if !Account::is_root(account) {
            return Ok(None);
        }
        if self.secure && account.is_none() {
            return Err(Risk::NoUser);
        }
        match find_changeable_part(program).map(Risk::Changeable) {
            Some(risk) if self.secure => Err(risk),
            risk => Ok(risk),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use nix::unistd::Uid;

    use super::*;

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
        assert_eq!(strict.judge(&script, Some(other)), Ok(None));
        assert!(lax.judge(&script, Some(root)).unwrap().is_some());
        assert!(strict.judge(&script, Some(root)).is_err());
        let shell = Path::new("/bin/sh");
        assert_eq!(strict.judge(shell, Some(root)), Ok(None));
        assert_eq!(
            strict.judge(shell, None).is_err(),
            Uid::effective().is_root()
        );
        assert_eq!(lax.judge(shell, None), Ok(None));
    }
}
