// SPDX-License-Identifier: MIT OR Apache-2.0
//! `SMTP_CHECK`.

use lb_check::{HealthCheck as _, ProtocolCheck, Reason, Security, TextProtocol, Verdict};
use tokio::task::JoinSet;

use super::server::{Do, drain, start};
use super::{STEP, failed, run, unexpected};
use crate::peers::{closed, deaf};

fn smtp() -> ProtocolCheck {
    ProtocolCheck::new(TextProtocol::Smtp, STEP)
}

const READY: Do = Do::Send("220 mail.example.net ESMTP\r\n");
const DONE: Do = Do::Send("250 mail.example.net\r\n");
const BYE: Do = Do::Send("221 bye\r\n");

#[tokio::test]
async fn dialogue_is_keepaliveds() {
    let (target, mut seen) = start(&[READY, Do::Line, DONE, Do::Line, BYE]).await;
    assert_eq!(smtp().kind(), "SMTP_CHECK");
    let outcome = run(&smtp(), &target).await;
    assert!(outcome.is_pass(), "{outcome}");
    assert!(!outcome.latency.is_zero());
    assert_eq!(
        drain(&mut seen),
        ["HELO smtpchecker.keepalived.org", "QUIT"]
    );
    let outcome = run(&smtp().with_helo_name("lb1").with_ehlo(), &target).await;
    assert!(outcome.is_pass(), "{outcome}");
    assert_eq!(drain(&mut seen), ["EHLO lb1", "QUIT"]);
}

#[tokio::test]
async fn replies_may_have_several_lines_and_arrive_in_bytes() {
    let (target, _seen) = start(&[
        Do::Single("220-mail\r\n220 ready\r\n"),
        Do::Line,
        Do::Single("250-mail.example.net\r\n250-PIPELINING\r\n250 SMTPUTF8\r\n"),
        Do::Line,
        // Any answer to QUIT will do.
        Do::Single("500 what\r\n"),
    ])
    .await;
    let outcome = run(&smtp().with_ehlo(), &target).await;
    assert!(outcome.is_pass(), "{outcome}");
}

#[tokio::test]
async fn refusals_are_shown() {
    for (script, shown) in [
        (&[Do::Send("554 no\r\n"), Do::Hang][..], "554 no"),
        (
            &[READY, Do::Line, Do::Send("550 5.7.1 go\r\n"), Do::Hang],
            "550 5.7.1 go",
        ),
        (
            &[READY, Do::Line, Do::Send("250-a\r\n251 b\r\n"), Do::Hang],
            "251 b",
        ),
        (&[Do::Send("SSH-2.0-x\r\n"), Do::Hang], "SSH-2.0-x"),
    ] {
        let (target, _seen) = start(script).await;
        failed(&run(&smtp(), &target).await, unexpected(shown));
    }
}

#[tokio::test]
async fn silence_end_and_reset_in_each_phase_have_reasons() {
    let phases: [&[Do]; 3] = [&[], &[READY, Do::Line], &[READY, Do::Line, DONE, Do::Line]];
    let mut cases = JoinSet::new();
    for phase in phases {
        for (end, reason) in [
            (&[Do::Hang][..], Reason::L7Timeout),
            (&[Do::Drip("220 slow and steady\r\n")], Reason::L7Timeout),
            (&[], Reason::L7NoData),
            (&[Do::Send("2")], Reason::L7Closed),
            (&[Do::Reset], Reason::L4Reset),
            (&[Do::Endless], Reason::L7TooLong(8192)),
        ] {
            let script = [phase, end].concat();
            cases.spawn(async move {
                let (target, _seen) = start(&script).await;
                let outcome = run(&smtp(), &target).await;
                assert_eq!(outcome.verdict, Verdict::Fail(reason), "{script:?}");
            });
        }
    }
    cases.join_all().await;
}

#[tokio::test]
async fn refused_and_blackholed_connections_have_reasons() {
    failed(&run(&smtp(), &closed()).await, Reason::L4Refused);
    let (target, _sockets) = deaf();
    failed(&run(&smtp(), &target).await, Reason::L4Timeout);
}

#[tokio::test]
async fn total_limit_ends_a_slow_dialogue() {
    let slow = Do::Drip("2");
    let rest = Do::Send("20 ready\r\n");
    let done = Do::Send("50-a\r\n250 b\r\n");
    let script = [slow, rest, Do::Line, slow, done, Do::Line, Do::Hang];
    let (target, _seen) = start(&script).await;
    let mut check = smtp();
    check.total_timeout = 3 * STEP / 2;
    failed(&run(&check, &target).await, Reason::Timeout);
}

#[tokio::test]
async fn starttls_greets_again_over_tls() {
    let script = [
        READY,
        Do::Line,
        Do::Send("250-mail\r\n250 STARTTLS\r\n"),
        Do::Line,
        Do::Send("220 go\r\n"),
        Do::Tls,
        Do::Line,
        DONE,
        Do::Line,
        BYE,
    ];
    let (target, mut seen) = start(&script).await;
    let check = smtp()
        .with_helo_name("lb1")
        .with_security(Security::StartTls)
        .with_server_name("mail.example.net");
    let outcome = run(&check, &target).await;
    assert!(outcome.is_pass(), "{outcome}");
    let lines = [
        "EHLO lb1",
        "STARTTLS",
        "TLS mail.example.net",
        "EHLO lb1",
        "QUIT",
    ];
    assert_eq!(drain(&mut seen), lines);
}

#[tokio::test]
async fn tls_may_begin_at_once() {
    let (target, mut seen) = start(&[Do::Tls, READY, Do::Line, DONE, Do::Line, BYE]).await;
    let outcome = run(&smtp().with_security(Security::Tls), &target).await;
    assert!(outcome.is_pass(), "{outcome}");
    assert_eq!(drain(&mut seen)[0], "TLS -");
    // A server without TLS.
    let (target, _seen) = start(&[READY, Do::Hang]).await;
    let outcome = run(&smtp().with_security(Security::Tls), &target).await;
    let Verdict::Fail(Reason::Tls(_)) = outcome.verdict else {
        panic!("{outcome}");
    };
}

#[tokio::test]
async fn plain_text_behind_the_answer_to_starttls_is_refused() {
    let script = [
        READY,
        Do::Line,
        DONE,
        Do::Line,
        Do::Send("220 go\r\n250 added\r\n"),
        Do::Tls,
        Do::Hang,
    ];
    let (target, _seen) = start(&script).await;
    let outcome = run(&smtp().with_security(Security::StartTls), &target).await;
    failed(&outcome, unexpected(r"250 added\r\n"));
}
