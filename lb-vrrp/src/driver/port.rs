// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the routers of one interface share.

use std::io;
use std::sync::Arc;

use super::event::InterfaceStatus;
use super::links::Interface;
use super::mailbox::PortKey;
use super::socket::VrrpSocket;
use crate::AddressFamily;

/// The socket of an interface and family, and what arrived on it for nobody.
#[derive(Debug)]
pub(super) struct Port {
    /// The interface the socket belongs to; another one may have the name by now.
    pub(super) index: u32,
    pub(super) socket: VrrpSocket,
    pub(super) unknown_vrid: u64,
    pub(super) malformed: u64,
}

impl Port {
    pub(super) fn open(interface: &Interface, family: AddressFamily) -> io::Result<Self> {
        Ok(Self {
            index: interface.link.index,
            socket: VrrpSocket::open(&interface.link.name, interface.link.index, family)?,
            unknown_vrid: 0,
            malformed: 0,
        })
    }

    pub(super) fn status(&self, (name, family): &PortKey) -> InterfaceStatus {
        InterfaceStatus {
            name: Arc::clone(name),
            family: *family,
            unknown_vrid: self.unknown_vrid,
            malformed: self.malformed,
        }
    }
}
