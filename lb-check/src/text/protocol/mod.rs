// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checks that greet a server in its protocol: `SMTP_CHECK`, `IMAP_CHECK`, `POP3_CHECK`, `FTP_CHECK`,
//! `NNTP_CHECK`, `REDIS_CHECK`.

mod factory;
mod script;

use std::time::Duration;

use async_trait::async_trait;

use super::Secret;
use super::driver::{Settings, run};
use crate::{Arguments, HealthCheck, Outcome, Target};

pub(crate) use self::factory::ProtocolFactory;

/// Most bytes of one reply, with all of its lines.
const LIMIT: usize = 8192;

/// A protocol of a [`ProtocolCheck`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum TextProtocol {
    /// Mail transfer: a greeting with 220, `HELO` or `EHLO` answered by 250, an answer to `QUIT`.
    Smtp,
    /// Mail access: a greeting with `OK`, `LOGIN` if there is a login, `LOGOUT`.
    Imap,
    /// Mail access: a greeting with `+OK`, `USER` and `PASS` if there is a login, `QUIT`.
    Pop3,
    /// File transfer: a greeting with 220, `USER` and `PASS` if there is a login, `QUIT`.
    Ftp,
    /// News: a greeting with 200 or 201, `AUTHINFO` if there is a login, `QUIT`.
    Nntp,
    /// Redis: `AUTH` if there is a login, `PING` answered by `PONG`.
    Redis,
}

impl TextProtocol {
    /// The name of the check in a configuration.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Smtp => "SMTP_CHECK",
            Self::Imap => "IMAP_CHECK",
            Self::Pop3 => "POP3_CHECK",
            Self::Ftp => "FTP_CHECK",
            Self::Nntp => "NNTP_CHECK",
            Self::Redis => "REDIS_CHECK",
        }
    }
}

/// Whether a connection uses TLS. No certificate is verified.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Security {
    /// No TLS.
    #[default]
    Plain,
    /// TLS from the start (`tls`).
    Tls,
    /// Plain text, then TLS by a command of the protocol (`starttls`). Redis has no such command: there it is as
    /// [`Tls`](Self::Tls).
    StartTls,
}

/// Name and password.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Login {
    /// The user; empty for the default user of Redis.
    pub user: String,
    /// The password.
    pub password: Secret,
}

impl Login {
    /// A login. Control characters are not sent: they would begin another command.
    #[must_use]
    pub fn new(user: impl Into<String>, password: Secret) -> Self {
        Self {
            user: user.into(),
            password,
        }
    }
}

/// Greets a server in its protocol, logs in if there is a login, and takes leave.
///
/// Replies of several lines are accepted. Two limits hold: [`step_timeout`](Self::step_timeout) for connecting, for
/// a handshake of TLS and for each reply as a whole, and [`total_timeout`](Self::total_timeout) for all of it.
///
/// `SMTP_CHECK` is keepalived's, which accepts no reply of several lines.
///
/// ```no_run
/// use std::time::Duration;
/// use lb_check::{HealthCheck, Login, ProtocolCheck, Secret, Security, Target, TextProtocol};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), std::net::AddrParseError> {
/// let check = ProtocolCheck::new(TextProtocol::Imap, Duration::from_secs(3))
///     .with_security(Security::StartTls)
///     .with_login(Login::new("probe", Secret::new("password")));
/// let outcome = check.check(&Target::new("192.0.2.61:143".parse()?)).await;
/// println!("{outcome}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ProtocolCheck {
    /// The protocol.
    pub protocol: TextProtocol,
    /// Whether the connection uses TLS.
    pub security: Security,
    /// The server name of TLS; without one none is sent (`sni`).
    pub server_name: Option<String>,
    /// The login; not used by SMTP.
    pub login: Option<Login>,
    /// The name in the greeting of SMTP (`helo_name`).
    pub helo_name: String,
    /// Greets by `EHLO` instead of `HELO`; STARTTLS needs `EHLO` and uses it anyway.
    pub ehlo: bool,
    /// Longest time of one step (`connect_timeout`).
    pub step_timeout: Duration,
    /// Longest time of the whole check.
    pub total_timeout: Duration,
}

impl ProtocolCheck {
    /// The name in the greeting of SMTP that keepalived uses.
    pub const HELO_NAME: &str = "smtpchecker.keepalived.org";

    /// A plain check without login. The total limit is three steps.
    #[must_use]
    pub fn new(protocol: TextProtocol, step_timeout: Duration) -> Self {
        Self {
            protocol,
            security: Security::Plain,
            server_name: None,
            login: None,
            helo_name: Self::HELO_NAME.to_owned(),
            ehlo: false,
            step_timeout,
            total_timeout: step_timeout.saturating_mul(3),
        }
    }

    /// Sets whether the connection uses TLS; with it the total limit is four steps.
    #[must_use]
    pub fn with_security(mut self, security: Security) -> Self {
        self.security = security;
        let steps = if security == Security::Plain { 3 } else { 4 };
        self.total_timeout = self.step_timeout.saturating_mul(steps);
        self
    }

    /// Sets the server name of TLS.
    #[must_use]
    pub fn with_server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Logs in.
    #[must_use]
    pub fn with_login(mut self, login: Login) -> Self {
        self.login = Some(login);
        self
    }

    /// Sets the name in the greeting of SMTP.
    #[must_use]
    pub fn with_helo_name(mut self, name: impl Into<String>) -> Self {
        self.helo_name = name.into();
        self
    }

    /// Greets by `EHLO` in SMTP.
    #[must_use]
    pub const fn with_ehlo(mut self) -> Self {
        self.ehlo = true;
        self
    }
}

#[async_trait]
impl HealthCheck for ProtocolCheck {
    fn kind(&self) -> &str {
        self.protocol.kind()
    }

    /// Has a number instead of the password.
    fn identity(&self) -> String {
        let login = self.login.as_ref();
        let login = login.map(|login| (&login.user, login.password.fingerprint()));
        format!(
            "{} {:?} {:?} {login:?} {} {} {:?} {:?}",
            self.kind(),
            self.security,
            self.server_name,
            self.helo_name,
            self.ehlo,
            self.step_timeout,
            self.total_timeout,
        )
    }

    /// `None` with a [`total_timeout`](ProtocolCheck::total_timeout) of its own, which has no keyword.
    fn lines(&self) -> Option<Vec<Arguments>> {
        let usual = Self::new(self.protocol, self.step_timeout).with_security(self.security);
        if self.total_timeout != usual.total_timeout {
            return None;
        }
        let flag = |name| Arguments::line(name, [] as [&str; 0]);
        let mut lines = vec![Arguments::seconds("connect_timeout", self.step_timeout)];
        if self.protocol == TextProtocol::Smtp {
            if self.helo_name != Self::HELO_NAME {
                lines.push(Arguments::line("helo_name", [&self.helo_name]));
            }
            lines.extend(self.ehlo.then(|| flag("ehlo")));
        }
        match self.security {
            Security::Plain => {}
            Security::Tls => lines.push(flag("tls")),
            Security::StartTls => lines.push(flag("starttls")),
        }
        let name = self.server_name.iter();
        lines.extend(name.map(|name| Arguments::line("sni", [name])));
        if let Some(login) = &self.login {
            if !login.user.is_empty() {
                lines.push(Arguments::line("login", [&login.user]));
            }
            lines.push(Arguments::line("password", [login.password.reveal()]));
        }
        Some(lines)
    }

    fn time_limit(&self) -> Option<Duration> {
        Some(self.total_timeout)
    }

    async fn check(&self, target: &Target) -> Outcome {
        let is_redis = self.protocol == TextProtocol::Redis;
        let settings = Settings {
            tls: match self.security {
                Security::Plain => false,
                Security::Tls => true,
                Security::StartTls => is_redis,
            },
            server_name: self.server_name.as_deref(),
            step: self.step_timeout,
            total: self.total_timeout,
            limit: LIMIT,
        };
        run(target, settings, &script::steps(self)).await
    }
}
