// SPDX-License-Identifier: MIT OR Apache-2.0
//! `PING_CHECK`: passes when a host answers an echo request.

mod echo;
mod factory;
mod socket;

use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use self::echo::Echo;
pub(crate) use self::factory::PingFactory;
use self::socket::PingSocket;
use crate::datagram::random;
use crate::outcome::Failure;
use crate::{Arguments, HealthCheck, Outcome, Reason, Target};

/// The longest packet that is read whole: longer than any reply to a request of this check.
const LONGEST: usize = 512;

/// The sequence number of the next request.
static SEQUENCE: AtomicU16 = AtomicU16::new(0);

/// Sends an ICMP echo request and passes when its reply comes from the target. Keepalived's `PING_CHECK`.
///
/// The request needs no privilege where the sysctl `net.ipv4.ping_group_range` includes the group of the
/// process; otherwise it needs CAP_NET_RAW. Where neither holds the outcome is
/// [local](crate::Verdict::Local).
///
/// ```no_run
/// use std::time::Duration;
/// use lb_check::{HealthCheck, PingCheck, Target};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), std::net::AddrParseError> {
/// let check = PingCheck::new(Duration::from_secs(3));
/// // The port does not matter.
/// let outcome = check.check(&Target::new("192.0.2.61:0".parse()?)).await;
/// println!("{outcome}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct PingCheck {
    /// Longest time until the reply (`connect_timeout`).
    pub timeout: Duration,
}

impl PingCheck {
    /// A check that gives up after `timeout`.
    #[must_use]
    pub const fn new(timeout: Duration) -> Self {
        Self { timeout }
    }

    async fn ask(&self, target: &Target) -> Result<(), Failure> {
        let deadline = Instant::now() + self.timeout;
        let PingSocket {
            socket,
            id,
            with_ip_header,
        } = socket::open(target)?;
        let echo = Echo {
            is_ipv4: target.address.is_ipv4(),
            id,
            sequence: SEQUENCE.fetch_add(1, Ordering::Relaxed),
            nonce: random()?,
        };
        socket.send(&echo.request())?;
        let mut buffer = vec![0; LONGEST];
        loop {
            let Some((packet, from)) = socket.receive(&mut buffer, deadline).await? else {
                return Err(Failure::Target(Reason::L7Timeout));
            };
            // A datagram socket of ICMP receives replies of any host.
            if from == Some(target.address.ip()) && echo.is_answered_by(packet, with_ip_header) {
                return Ok(());
            }
        }
    }
}

#[async_trait]
impl HealthCheck for PingCheck {
    fn kind(&self) -> &'static str {
        "PING_CHECK"
    }

    fn lines(&self) -> Option<Vec<Arguments>> {
        Some(vec![Arguments::seconds("connect_timeout", self.timeout)])
    }

    async fn check(&self, target: &Target) -> Outcome {
        Outcome::measure(self.ask(target)).await
    }
}
