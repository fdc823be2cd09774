// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which sync daemons shall run: they follow the virtual routers.

use std::collections::BTreeMap;

use lb_ipvs::{SyncDaemon, SyncId, SyncState};
use lb_vrrp::State;

use crate::model::{Global, VrrpInstance};

/// The sync daemons for these states of the routers, by name; at most one of each state, the first in
/// the order of the model. Everything but master takes connections in.
pub(super) fn desired(
    global: &Global,
    routers: &[VrrpInstance],
    states: &BTreeMap<String, State>,
) -> Vec<SyncDaemon> {
    let state = |name: &str| match states.get(name) {
        Some(State::Master) => SyncState::Master,
        _ => SyncState::Backup,
    };
    let mut daemons = Vec::new();
    if let Some(settings) = &global.sync_daemon {
        let both = [SyncState::Master, SyncState::Backup];
        let following = settings.instance.as_ref().map(|name| [state(name)]);
        for &state in following.as_ref().map_or(&both[..], |one| &one[..]) {
            let mut daemon = settings.daemon.clone();
            daemon.state = state;
            daemons.push(daemon);
        }
    }
    for router in routers {
        if let Some(interface) = &router.sync_daemon_interface {
            let sync_id = SyncId::new(router.spec.config.vrid().get());
            daemons.push(SyncDaemon::new(
                state(&router.spec.name),
                interface.as_str(),
                sync_id,
            ));
        }
    }
    let mut first = Vec::<SyncDaemon>::new();
    for daemon in daemons {
        if !first.iter().any(|other| other.state == daemon.state) {
            first.push(daemon);
        }
    }
    first
}
