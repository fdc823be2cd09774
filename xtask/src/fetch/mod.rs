// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask fetch`: the lab's Debian packages, downloaded and unpacked below `target/lab`, and
//! its kernels, each booted once.
//!
//! The trees: the machine's own suite (peers, tools, kernel), the newest kernel of Debian, and,
//! for a soak, the newest peers and servers of many protocols. A tree that cannot be had is
//! reported; the lab works as long as the first is there and one kernel boots.

mod apt;
mod error;
mod files;
mod kernel;
mod programs;
mod unpack;

use std::time::Instant;

use tests_kernel::lab::{Kernel, Lab, Suite, Tree};

use apt::{Apt, Sources};
pub(crate) use error::FetchError;
use files::{create_directory, remove, write};
pub(crate) use programs::search_path;

/// What the tests run from either suite, on the host and in the guest. `usr-is-merged` satisfies a
/// dependency that is otherwise a pile of Perl.
const PEERS: &[&str] = &[
    "arptables",
    "frr",
    "iproute2",
    "iptables",
    "ipvsadm",
    "keepalived",
    "kmod",
    "procps",
    "strace",
    "systemd",
    "tcpdump",
    "usr-is-merged",
];
/// What a soak has of the newest suite besides.
const MORE_PEERS: &[&str] = &["haproxy", "ldirectord"];
/// Servers that the checks of a soak probe, and what the guest needs to boot over their tree.
const SERVERS: &[&str] = &[
    "dovecot-imapd",
    "dovecot-pop3d",
    "exim4-daemon-light",
    "freeradius",
    "iproute2",
    "kmod",
    "mariadb-server",
    "nginx-light",
    "postgresql",
    "procps",
    "redis-server",
    "slapd",
    "unbound",
    "usr-is-merged",
    "vsftpd",
];
/// The kernel that runs as a program.
const KERNEL: &str = "user-mode-linux";
/// Raised when the layout of the unpacked trees changes.
const LAYOUT: u32 = 3;

/// What to fetch besides the distribution's tree.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted {
    /// The newest peers, too.
    pub(crate) newest_peers: bool,
    /// The servers of many protocols, too.
    pub(crate) servers: bool,
    /// Boots the kernels even if the record of an earlier boot exists.
    pub(crate) again: bool,
}

/// Downloads and unpacks what is missing, and boots each kernel that is new; does nothing when an
/// earlier call did it all.
pub(crate) fn fetch(wanted: Wanted) -> Result<(), FetchError> {
    let distribution = Set {
        tree: Tree::Distribution,
        sources: Sources::Machine,
        packages: PEERS,
        optional: &[KERNEL],
    };
    let newest_kernel = Set {
        tree: Tree::NewestKernel,
        sources: Sources::Newest,
        packages: &[KERNEL],
        optional: &[],
    };
    let mut fresh = distribution.fetch()?;
    // The lab works without the newest kernel, on the distribution's own.
    fresh |= fall_back(
        newest_kernel.fetch(),
        "this machine's own kernel package is used",
    );
    if wanted.newest_peers {
        let packages: Vec<&str> = PEERS.iter().chain(MORE_PEERS).copied().collect();
        let newest_peers = Set {
            tree: Tree::NewestPeers,
            sources: Sources::Newest,
            packages: &packages,
            optional: &[],
        };
        fall_back(
            newest_peers.fetch(),
            "only this machine's own peers are run",
        );
    }
    if wanted.servers {
        let servers = Set {
            tree: Tree::Servers,
            sources: Sources::Machine,
            packages: SERVERS,
            optional: &[],
        };
        servers.fetch()?;
    }
    if fresh || wanted.again || Lab::locate().is_err() {
        programs::write_wrappers()?;
        kernel::boot_all()?;
    }
    Ok(())
}

/// Prints why a set of the newest suite is not there; returns whether it is new.
fn fall_back(result: Result<bool, FetchError>, instead: &str) -> bool {
    result.unwrap_or_else(|error| {
        println!("lab: {}; {instead}", crate::chain(&error));
        false
    })
}

/// Packages that are unpacked to one tree.
struct Set<'a> {
    tree: Tree,
    sources: Sources,
    packages: &'a [&'a str],
    /// Packages that the sources may lack.
    optional: &'a [&'a str],
}

impl Set<'_> {
    /// Returns whether the tree is new.
    fn fetch(&self) -> Result<bool, FetchError> {
        let tree = self.tree.path();
        let stamp = tree.with_extension("stamp");
        let all: Vec<&str> = self.packages.iter().chain(self.optional).copied().collect();
        let content = format!("layout {LAYOUT}: {}\n", all.join(" "));
        if tree.is_dir() && std::fs::read_to_string(&stamp).is_ok_and(|found| found == content) {
            return Ok(false);
        }
        let start = Instant::now();
        let directory = tree.with_extension("apt");
        let apt = Apt::set_up(&directory, self.sources, self.packages)?;
        let archives = apt.download(self.packages, self.optional)?;
        let count = unpack::unpack(&archives, &tree)?;
        create_directory(&tree.join("lab-modules"))?;
        // The archives are unpacked, and the lists are old by the next time.
        remove(&directory)?;
        write(&stamp, &content)?;
        println!(
            "lab: fetched and unpacked {count} packages of {} in {:.1?}",
            self.sources,
            start.elapsed()
        );
        Ok(true)
    }
}

/// The suites whose kernel is unpacked, the preferred one first.
fn suites_with_kernel() -> Vec<Suite> {
    [
        (Suite::Newest, Tree::NewestKernel),
        (Suite::Distribution, Tree::Distribution),
    ]
    .into_iter()
    .filter(|(_, tree)| tree.path().join("usr/bin/linux.uml").is_file())
    .map(|(suite, _)| suite)
    .filter(|suite| *suite == Suite::Distribution || Kernel::program_of(*suite).is_file())
    .collect()
}
