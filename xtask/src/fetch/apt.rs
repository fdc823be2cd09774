// SPDX-License-Identifier: MIT OR Apache-2.0
//! apt with lists, cache and package status of its own, so that neither root nor a change to the
//! machine is needed. The status is empty, hence what it downloads is complete: it does not
//! depend on what is installed here.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tests_kernel::process::{self, ProcessError};

use super::FetchError;
use super::files::{create_directory, file, write};
use super::programs::is_on_path;

const TRIES: u32 = 3;
const DEADLINE: Duration = Duration::from_secs(600);
/// The suite that has the newest packages.
const NEWEST: &str = "sid";
/// Where Debian's mirrors are found when the machine's own sources name none.
const MIRROR: &str = "http://deb.debian.org/debian";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// apt's first error line, else how it ended.
fn reason(error: &ProcessError) -> String {
    match error {
        ProcessError::Failed { status, output, .. } => output
            .lines()
            .find_map(|line| line.strip_prefix("E: "))
            .map_or_else(|| format!("apt ended with {status}"), str::to_owned),
        ProcessError::Deadline { deadline, .. } => format!("apt did not end within {deadline:?}"),
        error => error.to_string(),
    }
}

/// Which sources apt reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sources {
    /// The machine's own.
    Machine,
    /// Debian's newest suite, by the machine's Debian mirror when it has one.
    Newest,
}

impl fmt::Display for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Machine => "this machine's suite",
            Self::Newest => "Debian sid",
        })
    }
}

/// apt with a directory of its own.
pub(super) struct Apt {
    directory: PathBuf,
    configuration: PathBuf,
    sources: Sources,
}

impl Apt {
    /// Writes the configuration and reads the package lists.
    pub(super) fn set_up(
        directory: &Path,
        sources: Sources,
        packages: &[&str],
    ) -> Result<Self, FetchError> {
        for program in ["apt-get", "dpkg-deb"] {
            if !is_on_path(program) {
                return Err(FetchError::NoApt {
                    program,
                    packages: packages.iter().map(ToString::to_string).collect(),
                });
            }
        }
        for sub in ["lists/partial", "cache/archives/partial", "dpkg", "none"] {
            create_directory(&directory.join(sub))?;
        }
        write(&directory.join("dpkg/status"), "")?;
        let apt = Self {
            directory: directory.to_owned(),
            configuration: directory.join("apt.conf"),
            sources,
        };
        write(&apt.configuration, apt.text(None))?;
        if sources == Sources::Newest {
            let list = directory.join("sources.list");
            write(&list, apt.newest_source()?)?;
            write(&apt.configuration, apt.text(Some(&list)))?;
        }
        println!("lab: reading the package lists of {sources}");
        apt.attempt(&["update"])
            .map_err(|error| FetchError::Update {
                sources: sources.to_string(),
                reason: reason(&error),
                log: apt.log(),
            })?;
        Ok(apt)
    }

    /// Downloads the packages with all they need, of `optional` those that there are; returns
    /// the directory of the archives.
    pub(super) fn download(
        &self,
        packages: &[&str],
        optional: &[&str],
    ) -> Result<PathBuf, FetchError> {
        let missing: Vec<String> = packages
            .iter()
            .filter(|package| !self.has(package))
            .map(ToString::to_string)
            .collect();
        if !missing.is_empty() {
            return Err(FetchError::NoPackage { missing });
        }
        let mut install = vec!["install", "--download-only", "--no-install-recommends"];
        install.extend(packages);
        for package in optional {
            if self.has(package) {
                install.push(package);
            } else {
                println!("lab: {} does not have the package {package}", self.sources);
            }
        }
        self.attempt(&install)
            .map_err(|error| FetchError::Download {
                sources: self.sources.to_string(),
                reason: reason(&error),
                log: self.log(),
            })?;
        Ok(self.directory.join("cache/archives"))
    }

    /// Whether the lists have a package that can be installed.
    fn has(&self, package: &str) -> bool {
        let mut command = self.command("apt-cache");
        command.args(["policy", package]);
        process::run(&mut command, DEADLINE).is_ok_and(|text| {
            text.lines()
                .filter_map(|line| line.trim().strip_prefix("Candidate: "))
                .any(|candidate| candidate != "(none)")
        })
    }

    /// Runs apt-get, several times if it must be: mirrors fail for a moment.
    fn attempt(&self, arguments: &[&str]) -> Result<(), ProcessError> {
        let mut attempt = 1;
        loop {
            let mut command = self.command("apt-get");
            command.args(["-q", "-y"]);
            if self.sources == Sources::Newest {
                // Else lists that cannot be read are a mere warning of `update`. The machine may
                // have sources of others, which the lab does not need.
                command.args(["-o", "APT::Update::Error-Mode=any"]);
            }
            command.args(arguments);
            match process::run(&mut command, DEADLINE) {
                Ok(_) => return Ok(()),
                Err(error) if attempt == TRIES => {
                    // A help for the reader of the error; its absence is no further failure.
                    let _ = fs::write(self.log(), error.to_string());
                    return Err(error);
                }
                Err(error) => println!("lab: try {attempt} of {TRIES}: {}", reason(&error)),
            }
            attempt += 1;
            process::pause(Duration::from_secs(3));
        }
    }

    /// Where the whole output of a failure is.
    fn log(&self) -> PathBuf {
        self.directory.with_extension("log")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .arg("-c")
            .arg(&self.configuration)
            .env("LC_ALL", "C.UTF-8")
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    /// Read after the machine's own configuration, so that its proxies stay in force; its hooks,
    /// which tidy up or inform services after an update, do not.
    fn text(&self, list: Option<&Path>) -> String {
        let apt = self.directory.display();
        let sources = list.map_or_else(String::new, |list| {
            format!(
                "Dir::Etc::sourcelist \"{}\";\nDir::Etc::sourceparts \"{apt}/none\";\n",
                list.display()
            )
        });
        format!(
            "Dir::State \"{apt}\";\n\
             Dir::State::Lists \"{apt}/lists\";\n\
             Dir::State::status \"{apt}/dpkg/status\";\n\
             Dir::Cache \"{apt}/cache\";\n\
             {sources}\
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

    /// The line of a sources list for the newest suite: the machine's own Debian mirror and key
    /// when it has them.
    fn newest_source(&self) -> Result<String, FetchError> {
        let mut command = self.command("apt-get");
        command.args([
            "indextargets",
            "--no-release-info",
            "--format",
            "$(REPO_URI)",
            "Identifier: Packages",
        ]);
        let known = process::run(&mut command, DEADLINE).unwrap_or_default();
        let mirror = known
            .lines()
            .map(|line| line.trim().trim_end_matches('/'))
            .find(|uri| uri.ends_with("/debian"))
            .unwrap_or(MIRROR);
        let key = self.key()?;
        Ok(format!(
            "deb [signed-by={}] {mirror} {NEWEST} main\n",
            key.display()
        ))
    }

    /// Debian's archive key: the machine's, or that of the package which Ubuntu has, too.
    fn key(&self) -> Result<PathBuf, FetchError> {
        let machine = PathBuf::from(KEYRING);
        if machine.is_file() {
            return Ok(machine);
        }
        let directory = self.directory.join("key");
        create_directory(&directory)?;
        let mut download = self.command("apt-get");
        download
            .args(["download", "debian-archive-keyring"])
            .current_dir(&directory);
        let unpacked = self
            .attempt(&["update"])
            .and_then(|()| process::run(&mut download, DEADLINE));
        if unpacked.is_ok() {
            for entry in fs::read_dir(&directory)
                .map_err(file(&directory))?
                .flatten()
            {
                let mut unpack = Command::new("dpkg-deb");
                unpack.arg("-x").arg(entry.path()).arg(&directory);
                process::run(&mut unpack, DEADLINE).map_err(|source| FetchError::Unpack {
                    package: entry.path(),
                    source,
                })?;
            }
        }
        let unpacked = directory.join(KEYRING.trim_start_matches('/'));
        if unpacked.is_file() {
            Ok(unpacked)
        } else {
            Err(FetchError::NoKey { expected: machine })
        }
    }
}
