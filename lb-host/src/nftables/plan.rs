// SPDX-License-Identifier: MIT OR Apache-2.0
//! What becomes of a table: the decisions, without the kernel.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::element::Element;
use crate::filter::FilterTable;
use crate::key::AddressKey;
use crate::object::Shield;

/// A table, as the kernel knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Absent,
    /// The table has the mark.
    Own,
    /// Another program made the table.
    External,
}

/// What removes elements from a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Removal {
    /// None of the elements is there.
    Nothing,
    Elements(Vec<Element>),
    /// Nothing remains: the table goes with the elements.
    Table,
}

/// Decides how `removed` leaves a table that has `present`. Elements that are not there are no error,
/// because another program may have deleted them.
pub(super) fn removal(present: &BTreeSet<Element>, removed: &BTreeSet<Element>) -> Removal {
    if present.is_subset(removed) {
        return Removal::Table;
    }
    let there: Vec<Element> = present.intersection(removed).copied().collect();
    if there.is_empty() {
        Removal::Nothing
    } else {
        Removal::Elements(there)
    }
}

/// The shields that this process added. Several may need one element: an address on two interfaces.
#[derive(Debug, Default)]
pub(super) struct Held {
    tables: HashMap<AddressKey, Arc<FilterTable>>,
}

impl Held {
    pub(super) fn insert(&mut self, shield: &Shield) {
        self.tables.insert(shield.key(), Arc::clone(&shield.table));
    }

    /// Forgets a shield, if it is still that of this table.
    pub(super) fn remove(&mut self, shield: &Shield) {
        if self.is_held(shield) {
            self.tables.remove(&shield.key());
        }
    }

    fn is_held(&self, shield: &Shield) -> bool {
        let table = self.tables.get(&shield.key());
        table.is_some_and(|table| table.name == shield.table.name)
    }

    /// The elements in the table `name` that no shield needs once `removed` are gone.
    pub(super) fn released(&self, name: &str, removed: &[&Shield]) -> BTreeSet<Element> {
        let keys: BTreeSet<AddressKey> = removed.iter().map(|shield| shield.key()).collect();
        let mut released: BTreeSet<Element> = keys.iter().copied().map(Element::new).collect();
        for (key, table) in &self.tables {
            if table.name == name && !keys.contains(key) {
                released.remove(&Element::new(*key));
            }
        }
        released
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::interface::Link;

    fn shield(link: u32, number: u8) -> Shield {
        let link = Arc::new(Link::new(link, format!("eth{link}")));
        // The odd ones are link-local.
        let address = match number % 2 {
            0 => format!("2001:db8::{number}"),
            _ => format!("fe80::{number}"),
        };
        Shield::new(link, address.parse().unwrap())
    }

    #[test]
    fn address_on_two_interfaces_is_released_with_the_last_one() {
        let mut held = Held::default();
        let (first, second) = (shield(2, 0), shield(3, 0));
        held.insert(&first);
        held.insert(&second);
        assert_eq!(held.released("lb", &[&first]), BTreeSet::new());
        held.remove(&first);
        let element = Element::new(second.key());
        assert_eq!(held.released("lb", &[&second]), BTreeSet::from([element]));
        let both = [&first, &second];
        assert_eq!(held.released("lb", &both), BTreeSet::from([element]));
    }

    #[test]
    fn shield_of_another_table_is_not_forgotten() {
        let mut held = Held::default();
        let first = shield(2, 0);
        let other = Arc::new(FilterTable::new("other"));
        held.insert(&first.clone().with_table(other));
        held.remove(&first);
        assert_eq!(held.tables.len(), 1);
        assert_eq!(held.released("lb", &[&first]).len(), 1);
    }

    proptest! {
        /// A model of the kernel: whatever is added and removed, in groups, its sets have the elements of
        /// the shields that are held, and there is no table without an element.
        #[test]
        fn sets_have_what_the_shields_need(
            steps in prop::collection::vec(
                (any::<bool>(), prop::collection::vec((2_u32..4, 0_u8..6), 1..4)),
                0..30,
            ),
        ) {
            let mut held = Held::default();
            let mut kernel: Option<BTreeSet<Element>> = None;
            let mut shields: BTreeSet<AddressKey> = BTreeSet::new();
            for (is_add, group) in steps {
                let group: Vec<Shield> = group.into_iter().map(|(link, number)| shield(link, number)).collect();
                if is_add {
                    let set = kernel.get_or_insert_default();
                    for shield in &group {
                        set.insert(Element::new(shield.key()));
                        held.insert(shield);
                        shields.insert(shield.key());
                    }
                } else {
                    let removed: Vec<&Shield> = group.iter().collect();
                    if let Some(present) = &mut kernel {
                        match removal(present, &held.released("lb", &removed)) {
                            Removal::Nothing => {}
                            Removal::Elements(elements) => {
                                for element in elements {
                                    prop_assert!(present.remove(&element));
                                }
                            }
                            Removal::Table => kernel = None,
                        }
                    }
                    for shield in &group {
                        held.remove(shield);
                        shields.remove(&shield.key());
                    }
                }
                let needed: BTreeSet<Element> = shields.iter().copied().map(Element::new).collect();
                prop_assert_eq!(kernel.clone().unwrap_or_default(), needed);
                prop_assert!(kernel.as_ref().is_none_or(|set| !set.is_empty()));
            }
        }
    }
}
