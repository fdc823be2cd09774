// SPDX-License-Identifier: MIT OR Apache-2.0
//! `TCP_CHECK`: passes when the target accepts a connection.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::connect::{Close, connect};
use crate::keywords::Findings;
use crate::{
    ArgumentError, Arguments, BuiltCheck, CheckContext, CheckFactory, HealthCheck, Outcome, Target,
};

/// Connects, and closes with a reset: nothing is sent, nothing is left in TIME_WAIT.
///
/// Keepalived's `TCP_CHECK`.
///
/// ```no_run
/// use std::time::Duration;
/// use lb_check::{HealthCheck, Target, TcpCheck};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), std::net::AddrParseError> {
/// let check = TcpCheck::new(Duration::from_secs(3));
/// let outcome = check.check(&Target::new("192.0.2.61:80".parse()?)).await;
/// println!("{outcome}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TcpCheck {
    /// Longest time to connect (`connect_timeout`).
    pub connect_timeout: Duration,
}

impl TcpCheck {
    /// A check that gives up after `connect_timeout`.
    #[must_use]
    pub const fn new(connect_timeout: Duration) -> Self {
        Self { connect_timeout }
    }
}

#[async_trait]
impl HealthCheck for TcpCheck {
    fn kind(&self) -> &'static str {
        "TCP_CHECK"
    }

    fn identity(&self) -> String {
        format!("TCP_CHECK timeout {:?}", self.connect_timeout)
    }

    fn lines(&self) -> Option<Vec<Arguments>> {
        Some(vec![Arguments::seconds(
            "connect_timeout",
            self.connect_timeout,
        )])
    }

    fn time_limit(&self) -> Option<Duration> {
        Some(self.connect_timeout)
    }

    fn connect_only(&self) -> Option<Duration> {
        Some(self.connect_timeout)
    }

    async fn check(&self, target: &Target) -> Outcome {
        Outcome::measure(connect(target, self.connect_timeout, Close::Reset)).await
    }
}

/// Makes [`TcpCheck`]s.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TcpFactory;

impl CheckFactory for TcpFactory {
    fn build(
        &self,
        arguments: &Arguments,
        context: &CheckContext,
    ) -> Result<BuiltCheck, Vec<ArgumentError>> {
        let mut findings = Findings::default();
        for line in &arguments.children {
            findings.unknown(line, arguments, &[], true);
        }
        let check = TcpCheck::new(context.connect_timeout);
        let mut built = BuiltCheck::new(Arc::new(check));
        built.findings = findings.0;
        Ok(built)
    }
}
