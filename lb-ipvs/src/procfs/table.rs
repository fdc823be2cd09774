// SPDX-License-Identifier: MIT OR Apache-2.0
//! `/proc/net/ip_vs`: the destinations of a plain listing, in a fraction of the time of netlink.
//!
//! Its lines about services tell less than netlink does (neither flags nor the persistence engine
//! nor the family of a mark), so services come from netlink and these lines only vouch for the order.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    str,
};

use crate::{
    destination::Weight,
    plain::{ForwardingName, PlainDestination, PlainEntry},
    service::{Protocol, Service, ServiceKey},
};

/// What a line about a destination begins with.
const ARROW: &[u8] = b"  -> ";

/// Gives services the destinations that stand below them in `/proc/net/ip_vs`.
///
/// `None` when the two do not tell of the same services in the same order, because the table
/// changed between the two readings, or when a line cannot be read.
pub(crate) fn merge(services: Vec<Service>, proc: &[u8]) -> Option<Vec<PlainEntry>> {
    if !proc.is_empty() && !proc.ends_with(b"\n") {
        return None;
    }
    let mut table: Vec<PlainEntry> = Vec::with_capacity(services.len());
    let mut services = services.into_iter();
    let lines = proc.split(|byte| *byte == b'\n').skip(3);
    for line in lines.filter(|line| !line.is_empty()) {
        if let Some(line) = line.strip_prefix(ARROW) {
            table.last_mut()?.destinations.push(destination(line)?);
        } else {
            let service = services.next()?;
            is_about(line, &service).then_some(())?;
            table.push(PlainEntry {
                service,
                destinations: Vec::new(),
            });
        }
    }
    services.next().is_none().then_some(table)
}

fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b' ')
        .filter(|field| !field.is_empty())
}

/// Whether a line is about a service.
fn is_about(line: &[u8], service: &Service) -> bool {
    let mut fields = fields(line);
    let (Some(protocol), Some(place), Some(scheduler)) =
        (fields.next(), fields.next(), fields.next())
    else {
        return false;
    };
    let same = match service.key {
        ServiceKey::Address {
            protocol: wanted,
            address,
        } => protocol_of(protocol) == Some(wanted) && socket_address(place) == Some(address),
        ServiceKey::FirewallMark { mark, .. } => {
            protocol == b"FWM" && hexadecimal(place) == Some(mark.get())
        }
    };
    same && scheduler == service.scheduler.as_str().as_bytes()
}

/// A protocol by the kernel's name of it (`ip_vs_proto_name`).
pub(super) fn protocol_of(name: &[u8]) -> Option<Protocol> {
    Some(match name {
        b"TCP" => Protocol::Tcp,
        b"UDP" => Protocol::Udp,
        b"SCTP" => Protocol::Sctp,
        b"IP" => Protocol::from_number(0),
        b"ICMP" => Protocol::from_number(1),
        b"ICMPv6" => Protocol::from_number(58),
        _ => Protocol::from_number(decimal(name.strip_prefix(b"IP_")?)?),
    })
}

/// `0A000002:0050      Masq    1      0          0         `
fn destination(line: &[u8]) -> Option<PlainDestination> {
    let mut fields = fields(line);
    let address = socket_address(fields.next()?)?;
    let forwarding = match fields.next()? {
        b"Masq" => ForwardingName::Masquerade,
        b"Local" => ForwardingName::Local,
        b"Tunnel" => ForwardingName::Tunnel,
        b"Route" => ForwardingName::DirectRouting,
        _ => return None,
    };
    // The kernel prints what it holds as unsigned, as signed numbers.
    let mut number = || decimal::<i32>(fields.next()?).map(i32::cast_unsigned);
    Some(PlainDestination {
        address,
        forwarding,
        weight: Weight::reported(number()?),
        active: number()?,
        inactive: number()?,
    })
}

/// `0A000002:0050` or `[fd00:0000:0000:0000:0000:0000:0000:0001]:0050`.
fn socket_address(text: &[u8]) -> Option<SocketAddr> {
    let (address, port) = text.split_at_checked(text.len().checked_sub(5)?)?;
    let port = u16::try_from(hexadecimal(port.strip_prefix(b":")?)?).ok()?;
    let ip = match address.strip_prefix(b"[") {
        Some(rest) => {
            let text = str::from_utf8(rest.strip_suffix(b"]")?).ok()?;
            IpAddr::V6(text.parse().ok()?)
        }
        None if address.len() == 8 => Ipv4Addr::from_bits(hexadecimal(address)?).into(),
        None => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// One to eight hexadecimal digits, without a sign.
fn hexadecimal(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    digits.iter().try_fold(0, |number: u32, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some((number << 4) | digit)
    })
}

fn decimal<T: str::FromStr>(digits: &[u8]) -> Option<T> {
    str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        flags::ServiceFlags,
        scheduler::Scheduler,
        service::{AddressFamily, Netmask, Persistence},
    };

    /// From a guest with kernel 6.1.176.
    const PROC: &str = "\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
UDP  0A000001:0035 wlc ops  
TCP  0A000001:0050 wrr  
  -> 0A000003:1F90      Tunnel  0      3          2         
  -> 0A000002:0050      Masq    2147483647 0          0         
TCP  [fd00:0000:0000:0000:0000:0000:0000:0009]:0050 rr persistent 500 80000000
FWM  00000007 rr persistent 30000 40000000
  -> [fd00:0000:0000:0000:0000:0000:0000:0001]:0000      Route   1      0          0         
FWM  FFFFFFFF sh persistent 6000 FFFFFFFF
";

    fn services() -> Vec<Service> {
        let persistent = |seconds| Persistence::new(Duration::from_secs(seconds));
        let mark = |mark: u32, family| ServiceKey::firewall_mark(mark.try_into().unwrap(), family);
        vec![
            Service::new(
                ServiceKey::udp("10.0.0.1:53".parse().unwrap()),
                Scheduler::WeightedLeastConnection,
            )
            .with_flags(ServiceFlags::ONE_PACKET),
            Service::new(
                ServiceKey::tcp("10.0.0.1:80".parse().unwrap()),
                Scheduler::WeightedRoundRobin,
            ),
            Service::new(
                ServiceKey::tcp("[fd00::9]:80".parse().unwrap()),
                Scheduler::RoundRobin,
            )
            .with_persistence(persistent(5)),
            Service::new(mark(7, AddressFamily::Ipv6), Scheduler::RoundRobin)
                .with_persistence(persistent(300))
                .with_netmask(Netmask::Ipv6(64)),
            Service::new(
                mark(u32::MAX, AddressFamily::Ipv4),
                Scheduler::SourceHashing,
            )
            .with_persistence(persistent(60)),
        ]
    }

    #[test]
    fn a_table() {
        let table = merge(services(), PROC.as_bytes()).unwrap();
        let read: Vec<Service> = table.iter().map(|entry| entry.service.clone()).collect();
        assert_eq!(read, services());
        let destinations: Vec<PlainDestination> = table
            .iter()
            .flat_map(|entry| entry.destinations.iter().copied())
            .collect();
        let expected = |address: &str, forwarding, weight, active, inactive| PlainDestination {
            address: address.parse().unwrap(),
            forwarding,
            weight: Weight::reported(weight),
            active,
            inactive,
        };
        assert_eq!(
            destinations,
            [
                expected("10.0.0.3:8080", ForwardingName::Tunnel, 0, 3, 2),
                expected(
                    "10.0.0.2:80",
                    ForwardingName::Masquerade,
                    i32::MAX.cast_unsigned(),
                    0,
                    0
                ),
                expected("[fd00::1]:0", ForwardingName::DirectRouting, 1, 0, 0),
            ]
        );
        assert_eq!(table[1].destinations.len(), 2);
    }

    #[test]
    fn a_table_that_changed_meanwhile() {
        let mut fewer = services();
        fewer.pop();
        let mut more = services();
        more.push(services()[0].clone());
        let mut swapped = services();
        swapped.swap(0, 1);
        let mut scheduler = services();
        scheduler[1].scheduler = Scheduler::Maglev;
        let mut mark = services();
        mark.swap(3, 4);
        for services in [fewer, more, swapped, scheduler, mark, Vec::new()] {
            assert_eq!(merge(services, PROC.as_bytes()), None);
        }
        assert_eq!(merge(Vec::new(), b""), Some(Vec::new()));
        assert_eq!(merge(services(), b""), None);
    }

    #[test]
    fn counts_that_the_kernel_prints_as_negative() {
        let line = b"0A000002:0050      Masq    1      -1          0         ";
        assert_eq!(destination(line).unwrap().active, u32::MAX);
    }

    #[test]
    fn cut_anywhere() {
        for len in 0..PROC.len() {
            assert_eq!(merge(services(), &PROC.as_bytes()[..len]), None, "{len}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let mut text = b"\n\n\n".to_vec();
            text.extend(&bytes);
            let _ = merge(services(), &text);
        }

        #[test]
        fn never_panics_on_what_looks_right(
            at in 0..PROC.len(),
            with in prop::sample::select(b" \n:[]-F0\xff>P".to_vec()),
        ) {
            let mut text = PROC.as_bytes().to_vec();
            text[at] = with;
            let _ = merge(services(), &text);
        }
    }
}
