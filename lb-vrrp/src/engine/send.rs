// SPDX-License-Identifier: MIT OR Apache-2.0
//! Advertisements, made from the configuration of the moment they are sent.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Instant,
};

use super::{Output, Transmit, VirtualRouter};
use crate::{
    params::{AdvertisedPriority, Authentication, HmacMode, Password, Version},
    wire::{Advertisement, AuthField, AuthenticationHeader, ChecksumDialect},
};

/// IP protocol number of VRRP.
const VRRP: u8 = 112;
const IPV4_HEADER: usize = 20;

/// Advertisements without a signature, which are sent again unchanged while nothing in them changes.
#[derive(Debug)]
pub(super) struct Repeatable {
    dialect: ChecksumDialect,
    /// To the group, or to each peer.
    transmits: Box<[Transmit]>,
}

impl Repeatable {
    fn matches(
        &self,
        source: IpAddr,
        priority: AdvertisedPriority,
        dialect: ChecksumDialect,
    ) -> bool {
        let first = self.transmits.first();
        self.dialect == dialect
            && first.is_some_and(|sent| sent.source == source && sent.priority == priority)
    }
}

impl VirtualRouter {
    /// Sends an advertisement to the group, or to each peer.
    pub(super) fn send_advertisement(&mut self, now: Instant, priority: AdvertisedPriority) {
        let dialect = self.transmit_dialect();
        match &self.repeatable {
            Some(last) if last.matches(self.primary, priority, dialect) => {
                for again in &last.transmits {
                    let again = Output::SendAdvertisement(again.clone());
                    self.outputs.push_back(again);
                }
            }
            _ => self.compose_and_send(now, priority, dialect),
        }
        self.last_sent = Some(now);
        self.stats.advertisements_sent += 1;
        if priority == AdvertisedPriority::Resign {
            self.stats.priority_zero_sent += 1;
        }
    }

    /// Composes an advertisement. Not inlined, because most adverts take the short path above.
    #[inline(never)]
    fn compose_and_send(
        &mut self,
        now: Instant,
        priority: AdvertisedPriority,
        checksum: ChecksumDialect,
    ) {
        let config = &self.config;
        let advertisement = Advertisement {
            version: config.version(),
            vrid: config.vrid(),
            priority,
            interval: config.interval(),
            addresses: config.addresses().clone(),
            auth: match config.version() {
                Version::V2 => Some(AuthField::from(config.authentication())),
                Version::V3 => None,
            },
            checksum,
        };
        let peers = &config.settings.peers.list;
        let destinations: Vec<IpAddr> = if peers.is_empty() {
            vec![config.group()]
        } else {
            peers.iter().map(|peer| peer.address).collect()
        };
        let authentication = config.authentication().clone();
        let transmits: Box<[Transmit]> = destinations
            .into_iter()
            .map(|to| self.transmit(now, &advertisement, &authentication, to))
            .collect();
        let outputs = transmits.iter().cloned().map(Output::SendAdvertisement);
        self.outputs.extend(outputs);
        let numbered = matches!(
            authentication,
            Authentication::Ah(_) | Authentication::Hmac(_)
        );
        self.repeatable = (!numbered).then_some(Repeatable {
            dialect: checksum,
            transmits,
        });
    }

    fn transmit(
        &mut self,
        now: Instant,
        advertisement: &Advertisement,
        authentication: &Authentication,
        destination: IpAddr,
    ) -> Transmit {
        let source = self.primary;
        let mut transmit = Transmit {
            source,
            destination,
            priority: advertisement.priority,
            hop_limit: self.config.hop_limit(),
            protocol: VRRP,
            identification: 0,
            payload: Arc::default(),
        };
        match (authentication, source, destination) {
            (Authentication::Hmac(hmac), ..) if hmac.mode() != HmacMode::ReceiveOnly => {
                let anti_replay = hmac.anti_replay(self.config.interval().as_duration());
                let sequence = self.security.next_hmac(now, anti_replay);
                let key = hmac.active();
                let signed = advertisement.to_signed_vec(source, destination, key, sequence);
                transmit.payload = signed.into();
            }
            (Authentication::Ah(key), IpAddr::V4(from), IpAddr::V4(to)) => {
                let message = advertisement.to_vec(source, destination);
                wrap(
                    &mut transmit,
                    key,
                    self.security.next_ah(),
                    (from, to),
                    &message,
                );
            }
            _ => transmit.payload = advertisement.to_vec(source, destination).into(),
        }
        transmit
    }
}

/// Puts an authentication header in front of a message.
fn wrap(
    transmit: &mut Transmit,
    key: &Password,
    sequence: u32,
    (source, destination): (Ipv4Addr, Ipv4Addr),
    message: &[u8],
) {
    // The digest covers the identification, which the kernel would choose if it were zero.
    let [.., i0, i1] = sequence.to_be_bytes();
    transmit.identification = u16::from_be_bytes([i0, i1]).max(1);
    transmit.protocol = AuthenticationHeader::PROTOCOL;
    let mut header = AuthenticationHeader::new(source, sequence);
    let ip_header = ipv4_header(transmit, (source, destination), message.len());
    header.sign(key, &ip_header, !destination.is_multicast(), message);
    transmit.payload = [&header.to_bytes()[..], message].concat().into();
}

/// The IPv4 header as it will be sent, but for what the digest does not cover.
fn ipv4_header(
    transmit: &Transmit,
    (source, destination): (Ipv4Addr, Ipv4Addr),
    message: usize,
) -> [u8; IPV4_HEADER] {
    let total = IPV4_HEADER + AuthenticationHeader::LEN + message;
    // A message has at most 255 addresses.
    let [t0, t1] = u16::try_from(total).unwrap_or(u16::MAX).to_be_bytes();
    let [i0, i1] = transmit.identification.to_be_bytes();
    let [s0, s1, s2, s3] = source.octets();
    let [d0, d1, d2, d3] = destination.octets();
    let (ttl, protocol) = (transmit.hop_limit, transmit.protocol);
    [
        0x45, 0, t0, t1, i0, i1, 0, 0, ttl, protocol, 0, 0, s0, s1, s2, s3, d0, d1, d2, d3,
    ]
}
