// SPDX-License-Identifier: MIT OR Apache-2.0
//! `MYSQL_CHECK`: the handshake of MySQL and MariaDB.

mod factory;
mod packet;
mod password;

use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::time::timeout;

use self::packet::{Answer, Greeting};
use super::fail;
use crate::connect::Close;
use crate::outcome::Failure;
use crate::stream::{Connection, TlsRequest};
use crate::{AnswerCode, Arguments, HealthCheck, Outcome, Reason, Secret, Security, Target};

pub(crate) use self::factory::MysqlFactory;

/// The longest packet of a handshake that is read.
const LONGEST: usize = 4096;
/// The most answers to a login: another method, more of it, and the end.
const MOST_ANSWERS: usize = 4;

/// Reads the greeting of a server, and logs in if there is a user.
///
/// * Without a user the greeting is enough. A server counts such connections as interrupted, and refuses a host with
///   too many of them (`max_connect_errors`).
/// * With a user the login must succeed. Passwords are proved by `mysql_native_password` and
///   `caching_sha2_password`. A server that has not cached the password of the latter asks for the password
///   itself; it is sent over TLS only, and the check passes without it over a plain connection.
///
/// An error that the server answers with is a failure, also as greeting (too many connections).
///
/// ```no_run
/// use std::time::Duration;
/// use lb_check::{HealthCheck, MysqlCheck, Secret, Target};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), std::net::AddrParseError> {
/// let check = MysqlCheck::new(Duration::from_secs(3)).with_user("monitor", Secret::new(""));
/// let outcome = check.check(&Target::new("192.0.2.61:3306".parse()?)).await;
/// println!("{outcome}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct MysqlCheck {
    /// User and password; only the greeting is read without.
    pub user: Option<(String, Secret)>,
    /// Whether the login uses TLS ([`Security::StartTls`]; the protocol has no other way).
    pub security: Security,
    /// The server name that TLS sends; without one none is sent.
    pub server_name: Option<String>,
    /// Longest time to connect, and of the whole dialogue, each.
    pub timeout: Duration,
}

impl MysqlCheck {
    /// A check of the greeting.
    #[must_use]
    pub const fn new(timeout: Duration) -> Self {
        Self {
            user: None,
            security: Security::Plain,
            server_name: None,
            timeout,
        }
    }

    /// Sets the user that logs in; the password may be empty.
    #[must_use]
    pub fn with_user(mut self, user: impl Into<String>, password: Secret) -> Self {
        self.user = Some((user.into(), password));
        self
    }

    /// Sets whether the login uses TLS.
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

    async fn run(&self, target: &Target) -> Result<Option<&'static str>, Failure> {
        let connection = Connection::open(target, None, self.timeout, Close::Reset).await?;
        let limit = self.timeout;
        let dialogue = self.talk(
            Session {
                connection,
                limit,
                number: 0,
            },
            target,
        );
        let ended = timeout(limit, Box::pin(dialogue)).await;
        ended.unwrap_or(Err(fail(Reason::L7Timeout)))
    }

    /// Returns a remark for people, if there is one.
    async fn talk(
        &self,
        mut session: Session,
        target: &Target,
    ) -> Result<Option<&'static str>, Failure> {
        let greeting = session.read_greeting().await?;
        let Some((user, password)) = &self.user else {
            return Ok(None);
        };
        let is_tls = self.security != Security::Plain;
        if is_tls {
            if greeting.capabilities & packet::TLS == 0 {
                let reason = "the server does not offer TLS".to_owned();
                return Err(fail(Reason::Tls(reason)));
            }
            session.write(packet::tls_request).await?;
            let name = self.server_name.as_deref();
            let tls = TlsRequest {
                name,
                close_notify: false,
            };
            session = session.start_tls(target, tls).await?;
        }
        let plugin = match greeting.plugin.as_slice() {
            plugin if plugin == password::CACHING_SHA2.as_bytes() => password::CACHING_SHA2,
            // For another method the server asks to switch to it.
            _ => password::NATIVE,
        };
        let answer = password::answer(plugin.as_bytes(), password.reveal(), &greeting.nonce);
        let answer = answer.unwrap_or_default();
        session
            .write(|number| packet::login(number, is_tls, user, &answer, plugin))
            .await?;
        session.finish_login(password, is_tls).await
    }
}

#[async_trait]
impl HealthCheck for MysqlCheck {
    fn kind(&self) -> &'static str {
        "MYSQL_CHECK"
    }

    fn identity(&self) -> String {
        let Self {
            user,
            security,
            server_name,
            timeout,
        } = self;
        let user = user
            .as_ref()
            .map(|(name, secret)| (name, secret.fingerprint()));
        format!("MYSQL_CHECK {user:?} {security:?} {server_name:?} timeout {timeout:?}")
    }

    fn lines(&self) -> Option<Vec<Arguments>> {
        Some(self.to_lines())
    }

    fn time_limit(&self) -> Option<Duration> {
        // To connect, and of the dialogue.
        Some(self.timeout.saturating_mul(2))
    }

    async fn check(&self, target: &Target) -> Outcome {
        let started = Instant::now();
        let outcome = match self.run(target).await {
            Ok(None) => Outcome::pass(),
            Ok(Some(remark)) => Outcome::pass().with_detail(remark),
            Err(failure) => failure.into(),
        };
        outcome.with_latency(started.elapsed())
    }
}

/// A connection of MySQL; packets of a dialogue are numbered.
struct Session {
    connection: Connection,
    limit: Duration,
    /// The number of the next packet.
    number: u8,
}

impl Session {
    async fn start_tls(self, target: &Target, tls: TlsRequest<'_>) -> Result<Self, Failure> {
        let peer = target.address.ip();
        let connection = self.connection.start_tls(peer, tls, self.limit).await?;
        Ok(Self { connection, ..self })
    }

    /// Sends the packet with the next number.
    async fn write(&mut self, packet: impl FnOnce(u8) -> Vec<u8> + Send) -> Result<(), Failure> {
        let packet = packet(self.number);
        self.number = self.number.wrapping_add(1);
        self.connection.write_all(&packet, self.limit).await
    }

    /// Receives the payload of the next packet.
    async fn read(&mut self) -> Result<Vec<u8>, Failure> {
        let bytes = self
            .connection
            .read_exact(packet::HEADER, self.limit)
            .await?;
        let header = packet::read_header(bytes);
        let Some((length @ 1.., number)) = header else {
            return Err(fail(Reason::unexpected(bytes)));
        };
        if number != self.number {
            // A server of another protocol sends other bytes here.
            return Err(fail(Reason::unexpected(bytes)));
        }
        if length > LONGEST {
            return Err(fail(Reason::L7TooLong(LONGEST)));
        }
        self.number = self.number.wrapping_add(1);
        Ok(self
            .connection
            .read_exact(length, self.limit)
            .await?
            .to_vec())
    }

    async fn read_greeting(&mut self) -> Result<Greeting, Failure> {
        let payload = self.read().await?;
        if let Some(Answer::Error { number, message }) = packet::read_error(&payload) {
            return Err(error(number, message));
        }
        packet::read_greeting(&payload).ok_or_else(|| fail(Reason::unexpected(&payload)))
    }

    /// Answers the server until it accepts or refuses the login.
    async fn finish_login(
        &mut self,
        password: &Secret,
        is_tls: bool,
    ) -> Result<Option<&'static str>, Failure> {
        for _ in 0..MOST_ANSWERS {
            let payload = self.read().await?;
            match packet::read_answer(&payload) {
                Some(Answer::Ok) => {
                    // The check has passed: a failure has no effect.
                    let _ = self.connection.write_all(&packet::quit(), self.limit).await;
                    return Ok(None);
                }
                Some(Answer::Error { number, message }) => return Err(error(number, message)),
                Some(Answer::Switch { plugin, nonce }) => {
                    let Some(answer) = password::answer(plugin, password.reveal(), nonce) else {
                        let method = Reason::excerpt(plugin);
                        let text = format!("the server asks for the login method {method}");
                        return Err(fail(Reason::Other(text)));
                    };
                    self.write(|number| packet::packet(number, &answer)).await?;
                }
                // The server knows the password; its acceptance follows.
                Some(Answer::More([3])) => {}
                Some(Answer::More([4])) if is_tls => {
                    let mut clear = password.reveal().as_bytes().to_vec();
                    clear.push(0);
                    self.write(|number| packet::packet(number, &clear)).await?;
                }
                Some(Answer::More([4])) => {
                    return Ok(Some("password not verified: the server asks for TLS"));
                }
                _ => return Err(fail(Reason::unexpected(&payload))),
            }
        }
        let text = format!("more than {MOST_ANSWERS} answers to a login");
        Err(fail(Reason::L7Unexpected(text)))
    }
}

fn error(number: u16, message: &[u8]) -> Failure {
    fail(Reason::answered(AnswerCode::MySql(number), message))
}
