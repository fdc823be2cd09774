// SPDX-License-Identifier: MIT OR Apache-2.0
//! `MYSQL_CHECK`.

use lb_check::{AnswerCode, MysqlCheck, Reason, Secret, Security};

use super::*;

/// Bytes of a login as `lb` before the answer to the nonce and the name of a method.
const LOGIN: usize = 4 + 32 + 3 + 1;
const NATIVE: &str = "mysql_native_password";
const SHA2: &str = "caching_sha2_password";

fn packet(number: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    let mut bytes = length[..3].to_vec();
    bytes.push(number);
    bytes.extend(payload);
    bytes
}

/// A greeting that proposes a method.
fn greeting(method: &str) -> Vec<u8> {
    let mut payload = b"\x0a11.4.2-MariaDB\0\x0b\0\0\0abcdefgh\0".to_vec();
    payload.extend(b"\xff\xff\x2d\x02\0\xff\xdf\x15");
    payload.extend([0; 10]);
    payload.extend(b"ijklmnopqrst\0");
    payload.extend(method.as_bytes());
    payload.push(0);
    packet(0, &payload)
}

fn ok(number: u8) -> Vec<u8> {
    packet(number, b"\0\0\0\x02\0\0\0")
}

fn error(number: u8, text: &str) -> Vec<u8> {
    packet(number, &[b"\xff\x15\x04", text.as_bytes()].concat())
}

/// The bytes of a login with this method, and an answer of this length.
fn login(method: &str, answer: usize) -> Step {
    Step::Receive(LOGIN + answer + method.len() + 1)
}

fn anonymous() -> MysqlCheck {
    MysqlCheck::new(STEP)
}

fn user(password: &str) -> MysqlCheck {
    MysqlCheck::new(STEP).with_user("lb", Secret::new(password))
}

#[tokio::test]
async fn a_greeting_is_enough_without_a_user() {
    assert_failures(&anonymous(), &[Step::Send(greeting(NATIVE))]).await;
}

#[tokio::test]
async fn a_login_without_a_password_passes_and_failures_have_reasons() {
    let dialogue = [
        Step::Send(greeting(NATIVE)),
        login(NATIVE, 0),
        Step::Send(ok(2)),
    ];
    assert_failures(&user(""), &dialogue).await;
}

#[tokio::test]
async fn errors_of_the_server_are_reported() {
    let full = packet(0, b"\xff\x10\x04Too many connections");
    let got = reason(&anonymous(), [Step::Send(full)]).await;
    let message = "Too many connections".to_owned();
    assert_eq!(
        got,
        Reason::L7Error {
            code: AnswerCode::MySql(1040),
            message
        }
    );
    let denied = error(2, "#28000Access denied for user 'lb'");
    let steps = [
        Step::Send(greeting(NATIVE)),
        login(NATIVE, 0),
        Step::Send(denied),
    ];
    let got = reason(&user(""), steps).await;
    assert_eq!(
        got.to_string(),
        "MySQL error 1045: Access denied for user 'lb'"
    );
}

#[tokio::test]
async fn wrong_greetings_are_refused() {
    for wrong in [
        b"SSH-2.0-OpenSSH_9.2p1\r\n".to_vec(),
        packet(0, b"\x09old"),
        packet(0, b"\x0a8.0.36\0\x01"),
        packet(0, b""),
        packet(7, b"\x0a8.0.36\0"),
    ] {
        let got = reason(&anonymous(), [Step::Send(wrong.clone())]).await;
        assert!(matches!(got, Reason::L7Unexpected(_)), "{wrong:x?}: {got}");
    }
    let got = reason(&anonymous(), [Step::Send(vec![0xff, 0xff, 0xff, 0])]).await;
    assert_eq!(got, Reason::L7TooLong(4096));
}

#[tokio::test]
async fn passwords_are_proved_by_both_methods() {
    for (method, length) in [(NATIVE, 20), (SHA2, 32)] {
        let accepted = match method {
            NATIVE => ok(2),
            _ => [packet(2, b"\x01\x03"), ok(3)].concat(),
        };
        let steps = [
            Step::Send(greeting(method)),
            login(method, length),
            Step::Send(accepted),
        ];
        let server = Server::start(steps).await;
        let outcome = run(&user("geheim"), &server.target).await;
        assert!(outcome.is_pass(), "{method}: {outcome}");
        let sent = server.received();
        let text = String::from_utf8_lossy(&sent).into_owned();
        assert!(text.contains(method) && !text.contains("geheim"), "{text}");
    }
}

#[tokio::test]
async fn a_server_may_ask_for_another_method() {
    let mut switch = vec![0xfe];
    switch.extend(b"mysql_native_password\0tsrqponmlkjihgfedcba\0");
    let steps = [
        Step::Send(greeting(SHA2)),
        login(SHA2, 32),
        Step::Send(packet(2, &switch)),
        Step::Receive(4 + 20),
        Step::Send(ok(4)),
    ];
    let server = Server::start(steps).await;
    let outcome = run(&user("geheim"), &server.target).await;
    assert!(outcome.is_pass(), "{outcome}");

    let unknown = packet(2, b"\xfeclient_ed25519\0abc");
    let steps = [
        Step::Send(greeting(NATIVE)),
        login(NATIVE, 20),
        Step::Send(unknown),
    ];
    let got = reason(&user("geheim"), steps).await;
    assert_eq!(
        got.to_string(),
        "the server asks for the login method client_ed25519"
    );

    // Without end: another method again and again.
    let mut steps = vec![Step::Send(greeting(NATIVE)), login(NATIVE, 20)];
    for number in 0..6_u8 {
        steps.push(Step::Send(packet(2 + 2 * number, &switch)));
        steps.push(Step::Receive(24));
    }
    let got = reason(&user("geheim"), steps).await;
    assert_eq!(
        got.to_string(),
        "unexpected answer: more than 4 answers to a login"
    );
}

#[tokio::test]
async fn a_password_itself_is_not_sent_without_tls() {
    let steps = [
        Step::Send(greeting(SHA2)),
        login(SHA2, 32),
        Step::Send(packet(2, b"\x01\x04")),
    ];
    let server = Server::start(steps).await;
    let outcome = run(&user("geheim"), &server.target).await;
    assert!(outcome.is_pass(), "{outcome}");
    assert_eq!(
        outcome.to_string(),
        "passed (password not verified: the server asks for TLS)"
    );
    assert!(!String::from_utf8_lossy(&server.received()).contains("geheim"));
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn a_login_over_tls_passes() {
    let check = user("geheim").with_security(Security::StartTls);
    let steps = [
        Step::Send(greeting(SHA2)),
        Step::Receive(36),
        Step::Tls,
        login(SHA2, 32),
        Step::Send(packet(3, b"\x01\x04")),
        Step::Receive(4 + 7),
        Step::Send(ok(5)),
    ];
    let server = Server::start(steps).await;
    let outcome = run(&check, &server.target).await;
    assert!(outcome.is_pass(), "{outcome}");
    assert!(String::from_utf8_lossy(&server.received()).contains("geheim\0"));
    // A server without TLS.
    let mut plain = greeting(NATIVE);
    let at = plain
        .windows(2)
        .position(|bytes| bytes == b"\xff\xff")
        .unwrap();
    plain[at + 1] = 0xf7;
    let got = reason(&check, [Step::Send(plain)]).await;
    assert_eq!(got.to_string(), "TLS: the server does not offer TLS");
}

#[test]
fn mysql_check_reads_its_block() {
    assert_round_trip("MYSQL_CHECK", &[], None);
    assert_round_trip("MYSQL_CHECK", &[("login", "lb")], None);
    let lines = [
        ("login", "lb"),
        ("password", "geheim"),
        ("starttls", ""),
        ("sni_name", "db"),
    ];
    assert_round_trip("MYSQL_CHECK", &lines, Some("geheim"));
    for (lines, message) in [
        (&[("password", "x")][..], "MYSQL_CHECK needs 'login'"),
        (&[("starttls", "")], "MYSQL_CHECK needs 'login'"),
        (&[("login", "")], "'login' needs the name of a user"),
        (&[("tls", "")], "unknown keyword 'tls' in MYSQL_CHECK"),
    ] {
        assert_eq!(errors("MYSQL_CHECK", lines), [message]);
    }
}
