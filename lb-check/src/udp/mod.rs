// SPDX-License-Identifier: MIT OR Apache-2.0
//! `UDP_CHECK`: passes unless a port is reported as unreachable, or when it sends the right reply.

mod factory;
mod pattern;

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

pub(crate) use self::factory::UdpFactory;
pub use self::pattern::{InvalidDigits, UdpPattern};

use crate::datagram::{Datagram, hexadecimal};
use crate::outcome::Failure;
use crate::{Arguments, HealthCheck, Outcome, Reason, Target};

/// What is sent where the configuration has no payload: 16 bytes that no service takes for a request.
const PAYLOAD: &[u8] = b"lb-check of UDP\n";

/// Sends a datagram and waits for a reply or an ICMP error. Keepalived's `UDP_CHECK`.
///
/// Without [`reply`](Self::reply) the check fails only on an ICMP error (port, host or network
/// unreachable): a reply passes, and so does silence until the end of the timeout. With it the
/// first datagram decides, and silence fails.
///
/// ```no_run
/// use std::time::Duration;
/// use lb_check::{HealthCheck, Target, UdpCheck, UdpReply};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let check = UdpCheck::new(Duration::from_secs(3))
///     .with_payload(*b"ping")
///     .with_reply(UdpReply::new("70X0".parse()?));
/// let outcome = check.check(&Target::new("192.0.2.61:7000".parse()?)).await;
/// println!("{outcome}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct UdpCheck {
    /// Longest time to wait for a reply or an ICMP error (`connect_timeout`).
    pub timeout: Duration,
    /// What is sent (`payload`).
    pub payload: Vec<u8>,
    /// The reply that must come (`require_reply`).
    pub reply: Option<UdpReply>,
}

/// A reply that must come.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct UdpReply {
    /// What the reply begins with. With an empty pattern any reply passes, of any length.
    pub pattern: UdpPattern,
    /// Length of the shortest reply that passes, in bytes.
    pub shortest: u16,
    /// Length of the longest reply that passes, in bytes.
    pub longest: u16,
}

impl UdpReply {
    /// `max_reply_length` where the configuration has none.
    const LONGEST: u16 = 255;

    /// A reply of at most 255 bytes that begins with `pattern`.
    #[must_use]
    pub const fn new(pattern: UdpPattern) -> Self {
        Self {
            pattern,
            shortest: 0,
            longest: Self::LONGEST,
        }
    }

    fn matches(&self, reply: &[u8]) -> bool {
        let (shortest, longest) = (usize::from(self.shortest), usize::from(self.longest));
        self.pattern.is_empty()
            || ((shortest..=longest).contains(&reply.len()) && self.pattern.is_start_of(reply))
    }
}

impl UdpCheck {
    /// A check that needs no reply, with a payload of 16 bytes.
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            payload: PAYLOAD.to_vec(),
            reply: None,
        }
    }

    /// Sends these bytes.
    #[must_use]
    pub fn with_payload(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.payload = payload.into();
        self
    }

    /// Requires a reply.
    #[must_use]
    pub fn with_reply(mut self, reply: UdpReply) -> Self {
        self.reply = Some(reply);
        self
    }

    async fn ask(&self, target: &Target) -> Result<(), Failure> {
        let deadline = Instant::now() + self.timeout;
        let socket = Datagram::udp(target)?;
        socket.send(&self.payload)?;
        // One byte more than the longest reply shows that a reply is longer.
        let longest = self
            .reply
            .as_ref()
            .map_or(UdpReply::LONGEST, |reply| reply.longest);
        let mut buffer = vec![0; usize::from(longest) + 1];
        let received = socket.receive(&mut buffer, deadline).await?;
        match (received, &self.reply) {
            (_, None) => Ok(()),
            (None, Some(_)) => Err(Failure::Target(Reason::L7Timeout)),
            (Some((reply, _)), Some(required)) if required.matches(reply) => Ok(()),
            (Some((reply, _)), Some(_)) => {
                Err(Failure::Target(Reason::L7Unexpected(hexadecimal(reply))))
            }
        }
    }
}

#[async_trait]
impl HealthCheck for UdpCheck {
    fn kind(&self) -> &'static str {
        "UDP_CHECK"
    }

    fn lines(&self) -> Option<Vec<Arguments>> {
        let mut lines = vec![Arguments::seconds("connect_timeout", self.timeout)];
        if self.payload != PAYLOAD {
            let digits: String = self
                .payload
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            lines.push(Arguments::line("payload", [digits]));
        }
        if let Some(reply) = &self.reply {
            let digits = Some(reply.pattern.to_string()).filter(|digits| !digits.is_empty());
            lines.push(Arguments::line("require_reply", digits));
            if reply.shortest != 0 {
                lines.push(Arguments::line(
                    "min_reply_length",
                    [reply.shortest.to_string()],
                ));
            }
            if reply.longest != UdpReply::LONGEST {
                lines.push(Arguments::line(
                    "max_reply_length",
                    [reply.longest.to_string()],
                ));
            }
        }
        Some(lines)
    }

    async fn check(&self, target: &Target) -> Outcome {
        Outcome::measure(self.ask(target)).await
    }
}
