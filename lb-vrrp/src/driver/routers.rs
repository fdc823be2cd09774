// SPDX-License-Identifier: MIT OR Apache-2.0
//! The routers of the advert thread, in the order of their keys.

use super::key::RouterKey;
use super::router::Router;

/// A map from keys to routers. A sorted vector: each turn of the thread walks through it, which costs
/// more than the ten comparisons that find one router in a thousand.
#[derive(Debug, Default)]
#[expect(
    clippy::vec_box,
    reason = "a router is large, and an insertion moves those behind it"
)]
pub(super) struct Routers(Vec<Box<Router>>);

impl Routers {
    fn place(&self, key: &RouterKey) -> Result<usize, usize> {
        self.0.binary_search_by(|router| router.key.cmp(key))
    }

    pub(super) fn get(&self, key: &RouterKey) -> Option<&Router> {
        let place = self.place(key).ok()?;
        self.0.get(place).map(|router| &**router)
    }

    pub(super) fn get_mut(&mut self, key: &RouterKey) -> Option<&mut Router> {
        let place = self.place(key).ok()?;
        self.0.get_mut(place).map(|router| &mut **router)
    }

    /// Adds a router; replaces one with the same key.
    pub(super) fn insert(&mut self, router: Router) {
        let router = Box::new(router);
        match self.place(&router.key) {
            Ok(place) => {
                if let Some(old) = self.0.get_mut(place) {
                    *old = router;
                }
            }
            Err(place) => self.0.insert(place, router),
        }
    }

    pub(super) fn remove(&mut self, key: &RouterKey) {
        if let Ok(place) = self.place(key) {
            self.0.remove(place);
        }
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &RouterKey> {
        self.values().map(|router| &router.key)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Router> {
        self.0.iter().map(|router| &**router)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Router> {
        self.0.iter_mut().map(|router| &mut **router)
    }
}
