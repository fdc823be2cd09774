// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reports the outcome of changes of host objects.

use std::io;
use std::sync::Arc;

use lb_host::{Address, Change, HostObject, Report, RoutingEntry};
use nix::libc;

use super::super::advert::Command;
use super::super::error::{AddressError, AddressOperation, InterfaceError, InterfaceOperation};
use super::super::event::Event;
use super::super::key::{Claimant, RouterKey};
use super::super::routing::RouteError;
use super::Actuator;

impl Actuator {
    /// Passes on all reports of the reconciler.
    pub(super) async fn report(&mut self) {
        while let Some(report) = self.reconciler.next_report() {
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

    fn report_restored(&self, claimant: Claimant, object: &HostObject) {
        let event = match (claimant, object) {
            (Claimant::Router(router), HostObject::Address(address)) => Event::AddressRestored {
                router: self.name_of(&router),
                vrid: router.vrid,
                address: address.address,
                interface: Arc::from(address.link.name.as_str()),
            },
            (Claimant::Router(router), HostObject::Routing(entry)) => Event::RouteRestored {
                router: self.name_of(&router),
                vrid: router.vrid,
                entry: RoutingEntry::clone(entry),
            },
            (Claimant::Links(router), HostObject::Macvlan(macvlan)) => Event::InterfaceRestored {
                router: self.name_of(&router),
                vrid: router.vrid,
                interface: Arc::from(macvlan.name.as_str()),
            },
            (Claimant::Router(_) | Claimant::Links(_), _) => return,
            (Claimant::Static, _) => {
                let Some(item) = self.desired.placed.name_of(&object.key()) else {
                    return;
                };
                Event::StaticRestored { item }
            }
        };
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
            HostObject::Macvlan(macvlan) => {
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
            (HostObject::Macvlan(_), true) => InterfaceOperation::Make,
            (HostObject::Macvlan(_), false) => InterfaceOperation::Delete,
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
