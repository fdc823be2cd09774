// SPDX-License-Identifier: MIT OR Apache-2.0
//! Commands to a running daemon, and the signals for them.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// A command to a running daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Read the configuration again and apply the difference. `SIGHUP`.
    Reload,
    /// Stop in order. `SIGTERM`, `SIGINT`.
    Stop,
    /// Write the status to the log. `SIGUSR1`, `SIGUSR2`.
    Dump,
}

/// Takes over the signals of this process and turns them into commands.
///
/// # Errors
/// When a signal handler cannot be installed.
///
/// # Panics
/// Outside a tokio runtime.
pub fn signals() -> io::Result<mpsc::Receiver<Command>> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut user1 = signal(SignalKind::user_defined1())?;
    let mut user2 = signal(SignalKind::user_defined2())?;
    // Signals that arrive faster than they are served are merged, as pending signals are.
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(async move {
        loop {
            let command = tokio::select! {
                Some(()) = next(&mut hangup) => Command::Reload,
                Some(()) = next(&mut terminate) => Command::Stop,
                Some(()) = next(&mut interrupt) => Command::Stop,
                Some(()) = next(&mut user1) => Command::Dump,
                Some(()) = next(&mut user2) => Command::Dump,
                else => return,
            };
            if sender.send(command).await.is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

async fn next(signal: &mut Signal) -> Option<()> {
    signal.recv().await
}
