// SPDX-License-Identifier: MIT OR Apache-2.0
//! Quantities of the protocol as types: what a number means is checked once, when it is made.
//!
//! Intervals are computed as [`Duration`](std::time::Duration)s with nanoseconds. Whole
//! centiseconds would lose the skew time of short intervals (6.09 ms at an interval of 10 ms), and
//! with it the order in which backups take over.

#![warn(clippy::indexing_slicing)]

mod addresses;
mod authentication;
mod down_timer;
mod hmac;
mod interval;
mod priority;
mod unicast;
mod vrid;

pub use lb_host::AddressFamily;

pub use self::{
    addresses::AddressList,
    authentication::{Authentication, Password},
    down_timer::DownTimerAdverts,
    hmac::{AntiReplay, HmacConfig, HmacKey, HmacMode},
    interval::AdvertInterval,
    priority::{AdvertisedPriority, Priority},
    unicast::UnicastPeer,
    vrid::{Version, Vrid, multicast_group},
};
