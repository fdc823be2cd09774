// SPDX-License-Identifier: MIT OR Apache-2.0
//! One director: a host and the daemon on it, keepalived, FRR or ours.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::frr;
use crate::net::{Host, NetError, Syslog, wait_until};
use crate::process::{self, Background};
use crate::tool::{self, Tool, lbctl};

/// Ten times what a start takes in the guest.
const DEADLINE: Duration = Duration::from_secs(20);

/// Files in place of the machine's.
const COVER: &str = "cover";
/// Gives a program directories and files of its director's own.
const PRIVATE: &str = r#"
    mount --bind "$0/run" /run && mount --bind "$0/lib" /var/lib || exit
    [ ! -d "$0/cover" ] || for file in $(cd "$0/cover" && find . -type f); do
        mount --bind "$0/cover/$file" "/$file" || exit
    done
    exec "$@"
"#;

/// What runs on a director.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Software {
    /// Debian's keepalived.
    Keepalived,
    /// Debian's FRR, VRRP alone; outside the guest.
    Frr,
    /// `lbctl run`.
    Lbctl,
}

impl fmt::Display for Software {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keepalived => "keepalived",
            Self::Frr => "FRR",
            Self::Lbctl => "lbctl",
        })
    }
}

/// A director; its daemon is killed on drop.
#[derive(Debug)]
pub struct Director {
    host: Host,
    software: Software,
    directory: PathBuf,
    daemon: Option<Background>,
    syslog: Syslog,
}

impl Director {
    /// A host with its configuration and no daemon yet.
    ///
    /// # Errors
    ///
    /// When its directory or file cannot be written.
    pub fn new(host: Host, software: Software, text: &str) -> Result<Self, NetError> {
        let directory = std::env::temp_dir().join(host.netns().name());
        for sub in ["run", "lib"] {
            let path = directory.join(sub);
            fs::create_dir_all(&path).map_err(NetError::system(path.display().to_string()))?;
        }
        let syslog = Syslog::listen(&directory.join("run/log"))?;
        let director = Self {
            host,
            software,
            directory,
            daemon: None,
            syslog,
        };
        director.configure(text)?;
        Ok(director)
    }

    /// Its name: `lb1` or `lb2`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.host.netns().label()
    }

    /// Its machine.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// What it runs.
    #[must_use]
    pub fn software(&self) -> Software {
        self.software
    }

    /// The path of its configuration.
    #[must_use]
    pub fn configuration(&self) -> PathBuf {
        self.directory.join("cluster.conf")
    }

    /// The path of our daemon's control socket.
    #[must_use]
    pub fn control(&self) -> PathBuf {
        self.directory.join("run/control.sock")
    }

    /// From the next start on its daemon sees a file with this text in place of the machine's.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn cover(&self, file: &str, text: &str) -> Result<(), NetError> {
        let path = self
            .directory
            .join(COVER)
            .join(file.trim_start_matches('/'));
        let write = || {
            fs::create_dir_all(path.parent().unwrap_or(&path))?;
            fs::write(&path, text)
        };
        write().map_err(NetError::system(path.display().to_string()))
    }

    /// Writes its configuration; a running daemon reads it at [`reload`](Self::reload).
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn configure(&self, text: &str) -> Result<(), NetError> {
        let path = self.configuration();
        fs::write(&path, text).map_err(NetError::system(path.display().to_string()))
    }

    /// Changes what it will run at the next start.
    pub fn set_software(&mut self, software: Software) {
        self.software = software;
    }

    /// Starts the daemon. It sees `/run` and `/var/lib` of its own, as on a machine of its own.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(&mut self) -> Result<(), NetError> {
        let command = match self.software {
            Software::Keepalived => {
                // What covers a file of the machine is mounted behind the options.
                let mut command = self.command_behind(&tool::keepalived_options());
                command.args(tool::keepalived());
                command.args(["--dont-fork", "--log-detail"]);
                command.arg("--use-file").arg(self.configuration());
                for (option, file) in PID_FILES {
                    command.arg(option).arg(self.directory.join(file));
                }
                command
            }
            Software::Frr => {
                let words = frr::words(&self.directory, &self.configuration())?;
                let mut words = words.into_iter();
                let mut command = self.command(words.next().unwrap_or_default());
                command.args(words);
                command
            }
            Software::Lbctl => {
                let mut command = self.command(lbctl());
                command.arg("run").arg("-f").arg(self.configuration());
                command.arg("--control").arg(self.control());
                command
            }
        };
        self.start_command(command)
    }

    /// Starts a program of [`command`](Self::command) as the daemon.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start_command(&mut self, mut command: Command) -> Result<(), NetError> {
        self.daemon = Some(Background::spawn(&mut command)?);
        Ok(())
    }

    /// A program on this director, which sees the `/run` and `/var/lib` that its daemon sees.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.command_behind(&[]);
        command.arg(program);
        command
    }

    /// The beginning of such a command, which the words of the program complete, behind other
    /// words that prepare its mounts.
    fn command_behind(&self, words: &[OsString]) -> Command {
        let mut words = words.iter().map(OsString::as_os_str);
        let shell = OsStr::new("sh");
        let mut command = match words.next() {
            Some(first) => {
                let mut command = self.host.netns().command(first);
                command.args(words).arg(shell);
                command
            }
            None => self.host.netns().command(shell),
        };
        command.arg("-c").arg(PRIVATE).arg(&self.directory);
        command
    }

    /// The running daemon, with what it wrote.
    ///
    /// # Errors
    ///
    /// When it was not started or was ended.
    pub fn daemon(&mut self) -> Result<&mut Background, NetError> {
        let name = self.host.netns().label();
        self.daemon.as_mut().ok_or_else(|| NetError::System {
            what: format!("daemon of {name}"),
            source: io::Error::other("it does not run"),
        })
    }

    /// The packets that the daemon sent to the system's log.
    #[must_use]
    pub fn syslog_packets(&self) -> Vec<String> {
        self.syslog.packets()
    }

    /// What the daemons of this director logged so far, all of them.
    #[must_use]
    pub fn log(&self) -> String {
        let own = self
            .daemon
            .as_ref()
            .map(Background::text)
            .unwrap_or_default();
        self.syslog.text() + &own
    }

    /// Makes the daemon read its configuration again.
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub fn reload(&mut self) -> Result<(), NetError> {
        self.daemon()?.signal(Signal::SIGHUP);
        Ok(())
    }

    /// Kills the daemon as a crash would: no process of it gets the chance to say good-bye.
    /// Address and table stay. Returns what it had written.
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub fn crash(&mut self) -> Result<String, NetError> {
        if self.software == Software::Keepalived {
            // Killing the parent first would let the VRRP child resign; hence it is stopped.
            let [parent, vrrp, checkers] = PID_FILES.map(|(_, file)| file);
            let all = [
                (parent, Signal::SIGSTOP),
                (vrrp, Signal::SIGKILL),
                (checkers, Signal::SIGKILL),
                (parent, Signal::SIGKILL),
            ];
            for (file, signal) in all {
                // Without virtual servers there is no child for them.
                if file == checkers && !self.directory.join(file).exists() {
                    continue;
                }
                kill(self.pid(file)?, signal).map_err(NetError::errno("kill keepalived"))?;
            }
        }
        let mut daemon = self.take()?;
        daemon.kill();
        Ok(self.syslog.text() + &daemon.text())
    }

    /// Stops the daemon as an operator would and waits for its end. Returns how it ended and
    /// what it had written.
    ///
    /// # Errors
    ///
    /// When it does not run or does not end.
    pub fn stop(&mut self) -> Result<(ExitStatus, String), NetError> {
        let mut daemon = self.take()?;
        daemon.signal(Signal::SIGTERM);
        let status = daemon.wait(DEADLINE)?;
        Ok((status, self.syslog.text() + &daemon.text()))
    }

    /// What a reboot leaves after a crash: no virtual address, no table, no pid files.
    ///
    /// # Errors
    ///
    /// When the host cannot be cleaned.
    pub fn reboot(&mut self, vip: Ipv4Addr) -> Result<(), NetError> {
        if self.has_address(vip) {
            self.host
                .netns()
                .ip(&format!("addr del {vip}/32 dev eth0"))?;
        }
        for what in ["--clear", "--stop-daemon master", "--stop-daemon backup"] {
            // A daemon that does not run cannot be stopped.
            Tool::Ipvsadm.output(self.host.netns(), what)?;
        }
        self.forget_process_ids()
    }

    /// Removes the pid files of a keepalived that crashed; while they are there it does not start.
    ///
    /// # Errors
    ///
    /// When one cannot be removed.
    pub fn forget_process_ids(&self) -> Result<(), NetError> {
        for (_, file) in PID_FILES {
            let path = self.directory.join(file);
            if path.exists() {
                fs::remove_file(&path).map_err(NetError::system(path.display().to_string()))?;
            }
        }
        Ok(())
    }

    /// Whether its `eth0` has the address.
    #[must_use]
    pub fn has_address(&self, address: Ipv4Addr) -> bool {
        let listing = self.host.netns().ip("-4 -o addr show dev eth0");
        listing.is_ok_and(|text| text.contains(&format!("inet {address}/")))
    }

    /// Its kernel's table as the real ipvsadm shows it.
    ///
    /// # Errors
    ///
    /// When ipvsadm fails.
    pub fn table(&self) -> Result<String, NetError> {
        Ok(Tool::Ipvsadm.run(self.host.netns(), "-L -n")?)
    }

    /// Waits until the destinations in its table are these, in any order.
    ///
    /// # Errors
    ///
    /// [`NetError::Awaited`] with the table.
    pub fn wait_for_table(&self, wanted: &[Ipv4Addr], deadline: Duration) -> Result<(), NetError> {
        let mut wanted: Vec<String> = wanted
            .iter()
            .map(|address| format!("{address}:80"))
            .collect();
        wanted.sort();
        wait_until(&format!("{} has {wanted:?}", self.name()), deadline, || {
            let table = self.table().map_err(|error| error.to_string())?;
            let rows = table
                .lines()
                .skip(3)
                .filter_map(|line| line.trim().strip_prefix("-> "));
            let mut found: Vec<_> = rows
                .filter_map(|row| row.split_whitespace().next())
                .collect();
            found.sort_unstable();
            if found == wanted { Ok(()) } else { Err(table) }
        })
    }

    /// Runs `lbctl ARGUMENTS --control SOCKET` on the director; it must succeed.
    ///
    /// # Errors
    ///
    /// When it fails.
    pub fn lbctl(&self, arguments: &[&str]) -> Result<String, NetError> {
        let mut command = self.host.netns().command(lbctl());
        command.args(arguments).arg("--control").arg(self.control());
        Ok(process::run(&mut command, DEADLINE)?)
    }

    fn take(&mut self) -> Result<Background, NetError> {
        self.daemon()?;
        self.daemon.take().ok_or_else(|| NetError::System {
            what: "daemon".to_owned(),
            source: io::Error::other("it does not run"),
        })
    }

    fn pid(&self, file: &str) -> Result<Pid, NetError> {
        let path: &Path = &self.directory.join(file);
        let text =
            fs::read_to_string(path).map_err(NetError::system(path.display().to_string()))?;
        let pid = text.trim().parse().map_err(io::Error::other);
        Ok(Pid::from_raw(
            pid.map_err(NetError::system(path.display().to_string()))?,
        ))
    }
}

/// keepalived's options for the process ids of parent, VRRP child and checker child.
const PID_FILES: [(&str, &str); 3] = [
    ("--pid", "pid"),
    ("--vrrp_pid", "vrrp.pid"),
    ("--checkers_pid", "checkers.pid"),
];

impl Drop for Director {
    fn drop(&mut self) {
        self.daemon = None;
        // What stays in /tmp of a guest goes with the guest.
        let _ = fs::remove_dir_all(&self.directory);
    }
}
