// SPDX-License-Identifier: MIT OR Apache-2.0
//! Observations of the netlink monitor, and what they mean for the objects of the host.

use std::net::IpAddr;
use std::sync::Arc;

use lb_host::{AddressKey, Adopted, HostObject, Key, Link, VirtualLink, VirtualLinkKind};

use super::super::links::Interfaces;
use super::Actuator;

/// An observation of the netlink monitor.
#[derive(Debug)]
pub(in crate::driver) enum Hint {
    AddressGone {
        link: Link,
        address: IpAddr,
        /// The interface was up, so the kernel did not delete the address by itself.
        is_up: bool,
    },
    LinkGone {
        link: Link,
    },
    /// A macvlan went down.
    Lowered {
        link: Link,
    },
    /// An interface came up: its routes may be missing, whether or not its loss counted.
    Raised,
    /// Notifications were lost: the present interfaces.
    Audit(Interfaces),
}

impl Actuator {
    /// Has a macvlan that was taken over set down, unless a router desires it to be up.
    pub(super) fn adopt_state(&mut self, macvlan: &VirtualLink) {
        let interfaces = self.interfaces();
        if let Some(found) = interfaces.get(&macvlan.name)
            && !self.reconciler.is_held(&Key::LinkUp(found.link.index))
        {
            let up = HostObject::LinkUp(Arc::clone(&found.link));
            self.reconciler
                .adopt(None, Adopted::new(up).with_seen(false));
        }
    }

    pub(super) fn take_hint(&mut self, hint: Hint) {
        self.reconciler.handle_routing_disturbed();
        match hint {
            Hint::AddressGone {
                link,
                address,
                is_up,
            } => {
                let key = AddressKey::new(link.index, address);
                if is_up {
                    self.handle_missing(key);
                } else {
                    self.reconciler.handle_consequence(&Key::Address(key));
                    self.announcer.stop(key);
                }
            }
            Hint::LinkGone { link } => {
                self.reconciler.handle_link_gone(link.index);
                self.announcer.stop_on(link.index);
                let macvlan = Key::VirtualLink(Arc::from(link.name.as_str()));
                self.reconciler.handle_missing(&macvlan);
                self.statics_changed = true;
            }
            Hint::Lowered { link } => {
                self.reconciler.handle_missing(&Key::LinkUp(link.index));
            }
            Hint::Raised => {}
            Hint::Audit(interfaces) => {
                self.audit_links(&interfaces);
                let held = self.reconciler.held().filter_map(|object| match object {
                    HostObject::Address(address) => Some(address),
                    _ => None,
                });
                let missing: Vec<AddressKey> = held
                    .filter(|address| !interfaces.holds(&address.link, address.address))
                    .map(|address| address.key())
                    .collect();
                for key in missing {
                    self.handle_missing(key);
                }
            }
        }
    }

    /// Has macvlans added, and set up, that may have been deleted or set down.
    pub(super) fn audit_links(&mut self, interfaces: &Interfaces) {
        let is_missing = |object: &&HostObject| match object {
            HostObject::VirtualLink(link) => {
                interfaces
                    .get(&link.name)
                    .is_none_or(|found| match link.kind {
                        VirtualLinkKind::Macvlan(mac) => {
                            found.macvlan_of != Some(link.lower()) || found.mac != Some(mac)
                        }
                        VirtualLinkKind::Ipvlan(mode) => {
                            found.ipvlan_of != Some((link.lower(), mode))
                        }
                        _ => true,
                    })
            }
            HostObject::LinkUp(_) => true,
            _ => false,
        };
        let missing = self.reconciler.held().filter(is_missing);
        for key in missing.map(HostObject::key).collect::<Vec<_>>() {
            self.reconciler.handle_missing(&key);
        }
    }

    pub(super) fn handle_missing(&mut self, key: AddressKey) {
        self.reconciler.handle_missing(&Key::Address(key));
        self.announcer.stop(key);
    }
}
