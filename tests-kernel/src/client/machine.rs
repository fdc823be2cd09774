// SPDX-License-Identifier: MIT OR Apache-2.0
//! The machine of a client program: its namespaces and a shell in them.

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::cluster::Software;
use crate::net::Netns;
use crate::process::pause;
use crate::tool;

use super::transcript::{Step, Wait};

/// Ten times what the slowest command or condition takes.
const DEADLINE: Duration = Duration::from_secs(30);
/// Time between two runs of a command that waits for a condition.
const INTERVAL: Duration = Duration::from_millis(50);
/// Precedes the exit status of a command.
const END: &str = "--end-of-command--";
/// What mounts the files of the machine.
const PREPARE: &str = include_str!("machine.sh");
/// What a story begins with: messages of the shell itself are output too, and `addresses` lists those that
/// `eth0` has besides its own.
const PRELUDE: &str = "exec 2>&1
addresses() {
    ip -o addr show dev ${1:-eth0} scope global | awk '$4 != \"192.168.1.11/24\" { print $4 }' | sort
}";
/// Shows the processes and the logs that the client wrote.
const DIAGNOSIS: &str = "ps ax -o pid,comm,args; ip -br addr; \
    grep -hvE 'Sending|Printing' /tmp/*.log | tail -n 40";

/// Why a step of a story failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MachineError {
    /// The shell cannot be started or used.
    #[error("cannot use the shell of the client")]
    Shell(#[from] io::Error),
    /// The shell has ended, by a syntax error in a command for instance.
    #[error("the shell ended; it wrote: {0}")]
    Ended(String),
    /// A command did not end.
    #[error("`{command}` did not end within {DEADLINE:?}; it wrote: {output}")]
    Deadline {
        /// The command.
        command: String,
        /// Its output so far.
        output: String,
    },
    /// The output differs from the transcript.
    #[error("`{command}` printed\n{output}\nand not\n{expected}")]
    Output {
        /// The command.
        command: String,
        /// Its output.
        output: String,
        /// The output of the transcript.
        expected: String,
    },
}

/// A machine with keepalived or ours under this name; its processes are killed on drop.
#[derive(Debug)]
pub struct Machine {
    software: Software,
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Machine {
    /// Makes a machine in a network namespace and starts its shell.
    ///
    /// # Errors
    ///
    /// When the shell cannot be started.
    pub fn new(netns: &Netns, software: Software) -> Result<Self, MachineError> {
        let mut command = netns.command("unshare");
        command.args(["--pid", "--fork", "--kill-child", "--mount-proc"]);
        command.args(["sh", "-c", PREPARE]);
        match software {
            Software::Lbctl => {
                command.arg(tool::lbctl());
            }
            _ => {
                command.arg("none").args(packaged());
            }
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.process_group(0).spawn()?;
        let broken = || io::Error::other("no pipe");
        let mut input = child.stdin.take().ok_or_else(broken)?;
        let output = child.stdout.take().ok_or_else(broken)?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n') {
                let Ok(line) = line else { return };
                let line = String::from_utf8_lossy(&line).into_owned();
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        writeln!(input, "SOFTWARE={software}\n{PRELUDE}")?;
        Ok(Self {
            software,
            child,
            input,
            lines,
        })
    }

    /// Writes a file of the client and makes its folder.
    ///
    /// # Errors
    ///
    /// [`MachineError`] when the command fails.
    pub fn write(&mut self, path: &str, text: &str) -> Result<(), MachineError> {
        let command = format!(
            "mkdir -p \"$(dirname {path})\" && cat >{path} <<'end-of-file'\n{text}end-of-file\n\
             case {path} in *.sh) chmod 755 {path};; esac"
        );
        let output = self.run(&command)?;
        check(&command, &output, &[])
    }

    /// Runs a step and compares its output.
    ///
    /// # Errors
    ///
    /// [`MachineError::Output`] when it differs, at the deadline for one that waits.
    pub fn play(&mut self, step: &Step, filter: Option<super::Filter>) -> Result<(), MachineError> {
        let expected = step.expected(self.software);
        let begin = Instant::now();
        loop {
            let output = self.run(&step.command)?;
            let output = match filter {
                Some(read) => read(&output.join("\n"))
                    .lines()
                    .map(str::to_owned)
                    .collect(),
                None => output,
            };
            let outcome = check(&step.command, &output, &expected);
            if outcome.is_ok() || step.wait == Wait::Once || begin.elapsed() > DEADLINE {
                return outcome;
            }
            pause(INTERVAL);
        }
    }

    /// Runs a command in the shell and returns the lines that it writes, with `[N]` at the end when its
    /// exit status is not 0.
    ///
    /// # Errors
    ///
    /// [`MachineError::Ended`] and [`MachineError::Deadline`].
    pub fn run(&mut self, command: &str) -> Result<Vec<String>, MachineError> {
        // The shell reads the next command from where the programs would read their input.
        let sent = writeln!(
            self.input,
            "{{ {command}\n}} </dev/null; printf '\\n%s%s\\n' {END} $?"
        );
        // A shell that has ended is reported with what it wrote.
        let _ = sent.and_then(|()| self.input.flush());
        let end = Instant::now() + DEADLINE;
        let mut output: Vec<String> = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => match line.strip_prefix(END) {
                    Some(status) => {
                        // The line break before the mark ends a line without one.
                        if output.last().is_some_and(String::is_empty) {
                            output.pop();
                        }
                        if status != "0" {
                            output.push(format!("[{status}]"));
                        }
                        return Ok(output);
                    }
                    None => output.push(line),
                },
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(MachineError::Ended(output.join("\n")));
                }
                Err(RecvTimeoutError::Timeout) => {
                    return Err(MachineError::Deadline {
                        command: command.to_owned(),
                        output: output.join("\n"),
                    });
                }
            }
        }
    }

    /// What a failure is to be understood with: processes, logs, addresses.
    pub fn diagnosis(&mut self) -> String {
        self.run(DIAGNOSIS)
            .map_or_else(|error| error.to_string(), |lines| lines.join("\n"))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Ok(pid) = i32::try_from(self.child.id()) {
            // ESRCH: it has ended.
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}

/// The words that start Debian's keepalived, without options.
fn packaged() -> Vec<OsString> {
    let mut words = tool::keepalived();
    words.retain(|word| word != "--log-console" && word != "--no-syslog");
    words
}

fn check(command: &str, output: &[String], expected: &[&str]) -> Result<(), MachineError> {
    if output == expected {
        return Ok(());
    }
    Err(MachineError::Output {
        command: command.to_owned(),
        output: output.join("\n"),
        expected: expected.join("\n"),
    })
}
