// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs virtual routers on Linux: sockets, clock, addresses and announcements, over tokio.
//!
//! [`Driver::start`] takes specifications, starts the threads below (and one for tracked objects), and returns the driver and its
//! [`Events`].
//!
//! ```text
//! advert thread (own epoll, SCHED_RR)       address thread (own runtime)
//!   raw sockets ─┐                            netlink monitor: links, addresses
//!   timerfd ─────┼─> engines ─> adverts            │ changes
//!   commands <───┘      │   <──────────────────────┘
//!                       │ desired state (latest per router)
//!                       └──────────────────> actuator: adds and removes addresses,
//!   first announcement <── address is there ─┘         repeats announcements
//! ```
//!
//! The advert thread does adverts and the first announcement of an address, and never waits for
//! the other thread: a later desired state of a router replaces the one before, events that do not
//! fit the channel are dropped and counted. When a router becomes Master, the advert is sent before
//! its addresses are requested, and the addresses are on the interface before they are announced.
//!
//! Routers can continue in another process without a gap: see [`handover`].
//!
//! A router may have a virtual MAC address ([`RouterSpec::with_vmac`](crate::spec::RouterSpec::with_vmac)):
//! the address thread then makes a macvlan above its interface. The macvlan is up and has the
//! addresses while the router is Master, and is deleted when the router ends. The next start after
//! a kill reuses the macvlan.
//!
//! A router that does not accept packets ([`RouterConfigBuilder::accept`](crate::RouterConfigBuilder::accept))
//! has them dropped by nf_tables while it is Master: before its addresses are added, until they are
//! removed. Where the host cannot, [`Event::ShieldsUnavailable`] reports it once.
//!
//! Beside routers there may be [`StaticItems`](crate::StaticItems): addresses, routes and rules that
//! are installed independently of the VRRP state, also without any router. The address thread adds
//! them again when they are deleted, and routers of a [`TrackGroup`](crate::TrackGroup) are in Fault
//! while that is impossible.
//!
//! # Events and logs
//!
//! Everything that happens to routers, sync groups, tracked objects and static items is an [`Event`];
//! the program that embeds the driver logs them. The driver itself logs with [`tracing`] how its
//! own parts work: scheduling, netlink sockets, macvlans, results of scripts, files that cannot be
//! read, stale objects of a process that was killed.
//!
//! # Namespace and privileges
//!
//! The routers run in the network namespace of the thread that polls the future of
//! [`Driver::start`]. The process needs `CAP_NET_RAW` and `CAP_NET_ADMIN` there, and `CAP_SYS_NICE`
//! for real-time scheduling.
//!
//! # Examples
//!
//! ```no_run
//! use lb_vrrp::driver::{Driver, DriverOptions};
//! use lb_vrrp::spec::RouterSpec;
//! use lb_vrrp::{Priority, RouterConfig, VirtualAddress, Vrid};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = RouterConfig::builder(Vrid::new(51)?)
//!     .priority(Priority::new(150)?)
//!     .address("192.0.2.100".parse()?)
//!     .build()?;
//! let router = RouterSpec::new("VI_1", "eth0", config)
//!     .with_virtual_addresses([VirtualAddress::new("192.0.2.100".parse()?).with_prefix_len(24)]);
//! let (driver, mut events) = Driver::start(vec![router], DriverOptions::default()).await?;
//! while let Some(event) = events.recv().await {
//!     println!("{event:?}");
//! }
//! driver.shutdown().await?;
//! # Ok(())
//! # }
//! ```

mod actuator;
mod address_thread;
mod advert;
mod buffers;
mod carrier;
mod claims;
mod desired;
mod error;
mod event;
mod external;
mod groups;
mod handle;
pub mod handover;
mod host;
mod key;
mod leftovers;
mod links;
mod mailbox;
mod monitor;
mod needs;
mod note;
mod options;
mod pacing;
mod polling;
mod port;
mod ports;
mod presence;
mod present;
mod reactor;
mod receiver;
mod reports;
mod router;
mod routers;
mod routing;
mod scheduling;
mod shields;
mod socket;
mod start;
mod statics;
mod timer;
mod tracked;
mod validate;
mod vmac;

pub use lb_host::{HostPlane, Link, PlacedRoute, RoutingEntry, StaleObject};

pub use self::error::{
    AddressError, AddressOperation, Capability, Error, InterfaceError, InterfaceOperation,
};
pub use self::event::{Event, Events};
pub use self::external::Ports;
pub use self::handle::Driver;
pub use self::host::{ADDRESS_PROTOCOL, ROUTE_PROTOCOL};
pub use self::note::{HostNote, TrackingNote};
pub use self::options::DriverOptions;
pub use self::routing::RouteError;
pub use self::start::{check, check_unclaimed, remove_stale_objects};
pub use self::tracked::{CommandRunner, Observation, ScriptRunner};
pub use crate::status::{DriverStatus, LinkProblem, Resigned, StaticProblem};
