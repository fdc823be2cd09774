// SPDX-License-Identifier: MIT OR Apache-2.0
//! The interfaces by index and by name.

use std::collections::{BTreeMap, btree_map};

use super::Interface;

/// A look-up by name is one in a sorted list: with a router on each of a thousand interfaces all of
/// them are looked up whenever one changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    by_index: BTreeMap<u32, Interface>,
    /// Indices, in the order of the names.
    by_name: Vec<u32>,
}

impl Table {
    pub(super) fn get(&self, index: &u32) -> Option<&Interface> {
        self.by_index.get(index)
    }

    /// For everything but its name and index.
    pub(super) fn get_mut(&mut self, index: &u32) -> Option<&mut Interface> {
        self.by_index.get_mut(index)
    }

    /// Of two with one name, while they swap them, the one of the lower index.
    pub(super) fn named(&self, name: &str) -> Option<&Interface> {
        let index = self.by_name.get(self.place(name, 0))?;
        self.get(index).filter(|of| of.link.name == name)
    }

    /// By index.
    pub(super) fn iter(&self) -> btree_map::Iter<'_, u32, Interface> {
        self.by_index.iter()
    }

    pub(super) fn values(&self) -> btree_map::Values<'_, u32, Interface> {
        self.by_index.values()
    }

    /// By index, for everything but names and indices.
    pub(super) fn values_mut(&mut self) -> btree_map::ValuesMut<'_, u32, Interface> {
        self.by_index.values_mut()
    }

    /// In the place of one of that index, if there is one.
    pub(super) fn insert(&mut self, index: u32, interface: Interface) {
        let name = &interface.link.name;
        if self.get(&index).is_none_or(|of| of.link.name != *name) {
            self.remove(&index);
            let place = self.place(name, index);
            self.by_name.insert(place, index);
        }
        self.by_index.insert(index, interface);
    }

    pub(super) fn remove(&mut self, index: &u32) -> Option<Interface> {
        let interface = self.by_index.get(index)?;
        let place = self.place(&interface.link.name, *index);
        if self.by_name.get(place) == Some(index) {
            self.by_name.remove(place);
        }
        self.by_index.remove(index)
    }

    /// Where an interface of this name and index is in the list, or would be.
    fn place(&self, name: &str, index: u32) -> usize {
        self.by_name.partition_point(|of| {
            let there = self.get(of).map(|of| of.link.name.as_str());
            (there, *of) < (Some(name), index)
        })
    }
}

impl FromIterator<(u32, Interface)> for Table {
    fn from_iter<I: IntoIterator<Item = (u32, Interface)>>(interfaces: I) -> Self {
        let mut table = Self::default();
        for (index, interface) in interfaces {
            table.insert(index, interface);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::eth;
    use super::*;

    fn index_of(table: &Table, name: &str) -> Option<u32> {
        table.named(name).map(|of| of.link.index)
    }

    #[test]
    fn interfaces_are_found_by_their_names_while_they_come_go_and_are_renamed() {
        let mut table = Table::default();
        for (index, name) in [(7, "eth1"), (3, "lan"), (5, "eth0"), (9, "eth10")] {
            table.insert(index, eth(index, name));
        }
        assert_eq!(index_of(&table, "eth0"), Some(5));
        assert_eq!(index_of(&table, "eth10"), Some(9));
        assert_eq!(index_of(&table, "eth"), None);
        assert_eq!(index_of(&table, "zzz"), None);
        // Two swap their names.
        table.insert(5, eth(5, "swap"));
        table.insert(7, eth(7, "eth0"));
        assert_eq!(index_of(&table, "eth1"), None);
        table.insert(5, eth(5, "eth1"));
        assert_eq!(index_of(&table, "eth0"), Some(7));
        assert_eq!(index_of(&table, "eth1"), Some(5));
        assert_eq!(index_of(&table, "swap"), None);
        // For a moment there are two.
        table.insert(2, eth(2, "lan"));
        assert_eq!(index_of(&table, "lan"), Some(2));
        assert!(table.remove(&2).is_some());
        assert!(table.remove(&2).is_none());
        assert_eq!(index_of(&table, "lan"), Some(3));
        // The same again.
        table.insert(3, eth(3, "lan"));
        assert_eq!(table.by_name, [7, 5, 9, 3]);
        assert_eq!(table.iter().count(), 4);
    }
}
