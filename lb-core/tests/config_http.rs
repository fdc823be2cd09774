// SPDX-License-Identifier: MIT OR Apache-2.0
//! Regular expressions of pages, `HTTP_CHECK` and the block `SSL` in a configuration.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use lb_check::Registry;
use lb_core::config::{self, Mode};
use lb_core::model::Model;

/// A certificate and its key.
const PEM: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../lb-check/tests/data/tls.pem"
);

fn text(block: &str) -> String {
    format!(
        "virtual_server 10.0.0.1 80 {{\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server 10.0.0.2 80 {{\n{block}\n}}\n}}\n"
    )
}

/// The model of a text without findings, which is printed and read again.
fn model(text: &str) -> Model {
    let parse = |text: &str| {
        let parsed = config::parse(text, "t.conf", &Registry::builtin());
        let findings = parsed.diagnostics().render(false);
        assert!(parsed.diagnostics().is_empty(), "{findings}");
        parsed.into_model(Mode::Strict).unwrap()
    };
    let model = parse(text);
    let printed = config::print(&model).unwrap();
    assert_eq!(parse(&printed), model, "{printed}");
    model
}

/// The identity of the only check.
fn identity(model: &Model) -> String {
    let checks = &model.virtual_servers[0].real_servers[0].checks;
    assert_eq!(checks.len(), 1);
    checks[0].probe.check.identity().to_string()
}

fn findings(text: &str) -> String {
    let parsed = config::parse(text, "t.conf", &Registry::builtin());
    parsed.diagnostics().render(false)
}

// shows url: regex, regex_options, regex_no_match, regex_min_offset, regex_max_offset, regex_stack
#[test]
fn regular_expressions_of_pages_are_read() {
    let block = text(
        r#"HTTP_GET {
            url {
                path /
                regex "a{2} \\d+ # \"b"
                regex_options caseless utf
                regex_no_match
                regex_min_offset 3
                regex_max_offset 300
                regex_stack 32768 1048576
            }
        }"#,
    );
    // An escaped quote ends a word of the line, and the rest of the line is another.
    let block = block.replace(r#" # \"b""#, "\"");
    let identity = identity(&model(&block));
    for part in [
        r#"pattern: "a{2} \\d+""#,
        "options: [Caseless, Utf]",
        "stack: Some((32768, 1048576))",
        "no_match: true",
        "min_offset: 3",
        "max_offset: Some(300)",
    ] {
        assert!(identity.contains(part), "{part} in {identity}");
    }
}

#[test]
fn options_that_cannot_be_set_are_errors_at_their_place() {
    let block = "HTTP_GET {\n url {\n path /\n regex a\n regex_options caseless alt_bsux\n }\n }";
    let found = findings(&text(block));
    let message = "`alt_bsux` is not an option that this version can set";
    assert!(found.contains(message), "{found}");
    assert!(found.contains("t.conf:10:25"), "{found}");
    let block = "HTTP_GET {\n url {\n path /\n regex (a\n }\n }";
    let found = findings(&text(block));
    let message = "`(a` is not a regular expression: missing closing parenthesis at offset 2";
    assert!(found.contains(message), "{found}");
    assert!(found.contains("t.conf:9:8"), "{found}");
    let block = "HTTP_GET {\n url {\n path /\n regex_no_match\n }\n }";
    let found = findings(&text(block));
    assert!(found.contains("`regex_no_match` has no effect"), "{found}");
}

// shows real_server: HTTP_CHECK
// shows HTTP_CHECK: path, method, virtualhost, header, body, http_protocol, status_code, expect_header, text, digest
// shows HTTP_CHECK: sha256, regex, regex_options, regex_no_match, regex_min_offset, regex_max_offset, regex_stack
// shows HTTP_CHECK: tls, verify, ca, certificate, key, sni_name, certificate_warning, timeout
#[test]
fn an_http_check_has_all_its_words() {
    let sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let block = format!(
        r#"HTTP_CHECK {{
            path /health?full=1
            method POST
            virtualhost www.example.net
            header X-Probe "yes, please"
            header X-Other 1
            body "are you well?"
            http_protocol 2
            status_code 200-299 401
            expect_header Server
            expect_header X-Status fine
            text "all is well"
            digest 5d41402abc4b2a76b9719d911017c592
            sha256 {sha256}
            regex "^\\d+$"
            regex_options multiline
            regex_no_match
            regex_min_offset 1
            regex_max_offset 2
            regex_stack 32768 65536
            tls
            verify off
            ca {PEM}
            certificate {PEM}
            key {PEM}
            sni_name sni.example.net
            certificate_warning 14
            timeout 2.5
            connect_timeout 1
            retry 2
        }}"#
    );
    let model = model(&text(&block));
    let identity = identity(&model);
    for part in [
        r#"method: "POST""#,
        r#"path: "/health?full=1""#,
        r#"virtualhost: Some("www.example.net")"#,
        r#"headers: [("X-Probe", "yes, please"), ("X-Other", "1")]"#,
        r#"body: Some("are you well?")"#,
        "version: Http2",
        "status: [200..=299, 401..=401]",
        r#"headers: [("Server", None), ("X-Status", Some("fine"))]"#,
        r#"text: Some("all is well")"#,
        "Md5Digest(5d41402abc4b2a76b9719d911017c592)",
        sha256,
        r#"pattern: "^\\d+$", options: [Multiline], stack: Some((32768, 65536)), no_match: true"#,
        "min_offset: 1, max_offset: Some(2)",
        "verify: false",
        r#"name: Some("sni.example.net"), certificate_warning: Some(14)"#,
        "connect_timeout: 1s, total_timeout: 2.5s",
    ] {
        assert!(identity.contains(part), "{part} in {identity}");
    }
    assert_eq!(identity.matches("tls.pem").count(), 3, "{identity}");
    let probe = &model.virtual_servers[0].real_servers[0].checks[0].probe;
    assert_eq!(probe.policy.retries, 2);
}

#[test]
fn a_check_does_not_run_without_its_certificates() {
    let block = "HTTP_CHECK {\n path /\n tls\n ca /missing.pem\n }";
    let found = findings(&text(block));
    assert!(found.contains("cannot read '/missing.pem'"), "{found}");
    assert!(found.contains("t.conf:9:2"), "{found}");
    let block = "HTTP_CHECK {\n path /\n tls\n verify off\n key k.pem\n banana\n }";
    let found = findings(&text(block));
    assert!(found.contains("unknown keyword `banana`"), "{found}");
}

// shows top level: SSL
// shows HTTP_GET: certificate_warning
#[test]
fn ssl_get_has_the_certificate_of_the_block_ssl() {
    let check = text("SSL_GET {\n url {\n path /\n }\n certificate_warning 30\n }");
    let without = model(&check);
    assert!(identity(&without).contains("certificate_warning: Some(30)"));
    let block = format!("SSL {{\n password none\n certificate {PEM}\n key {PEM}\n ca {PEM}\n}}\n");
    // The place of the block does not matter.
    for text in [format!("{block}{check}"), format!("{check}{block}")] {
        let with = model(&text);
        assert_ne!(identity(&with), identity(&without));
        assert_eq!(identity(&with).matches("tls.pem").count(), 3);
        assert_eq!(with.global.checks.ssl.password.as_deref(), Some("none"));
    }
    let found = findings(&format!(
        "SSL {{\n certificate {PEM}\n key /missing.key\n}}\n{check}"
    ));
    assert!(found.contains("cannot read '/missing.key'"), "{found}");
    assert!(found.contains("t.conf:3:6"), "{found}");
    let found = findings(&format!("SSL {{\n certifcate {PEM}\n}}\n{check}"));
    assert!(found.contains("unknown keyword `certifcate`"), "{found}");
}
