// SPDX-License-Identifier: MIT OR Apache-2.0
//! The files that keepalived writes when it gets a signal, for programs that read them.
//!
//! | file | signal | contents |
//! |---|---|---|
//! | `keepalived.data` | `SIGUSR1` | [`vrrp_data`]: virtual routers, sync groups, tracked objects |
//! | `keepalived_check.data` | `SIGUSR1` | [`check_data`]: virtual servers, real servers, checks |
//! | `keepalived_parent.data` | `SIGUSR1` | [`global_data`]: settings of the process |
//! | `keepalived.stats` | `SIGUSR2` | [`stats`]: counters of the virtual routers |
//! | `keepalived.json` | `SIGRTMIN` + 2 | [`json`]: virtual routers with their counters |
//!
//! The functions here only write text, from a [`Moment`] of the daemon. Fields, their order and format
//! are those of keepalived 2.4; what the daemon has nothing of is left out of the data files, whose format
//! keepalived declares as unstable. Passwords are masked.

mod check;
mod global;
mod item;
mod json;
mod stats;
#[cfg(test)]
mod tests;
mod vrrp;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use lb_vrrp::track::{ObjectId, Verdict};
use lb_vrrp::{Priority, RouterStats, State};

use crate::director::VirtualServerState;
use crate::model::{Global, ObjectSpec, SyncGroup, VirtualServer, VrrpInstance};

pub use self::check::check_data;
pub use self::global::global_data;
pub use self::json::{JsonVersion, json};
pub use self::stats::stats;
pub use self::vrrp::vrrp_data;

/// What stands for a password.
const MASK: &str = "********";

/// A daemon at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Moment<'a> {
    /// Settings of the process.
    pub global: &'a Global,
    /// The virtual routers, in the order of the configuration.
    pub routers: Vec<RouterMoment<'a>>,
    /// The sync groups with their states.
    pub groups: Vec<(&'a SyncGroup, State)>,
    /// The tracked objects with what is known about them.
    pub objects: Vec<(&'a ObjectSpec, Verdict)>,
    /// How many processes match each tracked process.
    pub counts: BTreeMap<ObjectId, u32>,
    /// The virtual servers, in the order of the configuration, with their states.
    pub virtual_servers: Vec<(&'a VirtualServer, VirtualServerState)>,
}

impl<'a> Moment<'a> {
    /// A daemon with nothing but settings.
    #[must_use]
    pub const fn new(global: &'a Global) -> Self {
        Self {
            global,
            routers: Vec::new(),
            groups: Vec::new(),
            objects: Vec::new(),
            counts: BTreeMap::new(),
            virtual_servers: Vec::new(),
        }
    }
}

/// A virtual router at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RouterMoment<'a> {
    /// Its configuration.
    pub instance: &'a VrrpInstance,
    /// Its state.
    pub state: State,
    /// When it entered that state, since the epoch.
    pub since: Duration,
    /// Its priority after the effects of tracked objects.
    pub priority: Priority,
    /// The priority in the adverts of the master; none while it is master itself, or knows none.
    pub master_priority: Option<Priority>,
    /// How many faults keep it from taking part.
    pub faults: usize,
    /// Source of its adverts.
    pub source: Option<IpAddr>,
    /// The interface with its virtual MAC address, or its ipvlan.
    pub vmac: Option<String>,
    /// Its counters.
    pub stats: RouterStats,
}

impl<'a> RouterMoment<'a> {
    /// A virtual router that has just been made.
    #[must_use]
    pub fn new(instance: &'a VrrpInstance) -> Self {
        Self {
            instance,
            state: State::Initialize,
            since: Duration::ZERO,
            priority: instance.spec.config.priority(),
            master_priority: None,
            faults: 0,
            source: None,
            vmac: None,
            stats: RouterStats::default(),
        }
    }

    /// The interface of its adverts, as keepalived calls it.
    fn interface(&self) -> &str {
        self.vmac
            .as_deref()
            .unwrap_or(&self.instance.spec.interface)
    }
}

/// keepalived's name of a state, in its logs and files.
pub(crate) const fn state_name(state: State) -> &'static str {
    match state {
        State::Initialize => "INIT",
        State::Backup => "BACKUP",
        State::Master => "MASTER",
        State::Fault => "FAULT",
    }
}
