// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of `vrrp_instance` about mails and scripts.

use super::super::row::{Keyword, Value};
use crate::config::instance::InstanceConfig;
use crate::config::notify::{COMMAND, WEBHOOK, webhook};
use crate::model::RouterEvent;

type Instance = Keyword<InstanceConfig>;

pub(super) const KEYWORDS: &[Instance] = &[
    Instance::new(
        "smtp_alert",
        "Mails changes of state.",
        Value::Boolean(|instance| &mut instance.smtp_alert),
    )
    .default("smtp_alert_vrrp")
    .tier(1),
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
