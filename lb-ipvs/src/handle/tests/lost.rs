// SPDX-License-Identifier: MIT OR Apache-2.0
//! Replies that are lost, late or refused for a moment.

use std::collections::BTreeMap;

use super::*;
use crate::wire::{ServiceAttribute, service_of};

const EINTR: i32 = 4;
const EBUSY: i32 = 16;
const ENOBUFS: i32 = 105;

/// A kernel with a table of services, which loses all replies to batches.
#[derive(Default)]
struct Forgetful {
    services: BTreeMap<u16, Service>,
}

impl Forgetful {
    fn carry_out(&mut self, request: &ScriptedRequest) -> Vec<ScriptedReply> {
        let IpvsMessage::Common {
            command,
            attributes,
        } = &request.message
        else {
            panic!();
        };
        let service = attributes.iter().find_map(|attribute| match attribute {
            IpvsAttribute::Service(service) => Some(service.as_slice()),
            _ => None,
        });
        let port = service
            .into_iter()
            .flatten()
            .find_map(|attribute| match attribute {
                ServiceAttribute::Port(port) => Some(*port),
                _ => None,
            });
        let (port, sequence) = (port.unwrap(), request.sequence);
        let known = self.services.get(&port);
        let errno = match (command, known) {
            (Command::NewService, Some(_)) => 17,
            (Command::NewService | Command::SetService, _) => {
                let service = service_of(service.unwrap()).unwrap().service;
                self.services.insert(port, service);
                0
            }
            (Command::DeleteService, Some(_)) => {
                self.services.remove(&port);
                0
            }
            (Command::GetService, Some(service)) => {
                let attributes = vec![IpvsAttribute::Service(service_attributes(service))];
                return vec![
                    ScriptedReply::Message {
                        sequence,
                        flags: 0,
                        message: IpvsMessage::new(Command::NewService, attributes),
                    },
                    ScriptedReply::Ack(sequence),
                ];
            }
            (Command::GetDestination, _) => {
                return vec![ScriptedReply::Done { sequence, errno: 0 }];
            }
            (Command::DeleteService | Command::GetService, None) => 3,
            other => panic!("{other:?}"),
        };
        match errno {
            0 => vec![ScriptedReply::Ack(sequence)],
            errno => vec![error(sequence, errno)],
        }
    }
}

fn forgetful(services: impl IntoIterator<Item = Service>) -> (IpvsHandle, Log) {
    let mut table = Forgetful::default();
    for service in services {
        let port = service.key.address().unwrap().port();
        table.services.insert(port, service);
    }
    kernel(move |requests| {
        let replies: Vec<ScriptedReply> = requests
            .iter()
            .flat_map(|request| table.carry_out(request))
            .collect();
        if requests.len() == 1 {
            return replies;
        }
        // What remains readable must not be taken for replies to the next request.
        let lost = std::iter::once(ScriptedReply::ReceiveError(ENOBUFS));
        lost.chain(replies).collect()
    })
}

/// The commands of requests that were sent alone.
fn alone(log: &Log, command: Command) -> usize {
    let log = log.lock().unwrap();
    let alone = log.iter().filter(|sent| sent.len() == 1);
    alone
        .filter(|sent| sent[0].message.command() == command)
        .count()
}

#[tokio::test]
async fn made_although_the_replies_are_lost() {
    let (mut ipvs, log) = forgetful([]);
    let outcomes = ipvs.apply(&changes(1200)).await.unwrap();
    assert_eq!(outcomes.len(), 1200);
    assert!(outcomes.iter().all(Result::is_ok));
    // Nothing was sent again.
    assert_eq!(alone(&log, Command::NewService), 0);
    assert_eq!(alone(&log, Command::GetService), 1200);
}

#[tokio::test]
async fn refusals_are_asked_for_again() {
    // Every third is there, with another scheduler.
    let others = (1..=300).step_by(3).map(|port| Service {
        scheduler: Scheduler::Maglev,
        ..service(port)
    });
    let (mut ipvs, log) = forgetful(others);
    let changes = changes(300);
    let outcomes = ipvs.apply(&changes).await.unwrap();
    assert_eq!(outcomes.len(), 300);
    for (index, (change, outcome)) in changes.iter().zip(outcomes).enumerate() {
        if index % 3 != 0 {
            assert!(outcome.is_ok(), "{index}");
            continue;
        }
        let error = outcome.unwrap_err();
        assert_eq!(error.errno(), Some(17));
        assert!(!error.is_outcome_unknown());
        let Error::Kernel { subject, .. } = error else {
            panic!("{error:?}");
        };
        assert_eq!(subject, change.subject());
    }
    assert_eq!(alone(&log, Command::NewService), 100);
}

#[tokio::test]
async fn a_change_that_a_later_one_undid() {
    let (mut ipvs, log) = forgetful([service(1)]);
    let delete = |port| Change::DeleteService(service(port).key);
    let add = |port| Change::AddService(service(port));
    let changes = [delete(1), add(1), add(2), delete(2), delete(3)];
    let outcomes = ipvs.apply(&changes).await.unwrap();
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(alone(&log, Command::NewService), 0);
    assert_eq!(alone(&log, Command::DeleteService), 0);
    let left = ipvs.service(&service(1).key).await.unwrap();
    assert_eq!(left.service, service(1));
    assert!(ipvs.service(&service(2).key).await.is_err());
}

#[tokio::test]
async fn one_change_alone_is_settled_too() {
    let mut table = Forgetful::default();
    let mut lose = true;
    let (mut ipvs, log) = kernel(move |requests| {
        let replies = table.carry_out(&requests[0]);
        if std::mem::take(&mut lose) {
            return vec![ScriptedReply::ReceiveError(ENOBUFS)];
        }
        replies
    });
    ipvs.add_service(&service(7)).await.unwrap();
    assert_eq!(alone(&log, Command::NewService), 1);
}

#[tokio::test(start_paused = true)]
async fn when_the_table_cannot_be_read_either_the_outcome_is_unknown() {
    let (mut ipvs, _) = kernel(|_| vec![ScriptedReply::ReceiveError(ENOBUFS)]);
    let error = ipvs.apply(&changes(10)).await.unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error:?}");
    assert!(error.is_outcome_unknown());
    let error = ipvs.flush().await.unwrap_err();
    assert!(matches!(
        error,
        Error::OutcomeUnknown {
            operation: Operation::Flush
        }
    ));
}

#[tokio::test]
async fn an_interrupted_receive_is_repeated() {
    let (mut ipvs, log) = kernel(|requests| {
        let interrupted = || ScriptedReply::ReceiveError(EINTR);
        let mut replies = vec![interrupted(), interrupted()];
        replies.extend(ack(requests));
        replies
    });
    ipvs.flush().await.unwrap();
    let outcomes = ipvs.apply(&changes(3)).await.unwrap();
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(log.lock().unwrap().len(), 2);
}

/// Lists with a kernel that replies so `failures` times, and then properly.
async fn list_after(
    failures: usize,
    reply: impl Fn(u32) -> ScriptedReply + Send + 'static,
) -> (Result<usize, Error>, usize) {
    let mut left = failures;
    let (mut ipvs, log) = kernel(move |requests| {
        let sequence = requests[0].sequence;
        if left > 0 {
            left -= 1;
            return vec![service_reply(sequence, NLM_F_MULTIPART, 1), reply(sequence)];
        }
        vec![
            service_reply(sequence, NLM_F_MULTIPART, 80),
            ScriptedReply::Done { sequence, errno: 0 },
        ]
    });
    let listed = ipvs.services().await.map(|services| services.len());
    let asked = log.lock().unwrap().len();
    (listed, asked)
}

#[tokio::test(start_paused = true)]
async fn a_busy_kernel_is_asked_again() {
    let busy = |sequence| error(sequence, EBUSY);
    let (listed, asked) = list_after(4, busy).await;
    assert_eq!((listed.unwrap(), asked), (1, 5));
    let (listed, asked) = list_after(5, busy).await;
    assert_eq!((listed.unwrap_err().errno(), asked), (Some(EBUSY), 5));
    // No other error is.
    let (listed, asked) = list_after(1, |sequence| error(sequence, 12)).await;
    assert_eq!((listed.unwrap_err().errno(), asked), (Some(12), 1));
}

#[tokio::test(start_paused = true)]
async fn a_list_with_holes_is_read_again() {
    let (listed, asked) = list_after(2, |_| ScriptedReply::ReceiveError(ENOBUFS)).await;
    assert_eq!((listed.unwrap(), asked), (1, 3));
    let (listed, asked) = list_after(9, |_| ScriptedReply::ReceiveError(ENOBUFS)).await;
    assert!(matches!(
        listed.unwrap_err(),
        Error::OutcomeUnknown {
            operation: Operation::ListServices
        }
    ));
    assert_eq!(asked, 5);
}

#[tokio::test(start_paused = true)]
async fn a_question_is_asked_again() {
    let mut lost = 2;
    let (mut ipvs, _) = kernel(move |requests| {
        let sequence = requests[0].sequence;
        if lost > 0 {
            lost -= 1;
            return vec![ScriptedReply::ReceiveError(ENOBUFS)];
        }
        vec![service_reply(sequence, 0, 80), ScriptedReply::Ack(sequence)]
    });
    assert_eq!(ipvs.service(&key()).await.unwrap().service, service(80));
}

/// Replies as the kernel sent them, each in a netlink message.
fn recorded_replies(message_type: u16) -> Vec<Vec<u8>> {
    let unhex = |text: &str| -> Vec<u8> {
        let digits = text.as_bytes().chunks(2);
        digits
            .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
            .collect()
    };
    let framed = |payload: Vec<u8>| {
        let len = u32::try_from(16 + payload.len()).unwrap();
        let mut bytes = len.to_ne_bytes().to_vec();
        bytes.extend(message_type.to_ne_bytes());
        bytes.extend(NLM_F_MULTIPART.to_ne_bytes());
        // The first request of a handle has the number 1.
        bytes.extend(1_u32.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(payload);
        bytes
    };
    include_str!("../../../tests/data/messages.hex")
        .lines()
        .filter_map(|line| line.strip_prefix("reply-")?.split_once(' '))
        .map(|(_, hex)| framed(unhex(hex)))
        .collect()
}

/// Lists services, destinations and daemons from one datagram and the end of a dump. The outcome
/// does not matter, only that there is one.
async fn list_from(datagram: &[u8]) {
    for command in 0..3 {
        let datagram = datagram.to_vec();
        let (mut ipvs, _) = kernel(move |requests| {
            let sequence = requests[0].sequence;
            vec![
                ScriptedReply::Bytes(datagram.clone()),
                ScriptedReply::Done { sequence, errno: 0 },
            ]
        });
        match command {
            0 => drop(ipvs.services().await),
            1 => drop(ipvs.destinations(&key()).await),
            _ => drop(ipvs.sync_daemons().await),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn truncated_datagrams_and_lying_lengths() {
    let replies = recorded_replies(0x1c);
    assert!(replies.len() >= 10);
    for reply in replies {
        for len in 0..reply.len() {
            list_from(&reply[..len]).await;
        }
        for position in [0, 4, 16, 20, 24, 28] {
            for lie in [0, 1, 3, 15, 17, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
                let mut wrong = reply.clone();
                wrong[position..position + 4].copy_from_slice(&lie.to_ne_bytes());
                list_from(&wrong).await;
            }
        }
    }
}
