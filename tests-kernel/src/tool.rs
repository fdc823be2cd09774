// SPDX-License-Identifier: MIT OR Apache-2.0
//! The two programs that must be interchangeable: Debian's `ipvsadm` and `lbctl ipvs`.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use crate::gate;
use crate::lab::{Lab, Suite, Tree};
use crate::net::Netns;
use crate::process::{self, ProcessError};

const DEADLINE: Duration = Duration::from_secs(20);

/// A program that takes ipvsadm's arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tool {
    /// The real one, from the package.
    Ipvsadm,
    /// Ours: `lbctl ipvs`.
    Lbctl,
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipvsadm => "ipvsadm",
            Self::Lbctl => "lbctl ipvs",
        })
    }
}

impl Tool {
    /// Runs it in a namespace, whatever its exit status; the arguments are separated by blanks.
    ///
    /// # Errors
    ///
    /// When it cannot be started or does not end.
    pub fn output(self, netns: &Netns, arguments: &str) -> Result<Output, ProcessError> {
        process::output(&mut self.command(netns, arguments), DEADLINE)
    }

    /// Runs it in a namespace; it must succeed. Returns its output.
    ///
    /// # Errors
    ///
    /// When it fails or does not end.
    pub fn run(self, netns: &Netns, arguments: &str) -> Result<String, ProcessError> {
        process::run(&mut self.command(netns, arguments), DEADLINE)
    }

    fn command(self, netns: &Netns, arguments: &str) -> Command {
        let mut command = match self {
            Self::Ipvsadm => netns.command("ipvsadm"),
            Self::Lbctl => {
                let mut command = netns.command(lbctl());
                command.arg("ipvs");
                command
            }
        };
        command.args(arguments.split_whitespace());
        command
    }
}

/// Our program: `$LBCTL`, or the development build of this checkout.
#[must_use]
pub fn lbctl() -> PathBuf {
    std::env::var_os("LBCTL").map_or_else(
        || {
            Lab::directory()
                .parent()
                .unwrap_or_else(|| Path::new("."))
                .join("debug/lbctl")
        },
        PathBuf::from,
    )
}

/// Lays the package's `/etc/keepalived`, in `$0`, over the host's `/etc`: keepalived 2.3 does not
/// start without the file `keepalived.config-opts` there, nor prints its version.
const WITH_OPTIONS: &str = "
[ -e /etc/keepalived/keepalived.config-opts ] || mount -t overlay -o \"lowerdir=$0:/etc\" overlay /etc || exit
exec \"$@\"
";

/// The words that start Debian's keepalived: the guest's, or the one unpacked below `target/lab`
/// with the libraries that came with it, which logs to its standard output. Which suite's it is,
/// [`Suite::of_peers`] chooses.
#[must_use]
pub fn keepalived() -> Vec<OsString> {
    if gate::in_guest() {
        return vec!["keepalived".into()];
    }
    let tree = Tree::of_peers(Suite::of_peers());
    let mut words = tree.words(&tree.path().join("usr/sbin/keepalived"));
    words.extend(["--log-console".into(), "--no-syslog".into()]);
    words
}

/// The words that start Debian 12's genhash, unpacked below `target/lab`, on the host.
#[must_use]
pub fn genhash() -> Vec<OsString> {
    let tree = Tree::of_peers(Suite::Distribution);
    tree.words(&tree.path().join("usr/bin/genhash"))
}

/// The words before those of [`keepalived`], in a mount namespace of its own, which let it start.
/// They hide what is mounted below `/etc` by then.
#[must_use]
pub fn keepalived_options() -> Vec<OsString> {
    let suite = Suite::of_peers();
    if gate::in_guest() || suite != Suite::Newest {
        return Vec::new();
    }
    let options = Tree::of_peers(suite).path().join("etc");
    vec![
        "sh".into(),
        "-c".into(),
        WITH_OPTIONS.into(),
        options.into(),
    ]
}
