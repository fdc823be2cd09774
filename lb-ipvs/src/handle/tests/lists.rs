// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lists that change while the kernel sends them.

use super::*;

const ESRCH: i32 = 3;

/// A kernel whose readings of the services are these, by port, one after the other and the last one for
/// ever; each port comes in a part of its own. A single service is there when `exists` returns true.
fn readings(
    readings: &'static [&'static [u16]],
    exists: impl Fn(u16) -> bool + Send + 'static,
) -> (IpvsHandle, Log) {
    let mut next = 0;
    kernel(move |requests| {
        let request = &requests[0];
        let sequence = request.sequence;
        if request.flags & NLM_F_DUMP == NLM_F_DUMP {
            let ports = readings[next.min(readings.len() - 1)];
            next += 1;
            let parts = ports
                .iter()
                .map(|port| service_reply(sequence, NLM_F_MULTIPART, *port));
            let end = ScriptedReply::Done { sequence, errno: 0 };
            return parts.chain([end]).collect();
        }
        match asked_for(request) {
            port if exists(port) => {
                vec![
                    service_reply(sequence, 0, port),
                    ScriptedReply::Ack(sequence),
                ]
            }
            _ => vec![error(sequence, ESRCH)],
        }
    })
}

/// The port of the service that a request names.
fn asked_for(request: &ScriptedRequest) -> u16 {
    let IpvsMessage::Common { attributes, .. } = &request.message else {
        panic!();
    };
    let [IpvsAttribute::Service(service)] = attributes.as_slice() else {
        panic!("{attributes:?}");
    };
    let port = service.iter().find_map(|attribute| match attribute {
        crate::wire::ServiceAttribute::Port(port) => Some(*port),
        _ => None,
    });
    port.unwrap()
}

async fn ports(ipvs: &mut IpvsHandle) -> Vec<u16> {
    let services = ipvs.services().await.unwrap();
    let ports = services.iter().map(|entry| entry.service.key.address());
    ports.map(|address| address.unwrap().port()).collect()
}

fn sent(log: &Log) -> usize {
    log.lock().unwrap().len()
}

#[tokio::test]
async fn a_list_in_one_part_is_read_once() {
    let (mut ipvs, log) = kernel(|requests| {
        let sequence = requests[0].sequence;
        let services = (1..=20).map(|port| service_reply(sequence, NLM_F_MULTIPART, port));
        vec![
            ScriptedReply::Together(services.collect()),
            ScriptedReply::Done { sequence, errno: 0 },
        ]
    });
    assert_eq!(ports(&mut ipvs).await, (1..=20).collect::<Vec<_>>());
    assert_eq!(sent(&log), 1);
}

#[tokio::test]
async fn a_part_that_is_full_may_be_the_last_of_a_list_that_went_on() {
    let (mut ipvs, log) = kernel(|requests| {
        let sequence = requests[0].sequence;
        // A reply of the scripted kernel is shorter than one with counters.
        let services = (1..=170).map(|port| service_reply(sequence, NLM_F_MULTIPART, port));
        vec![
            ScriptedReply::Together(services.collect()),
            ScriptedReply::Done { sequence, errno: 0 },
        ]
    });
    assert_eq!(ports(&mut ipvs).await.len(), 170);
    assert_eq!(sent(&log), 2);
}

#[tokio::test]
async fn two_readings_that_agree_are_enough() {
    let (mut ipvs, log) = readings(&[&[1, 2, 3], &[3, 2, 1]], |_| panic!());
    assert_eq!(ports(&mut ipvs).await, [3, 2, 1]);
    assert_eq!(sent(&log), 2);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_never_rests_is_read_sixteen_times() {
    let mut next = 0;
    let (mut ipvs, log) = kernel(move |requests| {
        let sequence = requests[0].sequence;
        if requests[0].flags & NLM_F_DUMP != NLM_F_DUMP {
            return vec![error(sequence, ESRCH)];
        }
        next += 1;
        vec![
            service_reply(sequence, NLM_F_MULTIPART, 1),
            service_reply(sequence, NLM_F_MULTIPART, 100 + next),
            ScriptedReply::Done { sequence, errno: 0 },
        ]
    });
    assert_eq!(ports(&mut ipvs).await, [1, 116]);
    // The fifteen that are gone are asked for.
    assert_eq!(sent(&log), 16 + 15);
}

#[tokio::test(start_paused = true)]
async fn a_reading_must_bring_nothing_new() {
    // 2 was left out because 1 was deleted.
    let (mut ipvs, log) = readings(&[&[1, 3], &[2, 3], &[3, 2]], |port| port != 1);
    assert_eq!(ports(&mut ipvs).await, [3, 2]);
    // Two readings, four with nothing new, and 1.
    assert_eq!(sent(&log), 7);
}

#[tokio::test(start_paused = true)]
async fn what_came_twice_is_there_once() {
    let (mut ipvs, log) = readings(&[&[1, 2, 2, 3], &[3, 2, 1]], |_| panic!());
    assert_eq!(ports(&mut ipvs).await, [3, 2, 1]);
    assert_eq!(sent(&log), 5);
}

#[tokio::test(start_paused = true)]
async fn each_doubtful_one_is_asked_for() {
    // Of those that the last reading has not, 7 was only left out.
    let (mut ipvs, log) = readings(
        &[&[1, 2, 7], &[2, 3, 7], &[3, 4], &[4, 5], &[5, 6]],
        |port| port == 7,
    );
    assert_eq!(ports(&mut ipvs).await, [5, 6, 7]);
    // Five readings, four with nothing new, and 1, 2, 3, 4 and 7.
    assert_eq!(sent(&log), 14);
}

#[tokio::test]
async fn a_table_without_services_has_no_parts() {
    let (mut ipvs, log) = readings(&[&[]], |_| panic!());
    assert!(ports(&mut ipvs).await.is_empty());
    assert_eq!(sent(&log), 1);
}
