// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes a model as the text of a configuration file.

use std::fmt::{self, Write};
use std::net::IpAddr;
use std::time::Duration;

use lb_core::model::{
    Announcements, Global, GlobalSyncDaemon, Model, ObjectSpec, RealServer, RouterSpec, Source,
    SyncGroup, VirtualAddress, VirtualServer, VrrpInstance,
};
use lb_ipvs::{ForwardingMethod, Protocol, ServiceKey};
use lb_vrrp::spec::{LockMemory, Realtime};
use lb_vrrp::track::{ObjectId, ProcessPattern, Weight};
use lb_vrrp::wire::ChecksumDialect;
use lb_vrrp::{Authentication, ReceiveBuffer, RouterConfig, Version, multicast_group};

pub(crate) fn render(model: &Model) -> String {
    let mut text = String::new();
    write_model(&mut text, model).expect("a string can be written to");
    text
}

fn write_model(out: &mut impl Write, model: &Model) -> fmt::Result {
    global(out, &model.global)?;
    for group in &model.statics.groups {
        let members = group.members.join(" ");
        writeln!(
            out,
            "track_group {} {{\ngroup {{\n{members}\n}}\n}}",
            group.name
        )?;
    }
    let group = |group: &Option<String>| match group {
        Some(name) => format!(" track_group {name}"),
        None => String::new(),
    };
    writeln!(out, "static_ipaddress {{")?;
    for item in &model.statics.addresses {
        writeln!(out, "{}{}", address(&item.item), group(&item.group))?;
    }
    writeln!(out, "}}\nstatic_routes {{")?;
    for item in &model.statics.routes {
        writeln!(out, "{}{}", item.item, group(&item.group))?;
    }
    writeln!(out, "}}")?;
    for object in &model.objects {
        write_object(out, object)?;
    }
    for router in &model.routers {
        instance(out, router)?;
    }
    for group in &model.groups {
        sync_group(out, group)?;
    }
    for server in &model.virtual_servers {
        virtual_server(out, server)?;
    }
    Ok(())
}

fn seconds(duration: Duration) -> String {
    format!("{}.{:06}", duration.as_secs(), duration.subsec_micros())
}

fn on(value: bool) -> &'static str {
    if value { "on" } else { "off" }
}

fn global(out: &mut impl Write, global: &Global) -> fmt::Result {
    writeln!(out, "global_defs {{\nrouter_id {}", global.router_id)?;
    if let Some(mail) = &global.mail {
        let recipients = mail.to.join("\n");
        writeln!(out, "notification_email {{\n{recipients}\n}}")?;
        writeln!(out, "notification_email_from {}", mail.from)?;
        writeln!(out, "smtp_server {} {}", mail.server, mail.port)?;
        writeln!(out, "smtp_connect_timeout {}", mail.timeout.as_secs())?;
        if let Some(name) = &mail.helo {
            writeln!(out, "smtp_helo_name {name}")?;
        }
    }
    if global.no_fault_mails {
        writeln!(out, "no_email_faults")?;
    }
    if let Some(daemon) = &global.sync_daemon {
        sync_daemon(out, daemon)?;
    }
    let vrrp = &global.vrrp;
    for (keyword, delay) in [
        ("vrrp_startup_delay", vrrp.startup_delay),
        ("vrrp_delay_after_boot", vrrp.delay_after_boot),
    ] {
        if let Some(delay) = delay {
            writeln!(out, "{keyword} {}", seconds(delay))?;
        }
    }
    for (keyword, flag) in [
        ("log_unknown_vrids", vrrp.log_unknown_vrids),
        ("dynamic_interfaces", vrrp.dynamic_interfaces),
        ("vrrp_no_swap", vrrp.scheduling.memory == LockMemory::Always),
    ] {
        if flag {
            writeln!(out, "{keyword}")?;
        }
    }
    if vrrp.scheduling.realtime == Realtime::Always {
        writeln!(out, "vrrp_rt_priority {}", vrrp.scheduling.priority)?;
    }
    if let Some(nice) = vrrp.scheduling.nice {
        writeln!(out, "vrrp_priority {nice}")?;
    }
    if let Some(processors) = vrrp.scheduling.processors {
        let numbers: Vec<String> = processors.iter().map(|number| number.to_string()).collect();
        writeln!(out, "vrrp_cpu_affinity {}", numbers.join(" "))?;
    }
    if let Some(limit) = vrrp.scheduling.limit {
        writeln!(out, "vrrp_rlimit_rttime {}", limit.as_micros())?;
    }
    for (keyword, buffer) in [
        ("vrrp_netlink_cmd_rcv_bufs", vrrp.netlink.commands),
        ("vrrp_netlink_monitor_rcv_bufs", vrrp.netlink.monitor),
    ] {
        if let Some(buffer) = buffer {
            writeln!(out, "{keyword} {}", buffer.bytes)?;
            writeln!(out, "{keyword}_force {}", on(buffer.force))?;
        }
    }
    writeln!(out, "vrrp_garp_interval {}", seconds(vrrp.pacing.arp))?;
    writeln!(out, "vrrp_gna_interval {}", seconds(vrrp.pacing.neighbour))?;
    writeln!(out, "}}")?;
    for group in &vrrp.pacing.groups {
        let (arp, neighbour) = (seconds(group.arp), seconds(group.neighbour));
        let interfaces = group.interfaces.join("\n");
        writeln!(
            out,
            "garp_group {{\ngarp_interval {arp}\ngna_interval {neighbour}\ninterfaces {{\n{interfaces}\n}}\n}}"
        )?;
    }
    writeln!(out, "interface_up_down_delays {{")?;
    for delay in &vrrp.carrier_delays {
        let (down, up) = (seconds(delay.down), seconds(delay.up));
        writeln!(out, "{} {down} {up}", delay.interface)?;
    }
    writeln!(out, "}}\nlinkbeat_interfaces {{")?;
    for poll in &vrrp.link_polls {
        let interface = poll.interface.as_deref().expect("one interface");
        writeln!(out, "{interface} {}", poll.method.keyword())?;
    }
    writeln!(out, "}}")
}

fn sync_daemon(out: &mut impl Write, settings: &GlobalSyncDaemon) -> fmt::Result {
    let daemon = &settings.daemon;
    write!(out, "lvs_sync_daemon {}", daemon.interface)?;
    if let Some(name) = &settings.instance {
        write!(out, " inst {name}")?;
    }
    write!(out, " id {}", daemon.sync_id)?;
    if let Some(length) = daemon.max_length {
        write!(out, " maxlen {length}")?;
    }
    if let Some(port) = daemon.port {
        write!(out, " port {port}")?;
    }
    if let Some(ttl) = daemon.ttl {
        write!(out, " ttl {ttl}")?;
    }
    if let Some(group) = daemon.group {
        write!(out, " group {group}")?;
    }
    writeln!(out)
}

fn address(address: &VirtualAddress) -> String {
    let mut line = format!("{}/{}", address.address, address.prefix_len);
    if let Some(broadcast) = address.broadcast {
        line += &format!(" brd {broadcast}");
    }
    if address.scope.get() != 0 {
        line += &format!(" scope {}", address.scope.get());
    }
    if let Some(label) = &address.label {
        line += &format!(" label {label}");
    }
    if let Some(interface) = &address.interface {
        line += &format!(" dev {interface}");
    }
    if !address.tracked {
        line += " no_track";
    }
    line
}

fn write_object(out: &mut impl Write, object: &ObjectSpec) -> fmt::Result {
    let name = &object.name;
    match &object.source {
        Source::File(file) => {
            writeln!(out, "track_file {name} {{\nfile {}", file.path.display())?;
            if let Some(init) = file.init {
                let overwrite = if init.overwrite { " overwrite" } else { "" };
                writeln!(out, "init_file {}{overwrite}", init.value)?;
            }
        }
        Source::Process(source) => {
            let ProcessPattern::Name(program) = &source.pattern else {
                panic!("{:?}", source.pattern)
            };
            let process = source.process;
            writeln!(out, "vrrp_track_process {name} {{\nprocess {program}")?;
            writeln!(out, "quorum {}", process.quorum)?;
            writeln!(out, "fork_delay {}", seconds(process.fork_delay))?;
            writeln!(out, "terminate_delay {}", seconds(process.terminate_delay))?;
        }
        source => panic!("{source:?}"),
    }
    writeln!(out, "}}")
}

fn tracked(out: &mut impl Write, tracked: &[(ObjectId, Weight)]) -> fmt::Result {
    for (object, weight) in tracked {
        let list = match object {
            ObjectId::Interface(_) => "track_interface",
            ObjectId::Script(_) => "track_script",
            ObjectId::File(_) => "track_file",
            ObjectId::Process(_) => "track_process",
            object => panic!("{object}"),
        };
        writeln!(out, "{list} {{\n{} weight {weight}\n}}", object.name())?;
    }
    Ok(())
}

fn instance(out: &mut impl Write, router: &VrrpInstance) -> fmt::Result {
    let spec = &router.spec;
    writeln!(
        out,
        "vrrp_instance {} {{\ninterface {}",
        spec.name, spec.interface
    )?;
    config(out, &spec.config)?;
    announcements(out, &spec.announcements)?;
    tracked(out, &spec.tracked)?;
    for (flag, keyword) in [
        (spec.ignores_interface, "dont_track_primary"),
        (spec.tracks_source, "track_src_ip"),
        (spec.needs_peer, "unicast_fault_no_peer"),
        (spec.promotes_secondaries, "promote_secondaries"),
    ] {
        if flag {
            writeln!(out, "{keyword}")?;
        }
    }
    if let Some(source) = spec.source {
        writeln!(out, "mcast_src_ip {source}")?;
    }
    if let Some(vmac) = &spec.vmac {
        writeln!(out, "use_vmac {}", vmac.name.as_deref().unwrap_or_default())?;
        if vmac.transmit_from_base {
            writeln!(out, "vmac_xmit_base")?;
        }
    }
    if let Some(ReceiveBuffer::Bytes(bytes)) = spec.receive_buffer {
        writeln!(out, "kernel_rx_buf_size {bytes}")?;
    }
    if let Some(interface) = &router.sync_daemon_interface {
        writeln!(out, "lvs_sync_daemon_interface {interface}")?;
    }
    writeln!(out, "smtp_alert {}", on(router.smtp_alert))?;
    addresses(out, spec)?;
    writeln!(out, "virtual_routes {{")?;
    for route in &spec.virtual_routes {
        writeln!(out, "{route}")?;
    }
    writeln!(out, "}}\n}}")
}

/// All addresses of the protocol in `virtual_ipaddress`, where the reader splits them again.
fn addresses(out: &mut impl Write, spec: &RouterSpec) -> fmt::Result {
    let own: Vec<IpAddr> = spec.config.all_addresses().collect();
    let (own, other): (Vec<_>, Vec<_>) = spec
        .virtual_addresses
        .iter()
        .partition(|held| own.contains(&held.address));
    for (block, held) in [
        ("virtual_ipaddress", own),
        ("virtual_ipaddress_excluded", other),
    ] {
        writeln!(out, "{block} {{")?;
        for held in held {
            writeln!(out, "{}", address(held))?;
        }
        writeln!(out, "}}")?;
    }
    Ok(())
}

fn config(out: &mut impl Write, config: &RouterConfig) -> fmt::Result {
    writeln!(out, "virtual_router_id {}", config.vrid())?;
    writeln!(out, "version {}", config.version().number())?;
    writeln!(out, "priority {}", config.priority().get())?;
    writeln!(
        out,
        "advert_int {}",
        seconds(config.interval().as_duration())
    )?;
    writeln!(out, "down_timer_adverts {}", config.down_timer_adverts())?;
    if let Some(limit) = config.sticky() {
        writeln!(out, "sticky {}", seconds(limit))?;
    } else if !config.preempt() {
        writeln!(out, "nopreempt")?;
    }
    if !config.preempt_delay().is_zero() {
        writeln!(out, "preempt_delay {}", seconds(config.preempt_delay()))?;
    }
    if let Some(priority) = config.yield_after_stall() {
        writeln!(out, "timer_expired_backup {}", priority.get())?;
    }
    let authentication = match config.authentication() {
        Authentication::None => None,
        Authentication::Password(password) => Some(("PASS", password)),
        Authentication::Ah(password) => Some(("AH", password)),
        other => panic!("{other:?}"),
    };
    if let Some((kind, _)) = authentication {
        let password = super::PASSWORD;
        writeln!(
            out,
            "authentication {{\nauth_type {kind}\nauth_pass {password}\n}}"
        )?;
    }
    if !config.peers().is_empty() {
        writeln!(out, "unicast_ttl {}", config.hop_limit())?;
        writeln!(
            out,
            "check_unicast_src {}",
            on(config.check_unicast_source())
        )?;
        writeln!(out, "unicast_peer {{")?;
        for peer in config.peers() {
            writeln!(out, "{}", peer.address)?;
        }
        writeln!(out, "}}")?;
    } else if config.group() != multicast_group(config.family()) {
        writeln!(out, "mcast_dst_ip {}", config.group())?;
    }
    let message_only = config.checksum() == ChecksumDialect::MessageOnly;
    writeln!(out, "v3_checksum_as_v2 {}", on(message_only))?;
    writeln!(out, "higher_prio_send_advert {}", on(config.farewell()))?;
    writeln!(out, "lower_prio_no_advert {}", on(!config.answer_losing()))?;
    writeln!(
        out,
        "owner_ignore_adverts {}",
        on(config.owner_ignores_adverts())
    )?;
    writeln!(
        out,
        "{}",
        if config.accept() {
            "accept"
        } else {
            "no_accept"
        }
    )?;
    assert!(config.version() == Version::V3 || config.family().to_string() == "IPv4");
    Ok(())
}

fn announcements(out: &mut impl Write, announcements: &Announcements) -> fmt::Result {
    let refresh = announcements.refresh.unwrap_or_default();
    writeln!(out, "garp_master_delay {}", announcements.delay.as_secs())?;
    writeln!(out, "garp_master_repeat {}", announcements.repeat)?;
    writeln!(out, "garp_master_refresh {}", refresh.as_secs())?;
    writeln!(
        out,
        "garp_master_refresh_repeat {}",
        announcements.refresh_repeat
    )?;
    if let Some(delay) = announcements.lower_delay {
        writeln!(out, "garp_lower_prio_delay {}", delay.as_secs())?;
    }
    if let Some(repeat) = announcements.lower_repeat {
        writeln!(out, "garp_lower_prio_repeat {repeat}")?;
    }
    if let Some(extra) = announcements.extra {
        let all = if extra.all { "all " } else { "" };
        writeln!(out, "garp_extra_if {all}{}", extra.period.as_secs())?;
    }
    Ok(())
}

fn sync_group(out: &mut impl Write, group: &SyncGroup) -> fmt::Result {
    let members = group.spec.members.join("\n");
    writeln!(
        out,
        "vrrp_sync_group {} {{\ngroup {{\n{members}\n}}",
        group.spec.name
    )?;
    tracked(out, &group.spec.tracked)?;
    if group.spec.tracking_weight {
        writeln!(out, "sync_group_tracking_weight")?;
    }
    writeln!(out, "smtp_alert {}\n}}", on(group.smtp_alert))
}

fn method(method: ForwardingMethod) -> &'static str {
    match method {
        ForwardingMethod::Masquerade => "NAT",
        ForwardingMethod::DirectRouting => "DR",
        ForwardingMethod::Tunnel(_) => "TUN",
        method => panic!("{method:?}"),
    }
}

fn virtual_server(out: &mut impl Write, server: &VirtualServer) -> fmt::Result {
    let service = &server.service;
    match service.key {
        ServiceKey::Address { protocol, address } => {
            writeln!(out, "virtual_server {} {} {{", address.ip(), address.port())?;
            let udp = protocol == Protocol::Udp;
            writeln!(out, "protocol {}", if udp { "UDP" } else { "TCP" })?;
        }
        ServiceKey::FirewallMark { mark, .. } => {
            writeln!(out, "virtual_server fwmark {mark} {{\nip_family inet")?;
        }
    }
    writeln!(out, "lvs_sched {}\nlvs_method NAT", service.scheduler)?;
    if let Some(persistence) = &service.persistence {
        writeln!(out, "persistence_timeout {}", persistence.timeout.as_secs())?;
    }
    writeln!(out, "delay_loop {}", seconds(server.delay_loop))?;
    writeln!(
        out,
        "quorum {}\nhysteresis {}",
        server.quorum, server.hysteresis
    )?;
    for (keyword, value) in [
        ("alpha", server.alpha),
        ("omega", server.omega),
        ("inhibit_on_failure", server.inhibit_on_failure),
        ("smtp_alert", server.smtp_alert),
    ] {
        writeln!(out, "{keyword} {}", on(value))?;
    }
    if server.ha_suspend {
        writeln!(out, "ha_suspend")?;
    }
    if let Some(sorry) = &server.sorry_server {
        writeln!(
            out,
            "sorry_server {} {}",
            sorry.address.ip(),
            sorry.address.port()
        )?;
        writeln!(out, "sorry_server_lvs_method {}", method(sorry.forwarding))?;
        if server.sorry_server_inhibit {
            writeln!(out, "sorry_server_inhibit")?;
        }
    }
    for real in &server.real_servers {
        real_server(out, real)?;
    }
    writeln!(out, "}}")
}

fn real_server(out: &mut impl Write, real: &RealServer) -> fmt::Result {
    let destination = &real.destination;
    let address = destination.address;
    writeln!(out, "real_server {} {} {{", address.ip(), address.port())?;
    writeln!(out, "weight {}", destination.weight.get())?;
    writeln!(out, "lvs_method {}", method(destination.forwarding))?;
    writeln!(out, "uthreshold {}", destination.thresholds.upper)?;
    writeln!(out, "lthreshold {}", destination.thresholds.lower)?;
    writeln!(out, "inhibit_on_failure {}", on(real.inhibit_on_failure))?;
    writeln!(
        out,
        "alpha {}\nsmtp_alert {}",
        on(real.alpha),
        on(real.smtp_alert)
    )?;
    for check in &real.checks {
        let policy = &check.probe.policy;
        writeln!(out, "{} {{", check.kind)?;
        writeln!(out, "connect_timeout {}", seconds(super::CONNECT_TIMEOUT))?;
        writeln!(out, "retry {}", policy.retries)?;
        writeln!(out, "delay_before_retry {}", seconds(policy.retry_delay))?;
        writeln!(out, "delay_loop {}", seconds(policy.interval))?;
        writeln!(out, "alpha {}\n}}", on(check.alpha))?;
    }
    writeln!(out, "}}")
}
