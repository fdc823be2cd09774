// SPDX-License-Identifier: MIT OR Apache-2.0
//! Objects, the routers that track them, and the effects.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Instant,
};

use super::{Object, ScriptOutcome, Verdict, Weight, object::Tracked, weight::Effect};
use crate::params::Priority;

/// A change that tracking makes to a router.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output<R> {
    /// [`VirtualRouter::handle_priority`](crate::VirtualRouter::handle_priority).
    Priority {
        /// The router.
        router: R,
        /// The new priority.
        priority: Priority,
    },
    /// [`VirtualRouter::handle_fault`](crate::VirtualRouter::handle_fault) with
    /// [`FaultReason::Tracked`](crate::FaultReason::Tracked);
    /// [`Tracker::faults`] names the objects.
    Fault {
        /// The router.
        router: R,
        /// Whether a tracked object makes it faulty.
        present: bool,
    },
    /// The last script that the router [waited](Tracker::is_ready) for has reported.
    Ready {
        /// The router.
        router: R,
    },
}

/// A router with its subscriptions, and the standing that was reported last.
#[derive(Clone, Debug)]
struct Router<O> {
    base: Priority,
    subscriptions: BTreeMap<O, Subscription>,
    reported: Standing,
}

/// The weights with which a router tracks an object.
#[derive(Clone, Copy, Debug, Default)]
struct Subscription {
    /// The router's own weight.
    own: Option<Weight>,
    /// The weight of its sync group, which takes precedence.
    group: Option<Weight>,
}

impl Subscription {
    fn weight(self) -> Weight {
        self.group.or(self.own).unwrap_or_default()
    }
}

/// The effects of tracking on a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Standing {
    priority: Priority,
    fault: bool,
    ready: bool,
}

/// Objects and the routers that track them; `O` names objects, `R` routers.
///
/// After each call take [`poll_output`](Self::poll_output) until it returns `None`. Changes that were
/// undone between two polls are not reported.
#[derive(Clone, Debug)]
pub struct Tracker<O, R> {
    objects: BTreeMap<O, Tracked>,
    routers: BTreeMap<R, Router<O>>,
    /// Routers with a possible change to report, each once.
    changed: VecDeque<R>,
}

impl<O, R> Default for Tracker<O, R> {
    fn default() -> Self {
        Self {
            objects: BTreeMap::new(),
            routers: BTreeMap::new(),
            changed: VecDeque::new(),
        }
    }
}

impl<O: Clone + Ord, R: Clone + Ord> Tracker<O, R> {
    /// A tracker without objects and routers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an object, or changes its parameters: its state is kept unless its kind differs. The
    /// counts of `rise` and `fall` restart with the present state of the script.
    pub fn set_object(&mut self, now: Instant, name: O, object: Object) {
        self.objects
            .entry(name.clone())
            .and_modify(|known| known.replace(now, object))
            .or_insert_with(|| Tracked::new(object));
        self.note_subscribers(&name);
    }

    /// Removes an object, which has no effect any more.
    pub fn remove_object(&mut self, name: &O) {
        self.objects.remove(name);
        self.note_subscribers(name);
    }

    /// Adds a router with its configured priority, or changes that. A router that was
    /// [reconfigured](crate::VirtualRouter::reconfigure) starts with the changed priority; the outputs
    /// here report the effective one.
    pub fn set_router(&mut self, router: R, base: Priority) {
        let known = self.routers.entry(router.clone()).or_insert(Router {
            base,
            subscriptions: BTreeMap::new(),
            reported: Standing {
                priority: base,
                fault: false,
                ready: true,
            },
        });
        if known.base != base {
            known.base = base;
            known.reported.priority = base;
        }
        self.note(router);
    }

    /// Removes a router and its subscriptions; nothing is reported for it any more.
    pub fn remove_router(&mut self, router: &R) {
        self.routers.remove(router);
        self.changed.retain(|changed| changed != router);
    }

    /// Lets a router track an object, which may be added later. Returns whether there is such a
    /// router.
    pub fn subscribe(&mut self, router: R, object: O, weight: Weight) -> bool {
        self.subscription(router, object, |subscription| {
            subscription.own = Some(weight);
        })
    }

    /// Lets a member of a sync group track an object because its group does. Its own weight for the
    /// same object has no effect then.
    pub fn subscribe_as_member(&mut self, router: R, object: O, weight: Weight) -> bool {
        self.subscription(router, object, |subscription| {
            subscription.group = Some(weight);
        })
    }

    /// Lets a router track only those objects that `keep` holds for.
    pub fn retain(&mut self, router: &R, mut keep: impl FnMut(&O) -> bool) {
        if let Some(known) = self.routers.get_mut(router) {
            known.subscriptions.retain(|object, _| keep(object));
            self.note(router.clone());
        }
    }

    /// Reports an interface or a BFD session as up or down. Returns, as the following functions do,
    /// whether there is such an object.
    pub fn handle_up(&mut self, object: &O, is_up: bool) -> bool {
        self.change(object, |tracked| match tracked {
            Tracked::Binary { up, .. } => {
                *up = is_up;
                true
            }
            _ => false,
        })
    }

    /// Reports the end of a script's run.
    pub fn handle_script(&mut self, object: &O, outcome: ScriptOutcome) -> bool {
        self.change(object, |tracked| match tracked {
            Tracked::Script { script, result } => {
                result.count(script, outcome.is_success());
                true
            }
            _ => false,
        })
    }

    /// Reports the number in a file; 0 if the file is missing or empty.
    pub fn handle_value(&mut self, object: &O, content: i64) -> bool {
        self.change(object, |tracked| match tracked {
            Tracked::File { value } => {
                *value = content;
                true
            }
            _ => false,
        })
    }

    /// Reports the number of processes.
    pub fn handle_count(&mut self, now: Instant, object: &O, running: u32) -> bool {
        self.change(object, |tracked| match tracked {
            Tracked::Process(count) => {
                count.count(now, running);
                true
            }
            _ => false,
        })
    }

    /// Sets the state of an object to one of another tracker; the counts of `rise` and `fall` restart.
    /// Returns whether there is such an object.
    pub fn adopt(&mut self, object: &O, verdict: Verdict) -> bool {
        self.change(object, |tracked| {
            tracked.restore(verdict);
            true
        })
    }

    /// Handles the delays of processes that are due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        let mut due = Vec::new();
        for (name, tracked) in &mut self.objects {
            if let Tracked::Process(count) = tracked {
                let waited = count.is_waiting();
                count.timeout(now);
                if waited && !count.is_waiting() {
                    due.push(name.clone());
                }
            }
        }
        for name in &due {
            self.note_subscribers(name);
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) at the latest; `None`: never.
    #[inline]
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        // Called in each turn of the driver's loop, often without any tracked object.
        if self.objects.is_empty() {
            return None;
        }
        self.earliest()
    }

    #[inline(never)]
    fn earliest(&self) -> Option<Instant> {
        self.objects.values().filter_map(Tracked::deadline).min()
    }

    /// The next change to a router: a fault precedes a priority, the end of a fault follows it.
    pub fn poll_output(&mut self) -> Option<Output<R>> {
        loop {
            let router = self.changed.front()?.clone();
            if let Some(output) = self.report_change(&router) {
                return Some(output);
            }
            self.changed.pop_front();
        }
    }

    /// The state of an object; `None` if there is none of this name.
    pub fn verdict(&self, object: &O) -> Option<Verdict> {
        self.objects.get(object).map(Tracked::verdict)
    }

    /// A router's priority after tracking; `None` if there is no such router.
    pub fn priority(&self, router: &R) -> Option<Priority> {
        let known = self.routers.get(router)?;
        Some(self.standing(known).priority)
    }

    /// Whether a router may start: every script that can make it faulty has a result.
    /// [`Output::Ready`] reports when that becomes true. Not relevant for a running router.
    pub fn is_ready(&self, router: &R) -> bool {
        self.routers
            .get(router)
            .is_none_or(|known| self.standing(known).ready)
    }

    /// The objects that make a router faulty.
    pub fn faults<'a>(&'a self, router: &R) -> impl Iterator<Item = &'a O> + use<'a, O, R> {
        self.effects(router)
            .filter_map(|(object, effect)| effect.fault.then_some(object))
    }

    /// The objects that change a router's priority at present, and by how much.
    pub fn changes<'a>(&'a self, router: &R) -> impl Iterator<Item = (&'a O, i32)> + use<'a, O, R> {
        self.effects(router)
            .filter_map(|(object, effect)| (effect.change != 0).then_some((object, effect.change)))
    }

    fn effects<'a>(&'a self, router: &R) -> impl Iterator<Item = (&'a O, Effect)> + use<'a, O, R> {
        self.routers.get(router).into_iter().flat_map(|known| {
            known
                .subscriptions
                .iter()
                .map(|(object, subscription)| (object, self.effect(known, object, *subscription)))
        })
    }

    fn subscription(
        &mut self,
        router: R,
        object: O,
        change: impl FnOnce(&mut Subscription),
    ) -> bool {
        let Some(known) = self.routers.get_mut(&router) else {
            return false;
        };
        change(known.subscriptions.entry(object).or_default());
        self.note(router);
        true
    }

    fn change(&mut self, object: &O, change: impl FnOnce(&mut Tracked) -> bool) -> bool {
        let Some(tracked) = self.objects.get_mut(object) else {
            return false;
        };
        let before = tracked.verdict();
        let right_kind = change(tracked);
        if tracked.verdict() != before {
            self.note_subscribers(object);
        }
        right_kind
    }

    fn note(&mut self, router: R) {
        if !self.changed.contains(&router) {
            self.changed.push_back(router);
        }
    }

    fn note_subscribers(&mut self, object: &O) {
        let waiting: BTreeSet<&R> = self.changed.iter().collect();
        let subscribers: Vec<R> = self
            .routers
            .iter()
            .filter(|(name, router)| {
                router.subscriptions.contains_key(object) && !waiting.contains(name)
            })
            .map(|(name, _)| name.clone())
            .collect();
        self.changed.extend(subscribers);
    }

    /// The effect of an object on a router. The owner's priority never changes.
    fn effect(&self, router: &Router<O>, object: &O, subscription: Subscription) -> Effect {
        let weight = subscription.weight();
        if router.base.is_owner() && !weight.is_fault() {
            return Effect::default();
        }
        match self.verdict(object) {
            Some(Verdict::Well(well)) => weight.of_verdict(well),
            Some(Verdict::Value(value)) => weight.of_value(value),
            Some(Verdict::Unknown) | None => Effect::default(),
        }
    }

    fn standing(&self, router: &Router<O>) -> Standing {
        let mut total = i32::from(router.base.get());
        let (mut fault, mut ready) = (false, true);
        for (object, &subscription) in &router.subscriptions {
            let effect = self.effect(router, object, subscription);
            total = total.saturating_add(effect.change);
            fault |= effect.fault;
            ready &=
                !subscription.weight().is_fault() || self.verdict(object) != Some(Verdict::Unknown);
        }
        let clamped = u8::try_from(total.clamp(1, 254))
            .ok()
            .and_then(|total| Priority::new(total).ok());
        let priority = clamped
            .filter(|_| !router.base.is_owner())
            .unwrap_or(router.base);
        Standing {
            priority,
            fault,
            ready,
        }
    }

    /// The next difference between a router's standing and the reported one.
    fn report_change(&mut self, name: &R) -> Option<Output<R>> {
        let standing = self.standing(self.routers.get(name)?);
        let reported = &mut self.routers.get_mut(name)?.reported;
        let router = name.clone();
        if standing.fault && !reported.fault {
            reported.fault = true;
            return Some(Output::Fault {
                router,
                present: true,
            });
        }
        if standing.priority != reported.priority {
            reported.priority = standing.priority;
            return Some(Output::Priority {
                router,
                priority: standing.priority,
            });
        }
        if reported.fault && !standing.fault {
            reported.fault = false;
            return Some(Output::Fault {
                router,
                present: false,
            });
        }
        let became_ready = standing.ready && !reported.ready;
        reported.ready = standing.ready;
        became_ready.then_some(Output::Ready { router })
    }
}
