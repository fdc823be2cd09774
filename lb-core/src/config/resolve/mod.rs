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
mod via_vip;
mod vmac;

use std::net::IpAddr;

use crate::model::Model;

use super::diagnostic::Diagnostic;
use super::keyword::read_file;
use super::line::{At, Context};
use super::root::Config;
use super::source::Span;

/// What a text names of the host that it is for, with the places.
#[derive(Clone, Debug)]
pub(super) struct HostNames {
    /// Interfaces that have to exist, each once.
    pub(super) interfaces: Vec<At<String>>,
    /// Virtual addresses and their interfaces.
    pub(super) held: Vec<(At<IpAddr>, String)>,
}

/// Reads the whole tree. The model is what a lenient reading makes of it; the interfaces are those that
/// have to exist.
pub(super) fn resolve(context: &mut Context<'_>, host: &str, login: &str) -> (Model, HostNames) {
    let config = read_file(context);
    let known = tracking::known(context, &config);
    tracking::keep_files(context, &known);
    let mut routing = routing::Routing::new(&config.global);
    let mut statics = statics::items(context, &config, &mut routing);
    let routers = router::routers(context, &config, &known, &mut routing);
    statics.groups = statics::groups(context, &config, &routers);
    let groups = tracking::groups(context, &config, &known, &routers);
    let global = global::global(context, &config.global, host, login);
    let virtual_servers = server::virtual_servers(context, &config);
    let checked = tracking::checked_files(&virtual_servers);
    let mut model = Model {
        global,
        objects: tracking::objects(context, &config, &known, &routers, &groups, &checked),
        groups,
        routers,
        statics,
        virtual_servers,
    };
    model.global.vrrp.carrier_delays = links::delays(context, &config, &model.routers);
    model.global.vrrp.link_polls = links::polls(&config);
    global::sync_daemon(context, &config.global, &mut model);
    let names = HostNames {
        interfaces: links::named(context, &config, &model),
        held: links::held(&config),
    };
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
    (model, names)
}
