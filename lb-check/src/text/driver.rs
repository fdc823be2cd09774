// SPDX-License-Identifier: MIT OR Apache-2.0
//! Carries out a dialogue over a connection.

use std::time::{Duration, Instant};

use tokio::time::{self, timeout};

use super::dialogue::{Action, Dialogue};
use super::step::Step;
use crate::connect::Close;
use crate::outcome::Failure;
use crate::stream::{Connection, TlsRequest};
use crate::{Outcome, Reason, Target};

/// How a dialogue is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings<'a> {
    /// TLS from the start.
    pub(super) tls: bool,
    /// The server name of TLS, whenever that begins.
    pub(super) server_name: Option<&'a str>,
    /// Longest time to connect, of a handshake, and of each step.
    pub(super) step: Duration,
    /// Longest time of all of it.
    pub(super) total: Duration,
    /// Most bytes of one answer.
    pub(super) limit: usize,
}

/// Makes the dialogue once.
pub(super) async fn run(target: &Target, settings: Settings<'_>, steps: &[Step]) -> Outcome {
    let started = Instant::now();
    let outcome = match timeout(settings.total, converse(target, settings, steps)).await {
        Ok(Ok(())) => Outcome::pass(),
        Ok(Err(failure)) => failure.into(),
        Err(_) => Outcome::fail(Reason::Timeout),
    };
    outcome.with_latency(started.elapsed())
}

async fn converse(target: &Target, settings: Settings<'_>, steps: &[Step]) -> Result<(), Failure> {
    let limit = settings.step;
    let request = TlsRequest {
        name: settings.server_name,
        close_notify: true,
    };
    let tls = settings.tls.then_some(request);
    let mut connection = Connection::open(target, tls, limit, Close::Orderly).await?;
    let mut dialogue = Dialogue::new(steps, settings.limit);
    let mut position = None;
    let mut until = time::Instant::now();
    loop {
        let action = dialogue.poll_action().map_err(Failure::Target)?;
        let (most, step) = match action {
            Action::Receive(most) => (most, limit),
            Action::AwaitSilence(time, most) => (most, time),
            Action::Send(bytes) => {
                connection.write_all(bytes, limit).await?;
                continue;
            }
            Action::StartTls => {
                let peer = target.address.ip();
                connection = connection.start_tls(peer, request, limit).await?;
                continue;
            }
            Action::Close => {
                connection.close_write(limit).await;
                continue;
            }
            Action::Done => break,
        };
        // The limit is for the whole answer: single bytes do not extend it.
        if position.replace(dialogue.position()) != Some(dialogue.position()) {
            until = time::Instant::now() + step;
        }
        let left = until.saturating_duration_since(time::Instant::now());
        match connection.read_some(most, left).await {
            Ok([]) => dialogue.handle_end(),
            Ok(bytes) => dialogue.handle_bytes(bytes),
            Err(Failure::Target(Reason::L7Timeout)) => {
                dialogue.handle_timeout().map_err(Failure::Target)?;
            }
            Err(failure) => return Err(failure),
        }
    }
    connection.close(limit).await;
    Ok(())
}
