// SPDX-License-Identifier: MIT OR Apache-2.0
//! Web servers that events are posted to. `notify_url`, which keepalived does not have.

use std::error::Error;
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;

/// A URL that gets a JSON document for each event, by POST.
///
/// ```
/// use lb_core::model::Webhook;
///
/// let webhook = Webhook::new("http://192.168.1.16:8080/events?from=lb1")?;
/// assert_eq!(webhook.url(), "http://192.168.1.16:8080/events?from=lb1");
/// assert_eq!(webhook.host(), "192.168.1.16");
/// assert_eq!(webhook.port(), 8080);
/// assert_eq!(webhook.path(), "/events?from=lb1");
/// assert!(Webhook::new("https://192.168.1.16/").is_err());
/// # Ok::<(), lb_core::model::WebhookError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Webhook {
    url: Uri,
    /// Limit for one try, from the look-up of the name to the status line; 5 s unless given.
    pub timeout: Duration,
    /// Further tries after one that failed; 3 unless given.
    pub retries: u32,
}

/// A text is not the URL of a web server that events can be posted to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// The text is no absolute URL.
    #[error("not a URL of the form http://HOST[:PORT]/PATH")]
    Form(#[source] Option<Box<dyn Error + Send + Sync>>),
    /// The scheme is not `http`.
    #[error("{scheme} is not supported, only http")]
    Scheme {
        /// The scheme of the URL.
        scheme: String,
    },
    /// The URL has a user or a password.
    #[error("user and password are not supported")]
    Credentials,
    /// The port is not 1 to 65535.
    #[error("the port is not 1 to 65535")]
    Port,
}

impl Webhook {
    /// Default of [`timeout`](Self::timeout).
    pub const TIMEOUT: Duration = Duration::from_secs(5);
    /// Default of [`retries`](Self::retries).
    pub const RETRIES: u32 = 3;

    /// A URL with the default timeout and number of retries.
    ///
    /// # Errors
    /// [`WebhookError`] when the text is not of the form `http://HOST[:PORT][/PATH][?QUERY]`.
    pub fn new(url: &str) -> Result<Self, WebhookError> {
        let url: Uri = url
            .parse()
            .map_err(|error: http::uri::InvalidUri| WebhookError::Form(Some(error.into())))?;
        let scheme = url.scheme().ok_or(WebhookError::Form(None))?;
        if *scheme != Scheme::HTTP {
            let scheme = scheme.to_string();
            return Err(WebhookError::Scheme { scheme });
        }
        let authority = url.authority().ok_or(WebhookError::Form(None))?;
        if authority.as_str().contains('@') {
            return Err(WebhookError::Credentials);
        }
        if authority.host().is_empty() {
            return Err(WebhookError::Form(None));
        }
        // A port that is written must be one.
        let written = authority.as_str().strip_prefix(authority.host());
        if written.is_some_and(|port| !port.is_empty())
            && matches!(authority.port_u16(), None | Some(0))
        {
            return Err(WebhookError::Port);
        }
        Ok(Self {
            url,
            timeout: Self::TIMEOUT,
            retries: Self::RETRIES,
        })
    }

    /// Sets the limit for one try.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the number of further tries.
    #[must_use]
    pub const fn with_retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// The whole URL.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.to_string()
    }

    /// Name or address of the server, an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let host = self.url.host().unwrap_or_default();
        let inner = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        inner.unwrap_or(host)
    }

    /// Port of the server, 80 unless written.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.url.port_u16().unwrap_or(80)
    }

    /// Host and port as they are written, for the header `Host`.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.url
            .authority()
            .map_or("", |authority| authority.as_str())
    }

    /// Path and query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.url.path_and_query().map_or("/", |path| path.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_url() {
        for (url, host, port, authority, path) in [
            (
                "http://hooks.example",
                "hooks.example",
                80,
                "hooks.example",
                "/",
            ),
            (
                "http://[fd00::1]:8080/a/b?c=d",
                "fd00::1",
                8080,
                "[fd00::1]:8080",
                "/a/b?c=d",
            ),
            ("HTTP://10.0.0.1/", "10.0.0.1", 80, "10.0.0.1", "/"),
        ] {
            let webhook = Webhook::new(url).unwrap();
            let parts = (
                webhook.host(),
                webhook.port(),
                webhook.authority(),
                webhook.path(),
            );
            assert_eq!(parts, (host, port, authority, path), "{url}");
        }
    }

    #[test]
    fn other_texts_are_refused_with_their_reason() {
        let refusal = |url| Webhook::new(url).unwrap_err().to_string();
        let form = "not a URL of the form http://HOST[:PORT]/PATH";
        for url in [
            "",
            "hooks.example",
            "/path",
            "http://",
            "http://a b/",
            "http:///x",
        ] {
            assert_eq!(refusal(url), form, "{url}");
        }
        assert_eq!(refusal("https://a/"), "https is not supported, only http");
        assert_eq!(refusal("ftp://a/"), "ftp is not supported, only http");
        assert_eq!(
            refusal("http://u:p@a/"),
            "user and password are not supported"
        );
        for url in ["http://a:0/", "http://a:65536/", "http://a:/"] {
            assert_eq!(refusal(url), "the port is not 1 to 65535", "{url}");
        }
    }
}
