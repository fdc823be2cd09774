// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addresses as the family carries them (`union nf_inet_addr`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_core::DecodeError;

use super::codec::Codec;
use crate::service::AddressFamily;

/// Up to 16 bytes of an address, whose family stands in another attribute.
///
/// Requests carry an IPv4 address in 4 bytes, replies in 16.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct WireAddress {
    octets: [u8; 16],
    len: usize,
}

impl WireAddress {
    /// The address of a family that these bytes are, if they are enough.
    #[must_use]
    pub fn to_ip(&self, family: AddressFamily) -> Option<IpAddr> {
        match family {
            AddressFamily::Ipv4 if self.len >= 4 => {
                let [a, b, c, d, ..] = self.octets;
                Some(Ipv4Addr::new(a, b, c, d).into())
            }
            AddressFamily::Ipv6 if self.len == 16 => Some(Ipv6Addr::from(self.octets).into()),
            AddressFamily::Ipv4 | AddressFamily::Ipv6 => None,
        }
    }

    /// The same in 16 bytes, as in replies of the kernel.
    #[must_use]
    pub const fn widened(mut self) -> Self {
        self.len = 16;
        self
    }

    fn new(bytes: &[u8]) -> Option<Self> {
        let mut octets = [0; 16];
        octets.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Self {
            octets,
            len: bytes.len(),
        })
    }
}

impl From<IpAddr> for WireAddress {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => {
                let [a, b, c, d] = v4.octets();
                Self {
                    octets: [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                    len: 4,
                }
            }
            IpAddr::V6(v6) => Self {
                octets: v6.octets(),
                len: 16,
            },
        }
    }
}

/// Writes and reads [`WireAddress`].
pub(super) struct Address;

impl Codec for Address {
    type Value = WireAddress;

    fn len(value: &WireAddress) -> usize {
        value.len
    }

    fn emit(value: &WireAddress, buffer: &mut [u8]) {
        for (target, octet) in buffer.iter_mut().zip(value.octets) {
            *target = octet;
        }
    }

    fn parse(bytes: &[u8]) -> Result<WireAddress, DecodeError> {
        WireAddress::new(bytes).ok_or_else(|| DecodeError::invalid_ip_address(bytes.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        let long = Address::parse(&[10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
        assert_eq!(
            long.to_ip(AddressFamily::Ipv4),
            Some("10.0.0.1".parse().unwrap())
        );
        assert_eq!(
            long.to_ip(AddressFamily::Ipv6),
            Some("a00:1::".parse().unwrap())
        );
        let short = WireAddress::from("10.0.0.1".parse::<IpAddr>().unwrap());
        assert_eq!(Address::len(&short), 4);
        assert_eq!(short.to_ip(AddressFamily::Ipv6), None);
        assert_eq!(short.widened(), long);
        assert!(Address::parse(&[0; 17]).is_err());
        assert_eq!(
            Address::parse(&[10, 0]).unwrap().to_ip(AddressFamily::Ipv4),
            None
        );
    }
}
