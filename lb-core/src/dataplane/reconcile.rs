// SPDX-License-Identifier: MIT OR Apache-2.0
//! The body of the data plane task: makes the table what the director wants.

use std::collections::{BTreeMap, BTreeSet};

use lb_ipvs::{Change, ServiceKey};

use super::{Audit, DataPlane, DataPlaneError, Failure, Report};
use crate::ledger::{Ledger, LedgerError};
use crate::plan::{DesiredService, Drift, Note, ServicePlan, Table, plan_service};

mod sync;

pub use sync::SyncReport;

/// How often one call plans anew when the data plane turns out to differ from the shadow.
const ROUNDS: usize = 4;
/// Up to this many services are read one by one; for more the whole table is read.
const SINGLE_READS: usize = 16;

const ENOENT: i32 = 2;
const ESRCH: i32 = 3;
const EEXIST: i32 = 17;

/// Makes the table of a data plane what the director wants, touching only what is ours.
///
/// It holds the desired table, a shadow of the actual one and the [`Ledger`]. The table is read as a
/// whole at the start only; from then on a change costs what it changes. Where the data plane answers
/// that its table is not as the shadow has it, or the outcome is not known, the services concerned are
/// read again and planned anew, four times at the most; [`Reconciler::audit_one`], called now and then,
/// finds what nothing else would.
///
/// Nothing of this needs a runtime: the futures are the data plane's.
///
/// # Examples
/// ```
/// use lb_core::dataplane::{MemoryPlane, Reconciler};
/// use lb_core::ledger::Ledger;
/// use lb_core::plan::DesiredService;
/// use lb_ipvs::{Change, Destination, Scheduler, Service, ServiceKey};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let kernel = MemoryPlane::new();
/// let others = Service::new(ServiceKey::udp("192.168.1.9:53".parse()?), Scheduler::RoundRobin);
/// kernel.by_hand(&Change::AddService(others))?;
///
/// let key = ServiceKey::tcp("192.168.1.50:80".parse()?);
/// let desired = DesiredService {
///     service: Service::new(key, Scheduler::WeightedRoundRobin),
///     destinations: vec![Destination::new("192.168.1.61:80".parse()?)],
/// };
/// let mut reconciler = Reconciler::new(kernel.clone(), Ledger::in_memory());
/// reconciler.start([(key, desired)].into()).await?;
/// assert_eq!(kernel.table().len(), 2);
///
/// reconciler.stop().await?; // removes what is ours, and nothing else
/// assert_eq!(kernel.table().len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Reconciler<P> {
    plane: P,
    ledger: Ledger,
    desired: BTreeMap<ServiceKey, DesiredService>,
    /// The data plane's table as far as we know; `None` when it has to be read first.
    shadow: Option<Table>,
    /// Services whose outcome is not known: a call that was dropped or failed was changing them.
    unsure: BTreeSet<ServiceKey>,
    drift: BTreeMap<ServiceKey, Vec<Note>>,
    audited: Option<ServiceKey>,
}

impl<P: DataPlane> Reconciler<P> {
    /// A reconciler for this data plane. Nothing is read or changed yet.
    pub const fn new(plane: P, ledger: Ledger) -> Self {
        Self {
            plane,
            ledger,
            desired: BTreeMap::new(),
            shadow: None,
            unsure: BTreeSet::new(),
            drift: BTreeMap::new(),
            audited: None,
        }
    }

    /// The data plane.
    pub const fn plane(&self) -> &P {
        &self.plane
    }

    /// What is ours.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What other hands changed in our services and was left so, as far as it was noticed.
    pub fn drift(&self) -> impl Iterator<Item = &Note> {
        self.drift.values().flatten()
    }

    /// Reads the table and makes it as desired: adopts what is there, brings back what is missing,
    /// leaves what another hand changed in what we had made, deletes what is ours and not desired.
    ///
    /// # Errors
    /// When the table cannot be read, or the data plane's connection breaks again and again. Calling
    /// it again goes on where it stopped.
    pub async fn start(
        &mut self,
        desired: BTreeMap<ServiceKey, DesiredService>,
    ) -> Result<Report, DataPlaneError> {
        self.desired = desired;
        self.shadow = None;
        let keys = self.all_keys();
        self.converge(keys, Drift::Recreate).await
    }

    /// Makes one service as now desired (`None`: not at all).
    ///
    /// # Errors
    /// As [`Reconciler::start`].
    pub async fn service_changed(
        &mut self,
        key: ServiceKey,
        desired: Option<DesiredService>,
    ) -> Result<Report, DataPlaneError> {
        self.services_changed([(key, desired)]).await
    }

    /// Makes several services as now desired, in one batch.
    ///
    /// # Errors
    /// As [`Reconciler::start`].
    pub async fn services_changed(
        &mut self,
        changed: impl IntoIterator<Item = (ServiceKey, Option<DesiredService>)>,
    ) -> Result<Report, DataPlaneError> {
        let mut keys = BTreeSet::new();
        for (key, desired) in changed {
            match desired {
                Some(desired) => self.desired.insert(key, desired),
                None => self.desired.remove(&key),
            };
            keys.insert(key);
        }
        self.converge(keys, Drift::Keep).await
    }

    /// Makes the whole table as now desired. Only services that are desired otherwise than before are
    /// looked at, unless `reconcile`: then the table is read, and what other hands changed in our
    /// services is undone (what they added stays).
    ///
    /// # Errors
    /// As [`Reconciler::start`].
    pub async fn reload(
        &mut self,
        desired: BTreeMap<ServiceKey, DesiredService>,
        reconcile: bool,
    ) -> Result<Report, DataPlaneError> {
        let mut keys = self.all_keys();
        keys.extend(desired.keys());
        let before = std::mem::replace(&mut self.desired, desired);
        if reconcile {
            self.shadow = None;
            return self.converge(keys, Drift::Overwrite).await;
        }
        keys.retain(|key| before.get(key) != self.desired.get(key));
        self.converge(keys, Drift::Keep).await
    }

    /// Looks at the next service of ours: reads it, notes drift, tries again what failed before.
    /// `None` when nothing is ours.
    ///
    /// # Errors
    /// As [`Reconciler::start`].
    pub async fn audit_one(&mut self) -> Result<Option<Audit>, DataPlaneError> {
        let owned = self.ledger.owned();
        let next = owned
            .after(self.audited.as_ref())
            .or_else(|| owned.after(None));
        self.audited = next;
        let Some(service) = next.or_else(|| self.unsure.first().copied()) else {
            return Ok(None);
        };
        let last = owned.after(Some(&service)).is_none();
        let keys = BTreeSet::from([service]);
        if self.shadow.is_some() {
            self.read(&keys).await?;
        }
        let report = self.converge(keys, Drift::Keep).await?;
        Ok(Some(Audit {
            service,
            report,
            last,
        }))
    }

    /// Removes all that is ours, services and sync daemons, and nothing else. To leave the table as
    /// it is, drop the reconciler instead: the ledger lets the next start go on from there.
    ///
    /// # Errors
    /// As [`Reconciler::start`].
    pub async fn stop(&mut self) -> Result<Report, DataPlaneError> {
        self.desired.clear();
        // another hand may have added to our services since the shadow was taken
        self.shadow = None;
        let keys = self.all_keys();
        let mut report = self.converge(keys, Drift::Keep).await?;
        if !self.ledger.sync_daemons().is_empty() {
            report.sync = Some(self.set_sync_daemons(&[]).await?);
        }
        keep_first(&mut report.ledger, self.ledger.remove_if_empty());
        Ok(report)
    }

    fn all_keys(&self) -> BTreeSet<ServiceKey> {
        let owned = self.ledger.owned().iter().map(|(key, _)| *key);
        self.desired.keys().copied().chain(owned).collect()
    }

    /// Reads these services anew, or the whole table when they are many or it is not known.
    async fn read(&mut self, keys: &BTreeSet<ServiceKey>) -> Result<(), DataPlaneError> {
        match &mut self.shadow {
            Some(shadow) if keys.len() <= SINGLE_READS => {
                for key in keys {
                    let entry = self.plane.service(key).await?;
                    shadow.set(*key, entry.map(Into::into));
                }
            }
            shadow => {
                let table = self.plane.snapshot().await?.into_iter().collect();
                *shadow = Some(table);
            }
        }
        Ok(())
    }

    /// Cancel-safe: what a dropped call was about is read and planned again by the next one.
    async fn converge(
        &mut self,
        keys: BTreeSet<ServiceKey>,
        drift: Drift,
    ) -> Result<Report, DataPlaneError> {
        let mut report = Report::default();
        let mut open = keys;
        // a service that goes takes its destinations with it: know them first
        let mut unknown: BTreeSet<_> = open.iter().filter(|key| self.goes(key)).copied().collect();
        unknown.extend(&self.unsure);
        open.extend(&self.unsure);
        self.unsure.clone_from(&open);
        if open.is_empty() {
            return Ok(report);
        }
        if self.shadow.is_none() || !unknown.is_empty() {
            self.read(&unknown).await?;
        }
        for round in 1..=ROUNDS {
            let last_round = round == ROUNDS;
            let plans = self.plan(&open, drift);
            let changes: Vec<Change> = plans
                .iter()
                .flat_map(|plan| plan.changes.iter().cloned())
                .collect();
            let results = if changes.is_empty() {
                Ok(Vec::new())
            } else {
                let intents = plans.iter().map(|plan| (plan.key, plan.intent.clone()));
                keep_first(&mut report.ledger, self.ledger.record(intents));
                self.plane.apply(&changes).await
            };
            match results {
                Ok(results) => {
                    open = self.settle(plans, results, &mut report, last_round);
                    self.unsure.clone_from(&open);
                    if open.is_empty() {
                        break;
                    }
                }
                Err(error) if last_round => return Err(error),
                Err(_) => {}
            }
            self.read(&open).await?;
        }
        Ok(report)
    }

    fn goes(&self, key: &ServiceKey) -> bool {
        !self.desired.contains_key(key) && self.ledger.owned().get(key).is_some()
    }

    fn plan(&self, keys: &BTreeSet<ServiceKey>, drift: Drift) -> Vec<ServicePlan> {
        keys.iter()
            .map(|key| {
                let actual = self.shadow.as_ref().and_then(|shadow| shadow.get(key));
                plan_service(
                    key,
                    actual,
                    self.desired.get(key),
                    self.ledger.owned(),
                    drift,
                )
            })
            .collect()
    }

    /// Takes in the results; returns the services to be read and planned again.
    fn settle(
        &mut self,
        plans: Vec<ServicePlan>,
        results: Vec<Result<(), DataPlaneError>>,
        report: &mut Report,
        last_round: bool,
    ) -> BTreeSet<ServiceKey> {
        let mut again = BTreeSet::new();
        let mut settled = Vec::with_capacity(plans.len());
        let mut results = results.into_iter();
        for plan in plans {
            let mut failed = Vec::new();
            let mut first_error = None;
            let mut stale = false;
            let mut hopeless = false;
            for change in &plan.changes {
                let result = results.next().unwrap_or_else(|| {
                    let source = "a result is missing".into();
                    Err(DataPlaneError::Lost { source })
                });
                let answer = Answer::of(change, &result);
                if answer == Answer::Done || answer == Answer::Moot {
                    let agrees = self
                        .shadow
                        .as_mut()
                        .is_some_and(|shadow| shadow.apply(change).is_ok());
                    stale |= !agrees;
                    if answer == Answer::Done {
                        report.applied.push(change.clone());
                    }
                    continue;
                }
                stale |= answer == Answer::Stale;
                hopeless |= answer == Answer::Hopeless;
                report.notes.extend(adoption(change, result.as_ref().err()));
                failed.push(change.clone());
                first_error = first_error.or_else(|| result.err());
            }
            if stale && !hopeless && !last_round {
                again.insert(plan.key);
                continue;
            }
            settled.push((plan.key, plan.settled_except(&failed)));
            if let Some(source) = first_error {
                report.failed.push(Failure {
                    service: plan.key,
                    source,
                });
            }
            self.keep_notes(plan, report);
        }
        keep_first(&mut report.ledger, self.ledger.record(settled));
        again
    }

    /// Reports a plan's notes, drift only if it was not known.
    fn keep_notes(&mut self, plan: ServicePlan, report: &mut Report) {
        let (drift, notes): (Vec<_>, Vec<_>) = plan.notes.into_iter().partition(Note::is_drift);
        report.notes.extend(notes);
        let known = self.drift.remove(&plan.key).unwrap_or_default();
        report
            .notes
            .extend(drift.iter().filter(|note| !known.contains(note)).cloned());
        if !drift.is_empty() {
            self.drift.insert(plan.key, drift);
        }
    }
}

/// What the answer to a change means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// It was made.
    Done,
    /// What was to be deleted is not there.
    Moot,
    /// The table is not as the shadow has it.
    Stale,
    /// Refused for a reason that reading again does not change.
    Refused,
    /// The service itself cannot be as desired: what follows for its destinations means nothing.
    Hopeless,
}

impl Answer {
    fn of(change: &Change, result: &Result<(), DataPlaneError>) -> Self {
        let Err(error) = result else {
            return Self::Done;
        };
        let service = matches!(change, Change::AddService(_) | Change::EditService(_));
        match (change, error.errno()) {
            (Change::DeleteService(_), Some(ESRCH))
            | (Change::DeleteDestination(..), Some(ENOENT)) => Self::Moot,
            // for a service this is the kernel's word for a scheduler it does not have
            (_, Some(ENOENT)) if service => Self::Hopeless,
            (_, Some(EEXIST | ESRCH | ENOENT)) => Self::Stale,
            _ if matches!(error, DataPlaneError::Lost { .. }) => Self::Stale,
            _ if service => Self::Hopeless,
            _ => Self::Refused,
        }
    }
}

/// What another hand made since the shadow was taken, and is desired, is ours from now on.
fn adoption(change: &Change, error: Option<&DataPlaneError>) -> Option<Note> {
    if error?.errno() != Some(EEXIST) {
        return None;
    }
    match change {
        Change::AddService(service) => Some(Note::ServiceAdopted(service.key)),
        Change::AddDestination(key, destination) => {
            Some(Note::DestinationAdopted(*key, destination.address))
        }
        _ => None,
    }
}

fn keep_first(slot: &mut Option<LedgerError>, result: Result<(), LedgerError>) {
    if let Err(error) = result {
        slot.get_or_insert(error);
    }
}

#[cfg(test)]
mod tests;
