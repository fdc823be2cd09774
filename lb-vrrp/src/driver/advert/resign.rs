// SPDX-License-Identifier: MIT OR Apache-2.0
//! An operator asks a router to step down, and takes that back.

use std::sync::Arc;
use std::time::Instant;

use super::super::error::Error;
use super::super::key::RouterKey;
use super::super::status::Resigned;
use super::AdvertThread;
use crate::State;

impl AdvertThread {
    /// Has a master step down, and with it its sync group.
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
                .filter_map(|of| self.routers.get(&of))
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

    /// Lets a router and its sync group preempt again as they are configured to; says whether any
    /// was asked not to.
    pub(super) fn resume_router(&mut self, name: &str) -> Result<bool, Error> {
        let key = self.find(name)?;
        // Whichever member was asked holds back the whole group.
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

    /// The router of that name.
    fn find(&self, name: &str) -> Result<RouterKey, Error> {
        let found = self.routers.values().find(|of| *of.name == *name);
        found
            .map(|of| of.key.clone())
            .ok_or_else(|| Error::UnknownRouter {
                router: name.to_owned(),
                existing: self
                    .routers
                    .values()
                    .map(|of| of.name.to_string())
                    .collect(),
            })
    }
}
