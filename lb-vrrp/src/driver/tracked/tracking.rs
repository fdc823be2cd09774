// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tracked objects of the advert thread, and the routers that track them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use super::{ObjectId, Observation, Source};
use crate::driver::handover::ObjectState;
use crate::driver::key::RouterKey;
use crate::driver::links::Interfaces;
use crate::spec::Configuration;
use crate::status::{ObjectStatus, StaticStatus, TrackedStatus};
use crate::track::{Object, Output, Tracker, Verdict, Weight};
use crate::{Priority, StaticItems, TrackGroup};

/// The weights of an object for a router: its own, and that of its sync group.
#[derive(Clone, Copy, Debug, Default)]
struct Weights {
    own: Option<Weight>,
    group: Option<Weight>,
}

/// The static items that a router needs.
fn needed<'a>(statics: &'a StaticItems, router: &str) -> impl Iterator<Item = ObjectId> + use<'a> {
    let of_router = |group: &&TrackGroup| group.members.iter().any(|member| member == router);
    let groups = statics.groups.iter().filter(of_router);
    let groups: Vec<&str> = groups.map(|group| group.name.as_str()).collect();
    let needs = move |group: Option<&str>| group.is_some_and(|group| groups.contains(&group));
    let items = statics.grouped().filter(move |(_, group)| needs(*group));
    items.map(|(name, _)| ObjectId::Static(name.into()))
}

#[derive(Debug, Default)]
pub(in crate::driver) struct Tracking {
    tracker: Tracker<ObjectId, RouterKey>,
    /// The objects, with the command lines of scripts.
    objects: BTreeMap<ObjectId, Option<String>>,
    routers: BTreeSet<RouterKey>,
    /// The numbers of matching processes that were reported last.
    counts: BTreeMap<ObjectId, u32>,
}

impl Tracking {
    /// Applies another configuration as a difference: an object keeps its verdict, unless it is another
    /// script of the same name.
    pub(in crate::driver) fn configure(&mut self, now: Instant, to: &Configuration) {
        let mut wanted: BTreeMap<ObjectId, (Object, Option<String>)> = BTreeMap::new();
        for spec in &to.objects {
            let line = match &spec.source {
                Source::Script(script) => Some(script.line()),
                Source::File(_) | Source::Process(_) | Source::Bfd => None,
            };
            wanted.insert(spec.id(), (spec.object(), line));
        }
        let routers = to.routers.iter().flat_map(|router| &router.tracked);
        for (id, _) in routers.chain(to.groups.iter().flat_map(|group| &group.tracked)) {
            if matches!(id, ObjectId::Interface(_)) {
                wanted.insert(id.clone(), (Object::Interface, None));
            }
        }
        // Items without a group do not affect routers.
        for (name, _) in to.statics.grouped().filter(|(_, group)| group.is_some()) {
            let id = ObjectId::Static(name.into());
            wanted.insert(id, (Object::Static, None));
        }
        let tracker = &mut self.tracker;
        self.objects.retain(|id, line| {
            let is_same = wanted.get(id).is_some_and(|(_, wanted)| wanted == line);
            if !is_same {
                tracker.remove_object(id);
            }
            is_same
        });
        self.counts.retain(|id, _| wanted.contains_key(id));
        for (id, (object, line)) in &wanted {
            self.objects.insert(id.clone(), line.clone());
            self.tracker.set_object(now, id.clone(), *object);
        }
        self.subscribe(to, &wanted);
    }

    fn subscribe(
        &mut self,
        to: &Configuration,
        objects: &BTreeMap<ObjectId, (Object, Option<String>)>,
    ) {
        let routers: BTreeSet<RouterKey> = to.routers.iter().map(RouterKey::for_spec).collect();
        for gone in self.routers.difference(&routers) {
            self.tracker.remove_router(gone);
        }
        for spec in &to.routers {
            let key = RouterKey::for_spec(spec);
            self.tracker.set_router(key.clone(), spec.config.priority());
            let mut weights: BTreeMap<&ObjectId, Weights> = BTreeMap::new();
            let group = to
                .groups
                .iter()
                .find(|group| group.members.contains(&spec.name));
            // Members must not drift apart, see `Weight::in_sync_group`.
            let counts = |id: &ObjectId, weight: Weight| match (group, objects.get(id)) {
                (Some(group), Some((object, _))) => {
                    weight.in_sync_group(*object, group.tracking_weight)
                }
                _ => Some(weight),
            };
            for (id, weight) in &spec.tracked {
                if let Some(weight) = counts(id, *weight) {
                    weights.entry(id).or_default().own = Some(weight);
                }
            }
            for id in needed(&to.statics, &spec.name) {
                if let Some((id, _)) = objects.get_key_value(&id) {
                    weights.entry(id).or_default().own = Some(Weight::FAULT);
                }
            }
            // Objects that the group tracks change the priority of all members.
            for (id, weight) in group.into_iter().flat_map(|group| &group.tracked) {
                weights.entry(id).or_default().group = Some(*weight);
            }
            self.tracker.retain(&key, |_| false);
            for (id, weights) in weights {
                if let Some(weight) = weights.own {
                    self.tracker.subscribe(key.clone(), id.clone(), weight);
                }
                if let Some(weight) = weights.group {
                    self.tracker
                        .subscribe_as_member(key.clone(), id.clone(), weight);
                }
            }
        }
        self.routers = routers;
    }

    /// Forgets a router that has ended.
    pub(in crate::driver) fn forget(&mut self, key: &RouterKey) {
        self.tracker.remove_router(key);
        self.routers.remove(key);
    }

    /// Updates the tracked interfaces; a missing one is down. Returns the objects whose verdict changed.
    pub(in crate::driver) fn handle_interfaces(
        &mut self,
        interfaces: &Interfaces,
    ) -> Vec<(ObjectId, Verdict)> {
        let names: Vec<Arc<str>> = self
            .objects
            .keys()
            .filter_map(|id| match id {
                ObjectId::Interface(name) => Some(Arc::clone(name)),
                _ => None,
            })
            .collect();
        let mut changed = Vec::new();
        for name in names {
            let up = interfaces.get(&name).is_some_and(|interface| interface.up);
            let id = ObjectId::Interface(name);
            let before = self.tracker.verdict(&id);
            self.tracker.handle_up(&id, up);
            changed.extend(self.changed(id, before));
        }
        changed
    }

    /// Marks the static items in `missing` as failed and all others as present; returns the objects whose
    /// verdict changed.
    pub(in crate::driver) fn handle_statics(
        &mut self,
        missing: &[StaticStatus],
    ) -> Vec<(ObjectId, Verdict)> {
        let mut changed = Vec::new();
        let statics = self.objects.keys().filter_map(|id| match id {
            ObjectId::Static(name) => Some((id.clone(), Arc::clone(name))),
            _ => None,
        });
        for (id, name) in statics.collect::<Vec<_>>() {
            let before = self.tracker.verdict(&id);
            let missing = missing.iter().any(|status| status.item == name);
            self.tracker.handle_up(&id, !missing);
            changed.extend(self.changed(id, before));
        }
        changed
    }

    /// Applies a report; returns the verdict of the object if it changed. A report on an object that was
    /// removed, or of another kind, changes nothing.
    pub(in crate::driver) fn handle_report(
        &mut self,
        now: Instant,
        id: ObjectId,
        report: Observation,
    ) -> Option<(ObjectId, Verdict)> {
        let before = self.tracker.verdict(&id);
        match report {
            Observation::Up(up) => self.tracker.handle_up(&id, up),
            Observation::Script(outcome) => self.tracker.handle_script(&id, outcome),
            Observation::Value(value) => self.tracker.handle_value(&id, value),
            Observation::Count(count) => {
                if self.objects.contains_key(&id) {
                    self.counts.insert(id.clone(), count);
                }
                self.tracker.handle_count(now, &id, count)
            }
        };
        self.changed(id, before)
    }

    fn changed(&self, id: ObjectId, before: Option<Verdict>) -> Option<(ObjectId, Verdict)> {
        let verdict = self.tracker.verdict(&id)?;
        (Some(verdict) != before).then_some((id, verdict))
    }

    pub(in crate::driver) fn next_timeout(&self) -> Option<Instant> {
        self.tracker.next_timeout()
    }

    /// Applies due timers; returns the objects whose verdict changed.
    pub(in crate::driver) fn handle_timeout(&mut self, now: Instant) -> Vec<(ObjectId, Verdict)> {
        if self.tracker.next_timeout().is_none_or(|at| now < at) {
            return Vec::new();
        }
        let verdicts = |tracker: &Tracker<ObjectId, RouterKey>| -> Vec<Option<Verdict>> {
            self.objects.keys().map(|id| tracker.verdict(id)).collect()
        };
        let before = verdicts(&self.tracker);
        self.tracker.handle_timeout(now);
        self.objects
            .keys()
            .zip(before)
            .filter_map(|(id, before)| self.changed(id.clone(), before))
            .collect()
    }

    /// The next output for a router.
    pub(in crate::driver) fn poll_output(&mut self) -> Option<Output<RouterKey>> {
        self.tracker.poll_output()
    }

    /// Whether a router may start.
    pub(in crate::driver) fn is_ready(&self, key: &RouterKey) -> bool {
        self.tracker.is_ready(key)
    }

    /// The verdicts of the objects, for a new process, which observes interfaces itself.
    pub(in crate::driver) fn handover_state(&self) -> Vec<ObjectState> {
        let objects = self.objects.iter();
        objects
            .filter(|(id, _)| !matches!(id, ObjectId::Interface(_)))
            .filter_map(|(id, line)| {
                Some(ObjectState {
                    object: id.to_string(),
                    line: line.clone(),
                    verdict: self.tracker.verdict(id)?,
                })
            })
            .collect()
    }

    /// Continues with the verdicts of another process on the same objects.
    pub(in crate::driver) fn continue_with(&mut self, states: &[ObjectState]) {
        for (id, line) in &self.objects {
            let is_same =
                |state: &&ObjectState| state.object == id.to_string() && state.line == *line;
            if let Some(state) = states.iter().find(is_same) {
                self.tracker.adopt(id, state.verdict);
            }
        }
    }

    /// A router's priority after tracking.
    pub(in crate::driver) fn priority(&self, key: &RouterKey) -> Option<Priority> {
        self.tracker.priority(key)
    }

    /// Whether an object puts a router into fault.
    pub(in crate::driver) fn is_faulty(&self, key: &RouterKey) -> bool {
        self.tracker.faults(key).next().is_some()
    }

    /// The objects that affect a router at present.
    pub(in crate::driver) fn of_router(&self, key: &RouterKey) -> Vec<TrackedStatus> {
        let mut counting: BTreeMap<&ObjectId, TrackedStatus> = BTreeMap::new();
        let status = |object: &ObjectId| TrackedStatus {
            object: object.clone(),
            change: 0,
            fault: false,
        };
        for (object, change) in self.tracker.changes(key) {
            counting
                .entry(object)
                .or_insert_with(|| status(object))
                .change = change;
        }
        for object in self.tracker.faults(key) {
            counting
                .entry(object)
                .or_insert_with(|| status(object))
                .fault = true;
        }
        counting.into_values().collect()
    }

    pub(in crate::driver) fn status(&self) -> Vec<ObjectStatus> {
        self.objects
            .keys()
            .filter_map(|id| {
                Some(ObjectStatus {
                    object: id.clone(),
                    verdict: self.tracker.verdict(id)?,
                    count: self.counts.get(id).copied(),
                })
            })
            .collect()
    }
}
