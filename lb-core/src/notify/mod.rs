// SPDX-License-Identifier: MIT OR Apache-2.0
//! Notifications: which scripts an event starts, which lines it writes to FIFOs, and what it posts to
//! web servers.
//!
//! The functions here do no I/O: an event in, an ordered list of [`Notification`]s out. The
//! [`Director`](crate::director::Director) calls them and puts the result into its queue before the
//! mail of the same event; the daemon starts the scripts, writes the lines and posts the documents.
//!
//! The order is keepalived's: the script of the event, then `notify` with four more arguments, then
//! the line; the post, which keepalived does not have, is the last. Those of real servers precede those
//! of their virtual server.
//!
//! ```
//! use lb_core::model::{NotifyScript, RouterEvent, RouterSpec, VrrpInstance};
//! use lb_core::notify::{self, Notification, RouterPhase};
//! use lb_vrrp::{Priority, RouterConfig, Vrid};
//!
//! let config = RouterConfig::builder(Vrid::new(61).unwrap())
//!     .address("192.168.1.50".parse()?)
//!     .build()?;
//! let mut router = VrrpInstance::new(RouterSpec::new("VI_1", "eth0", config));
//! let script = NotifyScript::new(["/usr/local/bin/tell"]);
//! router.notify.scripts.insert(RouterEvent::Any, script);
//!
//! let priority = Priority::new(120).unwrap();
//! let made = notify::router_notifications(&router, RouterPhase::Master, priority);
//! let [Notification::Script(call), Notification::Line(line)] = &made[..] else {
//!     panic!("{made:?}");
//! };
//! let expected = ["/usr/local/bin/tell", "INSTANCE", "VI_1", "MASTER", "120"];
//! assert_eq!(call.script.argv, expected);
//! assert_eq!(line.text, "INSTANCE \"VI_1\" MASTER 120\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod router;
mod server;
mod webhook;

pub use router::{
    RouterPhase, group_notifications, losing_advert_notifications, priority_notifications,
    router_notifications,
};
pub use server::{real_server_notifications, virtual_server_notifications};
pub use webhook::{WebhookCall, WebhookEvent};

use crate::model::{Fifo, NotifyFifos, NotifyScript};

/// A script to start, a line to write or a document to post.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notification {
    /// Start this script.
    Script(ScriptCall),
    /// Write this line to the FIFOs of its kind.
    Line(FifoLine),
    /// Post this event to its web server.
    Post(Box<WebhookCall>),
}

/// A script with all of its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScriptCall {
    /// The object of the event. Scripts of one object are started in order.
    pub object: String,
    /// What to run.
    pub script: NotifyScript,
}

/// A line for FIFOs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FifoLine {
    /// Which FIFOs get it, besides the one for all lines.
    pub kind: LineKind,
    /// The text with its newline.
    pub text: String,
}

/// The kind of object that a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "keepalived has a FIFO for each of these two"
)]
pub enum LineKind {
    /// Virtual routers and sync groups.
    Vrrp,
    /// Virtual and real servers.
    Servers,
}

impl NotifyFifos {
    /// The FIFOs that get the lines of a kind.
    pub fn readers(&self, kind: LineKind) -> impl Iterator<Item = &Fifo> {
        let own = match kind {
            LineKind::Vrrp => &self.vrrp,
            LineKind::Servers => &self.servers,
        };
        self.all.iter().chain(own)
    }
}

impl Notification {
    pub(crate) fn script(object: impl Into<String>, script: NotifyScript) -> Self {
        let object = object.into();
        Self::Script(ScriptCall { object, script })
    }

    pub(crate) fn line(kind: LineKind, text: impl Into<String>) -> Self {
        let mut text = text.into();
        text.push('\n');
        Self::Line(FifoLine { kind, text })
    }
}

#[cfg(test)]
mod tests;
