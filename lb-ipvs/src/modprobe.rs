// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kernel modules that are loaded on request.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use nix::unistd::geteuid;
use tokio::{process::Command, time::timeout};

/// Where `modprobe` is looked for.
const DIRECTORIES: &[&str] = &["/sbin", "/usr/sbin"];
/// How long `modprobe` has.
const DEADLINE: Duration = Duration::from_secs(10);

/// A module that changes the payload of an application's connections through a masquerading
/// service.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Helper {
    /// FTP: addresses in `PORT` and `PASV`, and the data connections they announce. It looks at
    /// port 21, or those in the module's parameter `ports`, and needs
    /// [`Sysctl::Conntrack`](crate::sysctl::Sysctl::Conntrack).
    Ftp,
}

impl Helper {
    /// The module's name.
    #[must_use]
    pub const fn module(self) -> &'static str {
        match self {
            Self::Ftp => "ip_vs_ftp",
        }
    }

    /// Its name in `/proc/net/ip_vs_app`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ftp => "ftp",
        }
    }
}

impl fmt::Display for Helper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What was tried to get a module into the kernel.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleAttempt {
    /// Nothing: only root can load modules.
    #[error("the module {module} is not loaded, and loading it needs root")]
    NotPrivileged {
        /// The module.
        module: &'static str,
    },
    /// There is no `modprobe` to load it with.
    #[error("the module {module} is not loaded, and there is no modprobe in {}", .searched.join(", "))]
    NoModprobe {
        /// The module.
        module: &'static str,
        /// The directories looked into.
        searched: &'static [&'static str],
    },
    /// `modprobe` could not be run.
    #[error("the module {module} is not loaded, and {} could not be run: {source}", .program.display())]
    NotRun {
        /// The module.
        module: &'static str,
        /// The program.
        program: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// `modprobe` failed.
    #[error("{} -- {module} failed ({status}): {output}", .program.display())]
    Failed {
        /// The module.
        module: &'static str,
        /// The program.
        program: PathBuf,
        /// How it ended.
        status: ExitStatus,
        /// What it wrote to standard error.
        output: String,
    },
    /// `modprobe` did not come to an end.
    #[error("{} -- {module} did not end within {} s", .program.display(), .deadline.as_secs())]
    TimedOut {
        /// The module.
        module: &'static str,
        /// The program.
        program: PathBuf,
        /// How long it had.
        deadline: Duration,
    },
    /// `modprobe` succeeded, yet what the module brings is not there.
    #[error("{} -- {module} succeeded, but what it brings is still not there", .program.display())]
    Useless {
        /// The module.
        module: &'static str,
        /// The program.
        program: PathBuf,
    },
}

/// Runs `modprobe -- MODULE`, if that can help, and returns the path of the program.
pub(crate) async fn load(module: &'static str) -> Result<PathBuf, ModuleAttempt> {
    if !geteuid().is_root() {
        return Err(ModuleAttempt::NotPrivileged { module });
    }
    let program = DIRECTORIES
        .iter()
        .map(|directory| Path::new(directory).join("modprobe"))
        .find(|program| program.is_file())
        .ok_or(ModuleAttempt::NoModprobe {
            module,
            searched: DIRECTORIES,
        })?;
    run(program, module, DEADLINE).await
}

async fn run(
    program: PathBuf,
    module: &'static str,
    deadline: Duration,
) -> Result<PathBuf, ModuleAttempt> {
    let running = Command::new(&program)
        .args(["--", module])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .output();
    match timeout(deadline, running).await {
        Err(_) => Err(ModuleAttempt::TimedOut {
            module,
            program,
            deadline,
        }),
        Ok(Err(source)) => Err(ModuleAttempt::NotRun {
            module,
            program,
            source,
        }),
        Ok(Ok(output)) if output.status.success() => {
            tracing::debug!(program = %program.display(), module, "loaded a module");
            Ok(program)
        }
        Ok(Ok(output)) => Err(ModuleAttempt::Failed {
            module,
            program,
            status: output.status,
            output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn with(program: &str, deadline: Duration) -> Result<PathBuf, ModuleAttempt> {
        run(program.into(), "ip_vs_ftp", deadline).await
    }

    #[tokio::test]
    async fn how_a_program_can_end() {
        let long = Duration::from_secs(10);
        let ran = with("/bin/true", long).await.unwrap();
        assert_eq!(ran, Path::new("/bin/true"));
        let error = with("/bin/ls", long).await.unwrap_err();
        let text = error.to_string();
        let begins = "/bin/ls -- ip_vs_ftp failed (exit status: 2): ";
        assert!(text.starts_with(begins), "{text}");
        let error = with("/no/such/modprobe", long).await.unwrap_err();
        assert!(matches!(error, ModuleAttempt::NotRun { .. }), "{error:?}");
        // `yes` never ends by itself.
        let error = with("/usr/bin/yes", Duration::from_millis(20))
            .await
            .unwrap_err();
        assert!(matches!(error, ModuleAttempt::TimedOut { .. }), "{error:?}");
    }
}
