// SPDX-License-Identifier: MIT OR Apache-2.0
//! The changes that lead from what a host has to what it is to have.

use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::key::Key;
use crate::object::HostObject;
use crate::routes::RoutingEntry;

/// One change of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Adds an object. An equal object that is there already is no error.
    Add(HostObject),
    /// Removes an object. An object that is not there is no error.
    Remove(HostObject),
}

impl Change {
    /// The object that is added or removed.
    #[must_use]
    pub const fn object(&self) -> &HostObject {
        match self {
            Self::Add(object) | Self::Remove(object) => object,
        }
    }

    /// The identity of that object.
    #[must_use]
    pub fn key(&self) -> Key {
        self.object().key()
    }

    /// Whether the change adds an object.
    #[must_use]
    pub const fn is_add(&self) -> bool {
        matches!(self, Self::Add(_))
    }

    /// The group of the change, if the kernel makes changes of its kind at once.
    pub(crate) const fn group(&self) -> Option<Group> {
        match self {
            Self::Remove(HostObject::VirtualLink(_)) => Some(Group::RemovedVirtualLinks),
            Self::Remove(HostObject::Shield(_)) => Some(Group::RemovedShields),
            Self::Add(HostObject::Shield(_)) => Some(Group::AddedShields),
            _ => None,
        }
    }

    /// The place of the change among others, see [`Rank`].
    pub(crate) fn rank(&self) -> Rank {
        let is_rule = |entry: &RoutingEntry| matches!(entry, RoutingEntry::Rule(_));
        match self {
            Self::Remove(HostObject::Routing(entry)) if is_rule(entry) => Rank::RemoveRule,
            Self::Remove(HostObject::Routing(_)) => Rank::RemoveRoute,
            Self::Add(HostObject::Routing(entry)) if is_rule(entry) => Rank::AddRule,
            Self::Add(HostObject::Routing(_)) => Rank::AddRoute,
            Self::Remove(HostObject::Address(_)) => Rank::RemoveAddress,
            Self::Remove(HostObject::Shield(_)) => Rank::RemoveShield,
            Self::Add(HostObject::Shield(_)) => Rank::AddShield,
            Self::Add(HostObject::Address(_)) => Rank::AddAddress,
            Self::Add(HostObject::Setting(_)) => Rank::AddSetting,
            Self::Add(HostObject::LinkUp(_)) => Rank::AddLinkUp,
            Self::Remove(HostObject::Setting(_)) => Rank::RemoveSetting,
            Self::Remove(HostObject::VirtualLink(_)) => Rank::RemoveVirtualLink,
            Self::Add(HostObject::VirtualLink(_)) => Rank::AddVirtualLink,
            Self::Remove(HostObject::LinkUp(_)) => Rank::RemoveLinkUp,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add(object) => write!(f, "add {object}"),
            Self::Remove(object) => write!(f, "remove {object}"),
        }
    }
}

/// Changes that can be one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    RemovedVirtualLinks,
    RemovedShields,
    AddedShields,
}

/// The order of changes: additions in the order of dependency (what others need comes first), removals
/// in the reverse order; of addresses and what is on them, removals before additions. A setting is raised
/// before all that needs it and restored after that.
///
/// Virtual links come last: the kernel takes a hundred times as long for one as for an address, and clients
/// wait for addresses. No other object depends on that, because the index of a virtual link is known only
/// after its addition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    AddSetting,
    RemoveRule,
    RemoveRoute,
    RemoveAddress,
    RemoveShield,
    AddLinkUp,
    AddShield,
    /// An address whose announcement waits for the acknowledgement, or the interface that has it.
    AddAwaited,
    AddAddress,
    AddRoute,
    AddRule,
    /// Before the macvlan that may have the only record of the original value.
    RemoveSetting,
    RemoveVirtualLink,
    AddVirtualLink,
    RemoveLinkUp,
}

/// Computes the changes from `actual` to `desired`.
///
/// `actual` is what the host has as far as is known, in the order in which it was added; `owned` the
/// part of it, seen or not, that this program added and may remove; `desired` what is to be there, in
/// the order in which it is to be added. For each key:
///
/// | desired | actual | owned | change |
/// |---|---|---|---|
/// | no | any | yes | remove |
/// | no | any | no | none: the object is external |
/// | yes | no | no | add |
/// | yes | no | same | add: the object was deleted by another program |
/// | yes | any | differs | remove, then add |
/// | yes | yes | same, or no | none |
///
/// The changes are in the order of dependency, a removal before the addition that replaces it, and the
/// same for the same arguments. Applied to a host, they lead to a state for which the plan is empty.
///
/// ```
/// use std::sync::Arc;
///
/// use lb_host::{Address, Change, HostObject, Link, plan};
///
/// let eth0 = Arc::new(Link::new(2, "eth0"));
/// let address = |text: &str| -> HostObject {
///     Address::new(Arc::clone(&eth0), text.parse().expect("an address"), 24).into()
/// };
/// let (old, new) = (address("192.0.2.1"), address("192.0.2.2"));
/// let actual = [old.clone(), address("192.0.2.9")];
/// assert_eq!(
///     plan(&actual, &[new.clone()], &[old.clone()]),
///     [Change::Remove(old), Change::Add(new)],
///     "the third address is external"
/// );
/// ```
pub fn plan(actual: &[HostObject], desired: &[HostObject], owned: &[HostObject]) -> Vec<Change> {
    let seen: HashSet<Key> = actual.iter().map(HostObject::key).collect();
    let mut wanted: HashMap<Key, &HostObject> = HashMap::new();
    for object in desired {
        wanted.entry(object.key()).or_insert(object);
    }
    let mut replaced = HashSet::new();
    let mut removals = Vec::new();
    for object in owned.iter().rev() {
        let key = object.key();
        match wanted.get(&key) {
            Some(wanted) if wanted.is_same(object) => continue,
            Some(_) => {
                replaced.insert(key);
            }
            None => {}
        }
        removals.push(Change::Remove(object.clone()));
    }
    let additions = desired
        .iter()
        .filter(|object| {
            let key = object.key();
            let is_first = wanted.remove(&key).is_some();
            is_first && (!seen.contains(&key) || replaced.contains(&key))
        })
        .map(|object| Change::Add(object.clone()));
    let mut changes = removals;
    changes.extend(additions);
    changes.sort_by_key(Change::rank);
    changes
}

#[cfg(test)]
pub(crate) mod tests;
