// SPDX-License-Identifier: MIT OR Apache-2.0
//! Commands to a running daemon, and the signals for them.
//!
//! | signal | command |
//! |---|---|
//! | `SIGHUP` | [`Command::Reload`] |
//! | `SIGTERM`, `SIGINT` | [`Command::Stop`] |
//! | `SIGUSR1` | [`Dump::Data`] |
//! | `SIGUSR2` | [`Dump::Stats`] |
//! | `SIGRTMAX` − 1 | [`Dump::StatsAndClear`] |
//! | `SIGRTMIN` + 2, and 36 and 37 | [`Dump::Json`] |
//! | `SIGRTMAX` | [`Dump::Status`] |
//! | other real-time signals | none: they are ignored |
//!
//! `SIGRTMIN` is 34 with glibc and 35 with musl. Programs that read the JSON file send 36 or 37 without
//! asking which it is, so both count with either library.

use std::io;
use std::ops::RangeInclusive;

use nix::libc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// A command to a running daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Read the configuration again and apply the difference.
    Reload,
    /// Stop in order.
    Stop,
    /// Write what the daemon does to a file.
    Dump(Dump),
}

/// What [`Command::Dump`] writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dump {
    /// `keepalived.data`, `keepalived_check.data` and `keepalived_parent.data`.
    Data,
    /// `keepalived.stats`.
    Stats,
    /// `keepalived.stats`; the counters in the files begin from zero afterwards.
    StatsAndClear,
    /// `keepalived.json`.
    Json,
    /// The status document, to the log.
    Status,
}

/// Which signals of this process become commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signals {
    interrupt: bool,
}

impl Default for Signals {
    fn default() -> Self {
        Self { interrupt: true }
    }
}

impl Signals {
    /// Sets whether `SIGINT` stops the daemon; else it is ignored.
    #[must_use]
    pub const fn with_interrupt(mut self, stops: bool) -> Self {
        self.interrupt = stops;
        self
    }

    /// Takes over the signals of this process and turns them into commands.
    ///
    /// A signal that was ignored when this process was started has no effect on it, but programs that it starts
    /// get the default again.
    ///
    /// # Errors
    /// When a signal handler cannot be installed.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn listen(self) -> io::Result<mpsc::Receiver<Command>> {
        // Signals that arrive faster than they are served are merged, as pending signals are.
        let (sender, receiver) = mpsc::channel(8);
        for number in ignored_at_start() {
            // The handler stays installed, without an effect.
            drop(signal(SignalKind::from_raw(number))?);
        }
        for number in real_time().chain([
            libc::SIGHUP,
            libc::SIGTERM,
            libc::SIGINT,
            libc::SIGUSR1,
            libc::SIGUSR2,
        ]) {
            let mut signals = signal(SignalKind::from_raw(number))?;
            let Some(command) = self.command(number) else {
                continue;
            };
            let sender = sender.clone();
            tokio::spawn(async move {
                while signals.recv().await.is_some() {
                    if sender.send(command).await.is_err() {
                        return;
                    }
                }
            });
        }
        Ok(receiver)
    }

    /// The command of a signal; none for one that is ignored.
    fn command(self, number: i32) -> Option<Command> {
        Some(match number {
            libc::SIGHUP => Command::Reload,
            libc::SIGTERM => Command::Stop,
            libc::SIGINT if self.interrupt => Command::Stop,
            libc::SIGUSR1 => Command::Dump(Dump::Data),
            libc::SIGUSR2 => Command::Dump(Dump::Stats),
            number if number == libc::SIGRTMAX() => Command::Dump(Dump::Status),
            number if number == libc::SIGRTMAX() - 1 => Command::Dump(Dump::StatsAndClear),
            36 | 37 => Command::Dump(Dump::Json),
            number if number == libc::SIGRTMIN() + 2 => Command::Dump(Dump::Json),
            _ => return None,
        })
    }
}

/// Takes over the signals of this process, all of [`Signals`], and turns them into commands.
///
/// # Errors
/// When a signal handler cannot be installed.
///
/// # Panics
/// Outside a tokio runtime.
pub fn signals() -> io::Result<mpsc::Receiver<Command>> {
    Signals::default().listen()
}

/// The real-time signals that the C library leaves to programs.
fn real_time() -> RangeInclusive<i32> {
    libc::SIGRTMIN()..=libc::SIGRTMAX()
}

/// Signals that were ignored when this process was started, as a shell does for jobs in the background.
/// `SIGPIPE` is none of them: the standard library ignores it itself, and restores it for programs.
fn ignored_at_start() -> Vec<i32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored(&status)
        .filter(|number| {
            // No handler can be installed for these.
            !matches!(
                *number,
                libc::SIGKILL
                    | libc::SIGSTOP
                    | libc::SIGILL
                    | libc::SIGFPE
                    | libc::SIGSEGV
                    | libc::SIGPIPE
            )
        })
        .collect()
}

/// The standard signals in the mask of ignored ones in `/proc/PID/status`.
fn ignored(status: &str) -> impl Iterator<Item = i32> + use<> {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or_default();
    (1..32).filter(move |number| mask & (1 << (number - 1)) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_signals() {
        let command = |number| Signals::default().command(number);
        assert_eq!(command(1), Some(Command::Reload));
        assert_eq!(command(2), Some(Command::Stop));
        assert_eq!(command(15), Some(Command::Stop));
        assert_eq!(command(10), Some(Command::Dump(Dump::Data)));
        assert_eq!(command(12), Some(Command::Dump(Dump::Stats)));
        assert_eq!(command(63), Some(Command::Dump(Dump::StatsAndClear)));
        assert_eq!(command(64), Some(Command::Dump(Dump::Status)));
        for number in [36, 37, libc::SIGRTMIN() + 2] {
            assert_eq!(command(number), Some(Command::Dump(Dump::Json)));
        }
        for number in [38, 39, 62] {
            assert_eq!(command(number), None);
        }
        let without = Signals::default().with_interrupt(false);
        assert_eq!(without.command(2), None);
        assert_eq!(without.command(15), Some(Command::Stop));
    }

    #[test]
    fn ignored_signals_are_read_from_the_status_of_the_process() {
        let numbers = |status: &str| ignored(status).collect::<Vec<_>>();
        assert_eq!(numbers("Name:\tx\nSigIgn:\t0000000000001006\n"), [2, 3, 13]);
        assert_eq!(numbers("SigIgn:\t8000000000000000\n"), [0; 0]);
        assert_eq!(numbers(""), [0; 0]);
    }
}
