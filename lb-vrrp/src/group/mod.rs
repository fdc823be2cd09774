// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sync groups (`vrrp_sync_group` in keepalived): routers that are master together or not at all.
//!
//! A firewall that is master inside and backup outside forwards nothing. The routers of both sides
//! form a group:
//!
//! - It becomes master only when **every** member would be; a member whose timer fires alone waits.
//!   So the strictest member decides: one that does not preempt holds back all.
//! - When one member of a master is no longer master, all others resign.
//! - When something is amiss with one member, all are in [`State::Fault`], and they start anew when
//!   nothing is amiss with any.
//! - Address owners are master from the start only if all members are owners.
//! - A member that is added while the group is master becomes master with it.
//!
//! Like the engine, a group does no I/O. It is told what has become of a member
//! ([`SyncGroup::observe`]), however often and in whatever order, and says what else must happen
//! ([`SyncGroup::poll_request`]). [`SyncGroup::settle`] does both for routers at hand.
//!
//! Priorities of the members should be in the same order on all routers of the LANs. Where A is
//! better inside and B outside, either may be master; that is decided by who is first.
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

/// What a group knows of a member.
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
    /// Whether anything is amiss with it but [`FaultReason::SyncGroup`].
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

/// What a member must do. The member is observed again afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a caller must do each of them")]
pub enum Request {
    /// [`VirtualRouter::promote`].
    Promote,
    /// [`VirtualRouter::demote`].
    Demote,
    /// [`VirtualRouter::handle_fault`] with [`FaultReason::SyncGroup`] and this.
    Fault(bool),
}

impl Status {
    /// What has become of a router after it did what it was asked for, if it was.
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

/// A member as it was observed last, and what it has been asked for.
#[derive(Clone, Debug)]
struct Member {
    status: Status,
    /// It was told that the group is faulty.
    faulted: bool,
    duty: Duty,
}

/// What a member owes to the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Duty {
    /// To be what it is.
    None,
    /// It came while the group was master; it becomes master as soon as it is started.
    Join,
    /// It will be asked to become master.
    Promotion,
    /// It was asked for something, and has not been observed since.
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

    /// It has nothing left to do, and is not master.
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
    /// It is master, or becomes it.
    acting: bool,
}

impl<M: Clone + Ord> SyncGroup<M> {
    /// A group of these, none of which has been observed.
    pub fn new(members: impl IntoIterator<Item = M>) -> Self {
        let member = |member| (member, Member::new(Duty::None));
        Self {
            members: members.into_iter().map(member).collect(),
            acting: false,
        }
    }

    /// Adds a member. One that is master already, in a group that is master, stays so.
    pub fn add(&mut self, member: M) {
        let duty = if self.acting { Duty::Join } else { Duty::None };
        self.members
            .entry(member)
            .or_insert_with(|| Member::new(duty));
    }

    /// Removes a member; the others do not move for that. Whoever goes on using the router
    /// [takes it out](VirtualRouter::set_grouped) and clears [`FaultReason::SyncGroup`].
    pub fn remove(&mut self, member: &M) {
        self.members.remove(member);
    }

    /// The members, in order.
    pub fn members(&self) -> impl Iterator<Item = &M> {
        self.members.keys()
    }

    /// State of the group: Fault if anything is amiss with a member, Master if all are, Initialize
    /// if none was started, else Backup.
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

    /// Tells what has become of a member. A stranger is disregarded.
    pub fn observe(&mut self, member: &M, status: Status) {
        if let Some(member) = self.members.get_mut(member) {
            member.status = status;
            if member.duty == Duty::Asked || member.is_master() {
                member.duty = Duty::None;
            }
        }
    }

    /// The next thing a member must do; `None` when the group is as it should be. The member must
    /// be [observed](Self::observe) after it has done it.
    pub fn poll_request(&mut self) -> Option<(M, Request)> {
        let faulty = self.is_faulty();
        if faulty || (self.acting && self.members.values().any(Member::is_lost)) {
            self.stand_down();
        }
        if !faulty && !self.acting {
            self.stand_up();
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

    /// Observes all members and does what is to be done, until nothing is. `visit` does what a
    /// member is asked for, if anything, and says what has become of it; `None`: it is not there.
    /// The caller then does what the routers say, member by member.
    ///
    /// It ends: what a member is asked for makes it neither a candidate nor faulty.
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

    fn stand_down(&mut self) {
        self.acting = false;
        for member in self.members.values_mut() {
            if member.duty != Duty::Asked {
                member.duty = Duty::None;
            }
        }
    }

    /// Becomes master if every member is, or would be.
    fn stand_up(&mut self) {
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

    /// Asks the first member that `wanted` picks.
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
