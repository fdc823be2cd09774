// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addresses and ports, as numbers or by name.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use lb_ipvs::{AddressFamily, Protocol, Scheduler, ServiceFlags, ServiceKey};

/// Where names of hosts and ports come from: what `ipvsadm -n` turns off.
///
/// ```
/// use std::net::IpAddr;
/// use lb_ipvs::Protocol;
/// use lb_ipvsadm::Names;
///
/// #[derive(Debug)]
/// struct Few;
/// impl Names for Few {
///     fn host(&self, _: IpAddr) -> Option<String> { None }
///     fn port(&self, protocol: Protocol, port: u16) -> Option<String> {
///         (protocol == Protocol::Tcp && port == 80).then(|| "http".to_owned())
///     }
/// }
/// assert_eq!(Few.port(Protocol::Tcp, 80).as_deref(), Some("http"));
/// ```
pub trait Names: fmt::Debug {
    /// The name of a host, if it has one.
    fn host(&self, address: IpAddr) -> Option<String>;

    /// The name of a port, if it has one.
    fn port(&self, protocol: Protocol, port: u16) -> Option<String>;
}

/// No names, only numbers. Equivalent to `ipvsadm -n`.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "there is nothing in it, nor will be"
)]
pub struct Numeric;

impl Names for Numeric {
    fn host(&self, _: IpAddr) -> Option<String> {
        None
    }

    fn port(&self, _: Protocol, _: u16) -> Option<String> {
        None
    }
}

/// `address:port`, with brackets around an IPv6 address or the name of one.
pub(super) fn endpoint(
    names: &dyn Names,
    protocol: Option<Protocol>,
    address: &SocketAddr,
) -> String {
    let host = names.host(address.ip());
    let port = protocol.and_then(|protocol| names.port(protocol, address.port()));
    if host.is_none() && port.is_none() {
        return address.to_string();
    }
    let host = host.unwrap_or_else(|| address.ip().to_string());
    let port = port.unwrap_or_else(|| address.port().to_string());
    match address {
        SocketAddr::V4(_) => format!("{host}:{port}"),
        SocketAddr::V6(_) => format!("[{host}]:{port}"),
    }
}

/// The first `limit` characters of an IPv4 name; others are never cut.
pub(super) fn cut(name: String, family: AddressFamily, limit: usize) -> String {
    match family {
        AddressFamily::Ipv4 if name.len() > limit => name.chars().take(limit).collect(),
        AddressFamily::Ipv4 => name,
        AddressFamily::Ipv6 => name,
    }
}

/// A service in a listing: `TCP  192.168.1.50:80`, `FWM  5 IPv6`.
pub(super) fn service(names: &dyn Names, key: &ServiceKey) -> String {
    match key {
        ServiceKey::Address { protocol, address } => {
            let label = match protocol {
                Protocol::Tcp => "TCP",
                Protocol::Udp => "UDP",
                Protocol::Sctp => "SCTP",
                Protocol::Other(_) => "?",
            };
            let endpoint = endpoint(names, Some(*protocol), address);
            cut(format!("{label:<4} {endpoint}"), key.family(), 33)
        }
        ServiceKey::FirewallMark {
            mark,
            family: AddressFamily::Ipv4,
        } => format!("FWM  {mark}"),
        ServiceKey::FirewallMark {
            mark,
            family: AddressFamily::Ipv6,
        } => {
            format!("FWM  {mark} IPv6")
        }
    }
}

/// The names of the scheduler's flags that are set, with commas, as `ipvsadm -b` takes them.
pub(super) fn scheduler_flags(scheduler: &Scheduler, flags: ServiceFlags) -> Option<String> {
    let names = match scheduler {
        Scheduler::SourceHashing => ["sh-fallback", "sh-port", "flag-3"],
        Scheduler::Maglev => ["mh-fallback", "mh-port", "flag-3"],
        _ => ["flag-1", "flag-2", "flag-3"],
    };
    let bits = [
        ServiceFlags::SCHED_1,
        ServiceFlags::SCHED_2,
        ServiceFlags::SCHED_3,
    ];
    let set: Vec<&str> = bits
        .into_iter()
        .zip(names)
        .filter(|(bit, _)| flags.contains(*bit))
        .map(|(_, name)| name)
        .collect();
    (!set.is_empty()).then(|| set.join(","))
}
