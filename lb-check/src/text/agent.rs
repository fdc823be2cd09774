// SPDX-License-Identifier: MIT OR Apache-2.0
//! `AGENT_CHECK`: asks an agent on the server for its state and weight, in HAProxy's protocol.

mod answer;
mod factory;

use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::time::timeout;

use super::escape::print_text;
use crate::connect::Close;
use crate::outcome::Failure;
use crate::stream::Connection;
use crate::{Arguments, HealthCheck, Outcome, Reason, Target};

pub(crate) use self::factory::AgentFactory;

/// Most bytes of an answer.
const LIMIT: usize = 512;

/// Reads one line from an agent: a percentage of the weight, `up`, `down`, `drain`, `maint` and the like.
///
/// | word | effect |
/// |---|---|
/// | `75%` | the check passes and asks for this part of the weight ([`WeightRequest::Percent`](crate::WeightRequest::Percent)) |
/// | `up`, `ready` | the check passes |
/// | `drain` | the check passes and asks for no new connections ([`WeightRequest::Drain`](crate::WeightRequest::Drain)) |
/// | `down`, `fail`, `failed`, `stopped` | the check fails; text after `#` is part of the reason |
/// | `maint` | the check fails with [`Reason::Maintenance`] |
/// | `maxconn:30`, unknown words | no effect |
///
/// Words are separated by blanks, tabs or commas; upper and lower case are equal. Each answer counts alone: a state is
/// not remembered until `ready`, as HAProxy does.
///
/// ```no_run
/// use std::time::Duration;
/// use lb_check::{AgentCheck, HealthCheck, Target};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), std::net::AddrParseError> {
/// let check = AgentCheck::new(Duration::from_secs(3)).with_send("state\n");
/// let outcome = check.check(&Target::new("192.0.2.61:9777".parse()?)).await;
/// println!("{outcome}, weight {:?}", outcome.weight);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct AgentCheck {
    /// Bytes to send first.
    pub send: Vec<u8>,
    /// Passes without an effect on the weight when there is no answer, as in HAProxy.
    pub optional: bool,
    /// Longest time to connect, and of the answer (`connect_timeout`). The whole check may take three times as long.
    pub step_timeout: Duration,
}

impl AgentCheck {
    /// A check that sends nothing.
    #[must_use]
    pub const fn new(step_timeout: Duration) -> Self {
        Self {
            send: Vec::new(),
            optional: false,
            step_timeout,
        }
    }

    /// Sets the bytes to send first.
    #[must_use]
    pub fn with_send(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.send = bytes.into();
        self
    }

    /// Passes when there is no answer.
    #[must_use]
    pub const fn with_optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Longest time of the whole check.
    const fn total_timeout(&self) -> Duration {
        self.step_timeout.saturating_mul(3)
    }

    async fn ask(&self, target: &Target) -> Result<Vec<u8>, Failure> {
        let limit = self.step_timeout;
        let mut connection = Connection::open(target, None, limit, Close::Orderly).await?;
        if !self.send.is_empty() {
            connection.write_all(&self.send, limit).await?;
        }
        let answer = connection.read_line_or_rest(LIMIT, limit).await?.to_vec();
        connection.close(limit).await;
        Ok(answer)
    }
}

#[async_trait]
impl HealthCheck for AgentCheck {
    fn kind(&self) -> &'static str {
        "AGENT_CHECK"
    }

    fn lines(&self) -> Option<Vec<Arguments>> {
        let mut lines = vec![Arguments::seconds("connect_timeout", self.step_timeout)];
        if !self.send.is_empty() {
            lines.push(Arguments::line("send", [print_text(&self.send)]));
        }
        if self.optional {
            lines.push(Arguments::line("optional", [] as [&str; 0]));
        }
        Some(lines)
    }

    fn time_limit(&self) -> Option<Duration> {
        Some(self.total_timeout())
    }

    /// The outcome's detail is the answer, if there is one.
    async fn check(&self, target: &Target) -> Outcome {
        let started = Instant::now();
        let asked = timeout(self.total_timeout(), self.ask(target)).await;
        let outcome = match asked.unwrap_or(Err(Failure::Target(Reason::Timeout))) {
            Ok(answer) => answer::outcome(&answer),
            Err(Failure::Target(reason)) if self.optional => {
                Outcome::pass().with_detail(format!("no answer: {reason}"))
            }
            Err(failure) => failure.into(),
        };
        outcome.with_latency(started.elapsed())
    }
}
