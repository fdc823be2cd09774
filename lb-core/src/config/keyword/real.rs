// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of `real_server`.

use super::policy::policy_keywords;
use super::row::{Keyword, Table, Value};
use crate::config::level::Level;
use crate::config::line::Context;
use crate::config::method::{METHOD, method};
use crate::config::notify::{COMMAND, WEBHOOK, script, webhook};
use crate::config::pending;
use crate::config::real::RealServerConfig;
use crate::config::runtime::obsolete;
use crate::config::schedule::{COUNT, JITTER, PAUSE, PERIOD};
use crate::config::tree::NodeId;
use crate::config::via_vip::{VIA_VIP, via_vip};

const WEIGHT: u32 = i32::MAX.unsigned_abs();

type Real = Keyword<RealServerConfig>;

pub(in crate::config) static REAL_SERVER: Table<RealServerConfig> = Table::new(
    &[Level::RealServer],
    "real_server",
    &[REAL_KEYWORDS, policy_keywords!(RealServerConfig, defaults)],
);

const REAL_KEYWORDS: &[Real] = &[
    Real::new(
        "weight",
        "Sets the weight.",
        Value::Number(0..=WEIGHT, |server| &mut server.weight),
    )
    .default("1"),
    Real::new(
        "lvs_method",
        "Sets the forwarding method.",
        Value::Other(METHOD, |server, context, line| {
            let value = method(context, line);
            context.set(line, &mut server.method, value);
        }),
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
    )
    .opens(Level::Check),
    Real::new(
        "HTTP_GET",
        "Checks the status, digest or content of pages.",
        Value::Elsewhere("{ … }"),
    )
    .opens(Level::Http),
    Real::new(
        "HTTP_CHECK",
        "Checks the answer to a request: status, headers, body, certificate.",
        Value::Elsewhere("{ … }"),
    )
    .opens(Level::Check)
    .own(),
    Real::new(
        "MISC_CHECK",
        "Checks the exit status of a program.",
        Value::Elsewhere("{ … }"),
    )
    .opens(Level::Check),
    Real::new(
        "alpha",
        "Has real servers start down until their checks have passed.",
        Value::Boolean(|server| &mut server.defaults.alpha),
    )
    .default("off"),
    Real::new(
        "via_vip",
        "Checks at the virtual address, through the forwarding method: direct routing or a tunnel.",
        Value::Other(VIA_VIP, |server, context, line| {
            let value = via_vip(context, line);
            context.set(line, &mut server.defaults.via_vip, value);
        }),
    )
    .default("that of the virtual server")
    .own(),
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
    .default("1, HTTP_GET and SSL_GET 3"),
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
    .opens(Level::Check)
    .later(),
    Real::new(
        "DNS_CHECK",
        "Checks that a name server answers.",
        Value::Elsewhere("{ … }"),
    )
    .opens(Level::Check)
    .tier(2)
    .later(),
    Real::new(
        "FILE_CHECK",
        "Has the number in a tracked file decide about weight and health.",
        Value::Elsewhere("{ … }"),
    )
    .opens(Level::Check),
    Real::new(
        "PING_CHECK",
        "Checks that the host answers.",
        Value::Elsewhere("{ … }"),
    )
    .opens(Level::Check)
    .tier(2)
    .later(),
    Real::new(
        "SMTP_CHECK",
        "Checks that a mail server greets.",
        Value::Elsewhere("{ … }"),
    )
    .opens(Level::Check)
    .tier(2),
    Real::new(
        "SEND_EXPECT_CHECK",
        "Checks that a server answers as expected, step by step.",
        Value::Elsewhere("{ … }"),
    )
    .opens(Level::Check)
    .own(),
    Real::new(
        "IMAP_CHECK",
        "Checks that a server of IMAP greets, and takes a login if one is given.",
        Value::Elsewhere("{ … }"),
    )
    .opens(Level::Check)
    .own(),
    Real::new(
        "POP3_CHECK",
        "Checks that a server of POP3 greets, and takes a login if one is given.",
        Value::Elsewhere("{ … }"),
    )
    .opens(Level::Check)
    .own(),
    Real::new(
        "FTP_CHECK",
        "Checks that a server of FTP greets, and takes a login if one is given.",
        Value::Elsewhere("{ … }"),
    )
    .opens(Level::Check)
    .own(),
    Real::new(
        "NNTP_CHECK",
        "Checks that a news server greets, and takes a login if one is given.",
        Value::Elsewhere("{ … }"),
    )
    .opens(Level::Check)
    .own(),
    Real::new(
        "REDIS_CHECK",
        "Checks that Redis answers PING, and takes a password if one is given.",
        Value::Elsewhere("{ … }"),
    )
    .opens(Level::Check)
    .own(),
    Real::new(
        "LDAP_CHECK",
        "Checks that an LDAP server finds an entry.",
        Value::Elsewhere("{ … }"),
    )
    .opens(Level::Check)
    .own(),
    Real::new(
        "MYSQL_CHECK",
        "Checks that a MySQL or MariaDB server greets, or lets a user log in.",
        Value::Elsewhere("{ … }"),
    )
    .opens(Level::Check)
    .own(),
    Real::new(
        "PGSQL_CHECK",
        "Checks that a PostgreSQL server starts a session or asks for a password.",
        Value::Elsewhere("{ … }"),
    )
    .opens(Level::Check)
    .own(),
    Real::new(
        "GRPC_CHECK",
        "Checks that a gRPC server reports that it serves.",
        Value::Elsewhere("{ … }"),
    )
    .opens(Level::Check)
    .own(),
    Real::new(
        "AGENT_CHECK",
        "Asks an agent on the server for its state and weight, in the protocol of HAProxy.",
        Value::Elsewhere("{ … }"),
    )
    .opens(Level::Check)
    .own(),
    Real::new(
        "SSL_GET",
        "Checks pages over TLS as HTTP_GET does.",
        Value::Elsewhere("{ … }"),
    )
    .opens(Level::Http)
    .tier(1),
    Real::new(
        "UDP_CHECK",
        "Checks that a port answers.",
        Value::Elsewhere("{ … }"),
    )
    .opens(Level::Check)
    .later(),
    Real::new(
        "snmp_name",
        "Has no effect: there is no SNMP agent.",
        Value::Ignored("NAME"),
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

/// Reads one `real_server`; the blocks of its checks are kept for later.
pub(super) fn real_server(context: &mut Context<'_>, block: NodeId) -> RealServerConfig {
    let mut server = RealServerConfig::new(context, block);
    for line in context.lines(block) {
        let (keyword, _) = context.keyword(line);
        if REAL_SERVER.try_line(&mut server, context, line) {
            continue;
        }
        match context.vocabulary.block(Level::RealServer, keyword) {
            Some(_) if context.refuses_own(Some(Level::RealServer), keyword) => {
                context.refuse_own(line);
            }
            Some(_) if context.registry.get(keyword).is_some() => {
                context.extra(line, 0);
                server.checks.push(line);
            }
            Some(_) => server.pending.extend(pending::check(context, line)),
            None => context.unknown(Level::RealServer, line),
        }
    }
    server.defaults.exclude_contradictions(context);
    server
}
