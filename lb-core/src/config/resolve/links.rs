// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is said of interfaces by themselves.

use std::net::IpAddr;
use std::time::Duration;

use lb_vrrp::{CarrierDelay, LinkPoll, RouterConfig};

use super::Config;
use crate::config::Diagnostic;
use crate::config::line::{At, Context};
use crate::config::source::Span;
use crate::config::track::Kind;
use crate::config::tree::NodeId;
use crate::config::value::in_seconds;
use crate::model::{Model, VrrpInstance};

/// Delays that end before a backup would miss the master whose carrier is lost.
pub(super) fn delays(
    context: &mut Context<'_>,
    config: &Config,
    routers: &[VrrpInstance],
) -> Vec<CarrierDelay> {
    let mut delays = Vec::with_capacity(config.delays.len());
    for At { value: delay, span } in &config.delays {
        let on = routers
            .iter()
            .filter(|router| router.spec.interface == delay.interface);
        let shortest = on
            .map(|router| (longest(&router.spec.config), router))
            .min_by_key(|(longest, _)| *longest);
        let mut delay = delay.clone();
        if let Some((longest, router)) = shortest
            && delay.down.max(delay.up) > longest
        {
            let message = format!(
                "`{}` waits longer than a backup of `{}` waits for adverts",
                delay.interface, router.spec.name
            );
            let label = format!("reduced to {} s", in_seconds(longest));
            let finding = Diagnostic::warning(*span, message).label(label);
            context.findings.push(finding);
            let (down, up) = (delay.down.min(longest), delay.up.min(longest));
            delay = CarrierDelay::new(delay.interface, down, up);
        }
        delays.push(delay);
    }
    delays
}

/// The links to be asked: those of the block, of instances, and all where that is wanted.
pub(super) fn polls(config: &Config) -> Vec<LinkPoll> {
    let mut polls: Vec<LinkPoll> = config.polls.iter().map(|poll| poll.value.clone()).collect();
    for instance in &config.instances {
        let asks = instance.polls_link.is_some();
        if let Some(name) = instance.interface.as_ref().filter(|_| asks) {
            let poll = LinkPoll::new(name.value.as_str());
            if !polls.iter().any(|known| known.interface == poll.interface) {
                polls.push(poll);
            }
        }
    }
    polls.extend(config.polls_every.map(|_| LinkPoll::every()));
    polls
}

/// One interval less than what backups wait for adverts, and less than their shortest skew time.
fn longest(config: &RouterConfig) -> Duration {
    let interval = config.interval().as_duration();
    let adverts = u32::from(config.down_timer_adverts().get() - 1);
    let skew = Duration::from_micros(u64::try_from(interval.as_micros() / 256).unwrap_or(0));
    (interval * adverts).saturating_sub(skew)
}

/// The interfaces that the file names and that have to exist when it is used: those of instances, of their
/// addresses, and those that are tracked; none with `dynamic_interfaces`.
pub(super) fn named(context: &Context<'_>, config: &Config, model: &Model) -> Vec<At<String>> {
    if config.global.vrrp.dynamic_interfaces.is_some() {
        return Vec::new();
    }
    let routers = model.routers.iter();
    let above: Vec<_> = routers
        .filter_map(|router| {
            let vmac = router.spec.vmac.as_ref();
            let vmac = vmac.map(|vmac| (&vmac.name, &vmac.prefix));
            let ipvlan = router.spec.ipvlan.as_ref();
            vmac.or_else(|| ipvlan.map(|ipvlan| (&ipvlan.name, &ipvlan.prefix)))
        })
        .collect();
    let is_above = |name: &str| {
        let mut above = above.iter();
        above.any(|(own, prefix)| match own {
            Some(own) => own == name,
            None => name.starts_with(prefix.as_str()),
        })
    };
    let mut named: Vec<At<String>> = Vec::new();
    let mut add = |name: &str, span| {
        let known = named.iter().any(|at| at.value == name);
        if !known && !is_above(name) {
            named.push(At::new(name.to_owned(), span));
        }
    };
    for instance in &config.instances {
        if let Some(interface) = &instance.interface {
            add(&interface.value, interface.span);
        }
        for address in instance.addresses.iter().chain(&instance.excluded) {
            if let Some(name) = &address.value.interface {
                add(name, address.span);
            }
        }
        for block in instance.routes.iter().chain(&instance.rules) {
            for (name, span) in routing_interfaces(context, *block) {
                add(name, span);
            }
        }
        let tracked = instance.tracked.iter();
        for track in tracked.filter(|track| track.kind == Kind::Interface) {
            add(&track.name.value, track.name.span);
        }
    }
    for block in &config.statics.blocks {
        for (name, span) in routing_interfaces(context, block.node) {
            add(name, span);
        }
    }
    named
}

/// The virtual addresses of instances, and the interfaces that they are on.
pub(super) fn held(config: &Config) -> Vec<(At<IpAddr>, String)> {
    let mut held = Vec::new();
    for instance in &config.instances {
        let own = instance.interface.as_ref();
        for at in instance.addresses.iter().chain(&instance.excluded) {
            let interface = at
                .value
                .interface
                .as_ref()
                .or_else(|| own.map(|own| &own.value));
            let address = At::new(at.value.address, at.span);
            held.extend(interface.map(|interface| (address, interface.clone())));
        }
    }
    held
}

/// The interfaces that the lines of a block of addresses, routes or rules name, with the places of the lines.
fn routing_interfaces<'a>(context: &Context<'a>, block: NodeId) -> Vec<(&'a str, Span)> {
    let mut names = Vec::new();
    for line in context.lines(block) {
        let words = context.tree.words(line);
        let options = words.iter().zip(words.iter().skip(1));
        for (option, value) in options {
            if matches!(context.text(option), "dev" | "iif" | "oif") {
                names.push((context.text(value), value.span));
            }
        }
    }
    names
}
