// SPDX-License-Identifier: MIT OR Apache-2.0
//! The interfaces by index and by name.

use std::collections::{BTreeMap, btree_map};

use super::Interface;

/// Interfaces by index, and a sorted list for look-ups by name: with a router on each of a thousand
/// interfaces, all of them are looked up when one changes.
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

    /// The caller must not change name and index.
    pub(super) fn get_mut(&mut self, index: &u32) -> Option<&mut Interface> {
        self.by_index.get_mut(index)
    }

    /// The interface of this name; while two interfaces swap their names, the one with the lower index.
    pub(super) fn named(&self, name: &str) -> Option<&Interface> {
        let index = self.by_name.get(self.place(name, 0))?;
        self.get(index)
            .filter(|interface| interface.link.name == name)
    }

    /// All interfaces, in the order of their indices.
    pub(super) fn iter(&self) -> btree_map::Iter<'_, u32, Interface> {
        self.by_index.iter()
    }

    pub(super) fn values(&self) -> btree_map::Values<'_, u32, Interface> {
        self.by_index.values()
    }

    /// All interfaces, in the order of their indices. The caller must not change names and indices.
    pub(super) fn values_mut(&mut self) -> btree_map::ValuesMut<'_, u32, Interface> {
        self.by_index.values_mut()
    }

    /// Adds an interface; replaces one with the same index.
    pub(super) fn insert(&mut self, index: u32, interface: Interface) {
        let name = &interface.link.name;
        if self
            .get(&index)
            .is_none_or(|known| known.link.name != *name)
        {
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

    /// The position of an interface of this name and index in the list, or where to insert it.
    fn place(&self, name: &str, index: u32) -> usize {
        self.by_name.partition_point(|known_index| {
            let known = self.get(known_index);
            let known = known.map(|interface| interface.link.name.as_str());
            (known, *known_index) < (Some(name), index)
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
        table.named(name).map(|interface| interface.link.index)
    }

    #[test]
    fn interfaces_are_found_by_name_after_each_change() {
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
        // Two of one name for a moment.
        table.insert(2, eth(2, "lan"));
        assert_eq!(index_of(&table, "lan"), Some(2));
        assert!(table.remove(&2).is_some());
        assert!(table.remove(&2).is_none());
        assert_eq!(index_of(&table, "lan"), Some(3));
        // An equal interface changes nothing.
        table.insert(3, eth(3, "lan"));
        assert_eq!(table.by_name, [7, 5, 9, 3]);
        assert_eq!(table.iter().count(), 4);
    }
}
