// SPDX-License-Identifier: MIT OR Apache-2.0
//! Virtual MAC addresses, and what they cannot be.

use std::collections::HashMap;

use lb_vrrp::{MacAddr, Vmac};

use super::Config;
use super::strict::Strict;
use crate::config::Diagnostic;
use crate::config::global::GlobalConfig;
use crate::config::instance::InstanceConfig;
use crate::config::line::{At, Context};
use crate::config::source::Span;
use crate::config::vmac::MacConfig;
use crate::model::VrrpInstance;

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
            .filter_map(|of| of.interface.as_ref())
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

    /// Gives a router its virtual MAC address, if it is to have one and can have it.
    pub(super) fn read(
        &mut self,
        context: &mut Context<'_>,
        instance: &InstanceConfig,
        router: &mut VrrpInstance,
    ) {
        let Some(wanted) = &instance.vmac.wanted else {
            if let Some(at) = instance.vmac.transmit_from_base {
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
        let strict = Strict::of(self.global, instance);
        let mut vmac = Vmac::new();
        if let Some(prefix) = &self.global.vmac_prefix {
            vmac = vmac.with_prefix(&prefix.value);
        }
        let from_base = instance.vmac.transmit_from_base;
        if strict.keep(context, from_base, "vmac_xmit_base").is_some() {
            vmac = vmac.with_transmit_from_base(true);
        }
        vmac = self.mac(context, strict, instance, router, vmac);
        if let Some(name) = &instance.vmac.name
            && self.may_be_named(context, name)
        {
            vmac = vmac.with_name(&name.value);
        }
        router.vmac = Some(vmac);
    }

    fn mac(
        &mut self,
        context: &mut Context<'_>,
        strict: Strict,
        instance: &InstanceConfig,
        router: &VrrpInstance,
        vmac: Vmac,
    ) -> Vmac {
        let given = instance.vmac.mac;
        let Some(at) = strict.keep(context, given, "use_vmac MAC") else {
            return vmac;
        };
        let vrid = router.config.vrid();
        let mac = MacAddr::from(match at.value {
            MacConfig::Whole(bytes) => bytes,
            MacConfig::Prefix([a, b, c, d, e]) => [a, b, c, d, e, vrid.get()],
        });
        let custom = vmac.clone().with_mac(mac);
        if let Some(problem) = custom
            .problem(vrid)
            .filter(|_| vmac.problem(vrid).is_none())
        {
            context.error(at.span, format!("{mac} is {problem}"));
            return vmac;
        }
        let key = (router.interface.clone(), mac);
        if let Some(first) = self.macs.get(&key) {
            let message = format!(
                "the MAC address {mac} is used twice on {}",
                router.interface
            );
            let finding = Diagnostic::error(at.span, message);
            context
                .findings
                .push(finding.note_at(*first, "it is used here first"));
            return vmac;
        }
        self.macs.insert(key, at.span);
        custom
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
