// SPDX-License-Identifier: MIT OR Apache-2.0
//! `global_defs`, and the blocks about interfaces beside it.

use lb_check::Account;
use lb_ipvs::SyncDaemon;
use lb_vrrp::spec::{LockMemory, Realtime, Scheduling};
use lb_vrrp::{Pacing, ReceiveBuffer, Vmac};

use crate::config::value::in_seconds;
use crate::model::{
    Fifo, GlobalSyncDaemon, MailSettings, MarkRange, Model, NotifyFifos, ScriptSettings, SslFiles,
    VrrpSettings,
};

use super::PrintError;
use super::page::Page;
use super::runtime;

/// Prints everything that is about no single object.
pub(super) fn settings(page: &mut Page, model: &Model) {
    let global = &model.global;
    runtime::root(page, &global.runtime);
    page.open(["global_defs"]);
    page.set("router_id", &global.router_id);
    if let Some(mail) = &global.mail {
        print_mail(page, mail);
    }
    page.flag("no_email_faults", global.no_fault_mails);
    page.flag("no_checker_emails", global.checks.no_check_mails);
    let marks = global.checks.via_vip_marks;
    if marks != MarkRange::default() {
        let ends = [marks.first(), marks.last()].map(|mark| mark.to_string());
        page.line(std::iter::once("via_vip_marks".to_owned()).chain(ends));
    }
    page.flag("rs_init_notifies", global.notifies_added_servers);
    scripts(page, &global.scripts);
    fifos(page, &global.fifos);
    if let Some(daemon) = &global.sync_daemon {
        sync_daemon(page, daemon);
    }
    vrrp(page, &global.vrrp);
    routers(page, model);
    runtime::global(page, global);
    page.close();
    interfaces(page, &global.vrrp);
    ssl(page, &global.checks.ssl);
}

fn ssl(page: &mut Page, files: &SslFiles) {
    if *files == SslFiles::default() {
        return;
    }
    page.open(["SSL"]);
    page.set_some("password", files.password.as_ref());
    for (keyword, file) in [
        ("ca", &files.ca),
        ("certificate", &files.certificate),
        ("key", &files.key),
    ] {
        page.set_some(keyword, file.as_ref().map(|file| file.display()));
    }
    page.close();
}

fn print_mail(page: &mut Page, mail: &MailSettings) {
    page.list("notification_email", &mail.to);
    page.set("notification_email_from", &mail.from);
    page.line(["smtp_server", &mail.server, &mail.port.to_string()]);
    page.seconds("smtp_connect_timeout", mail.timeout);
    page.set_some("smtp_helo_name", mail.helo.as_ref());
}

fn scripts(page: &mut Page, scripts: &ScriptSettings) {
    if let Some(user) = &scripts.user {
        let words = ["script_user", user].into_iter();
        page.line(words.chain(scripts.group.as_deref()));
    }
    page.flag("enable_script_security", scripts.security);
    page.flag("set_supplementary_groups", scripts.supplementary_groups);
}

fn fifos(page: &mut Page, fifos: &NotifyFifos) {
    let mut print = |keyword: &str, fifo: &Option<Fifo>| {
        let Some(fifo) = fifo else { return };
        let Some(path) = fifo.path.to_str() else {
            return page.fail(PrintError::Encoding { what: "a path" });
        };
        let account = fifo
            .account
            .map(|(uid, gid)| Account::new(uid, gid).names());
        let account = account.into_iter().flat_map(|(user, group)| [user, group]);
        let words = [keyword.to_owned(), path.to_owned()].into_iter();
        page.line(words.chain(account));
        page.script(&format!("{keyword}_script"), fifo.script.as_ref());
    };
    print("notify_fifo", &fifos.all);
    print("vrrp_notify_fifo", &fifos.vrrp);
    print("lvs_notify_fifo", &fifos.servers);
    page.flag("fifo_write_vrrp_states_on_reload", fifos.states_on_reload);
}

fn sync_daemon(page: &mut Page, settings: &GlobalSyncDaemon) {
    let SyncDaemon {
        interface,
        sync_id,
        max_length,
        port,
        ttl,
        group,
        ..
    } = &settings.daemon;
    let mut words = vec!["lvs_sync_daemon".to_owned(), interface.clone()];
    let mut option = |name: &str, value: Option<String>| {
        words.extend(value.into_iter().flat_map(|value| [name.to_owned(), value]));
    };
    option("inst", settings.instance.clone());
    option("id", Some(sync_id.to_string()));
    option("maxlen", max_length.map(|length| length.to_string()));
    option("port", port.map(|port| port.to_string()));
    option("ttl", ttl.map(|ttl| ttl.to_string()));
    option("group", group.map(|group| group.to_string()));
    page.line(words);
}

fn vrrp(page: &mut Page, vrrp: &VrrpSettings) {
    for (keyword, delay) in [
        ("vrrp_startup_delay", vrrp.startup_delay),
        ("vrrp_delay_after_boot", vrrp.delay_after_boot),
    ] {
        page.set_some(keyword, delay.map(in_seconds));
    }
    page.flag("log_unknown_vrids", vrrp.log_unknown_vrids);
    page.flag("dynamic_interfaces", vrrp.dynamic_interfaces);
    scheduling(page, "vrrp", &vrrp.scheduling);
    for (keyword, buffer) in [
        ("vrrp_netlink_cmd_rcv_bufs", vrrp.netlink.commands),
        ("vrrp_netlink_monitor_rcv_bufs", vrrp.netlink.monitor),
    ] {
        if let Some(buffer) = buffer {
            page.set(keyword, buffer.bytes);
            page.flag(&format!("{keyword}_force"), buffer.force);
        }
    }
    let Pacing { arp, neighbour, .. } = vrrp.pacing;
    for (keyword, interval) in [
        ("vrrp_garp_interval", arp),
        ("vrrp_gna_interval", neighbour),
    ] {
        if !interval.is_zero() {
            page.seconds(keyword, interval);
        }
    }
}

/// Prints the scheduling of the threads whose keywords begin so.
pub(super) fn scheduling(page: &mut Page, prefix: &str, scheduling: &Scheduling) {
    if scheduling.realtime == Realtime::Always {
        page.set(&format!("{prefix}_rt_priority"), scheduling.priority);
    }
    page.set_some(&format!("{prefix}_priority"), scheduling.nice);
    if let Some(processors) = scheduling.processors {
        let keyword = std::iter::once(format!("{prefix}_cpu_affinity"));
        page.line(keyword.chain(processors.iter().map(|number| number.to_string())));
    }
    let limit = scheduling.limit.map(|limit| limit.as_micros());
    page.set_some(&format!("{prefix}_rlimit_rttime"), limit);
    let no_swap = scheduling.memory == LockMemory::Always;
    page.flag(&format!("{prefix}_no_swap"), no_swap);
}

/// Prints settings of virtual routers that a file has in `global_defs` only.
fn routers(page: &mut Page, model: &Model) {
    let specs = || model.routers.iter().map(|router| &router.spec);
    let igmp = specs().map(|spec| (&*spec.name, spec.suppresses_igmp));
    let suppresses_igmp = shared(page, "the suppression of IGMP", igmp).unwrap_or_default();
    page.flag("disable_local_igmp", suppresses_igmp);
    // A number of bytes is printed in its instance.
    let buffers = specs().filter(|spec| !is_bytes(spec.receive_buffer));
    let buffers = buffers.map(|spec| (&*spec.name, spec.receive_buffer));
    let policy = match shared(page, "the receive buffer", buffers).flatten() {
        Some(ReceiveBuffer::Packets(count)) => Some(("MTU", count)),
        Some(ReceiveBuffer::Adverts(count)) => Some(("ADVERT", count)),
        _ => None,
    };
    if let Some((policy, count)) = policy {
        page.set("vrrp_rx_bufs_policy", policy);
        page.set("vrrp_rx_bufs_multiplier", count);
    }
    let igmp = specs().map(|spec| (&*spec.name, spec.suppresses_igmp));
    let igmp = shared(page, "`disable_local_igmp`", igmp);
    page.flag("disable_local_igmp", igmp == Some(true));
    let usual = Vmac::new().prefix;
    let prefixes = specs().filter_map(|spec| Some((&*spec.name, &*spec.vmac.as_ref()?.prefix)));
    let prefix = shared(page, "the prefix of macvlans", prefixes).unwrap_or(&usual);
    if prefix != usual {
        page.set("vmac_prefix", prefix);
    }
    let prefixes = specs().map(|spec| (&*spec.name, &*spec.address_prefix));
    let of_addresses = shared(page, "the prefix of macvlans of addresses", prefixes);
    page.set_some(
        "vmac_addr_prefix",
        of_addresses.filter(|own| *own != prefix),
    );
}

const fn is_bytes(buffer: Option<ReceiveBuffer>) -> bool {
    matches!(buffer, Some(ReceiveBuffer::Bytes(_)))
}

/// The setting of all instances; one that differs is an error.
fn shared<'m, T: PartialEq>(
    page: &mut Page,
    what: &'static str,
    mut settings: impl Iterator<Item = (&'m str, T)>,
) -> Option<T> {
    let (_, first) = settings.next()?;
    if let Some((instance, _)) = settings.find(|(_, other)| *other != first) {
        let instance = instance.to_owned();
        page.fail(PrintError::Shared { what, instance });
    }
    Some(first)
}

fn interfaces(page: &mut Page, vrrp: &VrrpSettings) {
    for group in &vrrp.pacing.groups {
        page.open(["garp_group"]);
        page.seconds("garp_interval", group.arp);
        page.seconds("gna_interval", group.neighbour);
        page.list("interfaces", &group.interfaces);
        page.close();
    }
    if !vrrp.carrier_delays.is_empty() {
        page.open(["interface_up_down_delays"]);
        for delay in &vrrp.carrier_delays {
            let (down, up) = (in_seconds(delay.down), in_seconds(delay.up));
            page.line([&delay.interface, &down, &up]);
        }
        page.close();
    }
    let polls = vrrp.link_polls.iter();
    let polls: Vec<_> = polls
        .filter_map(|poll| Some((poll.interface.as_deref()?, poll.method.keyword())))
        .collect();
    if !polls.is_empty() {
        page.open(["linkbeat_interfaces"]);
        for (interface, method) in &polls {
            page.line([interface, method]);
        }
        page.close();
    }
    page.flag("linkbeat_use_polling", polls.len() < vrrp.link_polls.len());
}
