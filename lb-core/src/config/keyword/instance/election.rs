// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of `vrrp_instance` about elections and authentication.

use std::ops::RangeInclusive;
use std::time::Duration;

use lb_vrrp::RouterConfigBuilder;

use super::super::proof::{auth_hmac, authentication};
use super::super::row::{Keyword, Value};
use crate::config::instance::{InstanceConfig, optional};
use crate::config::level::Level;
use crate::config::line::At;

/// Limit of `sticky` unless given: longer than a switch port with spanning tree is deaf.
const STICKY: Duration = Duration::from_secs(60);
const STICKY_LIMIT: RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_secs(86400);
const INTERVAL: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(255);
const PREEMPT_DELAY: RangeInclusive<Duration> =
    Duration::ZERO..=RouterConfigBuilder::MAX_PREEMPT_DELAY;

type Instance = Keyword<InstanceConfig>;

pub(super) const KEYWORDS: &[Instance] = &[
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
        Value::Other("{ auth_type PASS|AH, auth_pass PASSWORD }", authentication),
    )
    .opens(Level::Authentication)
    .default("none")
    .tier(1),
    Instance::new(
        "auth_hmac",
        "Authenticates adverts by a trailer with an HMAC.",
        Value::Other("{ key …, active_key …, mode …, … }", auth_hmac),
    )
    .opens(Level::Hmac)
    .default("none"),
    Instance::new(
        "strict_mode",
        "Keeps strictly to the RFC.",
        Value::Boolean(|instance| &mut instance.strict),
    )
    .default("vrrp_strict")
    .tier(2),
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
        "skip_check_adv_addr",
        "Has no effect: adverts are never refused for their addresses.",
        Value::Other("[on|off]", |_, context, line| {
            context.boolean(line);
        }),
    )
    .tier(2),
    Instance::new(
        "native_ipv6",
        "Has no effect: IPv6 instances are recognised by their addresses.",
        Value::Other("", |_, context, line| {
            context.flag(line);
        }),
    )
    .tier(4),
    Instance::new(
        "debug",
        "Has no effect.",
        Value::Other("NUMBER, 0 to 4", |_, context, line| {
            context.number(line, 0..=4);
        }),
    ),
];
