// SPDX-License-Identifier: MIT OR Apache-2.0
//! The bytes of a request, which are keepalived's.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// Version of the request: `http_protocol`, `genhash -P`.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Protocol {
    /// `1.0`: HTTP/1.0 without a `Connection` header.
    #[default]
    Http10,
    /// `1.0C`: HTTP/1.0 with `Connection: close`.
    Http10Close,
    /// `1.1`: HTTP/1.1 with `Connection: close`.
    Http11,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http10 => "1.0",
            Self::Http10Close => "1.0C",
            Self::Http11 => "1.1",
        })
    }
}

impl FromStr for Protocol {
    type Err = ParseProtocolError;

    /// Reads `1.0`, `1.0C`, `1.0c` or `1.1`.
    ///
    /// # Errors
    /// For anything else.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "1.0" => Ok(Self::Http10),
            "1.0C" | "1.0c" => Ok(Self::Http10Close),
            "1.1" => Ok(Self::Http11),
            _ => Err(ParseProtocolError {
                found: text.to_owned(),
            }),
        }
    }
}

/// A text that names no [`Protocol`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("'{found}' is not 1.0, 1.0C or 1.1")]
#[non_exhaustive]
pub struct ParseProtocolError {
    /// The text.
    pub found: String,
}

/// The request for `path`. Without a virtual host the header `Host` has address and port.
pub(super) fn request(
    path: &str,
    virtualhost: Option<&str>,
    address: SocketAddr,
    protocol: Protocol,
) -> Vec<u8> {
    let (version, connection) = match protocol {
        Protocol::Http10 => ("1.0", ""),
        Protocol::Http10Close => ("1.0", "Connection: close\r\n"),
        Protocol::Http11 => ("1.1", "Connection: close\r\n"),
    };
    let host = virtualhost.map_or_else(|| host(address), str::to_owned);
    format!(
        "GET {path} HTTP/{version}\r\nUser-Agent: KeepAliveClient\r\n{connection}Host: {host}\r\n\r\n"
    )
    .into_bytes()
}

/// Address and port, the address without a scope.
pub(crate) fn host(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.to_string(),
        SocketAddr::V6(address) => format!("[{}]:{}", address.ip(), address.port()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(host: Option<&str>, address: &str, protocol: Protocol) -> String {
        String::from_utf8(request("/", host, address.parse().unwrap(), protocol)).unwrap()
    }

    #[test]
    fn the_request_has_keepaliveds_bytes() {
        assert_eq!(
            text(None, "192.168.1.61:80", Protocol::Http10),
            "GET / HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: 192.168.1.61:80\r\n\r\n"
        );
        assert_eq!(
            text(Some("www.example.org"), "192.168.1.61:80", Protocol::Http11),
            "GET / HTTP/1.1\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\n\
             Host: www.example.org\r\n\r\n"
        );
        assert!(
            text(None, "[fe80::1%3]:8080", Protocol::Http10Close).ends_with(
                "HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\n\
             Host: [fe80::1]:8080\r\n\r\n"
            )
        );
    }

    #[test]
    fn protocols_are_read_as_they_are_written() {
        for protocol in [Protocol::Http10, Protocol::Http10Close, Protocol::Http11] {
            assert_eq!(protocol.to_string().parse(), Ok(protocol));
        }
        assert!("2".parse::<Protocol>().is_err());
    }
}
