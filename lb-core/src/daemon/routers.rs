// SPDX-License-Identifier: MIT OR Apache-2.0
//! The virtual routers of a daemon: their driver and its events.

use std::collections::BTreeMap;

use lb_vrrp::driver::handover::Receiver;
use lb_vrrp::driver::{self, Driver, DriverOptions, Event, Events, Ports};
use lb_vrrp::spec::Configuration;
use lb_vrrp::{Priority, State};

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
    pub(super) driver: Driver,
    pub(super) events: Events,
}

impl Routers {
    pub(super) async fn start(
        specs: Configuration,
        options: DriverOptions,
    ) -> Result<Self, driver::Error> {
        let (driver, events) = Driver::start(specs, options).await?;
        Ok(Self { driver, events })
    }

    /// Their states; none if the driver does not answer.
    pub(super) async fn states(&self) -> States {
        let Some(status) = self.driver.status().await else {
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

    /// Continues the virtual routers of the old process.
    pub(super) async fn from_handover(
        offer: &mut Receiver,
        specs: Configuration,
        options: DriverOptions,
    ) -> Result<Self, driver::Error> {
        let started = Driver::start_from_handover(offer, specs, options, Ports::default());
        let (driver, events) = started.await?;
        Ok(Self { driver, events })
    }
}

/// The next event; never returns without routers.
pub(super) async fn next_event(routers: &mut Option<Routers>) -> Option<Event> {
    match routers {
        Some(routers) => routers.events.recv().await,
        None => std::future::pending().await,
    }
}
