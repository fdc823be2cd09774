// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sync groups of the advert thread.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::key::RouterKey;
use crate::State;
use crate::group::{Request, Status, SyncGroup};
use crate::spec::Configuration;
use crate::status::GroupStatus;

/// A sync group, and the state that was reported last.
#[derive(Debug)]
struct Group {
    sync: SyncGroup<RouterKey>,
    reported: State,
}

#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: BTreeMap<Arc<str>, Group>,
    by_router: BTreeMap<RouterKey, Arc<str>>,
}

impl Groups {
    /// Applies another configuration. A group that remains keeps the members that remain.
    pub(super) fn configure(&mut self, to: &Configuration) {
        self.by_router = to
            .groups
            .iter()
            .flat_map(|group| {
                let name: Arc<str> = Arc::from(group.name.as_str());
                let members = to
                    .routers
                    .iter()
                    .filter(|spec| group.members.contains(&spec.name));
                members.map(move |spec| (RouterKey::for_spec(spec), Arc::clone(&name)))
            })
            .collect();
        let wanted: Vec<Arc<str>> = to
            .groups
            .iter()
            .map(|group| group.name.as_str().into())
            .collect();
        self.groups.retain(|name, _| wanted.contains(name));
        for name in wanted {
            let members = self.by_router.iter().filter(|(_, group)| **group == name);
            let members: Vec<RouterKey> = members.map(|(key, _)| key.clone()).collect();
            let Some(group) = self.groups.get_mut(&name) else {
                let sync = SyncGroup::new(members);
                let reported = State::Initialize;
                self.groups.insert(name, Group { sync, reported });
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

    /// The group that a router is a member of.
    pub(super) fn group_of(&self, key: &RouterKey) -> Option<&Arc<str>> {
        // Called for each advert, and often empty.
        if self.by_router.is_empty() {
            return None;
        }
        self.by_router.get(key)
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

    /// Synchronizes the members of a group; returns the state before and after if it has changed.
    pub(super) fn synchronize(
        &mut self,
        name: &str,
        visit: impl FnMut(&RouterKey, Option<Request>) -> Option<Status>,
    ) -> Option<(State, State)> {
        let group = self.groups.get_mut(name)?;
        group.sync.settle(visit);
        let state = group.sync.state();
        let reported = std::mem::replace(&mut group.reported, state);
        (reported != state).then_some((reported, state))
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
