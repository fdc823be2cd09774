// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of `vrrp_instance` about addresses, routes and rules, and their announcements.

use super::super::row::{Keyword, Value};
use crate::config::address::addresses;
use crate::config::announcements::{REPEAT, extra, repeat};
use crate::config::instance::InstanceConfig;
use crate::config::ipvlan::IpvlanConfig;
use crate::config::level::Level;
use crate::config::line::At;

const MAX: u32 = i32::MAX.unsigned_abs();

type Instance = Keyword<InstanceConfig>;

pub(super) const KEYWORDS: &[Instance] = &[
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
    .opens(Level::Words)
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
    .opens(Level::Words)
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
    .opens(Level::Words)
    .tier(2),
    Instance::new(
        "virtual_rules",
        "Lists rules that are installed while master.",
        Value::Other("{ RULE as in ip rule … }", |instance, _, line| {
            instance.rules.push(line)
        }),
    )
    .opens(Level::Words)
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
        "promote_secondaries",
        "Keeps the other addresses of a network when its first one is removed.",
        Value::Flag(|instance| &mut instance.promotes_secondaries),
    )
    .tier(2),
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
        "use_ipvlan",
        "Sends adverts from the address of an ipvlan; IPv4 needs the address.",
        Value::Other(
            "[[name] INTERFACE] [ADDRESS[/PREFIX]] [bridge|private|vepa]",
            |instance, context, line| {
                let (_, span) = context.keyword(line);
                let value = IpvlanConfig::read(context, line);
                context.set(line, &mut instance.ipvlan, Some(At::new(value, span)));
            },
        ),
    ),
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
];
