// SPDX-License-Identifier: MIT OR Apache-2.0
//! `HTTP_GET` and `SSL_GET`: pass when all pages have an accepted status and the right digest.

mod connection;
mod exchange;
mod factory;
pub mod genhash;
#[cfg(feature = "regex")]
pub(crate) mod regex;
mod request;

use std::ops::RangeInclusive;
#[cfg(feature = "tls")]
use std::time::SystemTime;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use md5::{Digest as _, Md5};
use tokio::time::timeout;

use crate::outcome::Failure;
#[cfg(feature = "tls")]
use crate::stream::TlsClient;
use crate::stream::TlsRequest;
use crate::{Arguments, HealthCheck, InvalidAnswer, Md5Digest, Outcome, Reason, Target};

use self::connection::Security;
pub(crate) use self::factory::{HttpFactory, status_words};
#[cfg(feature = "http-check")]
pub(crate) use self::factory::{days, status_codes};
#[cfg(feature = "http-check")]
pub(crate) use self::request::host;
pub use self::request::{ParseProtocolError, Protocol};

/// One page of an [`HttpGet`]: keepalived's `url { … }`.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Url {
    /// The request target, as it goes into the request line.
    pub path: String,
    /// The digest of the body, as `genhash` computes it (see [`genhash`]); `None` = any.
    pub digest: Option<Md5Digest>,
    /// The regular expression that the answer is searched for; `None` = any answer.
    #[cfg(feature = "regex")]
    pub regex: Option<regex::PageRegex>,
    /// Accepted status codes; empty = 200–299.
    pub status: Vec<RangeInclusive<u16>>,
    /// The `Host` header; `None` = [`HttpGet::virtualhost`].
    pub virtualhost: Option<String>,
    /// Ends its TLS connection with close_notify, whatever [`Tls::close_notify`] is (`tls_compliant`).
    pub close_notify: bool,
}

impl Url {
    /// A page whose status has to be 200–299.
    #[must_use]
    pub fn new(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            digest: None,
            #[cfg(feature = "regex")]
            regex: None,
            status: Vec::new(),
            virtualhost: None,
            close_notify: false,
        }
    }

    /// Asks for a digest.
    #[must_use]
    pub const fn with_digest(mut self, digest: Md5Digest) -> Self {
        self.digest = Some(digest);
        self
    }

    /// Asks for a match of a regular expression.
    #[cfg(feature = "regex")]
    #[must_use]
    pub fn with_regex(mut self, regex: regex::PageRegex) -> Self {
        self.regex = Some(regex);
        self
    }

    /// Accepts these status codes too; the first call replaces 200–299.
    #[must_use]
    pub fn with_status(mut self, codes: RangeInclusive<u16>) -> Self {
        self.status.push(codes);
        self
    }

    /// Sets the `Host` header.
    #[must_use]
    pub fn with_virtualhost(mut self, host: impl Into<String>) -> Self {
        self.virtualhost = Some(host.into());
        self
    }

    /// The block `url` that describes it.
    fn block(&self) -> Arguments {
        let mut lines = vec![Arguments::line("path", [&self.path])];
        let digest = self.digest.iter();
        lines.extend(digest.map(|digest| Arguments::line("digest", [digest.to_string()])));
        #[cfg(feature = "regex")]
        lines.extend(self.regex.iter().flat_map(regex::regex_lines));
        if !self.status.is_empty() {
            let codes = status_words(&self.status);
            lines.push(Arguments::line("status_code", codes));
        }
        let host = self.virtualhost.iter();
        lines.extend(host.map(|host| Arguments::line("virtualhost", [host])));
        if self.close_notify {
            lines.push(Arguments::line("tls_compliant", [] as [&str; 0]));
        }
        Arguments::block("url", lines)
    }

    fn accepts(&self, code: u16) -> bool {
        match self.status.as_slice() {
            [] => (200..=299).contains(&code),
            ranges => ranges.iter().any(|range| range.contains(&code)),
        }
    }
}

/// TLS of an [`HttpGet`]: `SSL_GET`. Versions 1.2 and 1.3; no certificate is verified.
///
/// Without the feature `tls` a check with it cannot run ([`Verdict::Local`](crate::Verdict::Local)).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Tls {
    /// The server name that is sent, whatever the page (`sni_name`).
    pub name: Option<String>,
    /// Sends the host name of the page as the server name (`enable_sni`).
    pub sends_host: bool,
    /// The server name for pages without a host name; `None` = none.
    pub virtualhost: Option<String>,
    /// Ends connections with close_notify (`tls_compliant`); keepalived does not by default.
    pub close_notify: bool,
    /// The certificate that is shown to servers; `None` = none (the block `SSL`).
    #[cfg(feature = "tls")]
    pub client: Option<TlsClient>,
    /// Days before the certificate of a server expires in which a passing check
    /// [warns](Outcome::warning); `None` = no warning (`certificate_warning`).
    pub certificate_warning: Option<u32>,
}

impl Tls {
    /// The lines that describe it.
    fn lines(&self) -> Vec<Arguments> {
        let name = self.name.iter();
        let mut lines: Vec<Arguments> = name
            .map(|name| Arguments::line("sni_name", [name]))
            .collect();
        // A name brings the host names of pages with it.
        if self.sends_host != self.name.is_some() {
            let value = if self.sends_host { "on" } else { "off" };
            lines.push(Arguments::line("enable_sni", [value]));
        }
        if self.close_notify {
            lines.push(Arguments::line("tls_compliant", ["on"]));
        }
        let days = self.certificate_warning.iter().map(u32::to_string);
        lines.extend(days.map(|days| Arguments::line("certificate_warning", [days])));
        lines
    }

    /// The server name for a page with this host name.
    fn server_name<'a>(&'a self, host: Option<&'a str>) -> Option<&'a str> {
        if self.name.is_some() {
            return self.name.as_deref();
        }
        let host = host.or(self.virtualhost.as_deref());
        host.filter(|_| self.sends_host)
    }
}

/// Fetches pages in order, each on a connection of its own; all of them have to be right.
///
/// Keepalived's `HTTP_GET`, with one difference: all pages are fetched in each round, not one in
/// each.
///
/// The bytes of the request are keepalived's, and so are the rules of the answer: the header has
/// to end with CR LF CR LF within 4095 bytes, redirects are not followed, chunks are not decoded,
/// and the answer is complete when the server closes the connection, not before.
///
/// Two limits hold: [`step_timeout`](Self::step_timeout) for connecting, for the first byte, and
/// for each further read, and [`total_timeout`](Self::total_timeout) for all of it, so that a
/// server that sends one byte a second fails.
///
/// ```no_run
/// use std::time::Duration;
/// use lb_check::{HealthCheck, HttpGet, Target, Url};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let page = Url::new("/").with_digest("21dde95d9d269cbb2fa6560309dca40c".parse()?);
/// let check = HttpGet::new([page], Duration::from_secs(3));
/// let outcome = check.check(&Target::new("192.0.2.61:80".parse()?)).await;
/// println!("{outcome}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct HttpGet {
    /// The pages.
    pub urls: Vec<Url>,
    /// The `Host` header of pages that name none; `None` = address and port of the target.
    pub virtualhost: Option<String>,
    /// Version of the request.
    pub protocol: Protocol,
    /// TLS; `None` = HTTP over TCP.
    pub tls: Option<Tls>,
    /// Longest time of one step (`connect_timeout`).
    pub step_timeout: Duration,
    /// Longest time of the whole check.
    pub total_timeout: Duration,
}

impl HttpGet {
    /// A check of these pages. The total limit is three steps for each page.
    #[must_use]
    pub fn new(urls: impl IntoIterator<Item = Url>, step_timeout: Duration) -> Self {
        let urls: Vec<_> = urls.into_iter().collect();
        let total_timeout = total_timeout(urls.len(), step_timeout);
        Self {
            urls,
            virtualhost: None,
            protocol: Protocol::Http10,
            tls: None,
            step_timeout,
            total_timeout,
        }
    }

    /// Sets the `Host` header of pages that name none.
    #[must_use]
    pub fn with_virtualhost(mut self, host: impl Into<String>) -> Self {
        self.virtualhost = Some(host.into());
        self
    }

    /// Sets the version of the request.
    #[must_use]
    pub const fn with_protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// Fetches over TLS, which makes it keepalived's `SSL_GET`; the total limit grows by a step for each
    /// handshake.
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        if self.tls.replace(tls).is_none() {
            let pages = u32::try_from(self.urls.len().max(1)).unwrap_or(u32::MAX);
            let handshakes = self.step_timeout.saturating_mul(pages);
            self.total_timeout = self.total_timeout.saturating_add(handshakes);
        }
        self
    }

    /// Sets the longest time of the whole check.
    #[must_use]
    pub const fn with_total_timeout(mut self, limit: Duration) -> Self {
        self.total_timeout = limit;
        self
    }

    /// The warning for a certificate that expires then, since 1970.
    fn warning(&self, expiry: Duration) -> Option<String> {
        #[cfg(feature = "tls")]
        if let Some(days) = self.tls.as_ref()?.certificate_warning {
            return crate::stream::expiry_warning(expiry, days, SystemTime::now());
        }
        let _ = expiry;
        None
    }

    /// Fetches a page. Returns the warning about the certificate of the server.
    async fn fetch(&self, target: &Target, url: &Url) -> Result<Option<String>, Failure> {
        let host = url.virtualhost.as_deref().or(self.virtualhost.as_deref());
        let request = request::request(&url.path, host, target.address, self.protocol);
        let mut hash = url.digest.map(|expected| (expected, Md5::new()));
        #[cfg(feature = "regex")]
        let mut page = Vec::new();
        let on_head = |head: &exchange::Head<'_>| match head.status {
            Some(code) if url.accepts(code) => Ok(()),
            Some(code) => Err(Reason::L7Status(code)),
            None => Err(Reason::L7Invalid(InvalidAnswer::StatusLine)),
        };
        let on_part = |part: exchange::Part<'_>| {
            if let Some((_, hash)) = &mut hash {
                hash.update(part.digested);
            }
            #[cfg(feature = "regex")]
            if url.regex.is_some() {
                let room = regex::SEARCH_LIMIT.saturating_sub(page.len());
                let room = room.min(part.received.len());
                page.extend_from_slice(part.received.get(..room).unwrap_or_default());
            }
        };
        let name = self.tls.as_ref();
        let name = name.and_then(|tls| tls.server_name(url.virtualhost.as_deref()));
        let tls = self.tls.as_ref().map(|tls| Security {
            request: TlsRequest {
                name,
                close_notify: tls.close_notify || url.close_notify,
            },
            #[cfg(feature = "tls")]
            client: tls.client.as_ref(),
        });
        let step = self.step_timeout;
        let mut stage = exchange::Stage::default();
        let expiry =
            connection::fetch(target, tls, step, &request, &mut stage, on_head, on_part).await?;
        if let Some((expected, hash)) = hash {
            let got = Md5Digest::new(hash.finalize().into());
            if got != expected {
                return Err(Failure::Target(Reason::L7Digest { expected, got }));
            }
        }
        #[cfg(feature = "regex")]
        if let Some(regex) = &url.regex {
            regex.judge(page, self.step_timeout).await?;
        }
        Ok(expiry.and_then(|expiry| self.warning(expiry)))
    }
}

/// Three steps for each page.
fn total_timeout(pages: usize, step_timeout: Duration) -> Duration {
    let pages = u32::try_from(pages.max(1)).unwrap_or(u32::MAX);
    step_timeout.saturating_mul(pages.saturating_mul(3))
}

#[async_trait]
impl HealthCheck for HttpGet {
    fn kind(&self) -> &'static str {
        match self.tls {
            None => "HTTP_GET",
            Some(_) => "SSL_GET",
        }
    }

    /// `None` with a [`total_timeout`](HttpGet::total_timeout) of its own, which has no keyword.
    fn lines(&self) -> Option<Vec<Arguments>> {
        let plain = Self::new(self.urls.clone(), self.step_timeout);
        let usual = match self.tls.clone() {
            Some(tls) => plain.with_tls(tls),
            None => plain,
        };
        if self.total_timeout != usual.total_timeout {
            return None;
        }
        // The name of a real server is not that of TLS.
        let tls_host = self.tls.as_ref().map(|tls| &tls.virtualhost);
        if tls_host.is_some_and(|host| *host != self.virtualhost) {
            return None;
        }
        let mut lines = vec![Arguments::seconds("connect_timeout", self.step_timeout)];
        if self.protocol != Protocol::default() {
            lines.push(Arguments::line(
                "http_protocol",
                [self.protocol.to_string()],
            ));
        }
        let host = self.virtualhost.iter();
        lines.extend(host.map(|host| Arguments::line("virtualhost", [host])));
        lines.extend(self.urls.iter().map(Url::block));
        lines.extend(self.tls.iter().flat_map(Tls::lines));
        Some(lines)
    }

    fn time_limit(&self) -> Option<Duration> {
        Some(self.total_timeout)
    }

    /// The outcome's detail is the path of the page that failed, else of the last one.
    async fn check(&self, target: &Target) -> Outcome {
        let started = Instant::now();
        let (mut path, mut warning) = ("", None);
        let all = async {
            for url in &self.urls {
                path = &url.path;
                warning = self.fetch(target, url).await?;
            }
            Ok::<(), Failure>(())
        };
        let outcome = match timeout(self.total_timeout, all).await {
            Ok(Ok(())) => Outcome::pass().with_warning(warning),
            Ok(Err(failure)) => failure.into(),
            Err(_) => Outcome::fail(Reason::Timeout),
        };
        outcome.with_detail(path).with_latency(started.elapsed())
    }
}
