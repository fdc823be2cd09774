// SPDX-License-Identifier: MIT OR Apache-2.0
//! `LDAP_CHECK`: binds, and reads one entry.

mod ber;
mod factory;
mod message;

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;

use self::ber::{Header, Malformed};
use self::message::{LdapResult, Operation};
use crate::connect::Close;
use crate::outcome::Failure;
use crate::stream::{Connection, TlsRequest};
use crate::{AnswerCode, Arguments, HealthCheck, Outcome, Reason, Secret, Security, Target};

pub(crate) use self::factory::LdapFactory;

/// The longest answer: the name of an entry, and a message of the server.
const LONGEST: usize = 64 * 1024;
/// The most answers to a search: an entry, references, and the end.
const MOST_ANSWERS: usize = 16;

/// Binds with a name and a password, or anonymously, and reads the entry `base`.
///
/// Passes when the bind succeeds and the search finds exactly one entry, as ldirectord's check of `ldap`; without a
/// base the entry is that of the server itself, which each one has.
///
/// ```no_run
/// use std::time::Duration;
/// use lb_check::{HealthCheck, LdapCheck, Target};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), std::net::AddrParseError> {
/// let check = LdapCheck::new("dc=example,dc=net", Duration::from_secs(3));
/// let outcome = check.check(&Target::new("192.0.2.61:389".parse()?)).await;
/// println!("{outcome}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LdapCheck {
    /// The name of the entry.
    pub base: String,
    /// Name and password of the bind; an anonymous one without.
    pub login: Option<(String, Secret)>,
    /// Whether the connection uses TLS.
    pub security: Security,
    /// The server name that TLS sends; without one none is sent.
    pub server_name: Option<String>,
    /// Longest time to connect, of a handshake of TLS before the dialogue, and of the dialogue, each.
    pub timeout: Duration,
}

impl LdapCheck {
    /// An anonymous check of the entry `base` over a plain connection.
    #[must_use]
    pub fn new(base: impl Into<String>, timeout: Duration) -> Self {
        Self {
            base: base.into(),
            login: None,
            security: Security::Plain,
            server_name: None,
            timeout,
        }
    }

    /// Sets name and password of the bind.
    #[must_use]
    pub fn with_login(mut self, name: impl Into<String>, password: Secret) -> Self {
        self.login = Some((name.into(), password));
        self
    }

    /// Sets whether the connection uses TLS.
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
        let name = self.server_name.as_deref();
        let tls = TlsRequest {
            name,
            close_notify: false,
        };
        let at_once = (self.security == Security::Tls).then_some(tls);
        let connection = Connection::open(target, at_once, self.timeout, Close::Reset).await?;
        let mut session = Session {
            connection,
            limit: self.timeout,
        };
        let dialogue = async {
            if self.security == Security::StartTls {
                session = session.start_tls(target, tls).await?;
            }
            session.bind(self.login.as_ref()).await?;
            session.search(&self.base).await?;
            session.unbind().await;
            Ok(())
        };
        timeout(self.timeout, dialogue)
            .await
            .unwrap_or(Err(fail(Reason::L7Timeout)))
    }
}

#[async_trait]
impl HealthCheck for LdapCheck {
    fn kind(&self) -> &'static str {
        "LDAP_CHECK"
    }

    fn identity(&self) -> String {
        let Self {
            base,
            login,
            security,
            server_name,
            timeout,
        } = self;
        let login = login
            .as_ref()
            .map(|(name, secret)| (name, secret.fingerprint()));
        format!("LDAP_CHECK {base:?} {login:?} {security:?} {server_name:?} timeout {timeout:?}")
    }

    fn lines(&self) -> Option<Vec<Arguments>> {
        Some(self.to_lines())
    }

    fn time_limit(&self) -> Option<Duration> {
        // To connect, of the handshake, and of the dialogue.
        Some(self.timeout.saturating_mul(3))
    }

    async fn check(&self, target: &Target) -> Outcome {
        Outcome::measure(self.run(target)).await
    }
}

/// A connection of LDAP; requests have the numbers 1, 2 and 3, of which the order of the steps is fixed.
struct Session {
    connection: Connection,
    limit: Duration,
}

impl Session {
    async fn start_tls(mut self, target: &Target, tls: TlsRequest<'_>) -> Result<Self, Failure> {
        let limit = self.limit;
        self.connection
            .write_all(&message::start_tls(1), limit)
            .await?;
        let bytes = read(&mut self.connection, limit).await?;
        match operation(&bytes, 1)? {
            Operation::Extended(result) => expect_success(&result)?,
            _ => return Err(unexpected(&bytes)),
        }
        let peer = target.address.ip();
        let connection = self.connection.start_tls(peer, tls, limit).await?;
        Ok(Self { connection, limit })
    }

    async fn bind(&mut self, login: Option<&(String, Secret)>) -> Result<(), Failure> {
        let (name, password) = login.map_or(("", ""), |(name, secret)| (name, secret.reveal()));
        let request = message::bind(2, name, password);
        self.connection.write_all(&request, self.limit).await?;
        let bytes = read(&mut self.connection, self.limit).await?;
        match operation(&bytes, 2)? {
            Operation::Bind(result) => expect_success(&result),
            _ => Err(unexpected(&bytes)),
        }
    }

    async fn search(&mut self, base: &str) -> Result<(), Failure> {
        let seconds = u32::try_from(self.limit.as_secs())
            .unwrap_or(u32::MAX)
            .clamp(1, i32::MAX.unsigned_abs());
        let request = message::search(3, base, seconds);
        self.connection.write_all(&request, self.limit).await?;
        let mut entries = 0_u32;
        for _ in 0..MOST_ANSWERS {
            let bytes = read(&mut self.connection, self.limit).await?;
            match operation(&bytes, 3)? {
                Operation::Entry => entries += 1,
                Operation::Reference => {}
                Operation::SearchDone(result) => {
                    expect_success(&result)?;
                    return match entries {
                        1 => Ok(()),
                        count => Err(fail(Reason::L7Unexpected(format!("{count} entries")))),
                    };
                }
                _ => return Err(unexpected(&bytes)),
            }
        }
        let text = format!("more than {MOST_ANSWERS} answers to a search");
        Err(fail(Reason::L7Unexpected(text)))
    }

    /// Ends the session. The check has passed: a failure has no effect.
    async fn unbind(mut self) {
        let _ = self
            .connection
            .write_all(&message::unbind(4), self.limit)
            .await;
    }
}

/// Receives one whole message.
async fn read(connection: &mut Connection, limit: Duration) -> Result<Vec<u8>, Failure> {
    // The shortest message that means anything is longer than the longest header.
    const START: usize = 6;
    let mut bytes = connection.read_exact(START, limit).await?.to_vec();
    let Some(header) = ber::read_header(&bytes).ok().filter(Header::is_sequence) else {
        return Err(unexpected(&bytes));
    };
    let whole = header.size.saturating_add(header.length);
    if whole > LONGEST {
        return Err(fail(Reason::L7TooLong(LONGEST)));
    }
    let rest = whole.checked_sub(START).ok_or_else(|| unexpected(&bytes))?;
    bytes.extend_from_slice(connection.read_exact(rest, limit).await?);
    Ok(bytes)
}

/// The operation of an answer to the request with this number.
fn operation(bytes: &[u8], id: u32) -> Result<Operation<'_>, Failure> {
    match message::read(bytes) {
        Ok(answer) if answer.id == id => Ok(answer.operation),
        // The notice of a server that is about to disconnect (RFC 4511 §4.4.1).
        Ok(message::Answer {
            id: 0,
            operation: Operation::Extended(result),
        }) => {
            expect_success(&result)?;
            Err(unexpected(bytes))
        }
        Ok(_) | Err(Malformed::Truncated | Malformed::Invalid) => Err(unexpected(bytes)),
    }
}

fn expect_success(result: &LdapResult<'_>) -> Result<(), Failure> {
    match result.code {
        0 => Ok(()),
        code => Err(fail(Reason::answered(
            AnswerCode::Ldap(code),
            result.message,
        ))),
    }
}

fn unexpected(bytes: &[u8]) -> Failure {
    fail(Reason::unexpected(bytes))
}

const fn fail(reason: Reason) -> Failure {
    Failure::Target(reason)
}
