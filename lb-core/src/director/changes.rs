// SPDX-License-Identifier: MIT OR Apache-2.0
//! Changes of the desired table that wait.

use std::collections::{BTreeMap, btree_map};

use lb_ipvs::{Part, ServiceKey};

/// The changed parts of services: one part for each service, with all that changed in it.
#[derive(Debug, Default)]
pub(crate) struct ChangedServices(BTreeMap<ServiceKey, Part>);

impl ChangedServices {
    /// Adds a part; true if nothing else of the service waits.
    pub(crate) fn add(&mut self, key: ServiceKey, part: Part) -> bool {
        match self.0.entry(key) {
            btree_map::Entry::Occupied(mut waiting) => {
                waiting.get_mut().extend(part);
                false
            }
            btree_map::Entry::Vacant(vacant) => {
                vacant.insert(part);
                true
            }
        }
    }

    /// Takes out what waits of a service.
    pub(crate) fn remove(&mut self, key: &ServiceKey) -> Option<Part> {
        self.0.remove(key)
    }

    #[cfg(feature = "daemon")]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(feature = "daemon")]
impl IntoIterator for ChangedServices {
    type Item = (ServiceKey, Part);
    type IntoIter = btree_map::IntoIter<ServiceKey, Part>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_one_service_are_one_change() {
        let key = ServiceKey::tcp("192.168.1.50:80".parse().unwrap());
        let [first, second] = ["192.168.1.61:80", "192.168.1.62:80"].map(|a| a.parse().unwrap());
        let mut changes = ChangedServices::default();
        assert!(changes.add(key, Part::destination(first)));
        assert!(!changes.add(key, Part::destination(second)));
        let both = Part::Destinations([first, second].into());
        assert_eq!(changes.remove(&key), Some(both));
        assert_eq!(changes.remove(&key), None);
    }
}
