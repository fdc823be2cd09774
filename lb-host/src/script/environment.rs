// SPDX-License-Identifier: MIT OR Apache-2.0
//! Variables of the environment that programs must not get.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

/// The variables by name, besides `LD_*` and exported shell functions.
const FORBIDDEN: &[&str] = &[
    "BASH_ENV",
    "BASHOPTS",
    "CDPATH",
    "ENV",
    "GCONV_PATH",
    "GLIBC_TUNABLES",
    "IFS",
    "LISTEN_FDNAMES",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LOCPATH",
    "MALLOC_CHECK_",
    "MALLOC_TRACE",
    "NLSPATH",
    "NOTIFY_SOCKET",
    "PERL5LIB",
    "PERL5OPT",
    "PS4",
    "PYTHONHOME",
    "PYTHONPATH",
    "RUBYLIB",
    "RUBYOPT",
    "SHELLOPTS",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
];

/// Selects the names that are forbidden.
pub(super) fn forbidden(names: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    names.filter(|name| {
        let bytes = name.as_bytes();
        bytes.starts_with(b"LD_")
            || bytes.starts_with(b"BASH_FUNC_")
            || FORBIDDEN
                .iter()
                .any(|forbidden| name == OsStr::new(forbidden))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_change_programs_are_found() {
        let names = [
            "PATH",
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "HOME",
            "BASH_ENV",
            "BASH_FUNC_ls%%",
            "NOTIFY_SOCKET",
        ];
        let found: Vec<_> = forbidden(names.iter().map(OsString::from)).collect();
        let expected = [
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "BASH_ENV",
            "BASH_FUNC_ls%%",
            "NOTIFY_SOCKET",
        ];
        assert_eq!(found, expected);
    }
}
