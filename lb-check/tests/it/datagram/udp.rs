// SPDX-License-Identifier: MIT OR Apache-2.0
//! UDP_CHECK.

use std::time::Instant;

use lb_check::{UdpCheck, UdpReply};

use super::*;

fn requiring(pattern: &str) -> UdpCheck {
    UdpCheck::new(STEP).with_reply(UdpReply::new(pattern.parse().unwrap()))
}

#[tokio::test]
async fn silence_passes_only_where_no_reply_is_required() {
    let (target, mut requests) = silent().await;
    let started = Instant::now();
    passed(&check(&UdpCheck::new(STEP), &target).await);
    assert!(
        started.elapsed() >= STEP,
        "an ICMP error may come until the end"
    );
    assert_eq!(requests.recv().await.unwrap().len(), 16);
    failed(&check(&requiring(""), &target).await, Reason::L7Timeout);
    failed(&check(&requiring("00"), &target).await, Reason::L7Timeout);
}

#[tokio::test]
async fn an_unreachable_port_fails_at_once() {
    let target = closed().await;
    let started = Instant::now();
    failed(
        &check(&UdpCheck::new(100 * STEP), &target).await,
        Reason::L4Refused,
    );
    assert!(started.elapsed() < 10 * STEP);
    failed(&check(&requiring(""), &target).await, Reason::L4Refused);
}

#[tokio::test]
async fn the_payload_is_sent_and_the_reply_compared() {
    let (target, mut requests) = serve(|request| vec![request.to_vec()]).await;
    let echo = |pattern: &str| requiring(pattern).with_payload([0, 0xff, 0x42]);
    for pattern in ["", "00", "00ff42", "00fFX2", "XXXXXX", "X0"] {
        passed(&check(&echo(pattern), &target).await);
        assert_eq!(requests.recv().await.unwrap(), [0, 0xff, 0x42]);
    }
    for pattern in ["01", "00ff4200", "XXXXXXXX", "00ffX3"] {
        unexpected(&check(&echo(pattern), &target).await, "00ff42");
    }
    passed(&check(&UdpCheck::new(STEP), &target).await);
}

#[tokio::test]
async fn lengths_count_only_with_digits() {
    let (target, _) = serve(|_| vec![vec![7; 256]]).await;
    let text = format!("{}… (256 bytes)", "07".repeat(32));
    unexpected(&check(&requiring("07"), &target).await, &text);
    passed(&check(&requiring(""), &target).await);
    let bounded = |shortest, longest| {
        let mut reply = UdpReply::new("07".parse().unwrap());
        (reply.shortest, reply.longest) = (shortest, longest);
        UdpCheck::new(STEP).with_reply(reply)
    };
    passed(&check(&bounded(256, 256), &target).await);
    passed(&check(&bounded(0, u16::MAX), &target).await);
    unexpected(&check(&bounded(257, 300), &target).await, &text);
    unexpected(&check(&bounded(300, 256), &target).await, &text);
}

#[tokio::test]
async fn an_empty_datagram_is_a_reply() {
    let (target, _) = serve(|_| vec![Vec::new()]).await;
    passed(&check(&requiring(""), &target).await);
    unexpected(&check(&requiring("00"), &target).await, "no bytes");
}

#[tokio::test]
async fn datagrams_of_others_are_no_reply() {
    let target = foreign(|_| vec![vec![0]; 1000]).await;
    failed(&check(&requiring("00"), &target).await, Reason::L7Timeout);
}

#[test]
fn blocks_are_read_and_printed() {
    round_trip(&UdpCheck::new(STEP));
    round_trip(&requiring("").with_payload([1, 2]));
    let mut reply = UdpReply::new("00X1XX".parse().unwrap());
    (reply.shortest, reply.longest) = (3, 20);
    round_trip(&UdpCheck::new(STEP).with_reply(reply));
    let found = findings(
        "UDP_CHECK",
        &[
            ("payload", &["0X"]),
            ("payload", &["xyz"]),
            ("payload", &["123"]),
            ("payload", &[]),
            ("require_reply", &["0g"]),
            ("min_reply_length", &["300"]),
            ("max_reply_length", &["70000"]),
            ("require_repyl", &[]),
        ],
    );
    let expected = [
        "'0X' is not a row of hexadecimal digits",
        "'xyz' is not a row of hexadecimal digits",
        "'123' is not an even number of hexadecimal digits",
        "'payload' needs hexadecimal digits",
        "'0g' is not a row of hexadecimal digits",
        "'70000' is not a number of bytes from 0 to 65535",
        "unknown keyword 'require_repyl' in UDP_CHECK",
        "'min_reply_length' 300 is greater than 'max_reply_length' 255: no reply passes",
    ];
    assert_eq!(found, expected);
}
