// SPDX-License-Identifier: MIT OR Apache-2.0
//! The ways two routers can speak with each other, and what the frames of one must be then.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use tests_kernel::observer::{Authentication, Profile, Sum};
use tests_kernel::peer::Peer;

/// The addresses of the two hosts.
pub(crate) const HOSTS: [[u8; 4]; 2] = [[192, 168, 1, 11], [192, 168, 1, 12]];
pub(crate) const VRID: u8 = 51;
/// Of authentication, padded.
const SECRET: [u8; 8] = *b"secret\0\0";

/// One way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    V2,
    V2Password,
    V2Header,
    V2Unicast,
    V3,
    /// RFC 9568's checksum, without a pseudo header.
    V3Message,
    V3Unicast,
    V3Ipv6,
    Vmac,
    VmacIpv6,
}

impl Dialect {
    pub(crate) const ALL: [Self; 10] = [
        Self::V2,
        Self::V2Password,
        Self::V2Header,
        Self::V2Unicast,
        Self::V3,
        Self::V3Message,
        Self::V3Unicast,
        Self::V3Ipv6,
        Self::Vmac,
        Self::VmacIpv6,
    ];
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V2 => "v2",
            Self::V2Password => "v2-pass",
            Self::V2Header => "v2-ah",
            Self::V2Unicast => "v2-unicast",
            Self::V3 => "v3-ipv4",
            Self::V3Message => "v3-ipv4-message-only",
            Self::V3Unicast => "v3-ipv4-unicast",
            Self::V3Ipv6 => "v3-ipv6",
            Self::Vmac => "v3-ipv4-vmac",
            Self::VmacIpv6 => "v3-ipv6-vmac",
        })
    }
}

/// What one of the two is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Role {
    /// Its place in [`HOSTS`].
    pub(crate) host: usize,
    pub(crate) priority: u8,
    pub(crate) interval: Duration,
    /// How many of the virtual addresses it has.
    pub(crate) addresses: usize,
}

impl Dialect {
    pub(crate) const fn version(self) -> u8 {
        match self {
            Self::V2 | Self::V2Password | Self::V2Header | Self::V2Unicast => 2,
            _ => 3,
        }
    }

    pub(crate) const fn is_ipv6(self) -> bool {
        matches!(self, Self::V3Ipv6 | Self::VmacIpv6)
    }

    pub(crate) const fn has_virtual_mac(self) -> bool {
        matches!(self, Self::Vmac | Self::VmacIpv6)
    }

    pub(crate) const fn is_unicast(self) -> bool {
        matches!(self, Self::V2Unicast | Self::V3Unicast)
    }

    /// What both have unless the case is about it; seconds are all that VRRPv2 can say.
    pub(crate) const fn interval(self) -> Duration {
        match self.version() {
            2 => Duration::from_secs(1),
            _ => Duration::from_millis(300),
        }
    }

    /// The virtual addresses; those of IPv6 begin with the link-local one.
    const fn all_addresses(self) -> &'static [&'static str] {
        match self {
            Self::V3Ipv6 | Self::VmacIpv6 => &["fe80::5e:51", "fd00:1::50", "fd00:1::51"],
            _ => &["192.168.1.50", "192.168.1.51"],
        }
    }

    /// How many virtual addresses there are unless the case is about it.
    pub(crate) const fn addresses(self) -> usize {
        self.all_addresses().len() - 1
    }

    pub(crate) fn virtual_addresses(self, role: &Role) -> Vec<IpAddr> {
        let all = self.all_addresses().iter().take(role.addresses);
        all.filter_map(|text| text.parse().ok()).collect()
    }

    /// The file of keepalived, and ours.
    pub(crate) fn keepalived_file(self, role: &Role) -> String {
        let Role { host, priority, .. } = role;
        let length = if self.is_ipv6() { 64 } else { 24 };
        let addresses: Vec<String> = self
            .virtual_addresses(role)
            .iter()
            .map(|address| format!("        {address}/{length}\n"))
            .collect();
        let more = match self {
            Self::V2Password => "authentication {\n auth_type PASS\n auth_pass secret\n }".into(),
            Self::V2Header => "authentication {\n auth_type AH\n auth_pass secret\n }".into(),
            Self::V3Message => "v3_checksum_as_v2".into(),
            Self::Vmac | Self::VmacIpv6 => "use_vmac".into(),
            Self::V2Unicast | Self::V3Unicast => {
                let [own, other] = [*host, 1 - host].map(|host| IpAddr::from(HOSTS[host]));
                format!("unicast_src_ip {own}\n    unicast_peer {{\n        {other}\n    }}")
            }
            Self::V2 | Self::V3 | Self::V3Ipv6 => String::new(),
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
    {more}
    virtual_ipaddress {{
{addresses}    }}
}}
",
            version = self.version(),
            interval = role.interval.as_secs_f64(),
            addresses = addresses.concat(),
        )
    }

    /// The file of FRR.
    pub(crate) fn frr_file(self, role: &Role, peer: &Peer) -> String {
        let family = if self.is_ipv6() { "ipv6" } else { "ip" };
        let mut file = format!(
            "interface eth0
 vrrp {VRID} version {version}
 vrrp {VRID} priority {priority}
 vrrp {VRID} advertisement-interval {interval}
",
            version = self.version(),
            priority = role.priority,
            interval = role.interval.as_millis(),
        );
        if self == Self::V3Message && peer.can_sum_the_message_alone() {
            file += &format!(" no vrrp {VRID} checksum-with-ipv4-pseudoheader\n");
        }
        for address in self.virtual_addresses(role) {
            file += &format!(" vrrp {VRID} {family} {address}\n");
        }
        file
    }

    /// What the frames of ours must be; `macs` are the hardware addresses of the interfaces, ours
    /// first.
    pub(crate) fn profile(self, role: &Role, macs: [[u8; 6]; 2]) -> Profile {
        let [mac, other] = macs;
        let link_local = link_local(mac);
        let own = vec![HOSTS[role.host].into(), link_local];
        let (source, sum) = match (self, self.version()) {
            (Self::V3Ipv6 | Self::VmacIpv6, _) => (link_local, Sum::Pseudo),
            (Self::V3Message, _) | (_, 2) => (own[0], Sum::Message),
            _ => (own[0], Sum::Pseudo),
        };
        let peer = HOSTS[1 - role.host].into();
        Profile {
            mac,
            virtual_mac: self.has_virtual_mac().then_some([
                0,
                0,
                0x5e,
                0,
                if self.is_ipv6() { 2 } else { 1 },
                VRID,
            ]),
            source,
            own,
            peer: self.is_unicast().then_some((peer, other)),
            version: self.version(),
            vrid: VRID,
            priority: role.priority,
            interval: role.interval,
            sum,
            accepts: match (self, self.version()) {
                (Self::V3Ipv6 | Self::VmacIpv6, _) => vec![Sum::Pseudo],
                (_, 2) => vec![Sum::Message],
                _ => vec![Sum::Pseudo, Sum::Message],
            },
            authentication: match self {
                Self::V2Password => Authentication::Password(SECRET),
                Self::V2Header => Authentication::Header(SECRET),
                _ => Authentication::None,
            },
            addresses: self.virtual_addresses(role),
        }
    }
}

/// RFC 4291 appendix A: the kernel's link-local address of an interface.
fn link_local(mac: [u8; 6]) -> IpAddr {
    IpAddr::from([
        0xfe80,
        0,
        0,
        0,
        u16::from_be_bytes([mac[0] ^ 2, mac[1]]),
        u16::from_be_bytes([mac[2], 0xff]),
        u16::from_be_bytes([0xfe, mac[3]]),
        u16::from_be_bytes([mac[4], mac[5]]),
    ])
}
