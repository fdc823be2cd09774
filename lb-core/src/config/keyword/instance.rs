// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of `vrrp_instance`.

use std::ops::RangeInclusive;
use std::time::Duration;

use lb_vrrp::RouterConfigBuilder;

use super::{Keyword, Value};
use crate::config::address::addresses;
use crate::config::announcements::{extra, repeat};
use crate::config::buffers::LARGEST;
use crate::config::instance::{InstanceConfig, optional, vrf};
use crate::config::line::At;
use crate::config::notify::{COMMAND, WEBHOOK, webhook};
use crate::config::runtime::does_not_run;
use crate::config::track::{self, Kind};
use crate::config::vrrp::group;
use crate::model::RouterEvent;

/// Numbers of announcements.
const REPEAT: &str = "NUMBER, 1 to 2147483647";
const MAX: u32 = i32::MAX.unsigned_abs();
/// Limit of `sticky` unless given: longer than a switch port with spanning tree is deaf.
const STICKY: Duration = Duration::from_secs(60);
const STICKY_LIMIT: RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_secs(86400);
const INTERVAL: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(255);
const PREEMPT_DELAY: RangeInclusive<Duration> =
    Duration::ZERO..=RouterConfigBuilder::MAX_PREEMPT_DELAY;

type Instance = Keyword<InstanceConfig>;

pub(in crate::config) const INSTANCE: &[Instance] = &[
    Instance::new(
        "state",
        "Sets the first state; MASTER without a priority means 255.",
        Value::Other("MASTER|BACKUP", InstanceConfig::state),
    )
    .default("BACKUP")
    .tier(1),
    Instance::new(
        "interface",
        "Sets the interface of adverts; must be given.",
        Value::Interface("the name of an interface", |instance| {
            &mut instance.interface
        }),
    )
    .tier(1),
    Instance::new(
        "virtual_router_id",
        "Sets the VRID, equal on all routers of the group; must be given.",
        Value::Number(1..=255, |instance| &mut instance.vrid),
    )
    .tier(1),
    Instance::new(
        "priority",
        "Sets the priority in elections; 255 is the address owner.",
        Value::Number(1..=255, |instance| &mut instance.priority),
    )
    .default("100")
    .tier(1),
    Instance::new(
        "advert_int",
        "Sets the time between two adverts.",
        Value::Seconds(INTERVAL, |instance| &mut instance.interval),
    )
    .default("1")
    .tier(1),
    Instance::new(
        "version",
        "Sets the VRRP version.",
        Value::Number(2..=3, |instance| &mut instance.version),
    )
    .default("vrrp_version")
    .tier(2),
    Instance::new(
        "preempt",
        "Takes over from a master of lower priority.",
        Value::Other("", |instance, context, line| {
            let at = context.flag(line);
            context.set(line, &mut instance.preempt, Some(at));
        }),
    )
    .default("on")
    .tier(2),
    Instance::new(
        "nopreempt",
        "Leaves a master of lower priority in place.",
        Value::Other("", |instance, context, line| {
            let at = context.flag(line);
            let value = At::new(false, at.span);
            context.set(line, &mut instance.preempt, Some(value));
        }),
    )
    .tier(1),
    Instance::new(
        "preempt_delay",
        "Sets how long a router of lower priority stays master before a takeover.",
        Value::Seconds(PREEMPT_DELAY, |instance| &mut instance.preempt_delay),
    )
    .default("0")
    .tier(2),
    Instance::new(
        "sticky",
        "Does not take over before an advert or this time shows that the link works.",
        Value::Other("[SECONDS, 0.01 to 86400]", |instance, context, line| {
            let value = optional(context, line, STICKY, |context| {
                context.seconds(line, STICKY_LIMIT)
            });
            context.set(line, &mut instance.sticky, value);
        }),
    )
    .default("60 if the keyword stands alone")
    .own(),
    Instance::new(
        "timer_expired_backup",
        "Yields after a stall in which a backup of this priority took over; needs nopreempt.",
        Value::Other("[NUMBER, 1 to 254]", |instance, context, line| {
            let value = optional(context, line, 254, |context| context.number(line, 1..=254));
            context.set(line, &mut instance.expired_backup, value);
        }),
    )
    .default("254 if the keyword stands alone"),
    Instance::new(
        "thread_timer_expired",
        "Is an older name of timer_expired_backup.",
        Value::Other("[NUMBER, 1 to 254]", |instance, context, line| {
            let value = optional(context, line, 254, |context| context.number(line, 1..=254));
            context.set(line, &mut instance.expired_backup, value);
        }),
    )
    .tier(4),
    Instance::new(
        "down_timer_adverts",
        "Sets the number of missed adverts before a takeover.",
        Value::Number(1..=100, |instance| &mut instance.down_timer_adverts),
    )
    .default("3"),
    Instance::new(
        "authentication",
        "Authenticates VRRPv2 adverts.",
        Value::Other(
            "{ auth_type PASS|AH, auth_pass PASSWORD }",
            InstanceConfig::authentication,
        ),
    )
    .default("none")
    .tier(1),
    Instance::new(
        "auth_hmac",
        "Authenticates adverts by a trailer with an HMAC.",
        Value::Other("{ key …, active_key …, mode …, … }", InstanceConfig::hmac),
    )
    .default("none"),
    Instance::new(
        "virtual_ipaddress",
        "Lists the virtual addresses; must be given.",
        Value::Other(
            "{ ADDRESS[/PREFIX] [dev IF] [scope S] [label L] [brd A] … }",
            |instance, context, line| {
                addresses(context, line, &mut instance.addresses);
            },
        ),
    )
    .tier(1),
    Instance::new(
        "virtual_ipaddress_excluded",
        "Lists further addresses that are held and not advertised.",
        Value::Other(
            "{ ADDRESS[/PREFIX] [dev IF] [scope S] [label L] [brd A] … }",
            |instance, context, line| {
                addresses(context, line, &mut instance.excluded);
            },
        ),
    )
    .tier(2),
    Instance::new(
        "no_virtual_ipaddress",
        "Silences the warning about an instance without addresses, which VRRP version 2 allows.",
        Value::Flag(|instance| &mut instance.no_addresses),
    ),
    Instance::new(
        "virtual_routes",
        "Lists routes that are installed while master.",
        Value::Other("{ ROUTE as in ip route … }", |instance, _, line| {
            instance.routes.push(line)
        }),
    )
    .tier(2),
    Instance::new(
        "virtual_rules",
        "Lists rules that are installed while master.",
        Value::Other("{ RULE as in ip rule … }", |instance, _, line| {
            instance.rules.push(line)
        }),
    )
    .tier(2),
    Instance::new(
        "mcast_src_ip",
        "Sets the source of adverts.",
        Value::Address(|instance| &mut instance.unicast.source),
    )
    .default("first address of the interface")
    .tier(2),
    Instance::new(
        "unicast_src_ip",
        "Sets the source of adverts.",
        Value::Address(|instance| &mut instance.unicast.source),
    )
    .default("first address of the interface")
    .tier(1),
    Instance::new(
        "unicast_peer",
        "Lists the peers that adverts are sent to instead of the multicast group.",
        Value::Other(
            "{ ADDRESS [min_ttl N] [max_ttl N] … }",
            |instance, context, line| {
                instance.unicast.peers(context, line);
            },
        ),
    )
    .tier(1),
    Instance::new(
        "unicast_ttl",
        "Sets the hop limit of unicast adverts.",
        Value::Number(0..=255, |instance| &mut instance.unicast.hop_limit),
    )
    .default("255"),
    Instance::new(
        "check_unicast_src",
        "Accepts unicast adverts from configured peers only.",
        Value::Boolean(|instance| &mut instance.unicast.check_source),
    )
    .default("vrrp_check_unicast_src")
    .tier(2),
    Instance::new(
        "mcast_dst_ip",
        "Sets the multicast group of adverts.",
        Value::Other("ADDRESS", |instance, context, line| {
            let value = group(context, line, None);
            context.set(line, &mut instance.unicast.group, value);
        }),
    )
    .default("vrrp_mcast_group4, vrrp_mcast_group6"),
    Instance::new(
        "track_src_ip",
        "Is in fault while the source is not on the interface.",
        Value::Flag(|instance| &mut instance.unicast.tracks_source),
    )
    .tier(2),
    Instance::new(
        "unicast_fault_no_peer",
        "Is in fault without a unicast peer.",
        Value::Flag(|instance| &mut instance.unicast.needs_peer),
    ),
    Instance::new(
        "old_unicast_checksum",
        "Sends the VRRPv3 checksum that old versions of keepalived send to unicast peers.",
        Value::Other("[never]", |instance, context, line| {
            instance.unicast.old_checksum(context, line);
        }),
    )
    .tier(4),
    Instance::new(
        "v3_checksum_as_v2",
        "Leaves the pseudo header out of VRRPv3 checksums over IPv4.",
        Value::Boolean(|instance| &mut instance.v3_checksum_as_v2),
    )
    .default("off"),
    Instance::new(
        "track_interface",
        "Lists interfaces that change the priority, or are a fault, while down.",
        Value::Other(
            "{ NAME [weight N [reverse]] … }",
            |instance, context, line| {
                track::list(context, line, Kind::Interface, &mut instance.tracked);
            },
        ),
    )
    .tier(1),
    Instance::new(
        "track_script",
        "Lists scripts that change the priority, or are a fault, while they fail.",
        Value::Other(
            "{ NAME [weight N [reverse]] … }",
            |instance, context, line| {
                track::list(context, line, Kind::Script, &mut instance.tracked);
            },
        ),
    )
    .tier(1),
    Instance::new(
        "track_file",
        "Lists files whose number is added to the priority.",
        Value::Other(
            "{ NAME [weight N [reverse]] … }",
            |instance, context, line| {
                track::list(context, line, Kind::File, &mut instance.tracked);
            },
        ),
    )
    .tier(2),
    Instance::new(
        "track_process",
        "Lists processes that change the priority, or are a fault, while they are missing.",
        Value::Other(
            "{ NAME [weight N [reverse]] … }",
            |instance, context, line| {
                track::list(context, line, Kind::Process, &mut instance.tracked);
            },
        ),
    )
    .tier(2),
    Instance::new(
        "dont_track_primary",
        "Ignores the state of the own interface.",
        Value::Flag(|instance| &mut instance.ignores_interface),
    )
    .tier(2),
    Instance::new(
        "linkbeat_use_polling",
        "Polls the link of the interface; deprecated.",
        Value::Other("", InstanceConfig::polling),
    )
    .tier(4),
    Instance::new(
        "promote_secondaries",
        "Keeps the other addresses of a network when its first one is removed.",
        Value::Flag(|instance| &mut instance.promotes_secondaries),
    )
    .tier(2),
    Instance::new(
        "kernel_rx_buf_size",
        "Sets the receive buffer of the socket for adverts, in bytes.",
        Value::Number(1..=LARGEST, |instance| &mut instance.receive_buffer),
    )
    .default("vrrp_rx_bufs_policy"),
    Instance::new(
        "lvs_sync_daemon_interface",
        "Runs the connection sync daemon on this interface.",
        Value::Interface("the name of an interface", |instance| {
            &mut instance.sync_daemon_interface
        }),
    )
    .tier(4),
    Instance::new(
        "use_vmac",
        "Uses the virtual MAC address of the VRID.",
        Value::Other("[[name] INTERFACE] [MAC]", |instance, context, line| {
            instance.vmac.wanted(context, line);
        }),
    )
    .tier(2),
    Instance::new(
        "use_vmac_addr",
        "Uses virtual MAC addresses for addresses on other interfaces, too.",
        Value::Flag(|instance| &mut instance.vmac.of_addresses),
    ),
    Instance::new(
        "vmac_xmit_base",
        "Sends adverts with the MAC address of the interface.",
        Value::Flag(|instance| &mut instance.vmac.transmit_from_base),
    )
    .tier(2),
    Instance::new(
        "accept",
        "Accepts packets to the virtual addresses.",
        Value::Other("", |instance, context, line| {
            let at = context.flag(line);
            context.set(line, &mut instance.accept, Some(at));
        }),
    )
    .default("on")
    .tier(2),
    Instance::new(
        "no_accept",
        "Drops packets to the virtual addresses.",
        Value::Other("", |instance, context, line| {
            let at = context.flag(line);
            let value = At::new(false, at.span);
            context.set(line, &mut instance.accept, Some(value));
        }),
    )
    .tier(2),
    Instance::new(
        "strict_mode",
        "Keeps strictly to the RFC.",
        Value::Boolean(|instance| &mut instance.strict),
    )
    .default("vrrp_strict")
    .tier(2),
    Instance::new(
        "smtp_alert",
        "Mails changes of state.",
        Value::Boolean(|instance| &mut instance.smtp_alert),
    )
    .default("smtp_alert_vrrp")
    .tier(1),
    Instance::new(
        "lower_prio_no_advert",
        "Does not answer an advert of lower priority.",
        Value::Boolean(|instance| &mut instance.lower_prio_no_advert),
    )
    .default("vrrp_lower_prio_no_advert")
    .tier(2),
    Instance::new(
        "higher_prio_send_advert",
        "Sends one more advert when a router of higher priority takes over.",
        Value::Boolean(|instance| &mut instance.higher_prio_send_advert),
    )
    .default("vrrp_higher_prio_send_advert")
    .tier(2),
    Instance::new(
        "owner_ignore_adverts",
        "Has an address owner ignore the adverts of others.",
        Value::Boolean(|instance| &mut instance.owner_ignores_adverts),
    )
    .default("vrrp_owner_ignore_adverts"),
    Instance::new(
        "garp_master_delay",
        "Sets the delay of the second burst of announcements after a takeover.",
        Value::WholeSeconds(0..=4294, |instance| &mut instance.announcements.delay),
    )
    .default("5")
    .tier(2),
    Instance::new(
        "garp_master_repeat",
        "Sets the number of announcements in a burst.",
        Value::Other(REPEAT, |instance, context, line| {
            let value = repeat(context, line);
            context.set(line, &mut instance.announcements.repeat, value);
        }),
    )
    .default("5")
    .tier(2),
    Instance::new(
        "garp_master_refresh",
        "Sets the period of further announcements while master; 0 is none.",
        Value::WholeSeconds(0..=u32::MAX, |instance| &mut instance.announcements.refresh),
    )
    .default("0")
    .tier(2),
    Instance::new(
        "garp_master_refresh_repeat",
        "Sets the number of announcements in each period.",
        Value::Other(REPEAT, |instance, context, line| {
            let value = repeat(context, line);
            context.set(line, &mut instance.announcements.refresh_repeat, value);
        }),
    )
    .default("1")
    .tier(2),
    Instance::new(
        "garp_lower_prio_delay",
        "Sets the delay of the second burst after an advert of lower priority.",
        Value::WholeSeconds(0..=4294, |instance| &mut instance.announcements.lower_delay),
    )
    .default("that after a takeover")
    .tier(2),
    Instance::new(
        "garp_lower_prio_repeat",
        "Sets the number of announcements after an advert of lower priority.",
        Value::Number(0..=MAX, |instance| &mut instance.announcements.lower_repeat),
    )
    .default("that after a takeover")
    .tier(2),
    Instance::new(
        "garp_extra_if",
        "Announces addresses on further interfaces periodically.",
        Value::Other(
            "[all] SECONDS, whole, 0 to 86400",
            |instance, context, line| {
                let value = extra(context, line);
                context.set(line, &mut instance.announcements.extra, value);
            },
        ),
    )
    .default("0"),
    Instance::new(
        "vmac_garp_intvl",
        "Is an older name of garp_extra_if.",
        Value::Other(
            "[all] SECONDS, whole, 0 to 86400",
            |instance, context, line| {
                let value = extra(context, line);
                context.set(line, &mut instance.announcements.extra, value);
            },
        ),
    )
    .default("0")
    .tier(4),
    Instance::new(
        "native_ipv6",
        "Has no effect: IPv6 instances are recognised by their addresses.",
        Value::Other("", |_, context, line| {
            context.flag(line);
        }),
    )
    .tier(4),
    Instance::new(
        "skip_check_adv_addr",
        "Has no effect: adverts are never refused for their addresses.",
        Value::Other("[on|off]", |_, context, line| {
            context.boolean(line);
        }),
    )
    .tier(2),
    Instance::new(
        "debug",
        "Has no effect.",
        Value::Other("NUMBER, 0 to 4", |_, context, line| {
            context.number(line, 0..=4);
        }),
    ),
    Instance::new(
        "vrf",
        "Has no effect beside interface, which can be in a VRF.",
        Value::Other("INTERFACE", |_, context, line| vrf(context, line)),
    ),
    Instance::new(
        "track_bfd",
        "Lists the BFD sessions that count in elections.",
        Value::Other("{ NAME [weight WEIGHT] … }", |_, context, line| {
            does_not_run(context, line);
        }),
    )
    .tier(2)
    .later(),
    Instance::new(
        "use_ipvlan",
        "Holds the addresses on an ipvlan interface.",
        Value::Other(
            "[NAME] [ADDRESS] [bridge|private|vepa]",
            |_, context, line| {
                does_not_run(context, line);
            },
        ),
    )
    .later(),
    Instance::new(
        "notify",
        "Starts a script at each change of state, with kind, name, state and priority.",
        Value::Other(COMMAND, |instance, context, line| {
            let event = RouterEvent::Any;
            instance.notify.script(context, line, event);
        }),
    )
    .tier(1),
    Instance::new(
        "notify_backup",
        "Starts a script on becoming backup.",
        Value::Other(COMMAND, |instance, context, line| {
            let event = RouterEvent::Backup;
            instance.notify.script(context, line, event);
        }),
    )
    .tier(1),
    Instance::new(
        "notify_deleted",
        "Has a removal by a reload be DELETED instead of FAULT, and starts a script.",
        Value::Other("[COMMAND [USER [GROUP]]]", |instance, context, line| {
            instance.notify.deleted(context, line);
        }),
    )
    .default("FAULT"),
    Instance::new(
        "notify_fault",
        "Starts a script on a fault.",
        Value::Other(COMMAND, |instance, context, line| {
            let event = RouterEvent::Fault;
            instance.notify.script(context, line, event);
        }),
    )
    .tier(1),
    Instance::new(
        "notify_master",
        "Starts a script on becoming master.",
        Value::Other(COMMAND, |instance, context, line| {
            let event = RouterEvent::Master;
            instance.notify.script(context, line, event);
        }),
    )
    .tier(1),
    Instance::new(
        "notify_master_rx_lower_pri",
        "Starts a script when a master receives an advert of lower priority.",
        Value::Other(COMMAND, |instance, context, line| {
            let event = RouterEvent::LosingAdvert;
            instance.notify.script(context, line, event);
        }),
    ),
    Instance::new(
        "notify_priority_changes",
        "Writes changes of the priority to the FIFOs.",
        Value::Boolean(|instance| &mut instance.notify.priority_changes),
    )
    .default("that of the group, vrrp_notify_priority_changes"),
    Instance::new(
        "notify_stop",
        "Starts a script when the program stops.",
        Value::Other(COMMAND, |instance, context, line| {
            let event = RouterEvent::Stop;
            instance.notify.script(context, line, event);
        }),
    )
    .tier(2),
    Instance::new(
        "notify_url",
        "Posts each change of state to a web server, as JSON.",
        Value::Other(WEBHOOK, |instance, context, line| {
            webhook(context, line, &mut instance.notify.webhook);
        }),
    )
    .default("that of global_defs")
    .own(),
];
