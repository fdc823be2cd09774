// SPDX-License-Identifier: MIT OR Apache-2.0
//! The handover of routers to another driver: the peer and the hosts on the LAN do not notice it.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use lb_host::descriptors::{Incoming, send_at_once};
use lb_vrrp::driver::Error;
use lb_vrrp::driver::handover::HandoverError;
use lb_vrrp::spec::{Configuration, GroupSpec, RouterSpec};
use lb_vrrp::{AdvertInterval, State};
use serde_json::{Value, json};

use super::netns::{
    Capture, Frame, Lan, MASTER_DOWN_ADVERTS, Namespace, Node, Outcome, PATIENCE, wait_for,
};
use super::{VIP, quick, spec, transitions, vip};

/// VRRPv3 with this interval.
fn every(centis: u16, vrid: u8, priority: u8) -> RouterSpec {
    let interval = AdvertInterval::from_centis(centis).unwrap();
    spec(quick(vrid, priority).interval(interval).build().unwrap())
}

/// Hands over once, and waits until the old one has ended.
pub(crate) fn hand_over(namespace: &Namespace, old: Node, to: impl Into<Configuration>) -> Node {
    let (outcome, new) = begin(namespace, &old, to);
    assert!(outcome.recv_timeout(PATIENCE).unwrap().unwrap());
    new.unwrap()
}

/// Begins a handover; the outcome is that of the old one.
fn begin(
    namespace: &Namespace,
    old: &Node,
    to: impl Into<Configuration>,
) -> (mpsc::Receiver<Outcome>, Result<Node, Error>) {
    let (here, there) = UnixStream::pair().unwrap();
    let outcome = old.hand_over(here);
    (outcome, Node::start_from_handover(namespace, there, to))
}

/// Times and priorities of the adverts with the MAC address of `sender`.
fn adverts(capture: &Capture, sender: &Namespace) -> Vec<(Instant, u8)> {
    let mac = sender.mac();
    let frames = capture.frames();
    let own = frames.iter().filter_map(|frame| {
        let packet = frame.vrrp_from(mac)?;
        Some((frame.at, packet[22]))
    });
    own.collect()
}

/// Hands over `count` times at an advert interval of `centis`, and checks the packets on the wire.
///
/// # Errors
///
/// A description of adverts that were late and of the consequences. A busy machine may be the cause:
/// another try decides.
fn try_handovers(centis: u16, count: usize) -> Result<(), String> {
    let lan = Lan::new();
    let start = Capture::start(&lan.c);
    let a = Node::start(&lan.a, vec![every(centis, 51, 150)]);
    a.wait_state(State::Master);
    wait_for("the address on a", || lan.a.holds(VIP).then_some(()));
    let b = Node::start(&lan.b, vec![every(centis, 51, 100)]);
    b.wait_state(State::Backup);
    // The repeated ones among them.
    start.wait_for_announcements(10);
    b.drain();
    let before = a.status();
    let capture = Capture::start(&lan.c);
    let monitor = lan.a.monitor("address");
    let interval = Duration::from_millis(u64::from(centis) * 10);

    let mut node = a;
    let mac = lan.a.mac();
    let ours = |frame: &Frame| frame.vrrp_from(mac).is_some();
    for _ in 0..count {
        capture.wait_for_more(2, ours);
        node = hand_over(&lan.a, node, vec![every(centis, 51, 150)]);
        assert_eq!(node.state(), State::Master);
    }
    capture.wait_for_more(2, ours);
    let after = node.status();
    let changes = monitor.stop().unwrap();
    assert!(!changes.contains(VIP), "the address was touched: {changes}");
    let seen = adverts(&capture, &lan.a);
    assert!(seen.len() > count * 2, "{seen:?}");
    assert!(
        seen.iter().all(|(_, priority)| *priority == 150),
        "{seen:?}"
    );
    // One interval, and less than another one beside it. With short intervals that is a busy
    // machine's own affair; the peer below is the judge.
    let limit = (interval * 2).max(Duration::from_millis(100));
    let gaps = seen.windows(2).map(|pair| pair[1].0 - pair[0].0);
    let gap = gaps.max().unwrap();
    let announced = capture.count(|frame: &Frame| frame.announcement().is_some());
    let stalls = after.routers[0].counters.stats.stalls;
    let noticed = transitions(&b);
    if gap >= limit || announced > 0 || stalls > 0 || !noticed.is_empty() {
        return Err(format!(
            "at {interval:?} a gap of {gap:?}, {announced} announcements, {stalls} stalls, the peer: \
             {noticed:?}"
        ));
    }
    assert_eq!(b.state(), State::Backup);

    let (old, new) = (&before.routers[0], &after.routers[0]);
    assert!(new.counters.stats.advertisements_sent > old.counters.stats.advertisements_sent);
    assert_eq!(new.counters.stats.master_transitions, 1);
    assert_eq!((new.from, &new.reason), (old.from, &old.reason));
    assert!(transitions(&node).is_empty());

    // The last driver removes the addresses that it was handed.
    node.shutdown();
    assert!(!lan.a.holds(VIP));
    b.wait_state(State::Master);
    Ok(())
}

/// Hands over until one of five tries, or of as many as a minute has, goes without a transition at the
/// peer: a busy machine is quiet at times.
fn check_handovers(centis: u16, count: usize) {
    let mut late = Vec::new();
    let begun = Instant::now();
    while late.len() < 5 || begun.elapsed() < Duration::from_secs(60) {
        match try_handovers(centis, count) {
            Ok(()) => return,
            Err(why) => late.push(why),
        }
    }
    panic!("{late:#?}");
}

#[testbed::host_test]
fn handover_is_unnoticed_at_one_second() {
    check_handovers(100, 2);
}

#[testbed::host_test]
fn handover_is_unnoticed_at_50_milliseconds() {
    check_handovers(5, 10);
}

#[testbed::host_test]
fn handover_is_unnoticed_at_10_milliseconds() {
    check_handovers(1, 10);
}

#[testbed::host_test]
fn a_new_driver_that_ends_before_the_handover_changes_nothing() {
    let lan = Lan::new();
    let a = Node::start(&lan.a, vec![every(5, 51, 150)]);
    a.wait_state(State::Master);
    let b = Node::start(&lan.b, vec![every(5, 51, 100)]);
    b.wait_state(State::Backup);
    b.drain();

    // The new driver never starts, and another one has to wait for that.
    let new = NewProcess::request(&a);
    let offer = new.receive().0;
    assert_eq!(offer["Offer"]["routers"]["ports"][0]["interface"], "eth0");
    let (busy, refused) = begin(&lan.a, &a, vec![every(5, 51, 150)]);
    let error = busy.recv_timeout(PATIENCE).unwrap().unwrap_err();
    assert!(
        matches!(error, Error::Handover(HandoverError::Busy)),
        "{error}"
    );
    assert_eq!(
        refused.err().unwrap().to_string(),
        "the other process refused: another handover is in progress"
    );
    let error = new.end();
    assert!(matches!(error, HandoverError::Closed), "{error}");

    // The configuration of the new driver is invalid: it closes every descriptor again.
    let nowhere = RouterSpec::new("VI_1", "eth9", quick(51, 1).build().unwrap());
    let (outcome, new) = begin(&lan.a, &a, vec![nowhere]);
    let error = new.err().unwrap();
    assert!(matches!(error, Error::InterfaceNotFound { .. }), "{error}");
    let error = outcome.recv_timeout(PATIENCE).unwrap().unwrap_err();
    assert!(
        matches!(error, Error::Handover(HandoverError::Closed)),
        "{error}"
    );

    // The new driver is in another network namespace.
    let (outcome, new) = begin(&lan.b, &a, vec![every(5, 51, 150)]);
    assert_eq!(
        new.err().unwrap().to_string(),
        "the two processes are in different net namespaces"
    );
    outcome.recv_timeout(PATIENCE).unwrap().unwrap_err();

    // The new process has no routers: the old driver is its program's to end.
    let new = NewProcess::request(&a);
    new.receive();
    new.send(&json!({"Running": {"driven": []}}));
    assert!(!new.outcome.recv_timeout(PATIENCE).unwrap().unwrap());

    b.wait_received(MASTER_DOWN_ADVERTS);
    assert_eq!(transitions(&b), [], "the peer sees nothing");
    assert_eq!(a.state(), State::Master);
    assert!(lan.a.holds(VIP));
    let a = hand_over(&lan.a, a, vec![every(5, 51, 150)]);
    assert_eq!(a.state(), State::Master);
    assert_eq!(transitions(&b), [], "the peer sees nothing");
}

#[testbed::host_test]
fn another_configuration_takes_effect_as_with_a_reload() {
    let lan = Lan::new();
    let other = |vrid, address: &str| {
        let mut other = every(10, vrid, 150).with_virtual_addresses([vip(address)]);
        other.name = format!("VI_{vrid}");
        other
    };
    let first = every(10, 51, 150).with_virtual_addresses([vip(VIP), vip("192.0.2.60")]);
    let old = vec![first, other(52, "192.0.2.52")];
    let a = Node::start(&lan.a, old);
    for address in [VIP, "192.0.2.60", "192.0.2.52"] {
        wait_for(address, || lan.a.holds(address).then_some(()));
    }
    let b = Node::start(&lan.b, vec![every(10, 51, 100), other(52, "192.0.2.52")]);
    b.wait_state(State::Backup);
    b.drain();
    let capture = Capture::start(&lan.c);

    // One address less and one more, one router less and one more.
    let first = every(10, 51, 150).with_virtual_addresses([vip(VIP), vip("192.0.2.61")]);
    let a = hand_over(&lan.a, a, vec![first, other(53, "192.0.2.53")]);
    for (address, held) in [
        (VIP, true),
        ("192.0.2.60", false),
        ("192.0.2.61", true),
        ("192.0.2.52", false),
        ("192.0.2.53", true),
    ] {
        wait_for(address, || (lan.a.holds(address) == held).then_some(()));
    }
    wait_for("VI_52 on b", || lan.b.holds("192.0.2.52").then_some(()));
    assert!(!lan.b.holds(VIP));
    let zero = |vrid| {
        capture.count(|frame| {
            let packet = frame.vrrp();
            packet.is_some_and(|packet| (packet[21], packet[22]) == (vrid, 0))
        })
    };
    assert_eq!((zero(51), zero(52), zero(53)), (0, 1, 0));
    let states: Vec<State> = a
        .status()
        .routers
        .iter()
        .map(|router| router.state)
        .collect();
    assert_eq!(states, [State::Master; 2]);
    a.shutdown();
    assert!(!lan.a.holds(VIP) && !lan.a.holds("192.0.2.61") && !lan.a.holds("192.0.2.53"));
}

#[testbed::host_test]
fn a_group_stays_together() {
    let lan = Lan::new();
    let group = |priority| {
        let mut second = every(10, 52, priority).with_virtual_addresses([vip("192.0.2.101")]);
        second.name = "VI_2".to_owned();
        Configuration::new(vec![every(10, 51, priority), second])
            .with_groups([GroupSpec::new("VG", ["VI_1", "VI_2"])])
    };
    let all = |node: &Node, state| {
        wait_for("both", || {
            let routers = node.status().routers;
            routers
                .iter()
                .all(|router| router.state == state)
                .then_some(())
        });
    };
    let a = Node::start(&lan.a, group(150));
    all(&a, State::Master);
    let b = Node::start(&lan.b, group(100));
    all(&b, State::Backup);
    b.drain();
    let a = hand_over(&lan.a, a, group(150));
    let b = hand_over(&lan.b, b, group(100));
    b.wait_received(MASTER_DOWN_ADVERTS);
    assert_eq!(a.status().groups[0].state, State::Master);
    assert_eq!(b.status().groups[0].state, State::Backup);
    assert!(transitions(&a).is_empty() && transitions(&b).is_empty());
    // The groups still act as one.
    a.resign("VI_2").unwrap();
    all(&b, State::Master);
    // A router that resigned stays so.
    let a = hand_over(&lan.a, a, group(150));
    a.wait_received(MASTER_DOWN_ADVERTS);
    all(&a, State::Backup);
    a.resume("VI_1").unwrap();
    all(&a, State::Master);
}

/// A new process that fails at the worst moment.
struct NewProcess {
    connection: UnixStream,
    outcome: mpsc::Receiver<Outcome>,
}

impl NewProcess {
    fn request(old: &Node) -> Self {
        let (here, there) = UnixStream::pair().unwrap();
        there.set_nonblocking(true).unwrap();
        let outcome = old.hand_over(here);
        let new = Self {
            connection: there,
            outcome,
        };
        new.send(&json!({"Request": {"format": 4, "pid": 1}}));
        new
    }

    fn send(&self, message: &Value) {
        send_at_once(&self.connection, message.to_string().as_bytes(), &[]).unwrap();
    }

    fn receive(&self) -> (Value, Vec<OwnedFd>) {
        let mut incoming = Incoming::default();
        let (message, descriptors) =
            wait_for("message", || incoming.receive(&self.connection).unwrap());
        (serde_json::from_slice(&message).unwrap(), descriptors)
    }

    /// Receives the offer, is ready, and receives the first state.
    fn receive_state(&self) {
        assert!(self.receive().0["Offer"].is_object());
        self.send(&json!("Ready"));
        let (state, file) = self.receive();
        assert_eq!((state, file.len()), (json!({"State": {"attempt": 1}}), 1));
    }

    /// Ends, and returns the error of the old process.
    fn end(self) -> HandoverError {
        drop(self.connection);
        failure(&self.outcome)
    }
}

fn failure(outcome: &mpsc::Receiver<Outcome>) -> HandoverError {
    match outcome.recv_timeout(PATIENCE).unwrap() {
        Err(Error::Handover(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[testbed::host_test]
fn a_new_process_that_hangs_refuses_or_dies_at_any_step_changes_nothing() {
    let lan = Lan::new();
    let start = Capture::start(&lan.c);
    let a = Node::start(&lan.a, vec![every(30, 51, 150)]);
    a.wait_state(State::Master);
    let b = Node::start(&lan.b, vec![every(30, 51, 100)]);
    b.wait_state(State::Backup);
    b.drain();
    // The repeated ones among them.
    start.wait_for_announcements(10);
    let capture = Capture::start(&lan.c);

    // It is ready and does nothing more: the old one continues each time.
    let new = NewProcess::request(&a);
    new.receive_state();
    let error = failure(&new.outcome);
    assert!(matches!(error, HandoverError::TooSlow { .. }), "{error}");

    // It ends with the state, and after the commit, and refuses then.
    let prepared = json!({"Prepared": {"attempt": 1}});
    let commit = json!({"Commit": {"attempt": 1}});
    let new = NewProcess::request(&a);
    new.receive_state();
    let error = new.end();
    assert!(matches!(error, HandoverError::Closed), "{error}");
    for refuses in [false, true] {
        let new = NewProcess::request(&a);
        new.receive_state();
        new.send(&prepared);
        assert_eq!(new.receive().0, commit);
        if !refuses {
            let error = new.end();
            assert!(matches!(error, HandoverError::Closed), "{error}");
            continue;
        }
        new.send(&json!({"Refused": {"reason": "not now"}}));
        let error = failure(&new.outcome);
        assert_eq!(error.to_string(), "the other process refused: not now");
    }

    // It is of another version, or sends something else.
    let new = NewProcess::request(&a);
    new.receive_state();
    new.send(&json!("Ended"));
    let error = failure(&new.outcome);
    assert!(matches!(error, HandoverError::Document(_)), "{error}");

    // The connection ends before any of the messages has arrived.
    for messages in 0..6 {
        let (outcome, new) = interrupted(&lan.a, &a, messages);
        assert!(new.is_err(), "after {messages} messages");
        let error = failure(&outcome);
        assert!(matches!(error, HandoverError::Closed), "{error}");
    }

    b.wait_received(MASTER_DOWN_ADVERTS);
    assert!(transitions(&b).is_empty());
    assert_eq!(a.state(), State::Master);
    let seen = adverts(&capture, &lan.a);
    assert!(seen.iter().all(|(_, priority)| *priority == 150));
    let announced = |frame: &Frame| frame.announcement().is_some();
    assert_eq!(capture.count(announced), 0, "announcements");
    // A later handover still succeeds.
    let a = hand_over(&lan.a, a, vec![every(30, 51, 150)]);
    assert_eq!(a.state(), State::Master);
    assert!(transitions(&b).is_empty());
}

/// Begins a handover over a connection that ends after so many messages.
fn interrupted(
    namespace: &Namespace,
    old: &Node,
    messages: usize,
) -> (mpsc::Receiver<Outcome>, Result<Node, Error>) {
    let [(old_end, to_old), (new_end, to_new)] = [(); 2].map(|()| UnixStream::pair().unwrap());
    let outcome = old.hand_over(old_end);
    let relay = std::thread::spawn(move || {
        let mut ends = [to_old, to_new].map(|end| {
            end.set_nonblocking(true).unwrap();
            (end, Incoming::default())
        });
        let mut left = messages;
        wait_for("messages", || {
            if left == 0 {
                return Some(());
            }
            let [old, new] = &mut ends;
            left -= relay_one(old, new);
            if left > 0 {
                left -= relay_one(new, old);
            }
            None
        });
    });
    let new = Node::start_from_handover(namespace, new_end, vec![every(30, 51, 150)]);
    relay.join().unwrap();
    (outcome, new)
}

fn relay_one(
    (from, incoming): &mut (UnixStream, Incoming),
    (to, _): &mut (UnixStream, Incoming),
) -> usize {
    let Some((message, descriptors)) = incoming.receive(&*from).unwrap() else {
        return 0;
    };
    send_at_once(&*to, &message, &descriptors).unwrap();
    1
}
