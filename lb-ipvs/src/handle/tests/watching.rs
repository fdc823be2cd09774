// SPDX-License-Identifier: MIT OR Apache-2.0
//! Listings and watching.

use std::pin::pin;

use futures_util::StreamExt;

use super::*;
use crate::{Aspects, Difference, ForwardingName, wire::destination_attributes};

/// Replies to the two dumps of a table: services by port, with a destination each.
fn table(requests: &[ScriptedRequest], ports: &[u16]) -> Vec<ScriptedReply> {
    let request = &requests[0];
    let (sequence, flags) = (request.sequence, NLM_F_MULTIPART);
    let mut replies: Vec<ScriptedReply> = match request.message.command() {
        // In one datagram, as the kernel sends what fits into one.
        Command::GetService => vec![ScriptedReply::Together(
            ports
                .iter()
                .map(|port| service_reply(sequence, flags, *port))
                .collect(),
        )],
        Command::GetDestination => {
            let destination = Destination::new("10.0.1.1:80".parse().unwrap());
            let attributes = destination_attributes(&destination);
            vec![ScriptedReply::Message {
                sequence,
                flags,
                message: IpvsMessage::new(
                    Command::NewDestination,
                    vec![IpvsAttribute::Destination(attributes)],
                ),
            }]
        }
        other => panic!("{other:?}"),
    };
    replies.push(ScriptedReply::Done { sequence, errno: 0 });
    replies
}

#[tokio::test]
async fn a_plain_snapshot_without_the_file() {
    // A scripted kernel is not the one behind /proc, which has no such services, or no such file.
    let (mut ipvs, _) = kernel(|requests| table(requests, &[80, 81]));
    let plain = ipvs.plain_snapshot().await.unwrap();
    let services: Vec<Service> = plain.iter().map(|entry| entry.service.clone()).collect();
    assert_eq!(services, [service(80), service(81)]);
    let destination = plain[1].destinations[0];
    assert_eq!(destination.address, "10.0.1.1:80".parse().unwrap());
    assert_eq!(destination.forwarding, ForwardingName::DirectRouting);
}

#[tokio::test(start_paused = true)]
async fn changes_are_found_by_reading_again() {
    let mut reading = 0;
    let (mut ipvs, _) = kernel(move |requests| {
        if requests[0].message.command() == Command::GetService {
            reading += 1;
        }
        match reading {
            1..=3 => table(requests, &[80]),
            4 => table(requests, &[80, 81]),
            5 => vec![error(requests[0].sequence, 12)],
            _ => table(requests, &[81]),
        }
    });
    let mut changes = pin!(ipvs.changes(Duration::from_secs(1), Aspects::default()));
    let mut lines = Vec::new();
    for _ in 0..4 {
        match changes.next().await.unwrap() {
            Ok(found) => lines.push(found.iter().map(Difference::to_string).collect()),
            Err(error) => lines.push(vec![error.to_string()]),
        }
    }
    let appeared = |port| {
        vec![
            format!("service TCP 10.0.0.1:{port} appeared (rr)"),
            format!("destination 10.0.1.1:80 of TCP 10.0.0.1:{port} appeared (Route, weight 1)"),
        ]
    };
    let went = vec![
        "destination 10.0.1.1:80 of TCP 10.0.0.1:80 is gone".to_owned(),
        "service TCP 10.0.0.1:80 is gone".to_owned(),
    ];
    let failed = vec!["cannot list services (the table)".to_owned()];
    assert_eq!(lines, [appeared(80), appeared(81), failed, went]);
}

#[tokio::test(start_paused = true)]
async fn watching_an_empty_table_begins_with_it() {
    let (mut ipvs, _) = kernel(|requests| table(requests, &[]));
    let mut changes = pin!(ipvs.changes(Duration::ZERO, Aspects::all()));
    assert_eq!(changes.next().await.unwrap().unwrap(), []);
    let more = tokio::time::timeout(Duration::from_secs(1), changes.next()).await;
    assert!(more.is_err());
}

#[tokio::test(start_paused = true)]
async fn watching_ends_when_nothing_can_be_read() {
    let (mut ipvs, log) = kernel(|requests| vec![error(requests[0].sequence, 12)]);
    let items: Vec<_> = ipvs
        .changes(Duration::from_secs(1), Aspects::all())
        .collect()
        .await;
    assert_eq!(items.len(), 5);
    assert!(items.iter().all(Result::is_err));
    assert_eq!(log.lock().unwrap().len(), 5);
}
