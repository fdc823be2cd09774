// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sockets of the advert thread, in the order of their keys.

use super::mailbox::{PortKey, RouterKey};
use super::port::Port;

/// A map from keys to sockets, each once. As a vector: a router remembers the place of its own.
#[derive(Debug, Default)]
pub(super) struct Ports {
    all: Vec<(PortKey, Box<Port>)>,
    /// Changes whenever a place does.
    version: u64,
}

/// Where a port was when it was looked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    index: usize,
    version: u64,
}

impl Ports {
    fn index(&self, key: &PortKey) -> Result<usize, usize> {
        self.all.binary_search_by(|(of, _)| of.cmp(key))
    }

    pub(super) fn get(&self, key: &PortKey) -> Option<&Port> {
        let index = self.index(key).ok()?;
        self.all.get(index).map(|(_, port)| &**port)
    }

    pub(super) fn get_mut(&mut self, key: &PortKey) -> Option<&mut Port> {
        let index = self.index(key).ok()?;
        self.all.get_mut(index).map(|(_, port)| &mut **port)
    }

    /// The port of a router, which remembers the place.
    pub(super) fn of_router(&mut self, key: &RouterKey, place: &mut Place) -> Option<&mut Port> {
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

    /// Adds a port, in place of another with its key.
    pub(super) fn insert(&mut self, key: PortKey, port: Port) {
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

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&PortKey, &Port) -> bool) {
        self.all.retain(|(key, port)| keep(key, port));
        self.version += 1;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&PortKey, &Port)> {
        self.all.iter().map(|(key, port)| (key, &**port))
    }
}
