// SPDX-License-Identifier: MIT OR Apache-2.0
//! Notifications of virtual routers and sync groups.

use lb_vrrp::{Priority, State};

use super::{LineKind, Notification, WebhookEvent};
use crate::model::{RouterEvent, RouterNotify, SyncGroup, VrrpInstance};

/// A state of a virtual router or a sync group that is notified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the states of keepalived's interface of scripts"
)]
pub enum RouterPhase {
    /// Master.
    Master,
    /// Backup.
    Backup,
    /// Fault.
    Fault,
    /// The daemon stops.
    Stop,
    /// A reload removed the router, which has no `notify_deleted`: keepalived calls that a fault, and
    /// does not start the script for faults.
    Removed,
    /// A reload removed the router, which has `notify_deleted`.
    Deleted,
}

impl RouterPhase {
    /// The phase of a state; none for [`State::Initialize`], which may be a start or a stop.
    #[must_use]
    pub const fn from_state(state: State) -> Option<Self> {
        match state {
            State::Master => Some(Self::Master),
            State::Backup => Some(Self::Backup),
            State::Fault => Some(Self::Fault),
            State::Initialize => None,
        }
    }

    /// The phase of a router that a reload removed.
    pub(crate) const fn removed(notify: &RouterNotify) -> Self {
        if notify.reports_deletion {
            Self::Deleted
        } else {
            Self::Removed
        }
    }

    const fn event(self) -> Option<RouterEvent> {
        Some(match self {
            Self::Master => RouterEvent::Master,
            Self::Backup => RouterEvent::Backup,
            Self::Fault => RouterEvent::Fault,
            Self::Stop => RouterEvent::Stop,
            Self::Removed => return None,
            Self::Deleted => RouterEvent::Deleted,
        })
    }

    /// The word in arguments and lines.
    const fn word(self) -> &'static str {
        match self {
            Self::Master => "MASTER",
            Self::Backup => "BACKUP",
            Self::Fault | Self::Removed => "FAULT",
            Self::Stop => "STOP",
            Self::Deleted => "DELETED",
        }
    }
}

/// What is notified when a virtual router enters a phase.
#[must_use]
pub fn router_notifications(
    router: &VrrpInstance,
    phase: RouterPhase,
    priority: Priority,
) -> Vec<Notification> {
    let name = &router.spec.name;
    let mut made = phase_notifications("INSTANCE", name, &router.notify, phase, priority.get());
    made.extend(Notification::post(router.notify.webhook.as_ref(), || {
        WebhookEvent::instance("state", name, phase.word(), priority.get())
    }));
    made
}

/// What is notified when a sync group enters a phase. The priority is 0, as in keepalived.
#[must_use]
pub fn group_notifications(group: &SyncGroup, phase: RouterPhase) -> Vec<Notification> {
    let name = &group.spec.name;
    let mut made = phase_notifications("GROUP", name, &group.notify, phase, 0);
    made.extend(Notification::post(group.notify.webhook.as_ref(), || {
        WebhookEvent::group(name, phase.word())
    }));
    made
}

fn phase_notifications(
    kind: &str,
    name: &str,
    notify: &RouterNotify,
    phase: RouterPhase,
    priority: u8,
) -> Vec<Notification> {
    let mut made = Vec::with_capacity(4);
    let object = || format!("{kind} {name}");
    let own = phase.event().and_then(|event| notify.scripts.get(&event));
    if let Some(script) = own {
        made.push(Notification::script(object(), script.clone()));
    }
    if let Some(script) = notify.scripts.get(&RouterEvent::Any) {
        let priority = priority.to_string();
        let script = script.with_arguments([kind, name, phase.word(), &priority]);
        made.push(Notification::script(object(), script));
    }
    made.push(line(kind, name, phase.word(), priority));
    made
}

/// What is notified when the effective priority of a master or backup has changed.
#[must_use]
pub fn priority_notifications(
    router: &VrrpInstance,
    state: State,
    priority: Priority,
) -> Vec<Notification> {
    let (word, state) = match state {
        State::Master => ("MASTER_PRIORITY", "MASTER"),
        State::Backup => ("BACKUP_PRIORITY", "BACKUP"),
        State::Fault | State::Initialize => return Vec::new(),
    };
    if !router.notify.priority_changes {
        return Vec::new();
    }
    let name = &router.spec.name;
    let post = Notification::post(router.notify.webhook.as_ref(), || {
        WebhookEvent::instance("priority", name, state, priority.get())
    });
    let line = line("INSTANCE", name, word, priority.get());
    std::iter::once(line).chain(post).collect()
}

/// What is notified when a master received a losing advert. Nothing is posted: any host of the network
/// can send such adverts, as many as it likes.
#[must_use]
pub fn losing_advert_notifications(router: &VrrpInstance, priority: Priority) -> Vec<Notification> {
    const WORD: &str = "MASTER_RX_LOWER_PRI";
    let name = &router.spec.name;
    let script = router.notify.scripts.get(&RouterEvent::LosingAdvert);
    let script =
        script.map(|script| Notification::script(format!("INSTANCE {name}"), script.clone()));
    let line = line("INSTANCE", name, WORD, priority.get());
    script.into_iter().chain([line]).collect()
}

fn line(kind: &str, name: &str, word: &str, priority: u8) -> Notification {
    let text = format!("{kind} \"{name}\" {word} {priority}");
    Notification::line(LineKind::Vrrp, text)
}
