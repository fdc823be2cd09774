// SPDX-License-Identifier: MIT OR Apache-2.0
//! What holds for every configuration, whatever happens in whatever order.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::params::{DownTimerAdverts, HmacConfig, HmacKey, HmacMode, UnicastPeer};

/// More than one event can give rise to, with two peers.
const OUTPUTS: usize = 16;

#[derive(Clone, Debug)]
enum Step {
    Startup,
    Shutdown,
    /// Time passes, in tenths of an interval, and the timers are served.
    Wait(u8),
    /// Time passes without the timers being served.
    Sleep(u8),
    Receive {
        from: u8,
        priority: u8,
        centis: u16,
        message_only: bool,
    },
    Bytes(Vec<u8>),
    Fault(u8, bool),
    Priority(u8),
    Configure(Setup),
    Proof,
    Resign,
    Resume,
    /// Another process continues the router after this many milliseconds.
    Handover(u16),
}

#[derive(Clone, Debug)]
struct Setup {
    priority: u8,
    down: u8,
    delay: u8,
    flags: u8,
    more: u8,
}

fn setup() -> impl Strategy<Value = Setup> {
    let priority = prop_oneof![1..=255_u8, Just(100), Just(255)];
    (priority, 1..=5_u8, 0..4_u8, any::<u8>(), 0..3_u8).prop_map(
        |(priority, down, delay, flags, more)| Setup {
            priority,
            down,
            delay,
            flags,
            more,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let receive = (
        9..=11_u8,
        prop_oneof![0..=255_u8, Just(0), Just(100)],
        1..300_u16,
    );
    let receive = (receive, any::<bool>()).prop_map(|((from, priority, centis), message_only)| {
        Step::Receive {
            from,
            priority,
            centis,
            message_only,
        }
    });
    prop_oneof![
        2 => Just(Step::Startup),
        1 => Just(Step::Shutdown),
        8 => (0..60_u8).prop_map(Step::Wait),
        2 => (0..60_u8).prop_map(Step::Sleep),
        8 => receive,
        1 => vec(any::<u8>(), 0..40).prop_map(Step::Bytes),
        2 => (0..3_u8, any::<bool>()).prop_map(|(which, present)| Step::Fault(which, present)),
        2 => (1..=255_u8).prop_map(Step::Priority),
        1 => setup().prop_map(Step::Configure),
        1 => Just(Step::Proof),
        1 => Just(Step::Resign),
        1 => Just(Step::Resume),
        1 => (0..5000_u16).prop_map(Step::Handover),
    ]
}

fn config(version: Version, setup: &Setup) -> RouterConfig {
    let flag = |bit: u8| setup.flags & (1 << bit) != 0;
    let mut base = builder(version, setup.priority)
        .down_timer_adverts(DownTimerAdverts::new(setup.down).unwrap())
        .addresses((0..setup.more).map(|n| IpAddr::from([192, 0, 2, 101 + n])))
        .farewell(flag(0))
        .answer_losing(flag(1))
        .accept(flag(2))
        .mirror_checksum(flag(3));
    base = match setup.delay {
        0 => base.preempt(false),
        1 => base.preempt_delay(millis(2500)),
        2 => base.sticky(millis(7000)),
        _ => base,
    };
    if flag(4) {
        base = base.yield_after_stall(priority(200));
    }
    if flag(5) {
        base = base
            .peer(UnicastPeer::new(ip(HIGHER)))
            .peer(UnicastPeer::new(ip(LOWER)));
    }
    if flag(6) {
        let key = HmacKey::new(1, [1; 32]).unwrap();
        let hmac = HmacConfig::new([key], 1)
            .unwrap()
            .with_mode(HmacMode::Permissive);
        base = base.authentication(Authentication::Hmac(hmac));
    }
    base.build().unwrap()
}

/// What a driver would have done so far.
#[derive(Debug, Default, PartialEq)]
struct World {
    held: bool,
    shielded: bool,
}

impl World {
    /// Carries out everything, and checks the order in which it is asked for.
    fn drain(&mut self, router: &mut VirtualRouter, before: State) {
        let mut state = before;
        let mut words = Vec::new();
        while let Some(output) = router.poll_output() {
            assert!(words.len() < OUTPUTS, "{words:?}");
            match &output {
                Output::AddAddresses => {
                    assert!(!self.held, "added twice");
                    self.held = true;
                    assert_eq!(self.shielded, !router.config().accept());
                }
                Output::RemoveAddresses => {
                    assert!(self.held, "removed twice");
                    self.held = false;
                }
                Output::ShieldAddresses => self.shielded = true,
                Output::UnshieldAddresses => self.shielded = false,
                Output::Transitioned(transition) => {
                    assert_eq!(transition.from, state);
                    assert_ne!(transition.to, state);
                    state = transition.to;
                    Self::check_transition(*transition, &words);
                }
                _ => {}
            }
            words.push(word(&output));
        }
        assert_eq!(state, router.state(), "{words:?}");
        self.check(router);
    }

    /// The order of effect.
    fn check_transition(transition: Transition, words: &[String]) {
        let at = |what: &str| words.iter().rposition(|word| word == what);
        let sent = words.iter().rposition(|word| word.starts_with("advertise"));
        match (transition.from, transition.to) {
            (_, State::Master) => {
                assert!(sent < at("add") && at("add") < at("announce"), "{words:?}");
            }
            (State::Master, State::Initialize | State::Fault) => {
                assert!(
                    at("advertise 0").is_some() && sent < at("remove"),
                    "{words:?}"
                );
            }
            _ => {}
        }
    }

    fn check(&self, router: &VirtualRouter) {
        assert_eq!(self.held, router.state() == State::Master);
        assert!(!self.shielded || self.held);
        let runs = matches!(router.state(), State::Backup | State::Master);
        assert_eq!(router.next_timeout().is_some(), runs);
        let stats = router.stats();
        assert_eq!(
            stats.packets_received,
            stats.advertisements_received + stats.rejected
        );
        assert!(stats.advertisements_sent >= stats.priority_zero_sent);
        assert!(stats.master_transitions >= stats.master_released);
    }
}

fn receive(rig: &mut Rig, from: u8, priority: u8, centis: u16, message_only: bool) {
    let config = rig.router.config().clone();
    let mut sent = advertisement(&config);
    sent.priority = priority.into();
    if config.version() == Version::V3 {
        sent.interval = AdvertInterval::from_centis(centis).unwrap();
    }
    if message_only {
        sent.checksum = ChecksumDialect::MessageOnly;
    }
    let source = IpAddr::from([192, 0, 2, from]);
    let destination = if config.peers().is_empty() {
        config.group()
    } else {
        ip(ME)
    };
    let payload = sent.to_vec(source, destination);
    let received = Received {
        source,
        destination,
        hop_limit: 255,
        encapsulation: Encapsulation::Ip,
        payload: &payload,
    };
    let (state, before) = (rig.router.state(), rig.router.next_timeout());
    let result = rig.router.handle_advertisement(rig.now, received);
    assert_eq!(result.is_err(), source == ip(ME), "{result:?}");
    if result.is_err() || (state, priority) == (State::Backup, 0) {
        assert!(
            rig.router.next_timeout() <= before,
            "resignations only shorten"
        );
        assert_eq!(rig.router.state(), state);
    }
}

fn continue_elsewhere(rig: &mut Rig, gap: Duration, world: &mut World) {
    let (state, before) = (rig.router.state(), rig.router.next_timeout());
    let handed_over = rig.router.handover_state(rig.now);
    let config = rig.router.config().clone();
    rig.now += gap;
    rig.router = VirtualRouter::from_handover(config, &handed_over, rig.now, gap).unwrap();
    rig.router
        .handle_clock(rig.now, Duration::from_secs(1_800_000_000));
    if rig.router.state() == state {
        // What should have happened in the gap happens now.
        assert_eq!(rig.router.next_timeout(), before.map(|at| at.max(rig.now)));
        if state == State::Master {
            // The addresses are there; asking for them again does no harm.
            world.held = false;
        }
    }
    world.drain(&mut rig.router, state);
}

fn run(version: Version, first: &Setup, steps: Vec<Step>) {
    let mut rig = Rig::new(config(version, first));
    rig.router
        .handle_clock(rig.now, Duration::from_secs(1_800_000_000));
    let mut world = World::default();
    for step in steps {
        let before = rig.router.state();
        let now = rig.now;
        match step {
            Step::Startup => rig.router.handle_startup(now),
            Step::Shutdown => rig.router.handle_shutdown(now),
            Step::Wait(tenths) => {
                let until = now + millis(100) * u32::from(tenths);
                while let Some(at) = rig.router.next_timeout().filter(|at| *at <= until) {
                    let state = rig.router.state();
                    rig.now = rig.now.max(at);
                    rig.router.handle_timeout(rig.now);
                    assert!(
                        rig.router.next_timeout() > Some(at),
                        "a timer that does not move"
                    );
                    world.drain(&mut rig.router, state);
                }
                rig.now = until;
                continue;
            }
            Step::Sleep(tenths) => rig.now += millis(100) * u32::from(tenths),
            Step::Receive {
                from,
                priority,
                centis,
                message_only,
            } => receive(&mut rig, from, priority, centis, message_only),
            Step::Bytes(bytes) => {
                let received = Received {
                    source: ip(HIGHER),
                    destination: rig.router.config().group(),
                    hop_limit: 255,
                    encapsulation: Encapsulation::Ip,
                    payload: &bytes,
                };
                let _ = rig.router.handle_advertisement(now, received);
            }
            Step::Fault(which, present) => {
                let fault = [
                    FaultReason::LinkDown,
                    FaultReason::Tracked,
                    FaultReason::SyncGroup,
                ];
                rig.router
                    .handle_fault(now, fault[usize::from(which)], present);
            }
            Step::Priority(value) => rig.router.handle_priority(now, priority(value)),
            Step::Configure(setup) => {
                rig.router
                    .reconfigure(now, config(version, &setup))
                    .unwrap();
                assert_eq!(rig.router.state(), before, "a reload changes no state");
            }
            Step::Proof => rig.router.handle_received_proof(now),
            Step::Resign => {
                assert_eq!(rig.router.resign(now), before == State::Master);
            }
            Step::Resume => rig.router.resume(),
            Step::Handover(gap) => {
                continue_elsewhere(&mut rig, millis(gap.into()), &mut world);
                continue;
            }
        }
        world.drain(&mut rig.router, before);
    }
}

proptest! {
    #[test]
    fn order_and_bookkeeping_hold_whatever_happens(
        v3 in any::<bool>(),
        first in setup(),
        steps in vec(step(), 1..60),
    ) {
        let version = if v3 { Version::V3 } else { Version::V2 };
        run(version, &first, steps);
    }
}
