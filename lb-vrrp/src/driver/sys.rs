// SPDX-License-Identifier: MIT OR Apache-2.0
//! The address of a packet socket, which no crate offers in safe form.

use std::io;
use std::mem::size_of;

use nix::libc;
use socket2::{SockAddr, SockAddrStorage, socklen_t};

/// The address that binds a packet socket to one interface: frames sent on it leave there.
///
/// With protocol 0 the socket receives nothing, with another one frames of that `EtherType`.
#[expect(
    unsafe_code,
    reason = "neither socket2 nor nix builds a sockaddr_ll in safe code"
)]
pub(super) fn packet_address(index: u32, protocol: u16) -> io::Result<SockAddr> {
    let index = i32::try_from(index).map_err(|_| io::ErrorKind::InvalidInput)?;
    let family = u16::try_from(libc::AF_PACKET).map_err(|_| io::ErrorKind::InvalidInput)?;
    let length = socklen_t::try_from(size_of::<libc::sockaddr_ll>())
        .map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: sockaddr_ll is one of this platform's sockaddr types, and all zeros is valid for it.
    let address = unsafe { storage.view_as::<libc::sockaddr_ll>() };
    address.sll_family = family;
    address.sll_ifindex = index;
    address.sll_protocol = protocol.to_be();
    // SAFETY: the storage holds a sockaddr_ll whose family is set, and `length` is its size.
    Ok(unsafe { SockAddr::new(storage, length) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_address_has_the_family_and_size_of_a_sockaddr_ll() {
        let address = packet_address(7, 0).unwrap();
        assert_eq!(i32::from(address.family()), libc::AF_PACKET);
        assert_eq!(address.len(), 20);
        assert!(packet_address(u32::MAX, 0).is_err());
    }
}
