// SPDX-License-Identifier: MIT OR Apache-2.0
//! How long the table outlives a resignation.
//!
//! Between priority 0 and the backup's takeover lies the skew time. What comes from the clients
//! finds no address here any more and is lost, but answers of masqueraded real servers, whose
//! gateway is still this machine, must be rewritten: passed on as they are they would end the
//! clients' connections. And the sync daemon has young connections to tell the other side of.

use std::collections::BTreeMap;
use std::time::Duration;

use lb_ipvs::{ForwardingMethod, SyncDaemon, Table, TableService};
use lb_vrrp::{AdvertInterval, Priority, State, Version};

use crate::model::VrrpInstance;

/// The new master's announcements have reached everybody this long after its takeover.
const ANNOUNCED: Duration = Duration::from_millis(200);
/// A stop does not take longer, however slow a backup with long intervals may be.
const LONGEST: Duration = Duration::from_secs(5);

/// From the resignation until the table may go; zero when nobody needs it.
pub(super) fn patience(
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

/// The skew time of a backup of the lowest priority there is.
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
        let of = |centis, state| patience(&[router(centis)], &as_state(state), &table, &[]);
        assert_eq!(
            of(256, State::Master),
            Duration::from_millis(2550) + ANNOUNCED
        );
        assert_eq!(of(4095, State::Master), LONGEST);
        assert_eq!(of(256, State::Backup), Duration::ZERO);
    }

    #[test]
    fn direct_routing_waits_only_for_the_sync_daemon() {
        let table = table(ForwardingMethod::DirectRouting);
        let master = as_state(State::Master);
        let sync = SyncDaemon::new(SyncState::Master, "eth0", SyncId::new(100));
        let of = |sync: &[SyncDaemon]| patience(&[router(100)], &master, &table, sync);
        assert_eq!(of(&[]), Duration::ZERO);
        assert!(of(&[sync]) > Duration::from_secs(1));
    }
}
