// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of `global_defs` about mails, scripts and FIFOs.

use super::super::row::{Keyword, Value};
use crate::config::global::GlobalConfig;
use crate::config::level::Level;
use crate::config::notify::{COMMAND, WEBHOOK, script, webhook};

type Global = Keyword<GlobalConfig>;

pub(super) const KEYWORDS: &[Global] = &[
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
    .opens(Level::Words)
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
        "no_checker_emails",
        "Mails the result of a check only if it changes the real server.",
        Value::Boolean(|global| &mut global.runtime.no_check_mails),
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
        "fifo_write_vrrp_states_on_reload",
        "Writes the states of virtual routers and sync groups to the FIFOs after a reload.",
        Value::Flag(|global| &mut global.fifos.states_on_reload),
    ),
    Global::new(
        "vrrp_notify_priority_changes",
        "Writes changes of priority to the FIFOs.",
        Value::Boolean(|global| &mut global.fifos.priority_changes),
    )
    .default("off"),
    Global::new(
        "notify_url",
        "Posts each event of an object without notify_url of its own to a web server, as JSON.",
        Value::Other(WEBHOOK, |global, context, line| {
            webhook(context, line, &mut global.webhook);
        }),
    )
    .default("none")
    .own(),
];
