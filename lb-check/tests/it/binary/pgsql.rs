// SPDX-License-Identifier: MIT OR Apache-2.0
//! `PGSQL_CHECK`.

use lb_check::{AnswerCode, PgsqlCheck, Reason, Security};

use super::*;

/// Bytes of the first message as `lb` without a database.
const STARTUP: usize = 8 + 8 + 26 + 1;

fn message(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 4).unwrap();
    [&[kind], &length.to_be_bytes()[..], content].concat()
}

fn asks_for_password() -> Vec<u8> {
    message(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0")
}

fn error(state: &str, text: &str) -> Vec<u8> {
    let fields = format!("SFATAL\0VFATAL\0C{state}\0M{text}\0Fpostmaster.c\0\0");
    message(b'E', fields.as_bytes())
}

fn check() -> PgsqlCheck {
    PgsqlCheck::new("lb", STEP)
}

#[tokio::test]
async fn a_request_for_a_password_passes_and_failures_have_reasons() {
    let dialogue = [Step::Receive(STARTUP), Step::Send(asks_for_password())];
    assert_failures(&check(), &dialogue).await;
}

#[tokio::test]
async fn a_session_without_a_password_passes() {
    let dialogue = [
        Step::Receive(STARTUP),
        Step::Send(message(b'R', &[0; 4])),
        Step::Send(message(b'S', b"server_version\x0016.3\0")),
        Step::Send(message(b'K', &[1; 8])),
        Step::Send(message(b'N', b"SNOTICE\0Mhello\0\0")),
        Step::Send(message(b'Z', b"I")),
    ];
    assert_failures(&check(), &dialogue).await;
}

#[tokio::test]
async fn errors_of_the_server_are_reported() {
    let starting = error("57P03", "the database system is starting up");
    let got = reason(&check(), [Step::Receive(STARTUP), Step::Send(starting)]).await;
    let code = AnswerCode::SqlState(*b"57P03");
    assert_eq!(
        got,
        Reason::answered(code, b"the database system is starting up")
    );
    assert_eq!(
        got.to_string(),
        "SQLSTATE 57P03: the database system is starting up"
    );
    // After the user was accepted.
    let unknown = [message(b'R', &[0; 4]), error("3D000", "no database")].concat();
    let got = reason(&check(), [Step::Receive(STARTUP), Step::Send(unknown)]).await;
    assert_eq!(got.to_string(), "SQLSTATE 3D000: no database");
    // Before version 7.4 an error was text.
    let old = b"EFATAL: no\0".to_vec();
    let got = reason(&check(), [Step::Receive(STARTUP), Step::Send(old)]).await;
    assert!(matches!(got, Reason::L7TooLong(4096)), "{got}");
}

#[tokio::test]
async fn wrong_answers_are_refused() {
    for wrong in [
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        b"R\0\0\0\x03".to_vec(),
        message(b'R', b"\0"),
        message(b'T', b"\0\0\0\0"),
    ] {
        let steps = [Step::Receive(STARTUP), Step::Send(wrong.clone())];
        let got = reason(&check(), steps).await;
        assert!(matches!(got, Reason::L7Unexpected(_)), "{wrong:x?}: {got}");
    }
    let endless = message(b'S', b"a\0b\0").repeat(100);
    let got = reason(&check(), [Step::Receive(STARTUP), Step::Send(endless)]).await;
    assert_eq!(
        got.to_string(),
        "unexpected answer: more than 64 messages before the session started"
    );
}

#[tokio::test]
async fn user_and_database_are_sent() {
    let check = check().with_database("shop");
    let steps = [Step::Receive(STARTUP + 14), Step::Send(asks_for_password())];
    let server = Server::start(steps).await;
    assert!(run(&check, &server.target).await.is_pass());
    let received = server.received();
    assert!(
        received.starts_with(b"\0\0\0\x39\0\x03\0\0user\0lb\0"),
        "{received:x?}"
    );
    let text = String::from_utf8_lossy(&received).into_owned();
    assert!(text.contains("\0database\0shop\0\0"), "{text:?}");
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn a_session_over_tls_passes() {
    let check = check().with_security(Security::StartTls);
    let request = || Step::Receive(8);
    let steps = [
        request(),
        Step::Send(b"S".to_vec()),
        Step::Tls,
        Step::Receive(STARTUP),
        Step::Send(asks_for_password()),
    ];
    let server = Server::start(steps).await;
    let outcome = run(&check, &server.target).await;
    assert!(outcome.is_pass(), "{outcome}");
    let got = reason(&check, [request(), Step::Send(b"N".to_vec())]).await;
    assert_eq!(got.to_string(), "TLS: the server does not offer TLS");
    let full = error("53300", "too many clients");
    let got = reason(&check, [request(), Step::Send(full)]).await;
    assert_eq!(got.to_string(), "SQLSTATE 53300: too many clients");
    let got = reason(&check, [request(), Step::Send(b"H".to_vec())]).await;
    assert_eq!(got.to_string(), "unexpected answer: H");
}

#[test]
fn pgsql_check_reads_its_block() {
    assert_round_trip("PGSQL_CHECK", &[("login", "lb")], None);
    let lines = [
        ("login", "lb"),
        ("database", "shop"),
        ("starttls", ""),
        ("sni_name", "db"),
    ];
    assert_round_trip("PGSQL_CHECK", &lines, None);
    for (lines, message) in [
        (&[][..], "PGSQL_CHECK needs 'login'"),
        (
            &[("login", "lb"), ("database", "")],
            "'database' needs the name of a database",
        ),
        (
            &[("login", "lb"), ("sni_name", "x")],
            "'sni_name' has no effect in PGSQL_CHECK",
        ),
        (
            &[("login", "lb"), ("password", "x")],
            "unknown keyword 'password' in PGSQL_CHECK",
        ),
    ] {
        assert_eq!(errors("PGSQL_CHECK", lines), [message]);
    }
}
