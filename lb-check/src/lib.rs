// SPDX-License-Identifier: MIT OR Apache-2.0
//! lb-check

mod arguments;
mod check;
#[cfg(feature = "tcp")]
mod connect;
mod digest;
#[cfg(feature = "http")]
mod http;
#[cfg(any(feature = "tcp", feature = "script"))]
mod keywords;
mod outcome;
mod registry;
#[cfg(feature = "runtime")]
mod scheduler;
#[cfg(feature = "script")]
mod script;
mod state;
mod target;
#[cfg(feature = "tcp")]
mod tcp;

pub use crate::arguments::{ArgumentError, Arguments, CheckContext, Problem, Severity};
pub use crate::check::HealthCheck;
pub use crate::digest::{Md5Digest, ParseDigestError};
#[cfg(feature = "http")]
pub use crate::http::{HttpGet, ParseProtocolError, Protocol, Url, genhash};
pub use crate::outcome::{InvalidAnswer, LocalError, Outcome, Reason, Verdict};
pub use crate::registry::{BuiltCheck, CheckFactory, Registry, SCHEDULE_KEYWORDS, SOCKET_KEYWORDS};
#[cfg(feature = "runtime")]
pub use crate::scheduler::{
    CheckEvent, Options, ProbeSpec, Scheduler, SchedulerClosed, SchedulerHandle, SchedulerStats,
    SubscriptionId,
};
#[cfg(feature = "script")]
pub use crate::script::{Account, Script, UnknownAccount};
pub use crate::state::{CheckState, Initial, Policy, Status, Step, Transition};
pub use crate::target::Target;
#[cfg(feature = "tcp")]
pub use crate::tcp::TcpCheck;
