// SPDX-License-Identifier: MIT OR Apache-2.0
//! The way to the background: the process at the terminal waits until the daemon has started, and
//! ends with the daemon's error and exit status if it has not.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::AsFd;

use lb_core::host::sys::fork;
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, chdir, dup2_stderr, dup2_stdin, dup2_stdout, setsid};

use super::FATAL;
use crate::failure::Failure;

/// The process that continues after [`detach`].
#[derive(Debug)]
pub(super) enum Side {
    /// The daemon.
    Daemon(Starter),
    /// The process at the terminal, with the outcome of the start.
    Terminal(Result<(), Failure>),
}

/// The daemon's connection to the process at the terminal.
#[derive(Debug)]
pub(super) struct Starter(PipeWriter);

/// First byte of the message of a successful start.
const STARTED: u8 = 0;

/// Makes a process without a terminal, in a session of its own. Must come before any thread is
/// started.
///
/// # Errors
/// When the process or the pipe cannot be made.
pub(super) fn detach() -> Result<Side, Failure> {
    let failed =
        |error: io::Error| Failure::new(FATAL, format!("cannot go to the background: {error}"));
    let (reader, writer) = io::pipe().map_err(failed)?;
    match fork().map_err(failed)? {
        Some(child) => {
            drop(writer);
            Ok(Side::Terminal(wait(reader, child)))
        }
        None => {
            drop(reader);
            // Only fails for the leader of a process group, which a new process is not.
            let _ = setsid();
            let starter = Starter(writer);
            let prepared = chdir("/")
                .map_err(io::Error::from)
                .and_then(|()| close_input());
            match prepared {
                Ok(()) => Ok(Side::Daemon(starter)),
                Err(error) => Err(report(Some(starter), failed(error))),
            }
        }
    }
}

/// The outcome of the start, as the daemon reports it.
fn wait(mut reader: PipeReader, child: u32) -> Result<(), Failure> {
    let mut message = Vec::new();
    // An error ends the message, as the end of the daemon does.
    let _ = reader.read_to_end(&mut message);
    match message.split_first() {
        Some((&STARTED, _)) => Ok(()),
        Some((&code, text)) => Err(Failure::new(code, String::from_utf8_lossy(text))),
        None => {
            let child = i32::try_from(child).map(Pid::from_raw);
            let end = waitpid(child.ok(), None);
            let end = end.map_or_else(|errno| errno.to_string(), |status| format!("{status:?}"));
            Err(Failure::new(
                FATAL,
                format!("the daemon ended during its start: {end}"),
            ))
        }
    }
}

/// The failure of a start, for the process at the terminal if there is one.
pub(super) fn report(starter: Option<Starter>, failure: Failure) -> Failure {
    if let Some(starter) = starter {
        starter.fail(&failure);
    }
    failure
}

impl Starter {
    /// Reports a successful start, and leaves the terminal.
    pub(super) fn succeed(mut self) {
        if let Err(error) = close_output() {
            tracing::debug!(%error, "standard output and standard error stay open");
        }
        // An error means that the other process was killed.
        let _ = self.0.write_all(&[STARTED]);
    }

    /// Reports a failed start.
    pub(super) fn fail(mut self, failure: &Failure) {
        let mut message = vec![failure.code().max(FATAL)];
        message.extend_from_slice(failure.to_string().as_bytes());
        let _ = self.0.write_all(&message);
    }
}

fn close_input() -> io::Result<()> {
    Ok(dup2_stdin(null(false)?)?)
}

fn close_output() -> io::Result<()> {
    let null = null(true)?;
    dup2_stdout(null.as_fd())?;
    Ok(dup2_stderr(null)?)
}

fn null(writes: bool) -> io::Result<File> {
    File::options()
        .read(!writes)
        .write(writes)
        .open("/dev/null")
}
