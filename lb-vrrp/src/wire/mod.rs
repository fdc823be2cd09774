// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bytes: advertisements, gratuitous ARP, unsolicited neighbour advertisements.
//!
//! Each has a plain struct with `parse`, `buffer_len` and `emit`; numbers are in network byte
//! order.
//!
//! # Panics
//!
//! `parse` takes any bytes and **never panics**. `emit` panics if the buffer is shorter than
//! `buffer_len`, and for no other reason; it writes every one of those bytes and leaves the rest
//! alone.
//!
//! # Layout
//!
//! VRRPv2 (RFC 3768 §5.1; authentication of RFC 2338 §5.3.6), IP protocol 112:
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |   2   |   1   |     VRID      |   Priority    | Count IP Addrs|
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |   Auth Type   |  Adver Int, s |           Checksum            |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                      IP addresses, 4 × count                  |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |              Authentication data, 8 bytes, always             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! VRRPv3 (RFC 9568 §5.1):
//!
//! ```text
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |   3   |   1   |     VRID      |   Priority    |  IPvX Count   |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |   0   | Max Advertise Interval, cs |         Checksum         |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                 IPvX addresses, 4 or 16 × count               |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

#![warn(clippy::indexing_slicing)]

mod advertisement;
mod ah;
mod arp;
mod auth;
mod checksum;
mod header;
mod ndisc;
mod trailer;

pub use self::{
    advertisement::Advertisement, ah::AuthenticationHeader, arp::GratuitousArp, auth::AuthField,
    checksum::ChecksumDialect, header::Header, ndisc::UnsolicitedNeighbourAdvertisement,
    trailer::HmacTrailer,
};

#[cfg(test)]
mod signed_tests;
#[cfg(test)]
mod tests;
