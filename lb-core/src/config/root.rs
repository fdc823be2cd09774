// SPDX-License-Identifier: MIT OR Apache-2.0
//! The blocks of a file.

use lb_vrrp::{CarrierDelay, LinkPoll};

use super::Diagnostic;
use super::global::GlobalConfig;
use super::instance::InstanceConfig;
use super::line::{At, Context};
use super::server_group::ServerGroupConfig;
use super::statics::StaticsConfig;
use super::track::GroupConfig;
use super::tracked::ObjectConfig;
use super::tree::NodeId;

/// A configuration as it is written.
#[derive(Debug, Default)]
pub(super) struct Config {
    pub(super) global: GlobalConfig,
    pub(super) instances: Vec<InstanceConfig>,
    pub(super) groups: Vec<GroupConfig>,
    pub(super) objects: Vec<ObjectConfig>,
    pub(super) delays: Vec<At<CarrierDelay>>,
    pub(super) polls: Vec<At<LinkPoll>>,
    /// `linkbeat_use_polling` at the top.
    pub(super) polls_every: Option<At<bool>>,
    /// The blocks `virtual_server`, each of which is read when it is resolved: ten thousand of them
    /// are not kept in two forms.
    pub(super) servers: Vec<NodeId>,
    pub(super) server_groups: Vec<ServerGroupConfig>,
    pub(super) statics: StaticsConfig,
}

impl Config {
    /// Adds a `vrrp_instance`; of two with one name the first holds.
    pub(super) fn add_instance(&mut self, context: &mut Context<'_>, instance: InstanceConfig) {
        let name = &instance.name;
        let mut instances = self.instances.iter();
        if let Some(first) = instances.find(|first| first.name.value == name.value) {
            let message = format!("a second `vrrp_instance {}`", name.value);
            let finding = Diagnostic::error(name.span, message)
                .note_at(first.name.span, "the first one holds, this one is skipped");
            context.findings.push(finding);
            return;
        }
        self.instances.push(instance);
    }

    /// Reads a `virtual_server_group`; of two with one name the first holds.
    pub(super) fn server_group(&mut self, context: &mut Context<'_>, line: NodeId) {
        let Some(group) = ServerGroupConfig::read(context, line) else {
            return;
        };
        let mut groups = self.server_groups.iter();
        if let Some(first) = groups.find(|first| first.name.value == group.name.value) {
            let message = format!("a second `virtual_server_group {}`", group.name.value);
            let finding = Diagnostic::error(group.name.span, message)
                .silent()
                .note_at(first.name.span, "the first one holds, this one is skipped");
            context.findings.push(finding);
            return;
        }
        self.server_groups.push(group);
    }
}
