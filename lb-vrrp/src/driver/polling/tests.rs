// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rounds of questions with the answers of a test.

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

    /// What the last one was asked.
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

fn answers(of: &[(&str, bool)]) -> Option<Answers> {
    let method = PollMethod::Ethtool;
    let answers = of
        .iter()
        .map(|&(name, up)| (Arc::from(name), Answer { up, method }));
    Some(answers.collect())
}

fn ups(of: &Interfaces) -> Vec<(String, bool, bool)> {
    of.iter()
        .map(|of| (of.link.name.clone(), of.up, of.polled.is_some()))
        .collect()
}

#[test]
fn named_interfaces_are_asked_and_those_in_use_where_all_are() {
    let there = table([
        eth(2, "eth0"),
        eth(3, "eth1"),
        eth(4, "eth2"),
        macvlan(5, "vrrp.51", 2, [0, 0, 0x5e, 0, 1, 51]),
    ]);
    let used = names(&["eth0", "eth1", "vrrp.51", "eth9"]);
    let of = |polls: &[LinkPoll]| {
        let asked = asked(polls, &used, &there).into_iter();
        let asked = asked.map(|(name, of)| (name.to_string(), of.first));
        asked.collect::<Vec<_>>()
    };
    let pair = |name: &str, first| (name.to_owned(), first);
    assert_eq!(of(&[]), []);
    // One that nobody uses may be a static item's; one that is not there may come.
    let named = [
        LinkPoll::new("eth2").with_method(PollMethod::Flags),
        LinkPoll::new("eth2"),
        LinkPoll::new("eth7"),
    ];
    assert_eq!(of(&named), [pair("eth2", PollMethod::Flags)]);
    let every = [
        LinkPoll::every(),
        LinkPoll::new("eth1").with_method(PollMethod::Ethtool),
    ];
    assert_eq!(
        of(&every),
        [
            pair("eth0", PollMethod::Mii),
            pair("eth1", PollMethod::Ethtool)
        ]
    );
}

#[test]
fn an_answer_counts_instead_of_what_the_kernel_tells() {
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
    polls.settle(now, asked(&wanted, &BTreeSet::new(), &there));
    polls.advance(now);
    assert_eq!(started.order().unwrap(), ["eth0", "eth1"]);
    assert_eq!(ups(&polls.apply(&there)), unchanged);

    // The third was not asked; there is no answer to what is no longer asked either.
    polls.take_in(
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
    // Another one goes on from there.
    let other = started.polls(&seen);
    assert_eq!(other.apply(&there), seen);
    // One that does not answer any more is as the kernel tells.
    polls.take_in(now, answers(&[("eth1", true)]));
    assert_eq!(ups(&polls.apply(&there))[0], unchanged[0]);
}

#[test]
fn there_is_a_round_each_second_and_one_at_once_when_something_changes() {
    let started = Started::default();
    let (up, lost) = (table([eth(2, "eth0")]), table([down(2, "eth0")]));
    let wanted = [LinkPoll::new("eth0")];
    let asked = |there: &Interfaces| asked(&wanted, &BTreeSet::new(), there);
    let start = Instant::now();
    let mut polls = started.polls(&up);
    assert_eq!(polls.next_timeout(), None);
    polls.settle(start, asked(&up));
    assert_eq!(polls.next_timeout(), Some(start));
    polls.advance(start);
    assert!(started.order().is_some());
    polls.take_in(start, answers(&[("eth0", true)]));
    assert_eq!(polls.next_timeout(), Some(start + PERIOD));
    polls.settle(start, asked(&up));
    polls.advance(start + PERIOD - Duration::from_nanos(1));
    assert_eq!(started.order(), None);
    polls.advance(start + PERIOD);
    assert!(started.order().is_some());

    // The kernel tells something while one is under way: another follows as soon as it is over.
    polls.settle(start + PERIOD, asked(&lost));
    polls.advance(start + PERIOD);
    assert_eq!(started.order(), None);
    polls.take_in(start + PERIOD, answers(&[("eth0", true)]));
    polls.advance(start + PERIOD);
    assert!(started.order().is_some());
    polls.take_in(start + PERIOD, answers(&[("eth0", false)]));

    // Nothing to ask: the thread ends, and what is known is forgotten.
    polls.settle(start + PERIOD, BTreeMap::new());
    assert!(polls.worker.is_none());
    assert_eq!(polls.next_timeout(), None);
    assert_eq!(polls.apply(&up), up);
    polls.settle(start + PERIOD, asked(&up));
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
    polls.settle(start, asked(&wanted, &BTreeSet::new(), &there));
    polls.advance(start);
    assert!(started.order().is_some());
    polls.take_in(start, answers(&[("eth0", false)]));
    let second = start + PERIOD;
    polls.advance(second);
    assert!(started.order().is_some());
    assert_eq!(polls.next_timeout(), Some(second + PATIENCE));
    polls.advance(second + PATIENCE);
    // Told once; no second round before the first is over.
    assert_eq!(polls.next_timeout(), None);
    polls.advance(second + PATIENCE * 2);
    assert_eq!(started.order(), None);
    assert!(!polls.apply(&there).get("eth0").unwrap().up);

    // The thread has gone.
    started.0.lock().unwrap().clear();
    let gone = polls.answers().await;
    assert_eq!(gone, None);
    let later = second + PATIENCE * 2;
    polls.take_in(later, gone);
    assert_eq!(polls.next_timeout(), Some(later + PERIOD));
    polls.advance(later + PERIOD);
    assert_eq!(started.order().unwrap(), ["eth0"]);
}
