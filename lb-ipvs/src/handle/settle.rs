// SPDX-License-Identifier: MIT OR Apache-2.0
//! What became of changes whose replies were lost.
//!
//! The kernel carries a batch out to its end whether or not there is room for its replies. So the
//! table tells which changes were made, except for those that a later one of the same batch undid.

use std::{collections::HashMap, net::SocketAddr};

use nix::libc;

use super::IpvsHandle;
use crate::{
    change::Change,
    destination::Destination,
    error::Error,
    operation::Subject,
    service::{Service, ServiceKey},
};

/// What the table holds of the services concerned.
#[derive(Debug, Default)]
struct Held {
    services: HashMap<ServiceKey, Service>,
    destinations: HashMap<(ServiceKey, SocketAddr), Destination>,
}

impl IpvsHandle {
    /// Makes the outcomes of a batch definite: an `Ok` among `outcomes` may be an error that was
    /// lost.
    ///
    /// What is not there is sent again one by one. The outer error is about that: it failed too.
    pub(super) async fn settle(
        &mut self,
        changes: &[Change],
        outcomes: Vec<Result<(), Error>>,
    ) -> Result<Vec<Result<(), Error>>, Error> {
        tracing::debug!(
            changes = changes.len(),
            "replies lost, reading the table again"
        );
        let held = self.read_held(changes).await?;
        let mut settled = Vec::with_capacity(outcomes.len());
        for (index, (change, outcome)) in changes.iter().zip(outcomes).enumerate() {
            settled.push(match outcome {
                Err(error) => Err(error),
                Ok(()) if held.shows(changes, index) => Ok(()),
                Ok(()) => match self.send_alone(change).await {
                    Err(error) if error.is_outcome_unknown() => return Err(error),
                    outcome => outcome,
                },
            });
        }
        Ok(settled)
    }

    async fn read_held(&mut self, changes: &[Change]) -> Result<Held, Error> {
        let mut held = Held::default();
        let mut read: Vec<ServiceKey> = changes.iter().map(Change::key).collect();
        read.sort_unstable();
        read.dedup();
        for key in read {
            match self.service(&key).await {
                Ok(entry) => held.services.insert(key, entry.service),
                Err(error) if error.errno() == Some(libc::ESRCH) => continue,
                Err(error) => return Err(error),
            };
            for entry in self.destinations(&key).await? {
                let destination = entry.destination;
                held.destinations
                    .insert((key, destination.address), destination);
            }
        }
        Ok(held)
    }
}

impl Held {
    /// Whether the table shows that a change was made, or that a later one had the last word.
    fn shows(&self, changes: &[Change], index: usize) -> bool {
        let Some(change) = changes.get(index) else {
            return false;
        };
        if self.has(change) {
            return true;
        }
        let later = changes.iter().enumerate().skip(index + 1);
        later
            .rev()
            .find(|(_, later)| overrides(later, change))
            .is_some_and(|(index, _)| self.shows(changes, index))
    }

    /// Whether the table is as a change wants it.
    fn has(&self, change: &Change) -> bool {
        match change {
            Change::AddService(service) | Change::EditService(service) => {
                self.services.get(&service.key) == Some(service)
            }
            Change::DeleteService(key) => !self.services.contains_key(key),
            Change::AddDestination(key, destination)
            | Change::EditDestination(key, destination) => {
                self.destinations.get(&(*key, destination.address)) == Some(destination)
            }
            Change::DeleteDestination(key, address) => {
                !self.destinations.contains_key(&(*key, *address))
            }
        }
    }
}

/// Whether a later change decides what becomes of the object of an earlier one.
fn overrides(later: &Change, earlier: &Change) -> bool {
    match (later, earlier.subject()) {
        (Change::DeleteService(key), Subject::Destination(service, _)) if *key == service => true,
        (later, subject) => later.subject() == subject,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{destination::Weight, scheduler::Scheduler};

    fn key() -> ServiceKey {
        ServiceKey::tcp("10.0.0.1:80".parse().unwrap())
    }

    fn service(scheduler: Scheduler) -> Service {
        Service::new(key(), scheduler)
    }

    fn server() -> Destination {
        Destination::new("10.0.1.1:80".parse().unwrap())
    }

    fn held(services: &[Service], servers: &[Destination]) -> Held {
        Held {
            services: services
                .iter()
                .map(|service| (service.key, service.clone()))
                .collect(),
            destinations: servers
                .iter()
                .map(|server| ((key(), server.address), *server))
                .collect(),
        }
    }

    fn shown(held: &Held, changes: &[Change]) -> Vec<bool> {
        (0..changes.len())
            .map(|index| held.shows(changes, index))
            .collect()
    }

    #[test]
    fn one_change_each() {
        let rr = service(Scheduler::RoundRobin);
        let wlc = service(Scheduler::WeightedLeastConnection);
        let light = server().with_weight(Weight::ZERO);
        let held = held(std::slice::from_ref(&rr), &[server()]);
        for (change, expected) in [
            (Change::AddService(rr.clone()), true),
            (Change::EditService(wlc), false),
            (Change::DeleteService(key()), false),
            (Change::AddDestination(key(), server()), true),
            (Change::EditDestination(key(), light), false),
            (Change::DeleteDestination(key(), server().address), false),
            (
                Change::DeleteDestination(key(), "10.0.1.2:80".parse().unwrap()),
                true,
            ),
        ] {
            assert_eq!(
                shown(&held, std::slice::from_ref(&change)),
                [expected],
                "{change}"
            );
        }
    }

    #[test]
    fn what_a_later_change_undid_was_made() {
        let rr = service(Scheduler::RoundRobin);
        let add = Change::AddService(rr.clone());
        let delete = Change::DeleteService(key());
        let server_added = Change::AddDestination(key(), server());
        let nothing = held(&[], &[]);
        let all = [add.clone(), server_added.clone(), delete.clone()];
        assert_eq!(shown(&nothing, &all), [true, true, true]);
        // The deletion was refused: it alone is asked for again.
        let both = held(std::slice::from_ref(&rr), &[server()]);
        assert_eq!(shown(&both, &all), [true, true, false]);
        // Deleted and added again, without the destination of the deleted service.
        let recreated = held(&[rr], &[]);
        let changes = [server_added.clone(), delete, add.clone()];
        assert_eq!(shown(&recreated, &changes), [true, true, true]);
        assert_eq!(shown(&recreated, &[add, server_added]), [true, false]);
    }
}
