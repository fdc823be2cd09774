// SPDX-License-Identifier: MIT OR Apache-2.0
//! Virtual servers and real servers.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use lb_ipvs::{
    AddressFamily, Destination, ForwardingMethod, Persistence, Protocol, Service, ServiceFlags,
    ServiceKey, Thresholds, Weight,
};

use super::Config;
use super::check;
use super::notify;
use crate::config::Diagnostic;
use crate::config::global::GlobalConfig;
use crate::config::line::{At, Context};
use crate::config::real::RealServerConfig;
use crate::config::server::{Endpoint, Entrance, VirtualServerConfig};
use crate::config::source::Span;
use crate::model::{RealServer, VirtualServer};

const DELAY_LOOP: Duration = Duration::from_secs(60);

pub(super) fn virtual_servers(context: &mut Context<'_>, config: &Config) -> Vec<VirtualServer> {
    let mut seen: HashMap<ServiceKey, Span> = HashMap::with_capacity(config.servers.len());
    let mut servers = Vec::with_capacity(config.servers.len());
    for block in &config.servers {
        let Some(written) = VirtualServerConfig::read(context, *block) else {
            continue;
        };
        let Some(server) = virtual_server(context, &config.global, &written) else {
            continue;
        };
        if let Some(first) = seen.get(&server.service.key) {
            let message = format!("virtual server {} is given twice", server.name());
            let finding = Diagnostic::error(written.span, message);
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
) -> Option<VirtualServer> {
    if !written.valid {
        let key = ServiceKey::tcp(SocketAddr::from(([0, 0, 0, 0], 1)));
        let method = ForwardingMethod::Masquerade;
        let place = Place {
            key,
            name: String::new(),
            method,
            written,
            global,
        };
        for real in &written.real_servers {
            place.real_server(context, real);
        }
        return None;
    }
    let service = service(context, written);
    let key = service.key;
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
    let alert = written
        .smtp_alert
        .or(global.smtp_alert_checker)
        .or(global.smtp_alert);
    server.smtp_alert = alert.is_some_and(|at| at.value);
    if let Some(sorry) = &written.sorry_server {
        let method = written.sorry_method.map_or(method, |at| at.value);
        let address = destination(context, key, &sorry.value, method, sorry.span);
        server.sorry_server =
            address.map(|address| Destination::new(address).with_forwarding(method));
    }
    let place = Place {
        key,
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
        let address = real_server.destination.address;
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
    server.notify = notify::server(context, &global.script_rules, &written.notify);
    Some(server)
}

/// Reports the value assumed for a missing setting; a setting with a mistake has been reported.
fn assumed(
    context: &mut Context<'_>,
    written: &VirtualServerConfig,
    keywords: &[&str],
    value: &str,
) {
    if context
        .lines(written.block)
        .any(|line| keywords.contains(&context.keyword(line).0))
    {
        return;
    }
    let message = format!("virtual server without `{}`", keywords.join("` or `"));
    let finding = Diagnostic::warning(written.span, message);
    context
        .findings
        .push(finding.label(format!("{value} is assumed")));
}

fn service(context: &mut Context<'_>, written: &VirtualServerConfig) -> Service {
    let key = match written.entrance {
        Entrance::Address { ip, port } => {
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
        Entrance::Mark(mark) => {
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
    };
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
    let portless = key.address().is_some_and(|address| address.port() == 0);
    let timeout = written.persistence.map(|at| at.value);
    if timeout.is_some() || written.granularity.is_some() || portless {
        let timeout = timeout.unwrap_or(Persistence::DEFAULT_TIMEOUT);
        service = service.with_persistence(Persistence::new(timeout));
    }
    if let Some(mask) = written.granularity {
        if mask.value.family() == key.family() {
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
    service
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

const fn family(ip: IpAddr) -> AddressFamily {
    match ip {
        IpAddr::V4(_) => AddressFamily::Ipv4,
        IpAddr::V6(_) => AddressFamily::Ipv6,
    }
}

/// Where the kernel sends packets: the port may differ from the service's only with NAT.
fn destination(
    context: &mut Context<'_>,
    key: ServiceKey,
    endpoint: &Endpoint,
    method: ForwardingMethod,
    place: Span,
) -> Option<SocketAddr> {
    if family(endpoint.ip) != key.family() && !matches!(method, ForwardingMethod::Tunnel(_)) {
        let finding = Diagnostic::error(place, "not of the virtual server's address family");
        context
            .findings
            .push(finding.note("only tunnels lead from one family to the other"));
        return None;
    }
    let service = key.address().map_or(0, |address| address.port());
    let port = match endpoint.port {
        Some(port) if port.value != service && method != ForwardingMethod::Masquerade => {
            // A mark stands for every port: what is written is only where checks go.
            if key.address().is_some() {
                context.findings.push(
                    Diagnostic::warning(port.span, "only NAT can change the port")
                        .label(format!("the virtual server's port {service} is used")),
                );
            }
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
}

/// What the real servers of one virtual server share.
pub(super) struct Place<'c> {
    pub(super) key: ServiceKey,
    pub(super) name: String,
    method: ForwardingMethod,
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
        let service = self.key.address().map_or(0, |address| address.port());
        let port = real.endpoint.port.map_or(service, |port| port.value);
        let target = SocketAddr::new(real.endpoint.ip, port);
        // Exactly as many: a filter would make room for four.
        let mut checks = Vec::with_capacity(real.checks.len());
        for block in &real.checks {
            checks.extend(check::check(context, self, real, &defaults, target, *block));
        }
        if !real.valid || !self.written.valid {
            return None;
        }
        let method = real.method.map_or(self.method, |at| at.value);
        let address = destination(context, self.key, &real.endpoint, method, real.span)?;
        let weight = real.weight.or(self.written.weight);
        let weight = weight
            .and_then(|at| Weight::new(at.value))
            .unwrap_or(Weight::ONE);
        let value = |at: Option<At<u32>>| at.map_or(0, |at| at.value);
        let thresholds = Thresholds {
            upper: value(real.upper),
            lower: value(real.lower),
        };
        if let Some(lower) = real.lower.filter(|lower| lower.value > thresholds.upper) {
            context.warning(lower.span, "`lthreshold` above `uthreshold` has no effect");
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
        server.notify = notify::server(context, &self.global.script_rules, &real.notify);
        Some(server)
    }
}
