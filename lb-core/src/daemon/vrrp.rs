// SPDX-License-Identifier: MIT OR Apache-2.0
//! Configuration and options of the VRRP driver for a model.

use std::collections::BTreeSet;
use std::time::Duration;

use lb_vrrp::FilterTable;
use lb_vrrp::driver::DriverOptions;
use lb_vrrp::spec::Configuration;
use lb_vrrp::track::ObjectId;

use crate::model::{Model, ObjectSpec, PacketFilterSettings};

/// Returns the configuration of the VRRP driver for this model.
pub(super) fn configuration(model: &Model) -> Configuration {
    let settings = &model.global.vrrp;
    let routers = model.routers.iter().map(|router| router.spec.clone());
    Configuration::new(routers.collect())
        .with_log_unknown_vrids(settings.log_unknown_vrids)
        .with_dynamic_interfaces(settings.dynamic_interfaces)
        .with_pacing(settings.pacing.clone())
        .with_carrier_delays(settings.carrier_delays.iter().cloned())
        .with_link_polls(settings.link_polls.iter().cloned())
        .with_groups(model.groups.iter().map(|group| group.spec.clone()))
        .with_objects(objects(model))
        .with_statics(model.statics.clone())
        .with_filter(filter(&model.global.packet_filter))
}

/// Returns the tracked objects without the files that only checks follow.
fn objects(model: &Model) -> Vec<ObjectSpec> {
    let checked: BTreeSet<ObjectId> = model.checked_files().map(ObjectSpec::id).collect();
    let is_for_routers =
        |object: &&ObjectSpec| !checked.contains(&object.id()) || model.is_tracked(&object.id());
    model
        .objects
        .iter()
        .filter(is_for_routers)
        .cloned()
        .collect()
}

/// Returns the table of the packet filter: keepalived's name unless the file has one.
fn filter(settings: &PacketFilterSettings) -> FilterTable {
    let name = settings.table.as_deref().unwrap_or("keepalived");
    FilterTable::new(name)
        .with_priority(settings.priority.unwrap_or(FilterTable::PRIORITY))
        .with_counters(settings.counters)
}

/// Returns the options of the VRRP driver for a running program.
pub(super) fn options(model: &Model) -> DriverOptions {
    DriverOptions::default()
        .with_netlink(model.global.vrrp.netlink)
        .with_scheduling(model.global.vrrp.scheduling)
}

/// Returns the options of the VRRP driver at the start of the program.
pub(super) fn first_options(model: &Model) -> DriverOptions {
    let options = options(model);
    match model.global.vrrp.delay(uptime()) {
        Some(delay) => {
            tracing::info!(?delay, "virtual routers wait after the start");
            options.with_startup_delay(delay)
        }
        None => options,
    }
}

/// Time since the boot of this machine; the maximum if it cannot be read.
fn uptime() -> Duration {
    let text = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds = text
        .split_whitespace()
        .next()
        .and_then(|seconds| seconds.parse().ok());
    let uptime = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    uptime.unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packet_filter_is_that_of_keepalived_unless_the_file_names_another() {
        let mut settings = PacketFilterSettings::default();
        assert_eq!(filter(&settings), FilterTable::new("keepalived"));
        assert_eq!(filter(&settings).priority, -1);
        settings.table = Some("own".to_owned());
        settings.priority = Some(-150);
        settings.counters = true;
        let own = FilterTable::new("own")
            .with_priority(-150)
            .with_counters(true);
        assert_eq!(filter(&settings), own);
    }
}
