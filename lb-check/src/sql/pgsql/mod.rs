// SPDX-License-Identifier: MIT OR Apache-2.0
//! `PGSQL_CHECK`: the start of a session of PostgreSQL.

mod factory;
mod message;

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;

use self::message::{Message, ServerError};
use super::fail;
use crate::connect::Close;
use crate::outcome::Failure;
use crate::stream::{Connection, TlsRequest};
use crate::{AnswerCode, Arguments, HealthCheck, Outcome, Reason, Security, Target};

pub(crate) use self::factory::PgsqlFactory;

/// The longest message that is read.
const LONGEST: usize = 4096;
/// The most messages of the start of a session: settings, mostly.
const MOST_MESSAGES: usize = 64;

/// Starts a session as a user, without a password.
///
/// Passes when the server asks for a password, or starts the session. An error of the server is a failure, with its
/// SQLSTATE and message: it starts or stops, has no room, does not know the database.
///
/// ```no_run
/// use std::time::Duration;
/// use lb_check::{HealthCheck, PgsqlCheck, Target};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), std::net::AddrParseError> {
/// let check = PgsqlCheck::new("monitor", Duration::from_secs(3));
/// let outcome = check.check(&Target::new("192.0.2.61:5432".parse()?)).await;
/// println!("{outcome}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct PgsqlCheck {
    /// The user.
    pub user: String,
    /// The database; that of the name of the user without.
    pub database: Option<String>,
    /// Whether the session uses TLS ([`Security::StartTls`]; the protocol has no other way).
    pub security: Security,
    /// The server name that TLS sends; without one none is sent.
    pub server_name: Option<String>,
    /// Longest time to connect, and of the whole dialogue, each.
    pub timeout: Duration,
}

impl PgsqlCheck {
    /// A check as this user, over a plain connection.
    #[must_use]
    pub fn new(user: impl Into<String>, timeout: Duration) -> Self {
        Self {
            user: user.into(),
            database: None,
            security: Security::Plain,
            server_name: None,
            timeout,
        }
    }

    /// Sets the database.
    #[must_use]
    pub fn with_database(mut self, database: impl Into<String>) -> Self {
        self.database = Some(database.into());
        self
    }

    /// Sets whether the session uses TLS.
    #[must_use]
    pub const fn with_security(mut self, security: Security) -> Self {
        self.security = security;
        self
    }

    /// Sets the server name that TLS sends.
    #[must_use]
    pub fn with_server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    async fn run(&self, target: &Target) -> Result<(), Failure> {
        let connection = Connection::open(target, None, self.timeout, Close::Reset).await?;
        let dialogue = Box::pin(self.talk(connection, target));
        let ended = timeout(self.timeout, dialogue).await;
        ended.unwrap_or(Err(fail(Reason::L7Timeout)))
    }

    async fn talk(&self, mut connection: Connection, target: &Target) -> Result<(), Failure> {
        let limit = self.timeout;
        if self.security != Security::Plain {
            connection = self.start_tls(connection, target).await?;
        }
        let startup = message::startup(&self.user, self.database.as_deref());
        connection.write_all(&startup, limit).await?;
        for _ in 0..MOST_MESSAGES {
            let (kind, content) = read(&mut connection, limit).await?;
            match message::read(kind, &content) {
                // An error may still follow: an unknown database.
                Some(Message::Authenticated | Message::Remark | Message::Negotiation) => {}
                Some(Message::AuthenticationRequest(_) | Message::Ready) => {
                    // The check has passed: a failure has no effect.
                    let _ = connection.write_all(&message::terminate(), limit).await;
                    return Ok(());
                }
                Some(Message::Error(error)) => return Err(failure(&error)),
                None => return Err(unexpected(kind, &content)),
            }
        }
        let text = format!("more than {MOST_MESSAGES} messages before the session started");
        Err(fail(Reason::L7Unexpected(text)))
    }

    async fn start_tls(
        &self,
        mut connection: Connection,
        target: &Target,
    ) -> Result<Connection, Failure> {
        let limit = self.timeout;
        connection.write_all(&message::tls_request(), limit).await?;
        match connection.read_exact(1, limit).await? {
            b"S" => {
                let name = self.server_name.as_deref();
                let tls = TlsRequest {
                    name,
                    close_notify: false,
                };
                connection.start_tls(target.address.ip(), tls, limit).await
            }
            b"N" => {
                let reason = "the server does not offer TLS".to_owned();
                Err(fail(Reason::Tls(reason)))
            }
            // An error before TLS: no room for another process.
            b"E" => {
                let length = connection.read_exact(message::HEADER - 1, limit).await?;
                let header = [b"E", length].concat();
                let (kind, content) = read_content(&mut connection, &header, limit).await?;
                match message::read(kind, &content) {
                    Some(Message::Error(error)) => Err(failure(&error)),
                    _ => Err(unexpected(kind, &content)),
                }
            }
            other => Err(fail(Reason::unexpected(other))),
        }
    }
}

#[async_trait]
impl HealthCheck for PgsqlCheck {
    fn kind(&self) -> &'static str {
        "PGSQL_CHECK"
    }

    fn identity(&self) -> String {
        format!("PGSQL_CHECK {self:?}")
    }

    fn lines(&self) -> Option<Vec<Arguments>> {
        Some(self.to_lines())
    }

    fn time_limit(&self) -> Option<Duration> {
        // To connect, and of the dialogue.
        Some(self.timeout.saturating_mul(2))
    }

    async fn check(&self, target: &Target) -> Outcome {
        Outcome::measure(self.run(target)).await
    }
}

/// Receives one whole message.
async fn read(connection: &mut Connection, limit: Duration) -> Result<(u8, Vec<u8>), Failure> {
    let header = connection
        .read_exact(message::HEADER, limit)
        .await?
        .to_vec();
    read_content(connection, &header, limit).await
}

/// Receives the content of the message with this header.
async fn read_content(
    connection: &mut Connection,
    header: &[u8],
    limit: Duration,
) -> Result<(u8, Vec<u8>), Failure> {
    let Some((kind, length)) = message::read_header(header) else {
        return Err(fail(Reason::unexpected(header)));
    };
    // A server of another protocol sends other bytes here, which would be a huge length.
    if message::read(kind, &[0; 4]).is_none() {
        return Err(fail(Reason::unexpected(header)));
    }
    if length > LONGEST {
        return Err(fail(Reason::L7TooLong(LONGEST)));
    }
    Ok((kind, connection.read_exact(length, limit).await?.to_vec()))
}

fn failure(error: &ServerError<'_>) -> Failure {
    fail(match error.state {
        Some(state) => Reason::answered(AnswerCode::SqlState(state), error.message),
        None => Reason::unexpected(error.message),
    })
}

fn unexpected(kind: u8, content: &[u8]) -> Failure {
    fail(Reason::unexpected(&[&[kind], content].concat()))
}
