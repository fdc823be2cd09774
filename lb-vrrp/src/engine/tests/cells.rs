// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state table as data: what each event does in each state. One test for each cell.

use super::*;

/// What happens to the router.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    Startup,
    Shutdown,
    /// The timer that runs fires.
    Timer,
    /// `handle_timeout` before the timer's deadline.
    EarlyTimer,
    /// An advertisement from this address with this priority.
    Receive(&'static str, u8),
    /// The same, with another interval in centiseconds.
    ReceiveInterval(&'static str, u8, u16),
    /// An advertisement with priority 255 that came through a router.
    Invalid,
    /// The link is down, or up.
    Fault(bool),
    /// Tracking changes the priority.
    Priority(u8),
    /// An address is added.
    Configure,
    /// The same configuration again.
    ConfigureSame,
}

/// What the timer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// Its deadline stays, if it has one.
    Same,
    /// None runs.
    Stopped,
    /// Set to `Advertisement_Interval`.
    Advert,
    /// Set to `Master_Down_Interval`.
    Down,
    /// Set to `Skew_Time`.
    Skew,
    /// Set to `Master_Down_Interval` of the learned interval.
    Learned,
    /// Moved by the change of `Skew_Time`.
    Shifted,
}

/// One event in one state.
pub(super) struct Cell {
    pub(super) name: &'static str,
    /// Row of the table.
    pub(super) row: u8,
    /// Clause of RFC 9568.
    pub(super) clause: &'static str,
    pub(super) state: State,
    own: u8,
    preempt: bool,
    versions: &'static [Version],
    pub(super) event: Event,
    pub(super) outputs: &'static [&'static str],
    pub(super) after: State,
    pub(super) timer: Timer,
}

const V3: &[Version] = &[Version::V3];
const BOTH: &[Version] = &[Version::V2, Version::V3];

impl Cell {
    fn check(&self) {
        for version in self.versions {
            self.check_version(*version);
        }
    }

    fn check_version(&self, version: Version) {
        let mut rig = self.rig(version);
        let before = rig.router.next_timeout();
        rig.now += millis(300);
        self.happen(&mut rig);
        let label = format!("{} {version}", self.name);
        assert_eq!(rig.outputs(), self.outputs, "{label}");
        assert_eq!(rig.router.state(), self.after, "{label}");
        let (now, router) = (rig.now, &rig.router);
        let interval = router.config().interval().as_duration();
        let expected = match self.timer {
            Timer::Same => before,
            Timer::Stopped => None,
            Timer::Advert => Some(now + interval),
            Timer::Down | Timer::Learned => Some(now + router.master_down_interval()),
            Timer::Skew => Some(now + router.skew_time()),
            // From priority 100 to 50 it is 50/256 of a second.
            Timer::Shifted => before.map(|before| before + Duration::from_nanos(195_312_500)),
        };
        assert_eq!(router.next_timeout(), expected, "{label}");
        let learned = (self.timer == Timer::Learned).then_some(10);
        assert_eq!(
            router.master_interval().as_centis(),
            learned.unwrap_or(100),
            "{label}"
        );
    }

    fn rig(&self, version: Version) -> Rig {
        let base = builder(version, self.own).preempt(self.preempt);
        if self.own < 255 {
            return Rig::with(base, self.state);
        }
        let mut rig = Rig::new(base.build().unwrap());
        if self.state == State::Master {
            rig.router.handle_startup(rig.now);
            rig.outputs();
        }
        rig
    }

    fn happen(&self, rig: &mut Rig) {
        match self.event {
            Event::Startup => rig.router.handle_startup(rig.now),
            Event::Shutdown => rig.router.handle_shutdown(rig.now),
            Event::Timer => rig.fire(),
            Event::EarlyTimer => rig.router.handle_timeout(rig.now),
            Event::Receive(ME, value) => {
                assert_eq!(rig.receive(ME, value), Err(Rejected::OwnAddress));
            }
            Event::Receive(from, value) => rig.receive(from, value).unwrap(),
            Event::ReceiveInterval(from, value, centis) => rig
                .receive_interval(from, value, AdvertInterval::from_centis(centis).unwrap())
                .unwrap(),
            Event::Invalid => {
                let mut sent = advertisement(rig.router.config());
                sent.priority = 255.into();
                let payload = sent.to_vec(ip(HIGHER), crate::multicast_group(AddressFamily::Ipv4));
                let received = Received {
                    source: ip(HIGHER),
                    destination: crate::multicast_group(AddressFamily::Ipv4),
                    hop_limit: 254,
                    encapsulation: Encapsulation::Ip,
                    payload: &payload,
                };
                rig.router
                    .handle_advertisement(rig.now, received)
                    .unwrap_err();
            }
            Event::Fault(present) => {
                rig.router
                    .handle_fault(rig.now, FaultReason::LinkDown, present);
            }
            Event::Priority(value) => rig.router.handle_priority(rig.now, priority(value)),
            Event::Configure => {
                let more = builder(rig.router.config().version(), self.own)
                    .address(ip("192.0.2.101"))
                    .build()
                    .unwrap();
                rig.router.reconfigure(rig.now, more).unwrap();
            }
            Event::ConfigureSame => {
                let same = rig.router.config().clone();
                rig.router.reconfigure(rig.now, same).unwrap();
            }
        }
    }
}

macro_rules! cells {
    ($($name:ident: $row:literal $clause:literal, $state:ident $own:literal $preempt:ident
        $versions:ident, $event:expr => [$($output:literal),*], $after:ident $timer:ident;)*) => {
        /// The table.
        pub(super) const CELLS: &[Cell] = &[$(Cell {
            name: stringify!($name),
            row: $row,
            clause: $clause,
            state: State::$state,
            own: $own,
            preempt: cells!(@ $preempt),
            versions: $versions,
            event: $event,
            outputs: &[$($output),*],
            after: State::$after,
            timer: Timer::$timer,
        }),*];

        $(#[test]
        fn $name() {
            let cell = CELLS.iter().find(|cell| cell.name == stringify!($name));
            cell.unwrap().check();
        })*
    };
    (@ preempt) => { true };
    (@ nopreempt) => { false };
}

cells! {
    startup_as_owner_in_initialize: 1 "6.4.1", Initialize 255 preempt BOTH, Event::Startup => ["advertise 255", "add", "announce", "initialize -> master (startup)"], Master Advert;
    startup_in_initialize: 2 "6.4.1", Initialize 100 preempt BOTH, Event::Startup => ["initialize -> backup (startup)"], Backup Down;
    startup_in_backup: 2 "6.4.1", Backup 100 preempt BOTH, Event::Startup => [], Backup Same;
    startup_in_master: 2 "6.4.1", Master 100 preempt BOTH, Event::Startup => [], Master Same;
    startup_in_fault: 2 "6.4.1", Fault 100 preempt BOTH, Event::Startup => [], Fault Same;
    shutdown_in_initialize: 3 "6.4.1", Initialize 100 preempt BOTH, Event::Shutdown => [], Initialize Stopped;
    shutdown_in_backup: 3 "6.4.2", Backup 100 preempt BOTH, Event::Shutdown => ["backup -> initialize (shutdown)"], Initialize Stopped;
    shutdown_in_master: 3 "6.4.3", Master 100 preempt BOTH, Event::Shutdown => ["advertise 0", "remove", "master -> initialize (shutdown)"], Initialize Stopped;
    shutdown_in_fault: 3 "6.4.1", Fault 100 preempt BOTH, Event::Shutdown => ["fault -> initialize (shutdown)"], Initialize Stopped;
    timer_in_initialize: 4 "6.4.1", Initialize 100 preempt BOTH, Event::Timer => [], Initialize Stopped;
    timer_in_fault: 4 "6.4.1", Fault 100 preempt BOTH, Event::Timer => [], Fault Stopped;
    master_down_timer_in_backup: 4 "6.4.2", Backup 100 preempt BOTH, Event::Timer => ["advertise 100", "add", "announce", "backup -> master (no advertisement from a master)"], Master Advert;
    adver_timer_in_master: 5 "6.4.3", Master 100 preempt BOTH, Event::Timer => ["advertise 100"], Master Advert;
    stale_timer_in_initialize: 5 "6.2", Initialize 100 preempt BOTH, Event::EarlyTimer => [], Initialize Same;
    stale_timer_in_backup: 5 "6.2", Backup 100 preempt BOTH, Event::EarlyTimer => [], Backup Same;
    stale_timer_in_master: 5 "6.2", Master 100 preempt BOTH, Event::EarlyTimer => [], Master Same;
    stale_timer_in_fault: 5 "6.2", Fault 100 preempt BOTH, Event::EarlyTimer => [], Fault Same;
    resignation_in_initialize: 6 "6.4.1", Initialize 100 preempt BOTH, Event::Receive(HIGHER, 0) => [], Initialize Stopped;
    equal_priority_in_initialize: 7 "6.4.1", Initialize 100 preempt BOTH, Event::Receive(HIGHER, 100) => [], Initialize Stopped;
    lower_priority_in_initialize: 8 "6.4.1", Initialize 100 preempt BOTH, Event::Receive(HIGHER, 50) => [], Initialize Stopped;
    higher_priority_in_initialize: 9 "6.4.1", Initialize 100 preempt BOTH, Event::Receive(HIGHER, 200) => [], Initialize Stopped;
    losing_tie_in_initialize: 12 "6.4.1", Initialize 100 preempt BOTH, Event::Receive(LOWER, 100) => [], Initialize Stopped;
    resignation_in_fault: 6 "6.4.1", Fault 100 preempt BOTH, Event::Receive(HIGHER, 0) => [], Fault Stopped;
    equal_priority_in_fault: 7 "6.4.1", Fault 100 preempt BOTH, Event::Receive(HIGHER, 100) => [], Fault Stopped;
    lower_priority_in_fault: 8 "6.4.1", Fault 100 preempt BOTH, Event::Receive(HIGHER, 50) => [], Fault Stopped;
    higher_priority_in_fault: 9 "6.4.1", Fault 100 preempt BOTH, Event::Receive(HIGHER, 200) => [], Fault Stopped;
    losing_tie_in_fault: 12 "6.4.1", Fault 100 preempt BOTH, Event::Receive(LOWER, 100) => [], Fault Stopped;
    resignation_in_backup: 6 "6.4.2", Backup 100 preempt BOTH, Event::Receive(HIGHER, 0) => [], Backup Skew;
    resignation_in_backup_without_preemption: 6 "6.4.2", Backup 100 nopreempt BOTH, Event::Receive(HIGHER, 0) => [], Backup Skew;
    resignation_in_master: 6 "6.4.3", Master 100 preempt BOTH, Event::Receive(HIGHER, 0) => ["advertise 100", "announce: resigned"], Master Advert;
    equal_priority_in_backup: 7 "6.4.2", Backup 100 preempt BOTH, Event::Receive(LOWER, 100) => [], Backup Down;
    higher_priority_in_backup: 7 "6.4.2", Backup 100 preempt BOTH, Event::Receive(LOWER, 101) => [], Backup Down;
    equal_priority_in_backup_without_preemption: 7 "6.4.2", Backup 100 nopreempt BOTH, Event::Receive(LOWER, 100) => [], Backup Down;
    higher_priority_in_backup_without_preemption: 7 "6.4.2", Backup 100 nopreempt BOTH, Event::Receive(LOWER, 101) => [], Backup Down;
    interval_learned_in_backup: 7 "6.4.2", Backup 100 preempt V3, Event::ReceiveInterval(HIGHER, 200, 10) => ["notice: interval 100ms"], Backup Learned;
    lower_priority_in_backup: 8 "6.4.2", Backup 100 preempt BOTH, Event::Receive(HIGHER, 99) => [], Backup Same;
    lower_priority_in_backup_without_preemption: 8 "6.4.2", Backup 100 nopreempt BOTH, Event::Receive(HIGHER, 1) => [], Backup Down;
    higher_priority_in_master: 9 "6.4.3", Master 100 preempt BOTH, Event::Receive(LOWER, 101) => ["advertise 100", "remove", "master -> backup (192.0.2.9 has higher priority 101)"], Backup Down;
    higher_priority_in_master_without_preemption: 9 "6.4.3", Master 100 nopreempt BOTH, Event::Receive(LOWER, 101) => ["advertise 100", "remove", "master -> backup (192.0.2.9 has higher priority 101)"], Backup Down;
    interval_learned_in_master: 9 "6.4.3", Master 100 preempt V3, Event::ReceiveInterval(LOWER, 101, 10) => ["notice: interval 100ms", "advertise 100", "remove", "master -> backup (192.0.2.9 has higher priority 101)"], Backup Learned;
    winning_tie_in_backup: 10 "6.4.2", Backup 100 preempt BOTH, Event::Receive(HIGHER, 100) => [], Backup Down;
    lost_tie_in_master: 10 "6.4.3", Master 100 preempt BOTH, Event::Receive(HIGHER, 100) => ["advertise 100", "remove", "master -> backup (192.0.2.11 has the same priority 100 and a higher address)"], Backup Down;
    lost_tie_of_owners_in_master: 10 "6.4.3", Master 255 preempt BOTH, Event::Receive(HIGHER, 255) => ["advertise 255", "remove", "master -> backup (192.0.2.11 has the same priority 255 and a higher address)"], Backup Down;
    own_packet_in_initialize: 11 "7.1", Initialize 100 preempt BOTH, Event::Receive(ME, 100) => [], Initialize Same;
    own_packet_in_backup: 11 "7.1", Backup 100 preempt BOTH, Event::Receive(ME, 100) => [], Backup Same;
    own_packet_in_master: 11 "7.1", Master 100 preempt BOTH, Event::Receive(ME, 100) => [], Master Same;
    own_packet_in_fault: 11 "7.1", Fault 100 preempt BOTH, Event::Receive(ME, 100) => [], Fault Same;
    losing_tie_in_backup: 12 "6.4.2", Backup 100 preempt BOTH, Event::Receive(LOWER, 100) => [], Backup Down;
    lower_priority_in_master: 12 "6.4.3", Master 100 preempt BOTH, Event::Receive(HIGHER, 99) => ["advertise 100", "announce: losing", "notice: losing 99 of 192.0.2.11"], Master Same;
    won_tie_in_master: 12 "6.4.3", Master 100 preempt BOTH, Event::Receive(LOWER, 100) => ["advertise 100", "announce: losing", "notice: losing 100 of 192.0.2.9"], Master Same;
    invalid_packet_in_initialize: 13 "7.1", Initialize 100 preempt BOTH, Event::Invalid => [], Initialize Same;
    invalid_packet_in_backup: 13 "7.1", Backup 100 preempt BOTH, Event::Invalid => [], Backup Same;
    invalid_packet_in_master: 13 "7.1", Master 100 preempt BOTH, Event::Invalid => [], Master Same;
    invalid_packet_in_fault: 13 "7.1", Fault 100 preempt BOTH, Event::Invalid => [], Fault Same;
    fault_in_initialize: 14 "6.4.1", Initialize 100 preempt BOTH, Event::Fault(true) => [], Initialize Stopped;
    fault_in_backup: 14 "6.4.2", Backup 100 preempt BOTH, Event::Fault(true) => ["backup -> fault (link down)"], Fault Stopped;
    fault_in_master: 14 "6.4.3", Master 100 preempt BOTH, Event::Fault(true) => ["advertise 0", "remove", "master -> fault (link down)"], Fault Stopped;
    fault_in_fault: 14 "6.4.1", Fault 100 preempt BOTH, Event::Fault(true) => [], Fault Stopped;
    recovery_in_fault: 14 "6.4.1", Fault 100 preempt BOTH, Event::Fault(false) => ["fault -> backup (recovered)"], Backup Down;
    recovery_in_initialize: 14 "6.4.1", Initialize 100 preempt BOTH, Event::Fault(false) => [], Initialize Same;
    recovery_in_backup: 14 "6.4.1", Backup 100 preempt BOTH, Event::Fault(false) => [], Backup Same;
    recovery_in_master: 14 "6.4.1", Master 100 preempt BOTH, Event::Fault(false) => [], Master Same;
    priority_in_initialize: 15 "6.4.1", Initialize 100 preempt BOTH, Event::Priority(50) => [], Initialize Stopped;
    priority_in_fault: 15 "6.4.1", Fault 100 preempt BOTH, Event::Priority(50) => [], Fault Stopped;
    priority_in_backup: 15 "6.4.2", Backup 100 preempt BOTH, Event::Priority(50) => [], Backup Shifted;
    lower_own_priority_in_master: 15 "6.4.3", Master 100 preempt BOTH, Event::Priority(50) => ["advertise 50"], Master Same;
    higher_own_priority_in_master: 15 "6.4.3", Master 100 preempt BOTH, Event::Priority(150) => [], Master Same;
    configuration_in_initialize: 16 "6.1", Initialize 100 preempt BOTH, Event::Configure => [], Initialize Same;
    configuration_in_backup: 16 "6.1", Backup 100 preempt BOTH, Event::Configure => [], Backup Same;
    configuration_in_fault: 16 "6.1", Fault 100 preempt BOTH, Event::Configure => [], Fault Same;
    configuration_in_master: 16 "6.1", Master 100 preempt BOTH, Event::Configure => ["advertise 100", "update +[192.0.2.101] -[]", "announce: [192.0.2.101]"], Master Same;
    same_configuration_in_initialize: 16 "6.1", Initialize 100 preempt BOTH, Event::ConfigureSame => [], Initialize Same;
    same_configuration_in_backup: 16 "6.1", Backup 100 preempt BOTH, Event::ConfigureSame => [], Backup Same;
    same_configuration_in_master: 16 "6.1", Master 100 preempt BOTH, Event::ConfigureSame => [], Master Same;
    same_configuration_in_fault: 16 "6.1", Fault 100 preempt BOTH, Event::ConfigureSame => [], Fault Same;
}

#[test]
fn every_row_has_a_cell_in_every_state() {
    for row in 1..=16 {
        for state in [
            State::Initialize,
            State::Backup,
            State::Master,
            State::Fault,
        ] {
            // A start as owner is its own row; the others' start stands for it elsewhere. The two
            // timers run in one state each, and a higher priority is a row of its own as master.
            let stands = match row {
                1 if state != State::Initialize => 2,
                4 if state == State::Master => 5,
                7 if state == State::Master => 9,
                8 if state == State::Master => 12,
                9 if state == State::Backup => 7,
                10 if matches!(state, State::Initialize | State::Fault) => 9,
                row => row,
            };
            assert!(
                CELLS
                    .iter()
                    .any(|cell| (cell.row, cell.state) == (stands, state)),
                "row {row} in {state}"
            );
        }
    }
}
