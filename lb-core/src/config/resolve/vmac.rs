// SPDX-License-Identifier: MIT OR Apache-2.0
//! Virtual MAC addresses, and what they cannot be.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use lb_vrrp::{AddressFamily, MacAddr, Vmac};

use super::Config;
use super::strict::Strict;
use crate::config::Diagnostic;
use crate::config::global::GlobalConfig;
use crate::config::instance::InstanceConfig;
use crate::config::line::{At, Context};
use crate::config::source::Span;
use crate::config::vmac::MacConfig;
use crate::model::RouterSpec;

/// Reads the virtual MAC addresses of the instances, one after the other.
#[derive(Debug)]
pub(super) struct Vmacs<'c> {
    global: &'c GlobalConfig,
    /// Interfaces that the file names, and where.
    interfaces: HashMap<&'c str, Span>,
    /// Names of virtual interfaces.
    names: HashMap<String, Span>,
    /// MAC addresses by interface.
    macs: HashMap<(String, MacAddr), Span>,
}

impl<'c> Vmacs<'c> {
    pub(super) fn new(config: &'c Config) -> Self {
        let mut interfaces = HashMap::new();
        for at in config
            .instances
            .iter()
            .filter_map(|instance| instance.interface.as_ref())
        {
            interfaces.entry(at.value.as_str()).or_insert(at.span);
        }
        Self {
            global: &config.global,
            interfaces,
            names: HashMap::new(),
            macs: HashMap::new(),
        }
    }

    /// Gives a router and its addresses their virtual MAC addresses, if they are to have them and can.
    pub(super) fn read(
        &mut self,
        context: &mut Context<'_>,
        instance: &InstanceConfig,
        router: &mut RouterSpec,
    ) {
        self.own(context, instance, router);
        self.addresses(context, instance, router);
    }

    /// That of the router.
    fn own(
        &mut self,
        context: &mut Context<'_>,
        instance: &InstanceConfig,
        router: &mut RouterSpec,
    ) {
        // keepalived makes the ipvlan alone.
        let wanted = instance.vmac.wanted.as_ref();
        let Some(wanted) = wanted.filter(|_| instance.ipvlan.is_none()) else {
            if let Some(at) = instance.vmac.transmit_from_base
                && instance.vmac.wanted.is_none()
            {
                context.findings.push(
                    Diagnostic::warning(at.span, "`vmac_xmit_base` goes with `use_vmac` only")
                        .label("ignored"),
                );
            }
            return;
        };
        if let Some(at) = instance.interface.as_ref().filter(|at| at.value == "lo") {
            let message = "a loopback interface can have no virtual MAC address";
            let finding = Diagnostic::error(wanted.span, message);
            context
                .findings
                .push(finding.note_at(at.span, "it is on this one"));
            return;
        }
        let strict = Strict::for_instance(self.global, instance);
        let mut vmac = Vmac::new();
        if let Some(prefix) = &self.global.vmac_prefix {
            vmac = vmac.with_prefix(&prefix.value);
        }
        let from_base = instance.vmac.transmit_from_base;
        if strict.keep(context, from_base, "vmac_xmit_base").is_some() {
            vmac = vmac.with_transmit_from_base(true);
        }
        if let Some((mac, span)) = custom(context, strict, instance, router, &vmac) {
            match self.claim(&router.interface, mac, span) {
                Some(first) => twice(context, &router.interface, mac, (first, span)),
                None => vmac = vmac.with_mac(mac),
            }
        }
        if vmac.mac.is_none() {
            let mac = router.config.vrid().virtual_mac(router.config.family());
            if let Some(first) = self.claim(&router.interface, mac, wanted.span) {
                return twice(context, &router.interface, mac, (first, wanted.span));
            }
        }
        if let Some(name) = &instance.vmac.name
            && self.may_be_named(context, name)
        {
            vmac = vmac.with_name(&name.value);
        }
        router.vmac = Some(vmac);
    }

    /// Returns the place where an interface was given this MAC address before; otherwise claims it.
    fn claim(&mut self, base: &str, mac: MacAddr, span: Span) -> Option<Span> {
        match self.macs.entry((base.to_owned(), mac)) {
            Entry::Occupied(first) => Some(*first.get()),
            Entry::Vacant(free) => {
                free.insert(span);
                None
            }
        }
    }

    /// `use_vmac_addr`, and `use_vmac` of single addresses.
    fn addresses(
        &mut self,
        context: &mut Context<'_>,
        instance: &InstanceConfig,
        router: &mut RouterSpec,
    ) {
        let prefixes = [&self.global.vmac_addr_prefix, &self.global.vmac_prefix];
        if let Some(prefix) = prefixes.into_iter().flatten().next() {
            router.address_prefix.clone_from(&prefix.value);
        }
        let family = router.config.family();
        let own = router.vmac.as_ref();
        let custom = own.and_then(|vmac| vmac.mac);
        let mut done = Vec::new();
        if own.is_some() {
            done.push((router.interface.clone(), family));
        }
        for address in &mut router.virtual_addresses {
            let base = address.interface.as_deref().unwrap_or(&router.interface);
            let address_family = AddressFamily::for_address(address.address);
            let elsewhere = base != router.interface || address_family != family;
            if let Some(at) = instance.vmac.of_addresses.filter(|_| address.vmac) {
                let message = format!("`use_vmac_addr` beside `use_vmac` of {}", address.address);
                context.findings.push(Diagnostic::warning(at.span, message));
            }
            let all = instance.vmac.of_addresses.filter(|_| elsewhere);
            let Some(span) = all
                .map(|at| at.span)
                .or_else(|| address.vmac.then_some(instance.span))
            else {
                continue;
            };
            let place = (base.to_owned(), address_family);
            address.vmac = base != "lo";
            if !address.vmac {
                let message = "a loopback interface can have no virtual MAC address";
                let finding = Diagnostic::error(span, message);
                context
                    .findings
                    .push(finding.label(format!("{} stays on it", address.address)));
                continue;
            }
            if done.contains(&place) {
                continue;
            }
            let custom = custom.filter(|_| address_family == family);
            let mac = custom.unwrap_or_else(|| router.config.vrid().virtual_mac(address_family));
            match self.claim(base, mac, span) {
                Some(first) => {
                    address.vmac = false;
                    twice(context, base, mac, (first, span));
                }
                None => done.push(place),
            }
        }
    }

    fn may_be_named(&mut self, context: &mut Context<'_>, name: &At<String>) -> bool {
        let used = self.interfaces.get(name.value.as_str());
        let (first, what) = match (used, self.names.get(&name.value)) {
            (Some(first), _) => (*first, "an instance is on it"),
            (None, Some(first)) => (*first, "it is used here first"),
            (None, None) => {
                self.names.insert(name.value.clone(), name.span);
                return true;
            }
        };
        let message = format!("the name {} is used twice", name.value);
        let finding = Diagnostic::error(name.span, message);
        context.findings.push(finding.note_at(first, what));
        false
    }
}

/// The MAC address that was asked for, and where.
fn custom(
    context: &mut Context<'_>,
    strict: Strict,
    instance: &InstanceConfig,
    router: &RouterSpec,
    vmac: &Vmac,
) -> Option<(MacAddr, Span)> {
    let at = strict.keep(context, instance.vmac.mac, "use_vmac MAC")?;
    let vrid = router.config.vrid();
    let mac = MacAddr::from(match at.value {
        MacConfig::Whole(bytes) => bytes,
        MacConfig::Prefix([a, b, c, d, e]) => [a, b, c, d, e, vrid.get()],
    });
    let problem = vmac.clone().with_mac(mac).problem(vrid);
    match problem.filter(|_| vmac.problem(vrid).is_none()) {
        Some(problem) => {
            context.error(at.span, format!("{mac} is {problem}"));
            None
        }
        None => Some((mac, at.span)),
    }
}

fn twice(context: &mut Context<'_>, base: &str, mac: MacAddr, (first, span): (Span, Span)) {
    let message = format!("the MAC address {mac} is used twice on {base}");
    let finding = Diagnostic::error(span, message);
    context
        .findings
        .push(finding.note_at(first, "it is used here first"));
}
