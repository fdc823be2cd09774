// SPDX-License-Identifier: MIT OR Apache-2.0
//! The user and group that a program runs as.

use std::ffi::CString;

use nix::unistd::{Gid, Group, Uid, User, getgrouplist};

/// A user and a group, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Account {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// There is no such account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownAccount {
    /// No such user.
    #[error("unknown user '{0}'")]
    User(String),
    /// No such group.
    #[error("unknown group '{0}'")]
    Group(String),
}

impl Account {
    /// An account by its numbers.
    #[must_use]
    pub const fn new(uid: u32, gid: u32) -> Self {
        Self { uid, gid }
    }

    /// Looks up a user and a group, by name or number; without a group, the primary group of the
    /// user.
    ///
    /// # Errors
    /// When there is no such user or group.
    pub fn find(user: &str, group: Option<&str>) -> Result<Self, UnknownAccount> {
        let by_number = || User::from_uid(Uid::from_raw(user.parse().ok()?)).ok()?;
        let found = User::from_name(user).ok().flatten().or_else(by_number);
        let found = found.ok_or_else(|| UnknownAccount::User(user.to_owned()))?;
        let gid = match group {
            None => found.gid.as_raw(),
            Some(name) => Group::from_name(name)
                .ok()
                .flatten()
                .map(|group| group.gid.as_raw())
                .or_else(|| name.parse().ok())
                .ok_or_else(|| UnknownAccount::Group(name.to_owned()))?,
        };
        let uid = found.uid.as_raw();
        Ok(Self { uid, gid })
    }

    /// Returns the names of user and group, or their numbers where no name leads back to them.
    #[must_use]
    pub fn names(&self) -> (String, String) {
        let user = User::from_uid(Uid::from_raw(self.uid)).ok().flatten();
        let user = user
            .map(|user| user.name)
            .filter(|name| Self::find(name, None).is_ok_and(|found| found.uid == self.uid));
        let group = Group::from_gid(Gid::from_raw(self.gid)).ok().flatten();
        let group = group.map(|group| group.name).filter(|name| {
            let found = Group::from_name(name).ok().flatten();
            found.is_some_and(|found| found.gid.as_raw() == self.gid)
        });
        (
            user.unwrap_or_else(|| self.uid.to_string()),
            group.unwrap_or_else(|| self.gid.to_string()),
        )
    }

    /// The supplementary groups of the user, without [`gid`](Self::gid), from the group database;
    /// none for a number that no user has.
    #[must_use]
    pub fn supplementary_groups(&self) -> Vec<u32> {
        let user = User::from_uid(Uid::from_raw(self.uid)).ok().flatten();
        let name = user.and_then(|user| CString::new(user.name).ok());
        let primary = Gid::from_raw(self.gid);
        let groups = name.and_then(|name| getgrouplist(&name, primary).ok());
        let groups = groups.into_iter().flatten();
        groups
            .filter(|group| *group != primary)
            .map(Gid::as_raw)
            .collect()
    }

    /// Whether a program with this account, or with that of this process, runs as root.
    #[must_use]
    pub fn is_root(account: Option<Self>) -> bool {
        account.map_or_else(|| Uid::effective().is_root(), |account| account.uid == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_name_and_by_number() {
        assert_eq!(Account::find("root", None), Ok(Account::new(0, 0)));
        assert_eq!(Account::find("0", Some("0")), Ok(Account::new(0, 0)));
        let names = |uid, gid| Account::new(uid, gid).names();
        assert_eq!(names(0, 0), ("root".to_owned(), "root".to_owned()));
        let number = "4294967001".to_owned();
        assert_eq!(
            names(4_294_967_001, 4_294_967_001),
            (number.clone(), number)
        );
        let unknown = "no-such-user-here";
        assert_eq!(
            Account::find(unknown, None),
            Err(UnknownAccount::User(unknown.to_owned()))
        );
        assert_eq!(
            Account::find("root", Some(unknown)),
            Err(UnknownAccount::Group(unknown.to_owned()))
        );
    }
}
