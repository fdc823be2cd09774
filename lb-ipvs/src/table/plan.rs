// SPDX-License-Identifier: MIT OR Apache-2.0
//! From one table to another.

use std::{collections::BTreeMap, time::Duration};

use super::{Table, TableChange};
use crate::{
    change::Change,
    settings::{SyncDaemon, SyncState, Timeouts},
};

impl Table {
    /// The changes that make `desired` out of this table, no more than needed, in an order that
    /// takes nothing away before its replacement is there:
    ///
    /// 1. sync daemons that shall not run, or shall run otherwise, stop: the kernel takes no
    ///    destination of another address family than its service's while one runs;
    /// 2. everything new is added, a service before its destinations;
    /// 3. what differs is edited;
    /// 4. what is not in `desired` is deleted;
    /// 5. time-outs are set, and sync daemons start.
    ///
    /// What can be refused comes before what cannot be undone without loss. What `desired` leaves
    /// open stays: time-outs and sync daemons, single time-outs that are zero, options of a sync
    /// daemon that are `None`.
    ///
    /// The plan back, `after.plan(&before)`, undoes it.
    #[must_use]
    pub fn plan(&self, desired: &Self) -> Vec<TableChange> {
        let (stops, starts) = sync_daemons(self, desired);
        let mut plan = stops;
        let (mut edits, mut deletions) = (Vec::new(), Vec::new());
        let entry = TableChange::Entry;
        for (key, wanted) in &desired.services {
            let Some(present) = self.services.get(key) else {
                plan.push(entry(Change::AddService(wanted.service.clone())));
                let destinations = wanted.destinations.values();
                plan.extend(destinations.map(|new| entry(Change::AddDestination(*key, *new))));
                continue;
            };
            if present.service != wanted.service {
                edits.push(entry(Change::EditService(wanted.service.clone())));
            }
            for (address, new) in &wanted.destinations {
                match present.destinations.get(address) {
                    None => plan.push(entry(Change::AddDestination(*key, *new))),
                    Some(old) if old != new => {
                        edits.push(entry(Change::EditDestination(*key, *new)));
                    }
                    Some(_) => {}
                }
            }
            let gone = present.destinations.keys();
            deletions.extend(
                gone.filter(|address| !wanted.destinations.contains_key(address))
                    .map(|address| entry(Change::DeleteDestination(*key, *address))),
            );
        }
        let gone = self.services.keys();
        deletions.extend(
            gone.filter(|key| !desired.services.contains_key(key))
                .map(|key| entry(Change::DeleteService(*key))),
        );
        plan.extend(edits);
        plan.extend(deletions);
        plan.extend(timeouts(self, desired).map(TableChange::SetTimeouts));
        plan.extend(starts);
        plan
    }
}

/// The time-outs to set; zero where nothing is to be changed.
fn timeouts(actual: &Table, desired: &Table) -> Option<Timeouts> {
    let wanted = desired.timeouts?;
    let present = actual.timeouts.unwrap_or_default();
    let change = |present: Duration, wanted: Duration| {
        if present == wanted {
            Duration::ZERO
        } else {
            wanted
        }
    };
    let timeouts = Timeouts {
        tcp: change(present.tcp, wanted.tcp),
        tcp_fin: change(present.tcp_fin, wanted.tcp_fin),
        udp: change(present.udp, wanted.udp),
    };
    (timeouts != Timeouts::default()).then_some(timeouts)
}

fn sync_daemons(actual: &Table, desired: &Table) -> (Vec<TableChange>, Vec<TableChange>) {
    let Some(wanted) = &desired.sync_daemons else {
        return (Vec::new(), Vec::new());
    };
    let none = BTreeMap::new();
    let present = actual.sync_daemons.as_ref().unwrap_or(&none);
    let fits = |state: &SyncState, daemon: &SyncDaemon| {
        wanted
            .get(state)
            .is_some_and(|wanted| is_met(wanted, daemon))
    };
    let stops = present
        .iter()
        .filter(|(state, daemon)| !fits(state, daemon))
        .map(|(state, _)| TableChange::StopSyncDaemon(*state));
    let starts = wanted
        .iter()
        .filter(|(state, wanted)| {
            !present
                .get(state)
                .is_some_and(|daemon| is_met(wanted, daemon))
        })
        .map(|(_, wanted)| TableChange::StartSyncDaemon(wanted.clone()));
    (stops.collect(), starts.collect())
}

/// Whether a running daemon is as wanted; what is left open is met by anything.
fn is_met(wanted: &SyncDaemon, daemon: &SyncDaemon) -> bool {
    fn open_or_equal<T: PartialEq>(wanted: Option<T>, present: Option<T>) -> bool {
        wanted.is_none() || wanted == present
    }
    wanted.interface == daemon.interface
        && wanted.sync_id == daemon.sync_id
        && open_or_equal(wanted.max_length, daemon.max_length)
        && open_or_equal(wanted.group, daemon.group)
        && open_or_equal(wanted.port, daemon.port)
        && open_or_equal(wanted.ttl, daemon.ttl)
}
