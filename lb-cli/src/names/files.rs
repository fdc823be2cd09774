// SPDX-License-Identifier: MIT OR Apache-2.0
//! `/etc/services` and `/etc/hosts`, as texts.

use std::net::{IpAddr, Ipv4Addr};

fn fields(line: &str) -> impl Iterator<Item = &str> {
    line.split('#')
        .next()
        .unwrap_or_default()
        .split_whitespace()
}

/// The port listed under `name` or one of its aliases, for this protocol.
pub(super) fn port_of(services: &str, name: &str, protocol: &str) -> Option<u16> {
    services.lines().find_map(|line| {
        let mut fields = fields(line);
        let official = fields.next()?;
        let (port, listed) = fields.next()?.split_once('/')?;
        let known = listed == protocol && (official == name || fields.any(|alias| alias == name));
        if known { port.parse().ok() } else { None }
    })
}

/// The first name listed for the port of this protocol.
pub(super) fn name_of(services: &str, port: u16, protocol: &str) -> Option<String> {
    services.lines().find_map(|line| {
        let mut fields = fields(line);
        let name = fields.next()?;
        let (listed_port, listed) = fields.next()?.split_once('/')?;
        (listed == protocol && listed_port.parse() == Ok(port)).then(|| name.to_owned())
    })
}

/// The first IPv4 address listed for a host, by its name or an alias.
pub(super) fn address_of(hosts: &str, name: &str) -> Option<Ipv4Addr> {
    hosts.lines().find_map(|line| {
        let mut fields = fields(line);
        let address = fields.next()?.parse().ok()?;
        fields
            .any(|host| host.eq_ignore_ascii_case(name))
            .then_some(address)
    })
}

/// The first name listed for an address.
pub(super) fn host_of(hosts: &str, address: IpAddr) -> Option<String> {
    hosts.lines().find_map(|line| {
        let mut fields = fields(line);
        let listed: IpAddr = fields.next()?.parse().ok()?;
        if listed == address {
            fields.next().map(str::to_owned)
        } else {
            None
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICES: &str = "\
# comment
tcpmux\t\t1/tcp\t\t\t\t# TCP port service multiplexer
http\t\t80/tcp\t\twww\t\t# WorldWideWeb HTTP
domain\t\t53/tcp
domain\t\t53/udp
kerberos\t88/tcp\t\tkerberos5 krb5 kerberos-sec
broken
";

    const HOSTS: &str = "\
127.0.0.1 localhost
192.168.1.50\tvip.lab vip # the address
fd00::50 vip6.lab
192.168.1.51 VIP.lab
";

    #[test]
    fn services() {
        assert_eq!(port_of(SERVICES, "http", "tcp"), Some(80));
        assert_eq!(port_of(SERVICES, "www", "tcp"), Some(80));
        assert_eq!(port_of(SERVICES, "HTTP", "tcp"), None);
        assert_eq!(port_of(SERVICES, "http", "sctp"), None);
        assert_eq!(port_of(SERVICES, "service", "tcp"), None);
        assert_eq!(name_of(SERVICES, 88, "tcp").as_deref(), Some("kerberos"));
        assert_eq!(name_of(SERVICES, 80, "udp"), None);
    }

    #[test]
    fn hosts() {
        assert_eq!(
            address_of(HOSTS, "vip"),
            Some(Ipv4Addr::new(192, 168, 1, 50))
        );
        assert_eq!(
            address_of(HOSTS, "Vip.Lab"),
            Some(Ipv4Addr::new(192, 168, 1, 50))
        );
        assert_eq!(address_of(HOSTS, "vip6.lab"), None);
        assert_eq!(
            host_of(HOSTS, "fd00::50".parse().unwrap()).as_deref(),
            Some("vip6.lab")
        );
        assert_eq!(host_of(HOSTS, "10.0.0.1".parse().unwrap()), None);
    }
}
