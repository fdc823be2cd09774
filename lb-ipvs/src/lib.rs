// SPDX-License-Identifier: MIT OR Apache-2.0
//! The Linux virtual server (IPVS): typed, batched, asynchronous.

mod change;
mod destination;
mod entry;
#[cfg(feature = "netlink")]
mod error;
mod flags;
mod forwarding;
#[cfg(feature = "netlink")]
mod handle;
mod names;
mod operation;
mod scheduler;
mod service;
mod settings;
mod stats;
pub mod text;
#[cfg(feature = "netlink")]
mod transport;
#[cfg(feature = "netlink")]
pub mod wire;

pub use change::Change;
pub use destination::{Destination, Thresholds, Weight};
pub use entry::{Connections, DestinationEntry, ServiceEntry, TableEntry};
#[cfg(feature = "netlink")]
pub use error::{DecodeError, Error, InvalidRequest, ModuleAttempt};
pub use flags::ServiceFlags;
pub use forwarding::{ForwardingMethod, Tunnel, TunnelFlags, TunnelKind};
#[cfg(feature = "netlink")]
pub use handle::IpvsHandle;
pub use names::{EngineName, NameError, SchedulerName};
pub use operation::{Operation, Subject};
pub use scheduler::Scheduler;
pub use service::{AddressFamily, Netmask, Persistence, Protocol, Service, ServiceKey};
pub use settings::{Info, SyncDaemon, SyncId, SyncState, Timeouts, Version};
pub use stats::{Rates, Stats};

/// A kernel made of a script, for tests of programs that use [`IpvsHandle`].
#[cfg(any(test, feature = "test-util"))]
pub mod testing {
    pub use crate::transport::scripted::{ScriptedKernel, ScriptedReply, ScriptedRequest};
}
