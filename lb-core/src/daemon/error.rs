// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a daemon did not start, or ended without a request.

use crate::control::ServeError;
use crate::dataplane::DataPlaneError;
use crate::ledger::LedgerError;
use crate::mail::MailError;

use super::{
    AddressError, CheckRuntimeError, LockError, NotifyThreadError, PrivilegeError, SourceError,
    UpgradeError,
};

/// Why a daemon did not start, or ended without a request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The configuration cannot be read or has errors.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A capability is missing.
    #[error(transparent)]
    Privileges(#[from] PrivilegeError),
    /// Another daemon uses the control socket, or it cannot be claimed.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The control socket cannot be opened.
    #[error(transparent)]
    Control(#[from] ServeError),
    /// The ownership ledger cannot be read.
    #[error("cannot read the ownership ledger")]
    Ledger(#[from] LedgerError),
    /// Boot id or network namespace cannot be read: ownership could not be remembered.
    #[error("cannot tell which boot and network namespace this is")]
    Identity(#[source] std::io::Error),
    /// The network namespace of the IPVS table cannot be used.
    #[error("net_namespace_ipvs")]
    Namespace(#[from] lb_ipvs::NamespaceError),
    /// IPVS cannot be reached.
    #[error("ipvs")]
    Ipvs(#[from] lb_ipvs::Error),
    /// The data plane cannot be read.
    #[error("data plane")]
    DataPlane(#[from] DataPlaneError),
    /// The virtual routers did not start.
    #[error("virtual routers did not start")]
    Vrrp(#[from] lb_vrrp::driver::Error),
    /// The check runtime did not start.
    #[error(transparent)]
    Checks(#[from] CheckRuntimeError),
    /// The thread for notifications did not start.
    #[error(transparent)]
    Notify(#[from] NotifyThreadError),
    /// The addresses of this host cannot be read.
    #[error(transparent)]
    Addresses(#[from] AddressError),
    /// The mail settings cannot be used.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// The upgrade of the running daemon failed; it keeps running.
    #[error("upgrade")]
    Upgrade(#[from] UpgradeError),
    /// An essential part of the daemon ended. Addresses were removed, the table was kept.
    #[error("{part} ended unexpectedly")]
    Died {
        /// The part.
        part: &'static str,
    },
}
