// SPDX-License-Identifier: MIT OR Apache-2.0
//! The client against a scripted kernel.
#![allow(clippy::indexing_slicing, reason = "tests")]

mod drain;
mod lists;
mod lost;
mod replacing;
mod watching;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use netlink_packet_core::{NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_MULTIPART, NLM_F_REQUEST};

use super::*;
use crate::{
    AddressFamily, Change, Destination, Netmask, Scheduler, Service, ServiceKey, SyncDaemon,
    SyncId, SyncState, Timeouts,
    error::InvalidRequest,
    testing::{ScriptedReply, ScriptedRequest},
    wire::{Command, InfoAttribute, IpvsAttribute, key_attributes, service_attributes},
};

/// Requests as they were sent, one inner list for each `send`.
type Log = Arc<Mutex<Vec<Vec<ScriptedRequest>>>>;

/// A handle to a kernel that answers by a script and keeps a log.
fn kernel(
    mut script: impl FnMut(&[ScriptedRequest]) -> Vec<ScriptedReply> + Send + 'static,
) -> (IpvsHandle, Log) {
    let log = Log::default();
    let keeper = Arc::clone(&log);
    let kernel = ScriptedKernel::new(move |requests| {
        let replies = script(&requests);
        keeper.lock().unwrap().push(requests);
        replies
    });
    (IpvsHandle::scripted(kernel), log)
}

fn ack(requests: &[ScriptedRequest]) -> Vec<ScriptedReply> {
    requests
        .iter()
        .filter(|request| request.flags & NLM_F_ACK != 0)
        .map(|request| ScriptedReply::Ack(request.sequence))
        .collect()
}

fn error(sequence: u32, errno: i32) -> ScriptedReply {
    ScriptedReply::Error {
        sequence,
        errno,
        text: None,
    }
}

fn key() -> ServiceKey {
    ServiceKey::tcp("10.0.0.1:80".parse().unwrap())
}

fn service(port: u16) -> Service {
    let address = SocketAddr::new("10.0.0.1".parse().unwrap(), port);
    Service::new(ServiceKey::tcp(address), Scheduler::RoundRobin)
}

fn service_reply(sequence: u32, flags: u16, port: u16) -> ScriptedReply {
    let attributes = vec![IpvsAttribute::Service(service_attributes(&service(port)))];
    ScriptedReply::Message {
        sequence,
        flags,
        message: IpvsMessage::new(Command::NewService, attributes),
    }
}

#[tokio::test]
async fn commands_and_flags() {
    let (mut ipvs, log) = kernel(ack);
    let destination = Destination::new("10.0.1.1:80".parse().unwrap());
    ipvs.add_service(&service(80)).await.unwrap();
    ipvs.edit_service(&service(80)).await.unwrap();
    ipvs.delete_service(&key()).await.unwrap();
    ipvs.add_destination(&key(), &destination).await.unwrap();
    ipvs.edit_destination(&key(), &destination).await.unwrap();
    ipvs.delete_destination(&key(), destination.address)
        .await
        .unwrap();
    ipvs.zero(Some(&key())).await.unwrap();
    ipvs.zero(None).await.unwrap();
    ipvs.flush().await.unwrap();
    ipvs.set_timeouts(&Timeouts {
        udp: Duration::from_millis(1),
        ..Timeouts::default()
    })
    .await
    .unwrap();
    let daemon = SyncDaemon::new(SyncState::Backup, "eth0", SyncId::new(1));
    ipvs.start_sync_daemon(&daemon).await.unwrap();
    ipvs.stop_sync_daemon(SyncState::Backup).await.unwrap();
    let log = log.lock().unwrap();
    let commands: Vec<Command> = log.iter().map(|sent| sent[0].message.command()).collect();
    assert_eq!(
        commands,
        [
            Command::NewService,
            Command::SetService,
            Command::DeleteService,
            Command::NewDestination,
            Command::SetDestination,
            Command::DeleteDestination,
            Command::Zero,
            Command::Zero,
            Command::Flush,
            Command::SetConfig,
            Command::NewDaemon,
            Command::DeleteDaemon,
        ]
    );
    for (index, sent) in log.iter().enumerate() {
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].flags, NLM_F_REQUEST | NLM_F_ACK);
        assert_eq!(sent[0].sequence as usize, index + 1);
    }
    let about = IpvsAttribute::Service(key_attributes(&key()));
    assert_eq!(
        log[2][0].message,
        IpvsMessage::new(Command::DeleteService, vec![about.clone()])
    );
    assert_eq!(
        log[6][0].message,
        IpvsMessage::new(Command::Zero, vec![about])
    );
    assert_eq!(
        log[7][0].message,
        IpvsMessage::new(Command::Zero, Vec::new())
    );
    // A fraction of a second does not become "leave it unchanged".
    let timeout = vec![IpvsAttribute::TimeoutUdp(1)];
    assert_eq!(
        log[9][0].message,
        IpvsMessage::new(Command::SetConfig, timeout)
    );
}

#[tokio::test]
async fn dumps_in_several_parts() {
    let (mut ipvs, log) = kernel(|requests| {
        let sequence = requests[0].sequence;
        vec![
            ScriptedReply::Together(vec![
                service_reply(sequence, NLM_F_MULTIPART, 80),
                service_reply(sequence, NLM_F_MULTIPART, 81),
            ]),
            service_reply(sequence, NLM_F_MULTIPART, 82),
            ScriptedReply::Done { sequence, errno: 0 },
        ]
    });
    let services = ipvs.services().await.unwrap();
    let ports: Vec<u16> = services
        .iter()
        .map(|entry| entry.service.key.address().unwrap().port())
        .collect();
    assert_eq!(ports, [80, 81, 82]);
    let log = log.lock().unwrap();
    assert_eq!(log[0][0].flags, NLM_F_REQUEST | NLM_F_DUMP);
}

#[tokio::test]
async fn an_interrupted_dump_is_read_again() {
    let mut rounds = 0;
    let (mut ipvs, log) = kernel(move |requests| {
        let sequence = requests[0].sequence;
        rounds += 1;
        let flags = if rounds < 3 {
            NLM_F_MULTIPART | NLM_F_DUMP_INTR
        } else {
            NLM_F_MULTIPART
        };
        let reply = service_reply(sequence, flags, rounds);
        vec![reply, ScriptedReply::Done { sequence, errno: 0 }]
    });
    let services = ipvs.services().await.unwrap();
    assert_eq!(services.len(), 1);
    assert_eq!(services[0].service.key.address().unwrap().port(), 3);
    assert_eq!(log.lock().unwrap().len(), 3);

    let (mut ipvs, _) = kernel(|requests| {
        let sequence = requests[0].sequence;
        let reply = service_reply(sequence, NLM_F_DUMP_INTR, 80);
        vec![reply, ScriptedReply::Done { sequence, errno: 0 }]
    });
    let error = ipvs.services().await.unwrap_err();
    assert!(
        matches!(error, Error::Interrupted { attempts: 5, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_dump_can_fail_at_its_end() {
    let (mut ipvs, _) = kernel(|requests| {
        vec![ScriptedReply::Done {
            sequence: requests[0].sequence,
            errno: 1,
        }]
    });
    let error = ipvs.services().await.unwrap_err();
    assert!(matches!(
        error,
        Error::PermissionDenied {
            operation: Operation::ListServices,
            ..
        }
    ));
    assert_eq!(error.errno(), Some(1));
}

#[tokio::test]
async fn one_reply() {
    let (mut ipvs, _) = kernel(|requests| {
        let sequence = requests[0].sequence;
        match requests[0].message.command() {
            Command::GetService => {
                vec![service_reply(sequence, 0, 80), ScriptedReply::Ack(sequence)]
            }
            Command::GetInfo => {
                let message = IpvsMessage::Info(vec![InfoAttribute::Version(0x01_02_01)]);
                let reply = ScriptedReply::Message {
                    sequence,
                    flags: 0,
                    message,
                };
                vec![reply, ScriptedReply::Ack(sequence)]
            }
            _ => vec![ScriptedReply::Ack(sequence)],
        }
    });
    assert_eq!(ipvs.service(&key()).await.unwrap().service, service(80));
    assert_eq!(ipvs.info().await.unwrap().version.to_string(), "1.2.1");
    let error = ipvs.timeouts().await.unwrap_err();
    assert!(matches!(
        error,
        Error::EmptyReply {
            operation: Operation::GetTimeouts
        }
    ));
}

#[tokio::test]
async fn errors_carry_operation_subject_and_text() {
    let (mut ipvs, _) = kernel(|requests| {
        let text = Some("no such thing".to_owned());
        vec![ScriptedReply::Error {
            sequence: requests[0].sequence,
            errno: 3,
            text,
        }]
    });
    let error = ipvs.delete_service(&key()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot delete service (TCP 10.0.0.1:80): no such thing"
    );
    let Error::Kernel {
        operation,
        subject,
        source,
        message,
    } = error
    else {
        panic!()
    };
    assert_eq!(
        (operation, subject),
        (Operation::DeleteService, Subject::Service(key()))
    );
    assert_eq!(
        (source.raw_os_error(), message.as_deref()),
        (Some(3), Some("no such thing"))
    );
}

fn changes(count: u16) -> Vec<Change> {
    (1..=count)
        .map(|port| Change::AddService(service(port)))
        .collect()
}

#[tokio::test]
async fn one_acknowledgement_a_batch() {
    let (mut ipvs, log) = kernel(ack);
    let outcomes = ipvs.apply(&changes(1200)).await.unwrap();
    assert_eq!(outcomes.len(), 1200);
    assert!(outcomes.iter().all(Result::is_ok));
    let log = log.lock().unwrap();
    assert_eq!(
        log.iter().map(Vec::len).collect::<Vec<_>>(),
        [500, 500, 200]
    );
    for sent in log.iter() {
        let (last, others) = sent.split_last().unwrap();
        assert_eq!(last.flags, NLM_F_REQUEST | NLM_F_ACK);
        assert!(others.iter().all(|request| request.flags == NLM_F_REQUEST));
    }
}

#[tokio::test]
async fn a_small_buffer_makes_small_batches() {
    let sizes = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&sizes);
    let small = ScriptedKernel::new(move |requests| {
        seen.lock().unwrap().push(requests.len());
        ack(&requests)
    });
    // What `net.core.rmem_default` is on most machines: 277 errors were readable.
    let mut ipvs = IpvsHandle::scripted(small.with_receive_buffer(212_992));
    assert!(ipvs.batch_limit() < 277);
    assert_eq!(ipvs.apply(&changes(200)).await.unwrap().len(), 200);
    assert_eq!(*sizes.lock().unwrap(), [166, 34]);
}

#[tokio::test]
async fn each_error_is_reported_with_its_change() {
    // Every third fails; the last one, too, so that its error is the acknowledgement.
    let (mut ipvs, _) = kernel(|requests| {
        let fails = |request: &&ScriptedRequest| request.sequence % 3 == 1;
        let mut replies: Vec<_> = requests
            .iter()
            .filter(fails)
            .map(|r| error(r.sequence, 17))
            .collect();
        replies.extend(
            ack(requests)
                .into_iter()
                .filter(|_| !fails(&requests.last().unwrap())),
        );
        replies
    });
    let changes = changes(1000);
    let outcomes = ipvs.apply(&changes).await.unwrap();
    assert_eq!(outcomes.len(), 1000);
    for (index, (change, outcome)) in changes.iter().zip(outcomes).enumerate() {
        match outcome {
            Ok(()) => assert_ne!(index % 3, 0),
            Err(Error::Kernel {
                operation,
                subject,
                source,
                ..
            }) => {
                assert_eq!(index % 3, 0);
                assert_eq!(
                    (operation, subject),
                    (Operation::AddService, change.subject())
                );
                assert_eq!(source.raw_os_error(), Some(17));
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_cannot_be_said_is_not_sent() {
    let (mut ipvs, log) = kernel(ack);
    let mut changes = changes(3);
    let wrong = service(9).with_netmask(Netmask::host(AddressFamily::Ipv6));
    changes.insert(1, Change::EditService(wrong));
    let outcomes = ipvs.apply(&changes).await.unwrap();
    assert_eq!(
        outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(),
        [true, false, true, true]
    );
    let error = outcomes.into_iter().find_map(Result::err).unwrap();
    assert!(matches!(
        error,
        Error::Invalid {
            reason: InvalidRequest::NetmaskFamily,
            ..
        }
    ));
    assert_eq!(
        log.lock().unwrap().iter().map(Vec::len).collect::<Vec<_>>(),
        [1, 2]
    );
    let daemon = SyncDaemon::new(SyncState::Master, "a-very-long-name", SyncId::new(1));
    let error = ipvs.start_sync_daemon(&daemon).await.unwrap_err();
    assert!(matches!(
        error,
        Error::Invalid {
            reason: InvalidRequest::InterfaceName,
            ..
        }
    ));
}

#[tokio::test]
async fn sequence_numbers() {
    // A late reply to something earlier is skipped.
    let (mut ipvs, _) = kernel(|requests| {
        let (first, last) = (&requests[0], &requests[requests.len() - 1]);
        vec![
            error(first.sequence.wrapping_sub(1), 17),
            ScriptedReply::Ack(last.sequence),
        ]
    });
    ipvs.flush().await.unwrap();
    assert!(
        ipvs.apply(&changes(2))
            .await
            .unwrap()
            .iter()
            .all(Result::is_ok)
    );
    // A reply to something never asked is not.
    let (mut ipvs, _) =
        kernel(|requests| vec![ScriptedReply::Ack(requests.last().unwrap().sequence + 1)]);
    let error = ipvs.flush().await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::SequenceMismatch {
                expected: 1,
                got: 2,
                ..
            }
        ),
        "{error:?}"
    );
    let error = ipvs.apply(&changes(2)).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::SequenceMismatch {
                expected: 3,
                got: 4,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn silence_ends_at_the_deadline() {
    let mut silent = true;
    let (mut ipvs, _) = kernel(move |requests| {
        if std::mem::take(&mut silent) {
            Vec::new()
        } else {
            ack(requests)
        }
    });
    let error = ipvs.flush().await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Timeout {
                operation: Operation::Flush,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.is_outcome_unknown());
    ipvs.flush().await.unwrap();
}

#[tokio::test]
async fn broken_replies() {
    for bytes in [vec![1, 2, 3], vec![0; 16], vec![255; 20]] {
        let (mut ipvs, _) = kernel(move |_| vec![ScriptedReply::Bytes(bytes.clone())]);
        assert!(matches!(
            ipvs.services().await.unwrap_err(),
            Error::Decode { .. }
        ));
        assert!(matches!(
            ipvs.apply(&changes(1)).await.unwrap_err(),
            Error::Decode { .. }
        ));
    }
}
