// SPDX-License-Identifier: MIT OR Apache-2.0
//! `vrrp_instance`.

use std::time::Duration;

use lb_vrrp::RouterConfigBuilder;

use crate::model::VirtualAddress;

use super::Diagnostic;
use super::address::addresses;
use super::announcements::AnnouncementConfig;
use super::hmac::HmacBlock;
use super::keywords::Level;
use super::line::{At, Context};
use super::source::Span;
use super::track::{self, Kind, TrackConfig};
use super::tree::NodeId;
use super::unicast::UnicastConfig;
use super::vmac::VmacConfig;

/// Limit of `sticky` unless given: longer than a switch port with spanning tree is deaf.
const STICKY: Duration = Duration::from_secs(60);
const LONGEST_STICKY: Duration = Duration::from_secs(86400);

#[derive(Debug)]
pub(super) struct InstanceConfig {
    pub(super) name: At<String>,
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
}

/// The authentications of VRRPv2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AuthType {
    Pass,
    Ah,
}

impl InstanceConfig {
    /// Reads one block; none if it has no name.
    pub(super) fn read(context: &mut Context<'_>, block: NodeId) -> Option<Self> {
        let name = context.argument(block, 0, "a name");
        context.extra(block, 1);
        let (text, span) = name.map_or(("", Span::START), |name| (name.value, name.span));
        let mut instance = Self {
            name: At::new(text.to_owned(), span),
            span: context.tree.line_span(block),
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
        };
        for line in context.lines(block) {
            instance.line(context, line);
        }
        name.map(|_| instance)
    }

    fn line(&mut self, context: &mut Context<'_>, line: NodeId) {
        let (keyword, _) = context.keyword(line);
        if let Some(kind) = Kind::of_list(keyword) {
            return track::list(context, line, kind, &mut self.tracked);
        }
        match keyword {
            "dont_track_primary" => {
                let value = context.flag(line);
                context.set(line, &mut self.ignores_interface, Some(value));
            }
            "linkbeat_use_polling" => {
                let value = context.flag(line);
                let finding =
                    Diagnostic::warning(value.span, "`linkbeat_use_polling` is deprecated here");
                let finding = finding.note("name the interface in `linkbeat_interfaces`");
                context.findings.push(finding);
                context.set(line, &mut self.polls_link, Some(value));
            }
            // keepalived too binds to the interface, which may be in a VRF.
            "vrf" => {
                if let Some(name) = context.value(line, "the name of an interface") {
                    let message = "`vrf` has no effect beside `interface`";
                    let finding = Diagnostic::warning(name.span, message).label("ignored");
                    let finding = finding.note("an interface in a VRF is used as any other");
                    context.findings.push(finding);
                }
            }
            "promote_secondaries" => {
                let value = context.flag(line);
                context.set(line, &mut self.promotes_secondaries, Some(value));
            }
            "state" => self.state(context, line),
            "interface" => {
                let value = context.value(line, "the name of an interface");
                let value = value.and_then(|text| context.interface(text));
                context.set(line, &mut self.interface, value);
            }
            "virtual_router_id" => {
                let value = context.number(line, 1..=255);
                context.set(line, &mut self.vrid, value);
            }
            "priority" => {
                let value = context.number(line, 1..=255);
                context.set(line, &mut self.priority, value);
            }
            "advert_int" => {
                let range = Duration::from_millis(10)..=Duration::from_secs(255);
                let value = context.seconds(line, range);
                context.set(line, &mut self.interval, value);
            }
            "version" => {
                let value = context.number(line, 2..=3);
                context.set(line, &mut self.version, value);
            }
            "nopreempt" | "preempt" => {
                let flag = context.flag(line);
                let value = At::new(keyword == "preempt", flag.span);
                context.set(line, &mut self.preempt, Some(value));
            }
            "sticky" => {
                let value = if context.arguments(line).is_empty() {
                    Some(At::new(STICKY, context.flag(line).span))
                } else {
                    context.seconds(line, Duration::from_millis(10)..=LONGEST_STICKY)
                };
                context.set(line, &mut self.sticky, value);
            }
            "preempt_delay" => {
                let range = Duration::ZERO..=RouterConfigBuilder::MAX_PREEMPT_DELAY;
                let value = context.seconds(line, range);
                context.set(line, &mut self.preempt_delay, value);
            }
            "timer_expired_backup" | "thread_timer_expired" => {
                let value = if context.arguments(line).is_empty() {
                    Some(At::new(254, context.flag(line).span))
                } else {
                    context.number(line, 1..=254)
                };
                context.set(line, &mut self.expired_backup, value);
            }
            "down_timer_adverts" => {
                let value = context.number(line, 1..=100);
                context.set(line, &mut self.down_timer_adverts, value);
            }
            "authentication" => self.authentication(context, line),
            "auth_hmac" => {
                let read = HmacBlock::read(context, line);
                let value = Some(At::new((), read.span));
                let mut first = self.hmac.as_ref().map(|of| At::new((), of.span));
                context.set(line, &mut first, value);
                self.hmac = Some(read);
            }
            "virtual_ipaddress" => addresses(context, line, &mut self.addresses),
            "virtual_ipaddress_excluded" => addresses(context, line, &mut self.excluded),
            "no_virtual_ipaddress" => {
                let value = context.flag(line);
                context.set(line, &mut self.no_addresses, Some(value));
            }
            "kernel_rx_buf_size" => {
                // The kernel doubles it.
                let value = context.number(line, 1..=i32::MAX.unsigned_abs() / 2);
                context.set(line, &mut self.receive_buffer, value);
            }
            "virtual_routes" => self.routes.push(line),
            "virtual_rules" => self.rules.push(line),
            "lvs_sync_daemon_interface" => {
                let value = context.value(line, "the name of an interface");
                let value = value.and_then(|text| context.interface(text));
                context.set(line, &mut self.sync_daemon_interface, value);
            }
            "accept" | "no_accept" => {
                let flag = context.flag(line);
                let value = At::new(keyword == "accept", flag.span);
                context.set(line, &mut self.accept, Some(value));
            }
            "native_ipv6" => {
                context.flag(line);
            }
            // Advertisements are never refused for their addresses.
            "skip_check_adv_addr" => {
                context.boolean(line);
            }
            "debug" => {
                context.number(line, 0..=4);
            }
            _ => {
                if !self.announcements.read(context, line, keyword)
                    && !self.unicast.read(context, line, keyword)
                    && !self.vmac.read(context, line, keyword)
                    && !self.switch(context, line, keyword)
                {
                    context.unknown(Level::Instance, line);
                }
            }
        }
    }

    fn switch(&mut self, context: &mut Context<'_>, line: NodeId, keyword: &str) -> bool {
        let slot = match keyword {
            "smtp_alert" => &mut self.smtp_alert,
            "lower_prio_no_advert" => &mut self.lower_prio_no_advert,
            "higher_prio_send_advert" => &mut self.higher_prio_send_advert,
            "v3_checksum_as_v2" => &mut self.v3_checksum_as_v2,
            "owner_ignore_adverts" => &mut self.owner_ignores_adverts,
            "strict_mode" => &mut self.strict,
            _ => return false,
        };
        let value = context.boolean(line);
        context.set(line, slot, value);
        true
    }

    /// MASTER stays if BACKUP follows; any other word is BACKUP.
    fn state(&mut self, context: &mut Context<'_>, line: NodeId) {
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

    fn authentication(&mut self, context: &mut Context<'_>, block: NodeId) {
        context.only_block(block);
        for line in context.lines(block) {
            match context.keyword(line).0 {
                "auth_type" => {
                    let Some(text) = context.value(line, "PASS or AH") else {
                        continue;
                    };
                    let choices = [("PASS", AuthType::Pass), ("AH", AuthType::Ah)];
                    let value = context.one_of(text, "an authentication type", &choices);
                    context.set(line, &mut self.auth_type, value);
                }
                "auth_pass" => {
                    let value = context.string(line, "a password");
                    context.set(line, &mut self.auth_pass, value);
                }
                _ => context.unknown(Level::Authentication, line),
            }
        }
    }
}
