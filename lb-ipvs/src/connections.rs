// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads the connections of `/proc/net/ip_vs_conn` and `/proc/net/ip_vs_conn_sync`.

use std::{
    io::{self, BufRead, Read as _},
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

/// A connection in the kernel's table, or a template that remembers a client.
///
/// ```
/// use lb_ipvs::connections::Connection;
/// let line = "TCP 0A090002 CDA4 0A090064 0051 0A0A000C 1F90 ESTABLISHED     897";
/// let connection: Connection = line.parse()?;
/// assert_eq!(connection.destination.to_string(), "10.10.0.12:8080");
/// assert_eq!(connection.expires, 897);
/// # Ok::<(), lb_ipvs::connections::ConnectionError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Connection {
    /// The protocol as the kernel names it: `TCP`, `UDP`, `SCTP`, `IP` for the template of a
    /// service by mark.
    pub protocol: String,
    /// The client; port 0 in a template.
    pub client: SocketAddr,
    /// The address the client connected to; the mark in a template of a service by mark.
    pub virtual_address: SocketAddr,
    /// The destination.
    pub destination: SocketAddr,
    /// The state of the protocol; `ASSURED` or `NONE` in a template.
    pub state: String,
    /// Seconds until it is forgotten.
    pub expires: u32,
    /// The persistence engine and what it remembers.
    pub engine: Option<(String, String)>,
    /// The origin of the connection, known from `/proc/net/ip_vs_conn_sync` only.
    pub origin: Option<Origin>,
}

/// Where a connection in the table comes from.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the kernel distinguishes these two"
)]
pub enum Origin {
    /// The connection came over this host.
    Local,
    /// A sync daemon received the connection from the other director.
    Sync,
}

/// Why a line is not a connection.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The line has too few fields.
    #[error("the line has no {field}")]
    Missing {
        /// The field that is missing.
        field: &'static str,
    },
    /// A field cannot be read.
    #[error("{text} is no {field}")]
    Malformed {
        /// The field.
        field: &'static str,
        /// What stands there.
        text: String,
    },
    /// A line is longer than any the kernel writes; the next one is read as usual.
    #[error("a line of more than {limit} bytes")]
    TooLong {
        /// The most that is read of a line.
        limit: u64,
    },
}

/// Why the next connection could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file could not be read; nothing comes after this.
    #[error("cannot read the connections")]
    Io(#[from] io::Error),
    /// A line is not a connection; the next one may be.
    #[error(transparent)]
    Line(#[from] ConnectionError),
}

impl std::str::FromStr for Connection {
    type Err = ConnectionError;

    /// Reads a line of `/proc/net/ip_vs_conn`.
    fn from_str(line: &str) -> Result<Self, ConnectionError> {
        let mut fields = line.split_ascii_whitespace();
        let mut next =
            |field: &'static str| fields.next().ok_or(ConnectionError::Missing { field });
        let protocol = next("protocol")?.to_owned();
        let client = socket_address(next("client address")?, next("client port")?)?;
        let virtual_address = socket_address(next("virtual address")?, next("virtual port")?)?;
        let destination = socket_address(next("destination address")?, next("destination port")?)?;
        let state = next("state")?.to_owned();
        let mut expires = next("expiry")?;
        let origin = match expires {
            "LOCAL" => Some(Origin::Local),
            "SYNC" => Some(Origin::Sync),
            _ => None,
        };
        if origin.is_some() {
            expires = next("expiry")?;
        }
        let expires = expires.parse().map_err(|_| malformed("expiry", expires))?;
        let engine = fields.next().map(|name| {
            (
                name.to_owned(),
                fields.map(str::to_owned).collect::<Vec<_>>().join(" "),
            )
        });
        Ok(Self {
            protocol,
            client,
            virtual_address,
            destination,
            state,
            expires,
            engine,
            origin,
        })
    }
}

fn malformed(field: &'static str, text: &str) -> ConnectionError {
    ConnectionError::Malformed {
        field,
        text: text.to_owned(),
    }
}

/// Eight hexadecimal digits, or an IPv6 address in full, and a port of four digits.
fn socket_address(address: &str, port: &str) -> Result<SocketAddr, ConnectionError> {
    let ip: IpAddr = if address.contains(':') {
        let plain = address.trim_start_matches('[').trim_end_matches(']');
        IpAddr::V6(plain.parse().map_err(|_| malformed("address", address))?)
    } else {
        let bits = u32::from_str_radix(address, 16).map_err(|_| malformed("address", address))?;
        Ipv4Addr::from_bits(bits).into()
    };
    let port = u16::from_str_radix(port, 16).map_err(|_| malformed("port", port))?;
    Ok(SocketAddr::new(ip, port))
}

/// The longest line: addresses and state take 150 bytes, what an engine remembers at most 255.
const LINE_LIMIT: u64 = 1024;

/// Reads connections one by one, in the kernel's order, whatever their number in little memory.
///
/// The input is `/proc/net/ip_vs_conn` or `/proc/net/ip_vs_conn_sync`, whose first line is a title.
///
/// ```
/// use lb_ipvs::connections::Connections;
/// let proc = "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Origin Expires
/// TCP 0A090002 CDA4 0A090064 0051 0A0A000C 1F90 ESTABLISHED SYNC       897
/// ";
/// for connection in Connections::new(proc.as_bytes()) {
///     println!("{}", connection?.client);
/// }
/// # Ok::<(), lb_ipvs::connections::ReadError>(())
/// ```
#[derive(Debug)]
pub struct Connections<R> {
    input: R,
    line: Vec<u8>,
    titled: bool,
    ended: bool,
}

impl<R: BufRead> Connections<R> {
    /// Reads from the beginning of a file, title included.
    pub const fn new(input: R) -> Self {
        Self {
            input,
            line: Vec::new(),
            titled: false,
            ended: false,
        }
    }

    /// Reads a line, of which no more than the limit is kept. `false` at the end of the input.
    fn read_line(&mut self) -> Result<bool, ReadError> {
        self.line.clear();
        let mut limited = self.input.by_ref().take(LINE_LIMIT);
        if limited.read_until(b'\n', &mut self.line)? == 0 {
            return Ok(false);
        }
        if limited.limit() > 0 || self.line.ends_with(b"\n") {
            return Ok(true);
        }
        self.input.skip_until(b'\n')?;
        Err(ConnectionError::TooLong { limit: LINE_LIMIT }.into())
    }

    fn advance(&mut self) -> Result<Option<Connection>, ReadError> {
        while self.read_line()? {
            if !std::mem::replace(&mut self.titled, true) {
                continue;
            }
            let line = String::from_utf8_lossy(&self.line);
            if !line.trim().is_empty() {
                return Ok(Some(line.parse()?));
            }
        }
        Ok(None)
    }
}

impl<R: BufRead> Iterator for Connections<R> {
    type Item = Result<Connection, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.advance().transpose();
        self.ended = matches!(next, None | Some(Err(ReadError::Io(_))));
        next
    }
}

/// Reads `/proc/net/ip_vs_conn`, whose first line is a title. The kernel's order is kept.
///
/// All of it is held; [`Connections`] reads one at a time.
///
/// # Errors
/// When a line is not a connection.
pub fn parse(text: &str) -> Result<Vec<Connection>, ConnectionError> {
    text.lines()
        .skip(1)
        .filter(|line| !line.trim().is_empty())
        .map(str::parse)
        .collect()
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn broken_lines() {
        let line = "TCP 0A090002 CDA4 0A090064 0051 0A0A000C 1F90 ESTABLISHED     897";
        for len in 0..line.len() - 2 {
            let read = line[..len].parse::<Connection>();
            assert!(read.is_err() || len > 62, "{len}");
        }
        let error = line
            .replace("0A090064", "0A09XX64")
            .parse::<Connection>()
            .unwrap_err();
        assert_eq!(error.to_string(), "0A09XX64 is no address");
    }

    const TITLE: &str = "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires\n";
    const LINE: &str = "TCP 0A090002 CDA4 0A090064 0051 0A0A000C 1F90 ESTABLISHED     897\n";

    fn read(text: &str) -> Vec<Result<Connection, String>> {
        // A small buffer, so that lines come in pieces.
        Connections::new(io::BufReader::with_capacity(16, text.as_bytes()))
            .map(|connection| connection.map_err(|error| error.to_string()))
            .collect()
    }

    #[test]
    fn one_by_one() {
        let six = "TCP [fd00:0000:0000:0000:0000:0000:0000:0002] CDA4 \
                   [fd00:0000:0000:0000:0000:0000:0000:0064] 0051 \
                   [fd00:0000:0000:0000:0000:0000:0000:000c] 1F90 NEW_STATE       9\n";
        let synced = LINE.replace("ESTABLISHED     897", "ESTABLISHED SYNC       897");
        let sip = LINE.replace("897", "897 sip abc123@host");
        let text = format!("{TITLE}{LINE}{six}\n{synced}{sip}{}", LINE.trim_end());
        let read: Vec<Connection> = read(&text).into_iter().map(Result::unwrap).collect();
        assert_eq!(read.len(), 5);
        assert_eq!(read[0], LINE.parse().unwrap());
        assert_eq!(read[0].origin, None);
        assert_eq!(read[1].client, "[fd00::2]:52644".parse().unwrap());
        assert_eq!(read[1].state, "NEW_STATE");
        assert_eq!((read[2].origin, read[2].expires), (Some(Origin::Sync), 897));
        let engine = ("sip".to_owned(), "abc123@host".to_owned());
        assert_eq!(read[3].engine, Some(engine));
        assert_eq!(read[4], read[0]);
        assert!(Connections::new(&b""[..]).next().is_none());
        assert!(Connections::new(TITLE.as_bytes()).next().is_none());
    }

    #[test]
    fn a_line_that_does_not_end() {
        let long = "x".repeat(100_000);
        let read = read(&format!("{TITLE}{LINE}{long}\n{LINE}TCP\n{LINE}"));
        assert_eq!(read.len(), 5);
        assert_eq!(read[1], Err("a line of more than 1024 bytes".to_owned()));
        assert_eq!(read[3], Err("the line has no client address".to_owned()));
        assert!(read[2].is_ok() && read[4].is_ok());
    }

    #[test]
    fn a_line_of_the_very_length() {
        for len in [1022, 1023, 1024, 1025] {
            let long = "x".repeat(len);
            let read = read(&format!("{TITLE}{long}\n{LINE}"));
            assert_eq!(read.len(), 2, "{len}");
            assert!(read[1].is_ok(), "{len}");
        }
    }

    #[test]
    fn an_input_that_fails() {
        struct Broken;
        impl io::Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("gone"))
            }
        }
        let mut read = Connections::new(io::BufReader::new(Broken));
        assert!(matches!(read.next(), Some(Err(ReadError::Io(_)))));
        assert!(read.next().is_none());
    }
}
