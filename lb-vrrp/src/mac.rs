// SPDX-License-Identifier: MIT OR Apache-2.0
//! MAC addresses.

use std::{fmt, str::FromStr};

/// A MAC address of an Ethernet interface or group.
///
/// ```
/// use lb_vrrp::{AddressFamily, MacAddr, Vrid};
///
/// let mac: MacAddr = "00:00:5e:00:01:33".parse()?;
/// assert_eq!(mac, Vrid::new(51)?.virtual_mac(AddressFamily::Ipv4));
/// assert_eq!(mac.octets(), [0, 0, 0x5e, 0, 1, 51]);
/// assert_eq!(mac.to_string(), "00:00:5e:00:01:33");
/// assert!(!mac.is_multicast() && MacAddr::BROADCAST.is_multicast());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MacAddr([u8; 6]);

impl MacAddr {
    /// The address of all interfaces on a link, `ff:ff:ff:ff:ff:ff`.
    pub const BROADCAST: Self = Self([0xff; 6]);
    /// The address without a meaning, `00:00:00:00:00:00`.
    pub const UNSPECIFIED: Self = Self([0; 6]);

    /// Makes an address of its bytes, in the order of transmission.
    #[must_use]
    pub const fn new(octets: [u8; 6]) -> Self {
        Self(octets)
    }

    /// Returns the bytes, in the order of transmission.
    #[must_use]
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }

    /// Returns whether the address is that of a group of interfaces, as the broadcast address is.
    #[must_use]
    pub const fn is_multicast(self) -> bool {
        let [first, ..] = self.0;
        first & 1 != 0
    }

    /// Returns whether the address can be that of one interface.
    #[must_use]
    pub fn is_unicast(self) -> bool {
        !self.is_multicast() && self != Self::UNSPECIFIED
    }
}

impl From<[u8; 6]> for MacAddr {
    fn from(octets: [u8; 6]) -> Self {
        Self(octets)
    }
}

impl From<MacAddr> for [u8; 6] {
    fn from(mac: MacAddr) -> Self {
        mac.0
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// A text that is not a MAC address.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{text} is not six hexadecimal numbers with colons between them")]
pub struct MacAddrError {
    text: String,
}

impl FromStr for MacAddr {
    type Err = MacAddrError;

    /// Reads six numbers of one or two hexadecimal digits, with colons between them.
    fn from_str(text: &str) -> Result<Self, MacAddrError> {
        let octet = |part: &str| {
            let digits = part.bytes().all(|byte| byte.is_ascii_hexdigit());
            let part = Some(part).filter(|part| digits && part.len() <= 2)?;
            u8::from_str_radix(part, 16).ok()
        };
        let octets: Option<Vec<u8>> = text.split(':').map(octet).collect();
        octets
            .and_then(|octets| octets.try_into().ok())
            .map(Self)
            .ok_or_else(|| MacAddrError {
                text: text.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn display_parses_to_the_same_address(octets in any::<[u8; 6]>()) {
            let mac = MacAddr::new(octets);
            prop_assert_eq!(mac.to_string().parse(), Ok(mac));
            prop_assert_eq!(<[u8; 6]>::from(mac), octets);
            prop_assert_eq!(mac.is_unicast(), octets[0] % 2 == 0 && octets != [0; 6]);
        }
    }

    #[test]
    fn malformed_text_is_refused() {
        for text in [
            "",
            "02:00:00:00:00",
            "02:00:00:00:00:01:02",
            "02:00:00:00:00:001",
            "02:00:00:00::01",
            "02:00:00:00:00:+1",
            "02-00-00-00-00-01",
            "02:00:00:00:00:0g",
        ] {
            let error = text.parse::<MacAddr>().unwrap_err();
            assert!(error.to_string().starts_with(text), "{text}");
        }
        assert_eq!("2:0:0:0:0:A".parse(), Ok(MacAddr::new([2, 0, 0, 0, 0, 10])));
    }
}
