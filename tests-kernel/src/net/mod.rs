// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a scenario is made of: namespaces and links ([`Netns`], [`Lan`]), servers
//! ([`HttpServer`], [`TlsServer`], [`DatagramServer`], [`SmtpSink`]), a client that polls ([`Poller`]), observers ([`Capture`], [`Observer`]) and packet filters ([`filter`]).

mod capture;
mod client;
mod datagram;
pub mod filter;
mod http;
mod lan;
mod observer;
mod poller;
mod smtp;
mod syslog;
mod tls;
mod wire;

pub use capture::{Capture, Seen, inject};
pub use client::{Client, Response};
pub use datagram::{DatagramBehaviour, DatagramServer};
pub use http::{Behaviour, HttpServer, PAGE, Request};
pub use lan::{Host, Lan};
pub use observer::{Observer, Stamped};
pub use poller::{Attempt, Outage, Poller};
pub use smtp::{Mail, SmtpSink};
pub use syslog::Syslog;
pub use testbed::{Error as NetError, Netns, now, wait_until};
pub use tls::{TlsBehaviour, TlsServer};
pub use wire::{Advert, Arp, Packet, ip_frame};
