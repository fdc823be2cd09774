// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of `global_defs` that have no effect.

use super::super::row::{Keyword, Value};
use crate::config::global::GlobalConfig;
use crate::config::line::Context;
use crate::config::runtime::{iptables, obsolete};
use crate::config::scheduling::no_effect;
use crate::config::tree::NodeId;

type Global = Keyword<GlobalConfig>;

pub(super) const KEYWORDS: &[Global] = &[
    Global::new(
        "vrrp_skip_check_adv_addr",
        "Has no effect: adverts are never refused for their addresses.",
        Value::Other("[on|off]", |_, context, line| {
            context.boolean(line);
        }),
    )
    .tier(1),
    Global::new(
        "max_auto_priority",
        "Has no effect: real-time scheduling does not wait for delays.",
        Value::Other("", |_, context, line| no_effect(context, line)),
    )
    .tier(2),
    Global::new(
        "min_auto_priority_delay",
        "Has no effect: real-time scheduling does not wait for delays.",
        Value::Other("", |_, context, line| no_effect(context, line)),
    ),
    Global::new(
        "enable_snmp_vrrp",
        "Has no effect: there is no SNMP agent.",
        Value::Other("", management),
    )
    .tier(2),
    Global::new(
        "enable_snmp_checker",
        "Has no effect: there is no SNMP agent.",
        Value::Other("", management),
    )
    .tier(2),
    Global::new(
        "enable_snmp_rfc",
        "Has no effect: there is no SNMP agent.",
        Value::Other("", management),
    )
    .tier(2),
    Global::new(
        "enable_snmp_rfcv2",
        "Has no effect: there is no SNMP agent.",
        Value::Other("", management),
    ),
    Global::new(
        "enable_snmp_rfcv3",
        "Has no effect: there is no SNMP agent.",
        Value::Other("", management),
    ),
    Global::new(
        "enable_snmp_keepalived",
        "Has no effect: there is no SNMP agent.",
        Value::Other("", management),
    )
    .tier(4),
    Global::new(
        "enable_traps",
        "Has no effect: there is no SNMP agent.",
        Value::Other("", management),
    )
    .tier(2),
    Global::new(
        "snmp_socket",
        "Has no effect: there is no SNMP agent.",
        Value::Other("ADDRESS", management),
    )
    .tier(2),
    Global::new(
        "snmp_vs_stats_update_interval",
        "Has no effect: there is no SNMP agent.",
        Value::Other("SECONDS", management),
    ),
    Global::new(
        "snmp_rs_stats_update_interval",
        "Has no effect: there is no SNMP agent.",
        Value::Other("SECONDS", management),
    ),
    Global::new(
        "enable_dbus",
        "Has no effect: there is no D-Bus service.",
        Value::Other("", management),
    )
    .tier(2),
    Global::new(
        "dbus_service_name",
        "Has no effect: there is no D-Bus service.",
        Value::Other("NAME", management),
    ),
    Global::new(
        "dbus_no_interface_name",
        "Has no effect: there is no D-Bus service.",
        Value::Other("NAME", management),
    ),
    Global::new(
        "bfd_priority",
        "Has no effect: BFD has no process of its own.",
        Value::Ignored("NUMBER"),
    ),
    Global::new(
        "bfd_rt_priority",
        "Has no effect: BFD has no process of its own.",
        Value::Ignored("NUMBER"),
    ),
    Global::new(
        "bfd_rlimit_rttime",
        "Has no effect: BFD has no process of its own.",
        Value::Ignored("MICROSECONDS"),
    ),
    Global::new(
        "bfd_no_swap",
        "Has no effect: BFD has no process of its own.",
        Value::Ignored(""),
    ),
    Global::new(
        "bfd_cpu_affinity",
        "Has no effect: BFD has no process of its own.",
        Value::Ignored("NUMBER …"),
    ),
    Global::new(
        "bfd_rlimit_rtime",
        "Has no effect: BFD has no process of its own.",
        Value::Ignored("MICROSECONDS"),
    )
    .tier(4),
    Global::new(
        "config_save_dir",
        "Has no effect: the files that were read are not copied.",
        Value::Ignored("DIRECTORY"),
    ),
    Global::new(
        "tmp_config_directory",
        "Has no effect: the files that were read are not copied.",
        Value::Ignored("DIRECTORY"),
    ),
    Global::new(
        "lvs_netlink_cmd_rcv_bufs",
        "Has no effect: each request to IPVS waits for its answer.",
        Value::Ignored("BYTES"),
    ),
    Global::new(
        "lvs_netlink_cmd_rcv_bufs_force",
        "Has no effect: each request to IPVS waits for its answer.",
        Value::Ignored("[on|off]"),
    ),
    Global::new(
        "lvs_netlink_monitor_rcv_bufs",
        "Has no effect: each request to IPVS waits for its answer.",
        Value::Ignored("BYTES"),
    ),
    Global::new(
        "lvs_netlink_monitor_rcv_bufs_force",
        "Has no effect: each request to IPVS waits for its answer.",
        Value::Ignored("[on|off]"),
    ),
    Global::new(
        "process_monitor_rcv_bufs",
        "Has no effect: processes are read from /proc.",
        Value::Ignored("BYTES"),
    ),
    Global::new(
        "process_monitor_rcv_bufs_force",
        "Has no effect: processes are read from /proc.",
        Value::Ignored("[on|off]"),
    ),
    Global::new(
        "vrrp_iptables",
        "Has no effect: the packet filter uses nftables.",
        Value::Other("[INPUT [OUTPUT]]", |_, context, line| {
            iptables(context, line)
        }),
    )
    .tier(2),
    Global::new(
        "vrrp_ipsets",
        "Has no effect: the packet filter uses nftables.",
        Value::Other("[NAME …]", |_, context, line| iptables(context, line)),
    ),
    Global::new(
        "lvs_id",
        "Has no effect: it is the oldest name of router_id.",
        Value::Other("NAME", |_, context, line| {
            obsolete(context, line, "write `router_id`")
        }),
    )
    .tier(4),
];

/// Notes a keyword about SNMP or D-Bus.
fn management(global: &mut GlobalConfig, context: &mut Context<'_>, line: NodeId) {
    global.runtime.management(context, line);
}
