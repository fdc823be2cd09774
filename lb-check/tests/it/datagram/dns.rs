// SPDX-License-Identifier: MIT OR Apache-2.0
//! DNS_CHECK.

use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, TXT};
use hickory_proto::rr::{RData, Record, RecordType};
use hickory_proto::serialize::binary::BinEncodable as _;
use lb_check::{DnsCheck, InvalidAnswer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

fn dns() -> DnsCheck {
    DnsCheck::new(STEP)
}

fn asking(name: &str, kind: &str) -> DnsCheck {
    dns().with_question(name, kind.parse().unwrap()).unwrap()
}

const MALFORMED: Reason = Reason::L7Invalid(InvalidAnswer::Malformed { protocol: "DNS" });

/// The answer to a query, with these records for its name.
fn answer(query: &[u8], code: ResponseCode, records: &[RData]) -> Message {
    let query = Message::from_vec(query).unwrap();
    let mut answer = Message::error_msg(query.metadata.id, OpCode::Query, code);
    answer.add_queries(query.queries.clone());
    for record in records {
        let owner = query.queries[0].name().clone();
        answer.add_answer(Record::from_rdata(owner, 60, record.clone()));
    }
    answer
}

fn encoded(message: &Message) -> Vec<u8> {
    message.to_bytes().unwrap()
}

fn ok(query: &[u8]) -> Vec<u8> {
    encoded(&answer(query, ResponseCode::NoError, &[]))
}

#[tokio::test]
async fn the_response_code_decides() {
    let codes = [
        (ResponseCode::NoError, "NOERROR"),
        (ResponseCode::FormErr, "FORMERR"),
        (ResponseCode::ServFail, "SERVFAIL"),
        (ResponseCode::NXDomain, "NXDOMAIN"),
        (ResponseCode::NotImp, "NOTIMP"),
        (ResponseCode::Refused, "REFUSED"),
        (ResponseCode::Unknown(13), "RCODE13"),
    ];
    for (code, name) in codes {
        let (target, _) = serve(move |query| vec![encoded(&answer(query, code, &[]))]).await;
        let outcome = check(&dns(), &target).await;
        match name {
            "NOERROR" => passed(&outcome),
            name => unexpected(&outcome, name),
        }
        let named = dns().with_rcode(name.parse().unwrap());
        passed(&check(&named, &target).await);
        let both = named.with_rcode("YXDOMAIN".parse().unwrap());
        passed(&check(&both, &target).await);
        let other = dns().with_rcode("YXDOMAIN".parse().unwrap());
        unexpected(&check(&other, &target).await, name);
    }
}

#[tokio::test]
async fn the_query_asks_what_the_configuration_names() {
    let (target, mut queries) = serve(|query| vec![ok(query)]).await;
    let mut ids = std::collections::BTreeSet::new();
    for (name, kind, expected) in [
        (".", "SOA", RecordType::SOA),
        ("example.org", "aaaa", RecordType::AAAA),
        ("_sip._udp.example.org.", "SRV", RecordType::SRV),
        ("example.org", "RRSIG", RecordType::RRSIG),
        ("example.org", "TYPE65400", RecordType::Unknown(65400)),
    ] {
        passed(&check(&asking(name, kind), &target).await);
        let query = Message::from_vec(&queries.recv().await.unwrap()).unwrap();
        assert!(query.metadata.recursion_desired);
        assert_eq!(query.queries[0].query_type(), expected);
        let asked = query.queries[0].name().to_string();
        assert_eq!(asked.trim_end_matches('.'), name.trim_end_matches('.'));
        ids.insert(query.metadata.id);
    }
    assert!(ids.len() > 1, "{ids:?}");
}

#[tokio::test]
async fn silence_and_refusal_fail() {
    failed(&check(&dns(), &silent().await.0).await, Reason::L7Timeout);
    failed(&check(&dns(), &closed().await).await, Reason::L4Refused);
    failed(
        &check(&dns().with_tcp(), &closed().await).await,
        Reason::L4Refused,
    );
    failed(
        &check(&dns(), &foreign(|query| vec![ok(query)]).await).await,
        Reason::L7Timeout,
    );
}

/// Messages to other queries: another identifier, another name.
fn wrong(query: &[u8]) -> [Vec<u8>; 2] {
    let mut other_id = ok(query);
    other_id[1] ^= 1;
    let mut other_name = query.to_vec();
    other_name[13] ^= 1;
    [other_id, ok(&other_name)]
}

#[tokio::test]
async fn answers_to_other_queries_are_ignored() {
    let check_one = asking("example.org", "A");
    let (target, _) = serve(|query| [wrong(query).to_vec(), vec![ok(query)]].concat()).await;
    passed(&check(&check_one, &target).await);
    let (target, _) = serve(|query| wrong(query).to_vec()).await;
    let outcome = check(&check_one, &target).await;
    failed(&outcome, Reason::L7Timeout);
    assert_eq!(
        outcome.detail.as_deref(),
        Some("2 messages to other queries ignored")
    );
    let (target, _) = serve(|query| {
        vec![vec![0; 1]; 100]
            .into_iter()
            .chain([ok(query)])
            .collect()
    })
    .await;
    passed(&check(&check_one, &target).await);
}

/// Answers to other queries without end: the check ends at its own limit.
#[tokio::test]
async fn a_flood_of_answers_to_other_queries_ends_with_the_time() {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let target = Target::new(socket.local_addr().unwrap());
    let flood = tokio::spawn(async move {
        let mut query = [0; 512];
        let (length, peer) = socket.recv_from(&mut query).await.unwrap();
        let [other_id, other_name] = wrong(&query[..length]);
        loop {
            let _ = socket.send_to(&other_id, peer).await;
            let _ = socket.send_to(&other_name, peer).await;
            tokio::task::yield_now().await;
        }
    });
    let outcome = check(&asking("example.org", "A"), &target).await;
    flood.abort();
    failed(&outcome, Reason::L7Timeout);
    assert!(outcome.detail.is_some());
}

#[tokio::test]
async fn malformed_answers_have_a_reason() {
    for length in [2, 11, 12, 20] {
        let (target, _) = serve(move |query| vec![ok(query)[..length].to_vec()]).await;
        failed(
            &check(
                &dns()
                    .with_question("example.org", "A".parse().unwrap())
                    .unwrap(),
                &target,
            )
            .await,
            MALFORMED,
        );
    }
    // The query itself comes back.
    let (target, _) = serve(|query| vec![query.to_vec()]).await;
    unexpected(&check(&dns(), &target).await, "a query");
}

#[tokio::test]
async fn a_record_must_be_there_if_one_is_named() {
    let records = [
        RData::A(A::new(192, 0, 2, 80)),
        RData::AAAA(AAAA::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 80)),
        RData::TXT(TXT::new(vec!["works".to_owned()])),
    ];
    let (target, _) =
        serve(move |query| vec![encoded(&answer(query, ResponseCode::NoError, &records))]).await;
    let with = |texts: &[&str]| {
        texts
            .iter()
            .fold(asking("example.org", "ANY"), |check, text| {
                check.with_answer(*text)
            })
    };
    for texts in [
        &["192.0.2.80"][..],
        &["2001:DB8::50"],
        &["works"],
        &["no", "works"],
    ] {
        passed(&check(&with(texts), &target).await);
    }
    unexpected(
        &check(&with(&["192.0.2.81", "no"]), &target).await,
        "none of 3 records is 192.0.2.81 or no",
    );
}

/// A server over UDP whose answers are truncated, and over TCP on the same port.
async fn truncating(answers: fn(&[u8]) -> Vec<u8>) -> (Target, mpsc::UnboundedReceiver<Vec<u8>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let socket = UdpSocket::bind(address).await.unwrap();
    let (target, _) = serve_on(socket, |query| {
        let mut cut = answer(query, ResponseCode::NoError, &[]);
        cut.metadata.truncation = true;
        vec![encoded(&cut)]
    });
    let (queries, received) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let length = stream.read_u16().await.unwrap();
            let mut query = vec![0; usize::from(length)];
            stream.read_exact(&mut query).await.unwrap();
            // A byte at a time.
            for byte in answers(&query) {
                let _ = stream.write_all(&[byte]).await;
                tokio::task::yield_now().await;
            }
            let _ = queries.send(query);
        }
    });
    (target, received)
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap().to_be_bytes();
    [&length, message].concat()
}

#[tokio::test]
async fn a_truncated_answer_is_asked_for_again_over_tcp_if_its_records_matter() {
    let (target, mut queries) = truncating(|query| {
        let found = RData::A(A::new(192, 0, 2, 80));
        let mut other = ok(query);
        other[0] ^= 1;
        [
            framed(&other),
            framed(&encoded(&answer(query, ResponseCode::NoError, &[found]))),
        ]
        .concat()
    })
    .await;
    passed(&check(&asking("example.org", "A"), &target).await);
    assert!(queries.try_recv().is_err(), "asked over TCP without a need");
    passed(
        &check(
            &asking("example.org", "A").with_answer("192.0.2.80"),
            &target,
        )
        .await,
    );
    assert!(queries.recv().await.is_some());
    let text = "none of 1 records is 192.0.2.81";
    unexpected(
        &check(
            &asking("example.org", "A").with_answer("192.0.2.81"),
            &target,
        )
        .await,
        text,
    );
    passed(&check(&asking("example.org", "A").with_tcp(), &target).await);
}

#[tokio::test]
async fn streams_that_end_early_fail() {
    for (answers, reason) in [
        ((|_| Vec::new()) as fn(&[u8]) -> Vec<u8>, Reason::L7NoData),
        (|_| vec![0], Reason::L7NoData),
        (|_| vec![0, 20, 1, 2], MALFORMED),
        (|query| framed(&ok(query)[..13]), MALFORMED),
    ] {
        let (target, _) = truncating(answers).await;
        failed(&check(&dns().with_tcp(), &target).await, reason);
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let target = Target::new(listener.local_addr().unwrap());
    failed(&check(&dns().with_tcp(), &target).await, Reason::L7Timeout);
}

#[test]
fn blocks_are_read_and_printed() {
    round_trip(&dns());
    let full = asking("www.example.org", "AAAA")
        .with_tcp()
        .with_answer("2001:db8::1")
        .with_answer("b c");
    round_trip(
        &full
            .with_rcode("NOERROR".parse().unwrap())
            .with_rcode("RCODE12".parse().unwrap()),
    );
    let found = findings(
        "DNS_CHECK",
        &[
            ("type", &["BANANA"]),
            ("type", &[]),
            ("name", &["a..b"]),
            ("name", &["a.b"]),
            ("name", &["c.d"]),
            ("rcode", &["OK"]),
            ("answer", &[]),
            ("nmae", &["x"]),
        ],
    );
    assert!(
        found[2].starts_with("'a..b' is not a domain name: "),
        "{found:?}"
    );
    let expected = [
        "'BANANA' is not a type of record",
        "'type' needs a type of record",
        &found[2],
        "'name' is given twice, the first one counts",
        "'OK' is not a response code",
        "'answer' needs an address, a name or a text",
        "unknown keyword 'nmae' in DNS_CHECK",
    ];
    assert_eq!(found, expected);
}

#[test]
fn retries_are_those_of_keepalived() {
    let registry = lb_check::Registry::builtin();
    let context = lb_check::CheckContext::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 53)));
    let build = |kind: &str| {
        let block = lb_check::Arguments::block(kind, []);
        registry.get(kind).unwrap().build(&block, &context).unwrap()
    };
    let dns = build("DNS_CHECK");
    assert_eq!((dns.retries, dns.retry_waits_interval), (3, true));
    for kind in ["UDP_CHECK", "PING_CHECK", "SIP_CHECK"] {
        let built = build(kind);
        assert_eq!(
            (built.retries, built.retry_waits_interval),
            (1, false),
            "{kind}"
        );
        assert_eq!(built.retry_delay, Duration::from_secs(1), "{kind}");
    }
    let needs_port = |kind| registry.get(kind).unwrap().needs_port();
    assert!(!needs_port("PING_CHECK") && needs_port("DNS_CHECK") && !needs_port("MISC_CHECK"));
}
