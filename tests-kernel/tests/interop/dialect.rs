// SPDX-License-Identifier: MIT OR Apache-2.0
//! The ways two routers can speak with each other, as lines of their configuration.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use tests_kernel::observer::{Authentication, Profile, Sum};

use super::wire::Advert;

pub(crate) const HOSTS: [[u8; 4]; 2] = [[192, 168, 1, 11], [192, 168, 1, 12]];
const VRID: u8 = 51;

/// One way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    V2,
    V2Ah,
    V2Unicast,
    V3,
    V3Unicast,
    V3Ipv6,
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V2 => "v2",
            Self::V2Ah => "v2 AH",
            Self::V2Unicast => "v2 unicast",
            Self::V3 => "v3 IPv4",
            Self::V3Unicast => "v3 IPv4 unicast",
            Self::V3Ipv6 => "v3 IPv6",
        })
    }
}

impl Dialect {
    const fn version(self) -> u8 {
        match self {
            Self::V2 | Self::V2Ah | Self::V2Unicast => 2,
            Self::V3 | Self::V3Unicast | Self::V3Ipv6 => 3,
        }
    }

    const fn is_unicast(self) -> bool {
        matches!(self, Self::V2Unicast | Self::V3Unicast)
    }

    /// The address that clients use.
    pub(crate) const fn vip(self) -> &'static str {
        match self {
            Self::V3Ipv6 => "fd00:1::50",
            _ => "192.168.1.50",
        }
    }

    /// A backup waits at most this long for a master, RFC 9568 §6.1.
    pub(crate) const fn master_down(self) -> Duration {
        match self.version() {
            2 => Duration::from_secs(4),
            _ => Duration::from_millis(2000),
        }
    }

    /// The file of one of the two routers.
    pub(crate) fn configuration(self, host: usize, priority: u8) -> String {
        let interval = if self.version() == 2 { "1" } else { "0.5" };
        let addresses = match self {
            Self::V3Ipv6 => "fe80::5e:51/64\n        fd00:1::50/64",
            _ => "192.168.1.50/24",
        };
        let authentication = match self {
            Self::V2Ah => "authentication {\n        auth_type AH\n        auth_pass secret\n    }",
            _ => "",
        };
        let peer = if self.is_unicast() {
            let [own, other] = [host, 1 - host].map(|of| IpAddr::from(HOSTS[of]));
            format!("unicast_src_ip {own}\n    unicast_peer {{\n        {other}\n    }}")
        } else {
            String::new()
        };
        format!(
            "global_defs {{
    router_id R{host}
    vrrp_version {version}
}}
vrrp_instance VI_1 {{
    state BACKUP
    interface eth0
    virtual_router_id {VRID}
    priority {priority}
    advert_int {interval}
    {authentication}
    {peer}
    virtual_ipaddress {{
        {addresses}
    }}
}}
",
            version = self.version(),
        )
    }

    /// What the frames of one of them must be.
    pub(crate) fn profile(self, host: usize, priority: u8, macs: [[u8; 6]; 2]) -> Profile {
        let [mac, other] = [macs[host], macs[1 - host]];
        let link_local = IpAddr::from([
            0xfe80,
            0,
            0,
            0,
            u16::from_be_bytes([mac[0] ^ 2, mac[1]]),
            u16::from_be_bytes([mac[2], 0xff]),
            u16::from_be_bytes([0xfe, mac[3]]),
            u16::from_be_bytes([mac[4], mac[5]]),
        ]);
        let own = vec![HOSTS[host].into(), link_local];
        let (source, sum, addresses): (_, _, &[&str]) = match self {
            Self::V3Ipv6 => (link_local, Sum::Pseudo, &["fe80::5e:51", "fd00:1::50"]),
            Self::V3 | Self::V3Unicast => (own[0], Sum::Pseudo, &["192.168.1.50"]),
            _ => (own[0], Sum::Message, &["192.168.1.50"]),
        };
        Profile {
            mac,
            virtual_mac: None,
            source,
            own,
            peer: self.is_unicast().then_some((HOSTS[1 - host].into(), other)),
            version: self.version(),
            vrid: VRID,
            priority,
            interval: match self.version() {
                2 => Duration::from_secs(1),
                _ => Duration::from_millis(500),
            },
            sum,
            accepts: vec![sum],
            authentication: match self {
                Self::V2Ah => Authentication::Header(*b"secret\0\0"),
                _ => Authentication::None,
            },
            addresses: addresses
                .iter()
                .filter_map(|text| text.parse().ok())
                .collect(),
        }
    }

    /// Checks what an advertisement of this dialect must be.
    pub(crate) fn check(self, advert: &Advert) {
        let what = format!("{self}: {advert:?}");
        assert_eq!(advert.version, self.version(), "{what}");
        assert_eq!(advert.vrid, VRID, "{what}");
        assert_eq!(advert.hop_limit, 255, "{what}");
        let protocol = if self == Self::V2Ah { 51 } else { 112 };
        assert_eq!(advert.protocol, protocol, "{what}");
        if self.version() == 2 {
            let kind = if self == Self::V2Ah { 2 } else { 0 };
            assert_eq!(advert.authentication_type, kind, "{what}");
        }
        match (self.is_unicast(), advert.destination) {
            (true, IpAddr::V4(to)) => assert!(HOSTS.contains(&to.octets()), "{what}"),
            (false, IpAddr::V4(to)) => assert_eq!(to.octets(), [224, 0, 0, 18], "{what}"),
            (_, IpAddr::V6(to)) => assert_eq!(to.to_string(), "ff02::12", "{what}"),
        }
        if let IpAddr::V6(source) = advert.source {
            assert!(source.is_unicast_link_local(), "{what}");
        }
    }
}
