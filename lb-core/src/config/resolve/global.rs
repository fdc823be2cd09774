// SPDX-License-Identifier: MIT OR Apache-2.0
//! The global settings.

use std::time::Duration;

use lb_ipvs::{SyncDaemon, SyncId, SyncState};

use crate::config::Diagnostic;
use crate::config::global::GlobalConfig;
use crate::config::line::Context;
use crate::model::{Global, GlobalSyncDaemon, MailSettings, Model};

pub(super) fn global(
    context: &mut Context<'_>,
    config: &GlobalConfig,
    host: &str,
    login: &str,
) -> Global {
    let router_id = config
        .router_id
        .as_ref()
        .map_or(host, |at| at.value.as_str());
    let mut global = Global::new(router_id);
    global.mail = mail(context, config, host, login);
    global.vrrp.startup_delay = config.vrrp.startup_delay.map(|at| at.value);
    global.vrrp.delay_after_boot = config.vrrp.delay_after_boot.map(|at| at.value);
    global.vrrp.log_unknown_vrids = config.vrrp.log_unknown_vrids.is_some();
    global.vrrp.dynamic_interfaces = config.vrrp.dynamic_interfaces.is_some();
    global.vrrp.pacing = super::announcements::pacing(context, config);
    global.vrrp.netlink = config.vrrp.buffers.netlink(context);
    global.vrrp.scheduling = config.vrrp.scheduling.scheduling();
    global.notifies_added_servers = config.notifies_added_servers.is_some_and(|at| at.value);
    global.fifos = super::notify::fifos(context, config);
    global.no_fault_mails = config.no_email_faults.is_some();
    global.scripts.security = config.script_security;
    global.scripts.supplementary_groups = config.supplementary_groups.is_some_and(|at| at.value);
    config.runtime.resolve(context, &mut global);
    (
        global.runtime.startup_script,
        global.runtime.shutdown_script,
    ) = super::notify::stage_scripts(context, config);
    if let Some(at) = &config.script_user {
        let (user, group) = &at.value;
        global.scripts.user = Some(user.clone());
        global.scripts.group = group.clone();
    }
    global
}

/// Mail needs a server and a recipient; one without the other is worth a word.
fn mail(
    context: &mut Context<'_>,
    config: &GlobalConfig,
    host: &str,
    login: &str,
) -> Option<MailSettings> {
    let Some(server) = &config.mail_server else {
        if let Some(first) = config.recipients.first() {
            let message = "`notification_email` without `smtp_server`: no mail will be sent";
            let finding = Diagnostic::warning(first.span, message).silent();
            context.findings.push(finding);
        }
        return None;
    };
    if config.recipients.is_empty() {
        let message = "`smtp_server` without `notification_email`: no mail will be sent";
        context
            .findings
            .push(Diagnostic::warning(server.span, message).silent());
        return None;
    }
    let from = match &config.sender {
        Some(at) => at.value.clone(),
        None => format!("{login}@{host}"),
    };
    let (name, port) = &server.value;
    let mut mail = MailSettings::new(name.as_str(), from).with_port(*port);
    mail.to = config
        .recipients
        .iter()
        .map(|at| at.value.clone())
        .collect();
    mail.helo = config.helo.as_ref().map(|at| at.value.clone());
    mail.timeout = config
        .mail_timeout
        .map_or(Duration::from_secs(30), |at| at.value);
    Some(mail)
}

/// One sync daemon of each role is all the kernel runs.
pub(super) fn sync_daemon(context: &mut Context<'_>, config: &GlobalConfig, model: &mut Model) {
    let Some(at) = &config.sync_daemon else {
        return;
    };
    let written = &at.value;
    let vrid = match &written.instance {
        None => None,
        Some(name) => {
            let mut routers = model.routers.iter().map(|router| &router.spec);
            let router = routers.find(|router| router.name == name.value);
            if router.is_none() {
                let known = model.routers.iter().map(|router| router.spec.name.as_str());
                let suggestion = crate::config::vocabulary::nearest(&name.value, known);
                let message = format!("no `vrrp_instance` is named `{}`", name.value);
                let finding = Diagnostic::error(name.span, message).suggest(suggestion);
                context
                    .findings
                    .push(finding.note("the sync daemon is left out"));
                return;
            }
            router.map(|router| router.config.vrid().get())
        }
    };
    let id = written.id.or(vrid).unwrap_or(0);
    let interface = written.interface.as_str();
    let mut daemon = SyncDaemon::new(SyncState::Backup, interface, SyncId::new(id));
    daemon.max_length = written.max_length;
    daemon.port = written.port;
    daemon.ttl = written.ttl;
    daemon.group = written.group;
    let mut daemon = GlobalSyncDaemon::new(daemon);
    daemon.instance = written.instance.as_ref().map(|name| name.value.clone());
    model.global.sync_daemon = Some(daemon);
}
