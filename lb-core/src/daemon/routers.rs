// SPDX-License-Identifier: MIT OR Apache-2.0
//! The virtual routers of a daemon: their driver and its events.

use std::collections::BTreeMap;

use lb_vrrp::driver::{self, Driver, DriverHandle, Event};
use lb_vrrp::{Priority, State};
use tokio::sync::mpsc;

/// The states of virtual routers and of sync groups, by name.
#[derive(Debug, Default)]
pub(super) struct States {
    /// With the effective priority.
    pub(super) routers: BTreeMap<String, (State, Priority)>,
    pub(super) groups: BTreeMap<String, State>,
}

/// The VRRP driver and its events.
#[derive(Debug)]
pub(super) struct Routers {
    pub(super) handle: DriverHandle,
    pub(super) events: mpsc::Receiver<Event>,
}

impl Routers {
    pub(super) fn start(
        specs: driver::Configuration,
        options: driver::Options,
    ) -> Result<Self, driver::Error> {
        let (handle, events) = Driver::start_with(specs, options, driver::Ports::default())?;
        Ok(Self { handle, events })
    }

    /// Their states; none if the driver does not answer.
    pub(super) async fn states(&self) -> States {
        let Some(status) = self.handle.status().await else {
            return States::default();
        };
        let routers = status.routers.iter();
        let groups = status.groups.iter();
        States {
            routers: routers
                .map(|entry| (entry.name.to_string(), (entry.state, entry.priority)))
                .collect(),
            groups: groups
                .map(|entry| (entry.name.to_string(), entry.state))
                .collect(),
        }
    }

    /// Takes over the virtual routers of the old process.
    pub(super) async fn take_over(
        offer: driver::Offer,
        specs: driver::Configuration,
        options: driver::Options,
    ) -> Result<Self, driver::Error> {
        let started = Driver::take_over(offer, specs, options, driver::Ports::default());
        let (handle, events) = started.await?;
        Ok(Self { handle, events })
    }
}

/// The next event; never returns without routers.
pub(super) async fn next_event(routers: &mut Option<Routers>) -> Option<Event> {
    match routers {
        Some(routers) => routers.events.recv().await,
        None => std::future::pending().await,
    }
}
