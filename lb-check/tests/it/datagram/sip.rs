// SPDX-License-Identifier: MIT OR Apache-2.0
//! SIP_CHECK.

use std::collections::BTreeSet;

use lb_check::{InvalidAnswer, SipCheck};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

fn header<'a>(request: &'a str, name: &str) -> &'a str {
    let mut lines = request.lines();
    let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {name} in {request}"))
}

/// A response to a request, as a server makes it.
fn respond(request: &[u8], status: &str) -> Vec<u8> {
    let request = std::str::from_utf8(request).unwrap();
    format!(
        "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=1\r\nCall-ID: {}\r\nCSeq: {}\r\n\
         Content-Length: 0\r\n\r\n",
        header(request, "Via"),
        header(request, "From"),
        header(request, "To"),
        header(request, "Call-ID"),
        header(request, "CSeq"),
    )
    .into_bytes()
}

#[tokio::test]
async fn the_status_decides() {
    for (status, check_codes, verdict) in [
        ("200 OK", None, Ok(())),
        ("202 Accepted", None, Err(202)),
        ("404 Not Found", None, Err(404)),
        ("404 Not Found", Some(400..=499), Ok(())),
        ("200 OK", Some(400..=499), Err(200)),
        ("503 Service Unavailable", Some(200..=299), Err(503)),
    ] {
        let (target, _) = serve(move |request| vec![respond(request, status)]).await;
        let sip = check_codes
            .into_iter()
            .fold(SipCheck::new(STEP), SipCheck::with_status);
        let outcome = check(&sip, &target).await;
        match verdict {
            Ok(()) => passed(&outcome),
            Err(code) => failed(&outcome, Reason::L7Status(code)),
        }
    }
}

#[tokio::test]
async fn each_request_has_its_own_words() {
    let (target, mut requests) = serve(|request| vec![respond(request, "200 OK")]).await;
    let mut seen = BTreeSet::new();
    for user in [None, Some("alice"), Some("alice@example.org")] {
        let mut sip = SipCheck::new(STEP);
        sip.user = user.map(str::to_owned);
        passed(&check(&sip, &target).await);
        let request = String::from_utf8(requests.recv().await.unwrap()).unwrap();
        let address = target.address;
        let uri = match user {
            None => format!("sip:{address}"),
            Some("alice") => format!("sip:alice@{address}"),
            Some(_) => "sip:alice@example.org".to_owned(),
        };
        assert!(
            request.starts_with(&format!("OPTIONS {uri} SIP/2.0\r\n")),
            "{request}"
        );
        assert_eq!(header(&request, "To"), format!("<{uri}>"));
        let via = header(&request, "Via");
        assert!(via.starts_with("SIP/2.0/UDP 127.0.0.1:"), "{via}");
        let branch = via
            .split(';')
            .find_map(|part| part.strip_prefix("branch=z9hG4bK"))
            .unwrap();
        let tag = header(&request, "From").split(";tag=").nth(1).unwrap();
        seen.extend([branch, tag, header(&request, "Call-ID")].map(str::to_owned));
        assert_eq!(header(&request, "CSeq"), "1 OPTIONS");
        assert_eq!(header(&request, "Max-Forwards"), "70");
    }
    assert_eq!(seen.len(), 9);
}

#[tokio::test]
async fn provisional_and_foreign_responses_are_ignored() {
    let (target, _) = serve(|request| {
        let mut other = respond(request, "200 OK");
        let at = other
            .windows(9)
            .position(|part| part == b"Call-ID: ")
            .unwrap();
        other[at + 9] ^= 1;
        vec![
            respond(request, "100 Trying"),
            other,
            respond(request, "486 Busy Here"),
        ]
    })
    .await;
    failed(
        &check(&SipCheck::new(STEP), &target).await,
        Reason::L7Status(486),
    );
    let (target, _) = serve(|request| vec![respond(request, "180 Ringing")]).await;
    failed(
        &check(&SipCheck::new(STEP), &target).await,
        Reason::L7Timeout,
    );
}

#[tokio::test]
async fn silence_refusal_and_other_protocols_fail() {
    failed(
        &check(&SipCheck::new(STEP), &silent().await.0).await,
        Reason::L7Timeout,
    );
    failed(
        &check(&SipCheck::new(STEP), &closed().await).await,
        Reason::L4Refused,
    );
    let target = foreign(|request| vec![respond(request, "200 OK")]).await;
    failed(
        &check(&SipCheck::new(STEP), &target).await,
        Reason::L7Timeout,
    );
    let (target, _) = serve(|_| vec![b"\x00\x01hello\r\n".to_vec()]).await;
    unexpected(
        &check(&SipCheck::new(STEP), &target).await,
        "\\x00\\x01hello",
    );
    let (target, _) = serve(|_| vec![b"SIP/2.0 abc\r\n\r\n".to_vec()]).await;
    let malformed = Reason::L7Invalid(InvalidAnswer::Malformed { protocol: "SIP" });
    failed(&check(&SipCheck::new(STEP), &target).await, malformed);
}

/// A server over TCP that sends these parts, each in writes of `chunk` bytes.
async fn serve_stream(parts: &'static [&'static str], chunk: usize) -> Target {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let target = Target::new(listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n")
                && stream.read_buf(&mut request).await.unwrap() > 0
            {}
            let text = String::from_utf8(request.clone()).unwrap();
            assert!(header(&text, "Via").starts_with("SIP/2.0/TCP 127.0.0.1:"));
            for part in parts {
                let bytes = part.replace("%", header(&text, "Call-ID"));
                for piece in bytes.as_bytes().chunks(chunk) {
                    let _ = stream.write_all(piece).await;
                    tokio::task::yield_now().await;
                }
            }
        }
    });
    target
}

#[tokio::test]
async fn responses_over_tcp_may_come_in_any_pieces() {
    const TRYING: &str = "SIP/2.0 100 Trying\r\nCall-ID: %\r\nContent-Length: 6\r\n\r\nSIP/2.";
    const FOREIGN: &str = "SIP/2.0 500 No\r\nCall-ID: x\r\n\r\n";
    const OK: &str = "SIP/2.0 200 OK\r\ni: %\r\n\r\n";
    let sip = SipCheck::new(STEP).with_tcp();
    for chunk in [1, 7, 1000] {
        let target = serve_stream(&[TRYING, FOREIGN, OK], chunk).await;
        passed(&check(&sip, &target).await);
    }
    let malformed = || Reason::L7Invalid(InvalidAnswer::Malformed { protocol: "SIP" });
    failed(
        &check(&sip, &serve_stream(&[], 1).await).await,
        Reason::L7NoData,
    );
    failed(
        &check(&sip, &serve_stream(&["SIP/2.0 200 OK\r\n"], 1).await).await,
        malformed(),
    );
    failed(
        &check(&sip, &serve_stream(&[TRYING], 9).await).await,
        Reason::L7NoData,
    );
    const ENDLESS: &[&str] = &["0123456789abcdef"; 4096];
    failed(
        &check(&sip, &serve_stream(ENDLESS, 4096).await).await,
        malformed(),
    );
    let huge = "SIP/2.0 100 Trying\r\nCall-ID: %\r\nContent-Length: 99999999\r\n\r\n";
    failed(
        &check(&sip, &serve_stream(Box::leak(Box::new([huge])), 99).await).await,
        malformed(),
    );
}

#[test]
fn blocks_are_read_and_printed() {
    round_trip(&SipCheck::new(STEP));
    let full = SipCheck::new(STEP)
        .with_user("alice@example.org")
        .with_tcp();
    round_trip(&full.with_status(200..=200).with_status(400..=499));
    let found = findings(
        "SIP_CHECK",
        &[
            ("login", &["a b"]),
            ("user", &["alice>\r\n"]),
            ("status_code", &["199", "2oo", "700", "300-299"]),
            ("status_code", &[]),
            ("tcp", &["yes"]),
            ("statuscode", &["200"]),
        ],
    );
    let expected = [
        "'a b' is not the user part of a SIP address, or user@host",
        "'alice>\r\n' is not the user part of a SIP address, or user@host",
        "'199' is not a status code, or two of them with - between",
        "'2oo' is not a status code, or two of them with - between",
        "'700' is not a status code, or two of them with - between",
        "'300-299' is not a status code, or two of them with - between",
        "'status_code' needs a status code, or two of them with - between",
        "'tcp' takes no further word: 'yes' is ignored",
        "unknown keyword 'statuscode' in SIP_CHECK",
    ];
    assert_eq!(found, expected);
}
