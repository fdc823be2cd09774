// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mails, in keepalived's words.

use std::fmt::Write as _;

use lb_vrrp::State;

/// A mail to be sent.
///
/// # Examples
/// ```
/// # use lb_core::director::{Event, Mail};
/// let event = Event::real_server(
///     "[192.168.1.50]:tcp:80",
///     "[192.168.1.61]:tcp:80",
///     false,
///     "TCP CHECK failed on service",
/// );
/// let mail = Mail::new("lb1", event);
/// assert_eq!(
///     mail.subject(),
///     "[lb1] Realserver [192.168.1.61]:tcp:80 of virtual server [192.168.1.50]:tcp:80 - DOWN",
/// );
/// assert_eq!(mail.body(), "=> TCP CHECK failed on service <=");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mail {
    /// Name of the sending director.
    pub router_id: String,
    /// What happened.
    pub event: Event,
}

/// What a mail is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The verdict of a check on a real server changed.
    #[non_exhaustive]
    RealServer {
        /// Name of the virtual server.
        virtual_server: String,
        /// Name of the real server.
        real_server: String,
        /// Whether the real server is up now.
        up: bool,
        /// The text of the check.
        text: String,
        /// The reason, if the text does not have it.
        reason: Option<String>,
    },
    /// A virtual server lost or gained its quorum.
    #[non_exhaustive]
    VirtualServer {
        /// Its name.
        virtual_server: String,
        /// Whether it has its quorum now.
        up: bool,
        /// The numbers.
        text: String,
    },
    /// A virtual router changed its state.
    #[non_exhaustive]
    Router {
        /// Name of the `vrrp_instance`.
        name: String,
        /// Its state now; `Initialize` when it stops.
        state: State,
    },
    /// A reload removed a virtual router that has `notify_deleted`.
    #[non_exhaustive]
    RouterDeleted {
        /// Name of the `vrrp_instance`.
        name: String,
    },
    /// A sync group changed its state.
    #[non_exhaustive]
    Group {
        /// Name of the `vrrp_sync_group`.
        name: String,
        /// Its state now; `Initialize` when it stops.
        state: State,
    },
    /// Several at once: what the first round of checks found.
    Digest(Vec<Self>),
}

impl Event {
    /// An event of a real server.
    pub fn real_server(
        virtual_server: impl Into<String>,
        real_server: impl Into<String>,
        up: bool,
        text: impl Into<String>,
    ) -> Self {
        Self::RealServer {
            virtual_server: virtual_server.into(),
            real_server: real_server.into(),
            up,
            text: text.into(),
            reason: None,
        }
    }

    fn up(&self) -> Option<bool> {
        match self {
            Self::RealServer { up, .. } | Self::VirtualServer { up, .. } => Some(*up),
            Self::Router { .. }
            | Self::RouterDeleted { .. }
            | Self::Group { .. }
            | Self::Digest(_) => None,
        }
    }

    /// The subject without the router id.
    fn headline(&self) -> String {
        let word = |up: bool| if up { "UP" } else { "DOWN" };
        match self {
            Self::RealServer {
                virtual_server,
                real_server,
                up,
                ..
            } => format!(
                "Realserver {real_server} of virtual server {virtual_server} - {}",
                word(*up)
            ),
            Self::VirtualServer {
                virtual_server, up, ..
            } => {
                format!("Virtualserver {virtual_server} - {}", word(*up))
            }
            Self::Router { name, state } => {
                format!("VRRP Instance {name} - {}", entering(*state))
            }
            Self::RouterDeleted { name } => format!("VRRP Instance {name} - Deleted"),
            Self::Group { name, state } => {
                format!("VRRP Group {name} - {}", entering(*state))
            }
            Self::Digest(events) => {
                let count = |up| events.iter().filter(|event| event.up() == Some(up)).count();
                format!(
                    "First round of checks - {} DOWN, {} UP",
                    count(false),
                    count(true)
                )
            }
        }
    }

    fn body(&self) -> String {
        match self {
            Self::RealServer {
                text,
                reason: Some(reason),
                ..
            } => format!("=> {text} <=\n{reason}"),
            Self::RealServer { text, .. } | Self::VirtualServer { text, .. } => {
                format!("=> {text} <=")
            }
            Self::Router { state, .. } => {
                let what = match state {
                    State::Master => "is now owning VRRP VIPs",
                    State::Backup | State::Fault => "is no longer owning VRRP VIPs",
                    State::Initialize => "stopping",
                };
                format!("=> VRRP Instance {what} <=")
            }
            Self::RouterDeleted { .. } => "=> VRRP Deleted at reload <=".to_owned(),
            Self::Group { state, .. } => {
                let what = match state {
                    State::Master => "in MASTER state",
                    State::Backup => "in BACKUP state",
                    State::Fault => "in FAULT state",
                    _ => "stopping",
                };
                format!("=> All VRRP group instances are now {what} <=")
            }
            Self::Digest(events) => {
                let mut text = String::new();
                for event in events {
                    // writing to a String never fails
                    let _ = writeln!(text, "{}", event.headline());
                    for line in event.body().lines() {
                        let _ = writeln!(text, "    {line}");
                    }
                }
                text
            }
        }
    }
}

/// What a router or a group does, for a subject.
const fn entering(state: State) -> &'static str {
    match state {
        State::Master => "Entering MASTER state",
        State::Backup => "Entering BACKUP state",
        State::Fault => "Entering FAULT state",
        _ => "Stopping",
    }
}

impl Mail {
    /// A mail from the director of this name.
    pub fn new(router_id: impl Into<String>, event: Event) -> Self {
        Self {
            router_id: router_id.into(),
            event,
        }
    }

    /// The subject line.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("[{}] {}", self.router_id, self.event.headline())
    }

    /// The plain text body.
    #[must_use]
    pub fn body(&self) -> String {
        self.event.body()
    }
}

/// The text of a check of this kind in keepalived's words, and whether it leaves out the reason.
pub(super) fn check_text(kind: &str, up: bool, reason: &str) -> (String, bool) {
    let text = match (kind, up) {
        ("TCP_CHECK", true) => "TCP CHECK succeed on service",
        ("TCP_CHECK", false) => "TCP CHECK failed on service",
        ("HTTP_GET" | "SSL_GET", false) => "CHECK failed on service : HTTP/SSL request failed",
        ("MISC_CHECK", true) => "MISC CHECK succeeded on service",
        ("MISC_CHECK", false) => "MISC CHECK failed on service",
        (_, true) => "CHECK succeed on service",
        (_, false) => return (format!("CHECK failed on service : {reason}"), false),
    };
    (text.to_owned(), !up)
}
