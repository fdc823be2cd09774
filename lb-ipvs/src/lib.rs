// SPDX-License-Identifier: MIT OR Apache-2.0
//! The Linux virtual server (IPVS) over generic netlink: typed, batched, asynchronous.
//!
//! # IPVS in a page
//! IPVS is a load balancer inside the Linux kernel. It looks at packets that arrive for a *service*
//! (a virtual address, protocol and port, or a firewall mark), picks one of the service's
//! *destinations* for each new connection by the service's *scheduler*, and sends all packets of
//! the connection there by the destination's *forwarding method*:
//!
//! - **masquerading** (NAT): addresses are rewritten, and replies come back through this host;
//! - **direct routing** (DR): the packet goes unchanged to the destination's link address, and the
//!   destination, which has the virtual address too, replies to the client directly;
//! - **tunnelling** (TUN): as direct routing, with the packet inside another one.
//!
//! A service can be *persistent*: a client keeps its destination for a while. A destination has a
//! *weight*, 0 meaning that it takes no new connections, and thresholds that bound its
//! connections. Two *sync daemons* can copy connections from one director to another. All of it
//! exists once in each network namespace, and is gone after a reboot.
//!
//! What the kernel does at the edges is set by [`sysctl`], once in each network namespace:
//! `expire_nodest_conn` ends the connections of a destination that was deleted instead of dropping
//! their packets; `expire_quiescent_template` keeps persistence from leading to a destination of
//! weight 0; `conn_reuse_mode` decides about a client that uses a port again; `conntrack` has
//! netfilter follow the connections, which a firewall with states and [`Helper::Ftp`] need;
//! `sync_threshold` sets how often a connection is copied to the other director.
//!
//! FTP carries addresses in its payload: through a masquerading service it needs the application
//! helper of the module ip_vs_ftp, which [`IpvsHandle::load_helper`] loads on request.
//!
//! ```text
//! TableEntry
//! ├─ ServiceEntry                        what the kernel reports
//! │  ├─ Service                          what is configured
//! │  │  ├─ ServiceKey                    identifies it: protocol + address, or mark + family
//! │  │  ├─ Scheduler, ServiceFlags       how it picks destinations
//! │  │  └─ Persistence, Netmask, EngineName
//! │  └─ Stats ─ Rates                    u64 everywhere
//! └─ DestinationEntry …                  what the kernel reports
//!    ├─ Destination                      what is configured; its address identifies it
//!    │  ├─ ForwardingMethod ─ Tunnel
//!    │  └─ Weight, Thresholds
//!    ├─ Connections
//!    └─ Stats ─ Rates
//! Change = add | edit | delete × service | destination
//! Timeouts, SyncDaemon, Info             of the whole table
//! ```
//!
//! # What this crate does
//! [`IpvsHandle`] is the client (feature `netlink`, on by default). It has one socket, sends
//! changes in batches with one acknowledgement each, and ties every error to the change that caused
//! it. [`wire`] has the messages. Without default features the typed model remains, with no runtime and
//! no netlink. ipvsadm's command line, listings and rule files are the crate `lb-ipvsadm`.
//!
//! What the kernel reports and this crate does not know is kept: a scheduler in
//! [`Scheduler::Other`], a flag as a bit, an attribute in a variant `Other`.
//!
//! # What it does not do
//! It takes no decisions: no health checks, no owner of an entry. The kernel has neither
//! transactions nor events for IPVS: [`IpvsHandle::replace`] restores the previous table when a change is
//! refused, and reports what is left to do when it cannot.
//!
//! # Permissions
//! Everything, reading included, needs `CAP_NET_ADMIN` in the initial user namespace; root of a
//! user namespace is not enough. Only [`sysctl`] can be read by everybody. Another network namespace
//! needs `CAP_SYS_ADMIN`, a helper needs root.
//!
//! # From ipvsadm
//! | ipvsadm | this crate |
//! |---|---|
//! | `-A` `-E` `-D` | [`IpvsHandle::add_service`], [`edit_service`](IpvsHandle::edit_service), [`delete_service`](IpvsHandle::delete_service) |
//! | `-a` `-e` `-d` | [`IpvsHandle::add_destination`], [`edit_destination`](IpvsHandle::edit_destination), [`delete_destination`](IpvsHandle::delete_destination) |
//! | `-C` `-Z` | [`IpvsHandle::flush`], [`zero`](IpvsHandle::zero) |
//! | `-R` | [`IpvsHandle::apply`] |
//! | `-L` `-S` | [`IpvsHandle::snapshot`] and `lb_ipvsadm::listing`, `lb_ipvsadm::save` |
//! | `-L -n`, fast | [`IpvsHandle::plain_snapshot`] and `lb_ipvsadm::plain_listing` |
//! | none: the whole table as a file | [`Table`], `lb_ipvsadm::table`, [`IpvsHandle::replace`] |
//! | none: what to change, and what is owned | [`plan()`], [`plan_table`], [`Owned`] |
//! | the command line itself | `lb_ipvsadm::command` |
//! | `-e … -w 0`, waiting, `-d` | [`IpvsHandle::drain`] |
//! | `-L -c` | [`IpvsHandle::connections`] and [`connections`] |
//! | none: `watch ipvsadm -L` | [`IpvsHandle::changes`], [`difference`](fn@difference) |
//! | none: `ip netns exec NAME ipvsadm` | [`IpvsHandle::connect_in`], [`NetworkNamespace`] |
//! | none: `sysctl net.ipv4.vs` | [`IpvsHandle::sysctls`], [`set_sysctl`](IpvsHandle::set_sysctl), [`sysctl`] |
//! | none: `/proc/net/ip_vs_status` | [`IpvsHandle::status`] |
//! | none: `modprobe ip_vs_ftp`, `/proc/net/ip_vs_app` | [`IpvsHandle::load_helper`], [`applications`](IpvsHandle::applications) |
//! | `-L --timeout`, `--set` | [`IpvsHandle::timeouts`], [`set_timeouts`](IpvsHandle::set_timeouts) |
//! | `-L --daemon` | [`IpvsHandle::sync_daemons`] |
//! | `--start-daemon`, `--stop-daemon` | [`IpvsHandle::start_sync_daemon`], [`stop_sync_daemon`](IpvsHandle::stop_sync_daemon) |
//! | `-t` `-u` `--sctp-service` `-f` `-6` | [`ServiceKey`] |
//! | `-s` `-b` `-o` `-p` `-M` `--pe` | [`Scheduler`], [`ServiceFlags`], [`Persistence`], [`Netmask`], [`EngineName`] |
//! | `-g` `-i` `-m` `--tun-*` | [`ForwardingMethod`], [`Tunnel`] |
//! | `-w` `-x` `-y` | [`Weight`], [`Thresholds`] |
//!
//! # Examples
#![cfg_attr(feature = "netlink", doc = "```no_run")]
#![cfg_attr(not(feature = "netlink"), doc = "```ignore")]
//! use lb_ipvs::{Change, Destination, IpvsHandle, Scheduler, Service, ServiceKey};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut ipvs = IpvsHandle::connect().await?;
//! let key = ServiceKey::tcp("192.168.1.50:80".parse()?);
//! let outcomes = ipvs
//!     .apply(&[
//!         Change::AddService(Service::new(key, Scheduler::WeightedRoundRobin)),
//!         Change::AddDestination(key, Destination::new("192.168.1.61:80".parse()?)),
//!         Change::AddDestination(key, Destination::new("192.168.1.62:80".parse()?)),
//!     ])
//!     .await?;
//! assert_eq!(outcomes.len(), 3);
//!
//! for entry in ipvs.snapshot().await? {
//!     println!("{}: {} destinations", entry.service.service.key, entry.destinations.len());
//! }
//! # Ok(())
//! # }
//! ```
#![cfg_attr(
    not(feature = "netlink"),
    allow(
        rustdoc::broken_intra_doc_links,
        reason = "this page describes the client, which that feature adds"
    )
)]

mod change;
pub mod connections;
mod destination;
mod difference;
mod drain;
mod entry;
#[cfg(feature = "netlink")]
mod error;
mod explanation;
mod flags;
mod forwarding;
#[cfg(feature = "netlink")]
mod handle;
#[cfg(feature = "netlink")]
mod modprobe;
mod names;
mod operation;
mod plain;
mod plan;
#[cfg(feature = "netlink")]
mod procfs;
mod scheduler;
mod service;
mod settings;
mod stats;
mod status;
pub mod sysctl;
mod table;
#[cfg(feature = "netlink")]
mod transport;
#[cfg(feature = "netlink")]
pub mod wire;

pub use change::Change;
pub use destination::{Destination, Thresholds, Weight};
pub use difference::{Aspects, Difference, difference};
pub use drain::{DrainDelete, DrainEnd, DrainEvent, DrainOptions, DrainResult, DrainStep};
pub use entry::{Connections, DestinationEntry, ServiceEntry, TableEntry};
#[cfg(feature = "netlink")]
pub use error::{DecodeError, Error, InvalidRequest, MalformedMessage};
pub use flags::ServiceFlags;
pub use forwarding::{ForwardingMethod, Tunnel, TunnelFlags, TunnelKind};
#[cfg(feature = "netlink")]
pub use handle::{IpvsHandle, Refused, ReplaceError};
#[cfg(feature = "netlink")]
pub use lb_host::namespace::{NamespaceError, NetworkNamespace};
#[cfg(feature = "netlink")]
pub use modprobe::{Helper, ModuleAttempt};
pub use names::{EngineName, NameError, SchedulerName};
pub use operation::{Operation, Subject};
pub use plain::{ForwardingName, PlainDestination, PlainEntry};
pub use plan::{
    Drift, Note, Owned, OwnedChange, OwnedService, Ownership, Part, Plan, Record, plan, plan_parts,
    plan_table,
};
#[cfg(feature = "netlink")]
pub use procfs::{Application, ApplicationError};
pub use scheduler::Scheduler;
pub use service::{AddressFamily, Netmask, Persistence, Protocol, Service, ServiceKey};
pub use settings::{Info, SyncDaemon, SyncId, SyncState, Timeouts, Version};
pub use stats::{Rates, Stats};
pub use status::{Estimation, HashTable, Status};
pub use table::{Table, TableChange, TableError, TableService};

/// A kernel made of a script, and arbitrary tables, for tests of programs that use [`IpvsHandle`].
#[cfg(any(all(test, feature = "netlink"), feature = "test-util"))]
pub mod testing {
    pub use crate::table::arbitrary::tables;
    pub use crate::transport::scripted::{ScriptedKernel, ScriptedReply, ScriptedRequest};
}
