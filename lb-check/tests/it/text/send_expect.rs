// SPDX-License-Identifier: MIT OR Apache-2.0
//! `SEND_EXPECT_CHECK`.

use lb_check::{HealthCheck as _, Reason, SendExpect, Verdict};

use super::server::{Do, drain, start};
use super::{STEP, failed, run, unexpected};
use crate::peers::{closed, deaf};

fn check() -> SendExpect {
    SendExpect::new(STEP)
}

#[tokio::test]
async fn steps_follow_each_other() {
    let script = [
        Do::Single("220 ready\r\n"),
        Do::Line,
        Do::Bytes(&[0, 255, 7]),
        Do::Single("noise OK 17 items\r\n"),
        Do::Line,
        Do::Send("bye\r\n"),
    ];
    let (target, mut seen) = start(&script).await;
    let check = check()
        .with_prefix("220 ")
        .with_line("ready")
        .with_send("list\r\n")
        .with_expect([255, 7])
        .with_pattern(r"OK \d+ items\r\n")
        .unwrap()
        .with_send("quit\r\n")
        .with_line("bye")
        .with_end();
    assert_eq!(check.kind(), "SEND_EXPECT_CHECK");
    let outcome = run(&check, &target).await;
    assert!(outcome.is_pass(), "{outcome}");
    assert_eq!(drain(&mut seen), ["list", "quit"]);
}

#[tokio::test]
async fn wrong_answers_are_shown() {
    let answer = [Do::Send("554 busy\r\n"), Do::Hang];
    let (target, _seen) = start(&answer).await;
    let shown = unexpected(r"554 busy\r\n");
    let pattern = check().with_pattern("^220").unwrap();
    for check in [
        check().with_prefix("220"),
        check().with_expect("220"),
        pattern,
        check().with_silence(STEP),
    ] {
        failed(&run(&check, &target).await, shown.clone());
    }
    failed(
        &run(&check().with_line("220"), &target).await,
        unexpected("554 busy"),
    );
    let (target, _seen) = start(&[Do::Send("554 busy\r\n")]).await;
    failed(&run(&check().with_expect("220"), &target).await, shown);
}

#[tokio::test]
async fn silence_is_an_answer() {
    let (target, _seen) = start(&[Do::Hang]).await;
    let silence = check().with_silence(STEP / 4);
    assert!(run(&silence, &target).await.is_pass());
    let (target, _seen) = start(&[Do::Line, Do::Send("late\r\n")]).await;
    let check = check()
        .with_silence(STEP / 4)
        .with_send("now\n")
        .with_line("late");
    assert!(run(&check, &target).await.is_pass());
}

#[tokio::test]
async fn server_sees_the_end_of_the_sending_side() {
    let (target, mut seen) = start(&[Do::Drain, Do::Send("all received\n")]).await;
    let check = check()
        .with_send("everything")
        .with_close()
        .with_line("all received")
        .with_end();
    let outcome = run(&check, &target).await;
    assert!(outcome.is_pass(), "{outcome}");
    assert_eq!(drain(&mut seen), ["everything"]);
}

#[tokio::test]
async fn tls_begins_at_once_or_at_a_step() {
    let (target, mut seen) = start(&[Do::Tls, Do::Send("hello\n")]).await;
    let mut check = check().with_tls(true).with_line("hello");
    check.server_name = Some("a.example.net".to_owned());
    assert!(run(&check, &target).await.is_pass());
    assert_eq!(drain(&mut seen), ["TLS a.example.net"]);
    let script = [Do::Line, Do::Send("go\n"), Do::Tls, Do::Send("hello\n")];
    let (target, mut seen) = start(&script).await;
    let check = SendExpect::new(STEP)
        .with_send("tls\n")
        .with_line("go")
        .with_start_tls()
        .with_line("hello");
    assert!(run(&check, &target).await.is_pass());
    assert_eq!(drain(&mut seen), ["tls", "TLS -"]);
}

#[tokio::test]
async fn bad_servers_end_in_time() {
    let expect = || check().with_expect("hello");
    failed(&run(&expect(), &closed()).await, Reason::L4Refused);
    let (target, _sockets) = deaf();
    failed(&run(&expect(), &target).await, Reason::L4Timeout);
    for (script, reason) in [
        (&[Do::Hang][..], Reason::L7Timeout),
        (&[], Reason::L7NoData),
        (&[Do::Reset], Reason::L4Reset),
        (&[Do::Endless], Reason::L7TooLong(4096)),
    ] {
        let (target, _seen) = start(script).await;
        failed(&run(&expect(), &target).await, reason);
    }
    let (target, _seen) = start(&[Do::Drip("hello")]).await;
    let outcome = run(&expect(), &target).await;
    let Verdict::Fail(Reason::L7Unexpected(_)) = outcome.verdict else {
        panic!("{outcome}");
    };
    let (target, _seen) = start(&[Do::Endless]).await;
    let mut short = check().with_pattern("(a*)*b").unwrap();
    short.limit = 100;
    failed(&run(&short, &target).await, Reason::L7TooLong(100));
}
