// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sockets of the advert thread, in the order of their keys.

use super::key::{PortKey, RouterKey};
use super::port::Port;

/// A map from keys to sockets. A sorted vector: a router remembers the place of its own.
#[derive(Debug)]
pub(super) struct PortMap<P = Port> {
    all: Vec<(PortKey, Box<P>)>,
    /// Changes when a place changes.
    version: u64,
}

/// The place of a port in a version of the map.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    index: usize,
    version: u64,
}

impl<P> Default for PortMap<P> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            version: 0,
        }
    }
}

impl<P> PortMap<P> {
    fn index(&self, key: &PortKey) -> Result<usize, usize> {
        self.all.binary_search_by(|(own, _)| own.cmp(key))
    }

    pub(super) fn get(&self, key: &PortKey) -> Option<&P> {
        let index = self.index(key).ok()?;
        self.all.get(index).map(|(_, port)| &**port)
    }

    pub(super) fn get_mut(&mut self, key: &PortKey) -> Option<&mut P> {
        let index = self.index(key).ok()?;
        self.all.get_mut(index).map(|(_, port)| &mut **port)
    }

    /// Returns the port of a router, which remembers the place.
    pub(super) fn of_router(&mut self, key: &RouterKey, place: &mut Place) -> Option<&mut P> {
        if place.version != self.version {
            *place = self.find(key)?;
        }
        self.all.get_mut(place.index).map(|(_, port)| &mut **port)
    }

    #[cold]
    fn find(&self, key: &RouterKey) -> Option<Place> {
        Some(Place {
            index: self.index(&key.port()).ok()?,
            version: self.version,
        })
    }

    /// Adds a port; replaces one with the same key.
    pub(super) fn insert(&mut self, key: PortKey, port: P) {
        let port = Box::new(port);
        self.version += 1;
        match self.index(&key) {
            Ok(index) => {
                if let Some((_, old)) = self.all.get_mut(index) {
                    *old = port;
                }
            }
            Err(index) => self.all.insert(index, (key, port)),
        }
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&PortKey, &P) -> bool) {
        self.all.retain(|(key, port)| keep(key, port));
        self.version += 1;
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&PortKey, &mut P)> {
        self.all.iter_mut().map(|(key, port)| (&*key, &mut **port))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&PortKey, &P)> {
        self.all.iter().map(|(key, port)| (key, &**port))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{AddressFamily, Vrid};

    fn key(interface: &str) -> RouterKey {
        RouterKey {
            interface: Arc::from(interface),
            family: AddressFamily::Ipv4,
            vrid: Vrid::new(51).unwrap(),
        }
    }

    #[test]
    fn a_router_finds_its_own_port_after_each_change_of_the_map() {
        let mut ports = PortMap::default();
        let mut place = Place::default();
        let own = key("eth1");
        assert_eq!(ports.of_router(&own, &mut place), None);
        // Each of these moves the port or replaces it.
        ports.insert(own.port(), "own");
        assert_eq!(ports.of_router(&own, &mut place), Some(&mut "own"));
        ports.insert(key("eth0").port(), "before");
        assert_eq!(ports.of_router(&own, &mut place), Some(&mut "own"));
        ports.insert(key("eth2").port(), "after");
        ports.insert(own.port(), "reopened");
        assert_eq!(ports.of_router(&own, &mut place), Some(&mut "reopened"));
        ports.retain(|_, port| *port != "before");
        assert_eq!(ports.of_router(&own, &mut place), Some(&mut "reopened"));
        ports.retain(|_, port| *port == "after");
        assert_eq!(ports.of_router(&own, &mut place), None);
        ports.insert(own.port(), "back");
        assert_eq!(ports.of_router(&own, &mut place), Some(&mut "back"));
        assert_eq!(ports.get(&own.port()), Some(&"back"));
    }
}
