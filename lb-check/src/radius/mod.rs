// SPDX-License-Identifier: MIT OR Apache-2.0
//! `RADIUS_CHECK`: passes when a RADIUS server accepts a user.

mod factory;
mod packet;

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

pub(crate) use self::factory::RadiusFactory;

use self::packet::{Answer, LONGEST, NoAnswer, Request};
use crate::datagram::{Datagram, random};
use crate::outcome::Failure;
use crate::{Arguments, HealthCheck, InvalidAnswer, Outcome, Reason, Target};

/// Sends an Access-Request with user name and password (PAP), and passes when the server accepts.
///
/// Answers that were not made with the shared secret are ignored; if no other one comes, the reason names
/// them. Password and secret are in no output of `Debug`, and not in the identity.
///
/// ```no_run
/// use std::time::Duration;
/// use lb_check::{HealthCheck, RadiusCheck, Target};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), std::net::AddrParseError> {
/// let check = RadiusCheck::new(Duration::from_secs(3), "monitor", "password", "secret");
/// let outcome = check.check(&Target::new("192.0.2.61:1812".parse()?)).await;
/// println!("{outcome}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct RadiusCheck {
    /// Longest time until the answer (`connect_timeout`).
    pub timeout: Duration,
    /// Whether a server that rejects the user passes, too: it runs, and knows the secret.
    pub accept_reject: bool,
    user: String,
    password: String,
    secret: String,
}

/// Makes the identities of a process comparable with each other, and useless for guesses of a secret.
static SALT: LazyLock<RandomState> = LazyLock::new(RandomState::new);

impl RadiusCheck {
    /// A check that passes when the server accepts this user: a name of at most 253 bytes, a password of at
    /// most 128.
    #[must_use]
    pub fn new(
        timeout: Duration,
        user: impl Into<String>,
        password: impl Into<String>,
        secret: impl Into<String>,
    ) -> Self {
        Self {
            timeout,
            accept_reject: false,
            user: user.into(),
            password: password.into(),
            secret: secret.into(),
        }
    }

    /// Lets a server pass that rejects the user.
    #[must_use]
    pub const fn with_accept_reject(mut self) -> Self {
        self.accept_reject = true;
        self
    }

    async fn ask(&self, target: &Target) -> Result<Answer, Failure> {
        let deadline = Instant::now() + self.timeout;
        let socket = Datagram::udp(target)?;
        let [id] = random()?;
        let request = Request {
            id,
            authenticator: random()?,
            secret: self.secret.as_bytes(),
        };
        socket.send(&request.packet(self.user.as_bytes(), self.password.as_bytes()))?;
        let mut buffer = vec![0; LONGEST];
        let mut forged = 0_u64;
        loop {
            let received = socket.receive(&mut buffer, deadline).await?;
            let Some((packet, _)) = received else {
                return Err(Failure::Target(match forged {
                    0 => Reason::L7Timeout,
                    _ => Reason::L7Unexpected(
                        "wrong authenticator: the server has another secret".to_owned(),
                    ),
                }));
            };
            match request.read(packet) {
                Ok(answer) => return Ok(answer),
                Err(NoAnswer::Foreign) => {}
                Err(NoAnswer::Forged) => forged += 1,
                Err(NoAnswer::Malformed) => {
                    let protocol = "RADIUS";
                    let reason = Reason::L7Invalid(InvalidAnswer::Malformed { protocol });
                    return Err(Failure::Target(reason));
                }
            }
        }
    }

    fn judge(&self, answer: Answer) -> Result<(), Failure> {
        let text = match answer {
            Answer::Accept => return Ok(()),
            Answer::Reject if self.accept_reject => return Ok(()),
            Answer::Reject => "Access-Reject".to_owned(),
            Answer::Challenge => "Access-Challenge".to_owned(),
            Answer::Other(code) => format!("RADIUS code {code}"),
        };
        Err(Failure::Target(Reason::L7Unexpected(text)))
    }
}

impl fmt::Debug for RadiusCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RadiusCheck")
            .field("timeout", &self.timeout)
            .field("accept_reject", &self.accept_reject)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl HealthCheck for RadiusCheck {
    fn kind(&self) -> &'static str {
        "RADIUS_CHECK"
    }

    fn identity(&self) -> String {
        let secrets = SALT.hash_one((&self.password, &self.secret));
        format!("RADIUS_CHECK {self:?} {secrets:016x}")
    }

    fn lines(&self) -> Option<Vec<Arguments>> {
        let mut lines = vec![
            Arguments::seconds("connect_timeout", self.timeout),
            Arguments::line("login", [&self.user]),
            Arguments::line("password", [&self.password]),
            Arguments::line("secret", [&self.secret]),
        ];
        if self.accept_reject {
            lines.push(Arguments::line("accept_reject", [""; 0]));
        }
        Some(lines)
    }

    async fn check(&self, target: &Target) -> Outcome {
        let started = Instant::now();
        let outcome = match self.ask(target).await.and_then(|answer| self.judge(answer)) {
            Ok(()) => Outcome::pass(),
            Err(failure) => failure.into(),
        };
        outcome.with_latency(started.elapsed())
    }
}
