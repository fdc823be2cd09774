// SPDX-License-Identifier: MIT OR Apache-2.0
//! `via_vip` and `via_vip_marks`: what a file makes of checks at the virtual address.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use lb_check::Registry;
use lb_core::config::{self, Mode, ReadOptions};
use lb_core::model::{CheckSpec, Model};

fn read(text: &str) -> config::Parsed {
    config::parse(text, "test.conf", &Registry::builtin())
}

/// The messages of the findings, and the model of a lenient reading.
fn findings(text: &str) -> (Vec<String>, Model) {
    let parsed = read(text);
    let lines = parsed.diagnostics().to_string();
    let lines = lines.lines().map(|line| {
        let (_, message) = line.split_once(": ").unwrap();
        message.to_owned()
    });
    (lines.collect(), parsed.into_model(Mode::Lenient).unwrap())
}

fn clean(text: &str) -> Model {
    let (lines, model) = findings(text);
    assert_eq!(lines, [""; 0], "{text}");
    model
}

/// A virtual server with two checks in its only real server.
fn text(server: &str, real: &str, check: &str) -> String {
    format!(
        "virtual_server 192.168.1.50 80 {{\n lb_algo rr\n protocol TCP\n {server}\n \
         real_server 192.168.1.61 80 {{\n {real}\n TCP_CHECK {{\n {check}\n }}\n \
         MISC_CHECK {{\n misc_path /bin/true\n }}\n }}\n}}\n"
    )
}

fn first_check(model: &Model) -> &CheckSpec {
    &model.virtual_servers[0].real_servers[0].checks[0]
}

fn target(model: &Model) -> String {
    let check = first_check(model);
    let via = if check.via_vip { "via " } else { "" };
    format!("{via}{}", check.probe.target)
}

// shows real_server: via_vip
// shows all checks: via_vip
#[test]
fn the_innermost_setting_counts() {
    for (server, real, check, expected) in [
        ("lb_kind DR", "", "", "192.168.1.61:80"),
        ("lb_kind DR", "", "via_vip", "via 192.168.1.50:80"),
        ("lb_kind DR", "via_vip", "", "via 192.168.1.50:80"),
        ("lb_kind DR\n via_vip", "", "", "via 192.168.1.50:80"),
        ("lb_kind DR\n via_vip", "via_vip off", "", "192.168.1.61:80"),
        (
            "lb_kind DR\n via_vip",
            "via_vip off",
            "via_vip on",
            "via 192.168.1.50:80",
        ),
        (
            "lb_kind DR\n via_vip 192.168.1.51",
            "",
            "",
            "via 192.168.1.51:80",
        ),
        (
            "lb_kind TUN\n via_vip",
            "",
            "connect_port 81",
            "via 192.168.1.50:81",
        ),
        (
            "lb_kind DR\n via_vip",
            "",
            "bindto 192.168.1.11",
            "via 192.168.1.50:80 from 192.168.1.11:0",
        ),
        // The setting of a server is for the checks that can have it.
        ("lb_kind NAT\n via_vip", "", "", "192.168.1.61:80"),
        (
            "lb_kind DR\n via_vip",
            "lvs_method NAT",
            "",
            "192.168.1.61:80",
        ),
        (
            "lb_kind DR\n via_vip",
            "",
            "connect_ip 192.168.1.9",
            "192.168.1.9:80",
        ),
        (
            "lb_kind DR\n via_vip",
            "",
            "fwmark 7",
            "192.168.1.61:80 mark 7",
        ),
    ] {
        let model = clean(&text(server, real, check));
        assert_eq!(target(&model), expected, "{server}, {real}, {check}");
        let script = &model.virtual_servers[0].real_servers[0].checks[1];
        assert!(!script.via_vip);
    }
}

#[test]
fn a_check_that_cannot_go_there_reports_why() {
    let note = "the check goes to the real server itself";
    for (server, check, message) in [
        (
            "lb_kind NAT",
            "via_vip",
            "`via_vip` is for direct routing and tunnels",
        ),
        (
            "lb_kind DR",
            "via_vip\n connect_ip 192.168.1.9",
            "`via_vip` does not go with `connect_ip`",
        ),
        (
            "lb_kind DR",
            "via_vip\n fwmark 7",
            "`via_vip` does not go with `fwmark`",
        ),
        (
            "lb_kind TUN",
            "via_vip 2001:db8::50",
            "`via_vip` to a real server of the other family needs `bindto`",
        ),
    ] {
        let (lines, model) = findings(&text(server, "", check));
        assert!(lines[0].contains(message), "{lines:?}");
        let rendered = read(&text(server, "", check)).diagnostics().render(false);
        assert!(rendered.contains(note), "{rendered}");
        assert!(!first_check(&model).via_vip);
    }
    let script =
        text("lb_kind DR", "", "").replace("misc_path /bin/true", "misc_path /bin/true\n via_vip");
    let (lines, _) = findings(&script);
    assert!(
        lines[0].contains("`MISC_CHECK` makes no connection that IPVS forwards"),
        "{lines:?}"
    );
}

#[test]
fn a_firewall_mark_needs_an_address() {
    let marked = |line: &str| {
        format!(
            "virtual_server fwmark 5 {{\n lb_algo rr\n lb_kind DR\n real_server 192.168.1.61 80 {{\n \
             TCP_CHECK {{\n {line}\n }}\n }}\n}}\n"
        )
    };
    let (lines, _) = findings(&marked("via_vip"));
    assert!(
        lines
            .iter()
            .any(|line| line.contains("a firewall mark has no address to check")),
        "{lines:?}"
    );
    let (_, model) = findings(&marked("via_vip 192.168.1.50"));
    assert_eq!(target(&model), "via 192.168.1.50:80");
}

#[test]
fn marks_are_a_range() {
    let with = |line: &str| {
        format!(
            "global_defs {{\n {line}\n}}\n{}",
            text("lb_kind DR", "", "via_vip")
        )
    };
    let marks = |model: &Model| model.global.checks.via_vip_marks;
    let model = clean(&with("via_vip_marks 7 9"));
    assert_eq!((marks(&model).first(), marks(&model).last()), (7, 9));
    assert_eq!(marks(&clean(&with(""))).first(), 65_536);
    for line in [
        "via_vip_marks 9 7",
        "via_vip_marks 7",
        "via_vip_marks 0 7",
        "via_vip_marks a b",
    ] {
        let (lines, model) = findings(&with(line));
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!(marks(&model).first(), 65_536);
    }
    let taken = with("via_vip_marks 5 5")
        + "virtual_server fwmark 5 {\n lb_algo rr\n lb_kind NAT\n real_server 192.168.1.62 80 {\n}\n}\n";
    let parsed = read(&taken);
    let error = parsed.into_model(Mode::Strict).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("mark 5 is one of those of checks"),
        "{error}"
    );
}

#[test]
fn keepalived_has_no_such_keyword() {
    let text = format!(
        "global_defs {{\n via_vip_marks 7 9\n}}\n{}",
        text("lb_kind DR\n via_vip", "via_vip", "via_vip")
    );
    let options = ReadOptions::new().with_keepalived_keywords_only();
    let parsed = config::parse_with(&text, "test.conf", &Registry::builtin(), &options);
    let refused = parsed.diagnostics().iter().filter(|finding| {
        let message = &finding.message;
        message == "keepalived has no keyword `via_vip`"
            || message == "keepalived has no keyword `via_vip_marks`"
    });
    assert_eq!(refused.count(), 4);
    assert!(!first_check(&parsed.into_model(Mode::Lenient).unwrap()).via_vip);
}
