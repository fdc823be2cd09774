// SPDX-License-Identifier: MIT OR Apache-2.0
//! RADIUS_CHECK.

use hmac::{Hmac, KeyInit as _, Mac as _};
use lb_check::{InvalidAnswer, RadiusCheck};
use md5::{Digest as _, Md5};

use super::*;

const SECRET: &str = "testing123";

fn radius() -> RadiusCheck {
    RadiusCheck::new(STEP, "monitor", "p4ssw0rd", SECRET)
}

/// An answer of a server that has this secret.
fn answer(request: &[u8], code: u8, attributes: &[u8], secret: &str) -> Vec<u8> {
    let length = u16::try_from(20 + attributes.len()).unwrap().to_be_bytes();
    let mut packet = vec![code, request[1], length[0], length[1]];
    let mut digest = Md5::new();
    digest.update(&packet);
    digest.update(&request[4..20]);
    digest.update(attributes);
    digest.update(secret);
    packet.extend(<[u8; 16]>::from(digest.finalize()));
    packet.extend(attributes);
    packet
}

/// The attributes of a request.
fn attributes(request: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut attributes = Vec::new();
    let mut rest = &request[20..];
    while let [kind, length, ..] = *rest {
        let (attribute, after) = rest.split_at(usize::from(length));
        attributes.push((kind, attribute[2..].to_vec()));
        rest = after;
    }
    attributes
}

#[tokio::test]
async fn the_code_decides() {
    for (code, verdict, accepting) in [
        (2, None, None),
        (3, Some("Access-Reject"), None),
        (11, Some("Access-Challenge"), Some("Access-Challenge")),
        (5, Some("RADIUS code 5"), Some("RADIUS code 5")),
    ] {
        let (target, _) =
            serve(move |request| vec![answer(request, code, b"\x12\x04ok", SECRET)]).await;
        for (check_one, text) in [
            (radius(), verdict),
            (radius().with_accept_reject(), accepting),
        ] {
            let outcome = check(&check_one, &target).await;
            match text {
                None => passed(&outcome),
                Some(text) => unexpected(&outcome, text),
            }
        }
    }
}

#[tokio::test]
async fn the_request_is_signed_and_hides_the_password() {
    let (target, mut requests) = serve(|request| vec![answer(request, 2, &[], SECRET)]).await;
    passed(&check(&radius(), &target).await);
    passed(&check(&radius(), &target).await);
    let first = requests.recv().await.unwrap();
    let second = requests.recv().await.unwrap();
    assert_ne!(
        first[4..20],
        second[4..20],
        "each request has its own authenticator"
    );
    assert_eq!((first[0], usize::from(first[3])), (1, first.len()));
    let [(80, mac), (1, user), (2, hidden), (32, name)] = &attributes(&first)[..] else {
        panic!("{first:02x?}");
    };
    assert_eq!((&user[..], &name[..]), (&b"monitor"[..], &b"lb-check"[..]));
    let mut digest = Md5::new();
    digest.update(SECRET);
    digest.update(&first[4..20]);
    let key: [u8; 16] = digest.finalize().into();
    let plain: Vec<u8> = hidden
        .iter()
        .zip(key)
        .map(|(byte, key)| byte ^ key)
        .collect();
    assert_eq!(plain, b"p4ssw0rd\0\0\0\0\0\0\0\0");
    let mut unsigned = first.clone();
    unsigned[22..38].fill(0);
    let signed = Hmac::<Md5>::new_from_slice(SECRET.as_bytes())
        .unwrap()
        .chain_update(unsigned);
    signed.verify_slice(mac).unwrap();
}

#[tokio::test]
async fn answers_without_the_secret_are_ignored_and_named() {
    let (target, _) = serve(|request| vec![answer(request, 2, &[], "other")]).await;
    let text = "wrong authenticator: the server has another secret";
    unexpected(&check(&radius(), &target).await, text);
    let (target, _) = serve(|request| {
        let mut foreign = answer(request, 2, &[], SECRET);
        foreign[1] ^= 1;
        let forged = vec![answer(request, 2, &[], "other"); 500];
        [forged, vec![foreign, answer(request, 3, &[], SECRET)]].concat()
    })
    .await;
    unexpected(&check(&radius(), &target).await, "Access-Reject");
}

#[tokio::test]
async fn silence_refusal_and_malformed_answers_fail() {
    failed(
        &check(&radius(), &silent().await.0).await,
        Reason::L7Timeout,
    );
    failed(&check(&radius(), &closed().await).await, Reason::L4Refused);
    let target = foreign(|request| vec![answer(request, 2, &[], SECRET)]).await;
    failed(&check(&radius(), &target).await, Reason::L7Timeout);
    for length in [0, 1, 19, 21] {
        let (target, _) = serve(move |request| {
            let whole = answer(request, 2, b"\x12\x04ok", SECRET);
            vec![whole[..length].to_vec()]
        })
        .await;
        let malformed = Reason::L7Invalid(InvalidAnswer::Malformed { protocol: "RADIUS" });
        failed(&check(&radius(), &target).await, malformed);
    }
}

#[test]
fn secrets_are_in_no_output_but_the_printed_block() {
    let shown = [format!("{:?}", radius()), radius().identity()].join(" ");
    assert!(shown.contains("monitor"), "{shown}");
    assert!(
        !shown.contains("p4ssw0rd") && !shown.contains(SECRET),
        "{shown}"
    );
    let others = [
        RadiusCheck::new(STEP, "monitor", "p4ssw0rd", "other"),
        RadiusCheck::new(STEP, "monitor", "other", SECRET),
        RadiusCheck::new(STEP, "other", "p4ssw0rd", SECRET),
        radius().with_accept_reject(),
    ];
    for other in others {
        assert_ne!(other.identity(), radius().identity());
        round_trip(&other);
    }
    round_trip(&radius());
}

#[test]
fn blocks_need_a_user_and_a_secret() {
    assert_eq!(
        findings("RADIUS_CHECK", &[]),
        ["RADIUS_CHECK needs 'login'", "RADIUS_CHECK needs 'secret'"]
    );
    let long = "x".repeat(254);
    let found = findings(
        "RADIUS_CHECK",
        &[
            ("user", &[&long]),
            ("passwd", &[&long]),
            ("secret", &[""]),
            ("secret", &["s"]),
            ("login", &["monitor"]),
            ("accept_rejects", &[]),
        ],
    );
    let expected = [
        "'user' needs a user name of 1 to 253 bytes",
        "'passwd' needs a password of 1 to 128 bytes",
        "'secret' needs a secret of at least one byte",
        "unknown keyword 'accept_rejects' in RADIUS_CHECK",
    ];
    assert_eq!(found, expected);
}
