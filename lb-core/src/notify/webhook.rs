// SPDX-License-Identifier: MIT OR Apache-2.0
//! Documents that are posted to web servers.

use std::sync::Arc;

use serde::Serialize;

use super::Notification;
use crate::model::Webhook;

/// An event to post to a web server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WebhookCall {
    /// Where to, with timeout and number of tries.
    pub webhook: Arc<Webhook>,
    /// The event.
    pub event: WebhookEvent,
}

/// The part of the document that is known without clock and host name. What an object does not have is
/// left out.
///
/// ```
/// use lb_core::notify::WebhookEvent;
///
/// let event = WebhookEvent::instance("state", "VI_1", "MASTER", 120);
/// let expected = r#"{"event":"state","instance":"VI_1","state":"MASTER","priority":120}"#;
/// assert_eq!(serde_json::to_string(&event)?, expected);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WebhookEvent {
    /// `state`, or `priority` where only the priority has changed.
    pub event: &'static str,
    /// Name of the virtual router.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Name of the sync group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Name of the real server: `[192.168.1.61]:tcp:80`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub real_server: Option<String>,
    /// Name of the virtual server, also of that of a real server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_server: Option<String>,
    /// `MASTER`, `BACKUP`, `FAULT`, `STOP` or `DELETED`; `UP` or `DOWN` of servers.
    pub state: &'static str,
    /// Effective priority of the virtual router.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
}

impl WebhookEvent {
    /// An event of a virtual router.
    pub fn instance(
        event: &'static str,
        name: impl Into<String>,
        state: &'static str,
        priority: u8,
    ) -> Self {
        Self {
            event,
            instance: Some(name.into()),
            priority: Some(priority),
            ..Self::with_state(state)
        }
    }

    /// A state of a sync group.
    pub fn group(name: impl Into<String>, state: &'static str) -> Self {
        Self {
            group: Some(name.into()),
            ..Self::with_state(state)
        }
    }

    /// A state of a virtual server, or of one of its real servers.
    pub fn server(
        virtual_server: impl Into<String>,
        real_server: Option<String>,
        state: &'static str,
    ) -> Self {
        Self {
            real_server,
            virtual_server: Some(virtual_server.into()),
            ..Self::with_state(state)
        }
    }

    const fn with_state(state: &'static str) -> Self {
        Self {
            event: "state",
            instance: None,
            group: None,
            real_server: None,
            virtual_server: None,
            state,
            priority: None,
        }
    }
}

impl Notification {
    /// The post of an event, where there is a web server for it.
    pub(super) fn post(
        webhook: Option<&Arc<Webhook>>,
        event: impl FnOnce() -> WebhookEvent,
    ) -> Option<Self> {
        webhook.map(|webhook| {
            Self::Post(Box::new(WebhookCall {
                webhook: Arc::clone(webhook),
                event: event(),
            }))
        })
    }
}
