// SPDX-License-Identifier: MIT OR Apache-2.0
//! Notifications of virtual and real servers.

use super::{LineKind, Notification, WebhookEvent};
use crate::director::Names;
use crate::model::{RealServer, ServerNotify, VirtualServer};

/// What is notified when a real server is live (`up`) or not any more.
#[must_use]
pub fn real_server_notifications(
    server: &RealServer,
    names: &Names,
    up: bool,
) -> Vec<Notification> {
    let Names {
        virtual_server,
        real_server,
    } = names;
    let text = format!("RS {real_server} {virtual_server} {}", word(up));
    let object = || format!("{real_server} {virtual_server}");
    let event = || WebhookEvent::server(virtual_server, Some(real_server.clone()), word(up));
    notifications(server.notify.as_deref(), object, up, text, event)
}

/// What is notified when a virtual server has its quorum (`up`) or not any more. `name` is its
/// [name](VirtualServer::name).
#[must_use]
pub fn virtual_server_notifications(
    server: &VirtualServer,
    name: &str,
    up: bool,
) -> Vec<Notification> {
    let text = format!("VS {name} {}", word(up));
    let object = || name.to_owned();
    let event = || WebhookEvent::server(name, None, word(up));
    notifications(server.notify.as_deref(), object, up, text, event)
}

fn notifications(
    notify: Option<&ServerNotify>,
    object: impl FnOnce() -> String,
    up: bool,
    text: String,
    event: impl FnOnce() -> WebhookEvent,
) -> Vec<Notification> {
    let script = notify.and_then(|notify| if up { &notify.up } else { &notify.down }.as_ref());
    let script = script.map(|script| Notification::script(object(), script.clone()));
    let line = Notification::line(LineKind::Servers, text);
    let post = Notification::post(notify.and_then(|notify| notify.webhook.as_ref()), event);
    script.into_iter().chain([line]).chain(post).collect()
}

const fn word(up: bool) -> &'static str {
    if up { "UP" } else { "DOWN" }
}
