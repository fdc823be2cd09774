// SPDX-License-Identifier: MIT OR Apache-2.0
//! The old side of a hand-over: an offer, the right moment, and an end without a farewell.

use std::io;
use std::ops::ControlFlow;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tracing::{info, warn};

use super::super::mailbox::End;
use super::super::succession::{
    Estate, Message, Offer, PortEstate, Succession, SuccessionError, Switch, monotonic,
};
use super::AdvertThread;
use crate::{State, StaticItems};

/// How long a successor may take to be ready.
const PREPARATION: Duration = Duration::from_secs(60);
/// Attempts with the time until the next advert; then as many with more.
const QUICK_ATTEMPTS: u8 = 8;
const ATTEMPTS: u8 = 2 * QUICK_ATTEMPTS;
/// Longest time in which nothing is done but waiting for the successor to pick up the token.
const FROZEN: Duration = Duration::from_millis(500);
/// Longest wait for a moment in which no advert is due soon.
const MOMENT: Duration = Duration::from_secs(1);
/// A successor that has picked up the token drives the routers, whether it says so or not.
const SILENCE: Duration = Duration::from_secs(5);

/// Somebody who may take over.
#[derive(Debug)]
pub(super) struct Successor {
    switch: Switch,
    outcome: oneshot::Sender<Result<(), SuccessionError>>,
    expires: Instant,
    ready: Option<Instant>,
    attempts: u8,
}

impl Successor {
    /// When it is to be looked at again at the latest.
    pub(super) fn deadline(&self) -> Instant {
        self.ready.map_or(self.expires, |since| since + MOMENT)
    }

    fn fail(self, error: SuccessionError) {
        warn!(%error, "routers not handed over, going on");
        // Whoever asked may have gone.
        let _ = self.outcome.send(Err(error));
    }
}

/// What becomes of a frozen thread.
enum Thaw {
    /// The successor runs, and has left these to be ended here.
    Over(Vec<bool>),
    /// It was not quick enough.
    Again,
    Failed(SuccessionError),
}

impl AdvertThread {
    /// Offers the routers to another process; nothing changes by that.
    pub(super) fn offer(&mut self) -> Result<(Offer, Succession), SuccessionError> {
        let abandoned = |of: &Successor| of.outcome.is_closed();
        if self.successor.as_ref().is_some_and(|of| !abandoned(of)) {
            return Err(SuccessionError::Busy);
        }
        let (switch, passed) = Switch::new(&self.reactor)
            .map_err(SuccessionError::system("make a switch for a hand-over"))?;
        let mut sockets = Vec::new();
        let ports = self.ports.iter();
        let ports = ports
            .map(|(key, port)| port.pass(key, &mut sockets))
            .collect::<io::Result<_>>()
            .map_err(SuccessionError::system("pass sockets on"))?;
        let offer = Offer::make(passed, ports, sockets)?;
        let (sender, outcome) = oneshot::channel();
        self.successor = Some(Successor {
            switch,
            outcome: sender,
            expires: Instant::now() + PREPARATION,
            ready: None,
            attempts: 0,
        });
        Ok((offer, Succession { outcome }))
    }

    /// Takes what the successor says before anything changes hands.
    pub(super) fn hear_successor(&mut self) {
        // Nearly always there is none.
        if self.successor.is_some() {
            self.hear();
        }
    }

    #[cold]
    fn hear(&mut self) {
        let Some(successor) = &mut self.successor else {
            return;
        };
        let Poll::Ready(message) = successor.switch.message() else {
            return;
        };
        let error = match message {
            Ok(Some(Message::Ready)) => {
                successor.ready.get_or_insert_with(Instant::now);
                return;
            }
            Ok(Some(Message::Refused(reason))) => SuccessionError::Refused { reason },
            Ok(_) => SuccessionError::Gone,
            Err(source) => SuccessionError::system("hear the successor")(source),
        };
        self.give_up(error);
    }

    fn give_up(&mut self, error: SuccessionError) {
        if let Some(successor) = self.successor.take() {
            successor.fail(error);
        }
    }

    /// Hands the routers over, if there is somebody ready for them and this is a good moment: an
    /// advert has just been sent, and none is due soon. Breaks when they have changed hands.
    pub(super) fn hand_over(&mut self) -> io::Result<ControlFlow<()>> {
        if self.successor.is_some() {
            return self.try_to_hand_over();
        }
        Ok(ControlFlow::Continue(()))
    }

    #[cold]
    fn try_to_hand_over(&mut self) -> io::Result<ControlFlow<()>> {
        let now = Instant::now();
        let Some(successor) = &mut self.successor else {
            return Ok(ControlFlow::Continue(()));
        };
        if successor.outcome.is_closed() || now >= successor.expires {
            let limit = PREPARATION;
            self.give_up(SuccessionError::Late { limit });
            return Ok(ControlFlow::Continue(()));
        }
        let Some(ready) = successor.ready else {
            return Ok(ControlFlow::Continue(()));
        };
        let attempt = successor.attempts + 1;
        let Some(patience) = self.moment(now, ready, attempt) else {
            return Ok(ControlFlow::Continue(()));
        };
        if attempt > ATTEMPTS {
            let attempts = u32::from(ATTEMPTS);
            self.give_up(SuccessionError::Slow { attempts });
            return Ok(ControlFlow::Continue(()));
        }
        let estate = self.estate(now);
        let Some(successor) = &mut self.successor else {
            return Ok(ControlFlow::Continue(()));
        };
        successor.attempts = attempt;
        // What the successor removes is not to be put back here.
        self.mailbox.freeze(true);
        let thaw = match successor.switch.put_down(attempt, &estate) {
            Ok(()) => self.wait_for_successor(now + patience)?,
            Err(source) => {
                self.take_back();
                Thaw::Failed(SuccessionError::system("hand routers over")(source))
            }
        };
        match thaw {
            Thaw::Over(kept) => {
                let frozen = now.elapsed();
                info!(?frozen, attempt, "routers handed over");
                self.leave(&estate, &kept);
                if let Some(successor) = self.successor.take() {
                    let _ = successor.outcome.send(Ok(()));
                }
                return Ok(ControlFlow::Break(()));
            }
            Thaw::Again => {
                self.mailbox.freeze(false);
                if let Some(successor) = &mut self.successor {
                    successor.ready = Some(Instant::now());
                }
            }
            Thaw::Failed(error) => {
                self.mailbox.freeze(false);
                self.give_up(error);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// How long the routers can do without being driven now; `None` if there will be a better
    /// moment.
    fn moment(&self, now: Instant, ready: Instant, attempt: u8) -> Option<Duration> {
        let routers = || self.routers.values().map(|of| &of.engine);
        let masters = routers().filter(|of| of.state() == State::Master);
        let interval = masters.map(|of| of.config().interval().as_duration()).min();
        let interval = interval.or_else(|| {
            let backups = routers().filter(|of| of.state() == State::Backup);
            backups.map(|of| of.master_interval().as_duration()).min()
        });
        let next = routers().filter_map(|of| of.next_timeout()).min();
        let (Some(interval), Some(next)) = (interval, next) else {
            // Nothing is due, ever.
            return Some(FROZEN);
        };
        let left = next.saturating_duration_since(now);
        if attempt > QUICK_ATTEMPTS && left >= (interval / 2).min(FROZEN) {
            // Half an interval late is better than never.
            return Some((left + interval / 2).min(2 * FROZEN));
        }
        if left >= (interval / 2).min(FROZEN) {
            return Some((left * 3 / 4).min(FROZEN));
        }
        // With many routers something is always due.
        let waited = now.saturating_duration_since(ready);
        (waited >= interval.min(MOMENT)).then(|| (interval / 4).min(FROZEN))
    }

    fn wait_for_successor(&mut self, deadline: Instant) -> io::Result<Thaw> {
        let mut deadline = deadline;
        let mut taken = false;
        loop {
            self.timer.arm(Some(deadline))?;
            let heard = loop {
                let successor = self.successor.as_mut();
                match successor.map_or(Poll::Pending, |of| of.switch.message()) {
                    Poll::Ready(message) => break Some(message),
                    Poll::Pending if self.timer.is_due(Instant::now()) => break None,
                    Poll::Pending => self.reactor.wait()?,
                }
            };
            match heard {
                Some(Ok(Some(Message::Running(kept)))) => return Ok(Thaw::Over(kept)),
                // It was said before this attempt.
                Some(Ok(Some(Message::Ready))) => {}
                Some(Ok(Some(Message::Refused(reason)))) => {
                    self.take_back();
                    return Ok(Thaw::Failed(SuccessionError::Refused { reason }));
                }
                Some(Ok(_)) => {
                    // It has gone, with the token or without.
                    self.take_back();
                    return Ok(Thaw::Failed(SuccessionError::Gone));
                }
                Some(Err(source)) => {
                    if self.take_back() {
                        let error = SuccessionError::system("hear the successor")(source);
                        return Ok(Thaw::Failed(error));
                    }
                    return Ok(Thaw::Over(Vec::new()));
                }
                None if taken => {
                    warn!("the successor has taken over and says nothing");
                    return Ok(Thaw::Over(Vec::new()));
                }
                None if self.take_back() => return Ok(Thaw::Again),
                None => {
                    taken = true;
                    deadline = Instant::now() + SILENCE;
                }
            }
        }
    }

    /// Takes the token back; says whether it was still there.
    fn take_back(&mut self) -> bool {
        let token = self.successor.as_mut().map(|of| of.switch.pick_up());
        matches!(token, Some(Ok(Some(_))))
    }

    /// All that the successor needs to know.
    fn estate(&self, now: Instant) -> Estate {
        Estate {
            at: monotonic(),
            routers: self.routers.values().map(|of| of.estate(now)).collect(),
            objects: self.tracking.estate(),
            statics: StaticItems::clone(self.statics.wanted()),
            ports: self
                .ports
                .iter()
                .map(|((interface, family), port)| PortEstate {
                    interface: interface.to_string(),
                    family: *family,
                    unknown_vrid: port.unknown_vrid,
                    malformed: port.malformed,
                })
                .collect(),
            lateness: self.lateness.clone(),
        }
    }

    /// Ends those routers that the successor does not drive. What it drives is left as it is.
    fn leave(&mut self, estate: &Estate, kept: &[bool]) {
        let now = Instant::now();
        let all: Vec<_> = self.routers.keys().cloned().collect();
        // None ends because another one of its group does.
        self.groups = super::Groups::default();
        debug_assert_eq!(
            all.len(),
            estate.routers.len(),
            "the same routers in the same order"
        );
        for (place, key) in all.iter().enumerate() {
            // Where it did not say, it has them all.
            if kept.get(place) == Some(&false) {
                self.remove(key, now);
            }
        }
        self.publish_links();
        self.mailbox.close(End::HandedOver);
    }
}
