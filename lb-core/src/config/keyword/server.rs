// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of `virtual_server`.

use lb_ipvs::ServiceFlags;

use super::policy::policy_keywords;
use super::real::real_server;
use super::row::{Keyword, Table, Value};
use crate::config::endpoint::endpoint;
use crate::config::level::Level;
use crate::config::line::Context;
use crate::config::method::METHOD;
use crate::config::notify::{COMMAND, WEBHOOK, script, webhook};
use crate::config::runtime::obsolete;
use crate::config::schedule::{COUNT, JITTER, PAUSE, PERIOD};
use crate::config::server::{VirtualServerConfig, hashed};
use crate::config::tree::NodeId;
use crate::config::via_vip::{VIA_VIP, via_vip};

const WEIGHT: u32 = i32::MAX.unsigned_abs();

type Server = Keyword<VirtualServerConfig>;

pub(in crate::config) static VIRTUAL_SERVER: Table<VirtualServerConfig> = Table::new(
    &[Level::VirtualServer],
    "virtual_server",
    &[
        SERVER_KEYWORDS,
        policy_keywords!(VirtualServerConfig, checks),
    ],
);

const SERVER_KEYWORDS: &[Server] = &[
    Server::new(
        "lvs_sched",
        "Sets the scheduler.",
        Value::Other("SCHEDULER as in ipvsadm", VirtualServerConfig::scheduler),
    )
    .default("wlc")
    .tier(1),
    Server::new(
        "lb_algo",
        "Is another name of lvs_sched.",
        Value::Other("SCHEDULER as in ipvsadm", VirtualServerConfig::scheduler),
    )
    .default("wlc")
    .tier(1),
    Server::new(
        "lvs_method",
        "Sets the forwarding method of real servers.",
        Value::Other(METHOD, VirtualServerConfig::method),
    )
    .default("NAT")
    .tier(1),
    Server::new(
        "lb_kind",
        "Is another name of lvs_method.",
        Value::Other(METHOD, VirtualServerConfig::method),
    )
    .default("NAT")
    .tier(1),
    Server::new(
        "protocol",
        "Sets the protocol.",
        Value::Other("TCP|UDP|SCTP", VirtualServerConfig::protocol),
    )
    .default("UDP")
    .tier(1),
    Server::new(
        "persistence_timeout",
        "Sends connections of one client to one real server, for this time after the last one.",
        Value::Other(
            "[SECONDS, whole, 1 to 2678400]",
            VirtualServerConfig::persistence,
        ),
    )
    .default("none, 360 if the keyword stands alone")
    .tier(1),
    Server::new(
        "persistence_granularity",
        "Sets the part of client addresses that persistence compares.",
        Value::Other("NETMASK|PREFIX", VirtualServerConfig::granularity),
    )
    .default("the whole address")
    .tier(2),
    Server::new(
        "persistence_engine",
        "Sets the persistence engine.",
        Value::Other("NAME", VirtualServerConfig::engine),
    ),
    Server::new(
        "ops",
        "Schedules each packet by itself; UDP only.",
        Value::Switch(|server| &mut server.one_packet),
    )
    .default("off")
    .tier(2),
    Server::new(
        "ip_family",
        "Sets the address family of a firewall mark.",
        Value::Other("inet|inet6", VirtualServerConfig::family),
    )
    .default("that of the first real server")
    .tier(2),
    Server::new(
        "ha_suspend",
        "Checks only while the virtual address is on this host.",
        Value::Other("", |server, context, line| {
            server.ha_suspend = context.flag(line).value;
        }),
    )
    .tier(2),
    Server::new(
        "virtualhost",
        "Sets the host name of HTTP checks.",
        Value::Text("a host name", |server| &mut server.virtualhost),
    )
    .tier(2),
    Server::new(
        "omega",
        "Notifies of real servers when the program stops.",
        Value::Switch(|server| &mut server.omega),
    )
    .default("off")
    .tier(2),
    Server::new(
        "quorum",
        "Sets the weight of live real servers at which the service counts as up.",
        Value::Number(1..=u32::MAX, |server| &mut server.quorum),
    )
    .default("1")
    .tier(2),
    Server::new(
        "hysteresis",
        "Is added to the quorum on the way up and subtracted on the way down.",
        Value::Number(0..=u32::MAX, |server| &mut server.hysteresis),
    )
    .default("0")
    .tier(2),
    Server::new(
        "inhibit_on_failure",
        "Sets the weight of a failed real server to 0 instead of removing it.",
        Value::Switch(|server| &mut server.inhibit),
    )
    .default("off")
    .tier(2),
    Server::new(
        "smtp_alert",
        "Mails changes of the quorum.",
        Value::Boolean(|server| &mut server.smtp_alert),
    )
    .default("smtp_alert_checker")
    .tier(2),
    Server::new(
        "weight",
        "Sets the weight of real servers that do not say otherwise.",
        Value::Number(1..=WEIGHT, |server| &mut server.weight),
    )
    .default("1"),
    Server::new(
        "sorry_server",
        "Sets the server that takes connections while the quorum is lost.",
        Value::Other("ADDRESS [PORT]", |server, context, line| {
            let value = endpoint(context, line);
            context.set(line, &mut server.sorry_server, value);
        }),
    )
    .tier(1),
    Server::new(
        "sorry_server_inhibit",
        "Keeps the sorry server in the table with weight 0 while it is not needed.",
        Value::Other("", VirtualServerConfig::sorry_inhibit),
    )
    .tier(2),
    Server::new(
        "sorry_server_lvs_method",
        "Sets the forwarding method of the sorry server.",
        Value::Other("NAT|DR|TUN …", VirtualServerConfig::sorry_method),
    )
    .default("lvs_method")
    .tier(2),
    Server::new(
        "real_server",
        "Adds a real server.",
        Value::Other("ADDRESS [PORT] { … }", |server, context, line| {
            server.real_servers.push(real_server(context, line));
        }),
    )
    .opens(Level::RealServer)
    .tier(1),
    Server::new(
        "hashed",
        "Has no effect.",
        Value::Other("", |_, context, line| hashed(context, line)),
    )
    .tier(4),
    Server::new(
        "flag-1",
        "Sets flag 1 of the scheduler.",
        Value::Other("", |server, context, line| {
            server.add_flag(context, line, ServiceFlags::SCHED_1);
        }),
    ),
    Server::new(
        "flag-2",
        "Sets flag 2 of the scheduler.",
        Value::Other("", |server, context, line| {
            server.add_flag(context, line, ServiceFlags::SCHED_2);
        }),
    ),
    Server::new(
        "flag-3",
        "Sets flag 3 of the scheduler.",
        Value::Other("", |server, context, line| {
            server.add_flag(context, line, ServiceFlags::SCHED_3);
        }),
    ),
    Server::new(
        "sh-fallback",
        "Lets the scheduler sh use another real server if the chosen one is down.",
        Value::Other("", |server, context, line| {
            server.source_hashing_flag(context, line, ServiceFlags::SCHED_1);
        }),
    )
    .tier(2),
    Server::new(
        "sh-port",
        "Lets the scheduler sh include the port.",
        Value::Other("", |server, context, line| {
            server.source_hashing_flag(context, line, ServiceFlags::SCHED_2);
        }),
    )
    .tier(2),
    Server::new(
        "mh-fallback",
        "Lets the scheduler mh use another real server if the chosen one is down.",
        Value::Other("", |server, context, line| {
            server.maglev_flag(context, line, ServiceFlags::SCHED_1);
        }),
    ),
    Server::new(
        "mh-port",
        "Lets the scheduler mh include the port.",
        Value::Other("", |server, context, line| {
            server.maglev_flag(context, line, ServiceFlags::SCHED_2);
        }),
    ),
    Server::new(
        "alpha",
        "Has real servers start down until their checks have passed.",
        Value::Switch(|server| &mut server.checks.alpha),
    )
    .default("off")
    .tier(2),
    Server::new(
        "via_vip",
        "Checks at the virtual address, through the forwarding method: direct routing or a tunnel.",
        Value::Other(VIA_VIP, |server, context, line| {
            let value = via_vip(context, line);
            context.set(line, &mut server.checks.via_vip, value);
        }),
    )
    .default("off")
    .own(),
    Server::new(
        "delay_loop",
        "Sets the period of checks.",
        Value::Seconds(PERIOD, |server| &mut server.checks.delay_loop),
    )
    .default("60")
    .tier(1),
    Server::new(
        "connect_timeout",
        "Limits the time to connect of a check.",
        Value::Seconds(PERIOD, |server| &mut server.checks.connect_timeout),
    )
    .default("5")
    .tier(2),
    Server::new(
        "retry",
        "Sets the number of further attempts before a check counts as failed.",
        Value::Number(1..=u32::MAX, |server| &mut server.checks.retries),
    )
    .default("1, MISC_CHECK 0")
    .tier(2),
    Server::new(
        "delay_before_retry",
        "Sets the time between two attempts.",
        Value::Seconds(PAUSE, |server| &mut server.checks.retry_delay),
    )
    .default("1, HTTP_GET and SSL_GET 3")
    .tier(2),
    Server::new(
        "warmup",
        "Sets the longest random delay of the first check.",
        Value::Seconds(PAUSE, |server| &mut server.checks.warmup),
    )
    .tier(2),
    Server::new(
        "snmp_name",
        "Has no effect: there is no SNMP agent.",
        Value::Ignored("NAME"),
    ),
    Server::new(
        "nat_mask",
        "Has no effect: masquerading needs no mask.",
        Value::Other("MASK", |_, context, line| {
            obsolete(context, line, "leave the line out");
        }),
    )
    .tier(4),
    Server::new(
        "net_mask",
        "Has no effect: masquerading needs no mask.",
        Value::Other("MASK", |_, context, line| {
            obsolete(context, line, "leave the line out");
        }),
    )
    .tier(4),
    Server::new(
        "nb_get_retry",
        "Has no effect: it is for HTTP_GET.",
        Value::Other("NUMBER", |_, context, line| {
            obsolete(context, line, "write `retry`");
        }),
    )
    .tier(4),
    Server::new(
        "quorum_down",
        "Starts a script when the quorum is lost.",
        Value::Other(COMMAND, |server, context, line| {
            script(context, line, &mut server.notify.down);
        }),
    )
    .tier(2),
    Server::new(
        "quorum_up",
        "Starts a script when the quorum is there.",
        Value::Other(COMMAND, |server, context, line| {
            script(context, line, &mut server.notify.up);
        }),
    )
    .tier(2),
    Server::new(
        "notify_url",
        "Posts each change of the quorum to a web server, as JSON.",
        Value::Other(WEBHOOK, |server, context, line| {
            webhook(context, line, &mut server.notify.webhook);
        }),
    )
    .default("that of global_defs")
    .own(),
];

/// Reads one `virtual_server`.
pub(in crate::config) fn virtual_server(
    context: &mut Context<'_>,
    block: NodeId,
) -> VirtualServerConfig {
    let mut server = VirtualServerConfig::new(context, block);
    VIRTUAL_SERVER.read(&mut server, context, block);
    server.checks.exclude_contradictions(context);
    server
}
