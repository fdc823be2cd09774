// SPDX-License-Identifier: MIT OR Apache-2.0
//! `ipvsadm -L -c`: from `/proc/net/ip_vs_conn` to its listing.

use std::{
    fmt::{self, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use super::names::{Names, endpoint};
use crate::service::Protocol;

/// A connection in the kernel's table, or a template that remembers a client.
///
/// ```
/// use lb_ipvs::text::connections::Connection;
/// let line = "TCP 0A090002 CDA4 0A090064 0051 0A0A000C 1F90 ESTABLISHED     897";
/// let connection: Connection = line.parse()?;
/// assert_eq!(connection.destination.to_string(), "10.10.0.12:8080");
/// assert_eq!(connection.expires, 897);
/// # Ok::<(), lb_ipvs::text::connections::ConnectionError>(())
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
        let expires = next("expiry")?;
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

/// Reads `/proc/net/ip_vs_conn`, whose first line is a title. The kernel's order is kept.
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

/// Writes connections as `ipvsadm -L -c` prints them, with what the persistence engines remember
/// if `persistent` is true (`--persistent-conn`).
///
/// # Errors
/// When `out` fails.
///
/// # Examples
/// ```
/// use lb_ipvs::text::{Numeric, connections};
/// let proc = "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
/// IP  0A090064 0000 00000005 0000 0A0A000C 0000 NONE             55
/// ";
/// let mut out = String::new();
/// connections::listing(&Numeric, false, &connections::parse(proc)?, &mut out)?;
/// assert_eq!(
///     out.lines().last(),
///     Some("IP  00:55  NONE        10.9.0.100:0       0.0.0.5:0          10.10.0.12:0"),
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn listing(
    names: &dyn Names,
    persistent: bool,
    connections: &[Connection],
    out: &mut impl Write,
) -> fmt::Result {
    writeln!(out, "IPVS connection entries")?;
    let [state, source, virtual_address, destination] =
        ["state", "source", "virtual", "destination"];
    write!(
        out,
        "pro expire {state:<11} {source:<18} {virtual_address:<18} "
    )?;
    if persistent {
        writeln!(out, "{destination:<18} {:<16} pe_data", "pe name")?;
    } else {
        writeln!(out, "{destination}")?;
    }
    for connection in connections {
        row(names, persistent, connection, out)?;
    }
    Ok(())
}

fn row(
    names: &dyn Names,
    persistent: bool,
    connection: &Connection,
    out: &mut impl Write,
) -> fmt::Result {
    let protocol = match connection.protocol.as_str() {
        "TCP" => Some(Protocol::Tcp),
        "UDP" => Some(Protocol::Udp),
        "SCTP" => Some(Protocol::Sctp),
        _ => None,
    };
    let [source, virtual_address, destination] = [
        connection.client,
        connection.virtual_address,
        connection.destination,
    ]
    .map(|address| endpoint(names, protocol, &address));
    let expires = format!(
        "{:02}:{:02}",
        connection.expires / 60,
        connection.expires % 60
    );
    let Connection {
        protocol, state, ..
    } = connection;
    write!(
        out,
        "{protocol:<3} {expires:<6} {state:<11} {source:<18} {virtual_address:<18} "
    )?;
    match &connection.engine {
        Some((engine, data)) if persistent => {
            writeln!(out, "{destination:<16} {engine:<18} {data}")
        }
        _ => writeln!(out, "{destination}"),
    }
}

#[cfg(test)]
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
}
