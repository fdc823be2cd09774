// SPDX-License-Identifier: MIT OR Apache-2.0
//! Errors of the driver.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use lb_host::thread::StartError;

use super::handover::HandoverError;
use crate::spec::SpecError;
use crate::{AddressFamily, State, Vrid};

/// Why the driver could not start, reload or stop.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration breaks a rule.
    #[error(transparent)]
    Specification(#[from] SpecError),
    /// An interface does not exist.
    #[error("router {router}: no interface {interface}; there are {}", existing.join(", "))]
    InterfaceNotFound {
        /// The router's name.
        router: String,
        /// The missing interface.
        interface: String,
        /// The interfaces that exist.
        existing: Vec<String>,
    },
    /// Another interface has the name of a macvlan.
    #[error("router {router}: {interface} is the name of another interface")]
    NameTaken {
        /// The router's name.
        router: String,
        /// The name.
        interface: String,
    },
    /// A router with a virtual MAC address is on an interface without a MAC address.
    #[error("router {router}: {interface} has no MAC address, so it can have no virtual one")]
    NotEthernet {
        /// The router's name.
        router: String,
        /// The interface.
        interface: String,
    },
    /// Another process runs the same virtual router in this network namespace.
    #[error(
        "router {router}: VRID {vrid} ({family}) on {interface} is run by another process in this network \
         namespace{}",
        numbered(*pid)
    )]
    RouterTaken {
        /// The router's name.
        router: String,
        /// Its interface.
        interface: String,
        /// Its family.
        family: AddressFamily,
        /// Its VRID.
        vrid: Vrid,
        /// The other process; `None` if that cannot be determined.
        pid: Option<u32>,
    },
    /// The process lacks a capability in its network namespace.
    #[error("{operation} needs {capability}")]
    MissingCapability {
        /// The missing capability.
        capability: Capability,
        /// The operation that needs it.
        operation: &'static str,
        /// The error of the kernel.
        source: io::Error,
    },
    /// A netlink operation on interfaces or addresses failed.
    #[error("cannot {operation} by netlink")]
    Netlink {
        /// The operation.
        operation: &'static str,
        /// The error of the kernel.
        source: io::Error,
    },
    /// A socket on an interface could not be opened.
    #[error("cannot open the {kind} socket on {interface}")]
    Socket {
        /// The kind of socket.
        kind: &'static str,
        /// The interface.
        interface: String,
        /// The error of the kernel.
        source: io::Error,
    },
    /// The driver has ended already.
    #[error("the driver has stopped")]
    Stopped,
    /// A thread or its runtime could not be created.
    #[error("cannot start a thread")]
    Thread {
        /// The error of the system.
        source: io::Error,
    },
    /// No router has this name.
    #[error("there is no virtual router {router}; {}", listed(existing))]
    UnknownRouter {
        /// The unknown name.
        router: String,
        /// The names of all routers.
        existing: Vec<String>,
    },
    /// A router that is not master cannot step down.
    #[error("{router} is {state}, not master{}", known(*master))]
    NotMaster {
        /// The router's name.
        router: String,
        /// The state of the router.
        state: State,
        /// The address of the master, if known.
        master: Option<IpAddr>,
    },
    /// An operation took longer than [`DriverOptions::limit`](super::DriverOptions::limit).
    #[error("{operation} took longer than {limit:?}")]
    TimedOut {
        /// The operation.
        operation: &'static str,
        /// The limit.
        limit: Duration,
    },
    /// The handover to or from another process failed.
    #[error(transparent)]
    Handover(#[from] HandoverError),
}

impl From<StartError<Self>> for Error {
    fn from(error: StartError<Self>) -> Self {
        match error {
            StartError::Prepare(error) => error,
            StartError::Spawn { source, .. } | StartError::Runtime { source, .. } => {
                Self::Thread { source }
            }
            StartError::TimedOut { limit, .. } => Self::TimedOut {
                operation: "start",
                limit,
            },
            other => Self::Thread {
                source: io::Error::other(other),
            },
        }
    }
}

fn listed(existing: &[String]) -> String {
    if existing.is_empty() {
        return "there are none".to_owned();
    }
    format!("there are {}", existing.join(", "))
}

fn numbered(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(", PID {pid}"))
}

fn known(master: Option<IpAddr>) -> String {
    master.map_or_else(String::new, |master| format!(" ({master} is)"))
}

impl Error {
    pub(super) fn socket(kind: &'static str, interface: &str, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::PermissionDenied {
            Self::MissingCapability {
                capability: Capability::NetRaw,
                operation: "sending and receiving adverts",
                source,
            }
        } else {
            Self::Socket {
                kind,
                interface: interface.to_owned(),
                source,
            }
        }
    }

    pub(super) fn interface(source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::PermissionDenied {
            Self::MissingCapability {
                capability: Capability::NetAdmin,
                operation: "making virtual interfaces",
                source,
            }
        } else {
            Self::Netlink {
                operation: "look for stale virtual interfaces",
                source,
            }
        }
    }

    pub(super) fn address(error: AddressError) -> Self {
        if error.source.kind() == io::ErrorKind::PermissionDenied {
            Self::MissingCapability {
                capability: Capability::NetAdmin,
                operation: "adding and removing addresses",
                source: error.source,
            }
        } else {
            Self::Netlink {
                operation: "remove stale addresses",
                source: error.source,
            }
        }
    }
}

/// A macvlan could not be added, changed or deleted.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {interface}")]
#[non_exhaustive]
pub struct InterfaceError {
    /// The operation that failed.
    pub operation: InterfaceOperation,
    /// The macvlan.
    pub interface: String,
    /// The error of the kernel.
    pub source: io::Error,
}

impl InterfaceError {
    pub(super) fn new(
        operation: InterfaceOperation,
        interface: impl Into<String>,
        source: io::Error,
    ) -> Self {
        Self {
            operation,
            interface: interface.into(),
            source,
        }
    }
}

/// An operation on a macvlan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InterfaceOperation {
    /// `ip link add`
    Make,
    /// `ip link set … up`
    Raise,
    /// `ip link set … down`
    Lower,
    /// `ip link delete`
    Delete,
}

impl fmt::Display for InterfaceOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Make => "make",
            Self::Raise => "set up",
            Self::Lower => "set down",
            Self::Delete => "delete",
        })
    }
}

/// A capability the driver needs, see capabilities(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// `CAP_NET_ADMIN`: addresses.
    NetAdmin,
    /// `CAP_NET_RAW`: raw and packet sockets.
    NetRaw,
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NetAdmin => "CAP_NET_ADMIN",
            Self::NetRaw => "CAP_NET_RAW",
        })
    }
}

/// An address could not be added to an interface, or removed from it.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {address} {} {interface}", operation.preposition())]
#[non_exhaustive]
pub struct AddressError {
    /// The operation that failed.
    pub operation: AddressOperation,
    /// The address.
    pub address: IpAddr,
    /// The interface.
    pub interface: String,
    /// The error of the kernel.
    pub source: io::Error,
}

impl AddressError {
    pub(super) fn new(
        operation: AddressOperation,
        address: IpAddr,
        interface: impl Into<String>,
        source: io::Error,
    ) -> Self {
        Self {
            operation,
            address,
            interface: interface.into(),
            source,
        }
    }
}

/// An operation on an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AddressOperation {
    /// `ip address add`
    Add,
    /// `ip address delete`
    Remove,
    /// Drop packets to the address.
    Shield,
    /// Stop dropping packets to the address.
    Unshield,
}

impl AddressOperation {
    const fn preposition(self) -> &'static str {
        match self {
            Self::Add => "to",
            Self::Remove => "from",
            Self::Shield | Self::Unshield => "on",
        }
    }
}

impl fmt::Display for AddressOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Add => "add",
            Self::Remove => "remove",
            Self::Shield => "shield",
            Self::Unshield => "unshield",
        })
    }
}
