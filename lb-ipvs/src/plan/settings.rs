// SPDX-License-Identifier: MIT OR Apache-2.0
//! The plan of a whole table with its time-outs and sync daemons.

use std::time::Duration;

use super::{Ownership, plan};
use crate::{
    settings::{SyncDaemon, SyncState, Timeouts},
    table::{Table, TableChange},
};

/// Plans the replacement of a whole table, no more changes than needed: [`plan`] with
/// [`Ownership::All`], and around it the settings.
///
/// 1. sync daemons that shall not run, or shall run otherwise, stop: the kernel takes no destination of
///    another address family than its service's while one runs;
/// 2. the changes of services and destinations;
/// 3. time-outs are set, and sync daemons start.
///
/// What `desired` leaves open stays: time-outs and sync daemons, single time-outs that are zero,
/// options of a sync daemon that are `None`.
///
/// The plan back, `plan_table(&desired, &actual)`, undoes it.
#[must_use]
pub fn plan_table(actual: &Table, desired: &Table) -> Vec<TableChange> {
    let (stops, starts) = plan_sync_daemons(actual, desired);
    let mut changes = stops;
    let entries = plan(actual, desired, Ownership::All).changes;
    changes.extend(entries.into_iter().map(TableChange::Entry));
    changes.extend(plan_timeouts(actual, desired).map(TableChange::SetTimeouts));
    changes.extend(starts);
    changes
}

/// The time-outs to set; zero where nothing is to be changed.
fn plan_timeouts(actual: &Table, desired: &Table) -> Option<Timeouts> {
    let wanted = *desired.timeouts()?;
    let present = actual.timeouts().copied().unwrap_or_default();
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

fn plan_sync_daemons(actual: &Table, desired: &Table) -> (Vec<TableChange>, Vec<TableChange>) {
    let Some(wanted) = desired.sync_daemons() else {
        return (Vec::new(), Vec::new());
    };
    let wanted: Vec<&SyncDaemon> = wanted.collect();
    let present: Vec<&SyncDaemon> = actual.sync_daemons().into_iter().flatten().collect();
    let stops = present
        .iter()
        .filter(|daemon| {
            !find(&wanted, daemon.state).is_some_and(|wanted| daemon.satisfies(wanted))
        })
        .map(|daemon| TableChange::StopSyncDaemon(daemon.state));
    let starts = wanted
        .iter()
        .filter(|wanted| {
            !find(&present, wanted.state).is_some_and(|daemon| daemon.satisfies(wanted))
        })
        .map(|wanted| TableChange::StartSyncDaemon((*wanted).clone()));
    (stops.collect(), starts.collect())
}

fn find<'a>(daemons: &[&'a SyncDaemon], state: SyncState) -> Option<&'a SyncDaemon> {
    daemons.iter().find(|daemon| daemon.state == state).copied()
}
