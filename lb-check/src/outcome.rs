// SPDX-License-Identifier: MIT OR Apache-2.0
//! The result of one probe.

use std::io;
use std::time::Duration;

use crate::Md5Digest;

/// The result of one probe.
///
/// ```
/// use lb_check::{Outcome, Reason, Verdict};
///
/// let outcome = Outcome::fail(Reason::L7Status(503)).with_detail("GET /health");
/// assert!(matches!(outcome.verdict, Verdict::Fail(_)));
/// assert_eq!(outcome.to_string(), "status code 503 (GET /health)");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Outcome {
    /// Pass, fail, or an error of this host.
    pub verdict: Verdict,
    /// How long the probe took. A check may leave it zero: the scheduler then fills in what it
    /// measured.
    pub latency: Duration,
    /// A weight the check asks for (`misc_dynamic`: exit status minus 2).
    pub weight: Option<u32>,
    /// A detail for people besides the reason: the page, the command.
    pub detail: Option<String>,
}

impl Outcome {
    /// The target passed.
    #[must_use]
    pub const fn pass() -> Self {
        Self::new(Verdict::Pass)
    }

    /// The target failed.
    #[must_use]
    pub const fn fail(reason: Reason) -> Self {
        Self::new(Verdict::Fail(reason))
    }

    /// The probe could not be made because of an error of this host.
    #[must_use]
    pub const fn local(error: LocalError) -> Self {
        Self::new(Verdict::Local(error))
    }

    const fn new(verdict: Verdict) -> Self {
        Self {
            verdict,
            latency: Duration::ZERO,
            weight: None,
            detail: None,
        }
    }

    /// Sets how long the probe took.
    #[must_use]
    pub const fn with_latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Asks for a weight.
    #[must_use]
    pub const fn with_weight(mut self, weight: u32) -> Self {
        self.weight = Some(weight);
        self
    }

    /// Adds a detail for people.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// True when the verdict is [`Verdict::Pass`].
    #[must_use]
    pub const fn is_pass(&self) -> bool {
        matches!(self.verdict, Verdict::Pass)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.verdict {
            Verdict::Pass => f.write_str("passed")?,
            Verdict::Fail(reason) => write!(f, "{reason}")?,
            Verdict::Local(error) => write!(f, "{error}")?,
        }
        match &self.detail {
            Some(detail) => write!(f, " ({detail})"),
            None => Ok(()),
        }
    }
}

#[cfg(feature = "tcp")]
impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Target(reason) => Self::fail(reason),
            Failure::Local(error) => Self::local(error),
        }
    }
}

/// What ended a step of a probe.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg(feature = "tcp")]
pub(crate) enum Failure {
    /// The target does not do what it should.
    Target(Reason),
    /// This host cannot carry out the step.
    Local(LocalError),
}

/// The conclusion from one probe: pass, failure of the target, or failure of this host.
#[expect(
    clippy::exhaustive_enums,
    reason = "callers must treat all three, there is no fourth"
)]
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// The target answered as expected.
    Pass,
    /// The target failed: counts against it.
    Fail(Reason),
    /// The probe could not be made. **Never counts against the target**; reported as an error of this
    /// host.
    Local(LocalError),
}

/// A reason why a target failed. `Display` gives one short phrase for a log line.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The connection was refused (`ECONNREFUSED`: a reset in answer to the SYN).
    #[error("connection refused")]
    L4Refused,
    /// No connection within `connect_timeout`.
    #[error("connection timed out")]
    L4Timeout,
    /// No route to the target (`EHOSTUNREACH`, `ENETUNREACH`, `ENETDOWN`).
    #[error("host unreachable")]
    L4Unreachable,
    /// The connection was reset before the answer was complete.
    #[error("connection reset")]
    L4Reset,
    /// Connected, but the answer or a part of it did not arrive within the limit of one step.
    #[error("answer timed out")]
    L7Timeout,
    /// A status code outside the accepted ones.
    #[error("status code {0}")]
    L7Status(u16),
    /// The page has another MD5 digest.
    #[error("digest {got} instead of {expected}")]
    L7Digest {
        /// The digest of the configuration.
        expected: Md5Digest,
        /// The digest of the page.
        got: Md5Digest,
    },
    /// The server closed the connection without sending anything.
    #[error("no data received")]
    L7NoData,
    /// The server sent something else than what the check expects. The text is a short part of the answer,
    /// with control bytes escaped.
    #[error("unexpected answer: {0}")]
    L7Unexpected(String),
    /// The answer violates the protocol.
    #[error("invalid answer: {0}")]
    L7Invalid(InvalidAnswer),
    /// TLS failed: the handshake, or a record after it.
    #[error("TLS: {0}")]
    Tls(String),
    /// A script ended with this status.
    #[error("exited with status {0}")]
    Script(i32),
    /// A script was ended by this signal.
    #[error("ended by signal {0}")]
    ScriptSignal(i32),
    /// A script did not end within its time and was killed.
    #[error("script timed out")]
    ScriptTimeout,
    /// A script could not be started: missing, not executable, not a program. The `errno`.
    #[error("cannot execute: {}", io::Error::from_raw_os_error(*.0))]
    ScriptNotExecutable(i32),
    /// The whole probe exceeded its deadline.
    #[error("timed out")]
    Timeout,
    /// Another system error of the connection, as `errno`.
    #[error("{}", io::Error::from_raw_os_error(*.0))]
    System(i32),
    /// A reason of a check that is not one of the built-in ones.
    #[error("{0}")]
    Other(String),
}

/// The fault of an answer.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidAnswer {
    /// The first line is not `HTTP/1.x CODE …`.
    #[error("no status line")]
    StatusLine,
    /// The connection ended before the empty line (CR LF CR LF) that ends the header.
    #[error("header not ended")]
    HeaderNotEnded,
    /// The header, with the empty line that ends it, is longer than 4095 bytes.
    #[error("header longer than 4095 bytes")]
    HeaderTooLong,
    /// A message of another protocol whose form is wrong.
    #[error("malformed {protocol} message")]
    Malformed {
        /// The protocol: `DNS`, `SIP`, `RADIUS`.
        protocol: &'static str,
    },
}

/// Why a probe could not be made: an error of this host, never of the target.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LocalError {
    /// A system call failed for a reason of this host (no descriptor, no memory, no such source
    /// address, not permitted).
    #[error("{operation}: {}", io::Error::from_raw_os_error(*.errno))]
    System {
        /// The call: `socket`, `bind`, `set mark`, `connect`, `fork` …
        operation: &'static str,
        /// The `errno`.
        errno: i32,
    },
    /// The check panicked; the scheduler caught the panic and continues.
    #[error("check panicked: {message}")]
    Panicked {
        /// The panic's text, as far as there is one.
        message: String,
    },
    /// A reason of a check that is not one of the built-in ones.
    #[error("{0}")]
    Other(String),
}
