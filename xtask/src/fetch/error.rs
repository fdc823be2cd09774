// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why the lab cannot be set up.

use std::io;
use std::path::PathBuf;

use tests_kernel::process::ProcessError;

/// Why packages or kernels are not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error(
        "the lab needs Debian packages ({}), and {program} is not on this machine; run on Debian or \
         Ubuntu, or copy target/lab from a machine where `cargo xtask fetch` succeeded",
        packages.join(", ")
    )]
    NoApt {
        program: &'static str,
        packages: Vec<String>,
    },
    #[error(
        "this machine's apt sources do not have the packages {}; on Ubuntu enable the component \
         `universe`, elsewhere add a Debian source",
        missing.join(", ")
    )]
    NoPackage { missing: Vec<String> },
    #[error(
        "apt cannot read the package lists of {sources} ({reason}); is the mirror reachable? All that \
         apt printed is in {}",
        log.display()
    )]
    Update {
        sources: String,
        reason: String,
        log: PathBuf,
    },
    #[error(
        "apt cannot download the packages of {sources} ({reason}); all that it printed is in {}",
        log.display()
    )]
    Download {
        sources: String,
        reason: String,
        log: PathBuf,
    },
    #[error(
        "Debian's archive key is not on this machine (no {}) and its package, \
         debian-archive-keyring, cannot be downloaded",
        expected.display()
    )]
    NoKey { expected: PathBuf },
    #[error("cannot unpack {}", package.display())]
    Unpack {
        package: PathBuf,
        #[source]
        source: ProcessError,
    },
    #[error("{} is no 64-bit ELF program with an interpreter", path.display())]
    NotElf { path: PathBuf },
    #[error(
        "no kernel of the lab boots on this machine: {}; a guest needs ptrace or seccomp, which a \
         container may forbid; `cargo xtask fetch --again` tries once more",
        tried.join("; ")
    )]
    NoKernel { tried: Vec<String> },
    #[error("the C compiler could not build the wrapper that this processor's AMX needs")]
    Wrapper(#[source] ProcessError),
    #[error("{}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the record of kernels")]
    Record(#[source] serde_json::Error),
}
