// SPDX-License-Identifier: MIT OR Apache-2.0
//! Virtual routers.

use std::collections::HashSet;
use std::net::IpAddr;

use lb_vrrp::wire::ChecksumDialect;
use lb_vrrp::{
    AntiReplay, Authentication, HmacConfig, HmacMode, IpvlanMode, Password, ReceiveBuffer,
    RouterConfig, UnicastPeer, Version, multicast_group,
};

use crate::config::value::in_seconds;
use crate::model::{Announcements, RouterSpec, VrrpInstance};

use super::PrintError;
use super::address::{address, block, route, rule};
use super::group::notify;
use super::page::Page;
use super::track::tracked;

pub(super) fn instance(page: &mut Page, router: &VrrpInstance) {
    let spec = &router.spec;
    page.open(["vrrp_instance", &spec.name]);
    page.set("interface", &spec.interface);
    config(page, &spec.config);
    page.set_some("mcast_src_ip", spec.source);
    page.flag("track_src_ip", spec.tracks_source);
    page.flag("unicast_fault_no_peer", spec.needs_peer);
    vmac(page, spec);
    ipvlan(page, spec);
    if let Some(ReceiveBuffer::Bytes(bytes)) = spec.receive_buffer {
        page.set("kernel_rx_buf_size", bytes);
    }
    page.flag("dont_track_primary", spec.ignores_interface);
    tracked(page, &spec.tracked);
    page.flag("promote_secondaries", spec.promotes_secondaries);
    announcements(page, &spec.announcements);
    let interface = router.sync_daemon_interface.as_ref();
    page.set_some("lvs_sync_daemon_interface", interface);
    page.flag("smtp_alert", router.smtp_alert);
    notify(page, &router.notify);
    addresses(page, spec);
    block(
        page,
        "virtual_routes",
        spec.virtual_routes.iter().map(route),
    );
    block(page, "virtual_rules", spec.virtual_rules.iter().map(rule));
    page.close();
}

fn config(page: &mut Page, config: &RouterConfig) {
    page.set("virtual_router_id", config.vrid());
    if config.version() == Version::V3 {
        page.set("version", 3);
    }
    page.set("priority", config.priority().get());
    page.seconds("advert_int", config.interval().as_duration());
    if config.down_timer_adverts().get() != 3 {
        page.set("down_timer_adverts", config.down_timer_adverts());
    }
    let stall = config.yield_after_stall();
    let implied = config.sticky().is_some() && stall.is_none();
    page.flag("nopreempt", !config.preempt() && !implied);
    page.set_some("sticky", config.sticky().map(in_seconds));
    if !config.preempt_delay().is_zero() {
        page.seconds("preempt_delay", config.preempt_delay());
    }
    page.set_some("timer_expired_backup", stall.map(lb_vrrp::Priority::get));
    authentication(page, config.authentication());
    destinations(page, config);
    checksum(page, config);
    page.flag("owner_ignore_adverts", config.owner_ignores_adverts());
    if config.strict() {
        // The other settings follow from it.
        page.line(["strict_mode"]);
        page.flag("accept", config.accept());
        return;
    }
    page.switch("higher_prio_send_advert", config.farewell(), true);
    page.switch("lower_prio_no_advert", !config.answer_losing(), false);
    page.flag("no_accept", !config.accept());
}

fn authentication(page: &mut Page, authentication: &Authentication) {
    match authentication {
        Authentication::None => {}
        Authentication::Password(password) => print_password(page, "PASS", password),
        Authentication::Ah(password) => print_password(page, "AH", password),
        Authentication::Hmac(hmac) => print_hmac(page, hmac),
        other => {
            let value = format!("{other:?}");
            let what = "the authentication";
            page.fail(PrintError::Setting { what, value });
        }
    }
}

fn print_password(page: &mut Page, kind: &str, password: &Password) {
    let bytes = password.as_bytes();
    let end = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1);
    // A character that is cut by the limit of eight bytes is not UTF-8.
    let text = bytes
        .get(..end)
        .and_then(|bytes| str::from_utf8(bytes).ok());
    let Some(text) = text else {
        let what = "a password";
        return page.fail(PrintError::Encoding { what });
    };
    page.open(["authentication"]);
    page.set("auth_type", kind);
    page.set("auth_pass", text);
    page.close();
}

fn print_hmac(page: &mut Page, hmac: &HmacConfig) {
    page.open(["auth_hmac"]);
    for key in hmac.keys() {
        let digits = key.secret().iter().map(|byte| format!("{byte:02x}"));
        let secret = format!("hex:{}", digits.collect::<String>());
        page.line(["key", &key.id().to_string(), &secret]);
    }
    page.set("active_key", hmac.active().id());
    match hmac.own_anti_replay() {
        None => {}
        Some(AntiReplay::Monotonic) => page.set("anti_replay", "monotonic"),
        Some(AntiReplay::Time { window }) => page.seconds("time_window", window),
        Some(other) => {
            let value = format!("{other:?}");
            let what = "the protection from replays";
            page.fail(PrintError::Setting { what, value });
        }
    }
    match hmac.mode() {
        HmacMode::Permissive => page.set("mode", "permissive"),
        HmacMode::ReceiveOnly => page.set("mode", "receive-only"),
        _ => {}
    }
    page.close();
}

/// Prints the unicast peers, or another group than the usual one.
fn destinations(page: &mut Page, config: &RouterConfig) {
    if config.peers().is_empty() {
        if config.group() != multicast_group(config.family()) {
            page.set("mcast_dst_ip", config.group());
        }
        return;
    }
    if config.hop_limit() != u8::MAX {
        page.set("unicast_ttl", config.hop_limit());
    }
    page.flag("check_unicast_src", config.check_unicast_source());
    block(page, "unicast_peer", config.peers().iter().map(peer));
}

fn peer(peer: &UnicastPeer) -> Vec<String> {
    let mut words = vec![peer.address.to_string()];
    let (least, most) = (*peer.hop_limits.start(), *peer.hop_limits.end());
    if least != 0 {
        words.extend(["min_ttl".to_owned(), least.to_string()]);
    }
    if most != u8::MAX {
        words.extend(["max_ttl".to_owned(), most.to_string()]);
    }
    words
}

fn checksum(page: &mut Page, config: &RouterConfig) {
    match config.checksum() {
        ChecksumDialect::PseudoHeader => {}
        ChecksumDialect::MessageOnly => page.line(["v3_checksum_as_v2"]),
        ChecksumDialect::GroupPseudoHeader => page.line(["old_unicast_checksum"]),
        other => {
            let value = format!("{other:?}");
            let what = "the checksum";
            page.fail(PrintError::Setting { what, value });
        }
    }
}

fn vmac(page: &mut Page, spec: &RouterSpec) {
    let Some(vmac) = &spec.vmac else { return };
    let mut words = vec!["use_vmac".to_owned()];
    if let Some(name) = &vmac.name {
        words.extend(["name".to_owned(), name.clone()]);
    }
    words.extend(vmac.mac.map(|mac| mac.to_string()));
    page.line(words);
    page.flag("vmac_xmit_base", vmac.transmit_from_base);
}

fn ipvlan(page: &mut Page, spec: &RouterSpec) {
    let Some(ipvlan) = &spec.ipvlan else { return };
    let mut words = vec!["use_ipvlan".to_owned()];
    if let Some(name) = &ipvlan.name {
        words.extend(["name".to_owned(), name.clone()]);
    }
    let address = ipvlan.address.iter();
    words.extend(address.map(|(address, prefix_len)| format!("{address}/{prefix_len}")));
    if ipvlan.mode != IpvlanMode::Bridge {
        words.push(ipvlan.mode.to_string());
    }
    page.line(words);
}

fn announcements(page: &mut Page, announcements: &Announcements) {
    let default = Announcements::default();
    let refresh = announcements.refresh.map(|period| period.as_secs());
    let lower = announcements.lower_delay.map(|delay| delay.as_secs());
    if announcements.delay != default.delay {
        page.set("garp_master_delay", announcements.delay.as_secs());
    }
    if announcements.repeat != default.repeat {
        page.set("garp_master_repeat", announcements.repeat);
    }
    page.set_some("garp_master_refresh", refresh);
    if announcements.refresh_repeat != default.refresh_repeat {
        page.set("garp_master_refresh_repeat", announcements.refresh_repeat);
    }
    page.set_some("garp_lower_prio_delay", lower);
    page.set_some("garp_lower_prio_repeat", announcements.lower_repeat);
    if let Some(extra) = announcements.extra {
        let period = extra.period.as_secs().to_string();
        let all = extra.all.then_some("all");
        let words = ["garp_extra_if"].into_iter().chain(all);
        page.line(words.chain([period.as_str()]));
    }
}

/// Prints the addresses of the protocol and the others.
fn addresses(page: &mut Page, spec: &RouterSpec) {
    let own: HashSet<IpAddr> = spec.config.all_addresses().collect();
    page.flag("no_virtual_ipaddress", own.is_empty());
    let (own, other): (Vec<_>, Vec<_>) = spec
        .virtual_addresses
        .iter()
        .partition(|held| own.contains(&held.address));
    block(page, "virtual_ipaddress", own.into_iter().map(address));
    let other = other.into_iter().map(address);
    block(page, "virtual_ipaddress_excluded", other);
}
