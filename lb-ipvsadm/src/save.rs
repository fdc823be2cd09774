// SPDX-License-Identifier: MIT OR Apache-2.0
//! `ipvsadm -S`.

use std::fmt::{self, Write};

use lb_ipvs::{
    AddressFamily, Destination, ForwardingMethod, Protocol, Service, ServiceFlags, ServiceKey,
    TableEntry, Tunnel, TunnelFlags, TunnelKind,
};

use super::{
    names::{Names, endpoint, scheduler_flags},
    sort::in_order,
};

/// Writes a table as `ipvsadm -S` prints it: the options that make it again.
///
/// As in the original, thresholds, time-outs and sync daemons are not in it, and a destination
/// that the kernel knows to be local is saved as `-g`. Marks are unsigned, so that the original
/// can read them too.
///
/// # Errors
/// When `out` fails.
///
/// # Examples
/// ```
/// use lb_ipvs::{Destination, DestinationEntry, Connections, Scheduler, Service, ServiceEntry};
/// use lb_ipvs::{ServiceKey, Stats, TableEntry};
///
/// let service = Service::new(ServiceKey::tcp("10.0.0.1:80".parse()?), Scheduler::RoundRobin);
/// let destination = Destination::new("10.0.1.1:80".parse()?);
/// let table = [TableEntry {
///     service: ServiceEntry { service, stats: Stats::default() },
///     destinations: vec![DestinationEntry {
///         destination,
///         connections: Connections::default(),
///         stats: Stats::default(),
///     }],
/// }];
/// let mut out = String::new();
/// lb_ipvsadm::save(&lb_ipvsadm::Numeric, &table, &mut out)?;
/// assert_eq!(out, "-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 10.0.1.1:80 -g -w 1\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn save(names: &dyn Names, table: &[TableEntry], out: &mut impl Write) -> fmt::Result {
    for (entry, destinations) in in_order(table, true) {
        let service = &entry.service.service;
        let name = service_option(names, &service.key);
        service_line(&name, service, out)?;
        for destination in destinations {
            let destination = &destination.destination;
            let address = endpoint(names, service.key.protocol(), &destination.address);
            destination_line(&name, &address, destination, out)?;
        }
    }
    Ok(())
}

/// `-t ADDRESS:PORT` and the like.
fn service_option(names: &dyn Names, key: &ServiceKey) -> String {
    match key {
        ServiceKey::Address { protocol, address } => {
            let option = match protocol {
                Protocol::Tcp => "-t",
                Protocol::Udp => "-u",
                Protocol::Sctp => "--sctp-service",
                Protocol::Other(_) => "--xxx-service",
            };
            format!("{option} {}", endpoint(names, Some(*protocol), address))
        }
        ServiceKey::FirewallMark {
            mark,
            family: AddressFamily::Ipv4,
        } => format!("-f {mark}"),
        ServiceKey::FirewallMark {
            mark,
            family: AddressFamily::Ipv6,
        } => format!("-f {mark} -6"),
    }
}

fn service_line(name: &str, service: &Service, out: &mut impl Write) -> fmt::Result {
    write!(out, "-A {name} -s {}", service.scheduler)?;
    if let Some(persistence) = service.persistence {
        write!(out, " -p {}", persistence.seconds())?;
        if !service.netmask.is_host() {
            write!(out, " -M {}", service.netmask)?;
        }
    }
    if let Some(engine) = &service.persistence_engine {
        write!(out, " --pe {engine}")?;
    }
    if service.flags.contains(ServiceFlags::ONE_PACKET) {
        out.write_str(" -o")?;
    }
    if let Some(flags) = scheduler_flags(&service.scheduler, service.flags) {
        write!(out, " -b {flags}")?;
    }
    writeln!(out)
}

fn destination_line(
    service: &str,
    address: &str,
    destination: &Destination,
    out: &mut impl Write,
) -> fmt::Result {
    let method = match destination.forwarding {
        ForwardingMethod::Masquerade => "-m",
        ForwardingMethod::Tunnel(_) => "-i",
        ForwardingMethod::Local
        | ForwardingMethod::DirectRouting
        | ForwardingMethod::Bypass
        | ForwardingMethod::Other(_) => "-g",
    };
    write!(
        out,
        "-a {service} -r {address} {method} -w {}",
        destination.weight
    )?;
    if let ForwardingMethod::Tunnel(tunnel) = destination.forwarding {
        tunnel_options(tunnel, out)?;
    }
    writeln!(out)
}

pub(super) fn tunnel_options(tunnel: Tunnel, out: &mut impl Write) -> fmt::Result {
    let checksum = if tunnel.flags.contains(TunnelFlags::REMOTE_CHECKSUM) {
        "--tun-remcsum"
    } else if tunnel.flags.contains(TunnelFlags::CHECKSUM) {
        "--tun-csum"
    } else {
        "--tun-nocsum"
    };
    match tunnel.kind {
        TunnelKind::Ipip => out.write_str(" --tun-type ipip"),
        TunnelKind::Gue => write!(out, " --tun-type gue --tun-port {} {checksum}", tunnel.port),
        TunnelKind::Gre => write!(out, " --tun-type gre {checksum}"),
        TunnelKind::Other(number) => write!(out, " --tun-type {number}"),
    }
}
