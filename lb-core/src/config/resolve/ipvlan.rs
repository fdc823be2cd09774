// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ipvlans of instances, and where they cannot be.

use std::collections::HashSet;

use lb_vrrp::{AddressFamily, Ipvlan};

use super::Config;
use crate::config::Diagnostic;
use crate::config::global::GlobalConfig;
use crate::config::instance::InstanceConfig;
use crate::config::ipvlan::IpvlanConfig;
use crate::config::line::{At, Context};
use crate::model::{RouterSpec, VrrpInstance};

/// Gives a router its ipvlan, if it is to have one and can.
pub(super) fn read(
    context: &mut Context<'_>,
    global: &GlobalConfig,
    instance: &InstanceConfig,
    router: &mut RouterSpec,
) {
    let Some(at) = &instance.ipvlan else { return };
    if let Some(vmac) = instance.vmac.wanted.as_ref() {
        let message = "`use_vmac` has no effect beside `use_ipvlan`";
        let finding = Diagnostic::warning(vmac.span, message).label("ignored");
        context.findings.push(finding);
    }
    if !router.config.peers().is_empty() {
        let message = "`use_ipvlan` has no effect beside `unicast_peer`";
        let note = "adverts to peers leave by the interface of the instance";
        let finding = Diagnostic::warning(at.span, message).label("ignored");
        context.findings.push(finding.note(note));
        return;
    }
    let IpvlanConfig {
        name,
        mode,
        address,
    } = &at.value;
    let mut ipvlan = Ipvlan::new().with_mode(*mode);
    if let Some(prefix) = &global.vmac_prefix {
        ipvlan = ipvlan.with_prefix(&prefix.value);
    }
    if let Some(name) = name {
        ipvlan = ipvlan.with_name(&name.value);
    }
    let (vrid, family) = (router.config.vrid(), router.config.family());
    if let Some(At {
        value: (address, prefix_len),
        span,
    }) = address
    {
        let with_address = ipvlan.clone().with_address(*address, *prefix_len);
        match with_address.problem(vrid, family) {
            Some(problem) => {
                let message = format!("{address}/{prefix_len} is {problem}");
                context.error(*span, message);
            }
            None => ipvlan = with_address,
        }
    }
    if ipvlan.address.is_none() && family == AddressFamily::Ipv4 {
        let message = "an ipvlan for IPv4 needs an address, the source of adverts";
        let finding = Diagnostic::error(at.span, message).label("the instance stays in fault");
        let note = "`use_ipvlan 192.0.2.7/24`, with an address of this router alone";
        context.findings.push(finding.note(note));
    }
    router.ipvlan = Some(ipvlan);
}

/// Leaves out ipvlans where the kernel refuses them: above an interface with macvlans, and with a name that
/// is used before.
pub(super) fn leave_out(context: &mut Context<'_>, config: &Config, routers: &mut [VrrpInstance]) {
    if routers.iter().all(|router| router.spec.ipvlan.is_none()) {
        return;
    }
    let mut bases = HashSet::new();
    for router in routers.iter() {
        let spec = &router.spec;
        bases.extend(spec.vmac.is_some().then(|| spec.interface.clone()));
        let addresses = spec.virtual_addresses.iter();
        let addresses = addresses.filter(|address| address.vmac);
        bases.extend(addresses.map(|address| {
            let base = address.interface.as_ref();
            base.unwrap_or(&spec.interface).clone()
        }));
    }
    let mut names: HashSet<String> = routers
        .iter()
        .flat_map(|router| {
            let vmac = router.spec.vmac.as_ref();
            let own = vmac.and_then(|vmac| vmac.name.clone());
            own.into_iter().chain([router.spec.interface.clone()])
        })
        .collect();
    for router in routers {
        let spec = &mut router.spec;
        let Some(ipvlan) = &spec.ipvlan else { continue };
        let mut instances = config.instances.iter();
        let instance = instances.find(|instance| instance.name.value == spec.name);
        let Some(at) = instance.and_then(|instance| instance.ipvlan.as_ref()) else {
            continue;
        };
        let message = if bases.contains(&spec.interface) {
            format!(
                "an ipvlan above {} beside a virtual MAC address on it",
                spec.interface
            )
        } else if let Some(name) = &ipvlan.name
            && !names.insert(name.clone())
        {
            format!("the name {name} is used twice")
        } else {
            continue;
        };
        let finding = Diagnostic::error(at.span, message).label("ignored");
        context.findings.push(finding);
        spec.ipvlan = None;
    }
}
