// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reports the outcome of changes of host objects.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use lb_host::{Address, AddressFamily, Admitted, Change, HostObject, Key, Report, RoutingEntry};
use nix::libc;
use tokio::time::Instant;

use super::super::advert::Command;
use super::super::error::{AddressError, AddressOperation, InterfaceError, InterfaceOperation};
use super::super::event::Event;
use super::super::key::{Claimant, RouterKey};
use super::super::routing::RouteError;
use super::Actuator;

impl Actuator {
    /// Passes on all reports of the reconciler.
    pub(super) async fn report(&mut self) {
        let now = Instant::now().into_std();
        while let Some(admitted) = self.restored.take_due(now) {
            self.send_restored(admitted);
        }
        while let Some(report) = self.reconciler.next_report() {
            if let Report::Failed { change, .. } | Report::Recovered { change, .. } = &report {
                self.unshielded_changed |= matches!(change.object(), HostObject::Shield(_));
            }
            match report {
                Report::Ready {
                    claimant: Claimant::Router(router),
                    generation,
                    object: HostObject::Address(address),
                    is_external,
                    ..
                } => {
                    let key = address.key();
                    if is_external {
                        self.report_external(&router, &address);
                    }
                    self.announcer.start(key, &router, &self.desired.routers);
                    let ready = Command::AddressReady {
                        router,
                        epoch: generation,
                        link: key.link,
                        address: key.address,
                        keep: is_external,
                    };
                    // Fails once the thread has ended; then the mailbox is closed.
                    let _ = self.commands.send(ready).await;
                }
                Report::Restored {
                    claimant, object, ..
                } => self.report_restored(claimant, &object),
                Report::Failed {
                    claimant,
                    change,
                    error,
                    ..
                } => {
                    self.report_refused(claimant.as_ref(), &change, &error)
                        .await;
                    self.report_failed(claimant, &change, error);
                }
                Report::Recovered {
                    claimant: Some(Claimant::Router(router) | Claimant::Links(router)),
                    change,
                    ..
                } => self.events.send(Event::ChangeRecovered {
                    router: self.name_of(&router),
                    vrid: router.vrid,
                    change,
                }),
                _ => {}
            }
        }
    }

    /// Reports to the advert thread which routers accept packets to their addresses although they should
    /// not, if that has changed.
    pub(super) async fn report_unshielded(&mut self) {
        let routers = self.desired.routers.iter();
        let refusing = routers.filter(|(_, router)| router.held && router.shielded);
        let unshielded = refusing.filter_map(|(key, router)| {
            let problem = router.addresses.iter().find_map(|prepared| {
                let family = AddressFamily::for_address(prepared.address.address);
                if let Some(problem) = self.shields.problem(family) {
                    return Some(Arc::clone(problem));
                }
                let failure = self.reconciler.failure(&Key::Shield(prepared.key()));
                failure.map(Arc::from)
            });
            Some((key.clone(), problem?))
        });
        let unshielded: BTreeMap<RouterKey, Arc<str>> = unshielded.collect();
        if self.unshielded != unshielded {
            self.unshielded.clone_from(&unshielded);
            // Fails once the thread has ended; then the mailbox is closed.
            let _ = self.commands.send(Command::Unshielded(unshielded)).await;
        }
    }

    /// Reports that another program added an address that the router holds. An address owner has such
    /// addresses.
    fn report_external(&self, router: &RouterKey, address: &Address) {
        let desired = self.desired.routers.get(router);
        if desired.is_some_and(|desired| !desired.owner) {
            self.events.send(Event::ExternalAddress {
                router: self.name_of(router),
                vrid: router.vrid,
                interface: Arc::from(address.link.name.as_str()),
                address: address.address,
            });
        }
    }

    fn report_restored(&mut self, claimant: Claimant, object: &HostObject) {
        let event = match (claimant, object) {
            (Claimant::Router(router), HostObject::Address(address)) => Event::AddressRestored {
                router: self.name_of(&router),
                vrid: router.vrid,
                address: address.address,
                interface: Arc::from(address.link.name.as_str()),
                suppressed: 0,
            },
            (Claimant::Router(router), HostObject::Routing(entry)) => Event::RouteRestored {
                router: self.name_of(&router),
                vrid: router.vrid,
                entry: RoutingEntry::clone(entry),
                suppressed: 0,
            },
            (Claimant::Links(router), HostObject::VirtualLink(macvlan)) => {
                Event::InterfaceRestored {
                    router: self.name_of(&router),
                    vrid: router.vrid,
                    interface: Arc::from(macvlan.name.as_str()),
                    suppressed: 0,
                }
            }
            (Claimant::Router(_) | Claimant::Links(_), _) => return,
            (Claimant::Static, _) => {
                let Some(item) = self.desired.placed.name_of(&object.key()) else {
                    return;
                };
                Event::StaticRestored {
                    item,
                    suppressed: 0,
                }
            }
        };
        let now = Instant::now().into_std();
        if let Some(admitted) = self.restored.admit(now, object.key(), event) {
            self.send_restored(admitted);
        }
    }

    /// Sends the event of an object that was added again, with the number of those that were left out.
    fn send_restored(&self, admitted: Admitted<Event>) {
        let left_out = admitted.suppressed + admitted.others;
        let mut event = admitted.report;
        if let Event::AddressRestored { suppressed, .. }
        | Event::RouteRestored { suppressed, .. }
        | Event::InterfaceRestored { suppressed, .. }
        | Event::StaticRestored { suppressed, .. } = &mut event
        {
            *suppressed = left_out;
        }
        self.events.send(event);
    }

    /// Reports to the advert thread that the kernel refused to add an address of a router.
    async fn report_refused(
        &mut self,
        claimant: Option<&Claimant>,
        change: &Change,
        error: &io::Error,
    ) {
        if let (Some(Claimant::Router(router)), Change::Add(HostObject::Address(address))) =
            (claimant, change)
        {
            let refused = Command::AddressRefused {
                router: router.clone(),
                address: address.key(),
                reason: Arc::from(error.to_string()),
            };
            // Fails once the thread has ended; then the mailbox is closed.
            let _ = self.commands.send(refused).await;
        }
    }

    fn report_failed(&self, claimant: Option<Claimant>, change: &Change, source: io::Error) {
        match claimant {
            Some(Claimant::Router(router) | Claimant::Links(router)) => {
                self.report_router_failed(&router, change, source);
            }
            // The status of the static item contains the reason.
            Some(Claimant::Static) if change.is_add() => {}
            Some(Claimant::Static) => self.events.send(Event::RemovalFailed {
                change: change.clone(),
                is_stale: false,
                error: Arc::new(source),
            }),
            None => self.events.send(Event::RemovalFailed {
                change: change.clone(),
                is_stale: true,
                error: Arc::new(source),
            }),
        }
    }

    fn report_router_failed(&self, router: &RouterKey, change: &Change, source: io::Error) {
        let (name, vrid) = (self.name_of(router), router.vrid);
        let operation = match (change.object(), change.is_add()) {
            (HostObject::Shield(_), true) => AddressOperation::Shield,
            (HostObject::Shield(_), false) => AddressOperation::Unshield,
            (_, true) => AddressOperation::Add,
            (_, false) => AddressOperation::Remove,
        };
        let (address, link) = match change.object() {
            HostObject::Address(address) => (address.address, &address.link),
            HostObject::Shield(shield) => (shield.address, &shield.link),
            HostObject::Routing(entry) => {
                let error = Arc::new(RouteError::new(operation, entry, source));
                self.events.send(Event::RouteFailed {
                    router: name,
                    vrid,
                    error,
                });
                return;
            }
            HostObject::VirtualLink(macvlan) => {
                self.report_interface_failed(router, &macvlan.name, change, source);
                return;
            }
            HostObject::LinkUp(link) => {
                self.report_interface_failed(router, &link.name, change, source);
                return;
            }
            HostObject::Setting(_) => {
                self.events.send(Event::SettingFailed {
                    router: name,
                    vrid,
                    change: change.clone(),
                    error: Arc::new(source),
                });
                return;
            }
            _ => return,
        };
        let error = AddressError::new(operation, address, &link.name, source);
        self.events.send(Event::AddressFailed {
            router: name,
            vrid,
            error: Arc::new(error),
        });
    }

    /// The name of a router, or its key if it was removed.
    fn name_of(&self, key: &RouterKey) -> Arc<str> {
        let name = self.names.get(key).map(Arc::clone);
        name.unwrap_or_else(|| Arc::clone(&key.interface))
    }

    fn report_interface_failed(
        &self,
        router: &RouterKey,
        ifname: &str,
        change: &Change,
        source: io::Error,
    ) {
        // The interface below is gone, which is reported elsewhere.
        if source.raw_os_error() == Some(libc::ENODEV) {
            return;
        }
        let operation = match (change.object(), change.is_add()) {
            (HostObject::VirtualLink(_), true) => InterfaceOperation::Make,
            (HostObject::VirtualLink(_), false) => InterfaceOperation::Delete,
            (_, true) => InterfaceOperation::Raise,
            (_, false) => InterfaceOperation::Lower,
        };
        let error = InterfaceError::new(operation, ifname, source);
        self.events.send(Event::InterfaceFailed {
            router: self.name_of(router),
            vrid: router.vrid,
            error: Arc::new(error),
        });
    }
}
