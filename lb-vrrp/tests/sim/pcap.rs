// SPDX-License-Identifier: MIT OR Apache-2.0
//! What went over a LAN as a file that tcpdump and Wireshark read: the engine's own bytes in
//! Ethernet frames.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::Path,
    time::Duration,
};

use lb_vrrp::{MacAddr, Transmit, wire::GratuitousArp};

/// A capture in the classic format, with nanoseconds.
#[derive(Debug)]
pub struct Capture(Vec<u8>);

impl Default for Capture {
    fn default() -> Self {
        let mut bytes = 0xa1b2_3c4d_u32.to_le_bytes().to_vec();
        for half in [2_u16, 4] {
            bytes.extend(half.to_le_bytes());
        }
        // Time zone, accuracy, longest frame, Ethernet.
        for word in [0_u32, 0, 65_535, 1] {
            bytes.extend(word.to_le_bytes());
        }
        Self(bytes)
    }
}

/// The interface of a router.
fn mac(router: usize) -> MacAddr {
    MacAddr::new([2, 0, 0, 0, 0, u8::try_from(router + 1).unwrap()])
}

impl Capture {
    pub fn write(&self, path: &Path) {
        std::fs::write(path, &self.0).unwrap();
    }

    pub fn advertisement(&mut self, now: Duration, router: usize, sent: &Transmit) {
        let (IpAddr::V4(source), IpAddr::V4(destination)) = (sent.source, sent.destination) else {
            panic!("the LAN is IPv4");
        };
        let [_, b, c, d] = destination.octets();
        let mut frame = vec![1, 0, 0x5e, b & 0x7f, c, d];
        frame.extend(mac(router).octets());
        frame.extend([8, 0]);
        frame.extend(header(source, destination, sent));
        frame.extend_from_slice(&sent.payload);
        self.frame(now, frame);
    }

    pub fn announcement(&mut self, now: Duration, router: usize, address: Ipv4Addr) {
        let mac = mac(router);
        self.frame(now, GratuitousArp { mac, address }.to_vec());
    }

    fn frame(&mut self, now: Duration, mut frame: Vec<u8>) {
        frame.resize(frame.len().max(60), 0);
        let len = u32::try_from(frame.len()).unwrap();
        let secs = u32::try_from(now.as_secs()).unwrap();
        for word in [secs, now.subsec_nanos(), len, len] {
            self.0.extend(word.to_le_bytes());
        }
        self.0.extend(frame);
    }
}

/// The IPv4 header the kernel would make.
fn header(source: Ipv4Addr, destination: Ipv4Addr, sent: &Transmit) -> [u8; 20] {
    let mut header = [0; 20];
    let len = u16::try_from(20 + sent.payload.len()).unwrap();
    header[0] = 0x45;
    header[1] = 0xc0;
    header[2..4].copy_from_slice(&len.to_be_bytes());
    header[4..6].copy_from_slice(&sent.identification.to_be_bytes());
    header[8] = sent.hop_limit;
    header[9] = sent.protocol;
    header[12..16].copy_from_slice(&source.octets());
    header[16..].copy_from_slice(&destination.octets());
    let sum: u32 = header
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    let checksum = !u16::try_from(folded).unwrap();
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    header
}
