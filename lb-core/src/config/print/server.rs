// SPDX-License-Identifier: MIT OR Apache-2.0
//! Virtual servers, their groups and their real servers.

use std::net::{IpAddr, SocketAddr};

use lb_ipvs::{
    AddressFamily, Destination, ForwardingMethod, Netmask, Protocol, Scheduler, Service,
    ServiceFlags, ServiceKey, TunnelFlags, TunnelKind,
};

use crate::model::{RealServer, ServerNotify, VirtualServer};

use super::PrintError;
use super::check;
use super::page::Page;

/// The entrances of a group: an address with its port, or a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    Address(SocketAddr),
    Mark(u32, AddressFamily),
}

impl From<ServiceKey> for Entry {
    fn from(key: ServiceKey) -> Self {
        match key {
            ServiceKey::Address { address, .. } => Self::Address(address),
            ServiceKey::FirewallMark { mark, family } => Self::Mark(mark.get(), family),
        }
    }
}

/// Prints each group once, with the services of all virtual servers that name it.
pub(super) fn server_groups(page: &mut Page, servers: &[VirtualServer]) {
    let mut groups: Vec<(&str, Vec<Entry>)> = Vec::new();
    for server in servers {
        let Some(group) = &server.group else { continue };
        let known = groups.iter().position(|(name, _)| *name == group.name);
        let entries: Vec<Entry> = server.keys().map(Entry::from).collect();
        match known.and_then(|at| groups.get_mut(at)) {
            Some((_, known)) => merge(known, &entries),
            None => groups.push((&group.name, entries)),
        }
    }
    for (name, entries) in groups {
        page.open(["virtual_server_group", name]);
        print_entries(page, &entries);
        page.close();
    }
}

/// Adds the entries that are not known, each behind the one that precedes it.
fn merge(known: &mut Vec<Entry>, entries: &[Entry]) {
    if known.as_slice() == entries {
        return;
    }
    let mut at = 0;
    for entry in entries {
        at = match known.iter().position(|known| known == entry) {
            Some(place) => place + 1,
            None => {
                known.insert(at, *entry);
                at + 1
            }
        };
    }
}

/// Prints entries; addresses that follow each other make a range.
fn print_entries(page: &mut Page, entries: &[Entry]) {
    for range in entries.chunk_by(|one, next| follows(*one, *next)) {
        match (range.first(), range.last()) {
            (Some(Entry::Mark(mark, family)), _) => {
                page.line(["fwmark", &mark.to_string(), family_word(*family)]);
            }
            (Some(Entry::Address(first)), Some(Entry::Address(last))) => {
                let ip = match range.len() {
                    1 => first.ip().to_string(),
                    _ => format!("{}-{}", first.ip(), last_part(last.ip())),
                };
                let port = Some(first.port()).filter(|port| *port != 0);
                let port = port.map(|port| port.to_string());
                page.line(std::iter::once(ip).chain(port));
            }
            _ => {}
        }
    }
}

/// Whether an address is the next one, with the same port, and only its last part differs.
fn follows(one: Entry, next: Entry) -> bool {
    let (Entry::Address(one), Entry::Address(next)) = (one, next) else {
        return false;
    };
    let is_next = match (one.ip(), next.ip()) {
        (IpAddr::V4(one), IpAddr::V4(next)) => {
            let (one, next) = (u32::from(one), u32::from(next));
            one >> 8 == next >> 8 && one.wrapping_add(1) == next
        }
        (IpAddr::V6(one), IpAddr::V6(next)) => {
            let (one, next) = (u128::from(one), u128::from(next));
            one >> 16 == next >> 16 && one.wrapping_add(1) == next
        }
        _ => false,
    };
    is_next && one.port() == next.port()
}

fn last_part(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => {
            let [.., last] = ip.octets();
            last.to_string()
        }
        IpAddr::V6(ip) => {
            let [.., last] = ip.segments();
            format!("{last:x}")
        }
    }
}

const fn family_word(family: AddressFamily) -> &'static str {
    match family {
        AddressFamily::Ipv4 => "inet",
        AddressFamily::Ipv6 => "inet6",
    }
}

pub(super) fn virtual_server(page: &mut Page, server: &VirtualServer) {
    open(page, server);
    page.seconds("delay_loop", server.delay_loop);
    service(page, &server.service);
    // The method of most real servers, which then need not name it.
    let method = server
        .real_servers
        .first()
        .map(|real| real.destination.forwarding);
    if let Some(method) = method {
        print_method(page, "lvs_method", method);
    }
    page.flag("ha_suspend", server.ha_suspend);
    page.flag("alpha", server.alpha);
    page.flag("omega", server.omega);
    if server.quorum != 1 {
        page.set("quorum", server.quorum);
    }
    if server.hysteresis != 0 {
        page.set("hysteresis", server.hysteresis);
    }
    page.flag("inhibit_on_failure", server.inhibit_on_failure);
    page.flag("smtp_alert", server.smtp_alert);
    if let Some(notify) = &server.notify {
        page.script("quorum_up", notify.up.as_ref());
        page.script("quorum_down", notify.down.as_ref());
        page.webhook(notify.webhook.as_deref());
    }
    if let Some(sorry) = &server.sorry_server {
        page.line(std::iter::once("sorry_server".to_owned()).chain(endpoint(sorry.address)));
        print_method(page, "sorry_server_lvs_method", sorry.forwarding);
        page.flag("sorry_server_inhibit", server.sorry_server_inhibit);
    }
    for real in &server.real_servers {
        real_server(page, server, real, method);
    }
    page.close();
}

/// Begins the block, up to what makes it one service or more.
fn open(page: &mut Page, server: &VirtualServer) {
    let protocol = server.protocol();
    match (&server.group, server.service.key) {
        (Some(group), _) => page.open(["virtual_server", "group", &group.name]),
        (None, ServiceKey::Address { address, .. }) => {
            page.open(std::iter::once("virtual_server".to_owned()).chain(endpoint(address)));
        }
        (None, ServiceKey::FirewallMark { mark, family }) => {
            page.open(["virtual_server", "fwmark", &mark.to_string()]);
            page.set("ip_family", family_word(family));
        }
    }
    match protocol {
        None => {}
        Some(Protocol::Tcp) => page.set("protocol", "TCP"),
        Some(Protocol::Udp) => page.set("protocol", "UDP"),
        Some(Protocol::Sctp) => page.set("protocol", "SCTP"),
        Some(other) => {
            let value = other.to_string();
            let what = "protocol";
            page.fail(PrintError::Setting { what, value });
        }
    }
}

/// Address and port, without a port that is 0.
fn endpoint(address: SocketAddr) -> impl Iterator<Item = String> {
    let port = Some(address.port()).filter(|port| *port != 0);
    let port = port.map(|port| port.to_string());
    std::iter::once(address.ip().to_string()).chain(port)
}

fn service(page: &mut Page, service: &Service) {
    page.set("lvs_sched", &service.scheduler);
    let named = match service.scheduler {
        Scheduler::SourceHashing => ["sh-fallback", "sh-port"],
        Scheduler::Maglev => ["mh-fallback", "mh-port"],
        _ => ["flag-1", "flag-2"],
    };
    let [first, second] = named;
    for (keyword, flag) in [
        (first, ServiceFlags::SCHED_1),
        (second, ServiceFlags::SCHED_2),
        ("flag-3", ServiceFlags::SCHED_3),
        ("ops", ServiceFlags::ONE_PACKET),
    ] {
        page.flag(keyword, service.flags.contains(flag));
    }
    let persistence = service.persistence.as_ref();
    let timeout = persistence.map(|persistence| persistence.timeout.as_secs());
    page.set_some("persistence_timeout", timeout);
    if service.netmask != Netmask::host(service.key.family()) {
        match service.netmask {
            Netmask::Ipv4(mask) => page.set("persistence_granularity", mask),
            Netmask::Ipv6(length) => page.set("persistence_granularity", length),
        }
    }
    page.set_some("persistence_engine", service.persistence_engine.as_ref());
}

fn print_method(page: &mut Page, keyword: &str, method: ForwardingMethod) {
    let tunnel = match method {
        ForwardingMethod::Masquerade => return page.set(keyword, "NAT"),
        ForwardingMethod::DirectRouting => return page.set(keyword, "DR"),
        ForwardingMethod::Tunnel(tunnel) => tunnel,
        other => {
            let value = other.to_string();
            let what = "the forwarding method";
            return page.fail(PrintError::Setting { what, value });
        }
    };
    let mut words = vec![keyword.to_owned(), "TUN".to_owned()];
    match tunnel.kind {
        TunnelKind::Ipip => {}
        TunnelKind::Gre => words.extend(["type", "gre"].map(str::to_owned)),
        TunnelKind::Gue => {
            let port = tunnel.port.to_string();
            words.extend(["type", "gue", "port", &port].map(str::to_owned));
        }
        TunnelKind::Other(number) => {
            let value = number.to_string();
            let what = "the kind of tunnel";
            return page.fail(PrintError::Setting { what, value });
        }
    }
    for (flag, word) in [
        (TunnelFlags::CHECKSUM, "csum"),
        (TunnelFlags::REMOTE_CHECKSUM, "remcsum"),
    ] {
        if tunnel.flags.contains(flag) {
            words.push(word.to_owned());
        }
    }
    page.line(words);
}

fn real_server(
    page: &mut Page,
    server: &VirtualServer,
    real: &RealServer,
    method: Option<ForwardingMethod>,
) {
    let Destination {
        address,
        forwarding,
        weight,
        thresholds,
        ..
    } = real.destination;
    let written = SocketAddr::new(address.ip(), written_port(server, real));
    page.open(std::iter::once("real_server".to_owned()).chain(endpoint(written)));
    page.set("weight", weight.get());
    if method != Some(forwarding) {
        print_method(page, "lvs_method", forwarding);
    }
    for (keyword, threshold) in [
        ("uthreshold", thresholds.upper),
        ("lthreshold", thresholds.lower),
    ] {
        if threshold != 0 {
            page.set(keyword, threshold);
        }
    }
    let inhibit = server.inhibit_on_failure;
    page.switch("inhibit_on_failure", real.inhibit_on_failure, inhibit);
    page.switch("alpha", real.alpha, server.alpha);
    page.switch("smtp_alert", real.smtp_alert, true);
    if let Some(notify) = &real.notify {
        page.script("notify_up", notify.up.as_ref());
        page.script("notify_down", notify.down.as_ref());
        page.webhook(notify.webhook.as_deref());
    }
    let webhook = |notify: &Option<Box<ServerNotify>>| notify.as_ref()?.webhook.clone();
    if webhook(&server.notify).is_some() && webhook(&real.notify).is_none() {
        // It would have that of the virtual server.
        page.fail(PrintError::Setting {
            what: "the missing notify_url of real server",
            value: real.destination.address.to_string(),
        });
    }
    let around = check::Surroundings {
        target: check_target(server, written),
        delay_loop: server.delay_loop,
        alpha: real.alpha,
        server: real.name(server.protocol()),
    };
    for spec in &real.checks {
        check::check(page, spec, &around);
    }
    for pending in &real.pending_checks {
        check::pending(page, pending);
    }
    page.close();
}

/// The port of a real server in the file. Where the kernel has that of the service, a script has the
/// written one.
fn written_port(server: &VirtualServer, real: &RealServer) -> u16 {
    let own = real.destination.address.port();
    if server.group.is_some() || real.destination.forwarding == ForwardingMethod::Masquerade {
        return own;
    }
    let mut checks = real.checks.iter();
    let script = checks.find(|check| &*check.kind == "MISC_CHECK");
    script.map_or(own, |check| check.probe.target.address.port())
}

/// What a check without `connect_ip` and `connect_port` connects to.
fn check_target(server: &VirtualServer, real: SocketAddr) -> SocketAddr {
    let mut addresses = server.keys().filter_map(|key| key.address());
    let service = addresses.next().map_or(0, |address| address.port());
    match real.port() {
        0 => SocketAddr::new(real.ip(), service),
        _ => real,
    }
}
