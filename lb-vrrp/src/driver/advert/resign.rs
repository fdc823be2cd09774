// SPDX-License-Identifier: MIT OR Apache-2.0
//! Commands of an operator: a router resigns, and resumes.

use std::sync::Arc;
use std::time::Instant;

use super::super::error::Error;
use super::super::key::RouterKey;
use super::AdvertThread;
use crate::State;
use crate::status::Resigned;

impl AdvertThread {
    /// Makes a master and its sync group resign.
    pub(super) fn resign_router(&mut self, name: &str) -> Result<Resigned, Error> {
        let key = self.find(name)?;
        let now = Instant::now();
        if let Some(router) = self.routers.get(&key)
            && router.engine.state() != State::Master
        {
            return Err(Error::NotMaster {
                router: name.to_owned(),
                state: router.engine.state(),
                master: router.engine.master().map(|(address, _)| address),
            });
        }
        let mut members = self.groups.group_of(&key).map_or_else(Vec::new, |group| {
            let names = self.groups.members(group).into_iter();
            names
                .filter_map(|member| self.routers.get(&member))
                .filter(|router| router.engine.state() == State::Master)
                .map(|router| Arc::clone(&router.name))
                .collect()
        });
        self.act(&key, now, |router| {
            router.engine.resign(now);
        });
        if members.is_empty() {
            members.push(Arc::from(name));
        }
        let patience = self.routers.get(&key).map(|router| {
            let due = router.engine.next_timeout();
            due.unwrap_or(now).saturating_duration_since(now)
        });
        Ok(Resigned {
            routers: members,
            patience: patience.unwrap_or_default(),
        })
    }

    /// Lets a router and its sync group preempt again as configured; returns whether one had resigned.
    pub(super) fn resume_router(&mut self, name: &str) -> Result<bool, Error> {
        let key = self.find(name)?;
        // A resigned member keeps the whole group from preempting.
        let members = match self.groups.group_of(&key) {
            Some(group) => self.groups.members(group),
            None => vec![key],
        };
        let mut resigned = false;
        for member in members {
            self.act(&member, Instant::now(), |router| {
                resigned |= router.engine.is_resigned();
                router.engine.resume();
            });
        }
        Ok(resigned)
    }

    /// Finds a router by name.
    fn find(&self, name: &str) -> Result<RouterKey, Error> {
        let found = self.routers.values().find(|router| *router.name == *name);
        found
            .map(|router| router.key.clone())
            .ok_or_else(|| Error::UnknownRouter {
                router: name.to_owned(),
                existing: self
                    .routers
                    .values()
                    .map(|router| router.name.to_string())
                    .collect(),
            })
    }
}
