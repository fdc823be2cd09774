// SPDX-License-Identifier: MIT OR Apache-2.0
//! The delay between a resignation and the deletion of the table.
//!
//! A backup takes over its skew time after priority 0. Until then packets of clients are lost, but
//! replies of masqueraded real servers, whose gateway is still this machine, must be rewritten:
//! forwarded unchanged they would end the clients' connections. The sync daemon also has to send the
//! latest connections to the other director.

use std::collections::BTreeMap;
use std::time::Duration;

use lb_ipvs::{ForwardingMethod, SyncDaemon, Table, TableService};
use lb_vrrp::{AdvertInterval, Priority, State, Version};

use crate::model::VrrpInstance;

/// Time after a takeover until the announcements of the new master have arrived.
const ANNOUNCED: Duration = Duration::from_millis(200);
/// Upper bound, for backups with long intervals.
const LONGEST: Duration = Duration::from_secs(5);

/// The delay from the resignation to the deletion of the table; zero when no connection needs it.
pub(super) fn stop_delay(
    routers: &[VrrpInstance],
    states: &BTreeMap<String, State>,
    table: &Table,
    sync_daemons: &[SyncDaemon],
) -> Duration {
    let masquerades = table
        .services()
        .flat_map(TableService::destinations)
        .any(|destination| destination.forwarding == ForwardingMethod::Masquerade);
    if !masquerades && sync_daemons.is_empty() {
        return Duration::ZERO;
    }
    routers
        .iter()
        .map(|router| &router.spec)
        .filter(|router| states.get(&router.name) == Some(&State::Master))
        .map(|router| slowest_takeover(router.config.interval(), router.config.version()))
        .max()
        .map_or(Duration::ZERO, |takeover| {
            (takeover + ANNOUNCED).min(LONGEST)
        })
}

/// The skew time of a backup with the lowest priority.
fn slowest_takeover(interval: AdvertInterval, version: Version) -> Duration {
    Priority::new(1).map_or(Duration::ZERO, |lowest| interval.skew_time(version, lowest))
}

#[cfg(test)]
mod tests {
    use lb_ipvs::{Destination, Scheduler, Service, ServiceKey, SyncId, SyncState};
    use lb_vrrp::spec::RouterSpec;
    use lb_vrrp::{RouterConfig, Vrid};

    use super::*;

    fn router(centis: u16) -> VrrpInstance {
        let config = RouterConfig::builder(Vrid::new(100).unwrap())
            .version(Version::V3)
            .interval(AdvertInterval::from_centis(centis).unwrap())
            .address("192.168.1.50".parse().unwrap())
            .build()
            .unwrap();
        RouterSpec::new("VI_1", "eth0", config).into()
    }

    fn table(forwarding: ForwardingMethod) -> Table {
        let key = ServiceKey::tcp("192.168.1.50:80".parse().unwrap());
        let server = Destination::new("192.168.1.61:80".parse().unwrap());
        let service = TableService::new(Service::new(key, Scheduler::WeightedRoundRobin));
        Table::from_iter([service.with_destinations([server.with_forwarding(forwarding)])])
    }

    fn as_state(state: State) -> BTreeMap<String, State> {
        BTreeMap::from([("VI_1".to_owned(), state)])
    }

    #[test]
    fn a_masquerading_master_waits_for_the_slowest_backup() {
        let table = table(ForwardingMethod::Masquerade);
        let delay = |centis, state| stop_delay(&[router(centis)], &as_state(state), &table, &[]);
        assert_eq!(
            delay(256, State::Master),
            Duration::from_millis(2550) + ANNOUNCED
        );
        assert_eq!(delay(4095, State::Master), LONGEST);
        assert_eq!(delay(256, State::Backup), Duration::ZERO);
    }

    #[test]
    fn direct_routing_waits_only_for_the_sync_daemon() {
        let table = table(ForwardingMethod::DirectRouting);
        let master = as_state(State::Master);
        let sync = SyncDaemon::new(SyncState::Master, "eth0", SyncId::new(100));
        let delay = |sync: &[SyncDaemon]| stop_delay(&[router(100)], &master, &table, sync);
        assert_eq!(delay(&[]), Duration::ZERO);
        assert!(delay(&[sync]) > Duration::from_secs(1));
    }
}
