// SPDX-License-Identifier: MIT OR Apache-2.0
//! The advert thread of the new process: waits for the state, and continues the routers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use lb_host::{Adopted, HostObject};
use tokio::sync::oneshot;
use tracing::info;

use super::super::super::handover::{
    Connection, ContinuedRouter, HandoverError, Message, PREPARATION, ReceivedPort,
    ReceivedRouters, State, monotonic,
};
use super::super::super::key::{Claimant, PortKey, RouterKey};
use super::super::super::needs::config_of;
use super::super::super::present::ReadyAddresses;
use super::super::AdvertThread;
use crate::{FaultReason, HandoverStateError, VirtualRouter};

/// The connection of a thread that waits for its routers.
#[derive(Debug)]
pub(in crate::driver::advert) struct Waiting {
    connection: Connection,
    outcome: oneshot::Sender<Result<(), HandoverError>>,
}

/// What the thread waits for.
enum Step {
    /// The old process freezes.
    Ready,
    /// The state was decoded: the old process commits.
    Prepared { attempt: u8, state: Box<State> },
}

/// The routers that continue, with their places in the state.
type Engines = BTreeMap<RouterKey, (usize, VirtualRouter)>;

impl AdvertThread {
    /// Keeps the connection, and returns the sockets.
    pub(in crate::driver::advert) fn connect_handover(
        &mut self,
        routers: ReceivedRouters,
    ) -> Result<BTreeMap<PortKey, ReceivedPort>, HandoverError> {
        self.waiting = Some(Waiting {
            connection: Connection::new(&self.reactor, routers.connection)?,
            outcome: routers.outcome,
        });
        Ok(routers.ports)
    }

    /// Waits until the old process hands over, and continues its routers. Returns whether it did;
    /// otherwise nothing was changed.
    pub(in crate::driver::advert) fn receive_handover(&mut self) -> bool {
        let Some(mut waiting) = self.waiting.take() else {
            return true;
        };
        let received = self.wait_for_commit(&mut waiting.connection);
        if let Err(error) = &received {
            let reason = error.to_string();
            // Without it the old process receives the end of the connection.
            let _ = waiting.connection.send(&Message::Refused { reason });
        }
        let is_received = matches!(received, Ok(true));
        // The driver may have been dropped.
        let _ = waiting.outcome.send(received.map(drop));
        is_received
    }

    /// Returns `false` if the driver was dropped.
    fn wait_for_commit(&mut self, connection: &mut Connection) -> Result<bool, HandoverError> {
        connection.send(&Message::Ready)?;
        let limit = PREPARATION;
        let until = Instant::now() + limit;
        let mut step = Step::Ready;
        while !self.is_abandoned() {
            let Poll::Ready(message) = self.poll_message(connection, until)? else {
                continue;
            };
            let (message, descriptors) = message.ok_or(HandoverError::TimedOut { limit })?;
            step = match (message, step) {
                (Message::State { attempt }, _) => {
                    let state = Box::new(Connection::read_state(descriptors)?);
                    // What is going to fail shall fail before the commit.
                    self.engines(&state)?;
                    connection.send(&Message::Prepared { attempt })?;
                    Step::Prepared { attempt, state }
                }
                (
                    Message::Commit { attempt },
                    Step::Prepared {
                        attempt: own,
                        state,
                    },
                ) if attempt == own => {
                    let engines = self.engines(&state)?;
                    let mut driven = vec![false; state.routers.len()];
                    for (place, _) in engines.values() {
                        if let Some(driven) = driven.get_mut(*place) {
                            *driven = true;
                        }
                    }
                    // These routers are this process's, whether the old one receives it or not.
                    let _ = connection.send(&Message::Running { driven });
                    self.continue_routers(*state, engines);
                    return Ok(true);
                }
                (other, _) => return Err(other.unexpected()),
            };
        }
        Ok(false)
    }

    /// Engines that continue the routers of the state, for those of this configuration.
    fn engines(&self, state: &State) -> Result<Engines, HandoverError> {
        let now = Instant::now();
        let gap = monotonic().saturating_sub(state.at);
        let mut engines = Engines::new();
        for (place, old) in state.routers.iter().enumerate() {
            let Some(router) = self.routers.get(&old.key) else {
                continue;
            };
            let desired = router.address_vmacs();
            let differs = |(name, mac): &(String, [u8; 6])| {
                desired
                    .iter()
                    .any(|(desired, other)| desired == name && other != mac)
            };
            if router.vmac() != old.vmac || old.address_vmacs.iter().any(differs) {
                // With another MAC address it is another router: the old one resigns.
                continue;
            }
            let config = config_of(&router.spec, &self.interfaces);
            match VirtualRouter::from_handover(config, &old.engine, now, gap) {
                Ok(engine) => {
                    engines.insert(old.key.clone(), (place, engine));
                }
                // So it is with another version.
                Err(HandoverStateError::Identity { .. }) => {}
                Err(error) => {
                    let reason = format!("{}: {error}", router.name);
                    return Err(HandoverError::Refused { reason });
                }
            }
        }
        Ok(engines)
    }

    /// Drives the routers from now on.
    fn continue_routers(&mut self, state: State, engines: Engines) {
        let now = Instant::now();
        let gap = monotonic().saturating_sub(state.at);
        // Nothing is changed before all is known that is owned and desired.
        self.mailbox.freeze(0);
        self.claims.sign();
        self.lateness = state.lateness;
        for old in &state.ports {
            let key = (Arc::from(old.interface.as_str()), old.family);
            if let Some(port) = self.ports.get_mut(&key) {
                port.unknown_vrid = old.unknown_vrid;
                port.malformed = old.malformed;
            }
        }
        let mut present = present(&state.host.owned);
        let mut continued = Vec::with_capacity(engines.len());
        for (key, (place, engine)) in engines {
            let old = state.routers.get(place);
            let (Some(router), Some(old)) = (self.routers.get_mut(&key), old) else {
                continue;
            };
            let since = engine.since().unwrap_or(now);
            let ready = present.remove(&key).unwrap_or_default();
            router.continue_with(engine, ready, old.send_failures);
            let grouped = self.groups.group_of(&key).is_some();
            router.engine.set_grouped(grouped);
            continued.push(ContinuedRouter {
                key,
                name: Arc::clone(&router.name),
                since,
            });
        }
        let keys: Vec<RouterKey> = continued.iter().map(|router| router.key.clone()).collect();
        self.tracking.continue_with(&state.objects);
        for router in self.routers.values() {
            if !keys.contains(&router.key) {
                self.clean(&router.spec);
            }
        }
        self.mailbox.continue_with(state.host, continued);
        self.mailbox.set_statics(Arc::clone(self.statics.wanted()));
        self.settle();
        // The objects of the old process may count otherwise in this configuration.
        for key in keys {
            let (priority, fault) = (self.tracking.priority(&key), self.tracking.is_faulty(&key));
            self.act(&key, now, |router| {
                if let Some(priority) = priority {
                    router.engine.handle_priority(now, priority);
                }
                router.engine.handle_fault(now, FaultReason::Tracked, fault);
            });
        }
        self.mailbox.thaw();
        info!(?gap, "routers taken from the old process");
    }
}

/// The addresses that the old process has announced, by router.
fn present(owned: &[(Claimant, Adopted)]) -> BTreeMap<RouterKey, ReadyAddresses> {
    let mut present: BTreeMap<RouterKey, ReadyAddresses> = BTreeMap::new();
    for (claimant, adopted) in owned {
        if let (Claimant::Router(key), HostObject::Address(address)) = (claimant, &adopted.object)
            && adopted.generation > 0
        {
            let router = present.entry(key.clone()).or_default();
            router.insert(address.key(), adopted.is_external);
        }
    }
    present
}
