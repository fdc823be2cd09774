// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of `global_defs` and `vrrp_instance` that reach the engine and its driver, and what is
//! said where they cannot.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::time::Duration;

use lb_check::Registry;
use lb_core::config::{self, Mode, Parsed};
use lb_core::model::{Announcements, Model, RouterSpec, Scheduling};
use lb_vrrp::spec::{LockMemory, Processors, Realtime};
use lb_vrrp::wire::ChecksumDialect;
use lb_vrrp::{
    ExtraRefresh, LinkPoll, NetlinkBuffer, NetlinkBuffers, Pacing, PacingGroup, PollMethod,
    ReceiveBuffer,
};

/// One line of `global_defs` and one of an instance with this address.
fn parsed(global: &str, address: &str, lines: &str) -> Parsed {
    let text = format!(
        "global_defs {{\n {global}\n}}\nvrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 5\n \
         {lines}\n virtual_ipaddress {{\n  {address}\n }}\n}}\n"
    );
    config::parse(&text, "v.conf", &Registry::builtin())
}

fn clean(global: &str, address: &str, lines: &str) -> Model {
    let parsed = parsed(global, address, lines);
    assert_eq!(parsed.diagnostics().to_string(), "", "{global} {lines}");
    parsed.into_model(Mode::Strict).unwrap()
}

const IPV4: &str = "192.0.2.100";
const IPV6: &str = "fe80::100";

// shows global_defs: vrrp_mcast_group4, vrrp_mcast_group6, vrrp_lower_prio_no_advert, vrrp_check_unicast_src, vrrp_down_timer_adverts
// shows global_defs: v3_checksum_as_v2, vrrp_owner_ignore_adverts
// shows vrrp_instance: mcast_src_ip, track_src_ip, mcast_dst_ip, unicast_ttl, unicast_fault_no_peer, check_unicast_src, lower_prio_no_advert
// shows vrrp_instance: owner_ignore_adverts, down_timer_adverts, sticky, kernel_rx_buf_size, v3_checksum_as_v2
#[test]
fn keywords_reach_the_router() {
    type Check = fn(&RouterSpec) -> bool;
    let cases: &[(&str, &str, &str, Check)] = &[
        ("", IPV4, "kernel_rx_buf_size 1000000", |router| {
            router.receive_buffer == Some(ReceiveBuffer::Bytes(1_000_000))
        }),
        ("vrrp_rx_bufs_policy MTU", IPV4, "", |router| {
            router.receive_buffer == Some(ReceiveBuffer::Packets(3))
        }),
        (
            "vrrp_rx_bufs_policy ADVERT\n vrrp_rx_bufs_multiplier 40",
            IPV4,
            "",
            |router| router.receive_buffer == Some(ReceiveBuffer::Adverts(40)),
        ),
        ("vrrp_rx_bufs_policy 50000", IPV4, "", |router| {
            router.receive_buffer == Some(ReceiveBuffer::Bytes(50_000))
        }),
        (
            "vrrp_rx_bufs_policy MTU",
            IPV4,
            "kernel_rx_buf_size 1000000",
            |router| router.receive_buffer == Some(ReceiveBuffer::Bytes(1_000_000)),
        ),
        ("", IPV4, "promote_secondaries", |router| {
            router.promotes_secondaries
        }),
        ("vrrp_mcast_group4 224.0.0.99", IPV4, "", |router| {
            router.config.group().to_string() == "224.0.0.99"
        }),
        (
            "vrrp_mcast_group4 224.0.0.99",
            IPV4,
            "mcast_dst_ip 224.0.0.98",
            |router| router.config.group().to_string() == "224.0.0.98",
        ),
        ("vrrp_mcast_group6 ff02::99", IPV6, "", |router| {
            router.config.group().to_string() == "ff02::99"
        }),
        ("vrrp_mcast_group4 224.0.0.99", IPV6, "", |router| {
            router.config.group().to_string() == "ff02::12"
        }),
        // A global group is no matter to unicast.
        (
            "vrrp_mcast_group4 224.0.0.99",
            IPV4,
            "unicast_peer {\n192.0.2.2\n}",
            |router| router.config.peers().len() == 1,
        ),
        (
            "",
            IPV4,
            "mcast_src_ip 192.0.2.9\n track_src_ip",
            |router| router.source.is_some() && router.tracks_source,
        ),
        ("", IPV4, "unicast_fault_no_peer", |router| {
            router.needs_peer
        }),
        (
            "",
            IPV4,
            "unicast_peer {\n192.0.2.2 min_ttl 250 max_ttl 255\n}\n unicast_ttl 77",
            |router| router.config.hop_limit() == 77 && router.config.check_unicast_source(),
        ),
        (
            "vrrp_check_unicast_src",
            IPV4,
            "unicast_peer {\n192.0.2.2\n}",
            |router| router.config.check_unicast_source(),
        ),
        (
            "vrrp_check_unicast_src",
            IPV4,
            "unicast_peer {\n192.0.2.2\n}\n check_unicast_src off",
            |router| !router.config.check_unicast_source(),
        ),
        (
            "vrrp_version 3",
            IPV4,
            "unicast_peer {\n192.0.2.2\n}\n old_unicast_checksum",
            |router| router.config.checksum() == ChecksumDialect::GroupPseudoHeader,
        ),
        (
            "vrrp_version 3",
            IPV4,
            "unicast_peer {\n192.0.2.2\n}\n old_unicast_checksum never",
            |router| router.config.checksum() == ChecksumDialect::PseudoHeader,
        ),
        ("vrrp_version 3\n v3_checksum_as_v2", IPV4, "", |router| {
            router.config.checksum() == ChecksumDialect::MessageOnly
        }),
        (
            "vrrp_version 3\n v3_checksum_as_v2",
            IPV4,
            "v3_checksum_as_v2 off",
            |router| router.config.checksum() == ChecksumDialect::PseudoHeader,
        ),
        (
            "vrrp_owner_ignore_adverts",
            IPV4,
            "priority 255",
            |router| router.config.owner_ignores_adverts(),
        ),
        (
            "vrrp_owner_ignore_adverts",
            IPV4,
            "owner_ignore_adverts off",
            |router| !router.config.owner_ignores_adverts(),
        ),
        ("vrrp_down_timer_adverts 5", IPV4, "", |router| {
            router.config.down_timer_adverts().get() == 5
        }),
        (
            "vrrp_down_timer_adverts 5",
            IPV4,
            "down_timer_adverts 7",
            |router| router.config.down_timer_adverts().get() == 7,
        ),
        ("vrrp_lower_prio_no_advert", IPV4, "", |router| {
            !router.config.answer_losing()
        }),
        (
            "vrrp_lower_prio_no_advert",
            IPV4,
            "lower_prio_no_advert no",
            |router| router.config.answer_losing(),
        ),
        ("vrrp_higher_prio_send_advert off", IPV4, "", |router| {
            !router.config.farewell()
        }),
        ("", IPV4, "nopreempt\n thread_timer_expired 120", |router| {
            router
                .config
                .yield_after_stall()
                .is_some_and(|priority| priority.get() == 120)
        }),
        ("", IPV4, "sticky", |router| {
            router.config.sticky() == Some(Duration::from_secs(60))
        }),
        ("", IPV4, "sticky 2.5", |router| {
            router.config.sticky() == Some(Duration::from_millis(2500)) && !router.config.preempt()
        }),
        (
            "vrrp_skip_check_adv_addr",
            IPV4,
            "skip_check_adv_addr on",
            |_| true,
        ),
    ];
    for (global, address, lines, check) in cases {
        let model = clean(global, address, lines);
        assert!(
            check(&model.routers[0].spec),
            "{global} | {lines}: {:?}",
            model.routers[0]
        );
    }
}

// shows global_defs: vrrp_rt_priority, vrrp_priority, vrrp_cpu_affinity, vrrp_rlimit_rttime, vrrp_no_swap
#[test]
fn keywords_reach_the_driver() {
    let model = clean(
        "vrrp_startup_delay 2.5\n vrrp_delay_after_boot 30\n log_unknown_vrids",
        IPV4,
        "",
    );
    let vrrp = &model.global.vrrp;
    assert_eq!(vrrp.startup_delay, Some(Duration::from_millis(2500)));
    assert_eq!(vrrp.delay_after_boot, Some(Duration::from_secs(30)));
    assert!(vrrp.log_unknown_vrids);
    assert!(!vrrp.dynamic_interfaces);
    for words in ["", " allow_if_changes"] {
        let model = clean(&format!("dynamic_interfaces{words}"), IPV4, "");
        assert!(model.global.vrrp.dynamic_interfaces, "{words}");
    }
    assert_eq!(vrrp.netlink, NetlinkBuffers::default());
    let model = clean(
        "vrrp_netlink_cmd_rcv_bufs 100000\n vrrp_netlink_monitor_rcv_bufs 9000000\n \
         vrrp_netlink_monitor_rcv_bufs_force",
        IPV4,
        "",
    );
    let buffers = NetlinkBuffers::default()
        .with_commands(Some(NetlinkBuffer::new(100_000, false)))
        .with_monitor(Some(NetlinkBuffer::new(9_000_000, true)));
    assert_eq!(model.global.vrrp.netlink, buffers);
    let model = clean(
        "vrrp_rt_priority 50\n vrrp_priority -5\n vrrp_cpu_affinity 1 3\n vrrp_rlimit_rttime 20000\n \
         vrrp_no_swap",
        IPV4,
        "",
    );
    let wanted = Scheduling::default()
        .with_realtime(Realtime::Always)
        .with_priority(50)
        .with_nice(Some(-5))
        .with_processors(Processors::new([1, 3]))
        .with_limit(Some(Duration::from_millis(20)))
        .with_memory(LockMemory::Always);
    assert_eq!(model.global.vrrp.scheduling, wanted);
}

// shows global_defs: vrrp_garp_master_delay, vrrp_garp_master_repeat, vrrp_garp_master_refresh, vrrp_garp_master_refresh_repeat
// shows global_defs: vrrp_garp_lower_prio_delay, vrrp_garp_lower_prio_repeat, vrrp_min_garp, vrrp_garp_extra_if
// shows vrrp_instance: garp_lower_prio_repeat, garp_extra_if
#[test]
fn announcements_of_an_instance_come_before_the_global_ones() {
    let seconds = Duration::from_secs;
    let default = Announcements::default();
    for (global, lines, wanted) in [
        ("", "", default),
        (
            "vrrp_garp_master_delay 3\n vrrp_garp_master_repeat 7\n vrrp_garp_master_refresh 60\n \
             vrrp_garp_master_refresh_repeat 2",
            "",
            default
                .with_delay(seconds(3))
                .with_repeat(7)
                .with_refresh(Some(seconds(60)), 2),
        ),
        (
            "vrrp_garp_master_delay 3\n vrrp_garp_master_refresh 60",
            "garp_master_delay 9\n garp_master_refresh 0",
            default.with_delay(seconds(9)),
        ),
        (
            "vrrp_min_garp",
            "",
            default.with_repeat(1).with_delay(Duration::ZERO),
        ),
        (
            "vrrp_min_garp yes",
            "garp_master_repeat 2",
            default.with_repeat(2).with_delay(Duration::ZERO),
        ),
        ("vrrp_min_garp off", "", default),
        (
            "vrrp_garp_lower_prio_delay 2\n vrrp_garp_lower_prio_repeat 4",
            "garp_lower_prio_repeat 0",
            default.with_lower(Some(seconds(2)), Some(0)),
        ),
        (
            "vrrp_garp_extra_if all 30",
            "",
            default.with_extra(Some(ExtraRefresh::new(seconds(30), true))),
        ),
        (
            "vrrp_garp_extra_if all 30",
            "vmac_garp_intvl 20",
            default.with_extra(Some(ExtraRefresh::new(seconds(20), false))),
        ),
        ("vrrp_vmac_garp_intvl 30", "garp_extra_if 0", default),
    ] {
        let model = clean(global, IPV4, lines);
        assert_eq!(
            model.routers[0].spec.announcements, wanted,
            "{global} | {lines}"
        );
    }
}

// shows top level: garp_group
// shows global_defs: vrrp_garp_interval, vrrp_gna_interval
// shows garp_group: garp_interval, gna_interval, interface, interfaces
#[test]
fn announcements_are_paced_by_interface_and_group() {
    let text = "\
global_defs {
    vrrp_garp_interval 0.001
    vrrp_gna_interval 0.000001
}
garp_group {
    garp_interval 0.5
    interfaces {
        eth1
        eth2 eth3
    }
}
garp_group {
    gna_interval 2
    interface eth4
}
";
    let parsed = config::parse(text, "v.conf", &Registry::builtin());
    assert_eq!(parsed.diagnostics().to_string(), "");
    let model = parsed.into_model(Mode::Strict).unwrap();
    let (second, none) = (Duration::from_secs(1), Duration::ZERO);
    let wanted = Pacing::default()
        .with_intervals(Duration::from_millis(1), Duration::from_micros(1))
        .with_group(PacingGroup::new(["eth1", "eth2", "eth3"], second / 2, none))
        .with_group(PacingGroup::new(["eth4"], none, 2 * second));
    assert_eq!(model.global.vrrp.pacing, wanted);

    let text = "\
global_defs {
    vrrp_garp_interval 0
    vrrp_gna_interval 5000
}
garp_group {
    interface eth1
}
garp_group {
    garp_interval 1
}
garp_group {
    garp_interval 1
    gna_intervall 1
    interface eth1
}
garp_group {
    garp_interval 1
    interfaces {
        eth1
        eth2
        eth2
    }
}
";
    let parsed = config::parse(text, "v.conf", &Registry::builtin());
    insta::assert_snapshot!(parsed.diagnostics().to_string());
    let model = parsed.into_model(Mode::Lenient).unwrap();
    let pacing = &model.global.vrrp.pacing;
    assert_eq!((pacing.arp, pacing.neighbour), (none, none));
    let interfaces: Vec<_> = pacing
        .groups
        .iter()
        .map(|group| &group.interfaces[..])
        .collect();
    assert_eq!(interfaces, [["eth1"], ["eth2"]]);
}

#[test]
fn what_cannot_be_is_said_with_a_reason() {
    let mut shown = String::new();
    for (global, address, lines) in [
        ("vrrp_mcast_group4 192.0.2.1", IPV4, ""),
        ("vrrp_mcast_group4 ff02::12", IPV4, ""),
        ("vrrp_mcast_group6 ff05::12", IPV6, ""),
        ("", IPV4, "mcast_dst_ip ff02::12"),
        (
            "",
            IPV4,
            "mcast_dst_ip 224.0.0.9\n unicast_peer {\n192.0.2.2\n}",
        ),
        ("", IPV4, "track_src_ip"),
        ("", IPV4, "unicast_ttl 5"),
        ("", IPV4, "unicast_src_ip 2001:db8::1"),
        ("", IPV4, "unicast_peer {\n192.0.2.2 min_ttl 9 max_ttl 3\n}"),
        ("", IPV4, "unicast_peer {\n2001:db8::1\n}"),
        ("", IPV4, "old_unicast_checksum"),
        ("", IPV4, "old_unicast_checksum always"),
        ("", IPV4, "sticky 0"),
        ("", IPV4, "sticky\n preempt_delay 5"),
        ("", IPV4, "sticky\n preempt"),
        ("vrrp_strict", IPV4, "sticky"),
        ("vrrp_startup_delay 0", IPV4, ""),
        ("vrrp_delay_after_boot soon", IPV4, ""),
        ("vrrp_down_timer_adverts 101", IPV4, ""),
        ("vrrp_rt_priority 100", IPV4, ""),
        ("vrrp_priority 20", IPV4, ""),
        ("vrrp_cpu_affinity", IPV4, ""),
        ("vrrp_cpu_affinity 0 1024", IPV4, ""),
        ("max_auto_priority 99", IPV4, ""),
        ("", IPV4, "advert_int 0.001"),
        ("vrrp_version 3", IPV4, "advert_int 41"),
        ("", IPV4, "priority 256"),
        ("", IPV4, "virtual_router_id 0"),
        ("", IPV4, "preempt_delay 1001"),
    ] {
        let parsed = parsed(global, address, lines);
        assert!(!parsed.diagnostics().is_empty(), "{global} {lines}");
        let case = [global, lines].join(" ").replace('\n', "; ");
        shown += &format!(
            "{}\n    {}",
            case.trim(),
            parsed.diagnostics().to_string().replace('\n', "\n    ")
        );
        shown.truncate(shown.trim_end().len());
        shown.push('\n');
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn links_to_be_polled_are_read() {
    use PollMethod::{Ethtool, Flags, Mii};
    let polls = |parsed: Parsed| {
        let findings = parsed.diagnostics().to_string();
        let (model, _) = parsed.into_parts(Mode::Lenient);
        (model.unwrap().global.vrrp.link_polls, findings)
    };
    let block = |lines: &str| polls(with_top(&format!("linkbeat_interfaces {{\n{lines}\n}}")));
    let poll = |name: &str, method| LinkPoll::new(name).with_method(method);
    assert_eq!(
        block("eth0\neth1 MII\neth2 ETHTOOL\neth3 IOCTL"),
        (
            vec![
                poll("eth0", Mii),
                poll("eth1", Mii),
                poll("eth2", Ethtool),
                poll("eth3", Flags)
            ],
            String::new()
        )
    );
    for (line, said) in [
        ("eth0 FOO", "`FOO` is not a way to ask for a link"),
        ("eth0 MII ETHTOOL", "takes one value"),
        ("eth0\neth0 MII", "`eth0` is given twice"),
        ("an-interface-too-long", "is not the name of an interface"),
    ] {
        let (read, findings) = block(line);
        assert!(findings.contains(said), "{line}: {findings}");
        assert!(read.len() <= 1, "{line}");
    }

    let every = polls(with_top("linkbeat_use_polling"));
    assert_eq!(every, (vec![LinkPoll::every()], String::new()));
    // Where keepalived does not know it either.
    let global = polls(parsed("linkbeat_use_polling", IPV4, ""));
    assert_eq!(global.0, []);
    assert!(global.1.contains("at the top of the file"), "{}", global.1);

    let old = polls(parsed("", IPV4, "linkbeat_use_polling"));
    assert_eq!(old.0, [poll("eth0", Mii)]);
    assert!(old.1.contains("deprecated"), "{}", old.1);
    // A line with a method.
    let text = format!(
        "linkbeat_interfaces {{\n eth0 IOCTL\n}}\nvrrp_instance VI_1 {{\n interface eth0\n \
         virtual_router_id 5\n linkbeat_use_polling\n virtual_ipaddress {{\n  {IPV4}\n }}\n}}\n"
    );
    let both = polls(config::parse(&text, "v.conf", &Registry::builtin()));
    assert_eq!(both.0, [poll("eth0", Flags)]);
}

#[test]
fn a_vrf_has_no_effect_beside_an_interface() {
    let parsed = parsed("", IPV4, "vrf red");
    let findings = parsed.diagnostics().to_string();
    assert_eq!(
        findings,
        "v.conf:7:6: warning: `vrf` has no effect beside `interface`; an interface in a VRF is used as \
         any other\n"
    );
    assert!(parsed.into_model(Mode::Strict).is_ok());
}

/// A file with an instance on eth0, an interval of 1 s, and this at its top.
fn with_top(top: &str) -> Parsed {
    let text = format!(
        "{top}\nvrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 5\n \
         virtual_ipaddress {{\n  {IPV4}\n }}\n}}\n"
    );
    config::parse(&text, "v.conf", &Registry::builtin())
}

#[test]
fn delays_of_interfaces_are_read_and_end_before_a_backup_takes_over() {
    let delays = |top: &str| {
        let parsed = with_top(&format!("interface_up_down_delays {{\n{top}\n}}"));
        let findings = parsed.diagnostics().to_string();
        let (model, _) = parsed.into_parts(Mode::Lenient);
        let delays = model.unwrap().global.vrrp.carrier_delays;
        let delays: Vec<_> = delays
            .into_iter()
            .map(|delay| {
                (
                    delay.interface,
                    delay.down.as_micros(),
                    delay.up.as_micros(),
                )
            })
            .collect();
        (delays, findings)
    };
    let delay = |name: &str, down, up| (name.to_owned(), down, up);
    let clean = String::new();
    assert_eq!(
        delays("eth0 1.5 1\n eth1 255 255"),
        (
            vec![
                delay("eth0", 1_500_000, 1_000_000),
                delay("eth1", 255_000_000, 255_000_000)
            ],
            clean.clone()
        )
    );
    // As keepalived's parser has it, not its manual.
    assert_eq!(
        delays("eth0 0.25"),
        (vec![delay("eth0", 250_000, 0)], clean)
    );
    // As much as keepalived 2.2.7 leaves of them.
    let (long, findings) = delays("eth0 9 20");
    let most = Duration::from_micros(1_996_094).as_micros();
    assert_eq!(long, [delay("eth0", most, most)]);
    assert_eq!(
        findings,
        "v.conf:2:1: warning: `eth0` waits longer than a backup of `VI_1` waits for adverts\n"
    );
    for (line, said) in [
        ("eth0", "needs a number of seconds"),
        ("eth0 256", "out of range: 256"),
        ("eth0 1 x", "`x` is not a number of seconds"),
        ("an-interface-too-long 1", "is not the name of an interface"),
        ("eth0 1\neth0 2", "`eth0` is given twice"),
        ("eth0 1 1 1", "takes 2 values"),
    ] {
        let (read, findings) = delays(line);
        assert!(findings.contains(said), "{line}: {findings}");
        assert!(read.len() <= 1, "{line}");
    }
}
