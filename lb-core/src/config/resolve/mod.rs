// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the written settings to the model: defaults, and rules between settings.

mod announcements;
mod assumed;
mod authentication;
mod check;
mod destination;
mod global;
mod links;
mod notify;
mod router;
mod routing;
mod server;
mod server_group;
mod statics;
mod strict;
mod tracking;
mod vmac;

pub(super) use self::notify::KnownScripts;

use lb_check::ScriptRules;
use lb_vrrp::{CarrierDelay, LinkPoll};

use crate::model::Model;

use super::diagnostic::Diagnostic;
use super::global::GlobalConfig;
use super::instance::InstanceConfig;
use super::keyword::{ROOT, read_line};
use super::keywords::Level;
use super::line::{At, Context};
use super::server_group::ServerGroupConfig;
use super::source::Span;
use super::statics::StaticsConfig;
use super::track::GroupConfig;
use super::tracked::{ObjectConfig, Source};
use super::tree::NodeId;

/// A configuration as it is written.
#[derive(Debug, Default)]
pub(in crate::config) struct Config {
    pub(in crate::config) global: GlobalConfig,
    pub(in crate::config) instances: Vec<InstanceConfig>,
    pub(in crate::config) groups: Vec<GroupConfig>,
    pub(in crate::config) objects: Vec<ObjectConfig>,
    pub(in crate::config) delays: Vec<At<CarrierDelay>>,
    pub(in crate::config) polls: Vec<At<LinkPoll>>,
    /// `linkbeat_use_polling` at the top.
    pub(in crate::config) polls_every: Option<At<bool>>,
    /// The blocks `virtual_server`, each of which is read when it is resolved: ten thousand of them
    /// are not kept in two forms.
    pub(in crate::config) servers: Vec<NodeId>,
    pub(in crate::config) server_groups: Vec<ServerGroupConfig>,
    pub(in crate::config) statics: StaticsConfig,
}

/// Reads the whole tree. The model is what a lenient reading makes of it; the interfaces are those that
/// have to exist.
pub(super) fn resolve(
    context: &mut Context<'_>,
    host: &str,
    login: &str,
) -> (Model, Vec<At<String>>) {
    let config = config(context);
    let known = tracking::known(context, &config);
    let mut routing = routing::Routing::new(&config.global);
    let mut statics = statics::items(context, &config, &mut routing);
    let routers = router::routers(context, &config, &known, &mut routing);
    statics.groups = statics::groups(context, &config, &routers);
    let groups = tracking::groups(context, &config, &known, &routers);
    let mut model = Model {
        global: global::global(context, &config.global, host, login),
        objects: tracking::objects(context, &config, &known, &routers, &groups),
        groups,
        routers,
        statics,
        virtual_servers: server::virtual_servers(context, &config),
    };
    model.global.vrrp.carrier_delays = links::delays(context, &config, &model.routers);
    model.global.vrrp.link_polls = links::polls(&config);
    global::sync_daemon(context, &config.global, &mut model);
    let interfaces = links::named(context, &config, &model);
    let checked = Model::builder().from(model);
    let model = match checked.build() {
        Ok(model) => model,
        // Rules that a lenient reading can repair were reported above, with their places.
        Err(errors) => {
            for error in errors {
                let finding = router::place(&config, &error)
                    .unwrap_or_else(|| Diagnostic::error(Span::START, error.to_string()));
                context.findings.push(finding.fatal());
            }
            Model::default()
        }
    };
    (model, interfaces)
}

fn config(context: &mut Context<'_>) -> Config {
    let mut config = Config::default();
    for line in context.tree.roots() {
        if !read_line(ROOT, &mut config, context, line) {
            context.unknown(Level::Root, line);
        }
    }
    let global = &mut config.global;
    let user = global.script_user.as_ref().map(|at| at.value.clone());
    let all_groups = global.supplementary_groups.is_some_and(|at| at.value);
    global.script_rules =
        ScriptRules::new(user, global.script_security).with_supplementary_groups(all_groups);
    config
}

impl Config {
    pub(in crate::config) fn instance(&mut self, context: &mut Context<'_>, line: NodeId) {
        let Some(instance) = InstanceConfig::read(context, line) else {
            return;
        };
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
    pub(in crate::config) fn server_group(&mut self, context: &mut Context<'_>, line: NodeId) {
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

    pub(in crate::config) fn object(
        &mut self,
        context: &mut Context<'_>,
        line: NodeId,
        source: Source,
    ) {
        self.objects
            .extend(ObjectConfig::read(context, line, source));
    }
}
