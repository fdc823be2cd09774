// SPDX-License-Identifier: MIT OR Apache-2.0
//! Draining, against a kernel whose connections end by a script.

use super::*;
use crate::{
    Connections, DestinationEntry, DrainDelete, DrainEnd, DrainOptions, DrainStep,
    ForwardingMethod, Stats, Thresholds, Weight,
    wire::{DestinationAttribute, destination_attributes},
};

const SERVER: &str = "10.0.1.1:80";

fn target() -> DestinationEntry {
    DestinationEntry {
        destination: Destination::new(SERVER.parse().unwrap())
            .with_forwarding(ForwardingMethod::Masquerade)
            .with_thresholds(Thresholds { upper: 9, lower: 3 })
            .with_weight(Weight::new(7).unwrap()),
        connections: Connections::default(),
        stats: Stats::default(),
    }
}

/// What a reading shows: weight, active and inactive connections; `None` is no destination.
type Reading = Option<(u32, u32, u32)>;

/// A kernel that shows one reading after the other, and the last one for ever.
fn draining(readings: &'static [Reading]) -> (IpvsHandle, Log) {
    let mut next = 0;
    kernel(move |requests| {
        let request = &requests[0];
        if request.message.command() != Command::GetDestination {
            return ack(requests);
        }
        let reading = readings[next.min(readings.len() - 1)];
        next += 1;
        let (sequence, flags) = (request.sequence, NLM_F_MULTIPART);
        let shown = reading.map(|(weight, active, inactive)| {
            let destination = target()
                .destination
                .with_weight(Weight::new(weight).unwrap());
            let mut attributes = destination_attributes(&destination);
            attributes.push(DestinationAttribute::ActiveConnections(active));
            attributes.push(DestinationAttribute::InactiveConnections(inactive));
            attributes.push(DestinationAttribute::PersistentConnections(5));
            ScriptedReply::Message {
                sequence,
                flags,
                message: IpvsMessage::new(
                    Command::NewDestination,
                    vec![IpvsAttribute::Destination(attributes)],
                ),
            }
        });
        shown
            .into_iter()
            .chain([ScriptedReply::Done { sequence, errno: 0 }])
            .collect()
    })
}

/// Drains the one destination; the events as lines, how it ended, what was changed, how long it took.
async fn drained(
    readings: &'static [Reading],
    options: DrainOptions,
) -> (Vec<String>, DrainEnd, Vec<Command>, Duration) {
    let (mut ipvs, log) = draining(readings);
    let started = tokio::time::Instant::now();
    let mut events = Vec::new();
    let results = ipvs
        .drain(&[(key(), target())], &options, |event| {
            events.push(event.to_string());
        })
        .await
        .unwrap();
    let [result] = results.as_slice() else {
        panic!("{results:?}");
    };
    assert_eq!(result.before, target().destination);
    let log = log.lock().unwrap();
    let changes: Vec<Command> = log
        .iter()
        .map(|sent| sent[0].message.command())
        .filter(|command| *command != Command::GetDestination)
        .collect();
    assert_eq!(
        result.deleted,
        changes.contains(&Command::DeleteDestination)
    );
    // All but the weight stays as it was.
    let quiesced = destination_attributes(&target().destination.with_weight(Weight::ZERO));
    let attributes = vec![
        IpvsAttribute::Service(key_attributes(&key())),
        IpvsAttribute::Destination(quiesced),
    ];
    let expected = IpvsMessage::new(Command::SetDestination, attributes);
    assert_eq!(log[0][0].message, expected);
    (events, result.end, changes, started.elapsed())
}

fn line(text: &str) -> String {
    format!("{SERVER} of TCP 10.0.0.1:80: {text}")
}

#[tokio::test(start_paused = true)]
async fn it_waits_for_the_connections_and_deletes() {
    const READINGS: &[Reading] = &[
        Some((0, 2, 1)),
        Some((0, 2, 1)),
        Some((0, 0, 3)),
        Some((0, 0, 0)),
    ];
    let (events, end, changes, time) = drained(READINGS, DrainOptions::default()).await;
    assert_eq!(
        events,
        [
            line("weight 7 -> 0"),
            line("2 active, 1 inactive connections"),
            line("0 active, 3 inactive connections"),
            line("no connections"),
            line("deleted"),
        ]
    );
    assert_eq!(end, DrainEnd::Drained);
    assert_eq!(
        changes,
        [Command::SetDestination, Command::DeleteDestination]
    );
    assert!(
        (Duration::from_secs(2)..Duration::from_secs(4)).contains(&time),
        "{time:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn without_connections_it_does_not_wait() {
    let options = DrainOptions::default().with_delete(DrainDelete::Never);
    let (events, end, changes, time) = drained(&[Some((0, 0, 0))], options).await;
    assert_eq!(events, [line("weight 7 -> 0"), line("no connections")]);
    assert_eq!(end, DrainEnd::Drained);
    assert_eq!(changes, [Command::SetDestination]);
    assert_eq!(time, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn when_the_time_is_up_it_stays_with_weight_0() {
    let options = DrainOptions::default().with_timeout(Duration::from_millis(2500));
    let (events, end, changes, time) = drained(&[Some((0, 1, 0))], options).await;
    assert_eq!(
        events.last(),
        Some(&line("time is up, 1 active, 0 inactive connections"))
    );
    let left = Connections {
        active: 1,
        inactive: 0,
        persistent: 5,
    };
    assert_eq!(end, DrainEnd::TimedOut(left));
    assert_eq!(changes, [Command::SetDestination]);
    assert!(
        (Duration::from_millis(2400)..Duration::from_millis(2600)).contains(&time),
        "{time:?}"
    );
    let forced = options.with_delete(DrainDelete::Always);
    let (events, end, changes, _) = drained(&[Some((0, 1, 0))], forced).await;
    assert_eq!(events.last(), Some(&line("deleted")));
    assert_eq!(end, DrainEnd::TimedOut(left));
    assert_eq!(
        changes,
        [Command::SetDestination, Command::DeleteDestination]
    );
}

#[tokio::test(start_paused = true)]
async fn external_changes_end_draining() {
    let (events, end, changes, _) =
        drained(&[Some((0, 1, 0)), Some((5, 1, 0))], DrainOptions::default()).await;
    assert_eq!(
        events.last(),
        Some(&line("not drained, another program set weight 5"))
    );
    assert_eq!(end, DrainEnd::Reweighted(Weight::new(5).unwrap()));
    assert_eq!(changes, [Command::SetDestination]);

    let (events, end, changes, _) =
        drained(&[Some((0, 1, 0)), None], DrainOptions::default()).await;
    assert_eq!(events.last(), Some(&line("deleted by another program")));
    assert_eq!(end, DrainEnd::Gone);
    assert_eq!(changes, [Command::SetDestination]);
}

#[tokio::test(start_paused = true)]
async fn one_that_went_before_it_began() {
    let (mut ipvs, _) = kernel(|requests| vec![error(requests[0].sequence, 2)]);
    let mut steps = Vec::new();
    let results = ipvs
        .drain(&[(key(), target())], &DrainOptions::default(), |event| {
            steps.push(event.step);
        })
        .await
        .unwrap();
    assert_eq!(steps, [DrainStep::Gone]);
    assert!(results[0].is_drained() && !results[0].deleted);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_ends_it() {
    let (mut ipvs, _) = kernel(|requests| vec![error(requests[0].sequence, 22)]);
    let refused = ipvs
        .drain(&[(key(), target())], &DrainOptions::default(), |event| {
            panic!("{event}");
        })
        .await
        .unwrap_err();
    assert_eq!(refused.errno(), Some(22));
}
