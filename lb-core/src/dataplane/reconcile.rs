// SPDX-License-Identifier: MIT OR Apache-2.0
//! The body of the data plane task: makes the table as the director desires it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use lb_ipvs::{
    Destination, Drift, Note, OwnedChange, Ownership, Part, Plan, ServiceKey, Table, TableService,
    plan_parts,
};

use super::{Audit, DataPlane, DataPlaneError, Failure, Report};
use crate::ledger::{Ledger, LedgerError};
use crate::model::MarkRange;

mod actual;
mod answer;
mod sync;

pub use actual::ActualService;
pub use sync::SyncReport;

use answer::{Answer, Trouble, note_adoption};

/// Number of plans in one call when the data plane turns out to differ from the shadow.
const ROUNDS: usize = 4;
/// Up to this many services are read one by one; for more the whole table is read.
const SINGLE_READS: usize = 16;

const ESRCH: i32 = 3;

/// How a service is desired otherwise than before.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "all of a service or some of its destinations"
)]
pub enum DesiredChange {
    /// The whole service; `None`: it is not desired.
    Whole(Option<TableService>),
    /// Destinations of a desired service, by address; `None`: not desired. The rest is as before.
    Destinations(BTreeMap<SocketAddr, Option<Destination>>),
}

/// Makes the table of a data plane as desired, touching only what is owned.
///
/// A reconciler holds the desired table, a shadow of the actual one and the [`Ledger`]. The table is
/// read as a whole at the start only; from then on a change costs what it changes. Where the data plane
/// answers that its table is not as the shadow has it, or the outcome is not known, the services
/// concerned are read and planned again, four times at most; [`Reconciler::audit_one`], called now and
/// then, finds external changes.
///
/// Nothing of this needs a runtime: the futures are the data plane's.
///
/// # Examples
/// ```
/// use lb_core::dataplane::{MemoryPlane, Reconciler};
/// use lb_core::ledger::Ledger;
/// use lb_core::ipvs::{Change, Destination, Scheduler, Service, ServiceKey, TableService};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let kernel = MemoryPlane::new();
/// let others = Service::new(ServiceKey::udp("192.168.1.9:53".parse()?), Scheduler::RoundRobin);
/// kernel.by_hand(&Change::AddService(others))?;
///
/// let key = ServiceKey::tcp("192.168.1.50:80".parse()?);
/// let desired = TableService::new(Service::new(key, Scheduler::WeightedRoundRobin))
///     .with_destinations([Destination::new("192.168.1.61:80".parse()?)]);
/// let mut reconciler = Reconciler::new(kernel.clone(), Ledger::in_memory());
/// reconciler.start([desired].into_iter().collect()).await?;
/// assert_eq!(kernel.table().services().len(), 2);
///
/// reconciler.stop().await?; // removes what is owned, and nothing else
/// assert_eq!(kernel.table().services().len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Reconciler<P> {
    plane: P,
    ledger: Ledger,
    desired: Table,
    /// The data plane's table as far as it is known; `None` when it has to be read first.
    shadow: Option<Table>,
    /// Services whose outcome is not known: a call that was dropped or failed was changing them.
    unsure: BTreeSet<ServiceKey>,
    /// Services with a refused change, and the reason: the next change of a part plans the whole service.
    incomplete: BTreeMap<ServiceKey, String>,
    drift: BTreeMap<ServiceKey, Vec<Note>>,
    audited: Option<ServiceKey>,
    /// The marks of services whose external changes are undone.
    enforced: Option<MarkRange>,
}

impl<P: DataPlane> Reconciler<P> {
    /// A reconciler for this data plane. Nothing is read or changed yet.
    pub const fn new(plane: P, ledger: Ledger) -> Self {
        Self {
            plane,
            ledger,
            desired: Table::new(),
            shadow: None,
            unsure: BTreeSet::new(),
            incomplete: BTreeMap::new(),
            drift: BTreeMap::new(),
            audited: None,
            enforced: None,
        }
    }

    /// The data plane.
    pub const fn plane(&self) -> &P {
        &self.plane
    }

    /// What is owned.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Has external changes of the services with these firewall marks undone wherever they are noticed, as far as
    /// the services are desired: those of checks at the virtual address.
    pub const fn enforce(&mut self, marks: MarkRange) {
        self.enforced = Some(marks);
    }

    /// Whether the data plane has this desired service as it is desired, as far as is known.
    #[must_use]
    pub fn is_in_place(&self, key: &ServiceKey) -> bool {
        let actual = self.shadow.as_ref().and_then(|shadow| shadow.service(key));
        let desired = self.desired.service(key);
        desired.is_some() && actual == desired && !self.unsure.contains(key)
    }

    fn is_enforced(&self, key: &ServiceKey) -> bool {
        matches!((key, self.enforced), (ServiceKey::FirewallMark { mark, .. }, Some(marks))
            if marks.contains(mark.get()))
            && self.desired.service(key).is_some()
    }

    /// External changes of owned services that were left alone, as far as they were noticed.
    pub fn drift(&self) -> impl Iterator<Item = &Note> {
        self.drift.values().flatten()
    }

    /// Reads the table and makes it as desired: adopts what is there, makes missing objects again,
    /// leaves external changes of owned objects alone, deletes what is owned and not desired.
    ///
    /// # Errors
    /// When the table cannot be read, or the data plane's connection breaks again and again. Another
    /// call continues where this one stopped.
    pub async fn start(&mut self, desired: Table) -> Result<Report, DataPlaneError> {
        self.desired = desired;
        self.shadow = None;
        let keys = self.all_keys();
        self.converge(whole(keys), Drift::Recreate).await
    }

    /// Makes one service as now desired (`None`: not at all).
    ///
    /// # Errors
    /// As [`Reconciler::start`].
    pub async fn service_changed(
        &mut self,
        key: ServiceKey,
        desired: Option<TableService>,
    ) -> Result<Report, DataPlaneError> {
        self.services_changed([(key, DesiredChange::Whole(desired))])
            .await
    }

    /// Makes several services, or parts of them, as now desired, in one batch. The cost depends on the
    /// parts alone, not on the size of their services.
    ///
    /// # Errors
    /// As [`Reconciler::start`].
    pub async fn services_changed(
        &mut self,
        changed: impl IntoIterator<Item = (ServiceKey, DesiredChange)>,
    ) -> Result<Report, DataPlaneError> {
        let parts = changed
            .into_iter()
            .map(|(key, change)| (key, self.desire(key, change)))
            .collect();
        self.converge(parts, Drift::Keep).await
    }

    /// Takes in how a service is desired; returns the part to plan.
    fn desire(&mut self, key: ServiceKey, change: DesiredChange) -> Part {
        match change {
            DesiredChange::Whole(service) => self.desired.set_service(key, service),
            DesiredChange::Destinations(destinations) => {
                if let Some(service) = self.desired.service_mut(&key) {
                    let addresses = destinations.keys().copied().collect();
                    for (address, destination) in destinations {
                        service.set_destination(address, destination);
                    }
                    if !self.incomplete.contains_key(&key) {
                        return Part::Destinations(addresses);
                    }
                }
            }
        }
        Part::Whole
    }

    /// Makes the whole table as now desired. Only services that are desired otherwise than before are
    /// looked at, unless `reconcile`: then the table is read, and external changes of owned objects are
    /// undone (external additions stay).
    ///
    /// # Errors
    /// As [`Reconciler::start`].
    pub async fn reload(
        &mut self,
        desired: Table,
        reconcile: bool,
    ) -> Result<Report, DataPlaneError> {
        let mut keys = self.all_keys();
        keys.extend(desired.keys());
        let before = std::mem::replace(&mut self.desired, desired);
        if reconcile {
            self.shadow = None;
            return self.converge(whole(keys), Drift::Overwrite).await;
        }
        keys.retain(|key| before.service(key) != self.desired.service(key));
        self.converge(whole(keys), Drift::Keep).await
    }

    /// Looks at the next owned service: reads it, notes drift, tries again what failed before.
    /// `None` when nothing is owned.
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
        let report = self.converge(whole(keys), Drift::Keep).await?;
        Ok(Some(Audit {
            service,
            report,
            last,
        }))
    }

    /// Removes everything that is owned, services and sync daemons, and nothing else. To leave the table as
    /// it is, drop the reconciler instead: the ledger lets the next start continue from there.
    ///
    /// # Errors
    /// As [`Reconciler::start`].
    pub async fn stop(&mut self) -> Result<Report, DataPlaneError> {
        self.desired = Table::new();
        // another program may have added destinations since the shadow was taken
        self.shadow = None;
        let keys = self.all_keys();
        let mut report = self.converge(whole(keys), Drift::Keep).await?;
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

    /// Reads these services, or the whole table when they are many or it is not known.
    async fn read(&mut self, keys: &BTreeSet<ServiceKey>) -> Result<(), DataPlaneError> {
        match &mut self.shadow {
            Some(shadow) if keys.len() <= SINGLE_READS => {
                for key in keys {
                    let entry = self.plane.service(key).await?;
                    shadow.set_service(*key, entry.map(Into::into));
                }
            }
            shadow => {
                let table = self.plane.snapshot().await?.into_iter().collect();
                *shadow = Some(table);
            }
        }
        Ok(())
    }

    /// Plans parts of the table, records and makes the changes. Cancel-safe: what a dropped call was
    /// about is read and planned again by the next one.
    async fn converge(
        &mut self,
        parts: BTreeMap<ServiceKey, Part>,
        drift: Drift,
    ) -> Result<Report, DataPlaneError> {
        let mut report = Report::default();
        let mut open = parts;
        // a service is deleted with its destinations: read them first
        let removed = |key: &&ServiceKey| self.is_removed(key);
        let mut unknown: BTreeSet<ServiceKey> = open.keys().filter(removed).copied().collect();
        unknown.extend(&self.unsure);
        open.extend(whole(std::mem::take(&mut self.unsure)));
        self.unsure.extend(open.keys());
        if open.is_empty() {
            return Ok(report);
        }
        if self.shadow.is_none() || !unknown.is_empty() {
            self.read(&unknown).await?;
        }
        let keys: Vec<ServiceKey> = open.keys().copied().collect();
        for round in 1..=ROUNDS {
            let last_round = round == ROUNDS;
            let plan = self.plan(&open, drift);
            let results = if plan.changes.is_empty() {
                Ok(Vec::new())
            } else {
                keep_first(&mut report.ledger, self.ledger.record(plan.intents()));
                self.plane.apply(&plan.changes).await
            };
            match results {
                Ok(results) => {
                    let again = self.take_results(plan, results, &open, &mut report, last_round);
                    self.unsure.clone_from(&again);
                    if again.is_empty() {
                        break;
                    }
                    open = whole(again);
                }
                Err(error) if last_round => return Err(error),
                Err(_) => open = whole(open.into_keys()),
            }
            let keys = open.keys().copied().collect();
            self.read(&keys).await?;
        }
        self.share_services(&keys);
        Ok(report)
    }

    /// Keeps services that are in the data plane, owned and confirmed as desired once in memory
    /// instead of three times.
    fn share_services(&mut self, keys: &[ServiceKey]) {
        for key in keys {
            if let Some(shadow) = &mut self.shadow {
                shadow.share_service(key, &self.desired);
            }
            self.ledger.share_service(key, &self.desired);
        }
    }

    fn is_removed(&self, key: &ServiceKey) -> bool {
        self.desired.service(key).is_none() && self.ledger.owned().get(key).is_some()
    }

    fn plan(&self, parts: &BTreeMap<ServiceKey, Part>, drift: Drift) -> Plan {
        const EMPTY: &Table = &Table::new();
        let actual = self.shadow.as_ref().unwrap_or(EMPTY);
        let plan = |parts: &BTreeMap<ServiceKey, Part>, drift| {
            let ownership = Ownership::Recorded(self.ledger.owned(), drift);
            plan_parts(actual, &self.desired, ownership, parts)
        };
        if drift == Drift::Overwrite || !parts.keys().any(|key| self.is_enforced(key)) {
            return plan(parts, drift);
        }
        let parts = parts.iter().map(|(key, part)| (*key, part.clone()));
        let (enforced, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
            parts.partition(|(key, _)| self.is_enforced(key));
        let mut all = plan(&others, drift);
        let overwrite = plan(&enforced, Drift::Overwrite);
        all.changes.extend(overwrite.changes);
        all.records.extend(overwrite.records);
        all.notes.extend(overwrite.notes);
        all
    }

    /// Takes in the results; returns the services to be read and planned again.
    fn take_results(
        &mut self,
        plan: Plan,
        results: Vec<Result<(), DataPlaneError>>,
        parts: &BTreeMap<ServiceKey, Part>,
        report: &mut Report,
        last_round: bool,
    ) -> BTreeSet<ServiceKey> {
        let mut steps = Vec::with_capacity(plan.changes.len() + plan.records.len());
        let mut troubles: BTreeMap<ServiceKey, Trouble> = BTreeMap::new();
        let mut results = results.into_iter();
        for change in plan.changes {
            let result = results.next().unwrap_or_else(|| {
                let source = "a result is missing".into();
                Err(DataPlaneError::Lost { source })
            });
            let answer = Answer::classify(&change, &result);
            if let Answer::Done | Answer::Moot = answer {
                let shadow = self.shadow.as_mut();
                if shadow.is_none_or(|shadow| shadow.apply(&change).is_err()) {
                    troubles.entry(change.key()).or_default().stale = true;
                }
                steps.push(OwnedChange::result(&change));
                if answer == Answer::Done {
                    report.applied.push(change);
                }
                continue;
            }
            report
                .notes
                .extend(note_adoption(&change, result.as_ref().err()));
            let trouble = troubles.entry(change.key()).or_default();
            trouble.stale |= answer == Answer::Stale;
            trouble.hopeless |= answer == Answer::Hopeless;
            trouble.error = trouble.error.take().or_else(|| result.err());
        }
        let again: BTreeSet<ServiceKey> = troubles
            .iter()
            .filter(|(_, trouble)| trouble.stale && !trouble.hopeless && !last_round)
            .map(|(key, _)| *key)
            .collect();
        steps.extend(plan.records.into_iter().filter(|step| {
            // a service is not released before all its owned destinations are deleted
            let released = matches!(step, OwnedChange::Service(_, None));
            let failed = troubles
                .get(step.key())
                .is_some_and(|trouble| trouble.error.is_some());
            !(again.contains(step.key()) || released && failed)
        }));
        keep_first(&mut report.ledger, self.ledger.record(steps));
        self.incomplete.retain(|key, _| !parts.contains_key(key));
        for (service, trouble) in troubles {
            if let Some(source) = trouble.error
                && !again.contains(&service)
            {
                self.incomplete.insert(service, source.reason());
                report.failed.push(Failure { service, source });
            }
        }
        let planned = parts.iter().filter(|(key, _)| !again.contains(*key));
        self.keep_notes(plan.notes, &planned.collect(), report);
        again
    }

    /// Reports the notes about the planned parts, drift only if it was not known.
    fn keep_notes(
        &mut self,
        notes: Vec<Note>,
        planned: &BTreeMap<&ServiceKey, &Part>,
        report: &mut Report,
    ) {
        let mut known: BTreeMap<ServiceKey, Vec<Note>> = BTreeMap::new();
        for (key, part) in planned {
            let Some(drift) = self.drift.remove(key) else {
                continue;
            };
            let (planned, kept) = drift
                .into_iter()
                .partition(|note| part.contains(note.address()));
            known.insert(**key, planned);
            if !Vec::is_empty(&kept) {
                self.drift.insert(**key, kept);
            }
        }
        let planned = |note: &Note| planned.contains_key(note.key());
        for note in notes.into_iter().filter(planned) {
            if note.is_drift() {
                let key = *note.key();
                let drift = self.drift.entry(key).or_default();
                let is_new = !drift.contains(&note);
                let is_known = known.get(&key).is_some_and(|known| known.contains(&note));
                if is_new {
                    drift.push(note.clone());
                }
                if is_known || !is_new {
                    continue;
                }
            }
            report.notes.push(note);
        }
    }
}

/// These services with all their destinations.
fn whole(keys: impl IntoIterator<Item = ServiceKey>) -> BTreeMap<ServiceKey, Part> {
    keys.into_iter().map(|key| (key, Part::Whole)).collect()
}

fn keep_first(slot: &mut Option<LedgerError>, result: Result<(), LedgerError>) {
    if let Err(error) = result {
        slot.get_or_insert(error);
    }
}

#[cfg(test)]
mod tests;
