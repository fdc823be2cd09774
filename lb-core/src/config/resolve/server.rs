// SPDX-License-Identifier: MIT OR Apache-2.0
//! Virtual servers and real servers.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use lb_ipvs::{
    AddressFamily, Destination, ForwardingMethod, Persistence, Protocol, Service, ServiceFlags,
    ServiceKey, Thresholds, Weight,
};

use super::Config;
use super::assumed::{assumed, family};
use super::check;
use super::notify;
use super::server_group::Groups;
use crate::config::Diagnostic;
use crate::config::endpoint::Endpoint;
use crate::config::global::GlobalConfig;
use crate::config::keyword::read_virtual_server;
use crate::config::line::{At, Context};
use crate::config::real::RealServerConfig;
use crate::config::server::{Entrance, VirtualServerConfig};
use crate::config::source::Span;
use crate::model::{RealServer, ServiceGroup, VirtualServer};

const DELAY_LOOP: Duration = Duration::from_secs(60);

pub(super) fn virtual_servers(context: &mut Context<'_>, config: &Config) -> Vec<VirtualServer> {
    let mut seen: HashMap<ServiceKey, Span> = HashMap::with_capacity(config.servers.len());
    let mut servers = Vec::with_capacity(config.servers.len());
    let mut groups = Groups::new(&config.server_groups);
    for block in &config.servers {
        let written = read_virtual_server(context, *block);
        let Some(mut server) = virtual_server(context, &config.global, &written, &groups) else {
            continue;
        };
        if server.group.is_some() {
            if groups.claim(context, &written, &mut seen, &mut server) {
                servers.push(server);
            }
            continue;
        }
        if let Some(first) = seen.get(&server.service.key) {
            let message = format!("virtual server {} is given twice", server.name());
            let finding = Diagnostic::error(written.span, message).silent();
            context
                .findings
                .push(finding.note_at(*first, "the first one holds, this one is skipped"));
            continue;
        }
        seen.insert(server.service.key, written.span);
        servers.push(server);
    }
    servers
}

fn virtual_server(
    context: &mut Context<'_>,
    global: &GlobalConfig,
    written: &VirtualServerConfig,
    groups: &Groups<'_>,
) -> Option<VirtualServer> {
    let keys = match written.entrance {
        _ if !written.valid => Vec::new(),
        Entrance::Address { ip, port } => vec![address_key(context, written, ip, port)],
        Entrance::Mark(mark) => vec![mark_key(context, written, mark)],
        Entrance::Group => groups.keys(context, written),
    };
    let Some(key) = keys.first().copied() else {
        // Its blocks are read for further mistakes.
        let method = ForwardingMethod::Masquerade;
        let place = Place {
            keys: Vec::new(),
            name: String::new(),
            method,
            written,
            global,
        };
        for real in &written.real_servers {
            place.real_server(context, real);
        }
        return None;
    };
    let service = service(context, written, &keys)?;
    let method = written.method.map_or_else(
        || {
            let needed = written
                .real_servers
                .iter()
                .any(|real| real.method.is_none());
            if needed {
                assumed(context, written, &["lb_kind", "lvs_method"], "NAT");
            }
            ForwardingMethod::Masquerade
        },
        |at| at.value,
    );
    let mut server = VirtualServer::new(service)
        .with_delay_loop(written.checks.delay_loop.map_or(DELAY_LOOP, |at| at.value))
        .with_ha_suspend(written.ha_suspend)
        .with_alpha(written.checks.alpha.is_some_and(|at| at.value))
        .with_omega(written.omega.is_some_and(|at| at.value))
        .with_inhibit_on_failure(written.inhibit.is_some_and(|at| at.value))
        .with_sorry_server_inhibit(written.sorry_inhibit);
    if let Some(name) = &written.group {
        let group = ServiceGroup::new(name.value.as_str());
        let further = keys.iter().skip(1);
        server = server.with_group(further.copied().fold(group, ServiceGroup::with_service));
    }
    let alert = written
        .smtp_alert
        .or(global.smtp_alert_checker)
        .or(global.smtp_alert);
    server.smtp_alert = alert.is_some_and(|at| at.value);
    if let Some(sorry) = &written.sorry_server {
        let method = written.sorry_method.map_or(method, |at| at.value);
        let address = destination(context, &keys, written, &sorry.value, method, sorry.span);
        server.sorry_server =
            address.map(|address| Destination::new(address).with_forwarding(method));
    }
    let place = Place {
        keys,
        name: server.name(),
        method,
        written,
        global,
    };
    let mut seen: HashMap<SocketAddr, Span> = HashMap::new();
    for real in &written.real_servers {
        let Some(real_server) = place.real_server(context, real) else {
            continue;
        };
        let address = server
            .destination_for(key, &real_server.destination)
            .address;
        if let Some(first) = seen.get(&address) {
            let finding = Diagnostic::error(real.span, "this real server is given twice");
            context
                .findings
                .push(finding.note_at(*first, "the first one holds, this one is skipped"));
            continue;
        }
        seen.insert(address, real.span);
        server.real_servers.push(real_server);
    }
    if server.real_servers.is_empty() {
        if written.real_servers.is_empty() {
            let finding = Diagnostic::error(written.span, "virtual server without a real server");
            context.findings.push(finding.note("it is skipped"));
        }
        return None;
    }
    server.real_servers.shrink_to_fit();
    quorum(context, written, &mut server);
    let webhook = global.webhook.as_ref();
    server.notify = notify::server(context, &global.script_rules, &written.notify, webhook);
    Some(server)
}

fn service(
    context: &mut Context<'_>,
    written: &VirtualServerConfig,
    keys: &[ServiceKey],
) -> Option<Service> {
    let key = *keys.first()?;
    let scheduler = written
        .scheduler
        .as_ref()
        .map(|at| at.value.clone())
        .unwrap_or_else(|| {
            assumed(context, written, &["lb_algo", "lvs_sched"], "wlc");
            lb_ipvs::Scheduler::default()
        });
    let mut service = Service::new(key, scheduler).with_flags(written.flags);
    one_packet(context, written, &mut service);
    let portless = keys
        .iter()
        .filter_map(ServiceKey::address)
        .any(|address| address.port() == 0);
    let timeout = written.persistence.map(|at| at.value);
    if portless && timeout.is_none() && written.granularity.is_none() {
        let message = "a service for every port must be persistent";
        let finding = Diagnostic::warning(written.span, message);
        let seconds = Persistence::DEFAULT_TIMEOUT.as_secs();
        let label = format!("`persistence_timeout {seconds}` is assumed");
        context.findings.push(finding.label(label));
    }
    if timeout.is_some() || written.granularity.is_some() || portless {
        let timeout = timeout.unwrap_or(Persistence::DEFAULT_TIMEOUT);
        service = service.with_persistence(Persistence::new(timeout));
    }
    if let Some(mask) = written.granularity {
        if keys.iter().any(|key| key.family() == mask.value.family()) {
            service = service.with_netmask(mask.value);
        } else {
            context.error(
                mask.span,
                "not a mask of the virtual server's address family",
            );
        }
    }
    if let Some(engine) = &written.engine {
        service = service.with_persistence_engine(engine.value.clone());
    }
    Some(service)
}

/// The key of a service that is written as an address.
fn address_key(
    context: &mut Context<'_>,
    written: &VirtualServerConfig,
    ip: IpAddr,
    port: u16,
) -> ServiceKey {
    let protocol = written.protocol.map_or_else(
        || {
            assumed(context, written, &["protocol"], "UDP");
            Protocol::Udp
        },
        |at| at.value,
    );
    if let Some(family) = written.family {
        context.findings.push(
            Diagnostic::warning(family.span, "`ip_family` is for `fwmark` services")
                .label("ignored"),
        );
    }
    ServiceKey::Address {
        protocol,
        address: SocketAddr::new(ip, port),
    }
}

/// The key of a service that is written as a firewall mark.
fn mark_key(
    context: &mut Context<'_>,
    written: &VirtualServerConfig,
    mark: NonZeroU32,
) -> ServiceKey {
    if let Some(protocol) = written.protocol {
        context.findings.push(
            Diagnostic::warning(protocol.span, "a `fwmark` service has no protocol")
                .label("ignored"),
        );
    }
    let first = written
        .real_servers
        .iter()
        .find(|real| real.valid)
        .map(|real| family(real.endpoint.ip));
    let family = written.family.map(|at| at.value).or(first);
    ServiceKey::firewall_mark(mark, family.unwrap_or(AddressFamily::Ipv4))
}

/// Only UDP and marks are scheduled packet by packet.
fn one_packet(context: &mut Context<'_>, written: &VirtualServerConfig, service: &mut Service) {
    let Some(ops) = written.one_packet.filter(|at| at.value) else {
        return;
    };
    match service.key.protocol() {
        None | Some(Protocol::Udp) => service.flags |= ServiceFlags::ONE_PACKET,
        Some(protocol) => {
            let message = format!("`ops` does not go with {protocol}");
            context
                .findings
                .push(Diagnostic::warning(ops.span, message).label("ignored"));
        }
    }
}

/// Where the kernel sends packets: the port may differ from the service's only with NAT. In a group it
/// is the written one, from which [`VirtualServer::destination_for`] makes that of each service.
fn destination(
    context: &mut Context<'_>,
    keys: &[ServiceKey],
    written: &VirtualServerConfig,
    endpoint: &Endpoint,
    method: ForwardingMethod,
    place: Span,
) -> Option<SocketAddr> {
    let tunnel = matches!(method, ForwardingMethod::Tunnel(_));
    if !tunnel && keys.iter().any(|key| family(endpoint.ip) != key.family()) {
        let finding = Diagnostic::error(place, "not of the virtual server's address family");
        context
            .findings
            .push(finding.note("only tunnels lead from one family to the other"));
        return None;
    }
    if written.group.is_some() {
        let port = endpoint.port.map_or(0, |port| port.value);
        return Some(SocketAddr::new(endpoint.ip, port));
    }
    let address = keys.first().and_then(ServiceKey::address);
    let service = address.map_or(0, |address| address.port());
    let port = match endpoint.port {
        Some(port) if port.value != service && method != ForwardingMethod::Masquerade => {
            let (message, label) = match address {
                Some(_) => (
                    "only NAT can change the port",
                    format!("the virtual server's port {service} is used"),
                ),
                None => (
                    "a firewall mark stands for every port",
                    "checks go to this port".to_owned(),
                ),
            };
            let finding = Diagnostic::warning(port.span, message);
            context.findings.push(finding.label(label));
            service
        }
        Some(port) => port.value,
        None => service,
    };
    Some(SocketAddr::new(endpoint.ip, port))
}

/// keepalived lowers what could never be reached.
fn quorum(context: &mut Context<'_>, written: &VirtualServerConfig, server: &mut VirtualServer) {
    let weights = server
        .real_servers
        .iter()
        .map(|real| u64::from(real.destination.weight.get()));
    let total = u32::try_from(weights.sum::<u64>())
        .unwrap_or(u32::MAX)
        .max(1);
    let mut lowered = |setting: Option<At<u32>>, most: u32, default: u32, why: &str| {
        let Some(at) = setting else {
            return default.min(most);
        };
        if at.value > most {
            let finding = Diagnostic::warning(at.span, format!("lowered to {most}"));
            context.findings.push(finding.label(why));
        }
        at.value.min(most)
    };
    let quorum = lowered(written.quorum, total, 1, "above the sum of the weights");
    let hysteresis = lowered(
        written.hysteresis,
        quorum - 1,
        0,
        "must be below the quorum",
    );
    server.quorum = quorum;
    server.hysteresis = hysteresis;
    let needed = u64::from(quorum) + u64::from(hysteresis);
    if needed > u64::from(total) {
        let span = written.hysteresis.map_or(written.span, |at| at.span);
        let message = format!("a lost quorum is regained at a weight of {needed}");
        let finding = Diagnostic::warning(span, message).silent();
        let label = format!("the real servers have {total} in all");
        context.findings.push(finding.label(label));
    }
}

/// What the real servers of one virtual server share.
pub(super) struct Place<'c> {
    /// The keys of all services.
    pub(super) keys: Vec<ServiceKey>,
    pub(super) name: String,
    pub(super) method: ForwardingMethod,
    pub(super) written: &'c VirtualServerConfig,
    pub(super) global: &'c GlobalConfig,
}

impl Place<'_> {
    fn real_server(
        &self,
        context: &mut Context<'_>,
        real: &RealServerConfig,
    ) -> Option<RealServer> {
        let defaults = real.defaults.or(&self.written.checks);
        // A check connects to the port of the file; the port in the kernel may differ.
        let mut addresses = self.keys.iter().filter_map(ServiceKey::address);
        let service = addresses.next().map_or(0, |address| address.port());
        let port = real.endpoint.port.map_or(service, |port| port.value);
        let target = SocketAddr::new(real.endpoint.ip, port);
        // Exactly as many: a filter would make room for four.
        let mut checks = Vec::with_capacity(real.checks.len());
        for block in &real.checks {
            check::add_checks(context, self, real, &defaults, target, *block, &mut checks);
        }
        if !real.valid || !self.written.valid {
            return None;
        }
        let method = real.method.map_or(self.method, |at| at.value);
        let address = destination(
            context,
            &self.keys,
            self.written,
            &real.endpoint,
            method,
            real.span,
        )?;
        let weight = real.weight.or(self.written.weight);
        let weight = weight
            .and_then(|at| Weight::new(at.value))
            .unwrap_or(Weight::ONE);
        let value = |at: Option<At<u32>>| at.map_or(0, |at| at.value);
        let mut thresholds = Thresholds {
            upper: value(real.upper),
            lower: value(real.lower),
        };
        if let Some(lower) = real.lower.filter(|lower| lower.value > thresholds.upper) {
            let message = "`lthreshold` above `uthreshold` is refused by the kernel";
            let finding = Diagnostic::warning(lower.span, message).silent();
            let note = "without `lthreshold` the limit is three quarters of `uthreshold`";
            context.findings.push(finding.label("ignored").note(note));
            thresholds.lower = 0;
        }
        let destination = Destination::new(address)
            .with_forwarding(method)
            .with_weight(weight)
            .with_thresholds(thresholds);
        let inhibit = real.inhibit.or(self.written.inhibit);
        let alert = real
            .smtp_alert
            .or(self.global.smtp_alert_checker)
            .or(self.global.smtp_alert);
        let mut server = RealServer::new(destination)
            .with_inhibit_on_failure(inhibit.is_some_and(|at| at.value))
            .with_alpha(defaults.alpha.is_some_and(|at| at.value))
            .with_smtp_alert(alert.is_none_or(|at| at.value));
        server.checks = checks;
        server.pending_checks = real.pending.clone().into();
        let webhook = &self.written.notify.webhook;
        let webhook = webhook.as_ref().or(self.global.webhook.as_ref());
        let rules = &self.global.script_rules;
        server.notify = notify::server(context, rules, &real.notify, webhook);
        Some(server)
    }
}
