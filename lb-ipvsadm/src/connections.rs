// SPDX-License-Identifier: MIT OR Apache-2.0
//! `ipvsadm -L -c`.

use std::fmt::{self, Write};

use lb_ipvs::{Protocol, connections::Connection};

use crate::names::{Names, endpoint};

/// Writes connections as `ipvsadm -L -c` prints them, with what the persistence engines remember
/// if `persistent` is true (`--persistent-conn`).
///
/// # Errors
/// When `out` fails.
///
/// # Examples
/// ```
/// use lb_ipvs::connections::parse;
/// use lb_ipvsadm::{Numeric, connections};
/// let proc = "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
/// IP  0A090064 0000 00000005 0000 0A0A000C 0000 NONE             55
/// ";
/// let mut out = String::new();
/// connections::listing(&Numeric, false, &parse(proc)?, &mut out)?;
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
    title(persistent, out)?;
    for connection in connections {
        row(names, persistent, connection, out)?;
    }
    Ok(())
}

/// Writes the first two lines of the listing.
///
/// # Errors
/// When `out` fails.
pub fn title(persistent: bool, out: &mut impl Write) -> fmt::Result {
    writeln!(out, "IPVS connection entries")?;
    let [state, source, virtual_address, destination] =
        ["state", "source", "virtual", "destination"];
    write!(
        out,
        "pro expire {state:<11} {source:<18} {virtual_address:<18} "
    )?;
    if persistent {
        writeln!(out, "{destination:<18} {:<16} pe_data", "pe name")
    } else {
        writeln!(out, "{destination}")
    }
}

/// Writes a line of the listing, for tables that are too large to be held.
///
/// # Errors
/// When `out` fails.
pub fn row(
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
