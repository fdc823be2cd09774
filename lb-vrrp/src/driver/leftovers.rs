// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads what is present before anything runs, and removes stale objects of killed processes.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use super::error::{AddressError, AddressOperation, Error};
use super::event::{Event, EventSender};
use super::host::{OWNER, host_address};
use super::links::Interfaces;
use super::needs::{interface_of, place};
use super::note::HostNote;
use super::presence::Presence;
use super::vmac::{Naming, seat_of};
use super::{statics, validate, vmac};
use crate::VirtualAddress;
use crate::spec::{Configuration, RouterSpec};
use lb_host::rtnetlink::Kept;
use lb_host::{AddressKey, Change, HostObject, HostPlane, Link, Rtnetlink};

/// The configuration that is about to run, and what it runs with.
pub(super) struct Cleaning<'a> {
    pub(super) configuration: &'a mut Configuration,
    /// Manages addresses, if the driver does not.
    pub(super) manager: &'a mut Option<Box<dyn HostPlane>>,
    pub(super) presence: Option<&'a Presence>,
    /// Receives what is found about the addresses of routers.
    pub(super) events: Option<&'a EventSender>,
}

impl Cleaning<'_> {
    /// Reads the interfaces, and removes nothing.
    pub(super) async fn look(
        self,
        handle: &rtnetlink::Handle,
    ) -> Result<(Interfaces, Naming), Error> {
        let interfaces = read(handle).await?;
        validate::interfaces(self.configuration, &interfaces)?;
        let mut naming = Naming::default();
        naming.settle_early(&mut self.configuration.routers, &interfaces)?;
        Ok((interfaces, naming))
    }

    /// Reads the interfaces, and removes stale objects.
    pub(super) async fn run(
        self,
        handle: rtnetlink::Handle,
    ) -> Result<(Interfaces, Naming), Error> {
        let interfaces = read(&handle).await?;
        validate::interfaces(self.configuration, &interfaces)?;
        let mut host = Rtnetlink::new(handle.clone(), OWNER);
        vmac::remove_stale(&mut host, &self.configuration.routers, &interfaces)
            .await
            .map_err(Error::interface)?;
        let interfaces = read(&handle).await?;
        let mut naming = Naming::default();
        naming.settle(&mut self.configuration.routers, &interfaces)?;
        let events = self.events;
        let note = |note: HostNote| {
            if let Some(events) = events {
                events.note_host(note);
            }
        };
        suppress_igmp(&mut host, &self.configuration.routers, &interfaces, note).await;
        let statics = &self.configuration.statics;
        let routers = &self.configuration.routers;
        let alone = match self.presence {
            Some(presence) => !presence.has_others().await,
            None => true,
        };
        if self.manager.is_none() && !alone {
            note(HostNote::StaleKept);
        } else if self.manager.is_none() {
            let placed = statics::Placed::new(statics, &interfaces);
            let objects = placed.objects().cloned().collect();
            let shares = Presence::has_other_programs().await;
            if shares {
                note(HostNote::StaleRoutingKept);
            }
            let kept = Kept::new(objects, owned(routers, &interfaces)).with_shared_routing(shares);
            for stale in host.remove_stale(&kept).await {
                note(HostNote::Stale(Arc::new(stale)));
            }
            remove_unmarked(&mut host, routers, &interfaces, note).await;
        }
        let removes_filters = self.manager.is_none() && alone;
        let manager = match self.manager {
            Some(manager) => manager.as_mut(),
            None => &mut host,
        };
        let mut addresses = Addresses {
            host: manager,
            interfaces: &interfaces,
            have_marks: interfaces.have_marks(),
            events: self.events,
        };
        for spec in routers {
            if spec.config.priority().is_owner() {
                continue;
            }
            for address in &spec.virtual_addresses {
                let name = interface_of(spec, address);
                if let Some(interface) = interfaces.get(name)
                    && !statics::names(statics, name, address.address)
                {
                    let removed = addresses.clean(spec, &interface.link, address).await;
                    removed.map_err(Error::address)?;
                }
            }
        }
        if removes_filters {
            // Last: no packet reaches a stale address before it is removed.
            for stale in host.remove_stale_filters().await {
                note(HostNote::Stale(Arc::new(stale)));
            }
        }
        Ok((interfaces, naming))
    }
}

async fn read(handle: &rtnetlink::Handle) -> Result<Interfaces, Error> {
    let interfaces = Interfaces::dump(handle).await;
    interfaces.map_err(|source| Error::Netlink {
        operation: "read links and addresses",
        source,
    })
}

/// Suppresses reports of multicast groups before sockets join them; the reconciler takes the setting over.
async fn suppress_igmp(
    host: &mut Rtnetlink,
    routers: &[RouterSpec],
    interfaces: &Interfaces,
    note: impl Fn(HostNote),
) {
    let mut settings = routers
        .iter()
        .filter_map(|spec| vmac::igmp_setting(spec, interfaces));
    let Some(setting) = settings.next() else {
        return;
    };
    let change = Change::Add(setting.into());
    let results = host.apply(std::slice::from_ref(&change)).await;
    if let Some(Err(error)) = results.into_iter().next() {
        let error = Arc::new(error);
        note(HostNote::ChangeFailed { change, error });
    }
}

/// Removes the routes and rules of the configuration that have a protocol of their own, as keepalived
/// does: no mark tells whether a killed process left them.
async fn remove_unmarked(
    host: &mut Rtnetlink,
    routers: &[RouterSpec],
    interfaces: &Interfaces,
    note: impl Fn(HostNote),
) {
    for spec in routers {
        let routing = place(spec, interfaces).into_iter();
        let unmarked = routing.filter(|entry| entry.protocol().is_some());
        for entry in unmarked {
            let change = Change::Remove(HostObject::Routing(entry));
            let results = host.apply(std::slice::from_ref(&change)).await;
            if let Some(Err(error)) = results.into_iter().next() {
                let error = Arc::new(error);
                note(HostNote::ChangeFailed { change, error });
            }
        }
    }
}

/// The addresses of address owners, by interface.
fn owned(routers: &[RouterSpec], interfaces: &Interfaces) -> HashSet<AddressKey> {
    let owners = routers
        .iter()
        .filter(|spec| spec.config.priority().is_owner());
    owners
        .flat_map(|spec| {
            spec.virtual_addresses.iter().filter_map(|address| {
                let interface = interfaces.get(interface_of(spec, address))?;
                Some(AddressKey::new(interface.link.index, address.address))
            })
        })
        .collect()
}

/// Removes virtual addresses that a killed process left; see [`Interfaces::find_stale`].
struct Addresses<'a> {
    host: &'a mut dyn HostPlane,
    interfaces: &'a Interfaces,
    have_marks: bool,
    events: Option<&'a EventSender>,
}

impl Addresses<'_> {
    async fn clean(
        &mut self,
        spec: &RouterSpec,
        link: &Arc<Link>,
        address: &VirtualAddress,
    ) -> Result<(), AddressError> {
        let is_on_macvlan = seat_of(spec, address).is_some();
        let origin = (self.have_marks, is_on_macvlan);
        let found = self.interfaces.find_stale(link, address, origin);
        for prefix in &found.stale {
            let address = address.clone().with_prefix_len(*prefix);
            self.report(Event::StaleFound {
                object: host_address(&address, link).into(),
            });
            remove(self.host, link, &address).await?;
        }
        if found.external {
            self.report(external_address(spec, link, address.address));
        } else {
            // Also where there is nothing to remove: a missing capability shows at once.
            remove(self.host, link, address).await?;
        }
        Ok(())
    }

    fn report(&self, event: Event) {
        if let Some(events) = self.events {
            events.send(event);
        }
    }
}

/// The event of a virtual address that another program added.
pub(super) fn external_address(spec: &RouterSpec, link: &Link, address: IpAddr) -> Event {
    Event::ExternalAddress {
        router: Arc::from(spec.name.as_str()),
        vrid: spec.config.vrid(),
        interface: Arc::from(link.name.as_str()),
        address,
    }
}

async fn remove(
    host: &mut dyn HostPlane,
    link: &Arc<Link>,
    address: &VirtualAddress,
) -> Result<(), AddressError> {
    let change = Change::Remove(host_address(address, link).into());
    let results = host.apply(&[change]).await;
    results.into_iter().try_for_each(|result| match result {
        Ok(_) => Ok(()),
        Err(source) => Err(AddressError::new(
            AddressOperation::Remove,
            address.address,
            &link.name,
            source,
        )),
    })
}
