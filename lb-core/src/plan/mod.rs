// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the table that is to the table that shall be, touching only what is ours.
//!
//! [`plan_service`] compares one service in three views — actual, desired, owned — and yields the
//! changes in an order in which no moment has an empty service that had servers and shall have
//! some: add the service, add and raise destinations, lower and delete destinations, delete the
//! service. [`plan`] is its fold over all services. Start, health change, reload and stop all take
//! this path.
//!
//! # Ownership
//! | desired | ours | there | |
//! |---|---|---|---|
//! | no | no | yes | never touched |
//! | yes | no | yes | adopted: made as desired, ours from now on |
//! | yes | no | no | added |
//! | yes | yes | as asked for | nothing |
//! | yes | yes | changed or deleted by another hand | [`Drift`] decides |
//! | no | yes | yes | deleted |
//!
//! An object of ours whose desired state is not what was last asked for is always made as desired:
//! drift is kept only as long as nothing new is wanted of the object. A service whose destinations
//! are not all ours is not deleted, because they would go with it: it is released to them. A service
//! that another hand deleted comes back as soon as something is wanted of it, complete.

mod note;
mod owned;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use lb_ipvs::{Change, Destination, ServiceKey};

pub use note::Note;
pub use owned::{Owned, OwnedService, Record};
pub use table::{ActualService, DesiredService, Refusal, Table};

/// What to do where another hand changed an object of ours that is desired as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "callers choose one of three")]
pub enum Drift {
    /// Leave it (health changes, reload): `ipvsadm -e … -w 0` before maintenance is daily practice.
    Keep,
    /// Bring back what was deleted, leave what was changed (start of the daemon).
    Recreate,
    /// Make everything of ours as desired (`reload --reconcile`).
    Overwrite,
}

/// What is to be done for one service, and what the ledger shall say before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServicePlan {
    /// The service.
    pub key: ServiceKey,
    /// The changes, in the order they must be made.
    pub changes: Vec<Change>,
    /// What was found and left alone, or taken over.
    pub notes: Vec<Note>,
    /// What the ledger must hold before the first change is made: all that is ours or about to be,
    /// what is about to change as not settled.
    pub intent: Option<OwnedService>,
    /// What the ledger holds once all changes are made.
    pub settled: Option<OwnedService>,
}

impl ServicePlan {
    const fn nothing(key: ServiceKey) -> Self {
        Self {
            key,
            changes: Vec::new(),
            notes: Vec::new(),
            intent: None,
            settled: None,
        }
    }

    /// What the ledger holds when all changes but these were made.
    pub fn settled_except(&self, failed: &[Change]) -> Option<OwnedService> {
        if failed.is_empty() {
            return self.settled.clone();
        }
        let intent = self.intent.as_ref()?;
        let Some(mut settled) = self.settled.clone() else {
            return self.intent.clone();
        };
        for change in failed {
            let Some(address) = touched_destination(change) else {
                settled.service = Record::Unconfirmed;
                continue;
            };
            if let Some(record) = intent.destinations.get(&address) {
                settled.destinations.insert(address, record.clone());
            }
        }
        Some(settled)
    }
}

/// Plans one service: from `actual` to `desired`, touching only what `owned` says is ours.
///
/// # Examples
/// ```
/// use lb_core::plan::{DesiredService, Drift, Owned, Table, plan_service};
/// use lb_ipvs::{Destination, Scheduler, Service, ServiceKey};
///
/// let key = ServiceKey::tcp("192.168.1.50:80".parse()?);
/// let desired = DesiredService {
///     service: Service::new(key, Scheduler::WeightedRoundRobin),
///     destinations: vec![Destination::new("192.168.1.61:80".parse()?)],
/// };
/// let (mut table, mut owned) = (Table::default(), Owned::default());
///
/// let plan = plan_service(&key, None, Some(&desired), &owned, Drift::Keep);
/// assert_eq!(plan.changes.len(), 2); // the service, then its destination
/// for change in &plan.changes {
///     table.apply(change)?;
/// }
/// owned.set(key, plan.settled);
///
/// let again = plan_service(&key, table.get(&key), Some(&desired), &owned, Drift::Keep);
/// assert!(again.changes.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn plan_service(
    key: &ServiceKey,
    actual: Option<&ActualService>,
    desired: Option<&DesiredService>,
    owned: &Owned,
    drift: Drift,
) -> ServicePlan {
    match (desired, owned.get(key)) {
        (None, None) => ServicePlan::nothing(*key),
        (None, Some(ours)) => plan_removal(key, actual, ours),
        (Some(desired), ours) => plan_presence(key, actual, desired, ours, drift),
    }
}

/// Plans every service that is desired or ours, ordered by key.
pub fn plan(
    actual: &Table,
    desired: &BTreeMap<ServiceKey, DesiredService>,
    owned: &Owned,
    drift: Drift,
) -> Vec<ServicePlan> {
    let keys: BTreeSet<&ServiceKey> = desired
        .keys()
        .chain(owned.iter().map(|(key, _)| key))
        .collect();
    keys.into_iter()
        .map(|key| plan_service(key, actual.get(key), desired.get(key), owned, drift))
        .collect()
}

fn plan_removal(
    key: &ServiceKey,
    actual: Option<&ActualService>,
    ours: &OwnedService,
) -> ServicePlan {
    let mut plan = ServicePlan::nothing(*key);
    let mut intent = ours.clone();
    if let Some(actual) = actual {
        let (own, foreign): (Vec<&SocketAddr>, Vec<_>) = actual
            .destinations
            .keys()
            .partition(|address| ours.destinations.contains_key(*address));
        if foreign.is_empty() {
            plan.changes.push(Change::DeleteService(*key));
        } else {
            plan.changes.extend(
                own.into_iter()
                    .map(|address| Change::DeleteDestination(*key, *address)),
            );
            plan.notes.push(Note::ServiceReleased {
                key: *key,
                foreign: foreign.len(),
            });
        }
        intent.service = Record::Unconfirmed;
        for record in intent.destinations.values_mut() {
            *record = Record::Unconfirmed;
        }
    }
    plan.intent = Some(intent);
    plan
}

fn plan_presence(
    key: &ServiceKey,
    actual: Option<&ActualService>,
    desired: &DesiredService,
    ours: Option<&OwnedService>,
    drift: Drift,
) -> ServicePlan {
    let mut plan = ServicePlan::nothing(*key);
    let wanted_service = ours.is_none_or(|ours| !ours.service.confirms(&desired.service));
    let destinations: Vec<Wanted<'_>> = desired
        .destinations
        .iter()
        .map(|destination| Wanted::new(destination, ours))
        .collect();

    let settled = OwnedService {
        service: Record::Confirmed(desired.service.clone()),
        destinations: desired
            .destinations
            .iter()
            .map(|destination| (destination.address, Record::Confirmed(*destination)))
            .collect(),
    };

    match actual {
        Some(actual) => {
            plan_present(
                &mut plan,
                actual,
                desired,
                ours,
                &destinations,
                wanted_service,
                drift,
            );
        }
        None if drift != Drift::Keep
            || wanted_service
            || destinations.iter().any(|wanted| wanted.changed) =>
        {
            plan.changes
                .push(Change::AddService(desired.service.clone()));
            plan.changes.extend(
                desired
                    .destinations
                    .iter()
                    .map(|destination| Change::AddDestination(*key, *destination)),
            );
        }
        None => plan.notes.push(Note::ServiceDrifted {
            key: *key,
            actual: None,
        }),
    }
    plan.intent = Some(intend(ours, &settled, &plan.changes));
    plan.settled = Some(settled);
    plan
}

/// A desired destination and whether something new is wanted of it.
struct Wanted<'a> {
    destination: &'a Destination,
    owned: bool,
    changed: bool,
}

impl<'a> Wanted<'a> {
    fn new(destination: &'a Destination, ours: Option<&OwnedService>) -> Self {
        let record = ours.and_then(|ours| ours.destinations.get(&destination.address));
        let changed = record.is_none_or(|record| !record.confirms(destination));
        Self {
            destination,
            owned: record.is_some(),
            changed,
        }
    }
}

/// What is ours while the changes are under way: all that was and all that will be, with what the
/// changes touch as not settled.
fn intend(ours: Option<&OwnedService>, settled: &OwnedService, changes: &[Change]) -> OwnedService {
    let mut intent = settled.clone();
    for (address, record) in ours.iter().flat_map(|ours| &ours.destinations) {
        intent
            .destinations
            .entry(*address)
            .or_insert_with(|| record.clone());
    }
    for change in changes {
        match touched_destination(change) {
            Some(address) => {
                if let Some(record) = intent.destinations.get_mut(&address) {
                    *record = Record::Unconfirmed;
                }
            }
            None => intent.service = Record::Unconfirmed,
        }
    }
    intent
}

/// The destination a change is about; `None` when it is about the service itself.
const fn touched_destination(change: &Change) -> Option<SocketAddr> {
    match change {
        Change::AddDestination(_, destination) | Change::EditDestination(_, destination) => {
            Some(destination.address)
        }
        Change::DeleteDestination(_, address) => Some(*address),
        _ => None,
    }
}

fn plan_present(
    plan: &mut ServicePlan,
    actual: &ActualService,
    desired: &DesiredService,
    ours: Option<&OwnedService>,
    destinations: &[Wanted<'_>],
    wanted_service: bool,
    drift: Drift,
) {
    let key = plan.key;
    if ours.is_none() {
        plan.notes.push(Note::ServiceAdopted(key));
    }
    if actual.service != desired.service {
        if wanted_service || drift == Drift::Overwrite {
            plan.changes
                .push(Change::EditService(desired.service.clone()));
        } else {
            let actual = Some(actual.service.clone());
            plan.notes.push(Note::ServiceDrifted { key, actual });
        }
    }

    let (mut raised, mut lowered) = (Vec::new(), Vec::new());
    for wanted in destinations {
        let destination = *wanted.destination;
        let present = actual.destinations.get(&destination.address).copied();
        if present.is_some() && !wanted.owned {
            plan.notes
                .push(Note::DestinationAdopted(key, destination.address));
        }
        match present {
            Some(present) if present == destination => {}
            Some(present) if wanted.changed || drift == Drift::Overwrite => {
                let order = if present.weight <= destination.weight {
                    &mut raised
                } else {
                    &mut lowered
                };
                order.push(Change::EditDestination(key, destination));
            }
            None if wanted.changed || drift != Drift::Keep => {
                plan.changes.push(Change::AddDestination(key, destination));
            }
            actual => plan.notes.push(Note::DestinationDrifted {
                key,
                desired: destination,
                actual,
            }),
        }
    }
    plan.changes.append(&mut raised);
    plan.changes.append(&mut lowered);

    let desired: BTreeSet<_> = destinations.iter().map(|w| w.destination.address).collect();
    for address in actual
        .destinations
        .keys()
        .filter(|address| !desired.contains(address))
    {
        if ours.is_some_and(|ours| ours.destinations.contains_key(address)) {
            plan.changes.push(Change::DeleteDestination(key, *address));
        } else {
            plan.notes.push(Note::ForeignDestination(key, *address));
        }
    }
}

#[cfg(test)]
mod tests;
