// SPDX-License-Identifier: MIT OR Apache-2.0
//! `vrrp_instance`.

use std::time::Duration;

use crate::model::VirtualAddress;

use super::Diagnostic;
use super::announcements::AnnouncementConfig;
use super::hmac::HmacBlock;
use super::ipvlan::IpvlanConfig;
use super::line::{At, Context};
use super::notify::RouterNotifyConfig;
use super::source::Span;
use super::track::TrackConfig;
use super::tree::NodeId;
use super::unicast::UnicastConfig;
use super::vmac::VmacConfig;

#[derive(Debug)]
pub(super) struct InstanceConfig {
    pub(super) name: At<String>,
    /// Its block.
    pub(super) block: NodeId,
    /// The line `vrrp_instance NAME`.
    pub(super) span: Span,
    /// Whether the state is MASTER.
    pub(super) master: Option<At<bool>>,
    pub(super) interface: Option<At<String>>,
    pub(super) vrid: Option<At<u32>>,
    pub(super) priority: Option<At<u32>>,
    pub(super) interval: Option<At<Duration>>,
    pub(super) version: Option<At<u32>>,
    pub(super) preempt: Option<At<bool>>,
    pub(super) auth_pass: Option<At<String>>,
    pub(super) hmac: Option<HmacBlock>,
    pub(super) auth_type: Option<At<AuthType>>,
    /// A mistake in `auth_type` has been reported.
    pub(super) wrong_auth_type: bool,
    pub(super) addresses: Vec<At<VirtualAddress>>,
    pub(super) excluded: Vec<At<VirtualAddress>>,
    pub(super) no_addresses: Option<At<bool>>,
    pub(super) receive_buffer: Option<At<u32>>,
    pub(super) promotes_secondaries: Option<At<bool>>,
    /// The blocks `virtual_routes` and `virtual_rules`.
    pub(super) routes: Vec<NodeId>,
    pub(super) rules: Vec<NodeId>,
    pub(super) announcements: AnnouncementConfig,
    pub(super) sync_daemon_interface: Option<At<String>>,
    pub(super) smtp_alert: Option<At<bool>>,
    pub(super) notify: RouterNotifyConfig,
    pub(super) lower_prio_no_advert: Option<At<bool>>,
    pub(super) higher_prio_send_advert: Option<At<bool>>,
    pub(super) v3_checksum_as_v2: Option<At<bool>>,
    pub(super) owner_ignores_adverts: Option<At<bool>>,
    pub(super) preempt_delay: Option<At<Duration>>,
    /// How long it waits at most for a packet.
    pub(super) sticky: Option<At<Duration>>,
    /// Priority of the backup that `timer_expired_backup` reckons with.
    pub(super) expired_backup: Option<At<u32>>,
    pub(super) down_timer_adverts: Option<At<u32>>,
    pub(super) unicast: UnicastConfig,
    pub(super) tracked: Vec<TrackConfig>,
    pub(super) ignores_interface: Option<At<bool>>,
    /// `linkbeat_use_polling`.
    pub(super) polls_link: Option<At<bool>>,
    pub(super) accept: Option<At<bool>>,
    pub(super) strict: Option<At<bool>>,
    pub(super) vmac: VmacConfig,
    pub(super) ipvlan: Option<At<IpvlanConfig>>,
}

/// The authentications of VRRPv2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AuthType {
    Pass,
    Ah,
}

impl InstanceConfig {
    /// An empty instance of a block at the line `span`.
    pub(super) fn new(name: At<String>, block: NodeId, span: Span) -> Self {
        Self {
            name,
            block,
            span,
            master: None,
            interface: None,
            vrid: None,
            priority: None,
            interval: None,
            version: None,
            preempt: None,
            auth_pass: None,
            hmac: None,
            auth_type: None,
            wrong_auth_type: false,
            addresses: Vec::new(),
            excluded: Vec::new(),
            no_addresses: None,
            receive_buffer: None,
            promotes_secondaries: None,
            routes: Vec::new(),
            rules: Vec::new(),
            announcements: AnnouncementConfig::default(),
            sync_daemon_interface: None,
            smtp_alert: None,
            notify: RouterNotifyConfig::default(),
            lower_prio_no_advert: None,
            higher_prio_send_advert: None,
            v3_checksum_as_v2: None,
            owner_ignores_adverts: None,
            preempt_delay: None,
            sticky: None,
            expired_backup: None,
            down_timer_adverts: None,
            unicast: UnicastConfig::default(),
            tracked: Vec::new(),
            ignores_interface: None,
            polls_link: None,
            accept: None,
            strict: None,
            vmac: VmacConfig::default(),
            ipvlan: None,
        }
    }

    pub(super) fn polling(&mut self, context: &mut Context<'_>, line: NodeId) {
        let value = context.flag(line);
        let finding = Diagnostic::warning(value.span, "`linkbeat_use_polling` is deprecated here");
        let finding = finding.note("name the interface in `linkbeat_interfaces`");
        context.findings.push(finding);
        context.set(line, &mut self.polls_link, Some(value));
    }

    /// Sets `auth_hmac`; the last one holds.
    pub(super) fn set_hmac(&mut self, context: &mut Context<'_>, line: NodeId, hmac: HmacBlock) {
        let value = Some(At::new((), hmac.span));
        let mut first = self.hmac.as_ref().map(|block| At::new((), block.span));
        context.set(line, &mut first, value);
        self.hmac = Some(hmac);
    }

    /// MASTER stays if BACKUP follows; any other word is BACKUP.
    pub(super) fn state(&mut self, context: &mut Context<'_>, line: NodeId) {
        let Some(text) = context.value(line, "MASTER or BACKUP") else {
            return;
        };
        let choices = [("MASTER", true), ("BACKUP", false)];
        let master = context
            .one_of(text, "a state", &choices)
            .unwrap_or_else(|| At::new(false, text.span));
        match self.master {
            Some(first) if first.value && !master.value => context.findings.push(
                Diagnostic::warning(text.span, "`state` is given again")
                    .note_at(first.span, "MASTER holds"),
            ),
            _ => context.set(line, &mut self.master, Some(master)),
        }
    }

    pub(super) fn auth_type(&mut self, context: &mut Context<'_>, line: NodeId) {
        let Some(text) = context.value(line, "PASS or AH") else {
            return;
        };
        let choices = [("PASS", AuthType::Pass), ("AH", AuthType::Ah)];
        let value = context.one_of(text, "an authentication type", &choices);
        self.wrong_auth_type = value.is_none();
        context.set(line, &mut self.auth_type, value);
    }
}

/// Reads a value that may be missing.
pub(super) fn optional<T>(
    context: &mut Context<'_>,
    line: NodeId,
    default: T,
    read: impl FnOnce(&mut Context<'_>) -> Option<At<T>>,
) -> Option<At<T>> {
    if context.arguments(line).is_empty() {
        Some(At::new(default, context.flag(line).span))
    } else {
        read(context)
    }
}

/// Warns that `vrf` has no effect: keepalived, too, binds to the interface, which may be in a VRF.
pub(super) fn vrf(context: &mut Context<'_>, line: NodeId) {
    if let Some(name) = context.value(line, "the name of an interface") {
        let message = "`vrf` has no effect beside `interface`";
        let finding = Diagnostic::warning(name.span, message).label("ignored");
        let finding = finding.note("an interface in a VRF is used as any other");
        context.findings.push(finding);
    }
}
