// SPDX-License-Identifier: MIT OR Apache-2.0
//! `LDAP_CHECK`.

use lb_check::{AnswerCode, LdapCheck, Reason, Secret, Security};

use super::*;

/// Bytes of an anonymous bind, and of a search without a base.
const BIND: usize = 14;
const SEARCH: usize = 44;

/// The answer with this number and code; OpenLDAP's bytes.
fn answer(id: u8, operation: u8, code: u8, message: &str) -> Vec<u8> {
    let length = u8::try_from(message.len()).unwrap();
    let mut bytes = vec![
        0x30,
        12 + length,
        2,
        1,
        id,
        operation,
        7 + length,
        10,
        1,
        code,
        4,
        0,
        4,
        length,
    ];
    bytes.extend(message.as_bytes());
    bytes
}

fn bound() -> Vec<u8> {
    answer(2, 0x61, 0, "")
}

fn entry() -> Vec<u8> {
    b"\x30\x09\x02\x01\x03\x64\x04\x04\x00\x30\x00".to_vec()
}

fn done(code: u8, message: &str) -> Vec<u8> {
    answer(3, 0x65, code, message)
}

/// A server that accepts the bind, and answers the search with this.
fn after_bind(answers: Vec<u8>) -> Vec<Step> {
    vec![
        Step::Receive(BIND),
        Step::Send(bound()),
        Step::Receive(SEARCH),
        Step::Send(answers),
    ]
}

fn check() -> LdapCheck {
    LdapCheck::new("", STEP)
}

#[tokio::test]
async fn one_entry_passes_and_failures_have_reasons() {
    let dialogue = [
        Step::Receive(BIND),
        Step::Send(bound()),
        Step::Receive(SEARCH),
        Step::Send(entry()),
        Step::Send(done(0, "")),
    ];
    assert_failures(&check(), &dialogue).await;
}

#[tokio::test]
async fn results_of_the_server_are_reported() {
    let denied = answer(2, 0x61, 49, "wrong \x1b password");
    let steps = [Step::Receive(BIND), Step::Send(denied)];
    let got = reason(&check(), steps).await;
    let message = r"wrong \x1b password".to_owned();
    assert_eq!(
        got,
        Reason::L7Error {
            code: AnswerCode::Ldap(49),
            message
        }
    );
    assert_eq!(
        got.to_string(),
        r"LDAP result 49 (invalidCredentials): wrong \x1b password"
    );
    let got = reason(&check(), after_bind(done(32, ""))).await;
    assert_eq!(got.to_string(), "LDAP result 32 (noSuchObject)");
    // The notice of a server that disconnects.
    let notice = answer(0, 0x78, 52, "shutting down");
    let got = reason(&check(), [Step::Receive(BIND), Step::Send(notice)]).await;
    assert_eq!(
        got.to_string(),
        "LDAP result 52 (unavailable): shutting down"
    );
}

#[tokio::test]
async fn exactly_one_entry_is_required() {
    let none = reason(&check(), after_bind(done(0, ""))).await;
    assert_eq!(none.to_string(), "unexpected answer: 0 entries");
    let two = [entry(), entry(), done(0, "")].concat();
    let two = reason(&check(), after_bind(two)).await;
    assert_eq!(two.to_string(), "unexpected answer: 2 entries");
    let many = entry().repeat(100);
    let many = reason(&check(), after_bind(many)).await;
    assert_eq!(
        many.to_string(),
        "unexpected answer: more than 16 answers to a search"
    );
    // A reference to another server is no entry.
    let reference = b"\x30\x05\x02\x01\x03\x73\x00".to_vec();
    let answers = [reference, entry(), done(0, "")].concat();
    let server = Server::start(after_bind(answers)).await;
    assert!(run(&check(), &server.target).await.is_pass());
}

#[tokio::test]
async fn wrong_answers_are_refused() {
    for wrong in [
        answer(1, 0x61, 0, ""),                       // another number
        answer(2, 0x65, 0, ""),                       // another operation
        b"\x30\x80\x02\x01\x02\x61\x07".to_vec(),     // a length that is not known before
        b"\x30\x03\x02\x01\x02\x00\x00".to_vec(),     // too short
        b"\x30\x06\x02\x01\x02\x61\x07\x0a".to_vec(), // an element longer than the message
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
    ] {
        let steps = [Step::Receive(BIND), Step::Send(wrong.clone())];
        let got = reason(&check(), steps).await;
        assert!(matches!(got, Reason::L7Unexpected(_)), "{wrong:x?}: {got}");
    }
    let long = b"\x30\x84\x7f\xff\xff\xff\x02\x01\x02".to_vec();
    let got = reason(&check(), [Step::Receive(BIND), Step::Send(long)]).await;
    assert_eq!(got, Reason::L7TooLong(65536));
}

#[tokio::test]
async fn name_password_and_base_are_sent() {
    let mut check = LdapCheck::new("dc=example", STEP);
    check.login = Some(("cn=lb".to_owned(), Secret::new("geheim")));
    let steps = [
        Step::Receive(BIND + 11),
        Step::Send(bound()),
        Step::Receive(SEARCH + 10),
        Step::Send([entry(), done(0, "")].concat()),
    ];
    let server = Server::start(steps).await;
    assert!(run(&check, &server.target).await.is_pass());
    let received = server.received();
    let has = |part: &[u8]| received.windows(part.len()).any(|bytes| bytes == part);
    assert!(has(b"\x04\x05cn=lb\x80\x06geheim"), "{received:x?}");
    assert!(has(b"\x04\x0adc=example\x0a\x01\x00"), "{received:x?}");
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn ldap_over_tls_and_by_start_tls_passes() {
    let rest = after_bind([entry(), done(0, "")].concat());
    let tls = check().with_security(Security::Tls);
    let server = Server::start([Step::Tls].into_iter().chain(rest.clone())).await;
    let outcome = run(&tls, &server.target).await;
    assert!(outcome.is_pass(), "{outcome}");

    let start_tls = check().with_security(Security::StartTls);
    let request = Step::Receive(31);
    let accepted = Step::Send(answer(1, 0x78, 0, ""));
    let steps = [request.clone(), accepted, Step::Tls]
        .into_iter()
        .chain(rest);
    let server = Server::start(steps).await;
    let outcome = run(&start_tls, &server.target).await;
    assert!(outcome.is_pass(), "{outcome}");

    let refused = Step::Send(answer(1, 0x78, 2, "no TLS"));
    let got = reason(&start_tls, [request, refused]).await;
    assert_eq!(got.to_string(), "LDAP result 2 (protocolError): no TLS");
}

#[test]
fn ldap_check_reads_its_block() {
    assert_round_trip("LDAP_CHECK", &[], None);
    assert_round_trip(
        "LDAP_CHECK",
        &[
            ("base", "dc=example,dc=net"),
            ("login", "cn=lb"),
            ("password", "geheim"),
            ("starttls", ""),
            ("sni_name", "ldap.example.net"),
        ],
        Some("geheim"),
    );
    assert_round_trip("LDAP_CHECK", &[("tls", "")], None);
    for (lines, message) in [
        (&[("password", "x")][..], "LDAP_CHECK needs 'login'"),
        (&[("base", "")], "'base' needs the name of an entry"),
        (
            &[("tls", ""), ("starttls", "")],
            "'starttls' has no effect in LDAP_CHECK",
        ),
        (
            &[("sni_name", "a")],
            "'sni_name' has no effect in LDAP_CHECK",
        ),
        (&[("filter", "a")], "unknown keyword 'filter' in LDAP_CHECK"),
    ] {
        assert_eq!(errors("LDAP_CHECK", lines), [message]);
    }
}
