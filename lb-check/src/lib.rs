// SPDX-License-Identifier: MIT OR Apache-2.0
//! lb-check

mod arguments;
mod check;
mod digest;
mod outcome;
mod registry;
#[cfg(feature = "runtime")]
mod scheduler;
mod state;
mod target;

pub use crate::arguments::{ArgumentError, Arguments, CheckContext, Problem, Severity};
pub use crate::check::HealthCheck;
pub use crate::digest::{Md5Digest, ParseDigestError};
pub use crate::outcome::{InvalidAnswer, LocalError, Outcome, Reason, Verdict};
pub use crate::registry::{BuiltCheck, CheckFactory, Registry, SCHEDULE_KEYWORDS, SOCKET_KEYWORDS};
#[cfg(feature = "runtime")]
pub use crate::scheduler::{
    CheckEvent, Options, ProbeSpec, Scheduler, SchedulerClosed, SchedulerHandle, SchedulerStats,
    SubscriptionId,
};
pub use crate::state::{CheckState, Initial, Policy, Status, Step, Transition};
pub use crate::target::Target;
