// SPDX-License-Identifier: MIT OR Apache-2.0
//! `virtual_server`.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use lb_ipvs::{
    AddressFamily, EngineName, ForwardingMethod, Netmask, Protocol, Scheduler, ServiceFlags,
};

use super::Diagnostic;
use super::endpoint::{Endpoint, endpoint_words};
use super::line::{At, Context};
use super::method::method;
use super::notify::ServerNotifyConfig;
use super::real::RealServerConfig;
use super::schedule::CheckDefaults;
use super::source::Span;
use super::tree::NodeId;
use super::vocabulary::nearest;

/// What a virtual server is reached by.
#[derive(Clone, Copy, Debug)]
pub(super) enum Entrance {
    Address {
        ip: IpAddr,
        port: u16,
    },
    Mark(NonZeroU32),
    /// The services of a `virtual_server_group`, whose name is [`VirtualServerConfig::group`].
    Group,
}

#[derive(Debug)]
pub(super) struct VirtualServerConfig {
    pub(super) entrance: Entrance,
    /// Whether the line names a valid service. Otherwise the block is only read for further mistakes.
    pub(super) valid: bool,
    /// The name of its group.
    pub(super) group: Option<At<String>>,
    /// Its block.
    pub(super) block: NodeId,
    /// The line `virtual_server …`.
    pub(super) span: Span,
    pub(super) scheduler: Option<At<Scheduler>>,
    pub(super) method: Option<At<ForwardingMethod>>,
    pub(super) protocol: Option<At<Protocol>>,
    pub(super) persistence: Option<At<Duration>>,
    pub(super) granularity: Option<At<Netmask>>,
    pub(super) engine: Option<At<EngineName>>,
    pub(super) one_packet: Option<At<bool>>,
    pub(super) flags: ServiceFlags,
    pub(super) family: Option<At<AddressFamily>>,
    pub(super) ha_suspend: bool,
    pub(super) virtualhost: Option<At<String>>,
    pub(super) checks: CheckDefaults,
    pub(super) omega: Option<At<bool>>,
    pub(super) quorum: Option<At<u32>>,
    pub(super) hysteresis: Option<At<u32>>,
    pub(super) inhibit: Option<At<bool>>,
    pub(super) smtp_alert: Option<At<bool>>,
    pub(super) notify: ServerNotifyConfig,
    pub(super) weight: Option<At<u32>>,
    pub(super) sorry_server: Option<At<Endpoint>>,
    pub(super) sorry_inhibit: bool,
    pub(super) sorry_method: Option<At<ForwardingMethod>>,
    pub(super) real_servers: Vec<RealServerConfig>,
}

impl VirtualServerConfig {
    /// The virtual server of a block, of which only the first line is read.
    pub(super) fn new(context: &mut Context<'_>, block: NodeId) -> Self {
        let mut group = None;
        let entrance = entrance(context, block, &mut group);
        Self {
            valid: entrance.is_some(),
            group,
            block,
            entrance: entrance.unwrap_or(Entrance::Mark(NonZeroU32::MIN)),
            span: context.tree.line_span(block),
            scheduler: None,
            method: None,
            protocol: None,
            persistence: None,
            granularity: None,
            engine: None,
            one_packet: None,
            flags: ServiceFlags::empty(),
            family: None,
            ha_suspend: false,
            virtualhost: None,
            checks: CheckDefaults::default(),
            omega: None,
            quorum: None,
            hysteresis: None,
            inhibit: None,
            smtp_alert: None,
            notify: ServerNotifyConfig::default(),
            weight: None,
            sorry_server: None,
            sorry_inhibit: false,
            sorry_method: None,
            real_servers: Vec::new(),
        }
    }

    pub(super) fn engine(&mut self, context: &mut Context<'_>, line: NodeId) {
        let Some(name) = context.value(line, "a name") else {
            return;
        };
        match EngineName::new(name.value) {
            Ok(engine) => {
                let value = At::new(engine, name.span);
                context.set(line, &mut self.engine, Some(value));
            }
            Err(_) => {
                let finding = context.not_a(name, "the name of an engine", None);
                context.findings.push(finding);
            }
        }
    }

    pub(super) fn family(&mut self, context: &mut Context<'_>, line: NodeId) {
        let Some(text) = context.value(line, "inet or inet6") else {
            return;
        };
        let families = [
            ("inet", AddressFamily::Ipv4),
            ("inet6", AddressFamily::Ipv6),
        ];
        let value = context.one_of(text, "an address family", &families);
        context.set(line, &mut self.family, value);
    }

    pub(super) fn sorry_inhibit(&mut self, context: &mut Context<'_>, line: NodeId) {
        if self.after_sorry_server(context, line) {
            self.sorry_inhibit = context.flag(line).value;
        }
    }

    pub(super) fn sorry_method(&mut self, context: &mut Context<'_>, line: NodeId) {
        if self.after_sorry_server(context, line) {
            let value = method(context, line);
            context.set(line, &mut self.sorry_method, value);
        }
    }

    /// Sets a flag of any scheduler.
    pub(super) fn add_flag(&mut self, context: &mut Context<'_>, line: NodeId, flag: ServiceFlags) {
        context.flag(line);
        self.flags |= flag;
    }

    /// Sets a flag of the scheduler `sh`.
    pub(super) fn source_hashing_flag(
        &mut self,
        context: &mut Context<'_>,
        line: NodeId,
        flag: ServiceFlags,
    ) {
        self.add_flag_after(context, line, flag, &Scheduler::SourceHashing);
    }

    /// Sets a flag of the scheduler `mh`.
    pub(super) fn maglev_flag(
        &mut self,
        context: &mut Context<'_>,
        line: NodeId,
        flag: ServiceFlags,
    ) {
        self.add_flag_after(context, line, flag, &Scheduler::Maglev);
    }

    /// Sets a flag that is only valid after its scheduler.
    fn add_flag_after(
        &mut self,
        context: &mut Context<'_>,
        line: NodeId,
        flag: ServiceFlags,
        needed: &Scheduler,
    ) {
        context.flag(line);
        if self
            .scheduler
            .as_ref()
            .is_some_and(|at| at.value == *needed)
        {
            self.flags |= flag;
            return;
        }
        let (keyword, span) = context.keyword(line);
        let message = format!("`{keyword}` needs `lvs_sched {needed}` before it");
        context
            .findings
            .push(Diagnostic::error(span, message).note("it is ignored"));
    }

    /// Reads the forwarding method of the real servers.
    pub(super) fn method(&mut self, context: &mut Context<'_>, line: NodeId) {
        let value = method(context, line);
        context.set(line, &mut self.method, value);
    }

    fn after_sorry_server(&self, context: &mut Context<'_>, line: NodeId) -> bool {
        if self.sorry_server.is_none() {
            let (keyword, span) = context.keyword(line);
            let message = format!("`{keyword}` needs `sorry_server` before it");
            context
                .findings
                .push(Diagnostic::error(span, message).note("it is ignored"));
        }
        self.sorry_server.is_some()
    }

    pub(super) fn scheduler(&mut self, context: &mut Context<'_>, line: NodeId) {
        let Some(name) = context.value(line, "a scheduler") else {
            return;
        };
        let known = || {
            Scheduler::known()
                .iter()
                .filter(|known| **known != Scheduler::None)
        };
        match known().find(|known| known.as_str() == name.value) {
            Some(scheduler) => {
                let value = At::new(scheduler.clone(), name.span);
                context.set(line, &mut self.scheduler, Some(value));
            }
            None => {
                let suggestion = nearest(name.value, known().map(Scheduler::as_str));
                let finding =
                    Diagnostic::error(name.span, format!("unknown scheduler `{}`", name.value));
                let names: Vec<_> = known().map(Scheduler::as_str).collect();
                let note = format!("one of {}", names.join(", "));
                context
                    .findings
                    .push(finding.suggest(suggestion).note(note));
            }
        }
    }

    pub(super) fn protocol(&mut self, context: &mut Context<'_>, line: NodeId) {
        let Some(text) = context.value(line, "TCP, UDP or SCTP") else {
            return;
        };
        let upper = text.value.to_ascii_uppercase();
        let choices = [
            ("TCP", Protocol::Tcp),
            ("UDP", Protocol::Udp),
            ("SCTP", Protocol::Sctp),
        ];
        let value = match choices.iter().find(|(name, _)| *name == upper) {
            Some((_, protocol)) => Some(At::new(*protocol, text.span)),
            None => context.one_of(text, "a protocol", &choices),
        };
        context.set(line, &mut self.protocol, value);
    }

    pub(super) fn persistence(&mut self, context: &mut Context<'_>, line: NodeId) {
        let value = if context.arguments(line).is_empty() {
            let span = context.flag(line).span;
            Some(At::new(lb_ipvs::Persistence::DEFAULT_TIMEOUT, span))
        } else {
            let value = context.whole_seconds(line, 0..=2_678_400);
            if let Some(zero) = value.filter(|at| at.value.is_zero()) {
                let finding = Diagnostic::warning(zero.span, "a persistence of 0 s is none");
                context.findings.push(finding.label("leave the line out"));
                return;
            }
            value
        };
        context.set(line, &mut self.persistence, value);
    }

    pub(super) fn granularity(&mut self, context: &mut Context<'_>, line: NodeId) {
        let Some(text) = context.value(line, "a netmask or prefix length") else {
            return;
        };
        let mask = if let Ok(mask) = text.value.parse::<Ipv4Addr>() {
            let bits = u32::from(mask);
            (bits.leading_ones() + bits.trailing_zeros().min(32) >= 32)
                .then_some(Netmask::Ipv4(mask))
        } else {
            text.value
                .parse()
                .ok()
                .filter(|n| (1..=128).contains(n))
                .map(Netmask::Ipv6)
        };
        match mask {
            Some(mask) => {
                let value = At::new(mask, text.span);
                context.set(line, &mut self.granularity, Some(value));
            }
            None => {
                let finding = context.not_a(text, "an IPv4 netmask or an IPv6 prefix length", None);
                context.findings.push(finding);
            }
        }
    }
}

/// `IP [PORT]`, `fwmark N` or `group NAME`.
fn entrance(
    context: &mut Context<'_>,
    block: NodeId,
    group: &mut Option<At<String>>,
) -> Option<Entrance> {
    let first = context.argument(block, 0, "an address and a port, or `fwmark` and a mark")?;
    match first.value {
        "fwmark" => {
            let text = context.argument(block, 1, "a mark after `fwmark`")?;
            context.extra(block, 2);
            let mark = context.number_in(block, text, 1..=u32::MAX)?;
            NonZeroU32::new(mark.value).map(Entrance::Mark)
        }
        "group" => {
            let name = context.argument(block, 1, "the name of a group after `group`")?;
            context.extra(block, 2);
            *group = Some(At::new(name.value.to_owned(), name.span));
            Some(Entrance::Group)
        }
        _ => {
            let endpoint = endpoint_words(context, block)?.value;
            let port = endpoint.port.map_or(0, |port| port.value);
            Some(Entrance::Address {
                ip: endpoint.ip,
                port,
            })
        }
    }
}

/// Warns that `hashed` has no effect.
pub(super) fn hashed(context: &mut Context<'_>, line: NodeId) {
    context.flag(line);
    let (_, span) = context.keyword(line);
    context.warning(span, "`hashed` has had no effect for long");
}
