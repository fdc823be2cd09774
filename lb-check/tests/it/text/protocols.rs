// SPDX-License-Identifier: MIT OR Apache-2.0
//! IMAP, POP3, FTP, NNTP and Redis.

use lb_check::{Login, ProtocolCheck, Reason, Secret, Security, TextProtocol, Verdict};
use tokio::task::JoinSet;

use super::server::{Do, drain, start};
use super::{STEP, run, unexpected};
use crate::peers::closed;

fn check(protocol: TextProtocol) -> ProtocolCheck {
    ProtocolCheck::new(protocol, STEP)
}

fn with_login(protocol: TextProtocol) -> ProtocolCheck {
    check(protocol).with_login(Login::new("probe", Secret::new("secret")))
}

/// Alternates: the server sends the first text, receives a line, sends the next text …
fn alternate(texts: &[&'static str]) -> Vec<Do> {
    let mut script = Vec::new();
    for text in texts {
        script.extend([Do::Single(text), Do::Line]);
    }
    script.pop();
    script
}

async fn passes(check: ProtocolCheck, texts: &[&'static str], commands: &[&str]) {
    let (target, mut seen) = start(&alternate(texts)).await;
    let outcome = run(&check, &target).await;
    assert!(outcome.is_pass(), "{check:?}: {outcome}");
    assert_eq!(drain(&mut seen), commands);
}

async fn fails(check: ProtocolCheck, texts: &[&'static str], reason: Reason) {
    let mut script = alternate(texts);
    script.push(Do::Hang);
    let (target, _seen) = start(&script).await;
    let outcome = run(&check, &target).await;
    assert_eq!(outcome.verdict, Verdict::Fail(reason), "{check:?}");
}

fn refused(text: &str) -> Reason {
    Reason::L7Auth(text.to_owned())
}

#[tokio::test]
async fn imap_greets_and_logs_in() {
    let imap = TextProtocol::Imap;
    let ready = "* OK [CAPABILITY IMAP4rev1] ready\r\n";
    let bye = "* BYE see you\r\na3 OK done\r\n";
    passes(check(imap), &[ready, bye], &["a3 LOGOUT"]).await;
    passes(
        with_login(imap),
        &[ready, "* CAPABILITY IMAP4rev1\r\na2 OK in\r\n", bye],
        &["a2 LOGIN \"probe\" \"secret\"", "a3 LOGOUT"],
    )
    .await;
    passes(with_login(imap), &["* PREAUTH hi\r\n", bye], &["a3 LOGOUT"]).await;
    fails(check(imap), &["* BYE full\r\n"], unexpected("* BYE full")).await;
    let no = "a2 NO [AUTHENTICATIONFAILED]\r\n";
    let reason = refused("a2 NO [AUTHENTICATIONFAILED]");
    fails(with_login(imap), &[ready, no], reason).await;
}

#[tokio::test]
async fn pop3_greets_and_logs_in() {
    let pop3 = TextProtocol::Pop3;
    passes(check(pop3), &["+OK ready\r\n", "+OK bye\r\n"], &["QUIT"]).await;
    passes(
        with_login(pop3),
        &["+OK\r\n", "+OK\r\n", "+OK 2 messages\r\n", "+OK\r\n"],
        &["USER probe", "PASS secret", "QUIT"],
    )
    .await;
    fails(check(pop3), &["-ERR busy\r\n"], unexpected("-ERR busy")).await;
    let texts = ["+OK\r\n", "+OK\r\n", "-ERR [AUTH] no\r\n"];
    fails(with_login(pop3), &texts, refused("-ERR [AUTH] no")).await;
}

#[tokio::test]
async fn ftp_greets_and_logs_in() {
    let ftp = TextProtocol::Ftp;
    let ready = "220-Welcome\r\n 221 is not the end\r\n220 ready\r\n";
    passes(check(ftp), &[ready, "221 bye\r\n"], &["QUIT"]).await;
    passes(
        with_login(ftp),
        &[
            ready,
            "331 password\r\n",
            "230-hello\r\n230 in\r\n",
            "221 bye\r\n",
        ],
        &["USER probe", "PASS secret", "QUIT"],
    )
    .await;
    let texts = [ready, "230 no password needed\r\n", "221 bye\r\n"];
    passes(with_login(ftp), &texts, &["USER probe", "QUIT"]).await;
    fails(check(ftp), &["421 full\r\n"], unexpected("421 full")).await;
    let texts = [ready, "331 password\r\n", "530 no\r\n"];
    fails(with_login(ftp), &texts, refused("530 no")).await;
}

#[tokio::test]
async fn nntp_greets_and_logs_in() {
    let nntp = TextProtocol::Nntp;
    passes(
        check(nntp),
        &["201 no posting\r\n", "205 bye\r\n"],
        &["QUIT"],
    )
    .await;
    passes(
        with_login(nntp),
        &["200 ready\r\n", "381 more\r\n", "281 in\r\n", "205 bye\r\n"],
        &["AUTHINFO USER probe", "AUTHINFO PASS secret", "QUIT"],
    )
    .await;
    fails(check(nntp), &["400 down\r\n"], unexpected("400 down")).await;
    let texts = ["200 ready\r\n", "381 more\r\n", "481 no\r\n"];
    fails(with_login(nntp), &texts, refused("481 no")).await;
}

#[tokio::test]
async fn redis_answers_ping() {
    let redis = TextProtocol::Redis;
    let ping = Do::Receive("*1\r\n$4\r\nPING\r\n".len());
    let (target, _seen) = start(&[ping, Do::Single("+PONG\r\n")]).await;
    assert!(run(&check(redis), &target).await.is_pass());
    let auth = "*3\r\n$4\r\nAUTH\r\n$5\r\nprobe\r\n$6\r\nsecret\r\n";
    let receive = Do::Receive(auth.len());
    let script = [receive, Do::Send("+OK\r\n"), ping, Do::Send("+PONG\r\n")];
    let (target, mut seen) = start(&script).await;
    assert!(run(&with_login(redis), &target).await.is_pass());
    assert_eq!(drain(&mut seen), [auth.trim_end(), "*1\r\n$4\r\nPING"]);
    let default = check(redis).with_login(Login::new("", Secret::new("secret")));
    let auth = Do::Receive("*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n".len());
    for (check, script, reason) in [
        (
            check(redis),
            vec![ping, Do::Send("-NOAUTH Authentication required.\r\n")],
            refused("-NOAUTH Authentication required."),
        ),
        (
            default,
            vec![auth, Do::Send("-WRONGPASS invalid\r\n")],
            refused("-WRONGPASS invalid"),
        ),
        (
            check(redis),
            vec![ping, Do::Send("-LOADING data\r\n")],
            unexpected("-LOADING data"),
        ),
        (
            check(redis),
            vec![ping, Do::Send("+OK\r\n"), Do::Hang],
            unexpected("+OK"),
        ),
    ] {
        let (target, _seen) = start(&script).await;
        let outcome = run(&check, &target).await;
        assert_eq!(outcome.verdict, Verdict::Fail(reason), "{script:?}");
    }
}

#[tokio::test]
async fn each_protocol_starts_tls_by_its_command() {
    for (protocol, script, command) in [
        (
            TextProtocol::Imap,
            ["* OK\r\n", "a1 OK\r\n", "a3 OK\r\n"],
            "a1 STARTTLS",
        ),
        (
            TextProtocol::Pop3,
            ["+OK\r\n", "+OK\r\n", "+OK\r\n"],
            "STLS",
        ),
        (
            TextProtocol::Ftp,
            ["220\r\n", "234\r\n", "221\r\n"],
            "AUTH TLS",
        ),
        (
            TextProtocol::Nntp,
            ["200\r\n", "382\r\n", "205\r\n"],
            "STARTTLS",
        ),
    ] {
        let [ready, begin, bye] = script.map(Do::Send);
        let script = [ready, Do::Line, begin, Do::Tls, Do::Line, bye];
        let (target, mut seen) = start(&script).await;
        let check = check(protocol).with_security(Security::StartTls);
        let outcome = run(&check, &target).await;
        assert!(outcome.is_pass(), "{protocol:?}: {outcome}");
        let seen = drain(&mut seen);
        assert_eq!(seen[..2], [command, "TLS -"], "{protocol:?}");
    }
}

#[tokio::test]
async fn hostile_servers_end_in_time_for_each_protocol() {
    let mut cases = JoinSet::new();
    for protocol in [
        TextProtocol::Imap,
        TextProtocol::Pop3,
        TextProtocol::Ftp,
        TextProtocol::Nntp,
        TextProtocol::Redis,
    ] {
        let outcome = run(&check(protocol), &closed()).await;
        assert_eq!(outcome.verdict, Verdict::Fail(Reason::L4Refused));
        for (script, reason) in [
            (&[Do::Hang][..], Reason::L7Timeout),
            (&[Do::Drip("slow slow slow")], Reason::L7Timeout),
            (&[Do::Endless], Reason::L7TooLong(8192)),
            (
                &[Do::Bytes(b"\xff\xfe\x00\n"), Do::Hang],
                unexpected(r"\xff\xfe\x00"),
            ),
        ] {
            cases.spawn(async move {
                let (target, _seen) = start(script).await;
                let outcome = run(&check(protocol), &target).await;
                let failed = Verdict::Fail(reason);
                assert_eq!(outcome.verdict, failed, "{protocol:?} {script:?}");
            });
        }
    }
    cases.join_all().await;
}
