// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every keyword with wrong arguments: none, too many, negative, huge, fractional and other words. Each gives
//! a finding in its line.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use lb_check::Registry;
use lb_core::config::{self, KeywordEffect, KeywordHelp};

const HUGE: &str = "99999999999999999999";

/// The blocks around a line of this kind of block, from the outside.
fn blocks(keyword: &KeywordHelp) -> Vec<&'static str> {
    let server = "virtual_server 10.0.0.1 80";
    let real = "real_server 10.0.0.2 80";
    match keyword.block {
        "" => vec![],
        "global_defs" => vec!["global_defs"],
        "vrrp_instance" => vec!["vrrp_instance V"],
        "authentication" => vec!["vrrp_instance V", "authentication"],
        "auth_hmac" => vec!["vrrp_instance V", "auth_hmac"],
        "vrrp_sync_group" => vec!["vrrp_sync_group G"],
        "vrrp_script" => vec!["vrrp_script s"],
        "track_file" => vec!["track_file f"],
        "vrrp_track_process" => vec!["vrrp_track_process p"],
        "garp_group" => vec!["garp_group"],
        "track_group" => vec!["track_group g"],
        "virtual_server" => vec![server],
        "real_server" => vec![server, real],
        "all checks" => vec![server, real, "TCP_CHECK"],
        "HTTP_GET, SSL_GET" => vec![server, real, "HTTP_GET"],
        "url" => vec![server, real, "HTTP_GET", "url"],
        "SMTP_CHECK" | "SEND_EXPECT_CHECK" | "AGENT_CHECK" => vec![server, real, keyword.block],
        "IMAP_CHECK, POP3_CHECK, FTP_CHECK, NNTP_CHECK, REDIS_CHECK" => {
            vec![server, real, "IMAP_CHECK"]
        }
        "other checks" => {
            let check = match keyword.name {
                "misc_path" | "misc_timeout" | "misc_dynamic" | "user" => "MISC_CHECK",
                "name" | "type" => "DNS_CHECK",
                _ => "UDP_CHECK",
            };
            vec![server, real, check]
        }
        "FILE_CHECK" | "LDAP_CHECK" | "MYSQL_CHECK" | "PGSQL_CHECK" | "GRPC_CHECK"
        | "HTTP_CHECK" => {
            vec![server, real, keyword.block]
        }
        other => panic!("unknown block {other}"),
    }
}

/// The findings in the line `KEYWORD ARGUMENTS`.
fn findings(keyword: &KeywordHelp, arguments: &str) -> Vec<String> {
    let blocks = blocks(keyword);
    let mut text: String = blocks.iter().map(|block| format!("{block} {{\n")).collect();
    text.push_str(&format!("{} {arguments}\n", keyword.name));
    text.push_str(&"}\n".repeat(blocks.len()));
    let parsed = config::parse(&text, "lb.conf", &Registry::builtin());
    let diagnostics = parsed.diagnostics();
    let line = blocks.len() + 1;
    let here = diagnostics.iter();
    let here = here.filter(|finding| diagnostics.location(finding).line == line);
    here.map(|finding| diagnostics.line(finding)).collect()
}

/// Arguments that this form of a value does not take.
fn wrong(form: &str) -> Vec<String> {
    let mut wrong: Vec<String> = Vec::new();
    let optional = form.starts_with('[');
    let inner = form.trim_start_matches('[');
    if form.is_empty() {
        wrong.extend(["word", "1", "-1"].map(str::to_owned));
    } else if form == "[on|off]" {
        wrong.extend(["banana", "-1", HUGE, "1.5", "on off"].map(str::to_owned));
    } else if inner.starts_with("NUMBER") || inner.starts_with("SECONDS") {
        wrong.extend(["banana", "-1000", HUGE, "1x", "\"\""].map(str::to_owned));
        if !optional {
            wrong.extend([""].map(str::to_owned));
        }
        if !form.contains('…') {
            wrong.extend(["1 2 3 4 5"].map(str::to_owned));
        }
        if form.contains("overwrite") || form.contains("any sign") {
            // A number of any sign.
            wrong.retain(|words: &String| words != "-1000");
        } else if inner.starts_with("NUMBER") || form.contains("whole") {
            wrong.extend(["1.5"].map(str::to_owned));
        }
    } else if inner.starts_with("ADDRESS") || inner.starts_with("INTERFACE") {
        wrong.extend(["10.0.0.300/x a b c d e f g h i j"].map(str::to_owned));
        if !optional {
            wrong.extend([""].map(str::to_owned));
        }
    } else if !optional {
        wrong.extend([""].map(str::to_owned));
    }
    wrong
}

#[test]
fn each_wrong_argument_has_a_finding() {
    let mut silent = Vec::new();
    let mut count = 0;
    for keyword in config::keywords() {
        let form = keyword.argument.as_str();
        let ignored = keyword.effect != KeywordEffect::Full;
        if ignored || form.contains('{') || keyword.name.starts_with("include") {
            continue;
        }
        for arguments in wrong(form) {
            count += 1;
            if findings(&keyword, &arguments).is_empty() {
                silent.push(format!("{} {} {arguments:?}", keyword.block, keyword.name));
            }
        }
    }
    assert!(
        silent.is_empty(),
        "{} of {count}: {silent:#?}",
        silent.len()
    );
    assert!(count >= 800, "{count}");
}

#[test]
fn no_argument_is_too_much_for_any_keyword() {
    for keyword in config::keywords() {
        for arguments in [
            "",
            "-1",
            HUGE,
            "1.5",
            "a b c d e f g h",
            "{",
            "}",
            "\"",
            "$x ${y}",
        ] {
            findings(&keyword, arguments);
        }
    }
}
