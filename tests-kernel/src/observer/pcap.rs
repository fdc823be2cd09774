// SPDX-License-Identifier: MIT OR Apache-2.0
//! A recording as a file for tcpdump.

use super::{Frame, Way};

/// Magic of time stamps in nanoseconds, version 2.4, no zone, snap length, Ethernet.
const HEADER: [u32; 6] = [0xa1b2_3c4d, 0x0004_0002, 0, 0, 0x0004_0000, 1];

/// What was sent, in pcap's format.
#[must_use]
pub fn pcap(frames: &[Frame]) -> Vec<u8> {
    let mut file: Vec<u8> = HEADER.iter().flat_map(|word| word.to_le_bytes()).collect();
    for frame in frames.iter().filter(|frame| frame.way == Way::Sent) {
        let seconds = u32::try_from(frame.at.as_secs()).unwrap_or(u32::MAX);
        let length = u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX);
        for word in [seconds, frame.at.subsec_nanos(), length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame.bytes.iter());
    }
    file
}
