// SPDX-License-Identifier: MIT OR Apache-2.0
//! `GRPC_CHECK`, against a server of h2 and scripted ones.

use bytes::Bytes;
use h2::server;
use http::{HeaderMap, Response, StatusCode};
use lb_check::{AnswerCode, GrpcCheck, Reason, Security};
use tokio::sync::mpsc;

use super::*;

/// An answer of a server.
#[derive(Clone, Debug)]
struct Answer {
    status: StatusCode,
    headers: Vec<(&'static str, &'static str)>,
    body: Vec<u8>,
    trailers: Option<Vec<(&'static str, &'static str)>>,
}

impl Answer {
    /// A health status in a body, with the trailers of success.
    fn health(status: u8) -> Self {
        Self {
            status: StatusCode::OK,
            headers: vec![("content-type", "application/grpc+proto")],
            body: vec![0, 0, 0, 0, 2, 8, status],
            trailers: Some(vec![("grpc-status", "0")]),
        }
    }

    /// An error in the first headers, without a body.
    fn error(status: &'static str, message: &'static str) -> Self {
        let mut answer = Self::health(0);
        answer.headers.push(("grpc-status", status));
        answer.headers.push(("grpc-message", message));
        answer.body.clear();
        answer.trailers = None;
        answer
    }
}

/// What a server saw of a request: the URI, the headers and the body.
#[derive(Debug)]
struct Seen {
    uri: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

async fn start(answer: Answer, tls: bool) -> (Target, mpsc::UnboundedReceiver<Seen>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let target = Target::new(listener.local_addr().unwrap());
    let (seen, received) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (answer, seen) = (answer.clone(), seen.clone());
            tokio::spawn(async move {
                if tls {
                    let stream = acceptor().accept(stream).await.unwrap();
                    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
                    serve(stream, answer, seen).await;
                } else {
                    serve(stream, answer, seen).await;
                }
            });
        }
    });
    (target, received)
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: Answer,
    seen: mpsc::UnboundedSender<Seen>,
) {
    let Ok(mut connection) = server::handshake(stream).await else {
        return;
    };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let (answer, seen) = (answer.clone(), seen.clone());
        tokio::spawn(async move {
            let (head, mut incoming) = request.into_parts();
            let mut body = Vec::new();
            while let Some(Ok(data)) = incoming.data().await {
                body.extend(data);
            }
            let (uri, headers) = (head.uri.to_string(), head.headers);
            let _ = seen.send(Seen { uri, headers, body });
            let mut response = Response::builder().status(answer.status);
            for (name, value) in &answer.headers {
                response = response.header(*name, *value);
            }
            let is_empty = answer.body.is_empty() && answer.trailers.is_none();
            let mut out = respond
                .send_response(response.body(()).unwrap(), is_empty)
                .unwrap();
            if is_empty {
                return;
            }
            let last = answer.trailers.is_none();
            let _ = out.send_data(Bytes::from(answer.body), last);
            if let Some(trailers) = answer.trailers {
                let mut map = HeaderMap::new();
                for (name, value) in trailers {
                    map.insert(name, value.parse().unwrap());
                }
                let _ = out.send_trailers(map);
            }
        });
    }
}

fn check() -> GrpcCheck {
    GrpcCheck::new("shop.Orders", STEP)
}

async fn outcome(answer: Answer) -> Outcome {
    let (target, _seen) = start(answer, false).await;
    run(&check(), &target).await
}

#[tokio::test]
async fn serving_passes_and_the_request_is_that_of_the_protocol() {
    let (target, mut seen) = start(Answer::health(1), false).await;
    let outcome = run(&check(), &target).await;
    assert!(outcome.is_pass(), "{outcome}");
    let Seen { uri, headers, body } = seen.recv().await.unwrap();
    let address = target.address;
    assert_eq!(uri, format!("http://{address}/grpc.health.v1.Health/Check"));
    assert_eq!(body, b"\0\0\0\0\x0d\x0a\x0bshop.Orders");
    assert_eq!(headers["content-type"], "application/grpc");
    assert_eq!(headers["te"], "trailers");
    assert_eq!(headers["grpc-timeout"], "800m");
    let check = GrpcCheck::new("", STEP).with_virtualhost("orders.example.net");
    assert!(run(&check, &target).await.is_pass());
    let Seen { uri, body, .. } = seen.recv().await.unwrap();
    assert_eq!(uri, "http://orders.example.net/grpc.health.v1.Health/Check");
    assert_eq!(body, [0; 5]);
}

#[tokio::test]
async fn other_states_have_reasons_of_their_own() {
    for (answer, code, text) in [
        (
            Answer::health(2),
            AnswerCode::GrpcHealth(2),
            "health 2 (NOT_SERVING)",
        ),
        (
            Answer::health(0),
            AnswerCode::GrpcHealth(0),
            "health 0 (UNKNOWN)",
        ),
        (
            Answer::health(3),
            AnswerCode::GrpcHealth(3),
            "health 3 (SERVICE_UNKNOWN)",
        ),
        (Answer::health(9), AnswerCode::GrpcHealth(9), "health 9"),
        (
            Answer::error("5", "unknown service"),
            AnswerCode::Grpc(5),
            "gRPC status 5 (NOT_FOUND): unknown service",
        ),
        (
            Answer::error("12", ""),
            AnswerCode::Grpc(12),
            "gRPC status 12 (UNIMPLEMENTED)",
        ),
    ] {
        let reason = failure(outcome(answer).await);
        assert_eq!(reason.to_string(), text);
        assert!(matches!(reason, Reason::L7Error { code: found, .. } if found == code));
    }
    let mut late = Answer::health(1);
    late.trailers = Some(vec![("grpc-status", "14"), ("grpc-message", "draining")]);
    let late = failure(outcome(late).await);
    assert_eq!(late.to_string(), "gRPC status 14 (UNAVAILABLE): draining");
}

#[tokio::test]
async fn answers_that_are_no_grpc_are_refused() {
    let mut status = Answer::health(1);
    status.status = StatusCode::BAD_GATEWAY;
    assert_eq!(failure(outcome(status).await), Reason::L7Status(502));
    let mut page = Answer::health(1);
    page.headers = vec![("content-type", "text/html")];
    let page = failure(outcome(page).await);
    assert_eq!(
        page.to_string(),
        "unexpected answer: content-type text/html"
    );
    let mut without = Answer::health(1);
    without.trailers = None;
    let without = failure(outcome(without).await);
    assert_eq!(without.to_string(), "unexpected answer: no grpc-status");
    let mut odd = Answer::health(1);
    odd.trailers = Some(vec![("grpc-status", "fine")]);
    let odd = failure(outcome(odd).await);
    assert_eq!(odd.to_string(), "unexpected answer: grpc-status fine");
    let mut long = Answer::health(1);
    long.body = vec![0; 100_000];
    assert_eq!(failure(outcome(long).await), Reason::L7TooLong(1024));
    let mut empty = Answer::health(1);
    empty.body.clear();
    let empty = failure(outcome(empty).await);
    assert!(matches!(empty, Reason::L7Unexpected(_)), "{empty}");
}

#[tokio::test]
async fn servers_of_other_protocols_and_bad_ones_fail_in_time() {
    /// Preface, settings, headers and message of a request have more bytes than this.
    const PART: usize = 60;
    let settings = || Step::Send(b"\0\0\0\x04\0\0\0\0\0".to_vec());
    assert_eq!(failure(run(&check(), &closed()).await), Reason::L4Refused);
    for steps in [
        vec![Step::Hang],
        vec![settings(), Step::Hang],
        vec![settings(), Step::Receive(PART), Step::Hang],
    ] {
        assert_eq!(reason(&check(), steps).await, Reason::L7Timeout);
    }
    for steps in [
        vec![Step::Reset],
        vec![settings(), Step::Receive(PART), Step::Reset],
    ] {
        let got = reason(&check(), steps.clone()).await;
        assert!(
            matches!(got, Reason::L4Reset | Reason::L7Closed),
            "{steps:?}: {got}"
        );
    }
    for steps in [vec![], vec![settings(), Step::Receive(PART)]] {
        let got = reason(&check(), steps.clone()).await;
        assert!(matches!(got, Reason::L7Closed), "{steps:?}: {got}");
    }
    for wrong in [
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec(),
        vec![0xff; 64],
        // GOAWAY with ENHANCE_YOUR_CALM.
        b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0b".to_vec(),
        // A reset of the stream: REFUSED_STREAM.
        b"\0\0\0\x04\0\0\0\0\0\0\0\x04\x03\0\0\0\0\x01\0\0\0\x07".to_vec(),
    ] {
        let got = reason(&check(), [Step::Send(wrong.clone()), Step::Hang]).await;
        assert!(matches!(got, Reason::L7Unexpected(_)), "{wrong:x?}: {got}");
    }
    for byte in [0, b'H', 0xff] {
        let got = reason(&check(), [Step::Endless(byte)]).await;
        let expected = matches!(got, Reason::L7Unexpected(_) | Reason::L7Timeout);
        assert!(expected, "{byte}: {got}");
    }
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn serving_over_tls_passes() {
    let (target, mut seen) = start(Answer::health(1), true).await;
    let check = check().with_security(Security::Tls);
    let outcome = run(&check, &target).await;
    assert!(outcome.is_pass(), "{outcome}");
    assert!(seen.recv().await.unwrap().uri.starts_with("https://"));
}

#[test]
fn grpc_check_reads_its_block() {
    assert_round_trip("GRPC_CHECK", &[], None);
    let lines = [
        ("service", "shop.Orders"),
        ("virtualhost", "orders.example.net"),
        ("tls", ""),
        ("sni_name", "orders.example.net"),
    ];
    assert_round_trip("GRPC_CHECK", &lines, None);
    for (lines, message) in [
        (
            &[("service", "")][..],
            "'service' needs the name of a service",
        ),
        (&[("virtualhost", "a b")], "'a b' is not a host name"),
        (
            &[("starttls", "")],
            "unknown keyword 'starttls' in GRPC_CHECK",
        ),
        (
            &[("sni_name", "x")],
            "'sni_name' has no effect in GRPC_CHECK",
        ),
    ] {
        assert_eq!(errors("GRPC_CHECK", lines), [message]);
    }
}
