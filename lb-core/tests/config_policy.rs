// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of the policy of checks: rise, fall, fast_interval, down_interval, deadline, jitter.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::time::Duration;

use lb_check::{FirstVerdict, Policy, Registry};
use lb_core::config::{self, Mode, Parsed};

/// A virtual server with lines of its own, of its real server and of a check of that.
fn text(server: &str, real: &str, check: &str) -> String {
    format!(
        "virtual_server 192.0.2.1 80 {{\nprotocol TCP\nlb_algo wrr\nlb_kind DR\n{server}\n\
         real_server 192.0.2.61 80 {{\n{real}\n{check}\n}}\n}}\n"
    )
}

fn parse(text: &str) -> Parsed {
    config::parse(text, "test.conf", &Registry::builtin())
}

/// The policy of the only check, without a finding.
fn policy(server: &str, real: &str, check: &str) -> Policy {
    let parsed = parse(&text(server, real, check));
    assert!(
        parsed.diagnostics().is_empty(),
        "{}",
        parsed.diagnostics().render(false)
    );
    let model = parsed.into_model(Mode::Strict).unwrap();
    let check = &model.virtual_servers[0].real_servers[0].checks[0];
    check.probe.policy.as_ref().clone()
}

fn tcp(lines: &str) -> String {
    format!("TCP_CHECK {{\n{lines}\n}}")
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The TCP_CHECK of no keyword at all.
fn usual() -> Policy {
    Policy::default().with_deadline(millis(5500))
}

const ALL: &str = "rise 3\nfall 4\nfast_interval 0.5\ndown_interval 20\ndeadline 2.5\njitter 10";

fn all() -> Policy {
    usual()
        .with_rise(3)
        .with_fall(4)
        .with_fast_interval(millis(500))
        .with_down_interval(millis(20_000))
        .with_deadline(millis(2500))
        .with_jitter(10)
}

// shows virtual_server: rise, fall, fast_interval, down_interval, deadline, jitter
// shows real_server: rise, fall, fast_interval, down_interval, deadline, jitter
// shows all checks: rise, fall, fast_interval, down_interval, deadline, jitter
#[test]
fn each_block_may_have_each_keyword() {
    assert_eq!(policy("", "", &tcp("")), usual());
    assert_eq!(policy("", "", &tcp(ALL)), all());
    assert_eq!(policy("", ALL, &tcp("")), all());
    assert_eq!(policy(ALL, "", &tcp("")), all());
}

#[test]
fn inner_settings_replace_outer_ones_one_by_one() {
    let outer = "rise 9\nfast_interval 9\njitter 9";
    let expected = usual()
        .with_rise(2)
        .with_fast_interval(millis(1000))
        .with_jitter(9);
    assert_eq!(policy(outer, "rise 2", &tcp("fast_interval 1")), expected);
    assert_eq!(policy(outer, "fast_interval 1", &tcp("rise 2")), expected);
}

#[test]
fn inner_retry_replaces_outer_fall_and_the_other_way() {
    assert_eq!(policy("fall 9", "retry 2", &tcp("")).fall(), 3);
    assert_eq!(policy("retry 9", "", &tcp("fall 2")).retries, 1);
    assert_eq!(policy("retry 9", "fall 5", &tcp("retry 0")).fall(), 1);
    assert_eq!(
        policy("", "", "MISC_CHECK {\nmisc_path /bin/true\nfall 3\n}").retries,
        2
    );
}

#[test]
fn inner_fast_interval_replaces_outer_delay_before_retry_and_the_other_way() {
    let fast = policy("delay_before_retry 9", "", &tcp("fast_interval 2"));
    assert_eq!(
        (fast.fast_interval, fast.retry_delay),
        (Some(millis(2000)), millis(1000))
    );
    let slow = policy("fast_interval 9", "delay_before_retry 2", &tcp(""));
    assert_eq!((slow.fast_interval, slow.retry_delay), (None, millis(2000)));
}

#[test]
fn down_interval_and_fast_interval_replace_the_rule_of_http_get() {
    let http = |lines: &str| {
        let check = format!("HTTP_GET {{\ndelay_loop 1\n{lines}\nurl {{\npath /\n}}\n}}");
        policy("", "", &check)
    };
    assert_eq!(http("").down_interval, Some(millis(3000)));
    assert_eq!(http("down_interval 0.2").down_interval, Some(millis(200)));
    assert_eq!(http("fast_interval 0.2").down_interval, None);
}

#[test]
fn warmup_brings_the_first_verdict_of_keepalived() {
    let keepalived = policy("", "", &tcp("warmup 5"));
    assert_eq!(keepalived.first, FirstVerdict::OneFailure);
    assert_eq!(keepalived.warmup, Some(millis(5000)));
    assert_eq!(policy("", "", &tcp("")).first, FirstVerdict::Counted);
    // The whole of keepalived's rules without a keyword, but for the deadline.
    let exact = policy("", "", &tcp("warmup 60"));
    assert_eq!(exact, Policy::keepalived().with_deadline(millis(5500)));
}

#[test]
fn contradictions_are_errors_where_the_later_line_is() {
    for (lines, message) in [
        (
            "retry 2\nfall 3",
            "10:6: error: `fall` contradicts `retry`; ",
        ),
        (
            "fall 3\nretry 2",
            "10:7: error: `retry` contradicts `fall`; ",
        ),
        (
            "fast_interval 1\ndelay_before_retry 2",
            "10:20: error: `delay_before_retry` contradicts `fast_interval`; ",
        ),
    ] {
        let parsed = parse(&text("", "", &tcp(lines)));
        let findings = parsed.diagnostics().to_string();
        let expected = format!("test.conf:{message}");
        assert!(findings.starts_with(&expected), "{lines}: {findings}");
        assert_eq!(parsed.diagnostics().errors(), 1);
        assert!(parsed.into_model(Mode::Strict).is_err());
    }
    // In the other blocks as well; the earlier line holds where errors are skipped.
    for (server, real) in [("retry 4\nfall 3", ""), ("", "retry 4\nfall 3")] {
        let parsed = parse(&text(server, real, &tcp("")));
        assert_eq!(parsed.diagnostics().errors(), 1, "{server}{real}");
        let model = parsed.into_model(Mode::Lenient).unwrap();
        let check = &model.virtual_servers[0].real_servers[0].checks[0];
        assert_eq!(check.probe.policy.retries, 4);
    }
}

#[test]
fn values_have_their_ranges() {
    for line in [
        "rise 0",
        "rise -1",
        "fall 0",
        "fast_interval 0",
        "down_interval 0",
        "deadline 0",
        "deadline soon",
        "jitter 51",
        "jitter",
    ] {
        for (server, real, check) in [(line, "", ""), ("", line, ""), ("", "", line)] {
            let parsed = parse(&text(server, real, &tcp(check)));
            assert_eq!(parsed.diagnostics().errors(), 1, "{line}");
            let model = parsed.into_model(Mode::Lenient).unwrap();
            let check = &model.virtual_servers[0].real_servers[0].checks[0];
            assert_eq!(*check.probe.policy, usual(), "{line}");
        }
    }
    assert_eq!(policy("jitter 50", "", &tcp("")).jitter, Policy::MAX_JITTER);
}

#[test]
fn fast_interval_above_delay_loop_is_a_warning() {
    let parsed = parse(&text("", "", &tcp("delay_loop 2\nfast_interval 3")));
    let findings = parsed.diagnostics().to_string();
    assert!(
        findings
            .starts_with("test.conf:10:15: warning: `fast_interval` is longer than `delay_loop`"),
        "{findings}"
    );
    assert!(parsed.into_model(Mode::Strict).is_ok());
}

#[test]
fn each_keyword_is_refused_where_only_those_of_keepalived_are_valid() {
    let options = config::ReadOptions::new().with_keepalived_keywords_only();
    for (server, real, check) in [(ALL, "", ""), ("", ALL, ""), ("", "", ALL)] {
        let text = text(server, real, &tcp(check));
        let parsed = config::parse_with(&text, "test.conf", &Registry::builtin(), &options);
        let findings = parsed.diagnostics().to_string();
        for keyword in ALL.split(|c: char| !c.is_ascii_lowercase() && c != '_') {
            let message = format!("keepalived has no keyword `{keyword}`");
            assert!(
                keyword.is_empty() || findings.contains(&message),
                "{findings}"
            );
        }
        assert_eq!(parsed.diagnostics().errors(), 6);
        let model = parsed.into_model(Mode::Lenient).unwrap();
        let check = &model.virtual_servers[0].real_servers[0].checks[0];
        assert_eq!(*check.probe.policy, usual());
    }
}

#[test]
fn printed_policy_has_what_differs_from_the_defaults() {
    let printed = |lines: &str| {
        let parsed = parse(&text("", "", &tcp(lines)));
        config::print(&parsed.into_model(Mode::Strict).unwrap()).unwrap()
    };
    let all = printed(ALL);
    for line in [
        "retry 3",
        "rise 3",
        "fast_interval 0.5",
        "down_interval 20",
        "deadline 2.5",
        "jitter 10",
    ] {
        assert!(
            all.lines().any(|printed| printed.trim() == line),
            "{line}: {all}"
        );
    }
    assert!(!all.contains("delay_before_retry"), "{all}");
    let usual = printed("");
    for keyword in [
        "rise",
        "fast_interval",
        "down_interval",
        "deadline",
        "jitter",
    ] {
        assert!(!usual.contains(keyword), "{keyword}: {usual}");
    }
}
