// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tables into text.

use std::fmt::{self, Write};

use lb_ipvs::{
    AddressFamily, Change, Destination, ForwardingMethod, Netmask, Protocol, Service, ServiceFlags,
    ServiceKey, SyncDaemon, Table, TableChange, TableService, Thresholds, Timeouts, Tunnel,
    TunnelFlags, TunnelKind,
};

use super::{
    DAEMONS, HEADER, SERVICES, VERSION,
    extension::{Extension, escape},
};
use crate::{
    Numeric,
    command::MAX_TIMEOUT,
    names::{endpoint, scheduler_flags},
    save::tunnel_options,
};

/// The flags that ipvsadm's options set.
const NAMED: ServiceFlags = ServiceFlags::ONE_PACKET
    .union(ServiceFlags::SCHED_1)
    .union(ServiceFlags::SCHED_2)
    .union(ServiceFlags::SCHED_3);

/// Writes a table: services by key, each with its destinations by address, then the time-outs,
/// then the sync daemons. Equal tables give equal texts.
///
/// Equivalent to `lbctl ipvs save --full`; ipvsadm has none, its `-S` loses much of this.
///
/// # Errors
/// When `out` fails.
pub fn write(table: &Table, out: &mut impl Write) -> fmt::Result {
    write!(out, "{HEADER}{VERSION}: {SERVICES}")?;
    if table.sync_daemons().is_some() {
        write!(out, ", {DAEMONS}")?;
    }
    writeln!(out)?;
    for entry in table.services() {
        let subject = subject(&entry.service().key, Some(entry));
        writeln!(out, "-A {subject}{}", service_options(entry.service()))?;
        for destination in entry.destinations() {
            writeln!(
                out,
                "{}",
                destination_line(&subject, entry.service(), destination)
            )?;
        }
    }
    if let Some(timeouts) = table.timeouts() {
        writeln!(out, "{}", timeouts_line(timeouts))?;
    }
    for daemon in table.sync_daemons().into_iter().flatten() {
        writeln!(out, "{}", daemon_line(daemon))?;
    }
    Ok(())
}

/// The line that a change adds, alters or takes away; `table` is the one that has it: of a
/// deletion the table before the change, else the one after.
///
/// ```
/// use lb_ipvs::{Scheduler, Service, ServiceKey, Table, plan_table};
/// use lb_ipvsadm::table;
/// let key = ServiceKey::tcp("10.0.0.1:80".parse()?);
/// let mut after = Table::new();
/// after.add_service(Service::new(key, Scheduler::RoundRobin))?;
/// let changes = plan_table(&Table::new(), &after);
/// assert_eq!(table::change_line(&after, &changes[0]), "-A -t 10.0.0.1:80 -s rr");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn change_line(table: &Table, change: &TableChange) -> String {
    let entry = match change {
        TableChange::Entry(change) => table.service(&change.key()),
        TableChange::SetTimeouts(timeouts) => {
            return timeouts_line(table.timeouts().unwrap_or(timeouts));
        }
        TableChange::StartSyncDaemon(daemon) => return daemon_line(daemon),
        TableChange::StopSyncDaemon(state) => {
            let mut daemons = table.sync_daemons().into_iter().flatten();
            return daemons
                .find(|daemon| daemon.state == *state)
                .map_or_else(|| format!("--start-daemon {state}"), daemon_line);
        }
    };
    let TableChange::Entry(change) = change else {
        return String::new();
    };
    let subject = subject(&change.key(), entry);
    let destination = match change {
        Change::AddDestination(_, destination) | Change::EditDestination(_, destination) => {
            entry.and_then(|entry| entry.destination(destination.address))
        }
        Change::DeleteDestination(_, address) => {
            entry.and_then(|entry| entry.destination(*address))
        }
        _ => None,
    };
    match (entry, destination, change) {
        (Some(entry), Some(destination), _) => {
            destination_line(&subject, entry.service(), destination)
        }
        (_, None, Change::DeleteDestination(_, address)) => format!("-a {subject} -r {address}"),
        (Some(entry), None, _) => format!("-A {subject}{}", service_options(entry.service())),
        (None, ..) => format!("-A {subject}"),
    }
}

/// `-t ADDRESS:PORT` and the like.
fn subject(key: &ServiceKey, entry: Option<&TableService>) -> String {
    match key {
        ServiceKey::Address { protocol, address } => {
            let persistent = entry.is_none_or(|entry| is_persistent(entry.service()));
            let endpoint = endpoint(&Numeric, Some(*protocol), address);
            let option = match protocol {
                Protocol::Tcp => "-t",
                Protocol::Udp => "-u",
                Protocol::Sctp => "--sctp-service",
                Protocol::Other(_) => "",
            };
            if option.is_empty() || address.port() == 0 && !persistent {
                Extension::Service.write(format_args!("{}/{endpoint}", protocol.number()))
            } else {
                format!("{option} {endpoint}")
            }
        }
        ServiceKey::FirewallMark { mark, family } => match family {
            AddressFamily::Ipv4 => format!("-f {mark}"),
            AddressFamily::Ipv6 => format!("-f {mark} -6"),
        },
    }
}

/// Whether `-p` can say it.
fn is_persistent(service: &Service) -> bool {
    service
        .persistence
        .is_some_and(|persistence| (1..=MAX_TIMEOUT).contains(&persistence.timeout.as_secs()))
}

/// Everything behind the service's name, each option after a blank.
fn service_options(service: &Service) -> String {
    let mut text = String::new();
    let mut option = |word: fmt::Arguments<'_>| {
        text.push(' ');
        // Writing to a string does not fail.
        let _ = text.write_fmt(word);
    };
    let scheduler = service.scheduler.as_str();
    if is_plain(scheduler) {
        option(format_args!("-s {scheduler}"));
    } else {
        option(format_args!(
            "{}",
            Extension::Scheduler.write(format_args!("{}", escape(scheduler)))
        ));
    }
    if let Some(persistence) = service.persistence {
        let seconds = persistence.timeout.as_secs();
        if is_persistent(service) {
            option(format_args!("-p {seconds}"));
        } else {
            option(format_args!(
                "{}",
                Extension::Persistent.write(format_args!("{seconds}"))
            ));
        }
    }
    let mask = service.netmask;
    if mask != Netmask::host(service.key.family()) {
        let sayable = match mask {
            Netmask::Ipv4(_) => service.key.family() == AddressFamily::Ipv4,
            Netmask::Ipv6(length) => {
                service.key.family() == AddressFamily::Ipv6 && (1..=128).contains(&length)
            }
        };
        if sayable {
            option(format_args!("-M {mask}"));
        } else {
            option(format_args!(
                "{}",
                Extension::Netmask.write(format_args!("{mask}"))
            ));
        }
    }
    if let Some(engine) = &service.persistence_engine {
        let engine = engine.as_str();
        if is_plain(engine) {
            option(format_args!("--pe {engine}"));
        } else {
            option(format_args!(
                "{}",
                Extension::Engine.write(format_args!("{}", escape(engine)))
            ));
        }
    }
    let mut other = service.flags.difference(NAMED);
    if service.flags.contains(ServiceFlags::ONE_PACKET) {
        if matches!(service.key.protocol(), None | Some(Protocol::Udp)) {
            option(format_args!("-o"));
        } else {
            other |= ServiceFlags::ONE_PACKET;
        }
    }
    if let Some(flags) = scheduler_flags(&service.scheduler, service.flags) {
        option(format_args!("-b {flags}"));
    }
    if !other.is_empty() {
        option(format_args!(
            "{}",
            Extension::Flags.write(format_args!("{:#x}", other.bits()))
        ));
    }
    text
}

fn destination_line(subject: &str, service: &Service, destination: &Destination) -> String {
    let address = endpoint(&Numeric, None, &destination.address);
    let mut line = format!("-a {subject} -r {address}");
    // Writing to a string does not fail.
    let _ = destination_options(service, destination, &mut line);
    line
}

fn destination_options(
    service: &Service,
    destination: &Destination,
    out: &mut String,
) -> fmt::Result {
    let Destination {
        address,
        forwarding,
        weight,
        thresholds: Thresholds { upper, lower },
        ..
    } = destination;
    let same_family = AddressFamily::for_address(address) == service.key.family();
    let same_port = service
        .key
        .address()
        .is_none_or(|service| service.port() == address.port());
    let method = match forwarding {
        ForwardingMethod::Masquerade if same_family => Some("-m"),
        ForwardingMethod::DirectRouting if same_family && same_port => Some("-g"),
        ForwardingMethod::Tunnel(tunnel) if same_port && is_named(*tunnel) => Some("-i"),
        _ => None,
    };
    match (method, forwarding) {
        (Some(method), _) => write!(out, " {method}")?,
        (None, ForwardingMethod::Tunnel(tunnel)) => {
            let (kind, port, flags) = (tunnel.kind.number(), tunnel.port, tunnel.flags.bits());
            let value = format_args!("{kind}:{port}:{flags:#x}");
            write!(out, " {}", Extension::Tunnel.write(value))?;
        }
        (None, other) => {
            let name = match other {
                ForwardingMethod::Masquerade => "masquerade".to_owned(),
                ForwardingMethod::DirectRouting => "direct-routing".to_owned(),
                ForwardingMethod::Local => "local".to_owned(),
                ForwardingMethod::Bypass => "bypass".to_owned(),
                ForwardingMethod::Other(number) => number.to_string(),
                ForwardingMethod::Tunnel(_) => String::new(),
            };
            write!(
                out,
                " {}",
                Extension::Forwarding.write(format_args!("{name}"))
            )?;
        }
    }
    write!(out, " -w {weight}")?;
    if let (Some(_), ForwardingMethod::Tunnel(tunnel)) = (method, forwarding) {
        tunnel_options(*tunnel, out)?;
    }
    for (value, option, extension) in [
        (*upper, "-x", Extension::Upper),
        (*lower, "-y", Extension::Lower),
    ] {
        match i32::try_from(value) {
            Ok(0) => {}
            Ok(value) => write!(out, " {option} {value}")?,
            Err(_) => write!(out, " {}", extension.write(format_args!("{value}")))?,
        }
    }
    Ok(())
}

/// Whether `--tun-type` and its like can say it.
fn is_named(tunnel: Tunnel) -> bool {
    let Tunnel {
        kind, port, flags, ..
    } = tunnel;
    match kind {
        TunnelKind::Ipip => port == 0 && flags.is_empty(),
        TunnelKind::Gue => {
            let one = [
                TunnelFlags::empty(),
                TunnelFlags::CHECKSUM,
                TunnelFlags::REMOTE_CHECKSUM,
            ];
            port != 0 && one.contains(&flags)
        }
        TunnelKind::Gre => {
            port == 0 && [TunnelFlags::empty(), TunnelFlags::CHECKSUM].contains(&flags)
        }
        TunnelKind::Other(_) => false,
    }
}

fn timeouts_line(timeouts: &Timeouts) -> String {
    let mut line = "--set".to_owned();
    let mut extended = String::new();
    for (time, extension) in [
        (timeouts.tcp, Extension::TimeoutTcp),
        (timeouts.tcp_fin, Extension::TimeoutTcpFin),
        (timeouts.udp, Extension::TimeoutUdp),
    ] {
        let seconds = time.as_secs();
        if seconds <= MAX_TIMEOUT {
            line.push_str(&format!(" {seconds}"));
        } else {
            line.push_str(" 0");
            extended.push_str(&format!(" {}", extension.write(format_args!("{seconds}"))));
        }
    }
    line + &extended
}

fn daemon_line(daemon: &SyncDaemon) -> String {
    let mut line = format!("--start-daemon {}", daemon.state);
    let mut option = |sayable: bool, name: &str, extension: Extension, value: &str| {
        line.push(' ');
        if sayable {
            line.push_str(&format!("{name} {value}"));
        } else {
            line.push_str(&extension.write(format_args!("{}", escape(value))));
        }
    };
    let interface = daemon.interface.as_str();
    let plain = is_plain(interface) && interface.len() <= 15;
    option(plain, "--mcast-interface", Extension::Interface, interface);
    let id = daemon.sync_id.get();
    option(id <= 255, "--syncid", Extension::SyncId, &id.to_string());
    if let Some(length) = daemon.max_length {
        let sayable = (1..=65507).contains(&length);
        option(
            sayable,
            "--sync-maxlen",
            Extension::MaxLength,
            &length.to_string(),
        );
    }
    if let Some(group) = daemon.group {
        option(
            group.is_multicast(),
            "--mcast-group",
            Extension::Group,
            &group.to_string(),
        );
    }
    if let Some(port) = daemon.port {
        option(
            port != 0,
            "--mcast-port",
            Extension::Port,
            &port.to_string(),
        );
    }
    if let Some(ttl) = daemon.ttl {
        option(ttl != 0, "--mcast-ttl", Extension::Ttl, &ttl.to_string());
    }
    line
}

/// Whether a name is one word to every reader of such lines.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name != "ipvsadm"
        && !name.starts_with('-')
        && name.bytes().all(|byte| byte.is_ascii_graphic())
}
