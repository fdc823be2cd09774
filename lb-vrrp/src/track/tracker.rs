// SPDX-License-Identifier: MIT OR Apache-2.0
//! Objects, the routers that track them, and what that comes to.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Instant,
};

use super::{Object, ScriptOutcome, Verdict, Weight, object::Tracked, weight::Effect};
use crate::params::Priority;

/// What tracking means for a router.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output<R> {
    /// [`VirtualRouter::handle_priority`](crate::VirtualRouter::handle_priority).
    Priority {
        /// Which router.
        router: R,
        /// Its priority from now on.
        priority: Priority,
    },
    /// [`VirtualRouter::handle_fault`](crate::VirtualRouter::handle_fault) with
    /// [`FaultReason::Tracked`](crate::FaultReason::Tracked);
    /// [`Tracker::faults`] says because of what.
    Fault {
        /// Which router.
        router: R,
        /// Whether anything it tracks makes it faulty.
        present: bool,
    },
    /// The last script that the router [waited](Tracker::is_ready) for has reported.
    Ready {
        /// Which router.
        router: R,
    },
}

/// A router with what it tracks, and what it was told.
#[derive(Clone, Debug)]
struct Router<O> {
    base: Priority,
    subscriptions: BTreeMap<O, Subscription>,
    told: Standing,
}

/// By what weight a router tracks an object.
#[derive(Clone, Copy, Debug, Default)]
struct Subscription {
    /// Of its own.
    own: Option<Weight>,
    /// By its sync group, which goes first.
    group: Option<Weight>,
}

impl Subscription {
    fn weight(self) -> Weight {
        self.group.or(self.own).unwrap_or_default()
    }
}

/// All that tracking says about a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Standing {
    priority: Priority,
    fault: bool,
    ready: bool,
}

/// Objects and the routers that track them; `O` names objects, `R` routers.
///
/// After each call take [`poll_output`](Self::poll_output) until it returns `None`. What came and
/// went between two polls is not told.
#[derive(Clone, Debug)]
pub struct Tracker<O, R> {
    objects: BTreeMap<O, Tracked>,
    routers: BTreeMap<R, Router<O>>,
    /// Routers that may have something to be told, each once.
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
    /// One that knows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an object, or changes its parameters: what is known of it is kept unless it is of
    /// another kind now. `rise` and `fall` begin anew on the side where the script stands.
    pub fn set_object(&mut self, now: Instant, name: O, object: Object) {
        self.objects
            .entry(name.clone())
            .and_modify(|known| known.replace(now, object))
            .or_insert_with(|| Tracked::new(object));
        self.note_subscribers(&name);
    }

    /// Removes an object: it counts for nothing any more.
    pub fn remove_object(&mut self, name: &O) {
        self.objects.remove(name);
        self.note_subscribers(name);
    }

    /// Adds a router with its configured priority, or changes that. A router that is told of a
    /// changed priority by [`reconfigure`](crate::VirtualRouter::reconfigure) begins with it, and
    /// is told here what has become of it.
    pub fn set_router(&mut self, router: R, base: Priority) {
        let known = self.routers.entry(router.clone()).or_insert(Router {
            base,
            subscriptions: BTreeMap::new(),
            told: Standing {
                priority: base,
                fault: false,
                ready: true,
            },
        });
        if known.base != base {
            known.base = base;
            known.told.priority = base;
        }
        self.note(router);
    }

    /// Removes a router and its subscriptions; it is told nothing any more.
    pub fn remove_router(&mut self, router: &R) {
        self.routers.remove(router);
        self.changed.retain(|changed| changed != router);
    }

    /// Lets a router track an object, which may be added later. Says whether there is such a
    /// router.
    pub fn subscribe(&mut self, router: R, object: O, weight: Weight) -> bool {
        self.subscription(router, object, |subscription| {
            subscription.own = Some(weight);
        })
    }

    /// Lets a member of a sync group track an object because its group does. Its own weight for the
    /// same object does not count then.
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

    /// An interface or a BFD session went up or down. Says, as the following do, whether there is
    /// such an object.
    pub fn handle_up(&mut self, object: &O, is_up: bool) -> bool {
        self.change(object, |tracked| match tracked {
            Tracked::Binary { up, .. } => {
                *up = is_up;
                true
            }
            _ => false,
        })
    }

    /// A run of a script ended.
    pub fn handle_script(&mut self, object: &O, outcome: ScriptOutcome) -> bool {
        self.change(object, |tracked| match tracked {
            Tracked::Script { script, result } => {
                result.count(script, outcome.is_success());
                true
            }
            _ => false,
        })
    }

    /// A number was read from a file; 0 if the file is missing or empty.
    pub fn handle_value(&mut self, object: &O, content: i64) -> bool {
        self.change(object, |tracked| match tracked {
            Tracked::File { value } => {
                *value = content;
                true
            }
            _ => false,
        })
    }

    /// So many processes run now.
    pub fn handle_count(&mut self, now: Instant, object: &O, running: u32) -> bool {
        self.change(object, |tracked| match tracked {
            Tracked::Process(count) => {
                count.count(now, running);
                true
            }
            _ => false,
        })
    }

    /// Takes what another tracker knew of an object, as if it had been seen here; how often a script
    /// succeeded or failed in a row begins anew. Says whether there is such an object.
    pub fn adopt(&mut self, object: &O, verdict: Verdict) -> bool {
        self.change(object, |tracked| {
            tracked.adopt(verdict);
            true
        })
    }

    /// Lets time pass: the delays of processes.
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
    pub fn next_timeout(&self) -> Option<Instant> {
        // A driver asks at every turn, and often there is nothing to track.
        if self.objects.is_empty() {
            return None;
        }
        self.earliest()
    }

    #[inline(never)]
    fn earliest(&self) -> Option<Instant> {
        self.objects.values().filter_map(Tracked::deadline).min()
    }

    /// What to tell a router next: that it is faulty before its priority, that it is not after it.
    pub fn poll_output(&mut self) -> Option<Output<R>> {
        loop {
            let router = self.changed.front()?.clone();
            if let Some(output) = self.tell(&router) {
                return Some(output);
            }
            self.changed.pop_front();
        }
    }

    /// What is known of an object; `None` if there is none of this name.
    pub fn verdict(&self, object: &O) -> Option<Verdict> {
        self.objects.get(object).map(Tracked::verdict)
    }

    /// What a router's priority is after tracking; `None` if there is no such router.
    pub fn priority(&self, router: &R) -> Option<Priority> {
        let known = self.routers.get(router)?;
        Some(self.standing(known).priority)
    }

    /// Whether a router may start: no script that would make it faulty is yet to report. If not, it
    /// is told when it may by [`Output::Ready`]. A router that runs already need not mind.
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

    /// What an object does to a router. The owner's priority never changes.
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

    /// The next difference between what a router was told and what is.
    fn tell(&mut self, name: &R) -> Option<Output<R>> {
        let standing = self.standing(self.routers.get(name)?);
        let told = &mut self.routers.get_mut(name)?.told;
        let router = name.clone();
        if standing.fault && !told.fault {
            told.fault = true;
            return Some(Output::Fault {
                router,
                present: true,
            });
        }
        if standing.priority != told.priority {
            told.priority = standing.priority;
            return Some(Output::Priority {
                router,
                priority: standing.priority,
            });
        }
        if told.fault && !standing.fault {
            told.fault = false;
            return Some(Output::Fault {
                router,
                present: false,
            });
        }
        let became_ready = standing.ready && !told.ready;
        told.ready = standing.ready;
        became_ready.then_some(Output::Ready { router })
    }
}
