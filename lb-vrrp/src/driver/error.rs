// SPDX-License-Identifier: MIT OR Apache-2.0
//! What keeps the driver from doing what it was asked.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use lb_host::thread::StartError;

use super::handover::HandoverError;
use crate::State;
use crate::spec::SpecError;

/// Why the driver did not start, reload or stop as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration breaks a rule.
    #[error(transparent)]
    Specification(#[from] SpecError),
    /// There is no such interface.
    #[error("router {router}: no interface {interface}; there are {}", existing.join(", "))]
    InterfaceNotFound {
        /// The router's name.
        router: String,
        /// The interface it wants.
        interface: String,
        /// The interfaces that exist.
        existing: Vec<String>,
    },
    /// A macvlan cannot have the name that it is to have.
    #[error("router {router}: {interface} is the name of another interface")]
    NameTaken {
        /// The router's name.
        router: String,
        /// The name.
        interface: String,
    },
    /// A virtual MAC address on an interface that has none of its own.
    #[error("router {router}: {interface} has no MAC address, so it can have no virtual one")]
    NotEthernet {
        /// The router's name.
        router: String,
        /// Its interface.
        interface: String,
    },
    /// The process lacks a capability in its network namespace.
    #[error("{operation} needs {capability}")]
    MissingCapability {
        /// What is missing.
        capability: Capability,
        /// What it is needed for.
        operation: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel could not be asked about interfaces and addresses.
    #[error("cannot {operation} by netlink")]
    Netlink {
        /// What was asked.
        operation: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// A socket on an interface could not be opened.
    #[error("cannot open the {kind} socket on {interface}")]
    Socket {
        /// Which socket.
        kind: &'static str,
        /// The interface.
        interface: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The driver has ended before.
    #[error("the driver has stopped")]
    Stopped,
    /// A thread or its runtime could not be made.
    #[error("cannot start a thread")]
    Thread {
        /// What the system said.
        source: io::Error,
    },
    /// There is no router of that name.
    #[error("there is no virtual router {router}; {}", listed(existing))]
    UnknownRouter {
        /// The name that was asked for.
        router: String,
        /// The names there are.
        existing: Vec<String>,
    },
    /// A router that is not master cannot step down.
    #[error("{router} is {state}, not master{}", known(*master))]
    NotMaster {
        /// The router's name.
        router: String,
        /// Its state.
        state: State,
        /// Who is master, if it knows.
        master: Option<IpAddr>,
    },
    /// Something took longer than [`Options::limit`](super::Options::limit).
    #[error("{operation} took longer than {limit:?}")]
    TimedOut {
        /// What was asked.
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

fn known(master: Option<IpAddr>) -> String {
    master.map_or_else(String::new, |of| format!(" ({of} is)"))
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
                operation: "look for left-over virtual interfaces",
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
                operation: "remove left-over addresses",
                source: error.source,
            }
        }
    }
}

/// A macvlan could not be made, changed or deleted.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {interface}")]
#[non_exhaustive]
pub struct InterfaceError {
    /// What was tried.
    pub operation: InterfaceOperation,
    /// The macvlan.
    pub interface: String,
    /// What the kernel said.
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

/// What is done to a macvlan.
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

/// An address could not be put on an interface, or taken from it.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {address} {} {interface}", operation.preposition())]
#[non_exhaustive]
pub struct AddressError {
    /// What was tried.
    pub operation: AddressOperation,
    /// The address.
    pub address: IpAddr,
    /// The interface.
    pub interface: String,
    /// What the kernel said.
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

/// What is done to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AddressOperation {
    /// `ip address add`
    Add,
    /// `ip address delete`
    Remove,
    /// Dropping packets to it.
    Shield,
    /// Letting packets to it pass again.
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
