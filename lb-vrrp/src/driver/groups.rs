// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sync groups of the advert thread.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::key::RouterKey;
use super::status::GroupStatus;
use crate::State;
use crate::group::{Request, Status, SyncGroup};
use crate::spec::Configuration;

/// A group by its name, and the state that was told last.
#[derive(Debug)]
struct Group {
    sync: SyncGroup<RouterKey>,
    told: State,
}

#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: BTreeMap<Arc<str>, Group>,
    of: BTreeMap<RouterKey, Arc<str>>,
}

impl Groups {
    /// Takes another configuration. A group that stays keeps its members that stay.
    pub(super) fn configure(&mut self, to: &Configuration) {
        self.of = to
            .groups
            .iter()
            .flat_map(|group| {
                let name: Arc<str> = Arc::from(group.name.as_str());
                let members = to
                    .routers
                    .iter()
                    .filter(|of| group.members.contains(&of.name));
                members.map(move |spec| (RouterKey::of(spec), Arc::clone(&name)))
            })
            .collect();
        let wanted: Vec<Arc<str>> = to.groups.iter().map(|of| of.name.as_str().into()).collect();
        self.groups.retain(|name, _| wanted.contains(name));
        for name in wanted {
            let members = self.of.iter().filter(|(_, group)| **group == name);
            let members: Vec<RouterKey> = members.map(|(key, _)| key.clone()).collect();
            let Some(group) = self.groups.get_mut(&name) else {
                let sync = SyncGroup::new(members);
                let told = State::Initialize;
                self.groups.insert(name, Group { sync, told });
                continue;
            };
            let gone: Vec<RouterKey> = group
                .sync
                .members()
                .filter(|known| !members.contains(known))
                .cloned()
                .collect();
            for key in &gone {
                group.sync.remove(key);
            }
            for key in members {
                group.sync.add(key);
            }
        }
    }

    /// The group a router is in.
    pub(super) fn of(&self, key: &RouterKey) -> Option<&Arc<str>> {
        // Asked for each advert, and often empty.
        if self.of.is_empty() {
            return None;
        }
        self.of.get(key)
    }

    pub(super) fn names(&self) -> Vec<Arc<str>> {
        self.groups.keys().cloned().collect()
    }

    pub(super) fn members(&self, name: &str) -> Vec<RouterKey> {
        let group = self.groups.get(name);
        group
            .map(|group| group.sync.members().cloned().collect())
            .unwrap_or_default()
    }

    /// Brings a group into order; says what it was and is if that has changed.
    pub(super) fn settle(
        &mut self,
        name: &str,
        visit: impl FnMut(&RouterKey, Option<Request>) -> Option<Status>,
    ) -> Option<(State, State)> {
        let group = self.groups.get_mut(name)?;
        group.sync.settle(visit);
        let state = group.sync.state();
        let told = std::mem::replace(&mut group.told, state);
        (told != state).then_some((told, state))
    }

    pub(super) fn status(
        &self,
        name_of: impl Fn(&RouterKey) -> Option<Arc<str>>,
    ) -> Vec<GroupStatus> {
        self.groups
            .iter()
            .map(|(name, group)| GroupStatus {
                name: Arc::clone(name),
                state: group.sync.state(),
                members: group.sync.members().filter_map(&name_of).collect(),
            })
            .collect()
    }
}
