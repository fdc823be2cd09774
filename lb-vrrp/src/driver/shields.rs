// SPDX-License-Identifier: MIT OR Apache-2.0
//! The packet filter of routers that do not accept packets to their addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lb_host::{AddressFamily, FilterTable, HostPlane, Shield};

use super::desired::Prepared;
use super::event::{Event, EventSender};
use crate::spec::Configuration;

/// What a configuration needs of the packet filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FilterNeeds {
    table: Arc<FilterTable>,
    /// The families of addresses whose routers do not accept packets to them.
    families: BTreeSet<AddressFamily>,
}

impl FilterNeeds {
    pub(super) fn new(configuration: &Configuration) -> Self {
        let routers = configuration.routers.iter();
        let refusing = routers.filter(|spec| !spec.config.accept());
        Self {
            table: Arc::new(configuration.filter.clone()),
            families: refusing
                .flat_map(|spec| &spec.virtual_addresses)
                .map(|address| AddressFamily::for_address(address.address))
                .collect(),
        }
    }
}

/// The packet filter, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Shields {
    table: Arc<FilterTable>,
    /// The families that were checked: why the host cannot drop packets, or that it can.
    checked: BTreeMap<AddressFamily, Option<Arc<str>>>,
}

impl Shields {
    /// Checks what the host can do for the families that are new, or that it could do nothing for, and
    /// reports those.
    pub(super) async fn set_needs(
        &mut self,
        needs: FilterNeeds,
        host: &mut dyn HostPlane,
        events: &EventSender,
    ) {
        self.table = needs.table;
        self.checked
            .retain(|family, problem| problem.is_none() || needs.families.contains(family));
        for family in needs.families {
            if self.is_available(family) {
                continue;
            }
            let problem = host.check_shields(family).await.err().map(|error| {
                let text = Arc::from(error.to_string());
                events.send(Event::ShieldsUnavailable {
                    family,
                    error: Arc::new(error),
                });
                text
            });
            self.checked.insert(family, problem);
        }
    }

    pub(super) fn is_available(&self, family: AddressFamily) -> bool {
        self.checked.get(&family).is_some_and(Option::is_none)
    }

    /// Whether there is a family that the host can do nothing for.
    pub(super) fn has_problems(&self) -> bool {
        self.checked.values().any(Option::is_some)
    }

    /// Why packets to an address are not dropped, if the host cannot do so.
    pub(super) fn problem(&self, family: AddressFamily) -> Option<&Arc<str>> {
        self.checked.get(&family)?.as_ref()
    }

    /// The shield of an address, if the host can have it.
    pub(super) fn shield(&self, prepared: &Prepared) -> Option<Shield> {
        let address = prepared.address.address;
        self.is_available(AddressFamily::for_address(address))
            .then(|| {
                Shield::new(Arc::clone(&prepared.link), address).with_table(Arc::clone(&self.table))
            })
    }
}
