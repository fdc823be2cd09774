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
    /// Positions in `list`, by address; empty while `list` is in that order itself.
    by_address: Vec<u32>,
}

impl Destinations {
    pub(crate) const fn new() -> Self {
        Self {
            list: Vec::new(),
            by_address: Vec::new(),
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn get(&self, address: SocketAddr) -> Option<&Destination> {
        let rank = self.search(address).ok()?;
        self.at(rank)
    }

    pub(crate) fn get_mut(&mut self, address: SocketAddr) -> Option<&mut Destination> {
        let rank = self.search(address).ok()?;
        let position = self.position(rank);
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
                if rank < self.list.len() {
                    self.make_index();
                }
                if !self.by_address.is_empty() {
                    self.by_address.insert(rank, number(self.list.len()));
                }
                self.list.push(destination);
                None
            }
        }
    }

    pub(crate) fn remove(&mut self, address: SocketAddr) -> Option<Destination> {
        let rank = self.search(address).ok()?;
        let removed = self.position(rank);
        if !self.by_address.is_empty() {
            self.by_address.remove(rank);
            for position in &mut self.by_address {
                *position -= u32::from(*position > number(removed));
            }
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
        (0..self.list.len()).map(|rank| &self.list[self.position(rank)])
    }

    fn at(&self, rank: usize) -> Option<&Destination> {
        self.list.get(self.position(rank))
    }

    /// Where in `list` the destination with this rank is.
    fn position(&self, rank: usize) -> usize {
        match self.by_address.get(rank) {
            Some(position) => usize::try_from(*position).unwrap_or(usize::MAX),
            None => rank,
        }
    }

    /// Fills the index of a list that is in the order of addresses.
    fn make_index(&mut self) {
        if self.by_address.is_empty() {
            self.by_address = (0..number(self.list.len())).collect();
        }
    }

    /// The rank of an address, or the one that it would have.
    fn search(&self, address: SocketAddr) -> Result<usize, usize> {
        if self.by_address.is_empty() {
            return self
                .list
                .binary_search_by_key(&address, |present| present.address);
        }
        self.by_address.binary_search_by(|position| {
            let present = usize::try_from(*position).ok();
            let present = present.and_then(|position| self.list.get(position));
            present.map(|present| present.address).cmp(&Some(address))
        })
    }
}

/// A position as the index has it; an IPVS service never has as many destinations as a `u32` counts.
fn number(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
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
        list.shrink_to_fit();
        let sorted = list.is_sorted_by(|one, next| one.address < next.address);
        if sorted {
            let by_address = Vec::new();
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
