// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checks that are dialogues in text, from the file to the check and back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use std::time::Duration;

use lb_check::{
    AgentCheck, HealthCheck, Login, ProtocolCheck, Registry, Secret, Security, SendExpect,
    TextProtocol,
};
use lb_core::config::{self, Mode, Parsed, ReadOptions};
use lb_core::model::CheckSpec;

const TIMEOUT: Duration = Duration::from_secs(3);

fn file(block: &str) -> String {
    format!(
        "virtual_server 10.0.0.1 25 {{\n lb_algo rr\n lb_kind NAT\n protocol TCP\n \
         real_server 10.0.0.2 25 {{\nconnect_timeout 3\n{block}\n}}\n}}\n"
    )
}

fn messages(parsed: &Parsed) -> Vec<String> {
    let findings = parsed.diagnostics().iter();
    findings.map(|finding| finding.message.clone()).collect()
}

/// The checks of a real server with this block, and the findings.
fn checks(block: &str) -> (Vec<CheckSpec>, Vec<String>) {
    let parsed = config::parse(&file(block), "lb.conf", &Registry::builtin());
    let messages = messages(&parsed);
    let model = parsed.into_model(Mode::Lenient).unwrap();
    (
        model.virtual_servers[0].real_servers[0].checks.to_vec(),
        messages,
    )
}

/// Asserts that a block makes this check.
fn assert_check(block: &str, expected: &impl HealthCheck) {
    let (checks, messages) = checks(block);
    assert!(messages.is_empty(), "{block}: {messages:?}");
    let [check] = &checks[..] else {
        panic!("{block}: {checks:?}");
    };
    assert_eq!(&*check.kind, expected.kind());
    assert_eq!(check.probe.check.identity(), expected.identity(), "{block}");
}

#[test]
fn smtp_check_has_keepalived_words_and_ours() {
    let smtp = || ProtocolCheck::new(TextProtocol::Smtp, TIMEOUT);
    assert_check("SMTP_CHECK {\n }", &smtp());
    assert_check(
        "SMTP_CHECK {\n helo_name lb1\n ehlo\n }",
        &smtp().with_helo_name("lb1").with_ehlo(),
    );
    assert_check(
        "SMTP_CHECK {\n starttls\n sni_name mail.example.net\n }",
        &smtp().with_security(Security::StartTls {
            name: Some("mail.example.net".to_owned()),
        }),
    );
    assert_check(
        "SMTP_CHECK {\n tls on\n }",
        &smtp().with_security(Security::Tls { name: None }),
    );
}

#[test]
fn each_host_of_smtp_check_is_a_check() {
    let (checks, messages) = checks(
        "SMTP_CHECK {\n helo_name a\n retry 4\n connect_port 26\n host {\n connect_ip 10.0.0.3\n }\n \
         host {\n connect_port 2525\n bindto 10.0.0.9\n retry 2\n }\n }",
    );
    assert_eq!(messages, ["`host` is deprecated"; 2]);
    let found: Vec<_> = checks
        .iter()
        .map(|check| (check.probe.target.to_string(), check.probe.policy.retries))
        .collect();
    let expected = [
        ("10.0.0.3:26".to_owned(), 4),
        ("10.0.0.2:2525 from 10.0.0.9:0".to_owned(), 2),
    ];
    assert_eq!(found, expected);
    for check in &checks {
        assert!(
            check.probe.check.identity().contains(" a "),
            "{}",
            check.probe.check.identity()
        );
    }
}

#[test]
fn protocols_have_login_and_tls() {
    let login = || Login::new("probe", Secret::new("a b"));
    for (kind, protocol) in [
        ("IMAP_CHECK", TextProtocol::Imap),
        ("POP3_CHECK", TextProtocol::Pop3),
        ("FTP_CHECK", TextProtocol::Ftp),
        ("NNTP_CHECK", TextProtocol::Nntp),
    ] {
        let check = || ProtocolCheck::new(protocol, TIMEOUT);
        assert_check(&format!("{kind} {{\n }}"), &check());
        assert_check(
            &format!("{kind} {{\n login probe\n password \"a b\"\n starttls\n }}"),
            &check()
                .with_security(Security::StartTls { name: None })
                .with_login(login()),
        );
        assert_check(
            &format!("{kind} {{\n tls\n sni_name a.example.net\n }}"),
            &check().with_security(Security::Tls {
                name: Some("a.example.net".to_owned()),
            }),
        );
    }
    let redis = || ProtocolCheck::new(TextProtocol::Redis, TIMEOUT);
    assert_check("REDIS_CHECK {\n }", &redis());
    assert_check(
        "REDIS_CHECK {\n password x\n tls\n }",
        &redis()
            .with_security(Security::Tls { name: None })
            .with_login(Login::new("", Secret::new("x"))),
    );
}

#[test]
fn password_is_printed_and_nowhere_else() {
    let block = |password: &str| format!("IMAP_CHECK {{\n login u\n password {password}\n }}");
    let identity = |password: &str| {
        let (checks, _) = checks(&block(password));
        assert!(!format!("{checks:?}").contains("unlikely"), "{checks:?}");
        checks[0].probe.check.identity().to_owned()
    };
    let (one, other) = (identity("unlikely1"), identity("unlikely2"));
    assert!(!one.contains("unlikely"), "{one}");
    assert_ne!(one, other);
    assert_eq!(one, identity("unlikely1"));
    let parsed = config::parse(&file(&block("unlikely1")), "lb.conf", &Registry::builtin());
    let model = parsed.into_model(Mode::Strict).unwrap();
    let page = config::print(&model).unwrap();
    assert!(page.contains("password unlikely1"), "{page}");
}

#[test]
fn steps_are_in_the_order_of_the_lines() {
    let check = SendExpect::new(TIMEOUT)
        .with_prefix("220 ")
        .with_send("a\r\n\"\\")
        .with_send([0, 255])
        .with_expect("OK")
        .with_expect([0xa5])
        .with_line("done")
        .with_pattern(r"^\d+ x$")
        .unwrap()
        .with_silence(Duration::from_millis(1500))
        .with_close()
        .with_end();
    assert_check(
        "SEND_EXPECT_CHECK {\n expect_prefix \"220 \"\n send \"a\\r\\n\\x22\\\\\"\n send_hex 00 FF\n \
         expect OK\n expect_hex a5\n expect_line done\n expect_regex \"^\\d+ x$\"\n \
         expect_nothing 1.5\n close\n expect_close\n }",
        &check,
    );
    let mut check = SendExpect::new(TIMEOUT).with_start_tls().with_expect("x");
    check.limit = 100;
    check.server_name = Some("a.example.net".to_owned());
    assert_check(
        "SEND_EXPECT_CHECK {\n starttls\n sni_name a.example.net\n max_answer 100\n expect x\n }",
        &check,
    );
    assert_check(
        "SEND_EXPECT_CHECK {\n tls\n expect x\n }",
        &SendExpect::new(TIMEOUT).with_tls(true).with_expect("x"),
    );
}

#[test]
fn agent_may_be_sent_a_text() {
    let agent = || AgentCheck::new(TIMEOUT);
    assert_check("AGENT_CHECK {\n connect_port 9777\n }", &agent());
    assert_check(
        "AGENT_CHECK {\n send \"state\\n\"\n optional\n }",
        &agent().with_send("state\n").with_optional(),
    );
}

#[test]
fn wrong_lines_have_findings() {
    for (block, message) in [
        ("SMTP_CHECK {\n banana 1\n }", "unknown keyword `banana`"),
        (
            "SMTP_CHECK {\n host {\n banana 1\n }\n }",
            "unknown keyword `banana`",
        ),
        ("SMTP_CHECK {\n login x\n }", "unknown keyword `login`"),
        (
            "SMTP_CHECK {\n sni_name x\n }",
            "`sni_name` has no effect in `SMTP_CHECK`",
        ),
        (
            "POP3_CHECK {\n tls\n starttls\n }",
            "`starttls` has no effect in `POP3_CHECK`",
        ),
        (
            "IMAP_CHECK {\n login x\n }",
            "`IMAP_CHECK` needs `password`",
        ),
        ("FTP_CHECK {\n password x\n }", "`FTP_CHECK` needs `login`"),
        ("REDIS_CHECK {\n starttls\n }", "unknown keyword `starttls`"),
        ("NNTP_CHECK {\n tls maybe\n }", "`maybe` is not on or off"),
        (
            "SEND_EXPECT_CHECK {\n }",
            "`SEND_EXPECT_CHECK` needs `expect`",
        ),
        (
            "SEND_EXPECT_CHECK {\n expect \"a\\q\"\n expect b\n }",
            r"`a\q` is not a text in which \ begins \r, \n, \t, \\ or \xHH",
        ),
        (
            "SEND_EXPECT_CHECK {\n send_hex 0\n expect b\n }",
            "`0` is not an even number of hexadecimal digits",
        ),
        (
            "SEND_EXPECT_CHECK {\n expect_regex \"(a\"\n expect b\n }",
            "invalid regular expression: unclosed group",
        ),
        (
            "SEND_EXPECT_CHECK {\n expect_nothing 61\n expect b\n }",
            "`61` is not a number of seconds from 0.000001 to 60",
        ),
        (
            "SEND_EXPECT_CHECK {\n max_answer 16385\n expect b\n }",
            "`16385` is not a number of bytes from 1 to 16384",
        ),
        (
            "AGENT_CHECK {\n send\n }",
            r"`send` needs a text in which \ begins \r, \n, \t, \\ or \xHH",
        ),
    ] {
        let (_, messages) = checks(block);
        let found: Vec<_> = messages
            .iter()
            .filter(|found| !found.contains("deprecated"))
            .collect();
        assert_eq!(found, [message], "{block}");
    }
}

#[test]
fn keepalived_has_none_of_our_checks() {
    for block in [
        "AGENT_CHECK {\n }",
        "SEND_EXPECT_CHECK {\n expect x\n }",
        "SMTP_CHECK {\n starttls\n }",
    ] {
        let options = ReadOptions::new().with_keepalived_keywords_only();
        let parsed = config::parse_with(&file(block), "lb.conf", &Registry::builtin(), &options);
        let messages = messages(&parsed);
        assert!(
            messages
                .iter()
                .any(|message| message.starts_with("keepalived has no keyword")),
            "{block}: {messages:?}"
        );
    }
    let options = ReadOptions::new().with_keepalived_keywords_only();
    let block = "SMTP_CHECK {\n helo_name x\n }";
    let parsed = config::parse_with(&file(block), "lb.conf", &Registry::builtin(), &options);
    assert!(messages(&parsed).is_empty());
}
