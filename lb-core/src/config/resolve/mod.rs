// SPDX-License-Identifier: MIT OR Apache-2.0
//! From what is written to what is meant: defaults, inheritance, and rules between settings.

mod announcements;
mod authentication;
mod check;
mod destination;
mod global;
mod links;
mod router;
mod routing;
mod server;
mod statics;
mod strict;
mod tracking;
mod vmac;

use lb_check::ScriptRules;
use lb_vrrp::{CarrierDelay, LinkPoll};

use crate::model::Model;

use super::announcements as written;
use super::diagnostic::Diagnostic;
use super::global::GlobalConfig;
use super::instance::InstanceConfig;
use super::keywords::Level;
use super::line::{At, Context};
use super::links as interfaces;
use super::source::Span;
use super::statics::{StaticKind, StaticsConfig};
use super::track::GroupConfig;
use super::tracked::{FileConfig, ObjectConfig, ProcessConfig, ScriptConfig, Source};
use super::tree::NodeId;

/// A configuration as it is written.
#[derive(Debug, Default)]
struct Config {
    global: GlobalConfig,
    instances: Vec<InstanceConfig>,
    groups: Vec<GroupConfig>,
    objects: Vec<ObjectConfig>,
    delays: Vec<At<CarrierDelay>>,
    polls: Vec<At<LinkPoll>>,
    /// `linkbeat_use_polling` at the top.
    polls_every: Option<At<bool>>,
    /// The blocks `virtual_server`, each of which is read when it is resolved: ten thousand of them
    /// are not kept in two forms.
    servers: Vec<NodeId>,
    statics: StaticsConfig,
}

/// Reads the whole tree. The model is what a lenient reading makes of it.
pub(super) fn resolve(context: &mut Context<'_>, host: &str, login: &str) -> Model {
    let config = config(context);
    let mut known = tracking::known(context, &config);
    let mut routing = routing::Routing::new(&config.global);
    let mut statics = statics::items(context, &config, &mut routing);
    let routers = router::routers(context, &config, &mut known, &mut routing);
    statics.groups = statics::groups(context, &config, &routers);
    let groups = tracking::groups(context, &config, &mut known, &routers);
    let mut model = Model {
        global: global::global(context, &config.global, host, login),
        objects: tracking::objects(context, &config, &known),
        groups,
        routers,
        statics,
        virtual_servers: server::virtual_servers(context, &config),
    };
    model.global.vrrp.carrier_delays = links::delays(context, &config, &model.routers);
    model.global.vrrp.link_polls = links::polls(&config);
    global::sync_daemon(context, &config.global, &mut model);
    let checked = Model::builder().from(model);
    match checked.build() {
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
    }
}

fn config(context: &mut Context<'_>) -> Config {
    let mut config = Config::default();
    for line in context.tree.roots() {
        match context.keyword(line).0 {
            "global_defs" => config.global.read(context, line),
            "garp_group" => {
                let group = written::group(context, line, &config.global.garp_groups);
                config.global.garp_groups.extend(group);
            }
            "vrrp_instance" => {
                let Some(instance) = InstanceConfig::read(context, line) else {
                    continue;
                };
                let name = &instance.name;
                let first = config
                    .instances
                    .iter()
                    .find(|first| first.name.value == name.value);
                if let Some(first) = first {
                    let message = format!("a second `vrrp_instance {}`", name.value);
                    let finding = Diagnostic::error(name.span, message)
                        .note_at(first.name.span, "the first one holds, this one is skipped");
                    context.findings.push(finding);
                    continue;
                }
                config.instances.push(instance);
            }
            "static_ipaddress" => config.statics.block(StaticKind::Addresses, line),
            "static_routes" => config.statics.block(StaticKind::Routes, line),
            "static_rules" => config.statics.block(StaticKind::Rules, line),
            "track_group" => config.statics.group(context, line),
            "vrrp_sync_group" => config.groups.extend(GroupConfig::read(context, line)),
            "vrrp_script" => {
                let source = Source::Script(ScriptConfig::default());
                config
                    .objects
                    .extend(ObjectConfig::read(context, line, source));
            }
            "track_file" | "vrrp_track_file" => {
                let source = Source::File(FileConfig::default());
                config
                    .objects
                    .extend(ObjectConfig::read(context, line, source));
            }
            "vrrp_track_process" => {
                let source = Source::Process(ProcessConfig::default());
                config
                    .objects
                    .extend(ObjectConfig::read(context, line, source));
            }
            "interface_up_down_delays" => {
                interfaces::delays(context, line, &mut config.delays);
            }
            "linkbeat_interfaces" => interfaces::polls(context, line, &mut config.polls),
            "linkbeat_use_polling" => {
                let value = context.flag(line);
                context.set(line, &mut config.polls_every, Some(value));
            }
            "virtual_server" => config.servers.push(line),
            _ => context.unknown(Level::Root, line),
        }
    }
    let global = &mut config.global;
    let user = global.script_user.as_ref().map(|at| at.value.clone());
    let all_groups = global.supplementary_groups.is_some_and(|at| at.value);
    global.script_rules =
        ScriptRules::new(user, global.script_security).with_supplementary_groups(all_groups);
    config
}
