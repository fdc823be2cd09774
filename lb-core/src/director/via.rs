// SPDX-License-Identifier: MIT OR Apache-2.0
//! The services for checks at the virtual address: a firewall mark for each real server and forwarding
//! method, so that a probe with that mark reaches that real server as a client's packet would.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::num::NonZeroU32;

use lb_ipvs::{Destination, Scheduler, Service, ServiceKey, TableService};

use crate::model::{MarkRange, ViaPath};

/// An IPVS service for checks at the virtual address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ViaService {
    /// Its key, which has the mark of the probes.
    pub key: ServiceKey,
    /// The only destination: the real server, with port 0 and weight 1.
    pub destination: Destination,
}

/// The services, by the way for which each is.
#[derive(Debug, Default)]
pub(super) struct ViaServices {
    marks: BTreeMap<ViaPath, NonZeroU32>,
    /// The mark that was taken last: one that has become free is taken again as late as possible.
    last: u32,
}

impl ViaServices {
    /// Makes services for exactly these ways, with marks of `range`; a way that had one of these marks keeps
    /// it. Returns the keys of the services that are no longer as before.
    pub(super) fn replace(
        &mut self,
        paths: &BTreeSet<ViaPath>,
        range: MarkRange,
    ) -> BTreeSet<ServiceKey> {
        let mut changed = BTreeSet::new();
        self.marks.retain(|path, mark| {
            let stays = paths.contains(path) && range.contains(mark.get());
            if !stays {
                changed.insert(key(*path, *mark));
            }
            stays
        });
        let used: BTreeSet<NonZeroU32> = self.marks.values().copied().collect();
        let is_next = |mark: &NonZeroU32| mark.get() > self.last;
        let later = range.marks().filter(is_next).chain(range.marks());
        let free = later.filter(|mark| !used.contains(mark)).take(range.size());
        let new = paths.iter().filter(|path| !self.marks.contains_key(path));
        // A valid model has no more ways than marks.
        let new: Vec<_> = new.copied().zip(free).collect();
        for (path, mark) in new {
            self.last = mark.get();
            self.marks.insert(path, mark);
            changed.insert(key(path, mark));
        }
        changed
    }

    /// The service of a way.
    pub(super) fn of_path(&self, path: &ViaPath) -> Option<ViaService> {
        let mark = self.marks.get(path)?;
        Some(service(*path, *mark))
    }

    /// All services.
    pub(super) fn iter(&self) -> impl Iterator<Item = ViaService> {
        self.marks.iter().map(|(path, mark)| service(*path, *mark))
    }

    /// The service with this key as the data plane shall have it.
    pub(super) fn desired(&self, key: &ServiceKey) -> Option<TableService> {
        let found = self.iter().find(|service| service.key == *key)?;
        Some(found.desired())
    }
}

impl ViaService {
    /// The service as the data plane shall have it.
    pub(super) fn desired(&self) -> TableService {
        TableService::new(Service::new(self.key, Scheduler::RoundRobin))
            .with_destinations([self.destination])
    }
}

fn service(path: ViaPath, mark: NonZeroU32) -> ViaService {
    let address = SocketAddr::new(path.real_server, 0);
    ViaService {
        key: key(path, mark),
        destination: Destination::new(address).with_forwarding(path.forwarding),
    }
}

const fn key(path: ViaPath, mark: NonZeroU32) -> ServiceKey {
    ServiceKey::firewall_mark(mark, path.family)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use lb_ipvs::{AddressFamily, ForwardingMethod, Tunnel};
    use proptest::prelude::*;

    use super::*;

    fn path(host: u8) -> ViaPath {
        ViaPath {
            family: AddressFamily::Ipv4,
            real_server: IpAddr::from([192, 168, 1, host]),
            forwarding: ForwardingMethod::DirectRouting,
        }
    }

    fn range(first: u32, last: u32) -> MarkRange {
        MarkRange::new(first, last).unwrap()
    }

    fn marks(services: &ViaServices) -> Vec<(u8, u32)> {
        let marks = services.marks.iter().map(|(path, mark)| {
            let IpAddr::V4(ip) = path.real_server else {
                unreachable!("only IPv4 here");
            };
            (ip.octets()[3], mark.get())
        });
        marks.collect()
    }

    #[test]
    fn a_way_keeps_its_mark_while_others_come_and_go() {
        let mut services = ViaServices::default();
        let changed = services.replace(&[61, 62, 63].map(path).into(), range(100, 200));
        assert_eq!(changed.len(), 3);
        assert_eq!(marks(&services), [(61, 100), (62, 101), (63, 102)]);
        let changed = services.replace(&[60, 62, 63].map(path).into(), range(100, 200));
        // The mark of 61 is not used again so soon.
        assert_eq!(changed.len(), 2);
        assert_eq!(marks(&services), [(60, 103), (62, 101), (63, 102)]);
        assert!(
            services
                .replace(&[60, 62, 63].map(path).into(), range(100, 200))
                .is_empty()
        );
        services.replace(&[62, 63].map(path).into(), range(102, 200));
        assert_eq!(marks(&services), [(62, 104), (63, 102)]);
        let desired = services
            .desired(&key(path(62), NonZeroU32::new(104).unwrap()))
            .unwrap();
        let address = "192.168.1.62:0".parse().unwrap();
        assert_eq!(
            desired.destination(address),
            Some(&Destination::new(address))
        );
        services.replace(&[62, 63, 64].map(path).into(), range(102, 104));
        assert_eq!(marks(&services), [(62, 104), (63, 102), (64, 103)]);
        services.replace(&BTreeSet::new(), range(102, 104));
        assert_eq!(services.iter().count(), 0);
    }

    #[test]
    fn methods_and_families_are_ways_of_their_own() {
        let mut tunnel = path(61);
        tunnel.forwarding = ForwardingMethod::Tunnel(Tunnel::default());
        let mut other = tunnel;
        other.family = AddressFamily::Ipv6;
        let mut services = ViaServices::default();
        services.replace(&[path(61), tunnel, other].into(), MarkRange::default());
        let keys: BTreeSet<_> = services.iter().map(|service| service.key).collect();
        assert_eq!(keys.len(), 3);
        assert_eq!(
            services.of_path(&tunnel).unwrap().destination.forwarding,
            tunnel.forwarding
        );
    }

    proptest! {
        #[test]
        fn marks_are_unique_and_of_the_range(
            rounds in prop::collection::vec(prop::collection::btree_set(0_u8..40, 0..20), 1..6),
        ) {
            let mut services = ViaServices::default();
            let range = range(1000, 1019);
            for hosts in rounds {
                let paths: BTreeSet<_> = hosts.into_iter().map(path).collect();
                let before = services.marks.clone();
                let changed = services.replace(&paths, range);
                let unique: BTreeSet<_> = services.marks.values().collect();
                prop_assert_eq!(unique.len(), paths.len());
                prop_assert!(services.marks.values().all(|mark| range.contains(mark.get())));
                for (path, mark) in &before {
                    if let Some(now) = services.marks.get(path) {
                        prop_assert_eq!(now, mark);
                    } else {
                        prop_assert!(changed.contains(&key(*path, *mark)));
                    }
                }
            }
        }
    }
}
