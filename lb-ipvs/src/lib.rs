// SPDX-License-Identifier: MIT OR Apache-2.0
//! The Linux virtual server (IPVS): typed, batched, asynchronous.

mod change;
mod destination;
mod entry;
mod flags;
mod forwarding;
mod names;
mod operation;
mod scheduler;
mod service;
mod settings;
mod stats;

pub use change::Change;
pub use destination::{Destination, Thresholds, Weight};
pub use entry::{Connections, DestinationEntry, ServiceEntry, TableEntry};
pub use flags::ServiceFlags;
pub use forwarding::{ForwardingMethod, Tunnel, TunnelFlags, TunnelKind};
pub use names::{EngineName, NameError, SchedulerName};
pub use operation::{Operation, Subject};
pub use scheduler::Scheduler;
pub use service::{AddressFamily, Netmask, Persistence, Protocol, Service, ServiceKey};
pub use settings::{Info, SyncDaemon, SyncId, SyncState, Timeouts, Version};
pub use stats::{Rates, Stats};
