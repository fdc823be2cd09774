// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checks of LDAP, databases and gRPC in a configuration.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests: a panic is the failure"
)]

use lb_check::Registry;
use lb_core::config::{self, Mode, Parsed, ReadOptions};

fn text(block: &str) -> String {
    format!(
        "virtual_server 10.0.0.1 80 {{\n lb_algo rr\n lb_kind NAT\n protocol TCP\n virtualhost vs.example.net\n \
         real_server 10.0.0.2 80 {{\n{block}\n}}\n}}\n"
    )
}

fn parse(block: &str) -> Parsed {
    config::parse(&text(block), "lb.conf", &Registry::builtin())
}

/// The settings of the check as its `Debug` shows them; what is printed must read to the same model.
fn settings(block: &str) -> String {
    let parsed = parse(block);
    assert!(parsed.diagnostics().is_empty(), "{}", parsed.diagnostics());
    let model = parsed.into_model(Mode::Strict).unwrap();
    let check = &model.virtual_servers[0].real_servers[0].checks[0];
    assert_eq!(&*check.kind, block.split(' ').next().unwrap());
    let printed = config::print(&model).unwrap();
    let again = config::parse(&printed, "lb.conf", &Registry::builtin());
    let again = again.into_model(Mode::Strict).unwrap();
    assert_eq!(again.virtual_servers, model.virtual_servers, "{printed}");
    format!("{:?}", check.probe.check)
}

fn assert_has(settings: &str, parts: &[&str]) {
    for part in parts {
        assert!(settings.contains(part), "{part}: {settings}");
    }
}

// shows real_server: LDAP_CHECK
// shows LDAP_CHECK: base, login, password, tls, starttls, sni_name
#[test]
fn ldap_check_reads_its_settings() {
    let plain = settings("LDAP_CHECK {\n connect_timeout 2\n}");
    assert_has(
        &plain,
        &["base: \"\"", "login: None", "Plain", "timeout: 2s"],
    );
    let start = "LDAP_CHECK {\n base \"dc=example,dc=net\"\n login cn=lb\n password geheim\n starttls\n sni_name a.b\n}";
    let start = settings(start);
    assert_has(
        &start,
        &[
            "dc=example,dc=net",
            "cn=lb",
            "Secret",
            "StartTls, server_name: Some(\"a.b\")",
        ],
    );
    assert!(!start.contains("geheim"), "{start}");
    assert_has(
        &settings("LDAP_CHECK {\n tls\n}"),
        &["Tls, server_name: None"],
    );
}

// shows real_server: MYSQL_CHECK, PGSQL_CHECK
// shows MYSQL_CHECK: login, password, starttls, sni_name
// shows PGSQL_CHECK: login, database, starttls, sni_name
#[test]
fn checks_of_databases_read_their_settings() {
    assert_has(&settings("MYSQL_CHECK {\n}"), &["user: None", "Plain"]);
    let mysql = "MYSQL_CHECK {\n login lb\n password \"ge heim\"\n starttls\n sni_name db\n}";
    let mysql = settings(mysql);
    assert_has(
        &mysql,
        &[
            "Some((\"lb\", Secret(<redacted>)))",
            "StartTls, server_name: Some(\"db\")",
        ],
    );
    let pgsql = "PGSQL_CHECK {\n login lb\n database shop\n starttls\n sni_name db\n}";
    let pgsql = settings(pgsql);
    assert_has(
        &pgsql,
        &[
            "user: \"lb\"",
            "Some(\"shop\")",
            "StartTls, server_name: Some(\"db\")",
        ],
    );
}

// shows real_server: GRPC_CHECK
// shows GRPC_CHECK: service, virtualhost, tls, sni_name
#[test]
fn grpc_check_reads_its_settings() {
    let usual = settings("GRPC_CHECK {\n}");
    assert_has(
        &usual,
        &["service: \"\"", "Some(\"vs.example.net\")", "Plain"],
    );
    let tls = "GRPC_CHECK {\n service shop.Orders\n virtualhost a.b:443\n tls\n sni_name a.b\n}";
    let tls = settings(tls);
    assert_has(
        &tls,
        &[
            "shop.Orders",
            "Some(\"a.b:443\")",
            "Tls, server_name: Some(\"a.b\")",
        ],
    );
}

#[test]
fn mistakes_in_checks_of_protocols_are_reported() {
    for (block, message) in [
        ("LDAP_CHECK {\n password x\n}", "`LDAP_CHECK` needs `login`"),
        ("LDAP_CHECK {\n bse x\n}", "unknown keyword `bse`"),
        ("MYSQL_CHECK {\n starttls\n}", "`MYSQL_CHECK` needs `login`"),
        ("PGSQL_CHECK {\n}", "`PGSQL_CHECK` needs `login`"),
        (
            "GRPC_CHECK {\n virtualhost \"a b\"\n}",
            "`a b` is not a host name",
        ),
        (
            "GRPC_CHECK {\n sni_name x\n}",
            "`sni_name` has no effect in `GRPC_CHECK`",
        ),
    ] {
        let parsed = parse(block);
        let found = parsed.diagnostics().iter();
        let found: Vec<_> = found.map(|finding| finding.message.clone()).collect();
        assert_eq!(found, [message], "{block}");
    }
}

#[test]
fn keepalived_has_none_of_these_checks() {
    let options = ReadOptions::new().with_keepalived_keywords_only();
    for kind in ["LDAP_CHECK", "MYSQL_CHECK", "PGSQL_CHECK", "GRPC_CHECK"] {
        let text = text(&format!("{kind} {{\n}}"));
        let parsed = config::parse_with(&text, "lb.conf", &Registry::builtin(), &options);
        let found = parsed.diagnostics().iter();
        let found: Vec<_> = found.map(|finding| finding.message.clone()).collect();
        assert_eq!(found, [format!("keepalived has no keyword `{kind}`")]);
    }
}
