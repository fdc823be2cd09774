// SPDX-License-Identifier: MIT OR Apache-2.0
//! `HOST[:PORT]` as ipvsadm reads it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use lb_ipvs::Protocol;

use super::values;
use crate::Numeric;

/// Who knows hosts and ports by name. What is not known is `None`; nothing here may block for
/// long.
///
/// [`Numeric`] knows none.
///
/// ```
/// use std::net::Ipv4Addr;
/// use lb_ipvs::Protocol;
/// use lb_ipvsadm::{command::{LookUp, parse, words}};
///
/// struct Few;
/// impl LookUp for Few {
///     fn host(&self, name: &str) -> Option<Ipv4Addr> {
///         (name == "vip").then_some(Ipv4Addr::new(192, 168, 1, 50))
///     }
///     fn port(&self, name: &str, protocol: Protocol) -> Option<u16> {
///         (name == "http" && protocol == Protocol::Tcp).then_some(80)
///     }
/// }
/// assert_eq!(
///     parse(&words("-D -t vip:http"), "ipvsadm", &Few),
///     parse(&words("-D -t 192.168.1.50:80"), "ipvsadm", &Few),
/// );
/// ```
pub trait LookUp {
    /// The first IPv4 address of a host.
    fn host(&self, name: &str) -> Option<Ipv4Addr>;
    /// The port of a service, which is only known for the protocol it is listed with.
    fn port(&self, name: &str, protocol: Protocol) -> Option<u16>;
}

impl LookUp for Numeric {
    fn host(&self, _: &str) -> Option<Ipv4Addr> {
        None
    }

    fn port(&self, _: &str, _: Protocol) -> Option<u16> {
        None
    }
}

/// An address with the port, if one was given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct HostPort {
    pub(super) ip: IpAddr,
    pub(super) port: Option<u16>,
}

/// Reads an address with an optional port.
///
/// A bare number is neither. A bracketed text must be followed by a colon. IPv6 addresses stand
/// alone or in brackets and are never looked up; behind a bracketed IPv4 address or host name the
/// port is dropped. The protocol decides which service names are known as ports.
pub(super) fn host_port(
    text: &str,
    protocol: Option<Protocol>,
    names: &dyn LookUp,
) -> Option<HostPort> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (host, bracket_port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, behind) = rest.split_once(']')?;
            (host, Some(behind.strip_prefix(':')?))
        }
        None => (text, None),
    };
    if let Ok(ip) = host.parse::<Ipv6Addr>() {
        let port = match bracket_port {
            Some(text) => Some(port(text, protocol, names)?),
            None => None,
        };
        return Some(HostPort {
            ip: ip.into(),
            port,
        });
    }
    let (host, port_text) = match host.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (host, None),
    };
    let ip = ipv4(host, names)?;
    let port = match port_text {
        Some(text) => Some(port(text, protocol, names)?),
        None => None,
    };
    Some(HostPort {
        ip: ip.into(),
        port,
    })
}

/// Reads an IPv4 address in any of `inet_aton`'s forms, or looks a host up.
pub(super) fn ipv4(text: &str, names: &dyn LookUp) -> Option<Ipv4Addr> {
    values::inet_aton(text).or_else(|| {
        if text.is_empty() {
            None
        } else {
            names.host(text)
        }
    })
}

fn port(text: &str, protocol: Option<Protocol>, names: &dyn LookUp) -> Option<u16> {
    match values::number(text, 0..=i64::from(u16::MAX)) {
        Some(number) => u16::try_from(number).ok(),
        None => names.port(text, protocol?),
    }
}
