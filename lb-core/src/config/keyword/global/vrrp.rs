// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of `global_defs` about virtual routers.

use std::ops::RangeInclusive;
use std::time::Duration;

use lb_vrrp::Pacing;

use super::super::row::{Keyword, Value};
use crate::config::announcements::{REPEAT, extra, repeat};
use crate::config::buffers::{LARGEST, policy};
use crate::config::global::{GlobalConfig, prefix};
use crate::config::scheduling::{RTTIME, nice, processors, realtime_limit};
use crate::config::vrrp::{dynamic_interfaces, group};

const MAX: u32 = i32::MAX.unsigned_abs();
const DELAY: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(86400);
const INTERVAL: RangeInclusive<Duration> = Duration::ZERO..=Pacing::MAX;

type Global = Keyword<GlobalConfig>;

pub(super) const KEYWORDS: &[Global] = &[
    Global::new(
        "vrrp_version",
        "Sets the VRRP version of instances that do not say otherwise.",
        Value::Number(2..=3, |global| &mut global.vrrp_version),
    )
    .default("2")
    .tier(2),
    Global::new(
        "vrrp_strict",
        "Keeps strictly to the RFC in all instances.",
        Value::Boolean(|global| &mut global.strict),
    )
    .default("off")
    .tier(1),
    Global::new(
        "vrrp_mcast_group4",
        "Sets the multicast group of IPv4 adverts.",
        Value::Other("ADDRESS", |global, context, line| {
            let value = group(context, line, Some(true));
            context.set(line, &mut global.vrrp.group4, value);
        }),
    )
    .default("224.0.0.18")
    .tier(2),
    Global::new(
        "vrrp_mcast_group6",
        "Sets the multicast group of IPv6 adverts.",
        Value::Other("ADDRESS", |global, context, line| {
            let value = group(context, line, Some(false));
            context.set(line, &mut global.vrrp.group6, value);
        }),
    )
    .default("ff02::12")
    .tier(2),
    Global::new(
        "vrrp_startup_delay",
        "Keeps all virtual routers out of elections for this time after the start.",
        Value::Seconds(DELAY, |global| &mut global.vrrp.startup_delay),
    )
    .default("0")
    .tier(2),
    Global::new(
        "vrrp_delay_after_boot",
        "Keeps all virtual routers out of elections for this time after the boot.",
        Value::Seconds(DELAY, |global| &mut global.vrrp.delay_after_boot),
    )
    .default("0"),
    Global::new(
        "log_unknown_vrids",
        "Logs adverts of virtual routers that are not configured.",
        Value::Flag(|global| &mut global.vrrp.log_unknown_vrids),
    ),
    Global::new(
        "dynamic_interfaces",
        "Lets interfaces appear after the start.",
        Value::Other("[allow_if_changes]", |global, context, line| {
            let value = dynamic_interfaces(context, line);
            context.set(line, &mut global.vrrp.dynamic_interfaces, value);
        }),
    )
    .tier(2),
    Global::new(
        "vrrp_down_timer_adverts",
        "Sets the number of missed adverts before a takeover.",
        Value::Number(1..=100, |global| &mut global.down_timer_adverts),
    )
    .default("3"),
    Global::new(
        "vrrp_lower_prio_no_advert",
        "Does not answer an advert of lower priority.",
        Value::Boolean(|global| &mut global.lower_prio_no_advert),
    )
    .default("off")
    .tier(2),
    Global::new(
        "vrrp_higher_prio_send_advert",
        "Sends one more advert when a router of higher priority takes over.",
        Value::Boolean(|global| &mut global.higher_prio_send_advert),
    )
    .default("on")
    .tier(2),
    Global::new(
        "v3_checksum_as_v2",
        "Leaves the pseudo header out of VRRPv3 checksums over IPv4.",
        Value::Boolean(|global| &mut global.v3_checksum_as_v2),
    )
    .default("off"),
    Global::new(
        "vrrp_owner_ignore_adverts",
        "Has address owners ignore the adverts of others.",
        Value::Boolean(|global| &mut global.owner_ignores_adverts),
    )
    .default("off"),
    Global::new(
        "vrrp_check_unicast_src",
        "Accepts unicast adverts from configured peers only.",
        Value::Boolean(|global| &mut global.check_unicast_source),
    )
    .default("off")
    .tier(2),
    Global::new(
        "vmac_prefix",
        "Sets the beginning of the names of macvlans.",
        Value::Other("NAME, 1 to 11 bytes", |global, context, line| {
            prefix(context, line, &mut global.vmac_prefix);
        }),
    )
    .default("vrrp"),
    Global::new(
        "vmac_addr_prefix",
        "Sets the beginning of the names of macvlans of single addresses.",
        Value::Other("NAME, 1 to 11 bytes", |global, context, line| {
            prefix(context, line, &mut global.vmac_addr_prefix);
        }),
    )
    .default("vmac_prefix"),
    Global::new(
        "default_interface",
        "Sets the interface of static addresses that name none.",
        Value::Interface("an interface", |global| &mut global.default_interface),
    )
    .default("eth0")
    .tier(2),
    Global::new(
        "iproute_etc_dir",
        "Sets the directory where iproute2 keeps names of tables and protocols.",
        Value::Text("a directory", |global| &mut global.iproute_etc),
    )
    .default("/etc/iproute2"),
    Global::new(
        "iproute_usr_dir",
        "Sets the second directory where iproute2 keeps names.",
        Value::Text("a directory", |global| &mut global.iproute_usr),
    )
    .default("/usr/share/iproute2"),
    Global::new(
        "vrrp_garp_master_delay",
        "Sets the delay of the second burst of announcements after a takeover.",
        Value::WholeSeconds(0..=4294, |global| &mut global.announcements.delay),
    )
    .default("5")
    .tier(2),
    Global::new(
        "vrrp_garp_master_repeat",
        "Sets the number of announcements in a burst.",
        Value::Other(REPEAT, |global, context, line| {
            let value = repeat(context, line);
            context.set(line, &mut global.announcements.repeat, value);
        }),
    )
    .default("5")
    .tier(2),
    Global::new(
        "vrrp_garp_master_refresh",
        "Sets the period of further announcements while master; 0 is none.",
        Value::WholeSeconds(0..=u32::MAX, |global| &mut global.announcements.refresh),
    )
    .default("0")
    .tier(2),
    Global::new(
        "vrrp_garp_master_refresh_repeat",
        "Sets the number of announcements in each period.",
        Value::Other(REPEAT, |global, context, line| {
            let value = repeat(context, line);
            context.set(line, &mut global.announcements.refresh_repeat, value);
        }),
    )
    .default("1")
    .tier(2),
    Global::new(
        "vrrp_garp_lower_prio_delay",
        "Sets the delay of the second burst after an advert of lower priority.",
        Value::WholeSeconds(0..=4294, |global| &mut global.announcements.lower_delay),
    )
    .default("that after a takeover")
    .tier(2),
    Global::new(
        "vrrp_garp_lower_prio_repeat",
        "Sets the number of announcements after an advert of lower priority.",
        Value::Number(0..=MAX, |global| &mut global.announcements.lower_repeat),
    )
    .default("that after a takeover")
    .tier(2),
    Global::new(
        "vrrp_garp_extra_if",
        "Announces addresses on further interfaces periodically.",
        Value::Other(
            "[all] SECONDS, whole, 0 to 86400",
            |global, context, line| {
                let value = extra(context, line);
                context.set(line, &mut global.announcements.extra, value);
            },
        ),
    )
    .default("0"),
    Global::new(
        "vrrp_vmac_garp_intvl",
        "Is an older name of vrrp_garp_extra_if.",
        Value::Other(
            "[all] SECONDS, whole, 0 to 86400",
            |global, context, line| {
                let value = extra(context, line);
                context.set(line, &mut global.announcements.extra, value);
            },
        ),
    )
    .default("0")
    .tier(4),
    Global::new(
        "vrrp_min_garp",
        "Sends one announcement and no second burst.",
        Value::Boolean(|global| &mut global.vrrp.min_garp),
    )
    .default("off")
    .tier(2),
    Global::new(
        "vrrp_garp_interval",
        "Sets the time between two gratuitous ARP packets on an interface.",
        Value::Seconds(INTERVAL, |global| &mut global.vrrp.pacing.arp),
    )
    .default("0")
    .tier(1),
    Global::new(
        "vrrp_gna_interval",
        "Sets the time between two neighbour advertisements on an interface.",
        Value::Seconds(INTERVAL, |global| &mut global.vrrp.pacing.neighbour),
    )
    .default("0")
    .tier(1),
    Global::new(
        "vrrp_rt_priority",
        "Sends adverts in real time with this priority.",
        Value::Number(1..=99, |global| &mut global.vrrp.scheduling.priority),
    )
    .default("20 with intervals below 1 s")
    .tier(2),
    Global::new(
        "vrrp_priority",
        "Sets the nice value of the VRRP threads.",
        Value::Other("NUMBER, -20 to 19", |global, context, line| {
            let value = nice(context, line);
            context.set(line, &mut global.vrrp.scheduling.nice, value);
        }),
    )
    .tier(2),
    Global::new(
        "vrrp_cpu_affinity",
        "Sets the processors of the VRRP threads.",
        Value::Other("NUMBER …, 0 to 1023", |global, context, line| {
            let value = processors(context, line);
            context.set(line, &mut global.vrrp.scheduling.processors, value);
        }),
    )
    .default("all"),
    Global::new(
        "vrrp_rlimit_rttime",
        "Limits the time that a real-time thread runs without blocking.",
        Value::Other(RTTIME, |global, context, line| {
            let value = realtime_limit(context, line);
            context.set(line, &mut global.vrrp.scheduling.limit, value);
        }),
    )
    .default("none"),
    Global::new(
        "vrrp_rlimit_rtime",
        "Is an older name of vrrp_rlimit_rttime.",
        Value::Other(RTTIME, |global, context, line| {
            let value = realtime_limit(context, line);
            context.set(line, &mut global.vrrp.scheduling.limit, value);
        }),
    )
    .default("none")
    .tier(4),
    Global::new(
        "vrrp_no_swap",
        "Locks memory.",
        Value::Flag(|global| &mut global.vrrp.scheduling.no_swap),
    )
    .tier(2),
    Global::new(
        "vrrp_rx_bufs_policy",
        "Sets the receive buffer of sockets for adverts.",
        Value::Other("MTU|ADVERT|BYTES", |global, context, line| {
            let value = policy(context, line);
            context.set(line, &mut global.vrrp.buffers.policy, value);
        }),
    )
    .default("the kernel’s"),
    Global::new(
        "vrrp_rx_bufs_multiplier",
        "Sets how many packets or adverts fit the receive buffer.",
        Value::Number(1..=LARGEST, |global| &mut global.vrrp.buffers.multiplier),
    )
    .default("3"),
    Global::new(
        "vrrp_netlink_cmd_rcv_bufs",
        "Sets the receive buffer of the netlink socket for changes, in bytes.",
        Value::Number(1..=LARGEST, |global| {
            &mut global.vrrp.buffers.commands.bytes
        }),
    )
    .default("the kernel’s"),
    Global::new(
        "vrrp_netlink_cmd_rcv_bufs_force",
        "Exceeds the limit of the kernel for that buffer.",
        Value::Boolean(|global| &mut global.vrrp.buffers.commands.force),
    )
    .default("off"),
    Global::new(
        "vrrp_netlink_monitor_rcv_bufs",
        "Sets the receive buffer of the netlink socket for notifications, in bytes.",
        Value::Number(1..=LARGEST, |global| &mut global.vrrp.buffers.monitor.bytes),
    )
    .default("the kernel’s"),
    Global::new(
        "vrrp_netlink_monitor_rcv_bufs_force",
        "Exceeds the limit of the kernel for that buffer.",
        Value::Boolean(|global| &mut global.vrrp.buffers.monitor.force),
    )
    .default("off"),
    Global::new(
        "disable_local_igmp",
        "Keeps reports about link-local groups from being sent.",
        Value::Flag(|global| &mut global.vrrp.disable_local_igmp),
    ),
    Global::new(
        "nftables",
        "Sets the table of the packet filter.",
        Value::Other("[TABLE]", |global, context, line| {
            global.runtime.filter_table(context, line);
        }),
    )
    .default("keepalived")
    .tier(2),
    Global::new(
        "nftables_priority",
        "Sets the priority of the chains of the packet filter.",
        Value::Other("NUMBER, of any sign", |global, context, line| {
            global.runtime.filter_priority(context, line);
        }),
    )
    .default("-1"),
    Global::new(
        "nftables_counters",
        "Gives the rules of the packet filter counters.",
        Value::Flag(|global| &mut global.runtime.filter_counters),
    ),
    Global::new(
        "nftables_ifindex",
        "Has no effect: the rules always name interfaces by number.",
        Value::Flag(|global| &mut global.runtime.filter_interface_index),
    ),
];
