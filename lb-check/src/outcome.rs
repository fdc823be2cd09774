// SPDX-License-Identifier: MIT OR Apache-2.0
//! The result of one probe.

use std::io;
use std::time::Duration;

use crate::{AnswerCode, Md5Digest};

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
    /// A weight the check asks for (`misc_dynamic`: exit status minus 2; `AGENT_CHECK`: the agent's answer;
    /// `FILE_CHECK`: a number to add).
    pub weight: Option<WeightRequest>,
    /// A detail for people besides the reason: the page, the command.
    pub detail: Option<String>,
    /// A warning about a target that passed: its certificate expires soon.
    pub warning: Option<String>,
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
            warning: None,
        }
    }

    /// Sets how long the probe took.
    #[must_use]
    pub const fn with_latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Asks for a weight in place of the configured one.
    #[must_use]
    pub const fn with_weight(self, weight: u32) -> Self {
        self.with_weight_request(WeightRequest::Absolute(weight))
    }

    /// Asks for a weight of any kind.
    #[must_use]
    pub const fn with_weight_request(mut self, request: WeightRequest) -> Self {
        self.weight = Some(request);
        self
    }

    /// Adds a detail for people.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds a warning, or removes it.
    #[must_use]
    pub fn with_warning(mut self, warning: Option<String>) -> Self {
        self.warning = warning;
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
impl Outcome {
    /// Makes a probe; the target passes when it succeeds. Measures how long the probe takes.
    pub(crate) async fn measure<T>(probe: impl Future<Output = Result<T, Failure>>) -> Self {
        let started = std::time::Instant::now();
        let outcome = match probe.await {
            Ok(_) => Self::pass(),
            Err(failure) => failure.into(),
        };
        outcome.with_latency(started.elapsed())
    }
}

#[cfg(feature = "runtime")]
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
#[cfg(feature = "runtime")]
pub(crate) enum Failure {
    /// The target does not do what it should.
    Target(Reason),
    /// This host cannot carry out the step.
    Local(LocalError),
}

/// A weight that a passed check asks for.
///
/// ```
/// use lb_check::WeightRequest;
///
/// assert_eq!(WeightRequest::Absolute(7).resolve(100), 7);
/// assert_eq!(WeightRequest::Percent(150).resolve(100), 150);
/// assert_eq!(WeightRequest::Percent(1).resolve(10), 1, "not 0, which would drain");
/// assert_eq!(WeightRequest::Add(-20).resolve(100), 80);
/// assert_eq!(WeightRequest::Drain.resolve(100), 0);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum WeightRequest {
    /// This weight.
    Absolute(u32),
    /// Percent of the configured weight, rounded up: only 0 percent is 0.
    Percent(u16),
    /// The configured weight and this number, negative to subtract.
    Add(i32),
    /// No new connections, while present ones stay: weight 0, whatever other checks ask for.
    Drain,
}

impl WeightRequest {
    /// The weight of a real server with the weight `configured` that only this check asks for.
    #[must_use]
    pub fn resolve(self, configured: u32) -> u32 {
        match self {
            Self::Absolute(weight) => weight,
            Self::Percent(percent) => {
                let scaled = (u64::from(configured) * u64::from(percent)).div_ceil(100);
                u32::try_from(scaled).unwrap_or(u32::MAX)
            }
            Self::Add(number) => configured.saturating_add_signed(number),
            Self::Drain => 0,
        }
    }
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
    /// The page does not match its regular expression, matches one that it must not match, or the search
    /// reached a limit.
    #[error("regular expression: {0}")]
    L7Regex(String),
    /// The server closed the connection without sending anything.
    #[error("no data received")]
    L7NoData,
    /// The server sent something else than what the check expects. The text is a short part of the answer,
    /// with control bytes escaped.
    #[error("unexpected answer: {0}")]
    L7Unexpected(String),
    /// The server answered with an error of its protocol. The message of the server is a short part of it, with
    /// control bytes escaped; it may be empty.
    #[error("{code}{}{message}", if message.is_empty() { "" } else { ": " })]
    L7Error {
        /// The code.
        code: AnswerCode,
        /// The message.
        message: String,
    },
    /// The server closed the connection before its answer was complete.
    #[error("connection closed before the answer was complete")]
    L7Closed,
    /// The answer, or a line of it, is longer than this number of bytes.
    #[error("answer longer than {0} bytes")]
    L7TooLong(usize),
    /// The answer violates the protocol.
    #[error("invalid answer: {0}")]
    L7Invalid(InvalidAnswer),
    /// TLS failed: the handshake, or a record after it.
    #[error("TLS: {0}")]
    Tls(String),
    /// The server refused the login of the check.
    #[error("login refused: {0}")]
    L7Auth(String),
    /// The server, or an agent on it, reports itself as down.
    #[error("reported {0}")]
    Reported(String),
    /// The server, or an agent on it, reports maintenance.
    #[error("reported maintenance")]
    Maintenance,
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

impl Reason {
    /// Longest text of [`L7Unexpected`](Self::L7Unexpected), in bytes, without the mark of an omission.
    const EXCERPT: usize = 80;

    /// The reason for an answer that the check does not expect: [`L7Unexpected`](Self::L7Unexpected) with the start of
    /// it, in which bytes other than printable ASCII are escaped.
    ///
    /// ```
    /// use lb_check::Reason;
    ///
    /// let reason = Reason::unexpected(b"554 no\r\n");
    /// assert_eq!(reason.to_string(), r"unexpected answer: 554 no\r\n");
    /// ```
    #[must_use]
    pub fn unexpected(answer: &[u8]) -> Self {
        Self::L7Unexpected(Self::excerpt(answer))
    }

    /// The reason for an answer that is an error: [`L7Error`](Self::L7Error) with the start of its message.
    #[must_use]
    pub fn answered(code: AnswerCode, message: &[u8]) -> Self {
        let message = Self::excerpt(message);
        Self::L7Error { code, message }
    }

    /// The start of an answer as printable text.
    pub(crate) fn excerpt(answer: &[u8]) -> String {
        let mut text = String::new();
        for byte in answer {
            let quote = [b'"', b'\''].contains(byte);
            let escaped = std::ascii::escape_default(*byte).skip(usize::from(quote));
            if text.len() + escaped.len() > Self::EXCERPT {
                text.push('…');
                break;
            }
            text.extend(escaped.map(char::from));
        }
        text
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpt_is_bounded_and_printable() {
        assert_eq!(
            Reason::excerpt(b"it's \"x\" \\ \0\xff\n"),
            r#"it's "x" \\ \x00\xff\n"#
        );
        assert_eq!(Reason::excerpt(b""), "");
        let long = Reason::excerpt(&[0xa5; 4000]);
        assert_eq!(long, r"\xa5".repeat(20) + "…");
        assert_eq!(Reason::excerpt(&[b'a'; 80]), "a".repeat(80));
    }
}
