// SPDX-License-Identifier: MIT OR Apache-2.0
//! `HTTP_CHECK`: one request, and what its answer has to be.

mod exchange;
mod expectation;
mod factory;

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::time::timeout;

use crate::{Arguments, HealthCheck, Outcome, Reason, Target};

pub use self::expectation::{Expectation, ParseSha256Error, Sha256Digest};
pub(crate) use self::factory::HttpCheckFactory;

/// Version of the request of an [`HttpCheck`]: `http_protocol`.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum HttpVersion {
    /// `1.0`.
    Http10,
    /// `1.1`.
    #[default]
    Http11,
    /// `2`: over TLS by ALPN, else with prior knowledge.
    Http2,
}

impl fmt::Display for HttpVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http10 => "1.0",
            Self::Http11 => "1.1",
            Self::Http2 => "2",
        })
    }
}

impl FromStr for HttpVersion {
    type Err = ParseHttpVersionError;

    /// Reads `1.0`, `1.1` or `2`.
    ///
    /// # Errors
    /// For anything else.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "1.0" => Ok(Self::Http10),
            "1.1" => Ok(Self::Http11),
            "2" => Ok(Self::Http2),
            _ => Err(ParseHttpVersionError {
                found: text.to_owned(),
            }),
        }
    }
}

/// A text that names no [`HttpVersion`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("'{found}' is not 1.0, 1.1 or 2")]
#[non_exhaustive]
pub struct ParseHttpVersionError {
    /// The text.
    pub found: String,
}

/// TLS of an [`HttpCheck`].
#[cfg(feature = "tls")]
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct HttpTls {
    /// What is shown to the server, and whether its certificate is verified.
    pub client: crate::TlsClient,
    /// The name that is sent and verified (`sni_name`); `None` = the virtual host, else the address.
    pub name: Option<String>,
    /// Days before the certificate of the server expires in which a passing check
    /// [warns](Outcome::warning); `None` = no warning (`certificate_warning`).
    pub certificate_warning: Option<u32>,
}

#[cfg(feature = "tls")]
impl HttpTls {
    /// TLS with the settings of a client.
    #[must_use]
    pub const fn new(client: crate::TlsClient) -> Self {
        Self {
            client,
            name: None,
            certificate_warning: None,
        }
    }
}

/// Sends one request and compares the answer with an [`Expectation`].
///
/// Other than keepalived's `HTTP_GET`: any method with headers and a body, chunks are decoded, a `Content-Length`
/// ends the answer, HTTP/2 is spoken if asked for, certificates can be verified, and one time limit holds
/// for all of it. Redirects are not followed. No compression is asked for, and none is undone.
///
/// Without an expectation of the body the body is not read. Header and body are bounded: 16 KiB, and see
/// [`Expectation`].
///
/// ```no_run
/// use std::time::Duration;
/// use lb_check::{HealthCheck, HttpCheck, Target};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut check = HttpCheck::new("/health", Duration::from_secs(3));
/// check.headers.push(("x-probe".to_owned(), "yes".to_owned()));
/// check.expectation.text = Some("ok".to_owned());
/// let outcome = check.check(&Target::new("192.0.2.61:80".parse()?)).await;
/// println!("{outcome}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct HttpCheck {
    /// The method.
    pub method: String,
    /// The request target: a path, with a query if any.
    pub path: String,
    /// The host of the request; `None` = address and port of the target.
    pub virtualhost: Option<String>,
    /// Headers of the request beside `Host`, `User-Agent`, `Accept` and `Connection`.
    pub headers: Vec<(String, String)>,
    /// The body of the request.
    pub body: Option<String>,
    /// Version of the request.
    pub version: HttpVersion,
    /// What the answer has to be.
    pub expectation: Expectation,
    /// TLS; `None` = HTTP over TCP.
    #[cfg(feature = "tls")]
    pub tls: Option<HttpTls>,
    /// Longest time to connect, and of the handshake of TLS.
    pub connect_timeout: Duration,
    /// Longest time of the whole check (`timeout`).
    pub total_timeout: Duration,
}

impl HttpCheck {
    /// A check that expects status 200–299 for GET. The total limit is three times that of connecting.
    #[must_use]
    pub fn new(path: impl Into<String>, connect_timeout: Duration) -> Self {
        Self {
            method: "GET".to_owned(),
            path: path.into(),
            virtualhost: None,
            headers: Vec::new(),
            body: None,
            version: HttpVersion::default(),
            expectation: Expectation::default(),
            #[cfg(feature = "tls")]
            tls: None,
            connect_timeout,
            total_timeout: connect_timeout.saturating_mul(3),
        }
    }
}

#[async_trait]
impl HealthCheck for HttpCheck {
    fn kind(&self) -> &'static str {
        "HTTP_CHECK"
    }

    fn lines(&self) -> Option<Vec<Arguments>> {
        Some(factory::lines(self))
    }

    /// The outcome's detail is the path.
    async fn check(&self, target: &Target) -> Outcome {
        let started = Instant::now();
        let outcome = match timeout(self.total_timeout, exchange::run(self, target)).await {
            Ok(Ok(warning)) => Outcome::pass().with_warning(warning),
            Ok(Err(failure)) => failure.into(),
            Err(_) => Outcome::fail(Reason::Timeout),
        };
        let outcome = outcome.with_detail(&self.path);
        outcome.with_latency(started.elapsed())
    }
}
