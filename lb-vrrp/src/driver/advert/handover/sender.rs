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
    step: Step,
    outcome: oneshot::Sender<Result<Outcome, HandoverError>>,
    expires: Instant,
    attempts: u8,
}

/// What the advert thread waits for while it drives the routers.
#[derive(Debug)]
enum Step {
    /// The program connects to the new process.
    Offered(oneshot::Receiver<OwnedFd>),
    /// The new process prepares.
    Preparing(Connection),
    /// The new process is ready, since this time: the next good moment.
    Ready(Connection, Instant),
    /// The address thread reports what it owns, until the end of the moment.
    Freezing {
        connection: Connection,
        until: Instant,
        host: Option<HostState>,
    },
}

/// What the advert thread waits for while it drives nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frozen {
    /// The state was sent: the new process decodes it.
    Sent,
    /// The new process was asked to drive the routers.
    Committed,
}

/// The end of a step that finished the handover.
type Finished = Result<Outcome, HandoverError>;

impl Handover {
    /// When the thread has to look at the handover again at the latest.
    pub(in crate::driver::advert) fn deadline(&self) -> Instant {
        match self.step {
            Step::Ready(_, since) => since + MOMENT,
            Step::Freezing { until, .. } => until,
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
        let (connection, connected) = oneshot::channel();
        let (sender, outcome) = oneshot::channel();
        self.handover = Some(Handover {
            step: Step::Offered(connected),
            outcome: sender,
            expires: Instant::now() + PREPARATION,
            attempts: 0,
        });
        Ok(RouterHandover {
            routers: SharedRouters::new(ports),
            sockets,
            connection,
            outcome,
        })
    }

    /// Takes what the address thread owns, if that was asked for in this attempt.
    pub(in crate::driver::advert) fn handle_frozen(&mut self, attempt: u8, state: HostState) {
        if let Some(Handover {
            step: Step::Freezing { host, .. },
            attempts,
            ..
        }) = &mut self.handover
            && *attempts == attempt
        {
            *host = Some(state);
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
        let Some(handover) = self.handover.take() else {
            return ControlFlow::Continue(());
        };
        let Handover {
            step,
            outcome,
            expires,
            mut attempts,
        } = handover;
        let now = Instant::now();
        let finished = if outcome.is_closed() || now >= expires {
            let limit = PREPARATION;
            Err(HandoverError::TimedOut { limit })
        } else {
            match self.advance(step, &mut attempts, now) {
                Ok(step) => {
                    self.handover = Some(Handover {
                        step,
                        outcome,
                        expires,
                        attempts,
                    });
                    return ControlFlow::Continue(());
                }
                Err(finished) => finished,
            }
        };
        let is_handed_over = matches!(finished, Ok(Outcome::HandedOver));
        if !is_handed_over {
            self.mailbox.thaw();
        }
        if let Err(error) = &finished {
            warn!(%error, "routers not handed over, this process continues");
        }
        // The program may have dropped the handover.
        let _ = outcome.send(finished);
        if is_handed_over {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// The next step, which is the same one if nothing has happened.
    fn advance(&mut self, step: Step, attempts: &mut u8, now: Instant) -> Result<Step, Finished> {
        let step = match step {
            Step::Offered(mut connected) => {
                let waker = self.reactor.waker();
                match Pin::new(&mut connected).poll(&mut Context::from_waker(&waker)) {
                    Poll::Pending => return Ok(Step::Offered(connected)),
                    Poll::Ready(Err(_)) => return Err(Err(HandoverError::Closed)),
                    Poll::Ready(Ok(socket)) => {
                        Step::Preparing(Connection::new(&self.reactor, socket).map_err(Err)?)
                    }
                }
            }
            step => step,
        };
        match step {
            Step::Preparing(mut connection) => Ok(match receive(&mut connection)? {
                Some(Message::Ready) => Step::Ready(connection, now),
                _ => Step::Preparing(connection),
            }),
            Step::Ready(mut connection, since) => {
                receive(&mut connection)?;
                let Some(patience) = self.moment(now, since, *attempts + 1) else {
                    return Ok(Step::Ready(connection, since));
                };
                if *attempts >= ATTEMPTS {
                    let attempts = u32::from(ATTEMPTS);
                    return Err(Err(HandoverError::TooSlow { attempts }));
                }
                *attempts += 1;
                // The new process is going to own what is there.
                self.mailbox.freeze(*attempts);
                Ok(Step::Freezing {
                    connection,
                    until: now + patience,
                    host: None,
                })
            }
            Step::Freezing {
                mut connection,
                until,
                host,
            } => {
                receive(&mut connection)?;
                if now >= until {
                    self.mailbox.thaw();
                    return Ok(Step::Ready(connection, now));
                }
                match host {
                    Some(host) => self.transfer(connection, host, *attempts, until),
                    None => Ok(Step::Freezing {
                        connection,
                        until,
                        host,
                    }),
                }
            }
            Step::Offered(_) => Ok(step),
        }
    }

    /// How long the routers can do without being driven now; `None` if a better moment will come.
    fn moment(&self, now: Instant, ready: Instant, attempt: u8) -> Option<Duration> {
        let engines = || self.routers.values().map(|router| &router.engine);
        let masters = engines().filter(|engine| engine.state() == crate::State::Master);
        let interval = masters
            .map(|engine| engine.config().interval().as_duration())
            .min();
        let interval = interval.or_else(|| {
            let backups = engines().filter(|engine| engine.state() == crate::State::Backup);
            backups
                .map(|engine| engine.master_interval().as_duration())
                .min()
        });
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
        mut connection: Connection,
        host: HostState,
        attempt: u8,
        mut until: Instant,
    ) -> Result<Step, Finished> {
        let start = Instant::now();
        let state = self.handover_state(host, start);
        connection.send_state(attempt, &state).map_err(Err)?;
        let mut frozen = Frozen::Sent;
        let driven = loop {
            let message = match self.wait_for_message(&mut connection, until) {
                // Before `Running` the new process drives nothing.
                Err(error @ (HandoverError::Closed | HandoverError::Document(_))) => {
                    return Err(Err(error));
                }
                Err(error) if frozen == Frozen::Sent => return Err(Err(error)),
                message => message,
            };
            match (frozen, message) {
                (Frozen::Sent, Ok(Some(Message::Prepared { attempt: prepared })))
                    if prepared == attempt =>
                {
                    connection.send(&Message::Commit { attempt }).map_err(Err)?;
                    until = Instant::now() + SILENCE;
                    frozen = Frozen::Committed;
                }
                // An answer to an earlier attempt.
                (_, Ok(Some(Message::Prepared { .. }))) => {}
                (Frozen::Committed, Ok(Some(Message::Running { driven }))) => break driven,
                (_, Ok(Some(other))) => return Err(Err(other.unexpected())),
                (Frozen::Sent, _) => {
                    self.mailbox.thaw();
                    return Ok(Step::Ready(connection, Instant::now()));
                }
                (Frozen::Committed, _) => {
                    warn!("no answer of the new process within {SILENCE:?} after the commit");
                    break Vec::new();
                }
            }
        };
        info!(frozen = ?start.elapsed(), attempt, "routers handed over");
        self.leave(&driven);
        Err(Ok(Outcome::HandedOver))
    }

    /// The next message, or `None` if none arrives until then.
    fn wait_for_message(
        &mut self,
        connection: &mut Connection,
        until: Instant,
    ) -> Result<Option<Message>, HandoverError> {
        loop {
            if let Poll::Ready(message) = self.poll_message(connection, until)? {
                return Ok(message.map(|(message, _)| message));
            }
        }
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
        self.link();
        self.mailbox.close(End::HandedOver);
    }
}

/// A message of the new process before the commit, if there is one.
fn receive(connection: &mut Connection) -> Result<Option<Message>, Finished> {
    match connection.receive() {
        Poll::Pending => Ok(None),
        Poll::Ready(message) => match message.map_err(Err)?.0 {
            message @ (Message::Ready | Message::Prepared { .. }) => Ok(Some(message)),
            Message::Running { .. } => Err(Ok(Outcome::Declined)),
            other => Err(Err(other.unexpected())),
        },
    }
}
