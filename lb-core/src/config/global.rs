// SPDX-License-Identifier: MIT OR Apache-2.0
//! `global_defs`.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use lb_check::{Account, ScriptRules};
use lb_vrrp::PacingGroup;

use super::announcements::AnnouncementConfig;
use super::line::{At, Context};
use super::notify::FifosConfig;
use super::runtime::RuntimeConfig;
use super::tree::NodeId;
use super::vocabulary::nearest;
use super::vrrp::VrrpConfig;
use crate::model::Webhook;

/// Longest `vmac_prefix`: a dot and three digits follow, and a name has 15 bytes at most.
const VMAC_PREFIX: usize = 11;

#[derive(Debug)]
pub(super) struct SyncDaemonConfig {
    pub(super) interface: String,
    pub(super) instance: Option<At<String>>,
    pub(super) id: Option<u8>,
    pub(super) max_length: Option<u16>,
    pub(super) port: Option<u16>,
    pub(super) ttl: Option<u8>,
    pub(super) group: Option<IpAddr>,
}

#[derive(Debug, Default)]
pub(super) struct GlobalConfig {
    pub(super) recipients: Vec<At<String>>,
    pub(super) sender: Option<At<String>>,
    pub(super) mail_server: Option<At<(String, u16)>>,
    pub(super) mail_timeout: Option<At<Duration>>,
    pub(super) helo: Option<At<String>>,
    pub(super) router_id: Option<At<String>>,
    pub(super) smtp_alert: Option<At<bool>>,
    pub(super) smtp_alert_vrrp: Option<At<bool>>,
    pub(super) smtp_alert_checker: Option<At<bool>>,
    pub(super) vrrp_version: Option<At<u32>>,
    /// Where iproute2 keeps its names.
    pub(super) iproute_etc: Option<At<String>>,
    pub(super) iproute_usr: Option<At<String>>,
    pub(super) announcements: AnnouncementConfig,
    pub(super) vrrp: VrrpConfig,
    pub(super) runtime: RuntimeConfig,
    /// The blocks `garp_group`, which stand beside `global_defs`.
    pub(super) garp_groups: Vec<At<PacingGroup>>,
    pub(super) lower_prio_no_advert: Option<At<bool>>,
    pub(super) higher_prio_send_advert: Option<At<bool>>,
    pub(super) v3_checksum_as_v2: Option<At<bool>>,
    pub(super) owner_ignores_adverts: Option<At<bool>>,
    pub(super) strict: Option<At<bool>>,
    pub(super) check_unicast_source: Option<At<bool>>,
    pub(super) down_timer_adverts: Option<At<u32>>,
    pub(super) log_all_failures: Option<At<bool>>,
    pub(super) supplementary_groups: Option<At<bool>>,
    pub(super) script_user: Option<At<(String, Option<String>)>>,
    pub(super) no_email_faults: Option<At<bool>>,
    pub(super) fifos: FifosConfig,
    /// `notify_url` of what has none of its own.
    pub(super) webhook: Option<At<Arc<Webhook>>>,
    /// `rs_init_notifies`.
    pub(super) notifies_added_servers: Option<At<bool>>,
    pub(super) script_security: bool,
    /// What follows from both, once all is read.
    pub(super) script_rules: ScriptRules,
    pub(super) sync_daemon: Option<At<SyncDaemonConfig>>,
    pub(super) vmac_prefix: Option<At<String>>,
    /// Of macvlans for single addresses.
    pub(super) vmac_addr_prefix: Option<At<String>>,
    /// Of static addresses that name none.
    pub(super) default_interface: Option<At<String>>,
}

impl GlobalConfig {
    /// Whether the states of a router or sync group with this setting are mailed.
    pub(super) fn alerts_of_routers(&self, own: Option<At<bool>>) -> bool {
        let alert = own.or(self.smtp_alert_vrrp).or(self.smtp_alert);
        alert.is_some_and(|at| at.value)
    }

    pub(super) fn mail_timeout(&mut self, context: &mut Context<'_>, line: NodeId) {
        let mut value = context.whole_seconds(line, 0..=4294);
        if let Some(timeout) = value.as_mut().filter(|timeout| timeout.value.is_zero()) {
            context.warning(timeout.span, "the shortest timeout is 1 s");
            timeout.value = Duration::from_secs(1);
        }
        context.set(line, &mut self.mail_timeout, value);
    }

    pub(super) fn recipients(&mut self, context: &mut Context<'_>, block: NodeId) {
        context.only_block(block);
        for line in context.lines(block) {
            let words = context.tree.words(line);
            self.recipients.extend(
                words
                    .iter()
                    .map(|word| At::new(context.text(word).to_owned(), word.span)),
            );
            context.no_block(line);
        }
    }

    pub(super) fn mail_server(&mut self, context: &mut Context<'_>, line: NodeId) {
        let host = context.argument(line, 0, "a host name or address");
        context.only(line, 2);
        let Some(host) = host else { return };
        let port = match context.arguments(line).get(1) {
            None => Some(25),
            Some(word) => {
                let text = At::new(context.text(word), word.span);
                context
                    .number_in(line, text, 1..=65535)
                    .map(|port| port.value)
            }
        };
        let port = port.and_then(|port| u16::try_from(port).ok()).unwrap_or(25);
        let value = At::new((host.value.to_owned(), port), host.span);
        context.set(line, &mut self.mail_server, Some(value));
    }

    pub(super) fn script_user(&mut self, context: &mut Context<'_>, line: NodeId) {
        let Some(user) = context.argument(line, 0, "a user") else {
            return;
        };
        context.only(line, 2);
        let group = context
            .arguments(line)
            .get(1)
            .map(|word| context.text(word).to_owned());
        if let Err(unknown) = Account::find(user.value, group.as_deref()) {
            context.error(user.span, unknown.to_string());
        }
        let value = At::new((user.value.to_owned(), group), user.span);
        context.set(line, &mut self.script_user, Some(value));
    }

    pub(super) fn sync_daemon(&mut self, context: &mut Context<'_>, line: NodeId) {
        let Some(interface) = context.argument(line, 0, "an interface") else {
            return;
        };
        context.no_block(line);
        let Some(name) = context.interface(interface) else {
            return;
        };
        let mut daemon = SyncDaemonConfig {
            interface: name.value,
            instance: None,
            id: None,
            max_length: None,
            port: None,
            ttl: None,
            group: None,
        };
        daemon.options(context, line);
        if let Some(first) = &self.sync_daemon {
            let first = first.span;
            let (_, span) = context.keyword(line);
            context.findings.push(
                super::Diagnostic::error(span, "a second `lvs_sync_daemon`")
                    .note_at(first, "this one holds"),
            );
            return;
        }
        self.sync_daemon = Some(At::new(daemon, interface.span));
    }
}

impl SyncDaemonConfig {
    fn options(&mut self, context: &mut Context<'_>, line: NodeId) {
        const OPTIONS: [&str; 6] = ["inst", "id", "maxlen", "port", "ttl", "group"];
        let mut words = context.arguments(line).iter().skip(1).enumerate();
        while let Some((index, word)) = words.next() {
            let text = At::new(context.text(word), word.span);
            if !OPTIONS.contains(&text.value) {
                if index == 0 && nearest(text.value, OPTIONS).is_none() {
                    self.instance = Some(At::new(text.value.to_owned(), text.span));
                    continue;
                }
                let suggestion = nearest(text.value, OPTIONS);
                context.findings.push(
                    super::Diagnostic::error(text.span, format!("unknown option `{}`", text.value))
                        .suggest(suggestion),
                );
                continue;
            }
            let Some((_, value)) = words.next() else {
                context.error(text.span, format!("`{}` needs a value", text.value));
                return;
            };
            let value = At::new(context.text(value), value.span);
            let mut number = |range| context.number_in(line, value, range).map(|at| at.value);
            match text.value {
                "inst" => self.instance = Some(At::new(value.value.to_owned(), value.span)),
                "id" => self.id = number(0..=255).and_then(|n| n.try_into().ok()),
                "maxlen" => self.max_length = number(1..=65507).and_then(|n| n.try_into().ok()),
                "port" => self.port = number(1..=65535).and_then(|n| n.try_into().ok()),
                "ttl" => self.ttl = number(1..=255).and_then(|n| n.try_into().ok()),
                _ => match context.address(value) {
                    Some(group) if group.value.is_multicast() => self.group = Some(group.value),
                    Some(group) => context.error(group.span, "not a multicast address"),
                    None => {}
                },
            }
        }
    }
}

/// `vmac_prefix`, `vmac_addr_prefix`. The first one holds.
pub(super) fn prefix(context: &mut Context<'_>, line: NodeId, into: &mut Option<At<String>>) {
    let (keyword, _) = context.keyword(line);
    let value = context.value(line, "the beginning of a name");
    let Some(value) = value.and_then(|text| context.interface(text)) else {
        return;
    };
    if value.value.len() > VMAC_PREFIX {
        let message = format!("`{}` is too long for `{keyword}`", value.value);
        let finding = super::Diagnostic::error(value.span, message);
        let label = format!("must have 1 to {VMAC_PREFIX} bytes");
        context
            .findings
            .push(finding.label(label).note("a dot and the VRID follow it"));
        return;
    }
    if let Some(first) = into {
        let message = format!("`{keyword}` is given again");
        let finding = super::Diagnostic::warning(value.span, message).label("ignored");
        context
            .findings
            .push(finding.note_at(first.span, "this one holds"));
        return;
    }
    *into = Some(value);
}
