// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sync groups (`vrrp_sync_group` in keepalived): routers that are master together or not at all.
//!
//! A firewall that is master inside and backup outside forwards nothing. The routers of both sides
//! form a group:
//!
//! - It becomes master only when **every** member would be; a member whose timer fires alone waits.
//!   So the strictest member decides: one that does not preempt holds back all.
//! - When one member of a master is no longer master, all others resign.
//! - When one member has a fault, all are in [`State::Fault`]; they start again when no member has
//!   one.
//! - Address owners are master from the start only if all members are owners.
//! - A member that is added while the group is master becomes master with it.
//!
//! Like the engine, a group does no I/O. The caller reports the status of members
//! ([`SyncGroup::observe`]), in any order and as often as it likes, and carries out the requests of
//! the group ([`SyncGroup::poll_request`]). [`SyncGroup::settle`] does both for routers in memory.
//!
//! Priorities of the members should be in the same order on all routers of the LANs. Where A is
//! better inside and B outside, either may be master: the first one stays.
//!
//! ```
//! use std::time::Instant;
//!
//! use lb_vrrp::{RouterConfig, State, VirtualRouter, Vrid, group::{Status, SyncGroup}};
//!
//! let router = |vrid, own: [u8; 4], virtual_address: [u8; 4]| {
//!     let config = RouterConfig::builder(Vrid::new(vrid)?).address(virtual_address.into()).build()?;
//!     VirtualRouter::new(config, own.into())
//! };
//! let mut routers = [router(1, [10, 0, 0, 2], [10, 0, 0, 1])?, router(2, [192, 0, 2, 2], [192, 0, 2, 1])?];
//! let mut group = SyncGroup::new([0, 1]);
//! let mut now = Instant::now();
//! for router in &mut routers {
//!     router.set_grouped(true);
//!     router.handle_startup(now);
//! }
//! while routers[0].state() != State::Master {
//!     now = routers.iter().filter_map(VirtualRouter::next_timeout).min().unwrap();
//!     for router in &mut routers {
//!         router.handle_timeout(now);
//!     }
//!     group.settle(|member, request| Some(Status::after(request, now, routers.get_mut(*member)?)));
//! }
//! assert_eq!((routers[1].state(), group.state()), (State::Master, State::Master));
//! # Ok::<(), lb_vrrp::ConfigError>(())
//! ```

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Instant};

use crate::engine::{FaultReason, State, VirtualRouter};

/// The status of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "all that matters to a group; a caller without an engine makes it"
)]
pub struct Status {
    /// Its state.
    pub state: State,
    /// [`VirtualRouter::is_candidate`].
    pub candidate: bool,
    /// Whether it has a fault other than [`FaultReason::SyncGroup`].
    pub faulty: bool,
}

impl From<&VirtualRouter> for Status {
    fn from(router: &VirtualRouter) -> Self {
        Self {
            state: router.state(),
            candidate: router.is_candidate(),
            faulty: router
                .faults()
                .iter()
                .any(|fault| fault != FaultReason::SyncGroup),
        }
    }
}

/// A request to a member, which must be observed again afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a caller must do each of them")]
pub enum Request {
    /// [`VirtualRouter::promote`].
    Promote,
    /// [`VirtualRouter::demote`].
    Demote,
    /// [`VirtualRouter::handle_fault`] with [`FaultReason::SyncGroup`] and this value.
    Fault(bool),
}

impl Status {
    /// Carries out a request, if there is one, and returns the status of the router.
    pub fn after(request: Option<Request>, now: Instant, router: &mut VirtualRouter) -> Self {
        match request {
            Some(Request::Promote) => _ = router.promote(now),
            Some(Request::Demote) => _ = router.demote(now),
            Some(Request::Fault(present)) => {
                router.handle_fault(now, FaultReason::SyncGroup, present);
            }
            None => {}
        }
        Self::from(&*router)
    }
}

/// A member: its last observed status, and the requests to it.
#[derive(Clone, Debug)]
struct Member {
    status: Status,
    /// Whether the last request set the fault of the group.
    faulted: bool,
    duty: Duty,
}

/// The duty of a member to the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Duty {
    /// No duty.
    None,
    /// Added while the group was master: becomes master as soon as it is started.
    Join,
    /// To become master; not requested yet.
    Promotion,
    /// A request was returned, and the member has not been observed since.
    Asked,
}

impl Member {
    const fn new(duty: Duty) -> Self {
        Self {
            status: Status {
                state: State::Initialize,
                candidate: false,
                faulty: false,
            },
            faulted: false,
            duty,
        }
    }

    fn is_master(&self) -> bool {
        self.status.state == State::Master
    }

    /// Whether it has no duty left and is not master.
    fn is_lost(&self) -> bool {
        match self.duty {
            Duty::None => !self.is_master(),
            Duty::Join => self.status.state == State::Fault,
            Duty::Promotion | Duty::Asked => false,
        }
    }
}

/// One sync group; `M` names its members.
#[derive(Clone, Debug)]
pub struct SyncGroup<M> {
    members: BTreeMap<M, Member>,
    /// Whether the group is master, or becomes it.
    acting: bool,
}

impl<M: Clone + Ord> SyncGroup<M> {
    /// A group of these members, none of which has been observed.
    pub fn new(members: impl IntoIterator<Item = M>) -> Self {
        let member = |member| (member, Member::new(Duty::None));
        Self {
            members: members.into_iter().map(member).collect(),
            acting: false,
        }
    }

    /// Adds a member. A master in a group that is master stays master.
    pub fn add(&mut self, member: M) {
        let duty = if self.acting { Duty::Join } else { Duty::None };
        self.members
            .entry(member)
            .or_insert_with(|| Member::new(duty));
    }

    /// Removes a member; the states of the others do not change. For further use of the router
    /// alone, [ungroup](VirtualRouter::set_grouped) it and clear [`FaultReason::SyncGroup`].
    pub fn remove(&mut self, member: &M) {
        self.members.remove(member);
    }

    /// The members, in order.
    pub fn members(&self) -> impl Iterator<Item = &M> {
        self.members.keys()
    }

    /// State of the group: Fault if a member has a fault, Master if all are, Initialize
    /// if none was started, else Backup.
    #[must_use]
    pub fn state(&self) -> State {
        let all = |state| {
            self.members
                .values()
                .all(|member| member.status.state == state)
        };
        if self.is_faulty() {
            State::Fault
        } else if all(State::Initialize) {
            State::Initialize
        } else if all(State::Master) {
            State::Master
        } else {
            State::Backup
        }
    }

    /// Reports the status of a member. An unknown member is ignored.
    pub fn observe(&mut self, member: &M, status: Status) {
        if let Some(member) = self.members.get_mut(member) {
            member.status = status;
            if member.duty == Duty::Asked || member.is_master() {
                member.duty = Duty::None;
            }
        }
    }

    /// The next request to a member; `None` when all members are in the state of the group. The member
    /// must be [observed](Self::observe) after the request is carried out.
    pub fn poll_request(&mut self) -> Option<(M, Request)> {
        let faulty = self.is_faulty();
        if faulty || (self.acting && self.members.values().any(Member::is_lost)) {
            self.abandon_master();
        }
        if !faulty && !self.acting {
            self.try_promote();
        }
        self.ask(
            |member| member.faulted != faulty,
            |member| {
                member.faulted = faulty;
                Request::Fault(faulty)
            },
        )
        .or_else(|| {
            let acting = self.acting;
            self.ask(|member| !acting && member.is_master(), |_| Request::Demote)
        })
        .or_else(|| {
            self.ask(
                |member| match member.duty {
                    Duty::Promotion => true,
                    Duty::Join => member.status.state == State::Backup,
                    Duty::None | Duty::Asked => false,
                },
                |_| Request::Promote,
            )
        })
    }

    /// Observes all members and carries out all requests. `visit` carries out a request, if there is
    /// one, and returns the status of the member; `None` if there is no such router. The caller then
    /// takes the outputs of the routers, member by member.
    ///
    /// The loop ends, because no request makes a member a candidate or faulty.
    pub fn settle(&mut self, mut visit: impl FnMut(&M, Option<Request>) -> Option<Status>) {
        let members: Vec<M> = self.members.keys().cloned().collect();
        for member in &members {
            if let Some(status) = visit(member, None) {
                self.observe(member, status);
            }
        }
        while let Some((member, request)) = self.poll_request() {
            if let Some(status) = visit(&member, Some(request)) {
                self.observe(&member, status);
            }
        }
    }

    fn is_faulty(&self) -> bool {
        self.members.values().any(|member| member.status.faulty)
    }

    fn abandon_master(&mut self) {
        self.acting = false;
        for member in self.members.values_mut() {
            if member.duty != Duty::Asked {
                member.duty = Duty::None;
            }
        }
    }

    /// Makes the group master if every member is master or a candidate.
    fn try_promote(&mut self) {
        let ready = |member: &Member| {
            member.duty == Duty::None
                && !member.faulted
                && (member.is_master() || member.status.candidate)
        };
        let masters = self.members.values().filter(|member| member.is_master());
        let some_are = masters.count();
        if self.members.is_empty()
            || !self.members.values().all(ready)
            || (0 < some_are && some_are < self.members.len())
        {
            return;
        }
        self.acting = true;
        for member in self.members.values_mut() {
            if !member.is_master() {
                member.duty = Duty::Promotion;
            }
        }
    }

    /// The request to the first member that `wanted` selects.
    fn ask(
        &mut self,
        wanted: impl Fn(&Member) -> bool,
        request: impl Fn(&mut Member) -> Request,
    ) -> Option<(M, Request)> {
        let (name, member) = self
            .members
            .iter_mut()
            .find(|(_, member)| member.duty != Duty::Asked && wanted(member))?;
        let request = request(member);
        member.duty = Duty::Asked;
        Some((name.clone(), request))
    }
}
