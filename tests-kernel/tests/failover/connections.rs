// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's connections, as both tools list them.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use tests_kernel::net::{Host, Netns, wait_until};
use tests_kernel::tool::Tool;

use crate::{DEADLINE, TestResult};

/// One line of `-Lcn`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Connection {
    pub(crate) client: Ipv4Addr,
    /// 0 in a template.
    pub(crate) port: u16,
    pub(crate) server: Ipv4Addr,
}

impl Connection {
    /// `TCP 14:59  ESTABLISHED 192.168.1.100:37158 192.168.1.50:80 192.168.1.61:80`
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace().skip(3);
        let (client, port) = words.next()?.split_once(':')?;
        let server = words.nth(1)?.strip_suffix(":80")?;
        Some(Self {
            client: client.parse().ok()?,
            port: port.parse().ok()?,
            server: server.parse().ok()?,
        })
    }
}

/// What `-Lcn` shows.
pub(crate) fn listed(tool: Tool, netns: &Netns) -> Result<BTreeSet<Connection>, String> {
    let listing = tool.run(netns, "-Lcn").map_err(|error| error.to_string())?;
    Ok(listing.lines().filter_map(Connection::parse).collect())
}

/// Waits until both tools show these connections, among others.
pub(crate) fn wait_for_connections(netns: &Netns, wanted: &BTreeSet<Connection>) -> TestResult {
    for tool in [Tool::Ipvsadm, Tool::Lbctl] {
        let awaited = format!("{tool} in {} shows {wanted:?}", netns.label());
        wait_until(&awaited, DEADLINE, || {
            let shown = listed(tool, netns)?;
            if wanted.is_subset(&shown) {
                Ok(())
            } else {
                Err(format!("{shown:?}"))
            }
        })?;
    }
    Ok(())
}

/// The port of the only connection the client has.
pub(crate) fn source_port(host: &Host) -> Result<u16, Box<dyn std::error::Error>> {
    let port = wait_until("the download's connection", DEADLINE, || {
        let listing = host
            .netns()
            .run("ss -tnH state established")
            .map_err(|error| error.to_string())?;
        let local = listing.split_whitespace().nth(2);
        let port = local.and_then(|local| local.rsplit(':').next()?.parse().ok());
        port.ok_or(listing)
    })?;
    Ok(port)
}
