// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the program runs.

use crate::model::{
    CheckSettings, Global, IpvsNamespace, PacketFilterSettings, ReloadFile, ReloadSettings,
    RuntimeSettings, StageScript,
};

use super::global::scheduling;
use super::page::Page;

/// Prints the keywords at the top of a file.
pub(super) fn root(page: &mut Page, runtime: &RuntimeSettings) {
    page.set_some("instance", runtime.instance.as_ref());
    page.set_some("net_namespace", runtime.network_namespace.as_ref());
    match &runtime.ipvs_namespace {
        IpvsNamespace::Own => {}
        IpvsNamespace::Initial => page.line(["net_namespace_ipvs"]),
        IpvsNamespace::Named(name) => page.set("net_namespace_ipvs", name),
    }
    page.flag("use_pid_dir", runtime.pid_directory);
    if runtime.child_wait != RuntimeSettings::default().child_wait {
        page.seconds("child_wait_time", runtime.child_wait);
    }
}

/// Prints those of `global_defs`.
pub(super) fn global(page: &mut Page, global: &Global) {
    let runtime = &global.runtime;
    page.flag("process_names", runtime.names.defaults);
    for (keyword, name) in [
        ("process_name", &runtime.names.main),
        ("vrrp_process_name", &runtime.names.vrrp),
        ("checker_process_name", &runtime.names.checker),
        ("bfd_process_name", &runtime.names.bfd),
    ] {
        page.set_some(keyword, name.as_ref());
    }
    page.set_some("umask", runtime.umask.map(|mask| format!("0{mask:o}")));
    page.set_some("random_seed", runtime.random_seed);
    reload(page, &runtime.reload);
    let dumps = &runtime.dumps;
    page.path_if("state_dump_file", dumps.state.as_deref());
    page.path_if("stats_dump_file", dumps.stats.as_deref());
    page.path_if("json_dump_file", dumps.json.as_deref());
    if dumps.json_version != 1 {
        page.set("json_version", dumps.json_version);
    }
    page.flag("data_use_instance", dumps.use_instance);
    stage(page, "startup_script", runtime.startup_script.as_ref());
    stage(page, "shutdown_script", runtime.shutdown_script.as_ref());
    if let Some(timeouts) = &global.ipvs.timeouts {
        let seconds = |time: std::time::Duration| time.as_secs().to_string();
        let (tcp, fin) = (seconds(timeouts.tcp), seconds(timeouts.tcp_fin));
        let udp = seconds(timeouts.udp);
        page.line(["lvs_timeouts", "tcp", &tcp, "tcpfin", &fin, "udp", &udp]);
    }
    page.flag("lvs_flush", global.ipvs.flush);
    page.flag("lvs_flush_on_stop", global.ipvs.flush_on_stop);
    scheduling(page, "checker", &global.checks.scheduling);
    if global.checks.max_scripts != CheckSettings::MAX_SCRIPTS {
        page.set("checker_max_scripts", global.checks.max_scripts);
    }
    packet_filter(page, &global.packet_filter);
}

fn reload(page: &mut Page, reload: &ReloadSettings) {
    page.path_if("reload_time_file", reload.time_file.as_deref());
    page.flag("reload_repeat", reload.repeat);
    match &reload.check_log {
        Some(log) => page.path("reload_check_config", log),
        None => page.flag("reload_check_config", reload.check),
    }
    match &reload.file {
        None => {}
        Some(ReloadFile::Default) => page.line(["reload_file"]),
        Some(ReloadFile::Path(path)) => page.path("reload_file", path),
    }
}

fn stage(page: &mut Page, keyword: &str, stage: Option<&StageScript>) {
    if let Some(stage) = stage {
        page.script(keyword, Some(&stage.script));
        page.seconds(&format!("{keyword}_timeout"), stage.timeout);
    }
}

fn packet_filter(page: &mut Page, filter: &PacketFilterSettings) {
    page.set_some("nftables", filter.table.as_ref());
    page.set_some("nftables_priority", filter.priority);
    page.flag("nftables_counters", filter.counters);
    page.flag("nftables_ifindex", filter.interface_index);
}
