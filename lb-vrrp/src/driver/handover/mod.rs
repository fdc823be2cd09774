// SPDX-License-Identifier: MIT OR Apache-2.0
//! The handover of running routers to another process.
//!
//! The two processes exchange messages over one stream socket, JSON documents with descriptors beside
//! them. The program that uses the driver connects them, and may add a payload and descriptors of its
//! own: the old process with a [`Sender`], the new one with a [`Receiver`].
//!
//! ```text
//! new: request ─────── prepares ─ ready ·········· reads ─ prepared ······· drives ─ running
//! old: ······· offer ─ advertises ······ freezes ─ state ············ commit ·············· ends ─ ended
//! ```
//!
//! | message | sent by | state of the old process after it | if the connection ends then |
//! |---|---|---|---|
//! | `Request`, `Offer` | programs | drives the routers | the old process continues |
//! | `Ready` | advert threads | the address thread changes nothing more, and reports what it owns | the old process continues |
//! | `State` | advert threads | waits for less than the time to its next advert, then it continues | the old process continues |
//! | `Prepared` | advert threads | as before | the old process continues |
//! | `Commit` | advert threads | drives nothing, unless the new process refuses or ends | the process that is left drives the routers |
//! | `Running` | advert threads | ends the routers that the new process does not have | the new process drives the routers |
//! | `Ended` | programs | has ended | |
//!
//! The old process freezes right after an advert. It continues when `Prepared` does not arrive before
//! the next advert is due, and sends another `State` after a later one. A new process without routers
//! sends `Running` instead of `Ready`, and the old process ends its routers itself.
//!
//! # Examples
//!
//! ```no_run
//! use lb_vrrp::driver::handover::{Payload, Receiver, Sender};
//! use lb_vrrp::driver::{Driver, DriverOptions, Ports};
//! use lb_vrrp::spec::Configuration;
//! use tokio::net::UnixStream;
//!
//! async fn old(stream: UnixStream, driver: Driver) -> Result<(), Box<dyn std::error::Error>> {
//!     let request = Sender::accept(stream).await?;
//!     let routers = driver.prepare_handover().await?;
//!     let handed_over = request.offer(Some(routers), Payload::default()).await?;
//!     driver.finish_handover().await?;
//!     handed_over.confirm_end(String::new()).await?;
//!     Ok(())
//! }
//!
//! async fn new(
//!     stream: UnixStream,
//!     configuration: Configuration,
//! ) -> Result<Driver, Box<dyn std::error::Error>> {
//!     let mut offer = Receiver::request(stream).await?;
//!     let (options, ports) = (DriverOptions::default(), Ports::default());
//!     let started = Driver::start_from_handover(&mut offer, configuration, options, ports);
//!     let (driver, _events) = started.await?;
//!     Ok(driver)
//! }
//! ```

mod connection;
mod error;
mod message;
mod receiver;
mod sender;
mod state;

pub(super) use self::connection::Connection;
pub use self::error::HandoverError;
pub(super) use self::message::{Message, SharedPort, SharedRouters};
pub use self::receiver::Receiver;
pub(super) use self::receiver::{ReceivedPort, ReceivedRouters, ReceivedSocket};
pub(super) use self::sender::Outcome;
pub use self::sender::{HandedOver, RouterHandover, Sender};
pub(super) use self::state::{
    ContinuedRouter, HostState, ObjectState, PortState, RouterState, State,
};

use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Time limit for an answer that needs no preparation.
const ANSWER: Duration = Duration::from_secs(10);
/// Time limit for the new process to prepare, and for the old one to hand over after that.
pub(super) const PREPARATION: Duration = Duration::from_secs(60);

/// What a program adds to the offer of its routers.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Payload {
    /// A document of the program.
    pub document: String,
    /// Descriptors of the program.
    pub descriptors: Vec<OwnedFd>,
}

impl Payload {
    /// A document with descriptors.
    #[must_use]
    pub const fn new(document: String, descriptors: Vec<OwnedFd>) -> Self {
        Self {
            document,
            descriptors,
        }
    }
}

/// `CLOCK_MONOTONIC`, which all processes of a time namespace share.
pub(super) fn monotonic() -> Duration {
    // Every Linux has this clock.
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from)
}
