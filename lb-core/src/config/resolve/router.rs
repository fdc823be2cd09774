// SPDX-License-Identifier: MIT OR Apache-2.0
//! Virtual routers.

use std::collections::HashMap;
use std::time::Duration;

use lb_vrrp::spec::SpecError;
use lb_vrrp::{
    AddressFamily, AdvertInterval, ConfigError, DownTimerAdverts, Priority, RouterConfig, Version,
    Vrid,
};

use super::Config;
use super::announcements::announcements;
use super::authentication::proof;
use super::destination::{checksum, destinations, source};
use super::ipvlan;
use super::notify;
use super::routing::Routing;
use super::strict::Strict;
use super::tracking::{Known, tracked};
use super::vmac::Vmacs;
use crate::config::Diagnostic;
use crate::config::global::GlobalConfig;
use crate::config::instance::InstanceConfig;
use crate::config::line::{At, Context};
use crate::config::source::Span;
use crate::config::value::in_seconds;
use crate::model::{ModelError, RouterSpec, VirtualAddress, VrrpInstance};

pub(super) fn routers(
    context: &mut Context<'_>,
    config: &Config,
    known: &Known,
    routing: &mut Routing,
) -> Vec<VrrpInstance> {
    let mut vmacs = Vmacs::new(config);
    let mut sync = config.global.sync_daemon.as_ref().map(|at| at.span);
    let mut routers = Vec::with_capacity(config.instances.len());
    for instance in &config.instances {
        let Some(mut router) = router(context, &config.global, instance) else {
            continue;
        };
        let spec = &mut router.spec;
        spec.tracked = tracked(
            context,
            known,
            &instance.tracked,
            Some(&spec.interface),
            spec.config.priority().is_owner(),
        );
        routing.read(context, instance, spec);
        vmacs.read(context, instance, spec);
        ipvlan::read(context, &config.global, instance, spec);
        spec.ignores_interface = instance.ignores_interface.is_some();
        router.notify = notify::router(context, config, &instance.name.value, &instance.notify);
        if let (Some(at), Some(first)) = (&instance.sync_daemon_interface, sync) {
            context.findings.push(
                Diagnostic::warning(at.span, "a second sync daemon is asked for")
                    .label("ignored")
                    .note_at(first, "the kernel runs one; this one holds"),
            );
            router.sync_daemon_interface = None;
        }
        if let Some(at) = &instance.sync_daemon_interface {
            let message = "`lvs_sync_daemon_interface` is deprecated";
            let finding = Diagnostic::warning(at.span, message);
            let note = "write `lvs_sync_daemon INTERFACE INSTANCE` in `global_defs`";
            context.findings.push(finding.note(note));
        }
        sync = sync.or_else(|| instance.sync_daemon_interface.as_ref().map(|at| at.span));
        routers.push(router);
    }
    ipvlan::leave_out(context, config, &mut routers);
    routers
}

/// None after something that would end keepalived, which has been reported.
fn router(
    context: &mut Context<'_>,
    global: &GlobalConfig,
    instance: &InstanceConfig,
) -> Option<VrrpInstance> {
    let name = &instance.name.value;
    let vrid = instance
        .vrid
        .and_then(|at| Vrid::new(u8::try_from(at.value).ok()?).ok());
    if vrid.is_none() {
        require(context, instance, "virtual_router_id");
    }
    if instance.interface.is_none() {
        require(context, instance, "interface");
    }
    if let Some(at) = instance.interface.as_ref().filter(|at| at.value == "lo") {
        let message = "the loopback interface cannot carry a virtual router";
        context
            .findings
            .push(Diagnostic::error(at.span, message).fatal());
        return None;
    }
    let addresses = one_family(context, instance);
    let family = family(instance, &addresses);
    let version = version(context, global, instance, family);
    let priority = priority(context, instance);
    let strict = Strict::for_instance(global, instance).without_peers(context, instance);
    if addresses.is_empty() {
        allow_none(context, instance, strict, version)?;
    }
    let (vrid, interface) = (vrid?, instance.interface.as_ref()?);
    let mut builder = RouterConfig::builder(vrid)
        .version(version)
        .priority(priority)
        .interval(interval(context, version, instance))
        .preempt(preempt(context, instance))
        .authentication(proof(context, version, strict, instance)?)
        .addresses(addresses.iter().map(|at| at.value.address))
        .without_addresses();
    let switch =
        |own: Option<At<bool>>, global: Option<At<bool>>| own.or(global).map(|at| at.value);
    if let Some(silent) = switch(instance.lower_prio_no_advert, global.lower_prio_no_advert) {
        builder = builder.answer_losing(!silent);
    }
    let farewell = switch(
        instance.higher_prio_send_advert,
        global.higher_prio_send_advert,
    );
    if let Some(farewell) = farewell {
        builder = builder.farewell(farewell);
    }
    builder = checksum(context, builder, global, instance, version);
    builder = destinations(context, builder, global, instance, family);
    if let Some(limit) = sticky(context, strict, instance) {
        builder = builder.sticky(limit);
    }
    if let Some(ignore) = switch(instance.owner_ignores_adverts, global.owner_ignores_adverts) {
        builder = builder.owner_ignores_adverts(ignore);
    }
    if let Some(delay) = preempt_delay(context, strict, instance) {
        builder = builder.preempt_delay(delay);
    }
    if let Some(priority) = expired_backup(context, instance) {
        builder = builder.yield_after_stall(priority);
    }
    let adverts = instance.down_timer_adverts.or(global.down_timer_adverts);
    // A number of 1 to 100.
    let adverts = strict.down_timer_adverts(context, adverts);
    let adverts = adverts.and_then(|at| u8::try_from(at.value).ok());
    if let Some(adverts) = adverts.and_then(|adverts| DownTimerAdverts::new(adverts).ok()) {
        builder = builder.down_timer_adverts(adverts);
    }
    if let Some(accept) = instance.accept {
        builder = builder.accept(accept.value);
    }
    let first = addresses.first();
    if first.is_none_or(|first| strict.allows_first(context, first)) {
        builder = strict.apply(context, builder, version, instance);
    }
    let config = match builder.build() {
        Ok(config) => config,
        Err(error) => {
            let span = place_of(instance, &error);
            let span = span.unwrap_or_else(|| first.map_or(instance.span, |first| first.span));
            let finding = Diagnostic::error(span, error.to_string());
            context.findings.push(finding.fatal());
            return None;
        }
    };
    strict.warn_of_refusal(context, &config, instance);
    let known: HashMap<_, _> = match instance.excluded.is_empty() {
        true => HashMap::new(),
        false => addresses
            .iter()
            .map(|at| (at.value.address, at.span))
            .collect(),
    };
    let excluded = instance.excluded.iter().filter(|excluded| {
        let doubled = known.get(&excluded.value.address);
        if let Some(first) = doubled {
            let message = format!("address {} is given twice", excluded.value.address);
            let finding = Diagnostic::warning(excluded.span, message).silent();
            let finding = finding.label("ignored");
            context
                .findings
                .push(finding.note_at(*first, "it is already given here"));
        }
        doubled.is_none()
    });
    let held: Vec<_> = addresses
        .iter()
        .copied()
        .chain(excluded)
        .map(|at| at.value.clone())
        .collect();
    let mut spec = RouterSpec::new(name.as_str(), interface.value.as_str(), config)
        .with_virtual_addresses(held)
        .with_announcements(announcements(&instance.announcements, global))
        .with_promotes_secondaries(instance.promotes_secondaries.is_some())
        .with_suppresses_igmp(global.vrrp.disable_local_igmp.is_some());
    source(context, &mut spec, &instance.unicast)?;
    let own = instance.receive_buffer.map(|at| at.value.into());
    spec.receive_buffer = own.or_else(|| global.vrrp.buffers.policy());
    let mut router = VrrpInstance::new(spec);
    let sync_daemon = instance.sync_daemon_interface.as_ref();
    router.sync_daemon_interface = sync_daemon.map(|at| at.value.clone());
    router.smtp_alert = global.alerts_of_routers(instance.smtp_alert);
    Some(router)
}

/// Reports a missing setting, unless a mistake in its line has been reported. keepalived ends either way.
fn require(context: &mut Context<'_>, instance: &InstanceConfig, keyword: &str) {
    let mut lines = context.lines(instance.block);
    if let Some(line) = lines.find(|line| context.keyword(*line).0 == keyword)
        && context.findings.make_fatal(context.tree.line_span(line))
    {
        return;
    }
    let name = &instance.name.value;
    let message = format!("`vrrp_instance {name}` has no `{keyword}`");
    let finding = Diagnostic::error(instance.span, message);
    context.findings.push(finding.fatal());
}

/// Reports an instance without addresses: VRRPv2 allows it, for its notifications. None where that ends
/// keepalived.
fn allow_none(
    context: &mut Context<'_>,
    instance: &InstanceConfig,
    strict: Strict,
    version: Version,
) -> Option<()> {
    let name = &instance.name.value;
    let message = format!("`vrrp_instance {name}` has no `virtual_ipaddress`");
    if version == Version::V2 && !strict.is_on() {
        if instance.no_addresses.is_none() {
            let finding = Diagnostic::warning(instance.span, message);
            let label = "it takes part in elections, and holds no address";
            context.findings.push(finding.label(label));
        }
        return Some(());
    }
    let finding = Diagnostic::error(instance.span, message).fatal();
    context.findings.push(match instance.no_addresses {
        None => finding,
        Some(at) => finding
            .note_at(at.span, "`no_virtual_ipaddress` is for VRRP version 2")
            .note("an advert without an address is not valid (RFC 9568, erratum 8299): name one"),
    });
    None
}

/// The family of the addresses; without them that of the source or the peers.
fn family(instance: &InstanceConfig, addresses: &[&At<VirtualAddress>]) -> AddressFamily {
    let own = addresses.first().map(|first| first.value.address);
    let source = || instance.unicast.source.map(|at| at.value);
    let peer = || {
        instance
            .unicast
            .peers
            .first()
            .map(|peer| peer.value.address)
    };
    let address = own.or_else(source).or_else(peer);
    address.map_or(AddressFamily::Ipv4, AddressFamily::for_address)
}

/// The place of the setting that breaks a rule, where the rule is about one.
fn place_of(instance: &InstanceConfig, error: &ConfigError) -> Option<Span> {
    match error {
        ConfigError::PeerFamily { address, .. }
        | ConfigError::PeerAddress { address }
        | ConfigError::PeerTwice { address }
        | ConfigError::PeerHopLimits { address, .. } => {
            let mut peers = instance.unicast.peers.iter();
            let peer = peers.find(|peer| peer.value.address == *address)?;
            Some(peer.span)
        }
        ConfigError::VirtualAddress { address } => {
            let mut addresses = instance.addresses.iter();
            let at = addresses.find(|at| at.value.address == *address)?;
            Some(at.span)
        }
        ConfigError::Group { .. } => instance.unicast.group.map(|at| at.span),
        ConfigError::PreemptDelay { .. } | ConfigError::PreemptDelayWithoutPreempt => {
            instance.preempt_delay.map(|at| at.span)
        }
        _ => None,
    }
}

/// Places a rule that [`build`](crate::model::ModelBuilder::build) found broken at the lines that
/// break it.
pub(super) fn place(config: &Config, error: &ModelError) -> Option<Diagnostic> {
    let ModelError::Vrrp(SpecError::DuplicateRouter {
        vrid,
        interface,
        first,
        second,
    }) = error
    else {
        return None;
    };
    let span = |name: &str| {
        let mut instances = config.instances.iter();
        let instance = instances.find(|instance| instance.name.value == name)?;
        Some(instance.vrid.map_or(instance.span, |vrid| vrid.span))
    };
    let message = format!("virtual router id {vrid} is used twice on {interface}");
    let finding = Diagnostic::error(span(second)?, message);
    Some(finding.note_at(span(first)?, "it is used here first"))
}

/// The addresses of the first one's family; the others are reported.
fn one_family<'c>(
    context: &mut Context<'_>,
    instance: &'c InstanceConfig,
) -> Vec<&'c At<VirtualAddress>> {
    let Some(first) = instance.addresses.first() else {
        return Vec::new();
    };
    let (same, other): (Vec<_>, Vec<_>) = instance
        .addresses
        .iter()
        .partition(|at| at.value.address.is_ipv4() == first.value.address.is_ipv4());
    for at in other {
        let message = "IPv4 and IPv6 addresses in one virtual router";
        let finding = Diagnostic::error(at.span, message)
            .label("not of the family of the first address")
            .note_at(first.span, "the first address")
            .note("put it in `virtual_ipaddress_excluded` or in an instance of its own");
        context.findings.push(finding);
    }
    same
}

fn version(
    context: &mut Context<'_>,
    global: &GlobalConfig,
    instance: &InstanceConfig,
    family: AddressFamily,
) -> Version {
    if family == AddressFamily::Ipv6 {
        if let Some(at) = instance.version.filter(|at| at.value != 3) {
            context.error(
                at.span,
                "VRRP version 2 has no IPv6 addresses: version 3 is used",
            );
        }
        return Version::V3;
    }
    match instance.version.or(global.vrrp_version) {
        Some(at) if at.value == 3 => Version::V3,
        _ => Version::V2,
    }
}

fn priority(context: &mut Context<'_>, instance: &InstanceConfig) -> Priority {
    if let Some(at) = instance.priority {
        return u8::try_from(at.value)
            .ok()
            .and_then(|value| Priority::new(value).ok())
            .unwrap_or_default();
    }
    match instance.master {
        Some(at) if at.value => {
            let finding =
                Diagnostic::warning(at.span, "`state MASTER` without `priority`").silent();
            context
                .findings
                .push(finding.label("makes the priority 255, the address owner's"));
            Priority::OWNER
        }
        _ => Priority::DEFAULT,
    }
}

fn preempt(context: &mut Context<'_>, instance: &InstanceConfig) -> bool {
    match (instance.preempt, instance.master) {
        (Some(preempt), Some(master)) if !preempt.value && master.value => {
            context.findings.push(
                Diagnostic::warning(preempt.span, "`nopreempt` does not go with `state MASTER`")
                    .label("ignored")
                    .note_at(master.span, "use `state BACKUP` on both directors"),
            );
            true
        }
        (preempt, _) => preempt.is_none_or(|at| at.value),
    }
}

/// `preempt_delay`, where there is a preemption to delay; as in keepalived it is dropped elsewhere.
fn preempt_delay(
    context: &mut Context<'_>,
    strict: Strict,
    instance: &InstanceConfig,
) -> Option<Duration> {
    let delay = strict.preempt_delay(context, instance.preempt_delay)?;
    let (with, span) = match (instance.master, instance.preempt) {
        (Some(master), _) if master.value => ("state MASTER", master.span),
        (_, Some(preempt)) if !preempt.value => ("nopreempt", preempt.span),
        _ if instance.sticky.is_some() => {
            ("sticky", instance.sticky.map_or(delay.span, |at| at.span))
        }
        _ => return Some(delay.value),
    };
    let message = format!("`preempt_delay` does not go with `{with}`");
    let finding = Diagnostic::warning(delay.span, message).label("ignored");
    context.findings.push(finding.note_at(span, "it is here"));
    None
}

/// `sticky`, which strict mode knows nothing of.
fn sticky(
    context: &mut Context<'_>,
    strict: Strict,
    instance: &InstanceConfig,
) -> Option<Duration> {
    let at = strict.keep(context, instance.sticky, "sticky")?;
    if let Some(preempt) = instance.preempt.filter(|at| at.value) {
        let finding = Diagnostic::warning(preempt.span, "a sticky router does not preempt");
        context.findings.push(
            finding
                .label("ignored")
                .note_at(at.span, "it is sticky here"),
        );
    }
    Some(at.value)
}

/// `timer_expired_backup`, which goes with `nopreempt` only.
fn expired_backup(context: &mut Context<'_>, instance: &InstanceConfig) -> Option<Priority> {
    let at = instance.expired_backup?;
    let preempts = instance.preempt.is_none_or(|at| at.value);
    if preempts || instance.master.is_some_and(|at| at.value) {
        context.findings.push(
            Diagnostic::warning(at.span, "`timer_expired_backup` goes with `nopreempt` only")
                .label("ignored"),
        );
        return None;
    }
    // A number of 1 to 254.
    Priority::new(u8::try_from(at.value).ok()?).ok()
}

fn interval(
    context: &mut Context<'_>,
    version: Version,
    instance: &InstanceConfig,
) -> AdvertInterval {
    let Some(At { value, span }) = instance.interval else {
        return AdvertInterval::DEFAULT;
    };
    let (interval, kept) = match version {
        Version::V2 => {
            let seconds = ((value + Duration::from_millis(500)).as_secs()).clamp(1, 255);
            let interval = u8::try_from(seconds)
                .ok()
                .and_then(|s| AdvertInterval::from_secs(s).ok());
            (interval, Duration::from_secs(seconds))
        }
        Version::V3 => {
            let centis = (value + Duration::from_millis(5)).as_millis() / 10;
            let interval = u16::try_from(centis)
                .ok()
                .and_then(|c| AdvertInterval::from_centis(c).ok());
            (
                interval,
                Duration::from_millis(u64::try_from(centis).unwrap_or(u64::MAX) * 10),
            )
        }
    };
    let Some(interval) = interval else {
        let message = format!("`advert_int` is out of range: {}", in_seconds(value));
        let finding = Diagnostic::error(span, message);
        context
            .findings
            .push(finding.label("must be 0.01 to 40.95 s with VRRP version 3"));
        return AdvertInterval::DEFAULT;
    };
    if kept != value {
        let unit = match version {
            Version::V2 => "whole seconds",
            Version::V3 => "hundredths of a second",
        };
        let finding = Diagnostic::warning(span, format!("{version} knows {unit} only"));
        context
            .findings
            .push(finding.label(format!("rounded to {}", in_seconds(kept))));
    }
    interval
}
