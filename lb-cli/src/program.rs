// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which program this is: decided by the name it is called by, then by the first argument.

use std::{ffi::OsString, path::Path};

/// The programs in this binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// `lbctl` with its subcommands; all arguments, the name first.
    Lbctl(Vec<OsString>),
    /// `lbctl ipvs`
    LbctlIpvs(Call),
    /// `ipvsadm`
    Ipvsadm(Call),
    /// `ipvsadm-save`
    IpvsadmSave(Call),
    /// `ipvsadm-restore`
    IpvsadmRestore(Call),
    /// `genhash`
    Genhash(Call),
    /// `keepalived`
    Keepalived(Call),
}

/// How a program was called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// The name, as usage messages repeat it.
    pub(crate) name: String,
    /// The arguments behind the name.
    pub(crate) arguments: Vec<OsString>,
}

impl Call {
    /// The arguments as text. What is not UTF-8 cannot be an option, an address or a name of the
    /// kernel's, so nothing is lost by replacing it.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.arguments
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect()
    }
}

impl Program {
    /// Chooses by `argv`, the name first.
    ///
    /// `lbctl ipvs …` and `lbctl genhash …` are decided here and not by the parser of lbctl's own
    /// options, which would take `-h` and `--` for itself.
    pub(crate) fn choose(argv: Vec<OsString>) -> Self {
        let name = argv
            .first()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let rest = |skip: usize| argv.iter().skip(skip).cloned().collect::<Vec<_>>();
        let base = Path::new(&name)
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let call = |name: &str, skip| Call {
            name: name.to_owned(),
            arguments: rest(skip),
        };
        match base.as_str() {
            "ipvsadm" => Self::Ipvsadm(call(&name, 1)),
            "ipvsadm-save" => Self::IpvsadmSave(call(&name, 1)),
            "ipvsadm-restore" => Self::IpvsadmRestore(call(&name, 1)),
            "genhash" => Self::Genhash(call(&name, 1)),
            "keepalived" => match argv.get(1).and_then(|word| word.to_str()) {
                Some("-T" | "--genhash") => Self::Genhash(call("keepalived --genhash", 2)),
                _ => Self::Keepalived(call(&name, 1)),
            },
            _ => match argv.get(1).and_then(|word| word.to_str()) {
                Some("ipvs") => Self::LbctlIpvs(call("lbctl ipvs", 2)),
                Some("genhash") => Self::Genhash(call("lbctl genhash", 2)),
                _ => Self::Lbctl(argv),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(words: &[&str]) -> Program {
        Program::choose(words.iter().map(OsString::from).collect())
    }

    fn call(name: &str, words: &[&str]) -> Call {
        Call {
            name: name.to_owned(),
            arguments: words.iter().map(OsString::from).collect(),
        }
    }

    #[test]
    fn the_last_part_of_the_name_decides() {
        assert_eq!(
            choose(&["ipvsadm", "-Ln"]),
            Program::Ipvsadm(call("ipvsadm", &["-Ln"]))
        );
        assert_eq!(
            choose(&["/sbin/ipvsadm"]),
            Program::Ipvsadm(call("/sbin/ipvsadm", &[]))
        );
        assert_eq!(
            choose(&["./genhash", "-h"]),
            Program::Genhash(call("./genhash", &["-h"]))
        );
        assert_eq!(
            choose(&["ipvsadm-save"]),
            Program::IpvsadmSave(call("ipvsadm-save", &[]))
        );
        assert_eq!(
            choose(&["keepalived", "-n"]),
            Program::Keepalived(call("keepalived", &["-n"]))
        );
        assert_eq!(
            choose(&["keepalived", "-T", "-s", "::1"]),
            Program::Genhash(call("keepalived --genhash", &["-s", "::1"]))
        );
    }

    #[test]
    fn subcommands_with_a_grammar_of_their_own_keep_all_their_words() {
        assert_eq!(
            choose(&["lbctl", "ipvs", "--set", "--", "-1", "-h"]),
            Program::LbctlIpvs(call("lbctl ipvs", &["--set", "--", "-1", "-h"]))
        );
        assert!(
            matches!(choose(&["lbctl", "check", "f"]), Program::Lbctl(argv) if argv.len() == 3)
        );
        assert!(matches!(choose(&[]), Program::Lbctl(_)));
    }
}
