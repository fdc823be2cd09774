// SPDX-License-Identifier: MIT OR Apache-2.0
//! `virtual_server_group` and the virtual servers that name one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use lb_check::Registry;
use lb_core::config::{self, Mode};
use lb_core::model::{Model, VirtualServer};
use lb_ipvs::{Netmask, ServiceFlags};

fn read(text: &str) -> config::Parsed {
    config::parse(text, "test.conf", &Registry::builtin())
}

fn clean(text: &str) -> Model {
    let parsed = read(text);
    let findings = parsed.diagnostics().render(false);
    assert!(parsed.diagnostics().is_empty(), "{findings}");
    parsed.into_model(Mode::Strict).unwrap()
}

/// The lines of the findings, without their places.
fn findings(text: &str) -> (Vec<String>, Model) {
    let parsed = read(text);
    let lines = parsed.diagnostics().to_string();
    let lines = lines.lines().map(|line| {
        let (_, message) = line.split_once(": ").unwrap();
        message.to_owned()
    });
    (lines.collect(), parsed.into_model(Mode::Lenient).unwrap())
}

/// A group with these lines, and a TCP virtual server with that group and `lines`.
fn text(entries: &str, lines: &str) -> String {
    format!(
        "virtual_server_group G {{\n{entries}\n}}\n\
         virtual_server group G {{\n protocol TCP\n lb_algo rr\n {lines}\n}}\n"
    )
}

fn keys(server: &VirtualServer) -> Vec<String> {
    server.keys().map(|key| key.to_string()).collect()
}

const NAT: &str = "lb_kind NAT\n real_server 10.0.0.1 8080 {\n}\n real_server 10.0.0.2 {\n}";

#[test]
fn a_group_has_addresses_ranges_networks_and_marks() {
    let entries = "192.168.1.50 80\n192.168.1.51-53 81\n192.168.1.60-192.168.1.61 82\n\
                   192.168.1.64/31 83\nfwmark 7\nfwmark 8 inet";
    let model = clean(&text(entries, NAT));
    let [server] = &model.virtual_servers[..] else {
        panic!("{model:?}");
    };
    assert_eq!(server.name(), "[G]:0");
    assert_eq!(
        keys(server),
        [
            "TCP 192.168.1.50:80",
            "TCP 192.168.1.51:81",
            "TCP 192.168.1.52:81",
            "TCP 192.168.1.53:81",
            "TCP 192.168.1.60:82",
            "TCP 192.168.1.61:82",
            "TCP 192.168.1.64:83",
            "TCP 192.168.1.65:83",
            "FWM 7",
            "FWM 8",
        ]
    );
    let written: Vec<_> = server
        .real_servers
        .iter()
        .map(|real| real.destination.address.to_string())
        .collect();
    assert_eq!(written, ["10.0.0.1:8080", "10.0.0.2:0"]);
}

#[test]
fn an_ipv6_range_ends_with_a_hexadecimal_part() {
    let entries = "2001:db8::9-b 80\nfwmark 7 inet6";
    let model = clean(&text(
        entries,
        "persistence_timeout 60\n persistence_granularity 64\n lb_kind NAT\n \
         real_server 2001:db8::61 80 {\n}",
    ));
    let server = &model.virtual_servers[0];
    assert_eq!(
        keys(server),
        [
            "TCP [2001:db8::9]:80",
            "TCP [2001:db8::a]:80",
            "TCP [2001:db8::b]:80",
            "FWM 7 IPv6",
        ]
    );
    for key in server.keys() {
        assert_eq!(server.service_for(key).netmask, Netmask::Ipv6(64));
    }
}

#[test]
fn families_mix_behind_tunnels_only() {
    let entries = "192.168.1.50 80\n2001:db8::50 80";
    let tunnel =
        "lb_kind TUN\n persistence_granularity 255.255.255.0\n real_server 10.0.0.1 80 {\n}";
    let model = clean(&text(entries, tunnel));
    let server = &model.virtual_servers[0];
    let masks: Vec<_> = server
        .keys()
        .map(|key| server.service_for(key).netmask)
        .collect();
    assert_eq!(
        masks,
        [
            Netmask::Ipv4("255.255.255.0".parse().unwrap()),
            Netmask::Ipv6(128)
        ]
    );
    let (lines, model) = findings(&text(entries, NAT));
    let family = "error: not of the virtual server's address family";
    assert!(
        lines.iter().all(|line| line.starts_with(family)),
        "{lines:?}"
    );
    assert_eq!(model.virtual_servers, []);
}

#[test]
fn one_packet_scheduling_is_for_udp_and_marks() {
    let text = text(
        "fwmark 7\n192.168.1.50 53",
        "ops\n lb_kind NAT\n real_server 10.0.0.1 53 {\n}",
    );
    let flags = |text: &str| -> Vec<bool> {
        let model = clean(text);
        let server = &model.virtual_servers[0];
        let one_packet = |key| {
            server
                .service_for(key)
                .flags
                .contains(ServiceFlags::ONE_PACKET)
        };
        server.keys().map(one_packet).collect()
    };
    assert_eq!(flags(&text), [true, false]);
    assert_eq!(flags(&text.replace("TCP", "UDP")), [true, true]);
}

/// A group serves several protocols: each virtual server has a number of its own.
#[test]
fn virtual_servers_of_one_group_are_numbered() {
    let server = "virtual_server group G {\n protocol TCP\n lb_algo rr\n lb_kind NAT\n \
                  real_server 10.0.0.1 53 {\n}\n}\n";
    let text = format!(
        "{server}{}virtual_server_group G {{\n192.168.1.50 53\n}}\n",
        server.replace("TCP", "UDP")
    );
    let model = clean(&text);
    let names: Vec<_> = model
        .virtual_servers
        .iter()
        .map(VirtualServer::name)
        .collect();
    assert_eq!(names, ["[G]:0", "[G]:1"]);
    assert_eq!(keys(&model.virtual_servers[1]), ["UDP 192.168.1.50:53"]);
}

#[test]
fn services_given_twice_are_left_out() {
    let (lines, model) = findings(&format!(
        "{}virtual_server 192.168.1.51 80 {{\n protocol TCP\n lb_algo rr\n lb_kind NAT\n \
         real_server 10.0.0.1 80 {{\n}}\n}}\n",
        text("192.168.1.50-52 80\n192.168.1.50 80\n", NAT)
    ));
    assert_eq!(
        lines,
        [
            "warning: service TCP 192.168.1.50:80 is given twice; \
             the first one holds, this one is left out (test.conf:6:1)",
            "error: virtual server [192.168.1.51]:tcp:80 is given twice; \
             the first one holds, this one is skipped (test.conf:6:1)"
        ]
    );
    assert_eq!(model.virtual_servers.len(), 1);
    assert_eq!(keys(&model.virtual_servers[0]).len(), 3);
}

#[test]
fn mistakes_in_groups_have_a_place_and_a_reason() {
    let lines = [
        ("bad 80", "error: `bad` is not an IP address"),
        (
            "192.168.1.80-300 80",
            "error: `300` is not the end of a range of IPv4 addresses",
        ),
        (
            "192.168.1.90-80 80",
            "error: the range ends at 192.168.1.80, before 192.168.1.90",
        ),
        (
            "192.168.1.1-2001:db8::1 80",
            "error: the range ends at 2001:db8::1, before 192.168.1.1",
        ),
        (
            "192.168.1.1/24 80",
            "error: `192.168.1.1/24` is not a network without host bits",
        ),
        (
            "10.0.0.0/8 80",
            "error: more than 65536 addresses in one line",
        ),
        (
            "192.168.1.1 70000",
            "error: `192.168.1.1` is out of range: 70000",
        ),
        ("fwmark", "error: `fwmark` needs a mark"),
        ("fwmark 0", "error: a firewall mark of 0 is none"),
        ("fwmark 7 inet7", "error: `inet7` is not an address family"),
        (
            "192.168.1.1 80 81",
            "warning: a service of a group ends before this",
        ),
    ];
    for (line, message) in lines {
        let (found, model) = findings(&text(&format!("192.168.1.50 80\n{line}"), NAT));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(message), "{found:?}");
        let count = if message.starts_with("warning") { 2 } else { 1 };
        assert_eq!(keys(&model.virtual_servers[0]).len(), count, "{line}");
    }
}

#[test]
fn a_group_must_be_defined_once_and_have_a_service() {
    let server = "virtual_server group G {\n protocol TCP\n lb_algo rr\n lb_kind NAT\n \
                  real_server 10.0.0.1 80 {\n}\n}\n";
    let (lines, model) = findings(server);
    assert_eq!(
        lines,
        ["error: virtual server group `G` is not defined; the virtual server is skipped"]
    );
    assert_eq!(model.virtual_servers, []);

    let (lines, model) = findings(&format!("virtual_server_group G {{\n}}\n{server}"));
    let empty = "error: virtual server group `G` has no service; it is left out";
    assert_eq!(lines, [empty]);
    assert_eq!(model.virtual_servers, []);

    let group = "virtual_server_group G {\n 192.168.1.50 80\n}\n";
    let (lines, model) = findings(&format!("{group}{}{server}", group.replace("50", "51")));
    let second = "error: a second `virtual_server_group G`; the first one holds, \
                  this one is skipped (test.conf:1:22)";
    assert_eq!(lines, [second]);
    assert_eq!(keys(&model.virtual_servers[0]), ["TCP 192.168.1.50:80"]);
}
