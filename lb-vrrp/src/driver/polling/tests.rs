// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rounds of polling with the answers of a test.

use std::sync::Mutex;
use std::sync::mpsc as blocking;

use tokio::sync::mpsc;

use super::super::links::Interface;
use super::super::links::tests::{eth, macvlan, table};
use super::*;

type Ends = (blocking::Receiver<worker::Order>, mpsc::Sender<Answers>);

/// The far ends of the workers that were started.
#[derive(Clone, Default)]
struct Started(Arc<Mutex<Vec<Ends>>>);

impl Started {
    fn polls(&self, seen: &Interfaces) -> Polls {
        let started = self.clone();
        Polls::starting(seen, move || {
            let (orders, rounds) = blocking::sync_channel(1);
            let (sender, answers) = mpsc::channel(1);
            started.0.lock().unwrap().push((rounds, sender));
            Ok(Worker { orders, answers })
        })
    }

    /// The names of the last order.
    fn order(&self) -> Option<Vec<String>> {
        let started = self.0.lock().unwrap();
        let order = started.last()?.0.try_recv().ok()?;
        Some(order.iter().map(|(name, _)| name.to_string()).collect())
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

fn down(index: u32, name: &str) -> Interface {
    Interface {
        up: false,
        ..eth(index, name)
    }
}

fn names(names: &[&str]) -> BTreeSet<Arc<str>> {
    names.iter().map(|name| Arc::from(*name)).collect()
}

fn answers(answers: &[(&str, bool)]) -> Option<Answers> {
    let method = PollMethod::Ethtool;
    let answers = answers
        .iter()
        .map(|&(name, up)| (Arc::from(name), Answer { up, method }));
    Some(answers.collect())
}

fn ups(interfaces: &Interfaces) -> Vec<(String, bool, bool)> {
    interfaces
        .iter()
        .map(|interface| {
            (
                interface.link.name.clone(),
                interface.up,
                interface.polled.is_some(),
            )
        })
        .collect()
}

#[test]
fn named_interfaces_are_polled_or_all_that_are_in_use() {
    let there = table([
        eth(2, "eth0"),
        eth(3, "eth1"),
        eth(4, "eth2"),
        macvlan(5, "vrrp.51", 2, [0, 0, 0x5e, 0, 1, 51]),
    ]);
    let used = names(&["eth0", "eth1", "vrrp.51", "eth9"]);
    let targets_of = |polls: &[LinkPoll]| {
        let targets = targets(polls, &used, &there).into_iter();
        let targets = targets.map(|(name, target)| (name.to_string(), target.first));
        targets.collect::<Vec<_>>()
    };
    let pair = |name: &str, first| (name.to_owned(), first);
    assert_eq!(targets_of(&[]), []);
    // An unused interface may have a static item; a missing one may be added.
    let named = [
        LinkPoll::new("eth2").with_method(PollMethod::Flags),
        LinkPoll::new("eth2"),
        LinkPoll::new("eth7"),
    ];
    assert_eq!(targets_of(&named), [pair("eth2", PollMethod::Flags)]);
    let every = [
        LinkPoll::every(),
        LinkPoll::new("eth1").with_method(PollMethod::Ethtool),
    ];
    assert_eq!(
        targets_of(&every),
        [
            pair("eth0", PollMethod::Mii),
            pair("eth1", PollMethod::Ethtool)
        ]
    );
}

#[test]
fn an_answer_replaces_the_state_from_the_kernel() {
    let started = Started::default();
    let there = table([eth(2, "eth0"), down(3, "eth1"), eth(4, "eth2")]);
    let wanted = [LinkPoll::new("eth0"), LinkPoll::new("eth1")];
    let now = Instant::now();
    let mut polls = started.polls(&there);
    let unchanged = [
        ("eth0".to_owned(), true, false),
        ("eth1".to_owned(), false, false),
        ("eth2".to_owned(), true, false),
    ];
    polls.set_targets(now, targets(&wanted, &BTreeSet::new(), &there));
    polls.advance(now);
    assert_eq!(started.order().unwrap(), ["eth0", "eth1"]);
    assert_eq!(ups(&polls.apply(&there)), unchanged);

    // The third one is not polled.
    polls.handle_answers(
        now,
        answers(&[("eth0", false), ("eth1", true), ("eth2", false)]),
    );
    let seen = polls.apply(&there);
    assert_eq!(
        ups(&seen),
        [
            ("eth0".to_owned(), false, true),
            ("eth1".to_owned(), true, true),
            ("eth2".to_owned(), true, false)
        ]
    );
    // A second one starts with these answers.
    let other = started.polls(&seen);
    assert_eq!(other.apply(&there), seen);
    // The state of an interface without an answer is the kernel's.
    polls.handle_answers(now, answers(&[("eth1", true)]));
    assert_eq!(ups(&polls.apply(&there))[0], unchanged[0]);
}

#[test]
fn there_is_a_round_each_second_and_one_at_once_when_something_changes() {
    let started = Started::default();
    let (up, lost) = (table([eth(2, "eth0")]), table([down(2, "eth0")]));
    let wanted = [LinkPoll::new("eth0")];
    let targets = |there: &Interfaces| targets(&wanted, &BTreeSet::new(), there);
    let start = Instant::now();
    let mut polls = started.polls(&up);
    assert_eq!(polls.next_timeout(), None);
    polls.set_targets(start, targets(&up));
    assert_eq!(polls.next_timeout(), Some(start));
    polls.advance(start);
    assert!(started.order().is_some());
    polls.handle_answers(start, answers(&[("eth0", true)]));
    assert_eq!(polls.next_timeout(), Some(start + PERIOD));
    polls.set_targets(start, targets(&up));
    polls.advance(start + PERIOD - Duration::from_nanos(1));
    assert_eq!(started.order(), None);
    polls.advance(start + PERIOD);
    assert!(started.order().is_some());

    // The kernel reports a change during a round: another round follows at once.
    polls.set_targets(start + PERIOD, targets(&lost));
    polls.advance(start + PERIOD);
    assert_eq!(started.order(), None);
    polls.handle_answers(start + PERIOD, answers(&[("eth0", true)]));
    polls.advance(start + PERIOD);
    assert!(started.order().is_some());
    polls.handle_answers(start + PERIOD, answers(&[("eth0", false)]));

    // Nothing to poll: the thread ends, and the answers are dropped.
    polls.set_targets(start + PERIOD, BTreeMap::new());
    assert!(polls.worker.is_none());
    assert_eq!(polls.next_timeout(), None);
    assert_eq!(polls.apply(&up), up);
    polls.set_targets(start + PERIOD, targets(&up));
    polls.advance(start + PERIOD);
    assert_eq!(started.count(), 2);
}

#[tokio::test]
async fn a_round_that_does_not_end_changes_nothing_and_one_that_fails_is_tried_again() {
    let started = Started::default();
    let there = table([eth(2, "eth0")]);
    let wanted = [LinkPoll::new("eth0")];
    let start = Instant::now();
    let mut polls = started.polls(&there);
    polls.set_targets(start, targets(&wanted, &BTreeSet::new(), &there));
    polls.advance(start);
    assert!(started.order().is_some());
    polls.handle_answers(start, answers(&[("eth0", false)]));
    let second = start + PERIOD;
    polls.advance(second);
    assert!(started.order().is_some());
    assert_eq!(polls.next_timeout(), Some(second + ROUND_LIMIT));
    polls.advance(second + ROUND_LIMIT);
    // Reported once; no second round before the end of the first.
    assert_eq!(polls.next_timeout(), None);
    polls.advance(second + ROUND_LIMIT * 2);
    assert_eq!(started.order(), None);
    assert!(!polls.apply(&there).get("eth0").unwrap().up);

    // The thread has ended.
    started.0.lock().unwrap().clear();
    let gone = polls.answers().await;
    assert_eq!(gone, None);
    let later = second + ROUND_LIMIT * 2;
    polls.handle_answers(later, gone);
    assert_eq!(polls.next_timeout(), Some(later + PERIOD));
    polls.advance(later + PERIOD);
    assert_eq!(started.order().unwrap(), ["eth0"]);
}
