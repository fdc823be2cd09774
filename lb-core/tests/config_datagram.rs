// SPDX-License-Identifier: MIT OR Apache-2.0
//! DNS_CHECK, UDP_CHECK, PING_CHECK, SIP_CHECK and RADIUS_CHECK in a configuration.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use std::time::Duration;

use lb_check::Registry;
use lb_core::config::{self, Mode, ReadOptions};
use lb_core::model::CheckSpec;

/// A virtual server with this check.
fn text(block: &str) -> String {
    format!(
        "virtual_server 10.0.0.1 53 {{\n delay_loop 7\n lb_algo rr\n lb_kind NAT\n protocol UDP\n \
         real_server 10.0.0.2 53 {{\n{block}\n}}\n}}\n"
    )
}

fn parse(text: &str) -> config::Parsed {
    config::parse(text, "lb.conf", &Registry::builtin())
}

fn messages(parsed: &config::Parsed) -> Vec<String> {
    let findings = parsed.diagnostics().iter();
    findings.map(|finding| finding.message.clone()).collect()
}

/// The check of a block without findings.
fn check(block: &str) -> CheckSpec {
    let parsed = parse(&text(block));
    assert_eq!(messages(&parsed), [""; 0], "{block}");
    let model = parsed.into_model(Mode::Strict).unwrap();
    model.virtual_servers[0].real_servers[0].checks[0].clone()
}

const BLOCKS: [&str; 8] = [
    "DNS_CHECK {\n}",
    "DNS_CHECK {\n type aaaa\n name example.org\n retry 2\n connect_timeout 2\n}",
    "DNS_CHECK {\n type TYPE65400\n name example.org\n tcp\n rcode NOERROR nxdomain\n answer 192.0.2.1 \"a b\"\n}",
    "UDP_CHECK {\n}",
    "UDP_CHECK {\n payload 00ff\n require_reply 00XX\n min_reply_length 2\n max_reply_length 20\n}",
    "PING_CHECK {\n retry 2\n bindto 10.0.0.9\n}",
    "SIP_CHECK {\n user root\n tcp\n status_code 200 400-499\n}",
    "RADIUS_CHECK {\n user root\n password \"a b\"\n secret s3cr3t\n accept_reject\n}",
];

// shows real_server: DNS_CHECK, UDP_CHECK, PING_CHECK, SIP_CHECK, RADIUS_CHECK
// shows DNS_CHECK: type, name, tcp, rcode, answer
// shows UDP_CHECK: payload, require_reply, min_reply_length, max_reply_length
// shows SIP_CHECK: login, tcp, status_code
// shows RADIUS_CHECK: login, password, secret, accept_reject
#[test]
fn keywords_reach_their_check() {
    for (block, expected) in [
        (
            "DNS_CHECK {\n type aaaa\n name a.b\n tcp\n rcode 0 nxdomain\n answer x y\n}",
            "connect_timeout 5; type AAAA; name a.b; tcp; rcode NOERROR NXDOMAIN; answer x y",
        ),
        (
            "UDP_CHECK {\n payload 00FF\n require_reply 0x\n min_reply_length 2\n max_reply_length 3\n}",
            "connect_timeout 5; payload 00ff; require_reply 0X; min_reply_length 2; max_reply_length 3",
        ),
        ("PING_CHECK {\n connect_timeout 2\n}", "connect_timeout 2"),
        (
            "SIP_CHECK {\n login a@b\n tcp\n status_code 200 400-499\n}",
            "connect_timeout 5; login a@b; tcp; status_code 200 400-499",
        ),
        (
            "RADIUS_CHECK {\n login a\n password b\n secret c\n accept_reject\n}",
            "connect_timeout 5; login a; password b; secret c; accept_reject",
        ),
    ] {
        let lines = check(block).probe.check.lines().unwrap();
        let lines: Vec<String> = lines
            .iter()
            .map(|line| [&[line.name.clone()][..], &line.values].concat().join(" "))
            .collect();
        assert_eq!(lines.join("; "), expected, "{block}");
    }
}

#[test]
fn checks_are_built_and_printed() {
    for block in BLOCKS {
        let spec = check(block);
        let kind = block.split(' ').next().unwrap();
        assert_eq!(&*spec.kind, kind);
        let model = parse(&text(block)).into_model(Mode::Strict).unwrap();
        let printed = config::print(&model).unwrap();
        let again = parse(&printed).into_model(Mode::Strict).unwrap();
        assert_eq!(again, model, "{printed}");
    }
}

#[test]
fn retries_of_dns_wait_as_long_as_its_period() {
    for (block, delay, retries) in [
        ("DNS_CHECK {\n}", 7, 3),
        ("DNS_CHECK {\n delay_loop 4\n}", 4, 3),
        (
            "DNS_CHECK {\n delay_loop 4\n delay_before_retry 2\n retry 1\n}",
            2,
            1,
        ),
        ("UDP_CHECK {\n}", 1, 1),
        ("PING_CHECK {\n}", 1, 1),
        ("SIP_CHECK {\n}", 1, 1),
    ] {
        let policy = &check(block).probe.policy;
        assert_eq!(policy.retry_delay, Duration::from_secs(delay), "{block}");
        assert_eq!(policy.retries, retries, "{block}");
    }
}

#[test]
fn only_a_ping_needs_no_port() {
    let without = |check: &str| {
        format!(
            "virtual_server fwmark 7 {{\n lb_algo rr\n lb_kind NAT\n \
             real_server 10.0.0.2 {{\n{check} {{\n}}\n}}\n}}\n"
        )
    };
    assert_eq!(messages(&parse(&without("PING_CHECK"))), [""; 0]);
    for kind in ["UDP_CHECK", "DNS_CHECK"] {
        let found = messages(&parse(&without(kind)));
        assert!(
            found.contains(&format!("`{kind}` has no port to connect to")),
            "{found:?}"
        );
    }
}

#[test]
fn mistakes_are_reported_and_the_rest_holds() {
    for (block, message) in [
        (
            "DNS_CHECK {\n type BANANA\n}",
            "`BANANA` is not a type of record",
        ),
        ("DNS_CHECK {\n tpye A\n}", "unknown keyword `tpye`"),
        ("DNS_CHECK {\n rcode 16\n}", "`16` is not a response code"),
        (
            "UDP_CHECK {\n payload xyz\n}",
            "`xyz` is not a row of hexadecimal digits",
        ),
        (
            "UDP_CHECK {\n payload 0X\n}",
            "`0X` is not a row of hexadecimal digits",
        ),
        (
            "UDP_CHECK {\n min_reply_length 70000\n}",
            "`70000` is not a number of bytes from 0 to 65535",
        ),
        (
            "PING_CHECK {\n connect_port 0\n}",
            "`connect_port` is out of range: 0",
        ),
        ("PING_CHECK {\n payload 00\n}", "unknown keyword `payload`"),
        (
            "SIP_CHECK {\n status_code 2\n}",
            "`2` is not a status code, or two of them with - between",
        ),
        (
            "RADIUS_CHECK {\n secret s\n}",
            "`RADIUS_CHECK` needs `login`",
        ),
    ] {
        let parsed = parse(&text(block));
        assert_eq!(messages(&parsed), [message], "{block}");
        assert_eq!(parsed.keepalived_status(), 5, "{block}");
    }
}

#[test]
fn findings_show_no_secret() {
    let long = "x".repeat(300);
    let block = format!("RADIUS_CHECK {{\n login a\n password {long}\n secret \"\"\n}}");
    let shown = parse(&text(&block)).diagnostics().to_string();
    assert!(!shown.contains("xxx"), "{shown}");
}

#[test]
fn keepalived_has_no_sip_and_no_radius() {
    let options = ReadOptions::new().with_keepalived_keywords_only();
    for block in ["SIP_CHECK {\n}", "RADIUS_CHECK {\n login a\n secret b\n}"] {
        let parsed = config::parse_with(&text(block), "lb.conf", &Registry::builtin(), &options);
        let kind = block.split(' ').next().unwrap();
        assert_eq!(
            messages(&parsed),
            [format!("keepalived has no keyword `{kind}`")]
        );
    }
}
