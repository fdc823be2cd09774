// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of `virtual_server` and `real_server`.

use lb_ipvs::{Scheduler, ServiceFlags};

use super::{Keyword, Value};
use crate::config::method::{PAUSE, PERIOD, method};
use crate::config::notify::{COMMAND, WEBHOOK, script, webhook};
use crate::config::real::RealServerConfig;
use crate::config::runtime::{obsolete, skip_words};
use crate::config::server::{VirtualServerConfig, endpoint, hashed};

const WEIGHT: u32 = i32::MAX.unsigned_abs();

type Server = Keyword<VirtualServerConfig>;

pub(in crate::config) const VIRTUAL_SERVER: &[Server] = &[
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
        Value::Other(
            "NAT|DR|TUN [type ipip|gue|gre] [port N] [nocsum|csum|remcsum]",
            |server, context, line| {
                let value = method(context, line);
                context.set(line, &mut server.method, value);
            },
        ),
    )
    .default("NAT")
    .tier(1),
    Server::new(
        "lb_kind",
        "Is another name of lvs_method.",
        Value::Other(
            "NAT|DR|TUN [type ipip|gue|gre] [port N] [nocsum|csum|remcsum]",
            |server, context, line| {
                let value = method(context, line);
                context.set(line, &mut server.method, value);
            },
        ),
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
            let read = RealServerConfig::read(context, line);
            server.real_servers.push(read);
        }),
    )
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
            server.scheduler_flag(context, line, ServiceFlags::SCHED_1, None);
        }),
    ),
    Server::new(
        "flag-2",
        "Sets flag 2 of the scheduler.",
        Value::Other("", |server, context, line| {
            server.scheduler_flag(context, line, ServiceFlags::SCHED_2, None);
        }),
    ),
    Server::new(
        "flag-3",
        "Sets flag 3 of the scheduler.",
        Value::Other("", |server, context, line| {
            server.scheduler_flag(context, line, ServiceFlags::SCHED_3, None);
        }),
    ),
    Server::new(
        "sh-fallback",
        "Lets the scheduler sh use another real server if the chosen one is down.",
        Value::Other("", |server, context, line| {
            server.scheduler_flag(
                context,
                line,
                ServiceFlags::SCHED_1,
                Some(Scheduler::SourceHashing),
            );
        }),
    )
    .tier(2),
    Server::new(
        "sh-port",
        "Lets the scheduler sh include the port.",
        Value::Other("", |server, context, line| {
            server.scheduler_flag(
                context,
                line,
                ServiceFlags::SCHED_2,
                Some(Scheduler::SourceHashing),
            );
        }),
    )
    .tier(2),
    Server::new(
        "mh-fallback",
        "Lets the scheduler mh use another real server if the chosen one is down.",
        Value::Other("", |server, context, line| {
            server.scheduler_flag(
                context,
                line,
                ServiceFlags::SCHED_1,
                Some(Scheduler::Maglev),
            );
        }),
    ),
    Server::new(
        "mh-port",
        "Lets the scheduler mh include the port.",
        Value::Other("", |server, context, line| {
            server.scheduler_flag(
                context,
                line,
                ServiceFlags::SCHED_2,
                Some(Scheduler::Maglev),
            );
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
    .default("1, HTTP_GET 3")
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
        Value::Other("NAME", |_, context, line| skip_words(context, line)),
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

type Real = Keyword<RealServerConfig>;

pub(in crate::config) const REAL_SERVER: &[Real] = &[
    Real::new(
        "weight",
        "Sets the weight.",
        Value::Number(0..=WEIGHT, |server| &mut server.weight),
    )
    .default("1"),
    Real::new(
        "lvs_method",
        "Sets the forwarding method.",
        Value::Other(
            "NAT|DR|TUN [type ipip|gue|gre] [port N] [nocsum|csum|remcsum]",
            |server, context, line| {
                let value = method(context, line);
                context.set(line, &mut server.method, value);
            },
        ),
    )
    .default("that of the virtual server"),
    Real::new(
        "uthreshold",
        "Sets the number of connections above which the real server gets no new ones.",
        Value::Number(0..=u32::MAX, |server| &mut server.upper),
    )
    .default("0"),
    Real::new(
        "lthreshold",
        "Sets the number of connections below which the real server gets new ones again.",
        Value::Number(0..=u32::MAX, |server| &mut server.lower),
    )
    .default("0"),
    Real::new(
        "inhibit_on_failure",
        "Sets the weight to 0 on failure instead of removing the real server.",
        Value::Boolean(|server| &mut server.inhibit),
    )
    .default("that of the virtual server"),
    Real::new(
        "smtp_alert",
        "Mails changes of health.",
        Value::Boolean(|server| &mut server.smtp_alert),
    )
    .default("smtp_alert_checker"),
    Real::new(
        "virtualhost",
        "Sets the host name of HTTP checks.",
        Value::Text("a host name", |server| &mut server.virtualhost),
    )
    .default("that of the virtual server"),
    Real::new(
        "TCP_CHECK",
        "Checks that a connection can be made.",
        Value::Elsewhere("{ … }"),
    ),
    Real::new(
        "HTTP_GET",
        "Checks the status, digest or content of pages.",
        Value::Elsewhere("{ … }"),
    ),
    Real::new(
        "MISC_CHECK",
        "Checks the exit status of a program.",
        Value::Elsewhere("{ … }"),
    ),
    Real::new(
        "alpha",
        "Has real servers start down until their checks have passed.",
        Value::Boolean(|server| &mut server.defaults.alpha),
    )
    .default("off"),
    Real::new(
        "delay_loop",
        "Sets the period of checks.",
        Value::Seconds(PERIOD, |server| &mut server.defaults.delay_loop),
    )
    .default("60"),
    Real::new(
        "connect_timeout",
        "Limits the time to connect of a check.",
        Value::Seconds(PERIOD, |server| &mut server.defaults.connect_timeout),
    )
    .default("5"),
    Real::new(
        "retry",
        "Sets the number of further attempts before a check counts as failed.",
        Value::Number(1..=u32::MAX, |server| &mut server.defaults.retries),
    )
    .default("1, MISC_CHECK 0"),
    Real::new(
        "delay_before_retry",
        "Sets the time between two attempts.",
        Value::Seconds(PAUSE, |server| &mut server.defaults.retry_delay),
    )
    .default("1, HTTP_GET 3"),
    Real::new(
        "warmup",
        "Sets the longest random delay of the first check.",
        Value::Seconds(PAUSE, |server| &mut server.defaults.warmup),
    ),
    Real::new(
        "BFD_CHECK",
        "Follows a BFD session.",
        Value::Elsewhere("{ … }"),
    )
    .later(),
    Real::new(
        "DNS_CHECK",
        "Checks that a name server answers.",
        Value::Elsewhere("{ … }"),
    )
    .tier(2)
    .later(),
    Real::new(
        "FILE_CHECK",
        "Checks the number in a tracked file.",
        Value::Elsewhere("{ … }"),
    )
    .later(),
    Real::new(
        "PING_CHECK",
        "Checks that the host answers.",
        Value::Elsewhere("{ … }"),
    )
    .tier(2)
    .later(),
    Real::new(
        "SMTP_CHECK",
        "Checks that a mail server greets.",
        Value::Elsewhere("{ … }"),
    )
    .tier(2)
    .later(),
    Real::new(
        "SSL_GET",
        "Checks pages over TLS as HTTP_GET does.",
        Value::Elsewhere("{ … }"),
    )
    .tier(1)
    .later(),
    Real::new(
        "UDP_CHECK",
        "Checks that a port answers.",
        Value::Elsewhere("{ … }"),
    )
    .later(),
    Real::new(
        "snmp_name",
        "Has no effect: there is no SNMP agent.",
        Value::Other("NAME", |_, context, line| skip_words(context, line)),
    ),
    Real::new(
        "nb_get_retry",
        "Has no effect: it is for HTTP_GET.",
        Value::Other("NUMBER", |_, context, line| {
            obsolete(context, line, "write `retry`");
        }),
    )
    .tier(4),
    Real::new(
        "notify_down",
        "Starts a script when the real server is not live any more.",
        Value::Other(COMMAND, |server, context, line| {
            script(context, line, &mut server.notify.down);
        }),
    ),
    Real::new(
        "notify_up",
        "Starts a script when the real server is live.",
        Value::Other(COMMAND, |server, context, line| {
            script(context, line, &mut server.notify.up);
        }),
    ),
    Real::new(
        "notify_url",
        "Posts each change of health to a web server, as JSON.",
        Value::Other(WEBHOOK, |server, context, line| {
            webhook(context, line, &mut server.notify.webhook);
        }),
    )
    .default("that of the virtual server")
    .own(),
];
