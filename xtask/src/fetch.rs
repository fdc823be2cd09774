// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask fetch`: the lab's Debian packages, downloaded and unpacked below `target/lab`.
//!
//! apt does it with the machine's own sources, but with lists, cache and package status of its
//! own, so that neither root nor a change to the machine is needed. The status is empty, hence
//! the unpacked tree is complete: it does not depend on what is installed here.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tests_kernel::guest::Lab;
use tests_kernel::process::{self, ProcessError};

/// What the guest runs. `usr-is-merged` satisfies a dependency that is otherwise a pile of Perl.
const PACKAGES: &[&str] = &[
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
    "user-mode-linux",
    "usr-is-merged",
];
/// Raised when the layout of the unpacked tree changes.
const LAYOUT: u32 = 1;
const TRIES: u32 = 3;
const APT_DEADLINE: Duration = Duration::from_secs(600);
const UNPACK_DEADLINE: Duration = Duration::from_secs(120);

/// Why the packages are not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error(
        "the lab needs Debian packages ({}), but {program} is not on this machine and no earlier \
         download is in {}; run on Debian, or copy that directory from a machine that has it",
        PACKAGES.join(", "), directory.display()
    )]
    NoApt {
        program: &'static str,
        directory: PathBuf,
    },
    #[error(
        "apt could not download the lab's packages ({}) in {TRIES} tries, and no earlier download \
         is in {}; are the machine's apt sources Debian's, and reachable?",
        PACKAGES.join(", "), directory.display()
    )]
    Apt {
        directory: PathBuf,
        #[source]
        source: ProcessError,
    },
    #[error("cannot unpack {}", package.display())]
    Unpack {
        package: PathBuf,
        #[source]
        source: ProcessError,
    },
    #[error("{} was unpacked but {} is not in it", directory.display(), missing)]
    Incomplete {
        directory: PathBuf,
        missing: &'static str,
    },
    #[error("{}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Does nothing when an earlier call succeeded.
pub(crate) fn fetch() -> Result<(), FetchError> {
    let directory = Lab::directory();
    let stamp = directory.join("stamp");
    let wanted = format!("layout {LAYOUT}: {}\n", PACKAGES.join(" "));
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) && Lab::locate().is_ok() {
        return Ok(());
    }
    let start = Instant::now();
    let archives = download(&directory)?;
    let tree = directory.join("tree");
    let count = unpack(&archives, &tree)?;
    for missing in [
        "usr/bin/linux.uml",
        "usr/lib/uml/modules",
        "usr/sbin/ipvsadm",
    ] {
        if !tree.join(missing).exists() {
            return Err(FetchError::Incomplete {
                directory: tree,
                missing,
            });
        }
    }
    // The archives have done their duty; the lists are stale next time anyway.
    remove(&directory.join("apt"))?;
    write(&stamp, &wanted)?;
    println!(
        "fetched and unpacked {count} packages in {:.1?}",
        start.elapsed()
    );
    Ok(())
}

/// Downloads the packages with all they need; returns the directory of the archives.
fn download(directory: &Path) -> Result<PathBuf, FetchError> {
    for program in ["apt-get", "dpkg-deb"] {
        if !on_path(program) {
            return Err(FetchError::NoApt {
                program,
                directory: directory.to_owned(),
            });
        }
    }
    let apt = directory.join("apt");
    for sub in ["lists/partial", "cache/archives/partial", "dpkg"] {
        create_directory(&apt.join(sub))?;
    }
    write(&apt.join("dpkg/status"), "")?;
    let configuration = apt.join("apt.conf");
    write(&configuration, &apt_configuration(&apt))?;
    let apt_get = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .arg("-c")
            .arg(&configuration)
            .args(["-q", "-y"])
            .args(arguments);
        command
            .env("LC_ALL", "C.UTF-8")
            .env("DEBIAN_FRONTEND", "noninteractive");
        process::run(&mut command, APT_DEADLINE)
    };
    let mut install = vec!["install", "--download-only", "--no-install-recommends"];
    install.extend(PACKAGES);
    let mut attempt = 1;
    loop {
        println!("fetching the lab's packages (try {attempt} of {TRIES})");
        match apt_get(&["update"]).and_then(|_| apt_get(&install)) {
            Ok(_) => return Ok(apt.join("cache/archives")),
            Err(source) if attempt == TRIES => {
                return Err(FetchError::Apt {
                    directory: directory.to_owned(),
                    source,
                });
            }
            Err(error) => println!("{error}"),
        }
        attempt += 1;
        process::pause(Duration::from_secs(3));
    }
}

/// Read after the machine's own configuration, so that its proxies stay in force; its hooks,
/// which tidy up or inform services after an update, do not.
fn apt_configuration(apt: &Path) -> String {
    let apt = apt.display();
    format!(
        "Dir::State \"{apt}\";\n\
         Dir::State::Lists \"{apt}/lists\";\n\
         Dir::State::status \"{apt}/dpkg/status\";\n\
         Dir::Cache \"{apt}/cache\";\n\
         APT::Sandbox::User \"root\";\n\
         Acquire::Languages \"none\";\n\
         Acquire::Retries \"3\";\n\
         Acquire::IndexTargets::deb::DEP-11::DefaultEnabled \"false\";\n\
         #clear APT::Update::Pre-Invoke;\n\
         #clear APT::Update::Post-Invoke;\n\
         #clear APT::Update::Post-Invoke-Success;\n\
         #clear DPkg::Pre-Invoke;\n\
         #clear DPkg::Post-Invoke;\n"
    )
}

/// Unpacks all archives to `tree`, by way of a sibling, so that a tree is whole or absent.
fn unpack(archives: &Path, tree: &Path) -> Result<usize, FetchError> {
    let fresh = tree.with_extension("new");
    remove(&fresh)?;
    create_directory(&fresh)?;
    let mut count = 0;
    for entry in read_directory(archives)? {
        if entry.extension().is_none_or(|extension| extension != "deb") {
            continue;
        }
        let mut command = Command::new("dpkg-deb");
        command.arg("-x").arg(&entry).arg(&fresh);
        process::run(&mut command, UNPACK_DEADLINE).map_err(|source| FetchError::Unpack {
            package: entry,
            source,
        })?;
        count += 1;
    }
    // An ordinary user's files are his: in the guest, mount would run as him, and not as root.
    let mut command = Command::new("chmod");
    command.args(["-R", "ug-s"]).arg(&fresh);
    process::run(&mut command, UNPACK_DEADLINE).map_err(|source| FetchError::Unpack {
        package: fresh.clone(),
        source,
    })?;
    // The host's /bin is a link to usr/bin; a directory of that name above it would hide the link.
    for top in ["bin", "sbin", "lib", "lib64"] {
        let link = fresh.join(top);
        let target = Path::new("usr").join(top);
        if link.is_dir() {
            merge(&link, &fresh.join(&target))?;
            symlink(&target, &link).map_err(file(&link))?;
        }
    }
    remove(tree)?;
    fs::rename(&fresh, tree).map_err(file(tree))?;
    Ok(count)
}

/// Moves everything below `from` to below `to`.
fn merge(from: &Path, to: &Path) -> Result<(), FetchError> {
    create_directory(to)?;
    for entry in read_directory(from)? {
        let Some(name) = entry.file_name() else {
            continue;
        };
        let target = to.join(name);
        let is_directory = entry.symlink_metadata().map_err(file(&entry))?.is_dir();
        if is_directory && target.is_dir() {
            merge(&entry, &target)?;
        } else {
            fs::rename(&entry, &target).map_err(file(&entry))?;
        }
    }
    fs::remove_dir(from).map_err(file(from))
}

fn on_path(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|at| at.join(program).is_file()))
}

fn file(path: &Path) -> impl FnOnce(io::Error) -> FetchError {
    let path = path.to_owned();
    move |source| FetchError::File { path, source }
}

fn write(path: &Path, text: &str) -> Result<(), FetchError> {
    fs::write(path, text).map_err(file(path))
}

fn create_directory(path: &Path) -> Result<(), FetchError> {
    fs::create_dir_all(path).map_err(file(path))
}

fn remove(path: &Path) -> Result<(), FetchError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file(path)(error)),
        _ => Ok(()),
    }
}

fn read_directory(path: &Path) -> Result<Vec<PathBuf>, FetchError> {
    let entries = fs::read_dir(path).map_err(file(path))?;
    entries
        .map(|entry| entry.map(|entry| entry.path()).map_err(file(path)))
        .collect()
}
