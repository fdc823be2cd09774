// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of `global_defs`.

use std::ops::RangeInclusive;
use std::time::Duration;

use lb_vrrp::Pacing;

use super::{Keyword, Value};
use crate::config::announcements::{extra, repeat};
use crate::config::buffers::{LARGEST, policy};
use crate::config::global::{GlobalConfig, prefix};
use crate::config::notify::{COMMAND, script};
use crate::config::runtime::{RuntimeConfig, obsolete, process_name, skip_words};
use crate::config::scheduling::{nice, no_effect, processors, realtime_limit};
use crate::config::vrrp::{dynamic_interfaces, group};

/// Numbers of announcements.
const REPEAT: &str = "NUMBER, 1 to 2147483647";
const MAX: u32 = i32::MAX.unsigned_abs();
const RTTIME: &str = "MICROSECONDS, at least 1";
const DELAY: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(86400);
const INTERVAL: RangeInclusive<Duration> = Duration::ZERO..=Pacing::MAX;

type Global = Keyword<GlobalConfig>;

pub(in crate::config) const GLOBAL: &[Global] = &[
    Global::new(
        "router_id",
        "Names this director in mails.",
        Value::Text("a name", |global| &mut global.router_id),
    )
    .default("the host name")
    .tier(1),
    Global::new(
        "notification_email",
        "Lists the recipients of notifications.",
        Value::Other("{ ADDRESS … }", GlobalConfig::recipients),
    )
    .tier(1),
    Global::new(
        "notification_email_from",
        "Sets the sender of notifications.",
        Value::Text("an address", |global| &mut global.sender),
    )
    .default("user and host name")
    .tier(1),
    Global::new(
        "smtp_server",
        "Sets the mail server.",
        Value::Other("HOST [PORT]", GlobalConfig::mail_server),
    )
    .default("no mail, port 25")
    .tier(1),
    Global::new(
        "smtp_connect_timeout",
        "Limits connecting to the mail server and each reply.",
        Value::Other("SECONDS, whole, 0 to 4294", GlobalConfig::mail_timeout),
    )
    .default("30")
    .tier(1),
    Global::new(
        "smtp_helo_name",
        "Sets the name in the greeting of the mail server.",
        Value::Text("a name", |global| &mut global.helo),
    )
    .default("the host name")
    .tier(2),
    Global::new(
        "smtp_alert",
        "Mails changes of everything that does not say otherwise.",
        Value::Boolean(|global| &mut global.smtp_alert),
    )
    .default("off, real servers on")
    .tier(2),
    Global::new(
        "smtp_alert_vrrp",
        "Mails changes of virtual routers and sync groups that do not say otherwise.",
        Value::Boolean(|global| &mut global.smtp_alert_vrrp),
    )
    .default("off")
    .tier(2),
    Global::new(
        "smtp_alert_checker",
        "Mails changes of virtual and real servers that do not say otherwise.",
        Value::Boolean(|global| &mut global.smtp_alert_checker),
    )
    .default("off, real servers on")
    .tier(2),
    Global::new(
        "no_email_faults",
        "Does not mail faults of virtual routers.",
        Value::Flag(|global| &mut global.no_email_faults),
    )
    .tier(2),
    Global::new(
        "checker_log_all_failures",
        "Logs each failed attempt of a check, not only the one that decides.",
        Value::Boolean(|global| &mut global.log_all_failures),
    )
    .default("off")
    .tier(2),
    Global::new(
        "script_user",
        "Sets user and group that scripts run as.",
        Value::Other("USER [GROUP]", GlobalConfig::script_user),
    )
    .default("keepalived_script, else that of the program")
    .tier(1),
    Global::new(
        "enable_script_security",
        "Refuses scripts run as root that other users can change.",
        Value::Other("", |global, context, line| {
            global.script_security = context.flag(line).value;
        }),
    )
    .tier(1),
    Global::new(
        "set_supplementary_groups",
        "Runs scripts in all groups of their user.",
        Value::Boolean(|global| &mut global.supplementary_groups),
    )
    .default("off"),
    Global::new(
        "use_symlink_paths",
        "Has no effect: scripts are run by the path that is written.",
        Value::Other("[on|off]", |_, context, line| {
            context.boolean(line);
        }),
    )
    .tier(2),
    Global::new(
        "lvs_sync_daemon",
        "Runs the connection sync daemon of IPVS.",
        Value::Other(
            "INTERFACE [[inst] INSTANCE] [id N] [maxlen BYTES] [port N] [ttl N] [group ADDRESS]",
            GlobalConfig::sync_daemon,
        ),
    )
    .tier(2),
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
        "vrrp_skip_check_adv_addr",
        "Has no effect: adverts are never refused for their addresses.",
        Value::Other("[on|off]", |_, context, line| {
            context.boolean(line);
        }),
    )
    .tier(1),
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
        "lvs_timeouts",
        "Sets the timeouts of connections at the start; the stop restores them.",
        Value::Other("[tcp SECONDS] [tcpfin SECONDS] [udp SECONDS]", |global, context, line| {
            global.runtime.timeouts(context, line);
        }),
    )
    .tier(2),
    Global::new(
        "lvs_flush",
        "Deletes all IPVS services at the start, also those of other programs.",
        Value::Flag(|global| &mut global.runtime.flush),
    )
    .tier(2),
    Global::new(
        "lvs_flush_on_stop",
        "Deletes all IPVS services at the stop; with VS only our own, which is the default.",
        Value::Other("[VS]", |global, context, line| {
            global.runtime.flush_on_stop(context, line);
        }),
    )
    .tier(2),
    Global::new(
        "lvs_flush_onstop",
        "Is another name of lvs_flush_on_stop.",
        Value::Other("[VS]", |global, context, line| {
            global.runtime.flush_on_stop(context, line);
        }),
    )
    .tier(4),
    Global::new(
        "process_names",
        "Names the threads of virtual routers and checks keepalived_vrrp and keepalived_lvs.",
        Value::Flag(|global| &mut global.runtime.default_names),
    )
    .tier(2),
    Global::new(
        "process_name",
        "Names the main process.",
        Value::Other("NAME, 1 to 15 bytes", |global, context, line| {
            let value = process_name(context, line);
            context.set(line, &mut global.runtime.main_name, value);
        }),
    ),
    Global::new(
        "vrrp_process_name",
        "Names the thread that sends adverts.",
        Value::Other("NAME, 1 to 15 bytes", |global, context, line| {
            let value = process_name(context, line);
            context.set(line, &mut global.runtime.vrrp_name, value);
        }),
    ),
    Global::new(
        "checker_process_name",
        "Names the thread of the checks.",
        Value::Other("NAME, 1 to 15 bytes", |global, context, line| {
            let value = process_name(context, line);
            context.set(line, &mut global.runtime.checker_name, value);
        }),
    ),
    Global::new(
        "lvs_process_name",
        "Is an older name of checker_process_name.",
        Value::Other("NAME, 1 to 15 bytes", |global, context, line| {
            let value = process_name(context, line);
            context.set(line, &mut global.runtime.checker_name, value);
        }),
    )
    .tier(4),
    Global::new(
        "bfd_process_name",
        "Names the part with BFD.",
        Value::Other("NAME, 1 to 15 bytes", |global, context, line| {
            let value = process_name(context, line);
            context.set(line, &mut global.runtime.bfd_name, value);
        }),
    )
    .later(),
    Global::new(
        "umask",
        "Sets the mode bits that new files do not get.",
        Value::Other("NUMBER|IRUSR|…", |global, context, line| {
            global.runtime.umask(context, line);
        }),
    )
    .default("0177"),
    Global::new(
        "random_seed",
        "Sets the seed of random numbers.",
        Value::Number(0..=u32::MAX, |global| &mut global.runtime.random_seed),
    )
    .default("the time")
    .later(),
    Global::new(
        "reload_time_file",
        "Names the file with the time of the next reload.",
        Value::Text("a file", |global| &mut global.runtime.reload_time_file),
    ),
    Global::new(
        "reload_repeat",
        "Keeps that file after its reload.",
        Value::Flag(|global| &mut global.runtime.reload_repeat),
    ),
    Global::new(
        "reload_check_config",
        "Keeps the running configuration if the new one has an error, and logs its findings to a file.",
        Value::Other("[FILE]", |global, context, line| {
            global.runtime.reload_check(context, line);
        }),
    )
    .tier(2),
    Global::new(
        "reload_file",
        "Names a file that exists while the configuration is read.",
        Value::Other("[FILE]", |global, context, line| {
            global.runtime.reload_file(context, line);
        }),
    ),
    Global::new(
        "state_dump_file",
        "Names the file of state dumps.",
        Value::Text("a file", |global| &mut global.runtime.state_dump),
    )
    .default("in /tmp"),
    Global::new(
        "state_dump_file_location",
        "Is another name of state_dump_file.",
        Value::Text("a file", |global| &mut global.runtime.state_dump),
    )
    .default("in /tmp"),
    Global::new(
        "stats_dump_file",
        "Names the file of counter dumps.",
        Value::Text("a file", |global| &mut global.runtime.stats_dump),
    )
    .default("in /tmp"),
    Global::new(
        "stats_dump_file_location",
        "Is another name of stats_dump_file.",
        Value::Text("a file", |global| &mut global.runtime.stats_dump),
    )
    .default("in /tmp"),
    Global::new(
        "json_dump_file",
        "Names the file of JSON dumps.",
        Value::Text("a file", |global| &mut global.runtime.json_dump),
    )
    .default("in /tmp"),
    Global::new(
        "json_dump_file_location",
        "Is another name of json_dump_file.",
        Value::Text("a file", |global| &mut global.runtime.json_dump),
    )
    .default("in /tmp"),
    Global::new(
        "json_version",
        "Sets the version of JSON dumps.",
        Value::Number(1..=2, |global| &mut global.runtime.json_version),
    )
    .default("1"),
    Global::new(
        "data_use_instance",
        "Puts network namespace and instance into the names of state dumps.",
        Value::Boolean(|global| &mut global.runtime.dumps_use_instance),
    )
    .default("off"),
    Global::new(
        "startup_script",
        "Runs a script before everything else.",
        Value::Other(COMMAND, |global, context, line| {
            script(context, line, &mut global.runtime.startup);
        }),
    )
    .tier(2),
    Global::new(
        "startup_script_timeout",
        "Limits the time of that script.",
        Value::WholeSeconds(1..=1000, |global| &mut global.runtime.startup_timeout),
    )
    .default("10"),
    Global::new(
        "shutdown_script",
        "Runs a script after everything else.",
        Value::Other(COMMAND, |global, context, line| {
            script(context, line, &mut global.runtime.shutdown);
        }),
    )
    .tier(2),
    Global::new(
        "shutdown_script_timeout",
        "Limits the time of that script.",
        Value::WholeSeconds(1..=1000, |global| &mut global.runtime.shutdown_timeout),
    )
    .default("10"),
    Global::new(
        "rs_init_notifies",
        "Notifies real servers that are live when they are added.",
        Value::Boolean(|global| &mut global.notifies_added_servers),
    )
    .default("off")
    .tier(2),
    Global::new(
        "no_checker_emails",
        "Mails the result of a check only if it changes the real server.",
        Value::Boolean(|global| &mut global.runtime.no_check_mails),
    )
    .default("off")
    .tier(2),
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
        Value::Other("NUMBER", |global, context, line| {
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
    Global::new(
        "checker_priority",
        "Sets the nice value of the thread of the checks.",
        Value::Other("NUMBER, -20 to 19", |global, context, line| {
            let value = nice(context, line);
            context.set(line, &mut global.runtime.check_scheduling.nice, value);
        }),
    )
    .tier(2),
    Global::new(
        "checker_rt_priority",
        "Runs the checks in real time with this priority.",
        Value::Number(1..=99, |global| {
            &mut global.runtime.check_scheduling.priority
        }),
    ),
    Global::new(
        "checker_no_swap",
        "Locks the memory of the checks.",
        Value::Flag(|global| &mut global.runtime.check_scheduling.no_swap),
    )
    .tier(2),
    Global::new(
        "checker_cpu_affinity",
        "Sets the processors of the checks.",
        Value::Other("NUMBER …, 0 to 1023", |global, context, line| {
            let value = processors(context, line);
            context.set(
                line,
                &mut global.runtime.check_scheduling.processors,
                value,
            );
        }),
    )
    .default("all"),
    Global::new(
        "checker_rlimit_rttime",
        "Limits the time that the real-time thread of the checks runs without blocking.",
        Value::Other(RTTIME, |global, context, line| {
            let value = realtime_limit(context, line);
            context.set(line, &mut global.runtime.check_scheduling.limit, value);
        }),
    ),
    Global::new(
        "checker_rlimit_rtime",
        "Is an older name of checker_rlimit_rttime.",
        Value::Other(RTTIME, |global, context, line| {
            let value = realtime_limit(context, line);
            context.set(line, &mut global.runtime.check_scheduling.limit, value);
        }),
    )
    .tier(4),
    Global::new(
        "enable_snmp_vrrp",
        "Has no effect: there is no SNMP agent.",
        Value::Other("", |global, context, line| {
            global.runtime.management(context, line);
        }),
    )
    .tier(2),
    Global::new(
        "enable_snmp_checker",
        "Has no effect: there is no SNMP agent.",
        Value::Other("", |global, context, line| {
            global.runtime.management(context, line);
        }),
    )
    .tier(2),
    Global::new(
        "enable_snmp_rfc",
        "Has no effect: there is no SNMP agent.",
        Value::Other("", |global, context, line| {
            global.runtime.management(context, line);
        }),
    )
    .tier(2),
    Global::new(
        "enable_snmp_rfcv2",
        "Has no effect: there is no SNMP agent.",
        Value::Other("", |global, context, line| {
            global.runtime.management(context, line);
        }),
    ),
    Global::new(
        "enable_snmp_rfcv3",
        "Has no effect: there is no SNMP agent.",
        Value::Other("", |global, context, line| {
            global.runtime.management(context, line);
        }),
    ),
    Global::new(
        "enable_snmp_keepalived",
        "Has no effect: there is no SNMP agent.",
        Value::Other("", |global, context, line| {
            global.runtime.management(context, line);
        }),
    )
    .tier(4),
    Global::new(
        "enable_traps",
        "Has no effect: there is no SNMP agent.",
        Value::Other("", |global, context, line| {
            global.runtime.management(context, line);
        }),
    )
    .tier(2),
    Global::new(
        "snmp_socket",
        "Has no effect: there is no SNMP agent.",
        Value::Other("ADDRESS", |global, context, line| {
            global.runtime.management(context, line);
        }),
    )
    .tier(2),
    Global::new(
        "snmp_vs_stats_update_interval",
        "Has no effect: there is no SNMP agent.",
        Value::Other("SECONDS", |global, context, line| {
            global.runtime.management(context, line);
        }),
    ),
    Global::new(
        "snmp_rs_stats_update_interval",
        "Has no effect: there is no SNMP agent.",
        Value::Other("SECONDS", |global, context, line| {
            global.runtime.management(context, line);
        }),
    ),
    Global::new(
        "enable_dbus",
        "Has no effect: there is no D-Bus service.",
        Value::Other("", |global, context, line| {
            global.runtime.management(context, line);
        }),
    )
    .tier(2),
    Global::new(
        "dbus_service_name",
        "Has no effect: there is no D-Bus service.",
        Value::Other("NAME", |global, context, line| {
            global.runtime.management(context, line);
        }),
    ),
    Global::new(
        "dbus_no_interface_name",
        "Has no effect: there is no D-Bus service.",
        Value::Other("NAME", |global, context, line| {
            global.runtime.management(context, line);
        }),
    ),
    Global::new(
        "bfd_priority",
        "Has no effect: BFD has no process of its own.",
        Value::Other("NUMBER", |_, context, line| skip_words(context, line)),
    ),
    Global::new(
        "bfd_rt_priority",
        "Has no effect: BFD has no process of its own.",
        Value::Other("NUMBER", |_, context, line| skip_words(context, line)),
    ),
    Global::new(
        "bfd_rlimit_rttime",
        "Has no effect: BFD has no process of its own.",
        Value::Other("MICROSECONDS", |_, context, line| skip_words(context, line)),
    ),
    Global::new(
        "bfd_no_swap",
        "Has no effect: BFD has no process of its own.",
        Value::Other("", |_, context, line| skip_words(context, line)),
    ),
    Global::new(
        "bfd_cpu_affinity",
        "Has no effect: BFD has no process of its own.",
        Value::Other("NUMBER …", |_, context, line| skip_words(context, line)),
    ),
    Global::new(
        "bfd_rlimit_rtime",
        "Has no effect: BFD has no process of its own.",
        Value::Other("MICROSECONDS", |_, context, line| skip_words(context, line)),
    )
    .tier(4),
    Global::new(
        "config_save_dir",
        "Has no effect: the files that were read are not copied.",
        Value::Other("DIRECTORY", |_, context, line| skip_words(context, line)),
    ),
    Global::new(
        "tmp_config_directory",
        "Has no effect: the files that were read are not copied.",
        Value::Other("DIRECTORY", |_, context, line| skip_words(context, line)),
    ),
    Global::new(
        "lvs_netlink_cmd_rcv_bufs",
        "Has no effect: each request to IPVS waits for its answer.",
        Value::Other("BYTES", |_, context, line| skip_words(context, line)),
    ),
    Global::new(
        "lvs_netlink_cmd_rcv_bufs_force",
        "Has no effect: each request to IPVS waits for its answer.",
        Value::Other("[on|off]", |_, context, line| skip_words(context, line)),
    ),
    Global::new(
        "lvs_netlink_monitor_rcv_bufs",
        "Has no effect: each request to IPVS waits for its answer.",
        Value::Other("BYTES", |_, context, line| skip_words(context, line)),
    ),
    Global::new(
        "lvs_netlink_monitor_rcv_bufs_force",
        "Has no effect: each request to IPVS waits for its answer.",
        Value::Other("[on|off]", |_, context, line| skip_words(context, line)),
    ),
    Global::new(
        "process_monitor_rcv_bufs",
        "Has no effect: processes are read from /proc.",
        Value::Other("BYTES", |_, context, line| skip_words(context, line)),
    ),
    Global::new(
        "process_monitor_rcv_bufs_force",
        "Has no effect: processes are read from /proc.",
        Value::Other("[on|off]", |_, context, line| skip_words(context, line)),
    ),
    Global::new(
        "vrrp_iptables",
        "Has no effect: the packet filter uses nftables.",
        Value::Other("[INPUT [OUTPUT]]", |_, context, line| RuntimeConfig::iptables(context, line)),
    )
    .tier(2),
    Global::new(
        "vrrp_ipsets",
        "Has no effect: the packet filter uses nftables.",
        Value::Other("[NAME …]", |_, context, line| RuntimeConfig::iptables(context, line)),
    ),
    Global::new(
        "lvs_id",
        "Has no effect: it is the oldest name of router_id.",
        Value::Other("NAME", |_, context, line| obsolete(context, line, "write `router_id`")),
    )
    .tier(4),
    Global::new(
        "disable_local_igmp",
        "Keeps reports about link-local groups from being sent.",
        Value::Other("", |_, context, line| skip_words(context, line)),
    )
    .later(),
    Global::new(
        "fifo_write_vrrp_states_on_reload",
        "Writes the states of virtual routers and sync groups to the FIFOs after a reload.",
        Value::Flag(|global| &mut global.fifos.states_on_reload),
    ),
    Global::new(
        "include_check",
        "Makes each `include` that follows insist on its files, as its variants do.",
        Value::Elsewhere("[[+|-]read] [[+|-]match] [[+|-]wildcard_match] [[+|-]brace_match]"),
    )
    .default("none"),
    Global::new(
        "lvs_notify_fifo",
        "Writes a line for each event of virtual and real servers to a FIFO.",
        Value::Other("PATH [USER [GROUP]]", |global, context, line| {
            global.fifos.servers.path(context, line);
        }),
    )
    .tier(2),
    Global::new(
        "lvs_notify_fifo_script",
        "Starts a program that reads lvs_notify_fifo; its path is the last argument.",
        Value::Other(COMMAND, |global, context, line| {
            script(context, line, &mut global.fifos.servers.script);
        }),
    )
    .tier(2),
    Global::new(
        "nftables_ipvs",
        "Marks the packets of a group for one IPVS service.",
        Value::Other("[TABLE]", |_, context, line| skip_words(context, line)),
    )
    .later(),
    Global::new(
        "nftables_ipvs_priority",
        "Sets the priority of the chains that mark them.",
        Value::Other("NUMBER", |_, context, line| skip_words(context, line)),
    )
    .later(),
    Global::new(
        "nftables_ipvs_start_fwmark",
        "Sets the first of these marks.",
        Value::Other("NUMBER", |_, context, line| skip_words(context, line)),
    )
    .later(),
    Global::new(
        "notify_fifo",
        "Writes a line for each event to a FIFO.",
        Value::Other("PATH [USER [GROUP]]", |global, context, line| {
            global.fifos.all.path(context, line);
        }),
    )
    .tier(2),
    Global::new(
        "notify_fifo_script",
        "Starts a program that reads notify_fifo; its path is the last argument.",
        Value::Other(COMMAND, |global, context, line| {
            script(context, line, &mut global.fifos.all.script);
        }),
    )
    .tier(2),
    Global::new(
        "vrrp_notify_fifo",
        "Writes a line for each event of virtual routers and sync groups to a FIFO.",
        Value::Other("PATH [USER [GROUP]]", |global, context, line| {
            global.fifos.vrrp.path(context, line);
        }),
    )
    .tier(2),
    Global::new(
        "vrrp_notify_fifo_script",
        "Starts a program that reads vrrp_notify_fifo; its path is the last argument.",
        Value::Other(COMMAND, |global, context, line| {
            script(context, line, &mut global.fifos.vrrp.script);
        }),
    )
    .tier(2),
    Global::new(
        "vrrp_notify_priority_changes",
        "Writes changes of priority to the FIFOs.",
        Value::Boolean(|global| &mut global.fifos.priority_changes),
    )
    .default("off"),
];
