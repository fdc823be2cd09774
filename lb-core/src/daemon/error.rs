// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a daemon did not start, or ended without being told.

use crate::control::ServeError;
use crate::dataplane::DataPlaneError;
use crate::ledger::LedgerError;
use crate::mail::MailError;

use super::{
    AddressError, CheckRuntimeError, LockError, PrivilegeError, SourceError, UpgradeError,
};

/// Why a daemon did not start, or ended without being told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The configuration cannot be read or has errors.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A capability is missing.
    #[error(transparent)]
    Privileges(#[from] PrivilegeError),
    /// The control socket belongs to another daemon, or cannot be claimed.
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
    /// The addresses of this host cannot be read.
    #[error(transparent)]
    Addresses(#[from] AddressError),
    /// The mail settings cannot be used.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// The running daemon's place could not be taken; it runs on.
    #[error("upgrade")]
    Upgrade(#[from] UpgradeError),
    /// A part that the daemon cannot live without died. Addresses were removed, the table was kept.
    #[error("{part} died")]
    Died {
        /// Which part.
        part: &'static str,
    },
}
