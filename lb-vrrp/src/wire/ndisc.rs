// SPDX-License-Identifier: MIT OR Apache-2.0
//! Unsolicited neighbour advertisements (RFC 9568 §6.4.1; RFC 4861 §4.4, §7.2.6).

use std::net::Ipv6Addr;

use pnet::packet::{
    MutablePacket, Packet,
    ethernet::{EtherTypes, EthernetPacket, MutableEthernetPacket},
    icmpv6::{
        self, Icmpv6Code, Icmpv6Packet, Icmpv6Types,
        ndp::{
            MutableNdpOptionPacket, MutableNeighborAdvertPacket, NdpOptionPacket, NdpOptionTypes,
            NeighborAdvertFlags, NeighborAdvertPacket,
        },
    },
    ip::IpNextHeaderProtocols,
    ipv6::{Ipv6Packet, MutableIpv6Packet},
};

use crate::MacAddr;

/// All nodes on the link.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// The MAC address of that group (RFC 2464 §7).
const ALL_NODES_MAC: MacAddr = MacAddr::new([0x33, 0x33, 0, 0, 0, 1]);

/// Bytes of a link-layer address option with an Ethernet address.
const OPTION_LEN: usize = 8;

/// Bytes of the ICMPv6 message.
const MESSAGE_LEN: usize = NeighborAdvertPacket::minimum_packet_size() + OPTION_LEN;

/// An Ethernet frame that tells every host on the link which MAC address an IPv6 address has.
///
/// Sent to ff02::1 with hop limit 255, flags S = 0 and O = 1, and a target link-layer address
/// option.
///
/// ```
/// use lb_vrrp::wire::UnsolicitedNeighbourAdvertisement;
///
/// let announcement = UnsolicitedNeighbourAdvertisement {
///     mac: "02:00:00:00:00:01".parse()?,
///     source: "fe80::1".parse()?,
///     address: "2001:db8::100".parse()?,
///     router: true,
/// };
/// let frame = announcement.to_vec();
/// assert_eq!(UnsolicitedNeighbourAdvertisement::parse(&frame), Some(announcement));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the variable parts of the frame")]
pub struct UnsolicitedNeighbourAdvertisement {
    /// MAC address of the interface that holds the virtual address.
    pub mac: MacAddr,
    /// Source of the packet: the link-local address, or the virtual address itself.
    pub source: Ipv6Addr,
    /// The virtual address.
    pub address: Ipv6Addr,
    /// The R flag: whether the sender forwards packets.
    pub router: bool,
}

impl UnsolicitedNeighbourAdvertisement {
    /// Bytes of the frame.
    pub const LEN: usize =
        EthernetPacket::minimum_packet_size() + Ipv6Packet::minimum_packet_size() + MESSAGE_LEN;

    /// Reads an unsolicited neighbour advertisement of this form from an Ethernet frame; `None`
    /// for anything else.
    #[must_use]
    pub fn parse(frame: &[u8]) -> Option<Self> {
        let ethernet = EthernetPacket::new(frame)?;
        let packet = Ipv6Packet::new(ethernet.payload())?;
        let is_icmp = ethernet.get_ethertype() == EtherTypes::Ipv6
            && packet.get_next_header() == IpNextHeaderProtocols::Icmpv6
            && packet.get_hop_limit() == u8::MAX;
        let message = ethernet
            .payload()
            .get(Ipv6Packet::minimum_packet_size()..)?;
        let message = message.get(..MESSAGE_LEN)?;
        let source = packet.get_source();
        let icmp = Icmpv6Packet::new(message)?;
        let checksum = icmpv6::checksum(&icmp, &source, &packet.get_destination());
        let advert = NeighborAdvertPacket::new(message)?;
        let option = NdpOptionPacket::new(message.get(MESSAGE_LEN - OPTION_LEN..)?)?;
        let matches = is_icmp
            && usize::from(packet.get_payload_length()) == MESSAGE_LEN
            && advert.get_icmpv6_type() == Icmpv6Types::NeighborAdvert
            && advert.get_checksum() == checksum
            && advert.get_flags() & NeighborAdvertFlags::Solicited == 0
            && option.get_option_type() == NdpOptionTypes::TargetLLAddr
            && option.get_length() == 1;
        let mac = MacAddr::new(*message.last_chunk()?);
        matches.then(|| Self {
            mac,
            source,
            address: advert.get_target_addr(),
            router: advert.get_flags() & NeighborAdvertFlags::Router != 0,
        })
    }

    /// Bytes of the frame.
    #[must_use]
    pub const fn buffer_len(&self) -> usize {
        Self::LEN
    }

    /// Writes the frame into the first [`LEN`](Self::LEN) bytes of `buffer`.
    ///
    /// # Panics
    ///
    /// If `buffer` is shorter than that.
    #[expect(
        clippy::indexing_slicing,
        reason = "the documented panic on a short buffer"
    )]
    pub fn emit(&self, buffer: &mut [u8]) {
        let frame = &mut buffer[..Self::LEN];
        frame.fill(0);
        let Some(mut ethernet) = MutableEthernetPacket::new(frame) else {
            return;
        };
        ethernet.set_destination(ALL_NODES_MAC.octets().into());
        ethernet.set_source(self.mac.octets().into());
        ethernet.set_ethertype(EtherTypes::Ipv6);
        let (header, message) = ethernet
            .payload_mut()
            .split_at_mut(Ipv6Packet::minimum_packet_size());
        self.emit_message(message);
        let Some(mut packet) = MutableIpv6Packet::new(header) else {
            return;
        };
        packet.set_version(6);
        #[expect(clippy::cast_possible_truncation, reason = "32")]
        packet.set_payload_length(MESSAGE_LEN as u16);
        packet.set_next_header(IpNextHeaderProtocols::Icmpv6);
        packet.set_hop_limit(u8::MAX);
        packet.set_source(self.source);
        packet.set_destination(ALL_NODES);
    }

    /// Writes the ICMPv6 message into zeros.
    fn emit_message(&self, message: &mut [u8]) {
        let router = if self.router {
            NeighborAdvertFlags::Router
        } else {
            0
        };
        if let Some(mut advert) = MutableNeighborAdvertPacket::new(message) {
            advert.set_icmpv6_type(Icmpv6Types::NeighborAdvert);
            advert.set_icmpv6_code(Icmpv6Code::new(0));
            advert.set_flags(router | NeighborAdvertFlags::Override);
            advert.set_target_addr(self.address);
        }
        let option = message
            .get_mut(MESSAGE_LEN - OPTION_LEN..)
            .unwrap_or_default();
        if let Some(mut option) = MutableNdpOptionPacket::new(option) {
            option.set_option_type(NdpOptionTypes::TargetLLAddr);
            option.set_length(1);
            option.set_data(&self.mac.octets());
        }
        let checksum = Icmpv6Packet::new(message)
            .map(|packet| icmpv6::checksum(&packet, &self.source, &ALL_NODES));
        if let (Some(checksum), Some(mut advert)) =
            (checksum, MutableNeighborAdvertPacket::new(message))
        {
            advert.set_checksum(checksum);
        }
    }

    /// The frame in a vector of its own.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut frame = vec![0; Self::LEN];
        self.emit(&mut frame);
        frame
    }
}
