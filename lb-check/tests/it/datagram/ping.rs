// SPDX-License-Identifier: MIT OR Apache-2.0
//! PING_CHECK. Other hosts are in the tests with network namespaces.

use lb_check::{LocalError, PingCheck};

use super::*;

/// True where echo requests are permitted. Elsewhere the outcome must name what permits them.
fn is_permitted(outcome: &Outcome) -> bool {
    match &outcome.verdict {
        Verdict::Local(LocalError::Other(text)) => {
            assert!(text.contains("net.ipv4.ping_group_range"), "{text}");
            assert!(text.contains("CAP_NET_RAW"), "{text}");
            false
        }
        _ => true,
    }
}

#[tokio::test]
async fn loopback_answers() {
    for address in ["127.0.0.1:0", "127.8.9.10:80", "[::1]:0"] {
        let target = Target::new(address.parse().unwrap());
        let outcome = check(&PingCheck::new(STEP), &target).await;
        if is_permitted(&outcome) {
            passed(&outcome);
        }
    }
}

#[tokio::test]
async fn many_at_once_find_their_own_replies() {
    let check_one = |number: u8| async move {
        let target = Target::new(SocketAddr::from(([127, 0, 7, number], 0)));
        check(&PingCheck::new(4 * STEP), &target).await
    };
    let probes: Vec<_> = (1..=100)
        .map(|number| tokio::spawn(check_one(number)))
        .collect();
    for probe in probes {
        let outcome = probe.await.unwrap();
        if is_permitted(&outcome) {
            passed(&outcome);
        }
    }
}

#[tokio::test]
async fn a_source_of_another_host_is_a_local_failure() {
    let target =
        Target::new("127.0.0.1:0".parse().unwrap()).with_source("192.0.2.77:0".parse().unwrap());
    let outcome = check(&PingCheck::new(STEP), &target).await;
    assert!(matches!(outcome.verdict, Verdict::Local(_)), "{outcome}");
}

#[test]
fn blocks_are_read_and_printed() {
    round_trip(&PingCheck::new(STEP));
    let found = findings("PING_CHECK", &[("retry", &["2"]), ("pyload", &["00"])]);
    assert_eq!(found, ["unknown keyword 'pyload' in PING_CHECK"]);
}
