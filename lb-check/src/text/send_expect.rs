// SPDX-License-Identifier: MIT OR Apache-2.0
//! `SEND_EXPECT_CHECK`: a dialogue that the configuration describes step by step.

mod factory;

use std::time::Duration;

use async_trait::async_trait;

use super::driver::{Settings, run};
use super::escape::{print_hex, print_text};
use super::step::{Expect, Pattern, Step};
use crate::{Arguments, HealthCheck, Outcome, Target};

pub(crate) use self::factory::SendExpectFactory;

/// Connects, then sends and expects in the order of the steps; passes when the last step has succeeded.
///
/// An answer may arrive in parts. What a step expects is taken out of the received bytes, and the next step
/// continues behind. Two limits hold: [`step_timeout`](Self::step_timeout) for connecting, for a handshake of TLS
/// and for each answer as a whole, and three times as long for all of it, four times with TLS, besides the times of
/// [`with_silence`](Self::with_silence). An answer may have [`limit`](Self::limit) bytes.
///
/// Regular expressions are those of the crate `regex` over bytes: matching takes time that is linear in the length
/// of the answer, whatever the server sends.
///
/// ```no_run
/// use std::time::Duration;
/// use lb_check::{HealthCheck, SendExpect, Target};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let check = SendExpect::new(Duration::from_secs(3))
///     .with_send("stats\r\n")
///     .with_pattern(r"^STAT pid \d+\r\n")?
///     .with_send("quit\r\n")
///     .with_end();
/// let outcome = check.check(&Target::new("192.0.2.61:11211".parse()?)).await;
/// println!("{outcome}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SendExpect {
    steps: Vec<Step>,
    /// TLS from the start. No certificate is verified.
    pub tls: bool,
    /// The server name of TLS; without one none is sent.
    pub server_name: Option<String>,
    /// Longest time of one step (`connect_timeout`).
    pub step_timeout: Duration,
    /// Most bytes of one answer, at most [`MOST`](Self::MOST).
    pub limit: usize,
}

/// A regular expression that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalid regular expression: {0}")]
pub struct InvalidPattern(String);

impl SendExpect {
    /// Most bytes of one answer without another limit.
    pub const LIMIT: usize = 4096;
    /// The largest limit.
    pub const MOST: usize = 16_384;

    /// A check without steps, which passes when it is connected.
    #[must_use]
    pub const fn new(step_timeout: Duration) -> Self {
        Self {
            steps: Vec::new(),
            tls: false,
            server_name: None,
            step_timeout,
            limit: Self::LIMIT,
        }
    }

    fn with(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Sends bytes.
    #[must_use]
    pub fn with_send(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.with(Step::Send(bytes.into()))
    }

    /// Expects these bytes anywhere in the answer.
    #[must_use]
    pub fn with_expect(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.with(Step::Expect(Expect::Contains(bytes.into())))
    }

    /// Expects an answer that begins with these bytes.
    #[must_use]
    pub fn with_prefix(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.with(Step::Expect(Expect::Prefix(bytes.into())))
    }

    /// Expects a line that consists of these bytes, without the LF or CR LF that ends it.
    #[must_use]
    pub fn with_line(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.with(Step::Expect(Expect::Line(bytes.into())))
    }

    /// Expects a match of a regular expression.
    ///
    /// # Errors
    /// When `pattern` is no regular expression, or a very large one.
    pub fn with_pattern(self, pattern: &str) -> Result<Self, InvalidPattern> {
        let pattern = Pattern::new(pattern).map_err(|error| {
            let text = error.to_string();
            let last = text.lines().next_back().unwrap_or_default();
            InvalidPattern(last.trim_start_matches("error: ").to_owned())
        })?;
        Ok(self.with(Step::Expect(Expect::Regex(pattern))))
    }

    /// Expects that nothing arrives for this long.
    #[must_use]
    pub fn with_silence(self, time: Duration) -> Self {
        self.with(Step::Expect(Expect::Nothing(time)))
    }

    /// Expects that the server closes the connection.
    #[must_use]
    pub fn with_end(self) -> Self {
        self.with(Step::Expect(Expect::End))
    }

    /// Starts TLS on the plain connection.
    #[must_use]
    pub fn with_start_tls(self) -> Self {
        self.with(Step::StartTls)
    }

    /// Ends the sending side; answers are still received.
    #[must_use]
    pub fn with_close(self) -> Self {
        self.with(Step::Close)
    }

    /// Sets whether TLS begins at once.
    #[must_use]
    pub const fn with_tls(mut self, tls: bool) -> Self {
        self.tls = tls;
        self
    }

    /// Longest time of the whole check.
    #[must_use]
    pub fn total_timeout(&self) -> Duration {
        let uses_tls = self.tls || self.steps.contains(&Step::StartTls);
        let steps = self.step_timeout.saturating_mul(3 + u32::from(uses_tls));
        self.steps.iter().fold(steps, |total, step| match step {
            Step::Expect(Expect::Nothing(time)) => total.saturating_add(*time),
            _ => total,
        })
    }
}

#[async_trait]
impl HealthCheck for SendExpect {
    fn kind(&self) -> &'static str {
        "SEND_EXPECT_CHECK"
    }

    fn lines(&self) -> Option<Vec<Arguments>> {
        let mut lines = vec![Arguments::seconds("connect_timeout", self.step_timeout)];
        if self.tls {
            lines.push(Arguments::line("tls", [] as [&str; 0]));
        }
        let name = self.server_name.iter();
        lines.extend(name.map(|name| Arguments::line("sni", [name])));
        if self.limit != Self::LIMIT {
            lines.push(Arguments::line("max_answer", [self.limit.to_string()]));
        }
        let steps: Option<Vec<Arguments>> = self.steps.iter().map(step_line).collect();
        lines.extend(steps?);
        Some(lines)
    }

    fn time_limit(&self) -> Option<Duration> {
        Some(self.total_timeout())
    }

    async fn check(&self, target: &Target) -> Outcome {
        let settings = Settings {
            tls: self.tls,
            server_name: self.server_name.as_deref(),
            step: self.step_timeout,
            total: self.total_timeout(),
            limit: self.limit.min(Self::MOST),
        };
        run(target, settings, &self.steps).await
    }
}

/// The line that describes a step.
fn step_line(step: &Step) -> Option<Arguments> {
    let flag = |name| Arguments::line(name, [] as [&str; 0]);
    Some(match step {
        Step::Send(bytes) if is_text(bytes) => Arguments::line("send", [print_text(bytes)]),
        Step::Send(bytes) => Arguments::line("send_hex", [print_hex(bytes)]),
        Step::StartTls => flag("starttls"),
        Step::Close => flag("close"),
        Step::Expect(expect) => match expect {
            Expect::Contains(bytes) if is_text(bytes) => {
                Arguments::line("expect", [print_text(bytes)])
            }
            Expect::Contains(bytes) => Arguments::line("expect_hex", [print_hex(bytes)]),
            Expect::Prefix(bytes) => Arguments::line("expect_prefix", [print_text(bytes)]),
            Expect::Line(bytes) => Arguments::line("expect_line", [print_text(bytes)]),
            // A quote cannot stand in a quoted word, and has no meaning of its own in an expression.
            Expect::Regex(pattern) => {
                Arguments::line("expect_regex", [pattern.as_str().replace('"', r"\x22")])
            }
            Expect::Nothing(time) => Arguments::seconds("expect_nothing", *time),
            Expect::End => flag("expect_close"),
            // No keyword makes one.
            Expect::Reply(_) => return None,
        },
    })
}

/// Whether bytes are mostly readable as text.
fn is_text(bytes: &[u8]) -> bool {
    let is_readable = |byte: &u8| matches!(byte, b' '..=b'~' | b'\r' | b'\n' | b'\t');
    bytes.iter().all(is_readable)
}
