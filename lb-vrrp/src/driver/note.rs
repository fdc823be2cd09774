// SPDX-License-Identifier: MIT OR Apache-2.0
//! Conditions of the driver and its host that an operator should know.

use std::io;
use std::sync::Arc;

use lb_host::{Change, StaleObject};

use crate::track::ScriptOutcome;

/// A condition of a tracked object that is no change of its verdict.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TrackingNote {
    /// A script is to run while its last run has not ended. Sent once until that run ends.
    StillRunning,
    /// A script ended in another way than the last time; it is expected to exit with 0 at first.
    Ended(ScriptOutcome),
    /// The runner of a script did not end in time and was dropped.
    RunnerStuck,
    /// The task of the object, or the runner of its script, panicked; it starts again.
    Panicked {
        /// The panic.
        message: Arc<str>,
    },
}

/// A condition of the host, or of the driver as a whole.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum HostNote {
    /// Processes cannot be listed; the driver tries again every second.
    ProcessesNotListed {
        /// The error.
        error: Arc<io::Error>,
    },
    /// Processes can be listed again.
    ProcessesListed,
    /// A process without privileges uses the name by which drivers detect that they run the same router.
    ClaimOccupied {
        /// The router's name.
        router: Arc<str>,
        /// The user of the process.
        uid: u32,
        /// The process.
        pid: i32,
    },
    /// The router cannot be registered: other instances that run it will not be detected.
    ClaimFailed {
        /// The router's name.
        router: Arc<str>,
        /// The error.
        error: Arc<io::Error>,
    },
    /// A packet socket could not be opened: addresses on this interface are not announced.
    PacketSocketFailed {
        /// The interface.
        interface: Arc<str>,
        /// The error.
        error: Arc<io::Error>,
    },
    /// Links and addresses cannot be read; the driver tries again.
    LinksNotRead {
        /// The error.
        error: Arc<io::Error>,
    },
    /// Notifications of the kernel were lost; links and addresses are read again.
    NotificationsLost,
    /// A notification of the kernel cannot be decoded.
    NotificationCut,
    /// The netlink socket failed; the driver tries again.
    NetlinkFailed {
        /// The error.
        error: Arc<io::Error>,
    },
    /// Stale objects are not removed: another driver runs in the network namespace.
    StaleKept,
    /// Stale routes and rules are not removed: another program with the same mark runs in the network namespace.
    StaleRoutingKept,
    /// An object of an earlier process is removed, or could not be.
    Stale(Arc<StaleObject>),
    /// A change before the routers start failed.
    ChangeFailed {
        /// The change.
        change: Change,
        /// The error.
        error: Arc<io::Error>,
    },
}
