// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a scenario is made of: namespaces and links ([`Netns`], [`Lan`]), servers
//! ([`HttpServer`], [`SmtpSink`]), a client that polls ([`Poller`]), observers ([`Capture`], [`Observer`]) and packet filters ([`filter`]).

mod capture;
mod client;
pub mod filter;
mod http;
mod lan;
mod netns;
mod observer;
mod poller;
mod smtp;
pub(crate) mod stamped;
mod syslog;
mod wire;

use std::io;
use std::time::Duration;

use crate::process::{ProcessError, poll_until};

pub use capture::{Capture, Seen, inject};
pub use client::{Client, Response};
pub use http::{Behaviour, HttpServer, PAGE, Request};
pub use lan::{Host, Lan};
pub use netns::Netns;
pub use observer::{Observer, Stamped};
pub use poller::{Attempt, Outage, Poller};
pub use smtp::{Mail, SmtpSink};
pub use stamped::now;
pub use syslog::Syslog;
pub use wire::{Advert, Arp, Packet, ip_frame};

/// Why a part of a scenario could not be set up, or what was waited for in vain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// A program failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A system call failed.
    #[error("{what}")]
    System {
        /// What was attempted.
        what: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Something did not come about in time.
    #[error("within {deadline:?} not so: {awaited}; instead: {found}")]
    Awaited {
        /// What was waited for.
        awaited: String,
        /// The time it had.
        deadline: Duration,
        /// What was found at the end.
        found: String,
    },
}

impl NetError {
    pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }

    pub(crate) fn errno(what: impl Into<String>) -> impl FnOnce(nix::Error) -> Self {
        let what = what.into();
        move |errno| Self::System {
            what,
            source: errno.into(),
        }
    }
}

/// Waits until `look` yields a value; it says what it found otherwise.
///
/// # Errors
///
/// [`NetError::Awaited`] with the last finding when the time is up.
pub fn wait_until<T>(
    awaited: &str,
    deadline: Duration,
    mut look: impl FnMut() -> Result<T, String>,
) -> Result<T, NetError> {
    let mut last = String::new();
    poll_until(deadline, Duration::from_millis(20), || match look() {
        Ok(value) => Some(value),
        Err(found) => {
            last = found;
            None
        }
    })
    .ok_or_else(|| NetError::Awaited {
        awaited: awaited.to_owned(),
        deadline,
        found: last,
    })
}
