// SPDX-License-Identifier: MIT OR Apache-2.0
//! How addresses are announced: the instance's own settings, the global ones, the defaults.

use std::time::Duration;

use lb_vrrp::Pacing;

use crate::config::announcements::AnnouncementConfig;
use crate::config::global::GlobalConfig;
use crate::config::line::{At, Context};
use crate::model::Announcements;

pub(super) fn announcements(own: &AnnouncementConfig, global: &GlobalConfig) -> Announcements {
    fn value<T>(own: Option<At<T>>, global: Option<At<T>>) -> Option<T> {
        own.or(global).map(|at| at.value)
    }
    let mut default = Announcements::default();
    if global.vrrp.min_garp.is_some_and(|at| at.value) {
        default = default.with_repeat(1).with_delay(Duration::ZERO);
    }
    let global = &global.announcements;
    let refresh = value(own.refresh, global.refresh).filter(|period| !period.is_zero());
    let repeat = value(own.refresh_repeat, global.refresh_repeat);
    default
        .with_delay(value(own.delay, global.delay).unwrap_or(default.delay))
        .with_repeat(value(own.repeat, global.repeat).unwrap_or(default.repeat))
        .with_refresh(refresh, repeat.unwrap_or(default.refresh_repeat))
        .with_lower(
            value(own.lower_delay, global.lower_delay),
            value(own.lower_repeat, global.lower_repeat),
        )
        .with_extra(value(own.extra, global.extra).flatten())
}

pub(super) fn pacing(context: &mut Context<'_>, global: &GlobalConfig) -> Pacing {
    let times = &global.vrrp.pacing;
    times.warn_of_zero(context);
    let pacing = Pacing::default().with_intervals(times.arp(), times.neighbour());
    let groups = global.garp_groups.iter();
    groups.fold(pacing, |pacing, group| {
        pacing.with_group(group.value.clone())
    })
}
