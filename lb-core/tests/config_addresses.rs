// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lines of `virtual_ipaddress` and `virtual_ipaddress_excluded`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use lb_check::Registry;
use lb_core::config::{self, Mode};
use lb_core::model::VirtualAddress;
use lb_vrrp::{AddressFlag, Scope};

/// The address of an excluded line, and what is found in it.
fn read(line: &str) -> (Option<VirtualAddress>, String) {
    let text = format!(
        "vrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 5\n virtual_ipaddress {{\n  \
         192.0.2.100\n }}\n virtual_ipaddress_excluded {{\n  {line}\n }}\n}}\n"
    );
    let parsed = config::parse(&text, "a.conf", &Registry::builtin());
    let found = parsed.diagnostics().to_string();
    let mut model = parsed.into_model(Mode::Lenient).unwrap();
    (
        model.routers[0].spec.virtual_addresses.drain(1..).next(),
        found,
    )
}

fn address(text: &str) -> VirtualAddress {
    VirtualAddress::new(text.parse().unwrap())
}

#[test]
fn lines_say_what_ip_address_would() {
    for (line, wanted) in [
        (
            "192.0.2.1/24 dev eth1 label eth1:vip scope link brd +",
            address("192.0.2.1")
                .with_prefix_len(24)
                .with_interface("eth1")
                .with_label("eth1:vip")
                .with_scope(Scope::LINK)
                .with_broadcast("192.0.2.255".parse().unwrap()),
        ),
        (
            "192.0.2.1/24 peer 192.0.2.55",
            address("192.0.2.1").with_peer("192.0.2.55".parse().unwrap(), 32),
        ),
        (
            "192.0.2.1 peer 192.0.2.55/30 no_track",
            address("192.0.2.1")
                .with_peer("192.0.2.55".parse().unwrap(), 30)
                .with_tracked(false),
        ),
        (
            "192.0.2.1/24 noprefixroute autojoin",
            address("192.0.2.1")
                .with_prefix_len(24)
                .with_flag(AddressFlag::NoPrefixRoute)
                .with_flag(AddressFlag::AutoJoin),
        ),
        (
            "2001:db8::5/64 home -nodad mngtmpaddr preferred_lft 100",
            address("2001:db8::5")
                .with_prefix_len(64)
                .with_flag(AddressFlag::Home)
                .with_flag(AddressFlag::DetectDuplicates)
                .with_flag(AddressFlag::ManageTemporary)
                .with_preferred_lifetime(100),
        ),
        (
            "2001:db8::6 preferred_lft forever",
            address("2001:db8::6").with_preferred_lifetime(u32::MAX),
        ),
    ] {
        let (read, found) = read(line);
        assert_eq!(found, "", "{line}");
        assert_eq!(read, Some(wanted), "{line}");
    }
}

#[test]
fn mistakes_have_a_place_and_the_address_stays_where_keepalived_keeps_it() {
    for (line, kept, wanted) in [
        (
            "192.0.2.1 home",
            true,
            "a.conf:8:13: warning: `home` is for IPv6 addresses\n",
        ),
        (
            "192.0.2.1 preferred_lft 5",
            true,
            "a.conf:8:13: warning: `preferred_lft` is for IPv6 addresses\n",
        ),
        (
            "2001:db8::5 label eth0:1",
            true,
            "a.conf:8:15: error: `label` is for IPv4 addresses; it is ignored\n",
        ),
        (
            "fe80::5 scope link",
            true,
            "a.conf:8:11: warning: `scope` is for IPv4 addresses; it is ignored\n",
        ),
        (
            "192.0.2.1 peer 2001:db8::1",
            true,
            "a.conf:8:18: error: a peer of the other family\n",
        ),
        (
            "192.0.2.1 peer 192.0.2.5/33",
            true,
            "a.conf:8:18: error: `192.0.2.5/33` has no prefix length\n",
        ),
        (
            "2001:db8::5 preferred_lft soon",
            true,
            "a.conf:8:29: error: `soon` is not a lifetime; a number of seconds, or forever\n",
        ),
        (
            "192.0.2.1 track_group TG",
            true,
            "a.conf:8:13: warning: `track_group` is for static addresses\n",
        ),
        (
            "192.0.2.1 no_trak",
            true,
            "a.conf:8:13: error: unknown option `no_trak`; did you mean `no_track`?\n",
        ),
        (
            "192.0.2.1 peer",
            false,
            "a.conf:8:13: error: `peer` needs a value\n",
        ),
        (
            "192.0.2.1/33",
            false,
            "a.conf:8:3: error: `33` is not a prefix length\n",
        ),
    ] {
        let (read, found) = read(line);
        assert_eq!(found, wanted, "{line}");
        assert_eq!(read.is_some(), kept, "{line}");
    }
}
