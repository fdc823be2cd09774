// SPDX-License-Identifier: MIT OR Apache-2.0
//! The addresses of a router that are on their interface.

use lb_host::AddressKey;

/// Addresses, and whether each existed before the router added it and is kept. A sorted list: most
/// routers have few addresses, and a map allocates room for eleven.
#[derive(Debug, Default)]
pub(super) struct ReadyAddresses(Vec<(AddressKey, bool)>);

impl ReadyAddresses {
    /// Adds an address; returns whether it is new.
    pub(super) fn insert(&mut self, key: AddressKey, keep: bool) -> bool {
        let found = self.0.binary_search_by_key(&key, |(known, _)| *known);
        match found {
            Ok(at) => {
                if let Some((_, kept)) = self.0.get_mut(at) {
                    *kept = keep;
                }
            }
            Err(at) => self.0.insert(at, (key, keep)),
        }
        found.is_err()
    }

    /// Returns whether the address existed before and is kept; `None` if it is not present.
    pub(super) fn keep(&self, key: AddressKey) -> Option<bool> {
        let found = self.0.binary_search_by_key(&key, |(known, _)| *known);
        let (_, keep) = self.0.get(found.ok()?)?;
        Some(*keep)
    }

    pub(super) fn retain(&mut self, stays: impl Fn(AddressKey) -> bool) {
        self.0.retain(|(key, _)| stays(*key));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl FromIterator<(AddressKey, bool)> for ReadyAddresses {
    fn from_iter<I: IntoIterator<Item = (AddressKey, bool)>>(addresses: I) -> Self {
        let mut ready = Self::default();
        for (key, keep) in addresses {
            ready.insert(key, keep);
        }
        ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_present_once_for_each_interface() {
        let key = |link| AddressKey::new(link, "192.0.2.100".parse().unwrap());
        let mut ready: ReadyAddresses = [(key(2), true)].into_iter().collect();
        assert!(ready.insert(key(1), false));
        assert!(!ready.insert(key(2), false), "present already");
        assert_eq!(ready.keep(key(2)), Some(false));
        assert_eq!(ready.keep(key(3)), None);
        ready.retain(|key| key.link == 1);
        assert_eq!(ready.keep(key(2)), None);
        assert_eq!(ready.keep(key(1)), Some(false));
    }
}
