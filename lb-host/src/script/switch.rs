// SPDX-License-Identifier: MIT OR Apache-2.0
//! A program as another user with supplementary groups, for which the standard library has no stable
//! call.

use nix::unistd::{Gid, Uid, setgid, setgroups, setuid};
use tokio::process::Command;

use super::Account;

/// Makes the program run as this account and in these groups.
#[expect(
    unsafe_code,
    reason = "std::os::unix::process::CommandExt::groups is unstable"
)]
pub(super) fn set_account(command: &mut Command, account: Account, groups: &[u32]) {
    let groups: Vec<Gid> = groups.iter().copied().map(Gid::from_raw).collect();
    let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
    let switch = move || {
        // The user last: without root's privileges no group can be changed.
        setgroups(&groups)?;
        setgid(gid)?;
        setuid(uid)?;
        Ok(())
    };
    // SAFETY: between fork and exec only system calls are allowed. These three are system calls, in a
    // process of one thread; they take numbers and memory that was filled before the fork, allocate
    // nothing, and an error is a number.
    unsafe { command.pre_exec(switch) };
}
