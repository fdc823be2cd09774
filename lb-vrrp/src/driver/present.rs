// SPDX-License-Identifier: MIT OR Apache-2.0
//! The addresses of a router that are on their interface.

use std::net::IpAddr;

/// An interface by its index, and an address on it.
pub(super) type Place = (u32, IpAddr);

/// Addresses, and whether each existed before the router added it and is kept. A sorted list: most
/// routers have few addresses, and a map allocates room for eleven.
#[derive(Debug, Default)]
pub(super) struct Present(Vec<(Place, bool)>);

impl Present {
    /// Adds an address; returns whether it is new.
    pub(super) fn insert(&mut self, place: Place, keep: bool) -> bool {
        let found = self.0.binary_search_by_key(&place, |(known, _)| *known);
        match found {
            Ok(at) => {
                if let Some((_, kept)) = self.0.get_mut(at) {
                    *kept = keep;
                }
            }
            Err(at) => self.0.insert(at, (place, keep)),
        }
        found.is_err()
    }

    /// Returns whether the address existed before and is kept; `None` if it is not present.
    pub(super) fn keep(&self, place: Place) -> Option<bool> {
        let found = self.0.binary_search_by_key(&place, |(known, _)| *known);
        let (_, keep) = self.0.get(found.ok()?)?;
        Some(*keep)
    }

    pub(super) fn retain(&mut self, stays: impl Fn(&Place) -> bool) {
        self.0.retain(|(place, _)| stays(place));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl FromIterator<(Place, bool)> for Present {
    fn from_iter<I: IntoIterator<Item = (Place, bool)>>(places: I) -> Self {
        let mut present = Self::default();
        for (place, keep) in places {
            present.insert(place, keep);
        }
        present
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_present_once_for_each_interface() {
        let address: IpAddr = "192.0.2.100".parse().unwrap();
        let mut present: Present = [((2, address), true)].into_iter().collect();
        assert!(present.insert((1, address), false));
        assert!(!present.insert((2, address), false), "present already");
        assert_eq!(present.keep((2, address)), Some(false));
        assert_eq!(present.keep((3, address)), None);
        present.retain(|(link, _)| *link == 1);
        assert_eq!(present.keep((2, address)), None);
        assert_eq!(present.keep((1, address)), Some(false));
    }
}
