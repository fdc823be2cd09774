// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checks of protocols that are dialogues in text: `SEND_EXPECT_CHECK`, `SMTP_CHECK` and its like, `AGENT_CHECK`.
//!
//! A dialogue is a list of [`Step`](step::Step)s. [`Dialogue`](dialogue::Dialogue) takes received bytes and returns
//! what to do next, without I/O; [`driver`] carries that out over a connection.

mod agent;
mod dialogue;
mod driver;
mod escape;
mod protocol;
mod reply;
mod secret;
mod send_expect;
mod step;

pub use self::agent::AgentCheck;
pub use self::protocol::{Login, ProtocolCheck, Security, TextProtocol};
pub use self::secret::Secret;
pub use self::send_expect::{InvalidPattern, SendExpect};

pub(crate) use self::agent::AgentFactory;
pub(crate) use self::protocol::ProtocolFactory;
pub(crate) use self::send_expect::SendExpectFactory;
