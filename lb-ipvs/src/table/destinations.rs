// SPDX-License-Identifier: MIT OR Apache-2.0
//! The destinations of a service, in the order in which they were added and by address.

use std::net::SocketAddr;

use crate::destination::Destination;

/// Destinations with distinct addresses. The order of a table does not count when two are compared.
///
/// A vector and an index: most services have a handful of destinations, and there are tens of
/// thousands of services.
#[derive(Clone, Debug, Default)]
pub(crate) struct Destinations {
    /// In the order in which they were added.
    list: Vec<Destination>,
    /// Positions in `list`, by address.
    by_address: Vec<usize>,
}

impl Destinations {
    pub(crate) const fn new() -> Self {
        Self {
            list: Vec::new(),
            by_address: Vec::new(),
        }
    }

    pub(crate) fn get(&self, address: SocketAddr) -> Option<&Destination> {
        let rank = self.search(address).ok()?;
        self.at(rank)
    }

    pub(crate) fn get_mut(&mut self, address: SocketAddr) -> Option<&mut Destination> {
        let rank = self.search(address).ok()?;
        let position = *self.by_address.get(rank)?;
        self.list.get_mut(position)
    }

    /// Adds a destination, or replaces the one with its address where that is. Returns the replaced one.
    pub(crate) fn set(&mut self, destination: Destination) -> Option<Destination> {
        match self.search(destination.address) {
            Ok(_) => {
                let present = self.get_mut(destination.address)?;
                Some(std::mem::replace(present, destination))
            }
            Err(rank) => {
                self.by_address.insert(rank, self.list.len());
                self.list.push(destination);
                None
            }
        }
    }

    pub(crate) fn remove(&mut self, address: SocketAddr) -> Option<Destination> {
        let rank = self.search(address).ok()?;
        let removed = self.by_address.remove(rank);
        for position in &mut self.by_address {
            *position -= usize::from(*position > removed);
        }
        Some(self.list.remove(removed))
    }

    /// In the order in which they were added.
    pub(crate) fn in_order(
        &self,
    ) -> impl DoubleEndedIterator<Item = &Destination> + ExactSizeIterator {
        self.list.iter()
    }

    /// By address.
    #[expect(
        clippy::indexing_slicing,
        reason = "each position of the index is one of the list"
    )]
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &Destination> {
        self.by_address.iter().map(|position| &self.list[*position])
    }

    fn at(&self, rank: usize) -> Option<&Destination> {
        self.list.get(*self.by_address.get(rank)?)
    }

    /// The rank of an address, or the one that it would have.
    fn search(&self, address: SocketAddr) -> Result<usize, usize> {
        self.by_address.binary_search_by(|position| {
            let present = self.list.get(*position).map(|present| present.address);
            present.cmp(&Some(address))
        })
    }
}

impl PartialEq for Destinations {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Destinations {}

impl FromIterator<Destination> for Destinations {
    /// Of two with one address the later counts.
    fn from_iter<I: IntoIterator<Item = Destination>>(destinations: I) -> Self {
        let mut list: Vec<Destination> = destinations.into_iter().collect();
        let mut by_address: Vec<usize> = (0..list.len()).collect();
        by_address.sort_by_key(|position| list.get(*position).map(|one| one.address));
        let mut previous = None;
        let unique = by_address.iter().all(|position| {
            let address = list.get(*position).map(|one| one.address);
            std::mem::replace(&mut previous, address) != address
        });
        if unique {
            list.shrink_to_fit();
            return Self { list, by_address };
        }
        let mut destinations = Self::new();
        for destination in list {
            destinations.set(destination);
        }
        destinations
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::Weight;

    fn server(last: u8, weight: u32) -> Destination {
        let address = SocketAddr::from(([10, 0, 0, last], 80));
        Destination::new(address).with_weight(Weight::new(weight).unwrap())
    }

    fn lasts<'a>(destinations: impl Iterator<Item = &'a Destination>) -> Vec<u16> {
        destinations
            .map(|one| match one.address {
                SocketAddr::V4(address) => address.ip().octets()[3].into(),
                SocketAddr::V6(_) => 0,
            })
            .collect()
    }

    #[test]
    fn both_orders_hold_after_changes() {
        let mut destinations: Destinations =
            [5, 1, 3].map(|last| server(last, 1)).into_iter().collect();
        assert_eq!(destinations.set(server(2, 1)), None);
        assert_eq!(destinations.set(server(1, 9)), Some(server(1, 1)));
        assert_eq!(
            destinations.remove(server(3, 1).address),
            Some(server(3, 1))
        );
        assert_eq!(destinations.remove(server(3, 1).address), None);
        assert_eq!(lasts(destinations.in_order()), [5, 1, 2]);
        assert_eq!(lasts(destinations.iter()), [1, 2, 5]);
        assert_eq!(destinations.get(server(1, 1).address), Some(&server(1, 9)));
        assert_eq!(destinations.get(server(3, 1).address), None);

        let other: Destinations = [server(2, 1), server(1, 7), server(5, 1), server(1, 9)]
            .into_iter()
            .collect();
        assert_eq!(destinations, other);
        assert_eq!(lasts(other.in_order()), [2, 1, 5]);
    }
}
