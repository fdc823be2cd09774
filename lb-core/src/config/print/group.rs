// SPDX-License-Identifier: MIT OR Apache-2.0
//! Track groups and sync groups.

use crate::model::{Model, RouterEvent, RouterNotify, SyncGroup};

use super::page::Page;
use super::track::tracked;

/// Prints the track groups, which stand above the lines that name them.
pub(super) fn groups(page: &mut Page, model: &Model) {
    for group in &model.statics.groups {
        page.open(["track_group", &group.name]);
        page.list("group", &group.members);
        page.close();
    }
}

pub(super) fn sync_group(page: &mut Page, group: &SyncGroup) {
    let spec = &group.spec;
    page.open(["vrrp_sync_group", &spec.name]);
    page.list("group", &spec.members);
    tracked(page, &spec.tracked);
    page.flag("sync_group_tracking_weight", spec.tracking_weight);
    page.flag("smtp_alert", group.smtp_alert);
    notify(page, &group.notify);
    page.close();
}

/// Prints the notifications of an instance or a sync group.
pub(super) fn notify(page: &mut Page, notify: &RouterNotify) {
    for (event, script) in &notify.scripts {
        let keyword = match event {
            RouterEvent::Master => "notify_master",
            RouterEvent::Backup => "notify_backup",
            RouterEvent::Fault => "notify_fault",
            RouterEvent::Stop => "notify_stop",
            RouterEvent::Deleted => "notify_deleted",
            RouterEvent::LosingAdvert => "notify_master_rx_lower_pri",
            RouterEvent::Any => "notify",
        };
        page.script(keyword, Some(script));
    }
    let deleted = notify.scripts.contains_key(&RouterEvent::Deleted);
    page.flag("notify_deleted", notify.reports_deletion && !deleted);
    page.flag("notify_priority_changes", notify.priority_changes);
    page.webhook(notify.webhook.as_deref());
}
