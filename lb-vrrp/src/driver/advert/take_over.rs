// SPDX-License-Identifier: MIT OR Apache-2.0
//! The new side of a hand-over: ready, wait for the token, go on.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tracing::info;

use super::super::key::{PortKey, RouterKey};
use super::super::needs::config_of;
use super::super::succession::{
    Estate, Heir, Message, PassedPort, RouterEstate, SuccessionError, Switch, monotonic,
};
use super::AdvertThread;
use crate::{AddressFamily, FaultReason, VirtualRouter, Vrid};

/// How long it waits for the old process to hand over.
const PATIENCE: Duration = Duration::from_secs(60);

/// A thread that waits for its routers.
#[derive(Debug)]
pub(super) struct Waiting {
    switch: Switch,
    outcome: oneshot::Sender<Result<(), SuccessionError>>,
}

/// A router to go on with, and its place in the document.
struct Next {
    place: usize,
    key: RouterKey,
    engine: VirtualRouter,
}

impl AdvertThread {
    /// Keeps what came with an offer; the sockets are for the caller to use.
    pub(super) fn await_turn(&mut self, heir: Heir) -> io::Result<BTreeMap<PortKey, PassedPort>> {
        self.waiting = Some(Waiting {
            switch: Switch::from_passed(&self.reactor, heir.switch)?,
            outcome: heir.outcome,
        });
        Ok(heir.ports)
    }

    /// Waits until the routers are handed over, and goes on with them. Says whether they were: if
    /// not, nothing was done.
    pub(super) fn take_over(&mut self) -> io::Result<bool> {
        let Some(mut waiting) = self.waiting.take() else {
            return Ok(true);
        };
        let outcome = self.wait_for_estate(&mut waiting.switch);
        let (outcome, taken) = match outcome {
            Ok(taken) => (Ok(()), taken),
            Err(error) => (Err(error), false),
        };
        // Whoever waited may have gone, and the handle with it.
        let _ = waiting.outcome.send(outcome);
        Ok(taken)
    }

    /// `false` if nobody wants the driver any more.
    fn wait_for_estate(&mut self, switch: &mut Switch) -> Result<bool, SuccessionError> {
        let told = || SuccessionError::system("talk to the predecessor");
        switch.send(&Message::Ready).map_err(told())?;
        let deadline = Instant::now() + PATIENCE;
        // The number of a token that came before its document.
        let mut token = None;
        loop {
            self.timer.arm(Some(deadline)).map_err(told())?;
            if self.is_abandoned() {
                return Ok(false);
            }
            let message = match switch.message() {
                Poll::Ready(message) => message.map_err(told())?.ok_or(SuccessionError::Gone)?,
                Poll::Pending if self.timer.is_due(Instant::now()) => {
                    return Err(SuccessionError::Late { limit: PATIENCE });
                }
                Poll::Pending => {
                    self.reactor.wait().map_err(told())?;
                    continue;
                }
            };
            let Message::Frozen {
                number,
                offset,
                length,
            } = message
            else {
                continue;
            };
            let read = switch.read(offset, length).map_err(told());
            let prepared = read.and_then(|estate| {
                let next = self.prepare_next(&estate)?;
                Ok((estate, next))
            });
            let (estate, next) = match prepared {
                Ok(prepared) => prepared,
                Err(error) => {
                    // It goes on when it hears that, or that we have gone.
                    let _ = switch.send(&Message::Refused(error.to_string()));
                    return Err(error);
                }
            };
            if token.is_none() {
                token = switch.pick_up().map_err(told())?;
            }
            if token == Some(number) {
                let mut kept = vec![false; estate.routers.len()];
                for of in &next {
                    if let Some(kept) = kept.get_mut(of.place) {
                        *kept = true;
                    }
                }
                // From here on these are ours, whether the other one lives to hear it or not.
                let _ = switch.send(&Message::Running(kept));
                self.go_on(estate, next);
                return Ok(true);
            }
        }
    }

    /// Makes engines of what was handed over, those that are wanted here.
    fn prepare_next(&self, estate: &Estate) -> Result<Vec<Next>, SuccessionError> {
        let now = Instant::now();
        let gap = monotonic().saturating_sub(estate.at);
        let mut all = Vec::new();
        for (place, of) in estate.routers.iter().enumerate() {
            let Some(key) = key_of(of) else { continue };
            let Some(router) = self.routers.get(&key) else {
                continue;
            };
            let wanted = router.address_vmacs();
            let another = |name: &str, mac| wanted.iter().any(|of| of.0 == name && of.1 != mac);
            if router.vmac() != of.vmac || of.address_vmacs.iter().any(|of| another(&of.0, of.1)) {
                // Of another MAC address: that is another router, the old one resigns.
                continue;
            }
            let config = config_of(&router.spec, &self.interfaces);
            match VirtualRouter::take_over(config, &of.engine, now, gap) {
                Ok(engine) => all.push(Next { place, key, engine }),
                // Of another version: likewise.
                Err(crate::HandOverError::Identity { .. }) => {}
                Err(error) => {
                    let reason = format!("{}: {error}", router.name);
                    return Err(SuccessionError::Refused { reason });
                }
            }
        }
        Ok(all)
    }

    /// Drives the routers from now on.
    fn go_on(&mut self, mut estate: Estate, next: Vec<Next>) {
        let now = Instant::now();
        let gap = monotonic().saturating_sub(estate.at);
        self.lateness = estate.lateness.clone();
        for of in &estate.ports {
            let key = (Arc::from(of.interface.as_str()), of.family);
            if let Some(port) = self.ports.get_mut(&key) {
                port.unknown_vrid = of.unknown_vrid;
                port.malformed = of.malformed;
            }
        }
        let mut estates: Vec<Option<RouterEstate>> = std::mem::take(&mut estate.routers)
            .into_iter()
            .map(Some)
            .collect();
        let mut inherited = Vec::with_capacity(next.len());
        for Next { place, key, engine } in next {
            let estate = estates.get_mut(place).and_then(Option::take);
            if let (Some(router), Some(estate)) = (self.routers.get_mut(&key), estate) {
                router.inherit(engine, estate, now);
                let grouped = self.groups.group_of(&key).is_some();
                router.engine.set_grouped(grouped);
                inherited.push(key);
            }
        }
        self.tracking.inherit(&estate.objects);
        let fresh: Vec<_> = self
            .routers
            .values()
            .filter(|router| !inherited.contains(&router.key))
            .map(|router| router.spec.clone())
            .collect();
        for spec in &fresh {
            self.clean(spec);
        }
        let statics = Arc::clone(self.statics.wanted());
        let held = std::mem::take(&mut estate.statics);
        self.mailbox.inherit_statics(statics, held);
        self.settle();
        // What the old process knew of tracked objects may count otherwise here.
        for key in inherited {
            let (priority, fault) = (self.tracking.priority(&key), self.tracking.is_faulty(&key));
            self.act(&key, now, |router| {
                if let Some(priority) = priority {
                    router.engine.handle_priority(now, priority);
                }
                router.engine.handle_fault(now, FaultReason::Tracked, fault);
            });
        }
        info!(?gap, "routers taken over");
    }
}

/// The key of a router that was handed over.
fn key_of(of: &RouterEstate) -> Option<RouterKey> {
    Some(RouterKey {
        interface: Arc::from(of.interface.as_str()),
        family: AddressFamily::for_address(of.engine.primary),
        vrid: Vrid::new(of.engine.vrid).ok()?,
    })
}
