// SPDX-License-Identifier: MIT OR Apache-2.0
//! Gratuitous ARP (RFC 9568 §6.4.1; RFC 5227 §3).

use std::net::Ipv4Addr;

use pnet::packet::{
    MutablePacket, Packet,
    arp::{ArpHardwareTypes, ArpOperations, ArpPacket, MutableArpPacket},
    ethernet::{EtherTypes, EthernetPacket, MutableEthernetPacket},
};

use crate::MacAddr;

/// An Ethernet frame that tells every host on the LAN which MAC address an IPv4 address has.
///
/// An ARP request whose sender and target protocol address are both the virtual address, sent to
/// all. The target hardware address is ff:ff:ff:ff:ff:ff as keepalived has it; errata 7947 and 7949
/// name the virtual MAC address there, and receivers ignore it.
///
/// ```
/// use lb_vrrp::wire::GratuitousArp;
///
/// let announcement = GratuitousArp {
///     mac: "02:00:00:00:00:01".parse()?,
///     address: "192.0.2.100".parse()?,
/// };
/// let frame = announcement.to_vec();
/// assert_eq!(GratuitousArp::parse(&frame), Some(announcement));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the two variable parts of the frame"
)]
pub struct GratuitousArp {
    /// MAC address of the interface that holds the virtual address.
    pub mac: MacAddr,
    /// The virtual address.
    pub address: Ipv4Addr,
}

impl GratuitousArp {
    /// Bytes of the frame, without the padding that the network adds.
    pub const LEN: usize = EthernetPacket::minimum_packet_size() + ArpPacket::minimum_packet_size();

    /// Reads a gratuitous ARP request or reply from an Ethernet frame; `None` for anything else.
    #[must_use]
    pub fn parse(frame: &[u8]) -> Option<Self> {
        let ethernet = EthernetPacket::new(frame)?;
        if ethernet.get_ethertype() != EtherTypes::Arp {
            return None;
        }
        let arp = ArpPacket::new(ethernet.payload())?;
        let gratuitous = arp.get_hardware_type() == ArpHardwareTypes::Ethernet
            && arp.get_protocol_type() == EtherTypes::Ipv4
            && (arp.get_hw_addr_len(), arp.get_proto_addr_len()) == (6, 4)
            && arp.get_sender_proto_addr() == arp.get_target_proto_addr();
        gratuitous.then(|| Self {
            mac: arp.get_sender_hw_addr().octets().into(),
            address: arp.get_sender_proto_addr(),
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
        let Some(mut ethernet) = MutableEthernetPacket::new(frame) else {
            return;
        };
        let [source, broadcast] = [self.mac, MacAddr::BROADCAST].map(|mac| mac.octets().into());
        ethernet.set_destination(broadcast);
        ethernet.set_source(source);
        ethernet.set_ethertype(EtherTypes::Arp);
        let Some(mut arp) = MutableArpPacket::new(ethernet.payload_mut()) else {
            return;
        };
        arp.set_hardware_type(ArpHardwareTypes::Ethernet);
        arp.set_protocol_type(EtherTypes::Ipv4);
        arp.set_hw_addr_len(6);
        arp.set_proto_addr_len(4);
        arp.set_operation(ArpOperations::Request);
        arp.set_sender_hw_addr(source);
        arp.set_sender_proto_addr(self.address);
        arp.set_target_hw_addr(broadcast);
        arp.set_target_proto_addr(self.address);
    }

    /// The frame in a vector of its own.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut frame = vec![0; Self::LEN];
        self.emit(&mut frame);
        frame
    }
}
