// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which version the peer beside us has, and what differs between versions.
//!
//! A difference was seen in the two versions that its comment names. The versions between them
//! were not run, so the limit is the first release of the newer series.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::cluster::Software;
use crate::frr;
use crate::net::Netns;
use crate::process::{self, ProcessError};
use crate::tool;

const DEADLINE: Duration = Duration::from_secs(20);

/// Major, minor and patch number of a release; what the program leaves out is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version([u16; 3]);

impl Version {
    /// A release.
    #[must_use]
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self([major, minor, patch])
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// A word has no version in it.
#[derive(Debug, thiserror::Error)]
#[error("no version in {0:?}")]
pub struct NotAVersion(String);

impl FromStr for Version {
    type Err = NotAVersion;

    fn from_str(word: &str) -> Result<Self, NotAVersion> {
        let mut numbers = [0; 3];
        let word = word.strip_prefix('v').unwrap_or(word);
        let release = word
            .split(|c: char| c != '.' && !c.is_ascii_digit())
            .next()
            .unwrap_or_default();
        if !release.contains('.') {
            return Err(NotAVersion(word.to_owned()));
        }
        for (number, text) in numbers.iter_mut().zip(release.split('.')) {
            *number = text.parse().map_err(|_| NotAVersion(word.to_owned()))?;
        }
        Ok(Self(numbers))
    }
}

/// Why a peer's version is not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// It does not run.
    #[error("cannot ask {software} for its version")]
    Run {
        /// The peer.
        software: Software,
        /// Why.
        #[source]
        source: ProcessError,
    },
    /// Its output has no version.
    #[error("{software} printed no version: {output}")]
    Output {
        /// The peer.
        software: Software,
        /// What it printed.
        output: String,
    },
}

/// A program beside us and its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    software: Software,
    version: Version,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.software, self.version)
    }
}

impl Peer {
    /// A program of this version, whichever the machine has.
    #[must_use]
    pub const fn new(software: Software, version: Version) -> Self {
        Self { software, version }
    }

    /// Runs the program in a namespace for its version.
    ///
    /// # Errors
    ///
    /// [`PeerError`] when it does not run or prints none.
    pub fn ask(netns: &Netns, software: Software) -> Result<Self, PeerError> {
        let words = match software {
            Software::Keepalived => [tool::keepalived_options(), tool::keepalived()].concat(),
            Software::Frr => frr::program("vrrpd"),
            Software::Lbctl => vec![tool::lbctl().into()],
        };
        let mut words = words.into_iter();
        let mut command = netns.command(words.next().unwrap_or_default());
        command.args(words).arg("--version");
        let output = process::output(&mut command, DEADLINE)
            .map_err(|source| PeerError::Run { software, source })?;
        // keepalived writes it to standard error.
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        let first = text.lines().next().unwrap_or_default();
        let version = first.split_whitespace().find_map(|word| word.parse().ok());
        let version = version.ok_or_else(|| PeerError::Output {
            software,
            output: text.clone().into_owned(),
        })?;
        Ok(Self { software, version })
    }

    /// The program.
    #[must_use]
    pub const fn software(&self) -> Software {
        self.software
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Whether it can be configured to sum VRRPv3's messages over IPv4 without a pseudo header, as
    /// RFC 9568 §5.2.8 can be read.
    ///
    /// keepalived: `v3_checksum_as_v2` changes nothing in 2.2.7, which sends and takes the sum
    /// with a pseudo header alone. 2.3.4 sends and takes the sum of the message alone with the
    /// keyword, and the other alone without it. FRR: 8.4.4 has no command for it, 10.7.1 has
    /// `no vrrp 51 checksum-with-ipv4-pseudoheader`, and takes one of them alone, too.
    #[must_use]
    pub fn can_sum_the_message_alone(&self) -> bool {
        match self.software {
            Software::Keepalived => self.version >= Version::new(2, 3, 0),
            Software::Frr => self.version >= Version::new(10, 0, 0),
            Software::Lbctl => true,
        }
    }

    /// Whether a backup of keepalived takes an advertisement whose list of addresses is not its
    /// own: 2.2.7 discards it and becomes a second master, 2.3.4 stays a backup.
    #[must_use]
    pub fn takes_other_lists(&self) -> bool {
        self.software != Software::Keepalived || self.version >= Version::new(2, 3, 0)
    }

    /// Whether it runs a tracked script whose path has a symbolic link before its last component,
    /// as `/bin/true` has where `/bin` is one. keepalived 2.2.7 does; 2.3.4 prints "Wrong file type
    /// found in script path" and disables the script, also with `use_symlink_paths` and without
    /// `enable_script_security`. A link as the last component is no hindrance.
    #[must_use]
    pub fn runs_scripts_below_links(&self) -> bool {
        self.software != Software::Keepalived || self.version < Version::new(2, 3, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_ordered() {
        for (word, version) in [
            ("v2.2.7", Some(Version::new(2, 2, 7))),
            ("8.4.4", Some(Version::new(8, 4, 4))),
            ("10.7", Some(Version::new(10, 7, 0))),
            ("10.7.1-dev", Some(Version::new(10, 7, 1))),
            ("vrrpd", None),
            ("version", None),
            ("(01/16,2022)", None),
            ("", None),
        ] {
            assert_eq!(word.parse().ok(), version, "{word}");
        }
        assert!(Version::new(8, 4, 4) < Version::new(10, 0, 0));
    }
}
