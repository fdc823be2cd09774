// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one virtual router's frames must be.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::advert::{Advert, Sum};
use super::frame::Chore;

/// How advertisements are authenticated; keys and passwords are padded with zeros to 8 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Authentication {
    /// Not at all.
    None,
    /// RFC 2338 type 1.
    Password([u8; 8]),
    /// RFC 2338 type 2.
    Header([u8; 8]),
}

/// What one virtual router is configured to be, on which station.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "cases write it out in full")]
pub struct Profile {
    /// The hardware address of its interface.
    pub mac: [u8; 6],
    /// The virtual hardware address, if it uses one: for what VRRP sends, not for what the
    /// kernel sends.
    pub virtual_mac: Option<[u8; 6]>,
    /// The address it advertises from.
    pub source: IpAddr,
    /// The station's addresses beside the virtual ones.
    pub own: Vec<IpAddr>,
    /// The one it sends to if it does not multicast.
    pub peer: Option<(IpAddr, [u8; 6])>,
    /// Protocol version.
    pub version: u8,
    /// Virtual router identifier.
    pub vrid: u8,
    /// Its priority.
    pub priority: u8,
    /// Its advertisement interval.
    pub interval: Duration,
    /// Which checksum it sends.
    pub sum: Sum,
    /// Which checksums it accepts.
    pub accepts: Vec<Sum>,
    /// Its authentication.
    pub authentication: Authentication,
    /// The virtual addresses, in order.
    pub addresses: Vec<IpAddr>,
}

impl Profile {
    /// (256 − priority) / 256 of a second in version 2, of the master's interval in version 3.
    #[must_use]
    pub fn skew(&self, interval: Duration) -> Duration {
        let whole = if self.version == 2 {
            Duration::from_secs(1)
        } else {
            interval
        };
        whole * (256 - u32::from(self.priority)) / 256
    }

    /// How long it waits for a master with this interval.
    #[must_use]
    pub fn master_down(&self, interval: Duration) -> Duration {
        interval * 3 + self.skew(interval)
    }

    /// The source of what VRRP sends.
    #[must_use]
    pub fn sender(&self) -> [u8; 6] {
        self.virtual_mac.unwrap_or(self.mac)
    }

    fn destination(&self) -> (IpAddr, [u8; 6]) {
        self.peer.unwrap_or_else(|| match self.source {
            IpAddr::V4(_) => (
                Ipv4Addr::new(224, 0, 0, 18).into(),
                [0x01, 0x00, 0x5e, 0x00, 0x00, 0x12],
            ),
            IpAddr::V6(_) => (
                Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12).into(),
                [0x33, 0x33, 0x00, 0x00, 0x00, 0x12],
            ),
        })
    }

    /// What is wrong with an advertisement of its own; `macs` are the frame's destination and
    /// source.
    #[must_use]
    pub fn faults(&self, advert: &Advert, macs: [Option<[u8; 6]>; 2]) -> Vec<String> {
        let mut faults = Vec::new();
        let mut must = |right: bool, what: &str| {
            if !right {
                faults.push(format!("{what}: {advert:?}"));
            }
        };
        let (destination, to) = self.destination();
        must(
            macs == [Some(to), Some(self.sender())],
            "hardware addresses",
        );
        must(advert.destination == destination, "destination");
        must(advert.source == self.source, "source");
        // Internetwork control, RFC 791 and 2474, as keepalived has it.
        must(advert.service == 0xc0, "type of service");
        must(advert.hop_limit == 255, "hop limit");
        must(advert.version == self.version, "version");
        must(advert.kind == 1, "type");
        must(advert.vrid == self.vrid, "virtual router identifier");
        must([0, self.priority].contains(&advert.priority), "priority");
        must(advert.interval == self.interval, "interval");
        must(advert.sum == self.sum, "checksum");
        must(advert.addresses == self.addresses, "addresses");
        must(usize::from(advert.count) == self.addresses.len(), "count");
        let [kind, tail] = match (self.version, self.authentication) {
            (2, Authentication::None) => [vec![0], vec![0; 8]],
            (2, Authentication::Password(password)) => [vec![1], password.to_vec()],
            (2, Authentication::Header(_)) => [vec![2], vec![0; 8]],
            _ => [vec![0], Vec::new()],
        };
        must(
            vec![advert.authentication_type] == kind,
            "authentication type",
        );
        must(advert.tail == tail, "authentication data");
        let signed = match (self.authentication, &advert.header) {
            (Authentication::Header(key), Some(header)) => {
                let index = match self.source {
                    IpAddr::V4(source) => u32::from(source),
                    IpAddr::V6(_) => 0,
                };
                header.index == index && header.is_by(&key)
            }
            (Authentication::Header(_), None) | (_, Some(_)) => false,
            (_, None) => true,
        };
        must(signed, "authentication header");
        faults
    }

    /// Whether the router must not ignore another's advertisement, RFC 9568 §7.1 and RFC 3768 §7.1.
    #[must_use]
    pub fn accepts(&self, advert: &Advert) -> bool {
        let authentic = match self.authentication {
            Authentication::None => advert.authentication_type == 0 && advert.header.is_none(),
            Authentication::Password(password) => {
                advert.authentication_type == 1 && advert.tail == password
            }
            Authentication::Header(key) => {
                let header = advert.header.as_ref();
                header.is_some_and(|header| header.is_by(&key))
            }
        };
        let interval = if self.version == 2 {
            advert.interval == self.interval
        } else {
            !advert.interval.is_zero()
        };
        authentic
            && interval
            && (advert.version, advert.kind, advert.vrid) == (self.version, 1, self.vrid)
            && advert.hop_limit == 255
            && self.accepts.contains(&advert.sum)
    }

    /// Whether its station's kernel may send this, as the master or not.
    #[must_use]
    pub fn explains(&self, chore: &Chore, master: bool) -> bool {
        let virtual_too = |address: &IpAddr| self.addresses.contains(address);
        let owns = |address: &IpAddr| self.own.contains(address);
        match chore {
            Chore::Membership(groups) => groups.iter().all(|group| {
                let all = self.own.iter().chain(&self.addresses);
                *group == self.destination().0 || all.filter_map(solicited).any(|own| own == *group)
            }),
            Chore::Question { sender, target } if sender.is_unspecified() => {
                owns(target) || virtual_too(target)
            }
            Chore::Question { sender, .. } | Chore::Answer(sender) => {
                owns(sender) || (master && virtual_too(sender))
            }
            Chore::RouterSolicitation => true,
            Chore::Refusal(to) => !master && self.peer.is_some_and(|(peer, _)| peer == *to),
        }
    }

    /// Whether an advertisement outranks it: a higher priority, or the same from a higher
    /// address.
    #[must_use]
    pub fn yields_to(&self, advert: &Advert) -> bool {
        (advert.priority, advert.source) > (self.priority, self.source)
    }
}

/// The solicited-node group of an address, RFC 4291 §2.7.1.
fn solicited(address: &IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(address) = address else {
        return None;
    };
    let [.., high, low] = address.segments();
    Some(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | (high & 0xff), low).into())
}
