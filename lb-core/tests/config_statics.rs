// SPDX-License-Identifier: MIT OR Apache-2.0
//! `static_ipaddress`, `static_routes`, `static_rules` and `track_group` as they are read from a file.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use lb_check::Registry;
use lb_core::config::{self, Mode};
use lb_core::model::{StaticItems, TrackGroup};

const INSTANCE: &str = "vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 5
    virtual_ipaddress {
        192.0.2.100
    }
}
";

fn read(text: &str) -> (StaticItems, String) {
    let parsed = config::parse(text, "t.conf", &Registry::builtin());
    let found = parsed.diagnostics().to_string();
    let model = parsed.into_model(Mode::Lenient).unwrap();
    (model.statics, found)
}

fn names(statics: &StaticItems) -> Vec<String> {
    statics.names().collect()
}

#[test]
fn a_file_needs_no_instance() {
    let text = "
global_defs {
    default_interface eth9
}
static_ipaddress {
    192.0.2.11/24 brd + dev eth0 label eth0:own scope link
    192.0.2.12/24
    192.0.2.12/24 dev eth1 no_track
    2001:db8::11/64 dev eth0 preferred_lft 77 -nodad
}
static_routes {
    198.51.100.0/24 via 192.0.2.3 dev eth0
    blackhole 203.0.113.0/24 no_track
}
static_rules {
    from 192.0.2.11 table 100 priority 700
    inet6 table 9 priority 701
}
static_ipaddress {
    192.0.2.13
}
";
    let (statics, found) = read(text);
    assert_eq!(found, "");
    assert_eq!(
        names(&statics),
        [
            "address 192.0.2.11/24 dev eth0",
            "address 192.0.2.12/24 dev eth9",
            "address 192.0.2.12/24 dev eth1",
            "address 2001:db8::11/64 dev eth0",
            "address 192.0.2.13/32 dev eth9",
            "route 198.51.100.0/24 via 192.0.2.3 dev eth0",
            "route blackhole 203.0.113.0/24",
            "rule 700: from 192.0.2.11 lookup 100",
            "rule 701: from all lookup 9 inet6",
        ]
    );
    let first = &statics.addresses[0].item;
    assert_eq!(first.label.as_deref(), Some("eth0:own"));
    assert_eq!(first.broadcast, Some([192, 0, 2, 255].into()));
    let tracked: Vec<bool> = statics
        .addresses
        .iter()
        .map(|address| address.item.tracked)
        .collect();
    assert_eq!(tracked, [true, true, false, true, true]);
    assert!(!statics.routes[1].item.tracked);
    assert!(statics.groups.is_empty());
}

#[test]
fn an_address_without_an_interface_goes_to_keepalived_s_default() {
    let (statics, found) = read("static_ipaddress {\n 192.0.2.12/24\n}\n");
    assert_eq!(found, "");
    assert_eq!(names(&statics), ["address 192.0.2.12/24 dev eth0"]);
}

#[test]
fn a_line_names_a_group_that_stands_above_it() {
    let text = format!(
        "track_group G {{\n group {{\n VI_1\n }}\n}}\n\
         static_ipaddress {{\n 192.0.2.11/24 track_group G\n}}\n\
         static_routes {{\n 10.0.0.0/8 dev eth0 track_group G\n}}\n\
         static_rules {{\n table 9 priority 70 track_group G\n table 9 priority 71\n}}\n{INSTANCE}"
    );
    let (statics, found) = read(&text);
    assert_eq!(found, "");
    assert_eq!(statics.groups, [TrackGroup::new("G", ["VI_1"])]);
    let group = Some("G".to_owned());
    assert_eq!(statics.addresses[0].group, group);
    assert_eq!(statics.routes[0].group, group);
    assert_eq!(statics.rules[0].group, group);
    assert_eq!(statics.rules[1].group, None);
}

#[test]
fn mistakes_are_reported_with_their_position() {
    for (text, expected) in [
        (
            "static_ipaddress {\n 192.0.2.11/24 track_group G\n}\n\
             track_group G {\n group {\n VI_1\n }\n}\n",
            "t.conf:2:28: error: `track_group G` is defined too late\n",
        ),
        (
            "track_group uplink {\n group {\n VI_1\n }\n}\n\
             static_routes {\n 10.0.0.0/8 dev eth0 track_group uplnk\n}\n",
            "t.conf:7:34: error: no `track_group uplnk`; did you mean `uplink`?\n",
        ),
        (
            "track_group G {\n group {\n VI_1\n }\n}\ntrack_group G {\n group {\n VI_1\n }\n}\n",
            "t.conf:6:13: error: a second `track_group G`\n",
        ),
        (
            "track_group G {\n group {\n VI_2\n }\n}\n",
            "t.conf:3:2: error: no `vrrp_instance VI_2`; did you mean `VI_1`?\n",
        ),
        (
            "track_group G {\n group {\n VI_1 VI_1\n }\n}\n",
            "t.conf:3:7: warning: `VI_1` is given twice\n",
        ),
        (
            "track_group G {\n}\n",
            "t.conf:1:13: warning: a track group without a member\n",
        ),
        (
            "track_group G {\n groop {\n VI_1\n }\n group {\n VI_1\n }\n}\n",
            "t.conf:2:2: error: unknown keyword `groop`; did you mean `group`?; the block is skipped\n",
        ),
        (
            "track_group G {\n group {\n VI_1\n }\n}\n\
             static_rules {\n table 9 priority 70 track_group G no_track\n}\n",
            "t.conf:7:2: warning: both `no_track` and `track_group`\n",
        ),
        (
            "static_ipaddress {\n 192.0.2.11/24 dev eth1\n 192.0.2.11/25 dev eth1\n}\n",
            "t.conf:3:2: warning: address 192.0.2.11 is given twice\n",
        ),
        (
            "static_ipaddress {\n 192.0.2.11/24 use_vmac\n}\n",
            "t.conf:2:2: warning: `use_vmac` is for the addresses of an instance\n",
        ),
        (
            "static_routes {\n 10.0.0.0/8 dev eth0\n 10.0.0.0/8 dev eth0 no_track\n}\n",
            "t.conf:3:2: warning: route 10.0.0.0/8 dev eth0 is given twice\n",
        ),
        (
            "static_ipaddress {\n 224.0.0.1\n}\n",
            "t.conf:2:2: error: this is no address: no address of a host\n",
        ),
        (
            "static_routes {\n 10.0.0.0/8 via 192.0.2.3 fast\n}\n",
            "t.conf:2:27: error: unknown option `fast`\n",
        ),
    ] {
        let (_, found) = read(&format!("{text}{INSTANCE}"));
        assert!(found.starts_with(expected.trim_end()), "{text}: {found}");
        assert_eq!(found.lines().count(), 1, "{text}: {found}");
    }
}

#[test]
fn a_line_with_a_mistake_loses_no_more_than_itself() {
    let (statics, _) = read(&format!(
        "static_ipaddress {{\n 192.0.2.11/24 track_group G\n 192.0.2.500\n 192.0.2.12\n}}\n\
         static_routes {{\n 10.0.0.0/8 via nowhere\n 10.1.0.0/16 dev eth0\n}}\n{INSTANCE}"
    ));
    assert_eq!(
        names(&statics),
        [
            "address 192.0.2.11/24 dev eth0",
            "address 192.0.2.12/32 dev eth0",
            "route 10.1.0.0/16 dev eth0"
        ]
    );
    assert_eq!(statics.addresses[0].group, None);
}

/// keepalived counts down through static rules and those of instances.
#[test]
fn rules_without_a_priority_are_counted_with_the_others() {
    let (statics, found) = read("static_rules {\n table 9\n from 10.0.0.1 table 9\n}\n");
    assert_eq!(
        names(&statics),
        [
            "rule 16384: from all lookup 9",
            "rule 16383: from 10.0.0.1 lookup 9"
        ]
    );
    assert_eq!(found.matches("without `priority`").count(), 2);
}
