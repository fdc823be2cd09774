// SPDX-License-Identifier: MIT OR Apache-2.0
//! The `IPVS` family of generic netlink: bytes, and nothing but bytes.
//!
//! A message is a [`Command`] and [`IpvsAttribute`]s; [`IpvsMessage::from_bytes`] and [`IpvsMessage::to_bytes`] are
//! the way from and to bytes. The typed model of the crate root converts to and from these in the client.
//! The traits of the `netlink-packet-*` crates are implemented for the client's own use: which version of
//! these crates it is may change in any release.
//!
//! # Panics
//! Parsing never panics, whatever the bytes are: what is short, long or contradictory is a
//! [`DecodeError`](crate::DecodeError), what is unknown is kept in a variant `Other`. Emitting panics only when the
//! buffer is not of the length that `buffer_len` gave, as everywhere in `netlink-packet-core`.
//!
//! # Byte order
//! Integers are in the host's order, except for ports of services, destinations and tunnels and
//! all IPv4 addresses and masks, which are in network order. The port of a sync daemon is in host
//! order. The kernel's replies carry every address in 16 bytes, an IPv4 address in the first four.

mod address;
mod codec;
mod command;
mod constants;
mod convert;
mod daemon;
mod destination;
mod message;
pub(crate) mod reader;
mod service;
mod stats;
mod unknown;

pub use address::WireAddress;
pub use command::Command;
pub use daemon::DaemonAttribute;
pub use destination::DestinationAttribute;
pub use message::{InfoAttribute, IpvsAttribute, IpvsMessage};
pub use service::{ServiceAttribute, WireFlags};
pub use stats::{Stats32Attribute, Stats64Attribute};
pub use unknown::UnknownAttribute;

pub(crate) use convert::{
    config_attributes, daemon_attributes, daemon_state_attributes, destination_attributes,
    destination_key_attributes, info_of, key_attributes, service_attributes, service_of,
    timeouts_of,
};

#[cfg(test)]
pub(crate) use convert::{daemon_of, destination_of};

#[cfg(test)]
mod tests;
