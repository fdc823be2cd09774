// SPDX-License-Identifier: MIT OR Apache-2.0
//! The routers go on in another process: what is offered, what is handed over, and the switch
//! between the two advert threads.
//!
//! The old driver makes an [`Offer`], which another process takes up by
//! [`Driver::take_over`](super::Driver::take_over). Nothing has changed then: the old one
//! advertises until the new one has all it needs and says so. From then on the two advert threads
//! deal with each other directly:
//!
//! ```text
//! old: advertises ─ freezes ─ writes what it knows, puts down the token ·························· ends
//! new: ready ····································reads it ─ picks up the token ─ "running" ─ advertises
//! ```
//!
//! Whoever has the token drives the routers; it is one byte in a pipe, which only one can read. The
//! old thread freezes right after an advert, and takes the token back when the new one has not
//! picked it up before the next is due: then it goes on, and tries again after the next advert.

mod error;
mod estate;
mod offer;
mod switch;

pub use self::error::SuccessionError;
pub(super) use self::estate::{Estate, HeldAddress, ObjectEstate, PortEstate, RouterEstate};
pub(super) use self::offer::{Heir, OfferedPort, PassedPort, PassedSocket};
pub use self::offer::{Offer, Succession};
pub(super) use self::switch::{Message, Switch};

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// `CLOCK_MONOTONIC`, which two processes of one machine have in common.
pub(super) fn monotonic() -> Duration {
    // It is there on every Linux.
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from)
}
