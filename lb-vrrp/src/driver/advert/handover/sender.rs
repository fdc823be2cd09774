// SPDX-License-Identifier: MIT OR Apache-2.0
//! The advert thread of the old process: freezes at a good moment, and ends when the new process drives
//! the routers.

use std::future::Future as _;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tracing::{info, warn};

use super::super::super::handover::{
    Connection, HandoverError, HostState, Message, Outcome, PREPARATION, PortState, RouterHandover,
    SharedRouters, State, monotonic,
};
use super::super::super::mailbox::End;
use super::super::AdvertThread;

/// Attempts with the time until the next advert, followed by as many with more.
const QUICK_ATTEMPTS: u8 = 8;
const ATTEMPTS: u8 = 2 * QUICK_ATTEMPTS;
/// Longest time for which the routers are frozen.
const FROZEN: Duration = Duration::from_millis(500);
/// Longest wait for a moment at which no advert is due soon.
const MOMENT: Duration = Duration::from_secs(1);
/// Time after the commit without an answer, after which the new process counts as driving the routers.
const SILENCE: Duration = Duration::from_secs(5);

/// A handover that has been prepared and is not complete.
#[derive(Debug)]
pub(in crate::driver::advert) struct Handover {
    /// The connection, when the program has it.
    connected: oneshot::Receiver<OwnedFd>,
    connection: Option<Connection>,
    step: Step,
    outcome: oneshot::Sender<Result<Outcome, HandoverError>>,
    expires: Instant,
    attempts: u8,
    /// The report of the address thread in this attempt.
    host: Option<HostState>,
}

/// What the advert thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The new process prepares.
    Preparing,
    /// The new process is ready, since this time: the next good moment.
    Ready { since: Instant },
    /// The address thread reports what it owns, until the end of the moment.
    Freezing { until: Instant },
    /// The state was sent, and no router is driven: the new process decodes it.
    Sent,
    /// The new process was asked to drive the routers.
    Committed,
}

impl Handover {
    /// When the thread has to look at the handover again at the latest.
    pub(in crate::driver::advert) fn deadline(&self) -> Instant {
        match self.step {
            Step::Ready { since } => since + MOMENT,
            Step::Freezing { until } => until,
            _ => self.expires,
        }
    }
}

impl AdvertThread {
    /// Prepares a handover; the routers are driven as before.
    pub(in crate::driver::advert) fn prepare_handover(
        &mut self,
    ) -> Result<RouterHandover, HandoverError> {
        let is_open = |handover: &Handover| !handover.outcome.is_closed();
        if self.handover.as_ref().is_some_and(is_open) {
            return Err(HandoverError::Busy);
        }
        let mut sockets = Vec::new();
        let ports = self.ports.iter();
        let ports = ports
            .map(|(key, port)| port.share(key, &mut sockets))
            .collect::<io::Result<_>>()
            .map_err(HandoverError::system("duplicate sockets"))?;
        let claims = self.claims.share(&mut sockets);
        let claims = claims.map_err(HandoverError::system("duplicate sockets"))?;
        let (connection, connected) = oneshot::channel();
        let (sender, outcome) = oneshot::channel();
        self.handover = Some(Handover {
            connected,
            connection: None,
            step: Step::Preparing,
            outcome: sender,
            expires: Instant::now() + PREPARATION,
            attempts: 0,
            host: None,
        });
        Ok(RouterHandover {
            routers: SharedRouters::new(ports, claims),
            sockets,
            connection,
            outcome,
        })
    }

    /// Takes the report of the address thread, if that is for this attempt.
    pub(in crate::driver::advert) fn handle_frozen(&mut self, attempt: u8, state: HostState) {
        if let Some(handover) = &mut self.handover
            && handover.attempts == attempt
        {
            handover.host = Some(state);
        }
    }

    /// Advances the handover, if there is one. Breaks when the new process drives the routers.
    pub(in crate::driver::advert) fn drive_handover(&mut self) -> ControlFlow<()> {
        // Nearly always there is none.
        if self.handover.is_some() {
            return self.advance_handover();
        }
        ControlFlow::Continue(())
    }

    #[cold]
    fn advance_handover(&mut self) -> ControlFlow<()> {
        let Some(mut handover) = self.handover.take() else {
            return ControlFlow::Continue(());
        };
        let outcome = match self.advance(&mut handover, Instant::now()) {
            Ok(None) => {
                self.handover = Some(handover);
                return ControlFlow::Continue(());
            }
            Ok(Some(outcome)) => Ok(outcome),
            Err(error) => {
                warn!(%error, "routers not handed over, this process continues");
                Err(error)
            }
        };
        let is_handed_over = matches!(outcome, Ok(Outcome::HandedOver));
        // The program may have dropped the handover.
        let _ = handover.outcome.send(outcome);
        if is_handed_over {
            return ControlFlow::Break(());
        }
        self.mailbox.thaw();
        ControlFlow::Continue(())
    }

    /// Takes the next steps, until the handover has to wait or ends.
    fn advance(
        &mut self,
        handover: &mut Handover,
        now: Instant,
    ) -> Result<Option<Outcome>, HandoverError> {
        if handover.outcome.is_closed() || now >= handover.expires {
            let limit = PREPARATION;
            return Err(HandoverError::TimedOut { limit });
        }
        let waker = self.reactor.waker().clone();
        if handover.connection.is_none()
            && let Poll::Ready(connected) =
                Pin::new(&mut handover.connected).poll(&mut Context::from_waker(&waker))
        {
            let connected = connected.map_err(|_| HandoverError::Closed)?;
            handover.connection = Some(Connection::new(&self.reactor, connected)?);
        }
        let Some(connection) = &mut handover.connection else {
            return Ok(None);
        };
        if let Poll::Ready(message) = connection.receive() {
            match message?.0 {
                Message::Ready => handover.step = Step::Ready { since: now },
                // An answer to an earlier attempt.
                Message::Prepared { .. } => {}
                Message::Running { .. } => return Ok(Some(Outcome::Declined)),
                other => return Err(other.unexpected()),
            }
        }
        match (handover.step, handover.host.take()) {
            (Step::Ready { since }, _) => {
                let attempt = handover.attempts + 1;
                if let Some(patience) = self.moment(now, since, attempt) {
                    if attempt > ATTEMPTS {
                        let attempts = u32::from(ATTEMPTS);
                        return Err(HandoverError::TooSlow { attempts });
                    }
                    handover.attempts = attempt;
                    // The new process is going to own what this one owns now.
                    self.mailbox.freeze(attempt);
                    let until = now + patience;
                    handover.step = Step::Freezing { until };
                }
            }
            (Step::Freezing { until }, _) if now >= until => {
                self.mailbox.thaw();
                handover.step = Step::Ready { since: now };
            }
            (Step::Freezing { until }, Some(host)) => return self.transfer(handover, host, until),
            _ => {}
        }
        Ok(None)
    }

    /// How long the routers can do without being driven now; `None` if a better moment will come.
    fn moment(&self, now: Instant, ready: Instant, attempt: u8) -> Option<Duration> {
        let engines = || self.routers.values().map(|router| &router.engine);
        let state = |state| engines().filter(move |engine| engine.state() == state);
        let masters = state(crate::State::Master).map(|master| master.config().interval());
        let interval = masters.map(|interval| interval.as_duration()).min();
        let backups = state(crate::State::Backup).map(|backup| backup.master_interval());
        let interval = interval.or_else(|| backups.map(|interval| interval.as_duration()).min());
        let next = engines().filter_map(|engine| engine.next_timeout()).min();
        let (Some(interval), Some(next)) = (interval, next) else {
            // No advert is ever due.
            return Some(FROZEN);
        };
        let left = next.saturating_duration_since(now);
        let is_early = left >= (interval / 2).min(FROZEN);
        if is_early && attempt > QUICK_ATTEMPTS {
            // Half an interval late is better than never.
            return Some((left + interval / 2).min(2 * FROZEN));
        }
        if is_early {
            return Some((left * 3 / 4).min(FROZEN));
        }
        // With many routers an advert is always due soon.
        let waited = now.saturating_duration_since(ready);
        (waited >= interval.min(MOMENT)).then(|| (interval / 4).min(FROZEN))
    }

    /// Sends the state, and waits for the new process until then. No router is driven meanwhile.
    fn transfer(
        &mut self,
        handover: &mut Handover,
        host: HostState,
        mut until: Instant,
    ) -> Result<Option<Outcome>, HandoverError> {
        let (start, attempt) = (Instant::now(), handover.attempts);
        let state = self.handover_state(host, start);
        let Some(connection) = &mut handover.connection else {
            return Err(HandoverError::Closed);
        };
        connection.send_state(attempt, &state)?;
        handover.step = Step::Sent;
        let driven = loop {
            let message = match self.poll_message(connection, until) {
                Ok(Poll::Pending) => continue,
                Ok(Poll::Ready(message)) => message.map(|(message, _)| message),
                Err(error) if handover.step == Step::Sent => return Err(error),
                // Before `Running` the new process drives nothing.
                Err(error @ (HandoverError::Closed | HandoverError::Document(_))) => {
                    return Err(error);
                }
                Err(error) => {
                    warn!(%error, "cannot receive the answer of the new process");
                    break Vec::new();
                }
            };
            match (handover.step, message) {
                (Step::Sent, Some(Message::Prepared { attempt: prepared }))
                    if prepared == attempt =>
                {
                    connection.send(&Message::Commit { attempt })?;
                    handover.step = Step::Committed;
                    until = Instant::now() + SILENCE;
                }
                // An answer to an earlier attempt.
                (_, Some(Message::Prepared { .. })) => {}
                (Step::Committed, Some(Message::Running { driven })) => break driven,
                (_, Some(other)) => return Err(other.unexpected()),
                (Step::Committed, None) => {
                    warn!("no answer of the new process within {SILENCE:?} after the commit");
                    break Vec::new();
                }
                (_, None) => {
                    self.mailbox.thaw();
                    let since = Instant::now();
                    handover.step = Step::Ready { since };
                    return Ok(None);
                }
            }
        };
        info!(frozen = ?start.elapsed(), attempt, "routers handed over");
        self.leave(&driven);
        Ok(Some(Outcome::HandedOver))
    }

    /// All that the new process needs to know.
    fn handover_state(&self, host: HostState, now: Instant) -> State {
        let ports = self.ports.iter();
        State {
            at: monotonic(),
            routers: self
                .routers
                .values()
                .map(|router| router.handover_state(now))
                .collect(),
            objects: self.tracking.handover_state(),
            ports: ports
                .map(|((interface, family), port)| PortState {
                    interface: interface.to_string(),
                    family: *family,
                    unknown_vrid: port.unknown_vrid,
                    malformed: port.malformed,
                })
                .collect(),
            lateness: self.lateness.clone(),
            host,
        }
    }

    /// Ends those routers that the new process does not drive, in the order of the state. The others are
    /// left as they are; all of them if the new process did not answer.
    fn leave(&mut self, driven: &[bool]) {
        let now = Instant::now();
        let all: Vec<_> = self.routers.keys().cloned().collect();
        // No router ends because another one of its group does.
        self.groups = super::super::Groups::default();
        for (place, key) in all.iter().enumerate() {
            if driven.get(place) == Some(&false) {
                self.remove(key, now);
            }
        }
        self.publish_links();
        self.mailbox.close(End::HandedOver);
    }
}
