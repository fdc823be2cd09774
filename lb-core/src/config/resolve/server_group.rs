// SPDX-License-Identifier: MIT OR Apache-2.0
//! The services of virtual servers with a `virtual_server_group`.

use std::collections::HashMap;
use std::net::SocketAddr;

use lb_ipvs::{AddressFamily, Protocol, ServiceKey};

use super::assumed::{assumed, family};
use crate::config::Diagnostic;
use crate::config::line::Context;
use crate::config::server::VirtualServerConfig;
use crate::config::server_group::{GroupEntry, ServerGroupConfig, between};
use crate::config::source::Span;
use crate::model::VirtualServer;

/// The groups of a configuration, and how many virtual servers each of them has had.
pub(super) struct Groups<'c> {
    groups: &'c [ServerGroupConfig],
    used: HashMap<&'c str, u32>,
}

impl<'c> Groups<'c> {
    pub(super) fn new(groups: &'c [ServerGroupConfig]) -> Self {
        Self {
            groups,
            used: HashMap::new(),
        }
    }

    fn find(&self, written: &VirtualServerConfig) -> Option<&'c ServerGroupConfig> {
        let name = &written.group.as_ref()?.value;
        self.groups.iter().find(|group| group.name.value == *name)
    }

    /// The services of a virtual server; empty, and reported, where its group is not defined.
    pub(super) fn keys(
        &self,
        context: &mut Context<'_>,
        written: &VirtualServerConfig,
    ) -> Vec<ServiceKey> {
        let Some(group) = self.find(written) else {
            if let Some(name) = &written.group {
                let message = format!("virtual server group `{}` is not defined", name.value);
                let finding = Diagnostic::error(name.span, message).silent();
                context
                    .findings
                    .push(finding.note("the virtual server is skipped"));
            }
            return Vec::new();
        };
        let has_addresses = group
            .entries
            .iter()
            .any(|entry| matches!(entry.value, GroupEntry::Addresses { .. }));
        let protocol = match written.protocol {
            Some(protocol) => protocol.value,
            None => {
                if has_addresses {
                    assumed(context, written, &["protocol"], "UDP");
                }
                Protocol::Udp
            }
        };
        let mut real_servers = written.real_servers.iter().filter(|real| real.valid);
        let default = written
            .family
            .map(|at| at.value)
            .or_else(|| real_servers.next().map(|real| family(real.endpoint.ip)))
            .unwrap_or(AddressFamily::Ipv4);
        let mut keys = Vec::new();
        for entry in &group.entries {
            match entry.value {
                GroupEntry::Addresses { first, last, port } => {
                    keys.extend(between(first, last).map(|ip| ServiceKey::Address {
                        protocol,
                        address: SocketAddr::new(ip, port),
                    }));
                }
                GroupEntry::Mark(mark, _) => {
                    let family = entry.value.family().unwrap_or(default);
                    keys.push(ServiceKey::firewall_mark(mark, family));
                }
            }
        }
        keys
    }

    /// Takes the services of a virtual server that no earlier one has, and gives it its number; false if
    /// none is left.
    pub(super) fn claim(
        &mut self,
        context: &mut Context<'_>,
        written: &VirtualServerConfig,
        seen: &mut HashMap<ServiceKey, Span>,
        server: &mut VirtualServer,
    ) -> bool {
        let mut free = Vec::new();
        for key in server.keys() {
            match seen.get(&key) {
                None => {
                    seen.insert(key, written.span);
                    free.push(key);
                }
                Some(first) => {
                    let message = format!("service {key} is given twice");
                    let finding = Diagnostic::warning(written.span, message).silent();
                    let note = "the first one holds, this one is left out";
                    context.findings.push(finding.note_at(*first, note));
                }
            }
        }
        let (Some(group), Some(first)) = (&mut server.group, free.first()) else {
            return false;
        };
        if let Some(known) = self.find(written) {
            let used = self.used.entry(known.name.value.as_str()).or_default();
            group.ordinal = *used;
            *used += 1;
        }
        group.further = free.iter().copied().skip(1).collect();
        server.service = server.service_for(*first);
        true
    }
}
