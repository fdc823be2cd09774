// SPDX-License-Identifier: MIT OR Apache-2.0
//! Trees of unpacked packages, each laid out as a root directory with merged `/usr`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Lab, PEERS_VARIABLE};

/// Where packages come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Suite {
    /// The newest that Debian has: `sid`.
    Newest,
    /// The machine's own apt sources.
    Distribution,
}

impl Suite {
    /// `newest` or `distribution`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Distribution => "distribution",
        }
    }

    /// The suite of the peers that the tests run beside us: [`Suite::Newest`] when
    /// [`PEERS_VARIABLE`] names it.
    #[must_use]
    pub fn of_peers() -> Self {
        match std::env::var_os(PEERS_VARIABLE) {
            Some(name) if name == Self::Newest.name() => Self::Newest,
            _ => Self::Distribution,
        }
    }
}

/// One tree below `target/lab`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tree {
    /// Peers, tools and kernel of the machine's own suite.
    Distribution,
    /// The newest kernel with its C library.
    NewestKernel,
    /// The newest peers and tools with their C library.
    NewestPeers,
    /// Servers of many protocols that the checks of a soak probe.
    Servers,
}

impl Tree {
    /// The tree that has the peers of a suite.
    #[must_use]
    pub const fn of_peers(suite: Suite) -> Self {
        match suite {
            Suite::Newest => Self::NewestPeers,
            Suite::Distribution => Self::Distribution,
        }
    }

    /// Its root directory.
    #[must_use]
    pub fn path(self) -> PathBuf {
        Lab::directory().join(match self {
            Self::Distribution => "distribution",
            Self::NewestKernel => "newest-kernel",
            Self::NewestPeers => "newest-peers",
            Self::Servers => "servers",
        })
    }

    /// The directory of its shared libraries.
    #[must_use]
    pub fn libraries(self) -> PathBuf {
        self.path()
            .join(format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH))
    }

    /// Its dynamic loader, a regular file.
    #[must_use]
    pub fn loader(self) -> Option<PathBuf> {
        const NAME: &str = "ld-linux-x86-64.so.2";
        [self.path().join("usr/lib64"), self.libraries()]
            .into_iter()
            .map(|directory| directory.join(NAME))
            .find(|path| is_regular(path))
    }

    /// A program of the tree, a regular file in its `bin` or `sbin`.
    #[must_use]
    pub fn program(self, name: &str) -> Option<PathBuf> {
        ["usr/sbin", "usr/bin"]
            .into_iter()
            .map(|directory| self.path().join(directory).join(name))
            .find(|path| is_regular(path))
    }

    /// The words that start one of its files on the host, see [`loader_words`](Self::loader_words).
    #[must_use]
    pub fn words(self, file: &Path) -> Vec<OsString> {
        let mut words = self.loader_words(&[]);
        words.push(file.into());
        words
    }

    /// The words before a file of the tree that start it on the host: through the tree's own
    /// loader, so that it finds the C library it was built for, whatever the host's. Programs
    /// that it starts in turn are not affected, since nothing is passed in the environment.
    #[must_use]
    pub fn loader_words(self, more_libraries: &[PathBuf]) -> Vec<OsString> {
        let Some(loader) = self.loader() else {
            return Vec::new();
        };
        let mut libraries = OsString::new();
        for directory in more_libraries {
            libraries.push(directory);
            libraries.push(":");
        }
        libraries.push(self.libraries());
        vec![loader.into(), "--library-path".into(), libraries]
    }
}

fn is_regular(path: &Path) -> bool {
    path.symlink_metadata()
        .is_ok_and(|metadata| metadata.is_file())
}
