// SPDX-License-Identifier: MIT OR Apache-2.0
//! The `IPVS` family of generic netlink: bytes, and nothing but bytes.
//!
//! A message is a [`Command`] and [`IpvsAttribute`]s, in the idiom of the `netlink-packet-*`
//! crates; [`IpvsMessage`] implements their traits. The typed model of the crate root converts to
//! and from these in the client.
//!
//! # Panics
//! Parsing never panics, whatever the bytes are: what is short, long or contradictory is a
//! `DecodeError`, what is unknown is kept in a variant `Other`. Emitting panics only when the
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

pub use address::WireAddress;
pub use command::Command;
pub use daemon::DaemonAttribute;
pub use destination::DestinationAttribute;
pub use message::{InfoAttribute, IpvsAttribute, IpvsMessage};
pub use service::{ServiceAttribute, WireFlags};
pub use stats::{Stats32Attribute, Stats64Attribute};

pub(crate) use convert::{
    config_attributes, daemon_attributes, daemon_state_attributes, destination_attributes,
    destination_key_attributes, info_of, key_attributes, service_attributes, service_of,
    timeouts_of,
};

#[cfg(test)]
pub(crate) use convert::{daemon_of, destination_of};

#[cfg(test)]
mod tests;
