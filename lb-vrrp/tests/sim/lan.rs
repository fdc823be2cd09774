// SPDX-License-Identifier: MIT OR Apache-2.0
//! A LAN of routers and hosts, stepped from event to event.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashSet},
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, Instant},
};

use lb_vrrp::{
    AddressFamily, AnnounceReason, Encapsulation, FaultReason, Output, Received, RouterConfig,
    State, VirtualRouter,
    group::{Request, Status},
    multicast_group,
    track::Output as Tracked,
    wire::Advertisement,
};

use crate::{
    invariants::Invariants,
    network::{Fate, Network, Random},
    node::{Node, Oracle},
    pcap::Capture,
};

/// How much of a transcript a failure shows.
const SHOWN: usize = 60;

/// A frame on its way, ordered by arrival, then by the order of sending.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct InFlight {
    arrival: Duration,
    sequence: u64,
    from: usize,
    to: usize,
    frame: Frame,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Frame {
    Advertisement { source: IpAddr, payload: Arc<[u8]> },
    Announcement,
}

/// The advertisement that a router has just accepted.
#[derive(Debug)]
pub struct Accepted<'a> {
    pub source: IpAddr,
    pub advertisement: &'a Advertisement,
}

/// The LAN.
#[derive(Debug)]
pub struct Lan {
    label: String,
    base: Instant,
    /// Time since the beginning.
    pub now: Duration,
    pub nodes: Vec<Node>,
    /// For each host, the router it sends packets for the virtual address to.
    pub caches: Vec<Option<usize>>,
    pub network: Network,
    pub random: Random,
    in_flight: BinaryHeap<Reverse<InFlight>>,
    sequence: u64,
    /// When something last happened that excuses the routers.
    pub disturbed_at: Duration,
    pub invariants: Invariants,
    transcript: Vec<String>,
    /// Every frame that was sent, if a capture is asked for.
    pub capture: Option<Capture>,
    /// A failure is not printed: it is one of many.
    pub quiet: bool,
}

impl Lan {
    /// A LAN of these routers, off as yet, and one host. Router n has the address 192.0.2.(n + 1).
    pub fn new(configs: impl IntoIterator<Item = RouterConfig>) -> Self {
        Self::with(
            "scenario".to_owned(),
            0,
            Duration::from_micros(100),
            1,
            configs,
        )
    }

    pub fn with(
        label: String,
        seed: u64,
        latency: Duration,
        hosts: usize,
        configs: impl IntoIterator<Item = RouterConfig>,
    ) -> Self {
        let nodes: Vec<_> = (1..)
            .zip(configs)
            .map(|(n, config)| Node::new(config, Ipv4Addr::new(192, 0, 2, n).into()))
            .collect();
        Self {
            label,
            base: Instant::now(),
            now: Duration::ZERO,
            network: Network::new(nodes.len() + hosts, latency),
            nodes,
            caches: vec![None; hosts],
            random: Random::new(seed),
            in_flight: BinaryHeap::new(),
            sequence: 0,
            disturbed_at: Duration::ZERO,
            invariants: Invariants::default(),
            transcript: Vec::new(),
            capture: None,
            quiet: false,
        }
    }

    /// Numbers of all routers.
    pub fn routers(&self) -> std::ops::Range<usize> {
        0..self.nodes.len()
    }

    pub fn state(&self, router: usize) -> State {
        self.nodes[router].state()
    }

    pub fn masters(&self) -> Vec<usize> {
        self.routers()
            .filter(|&router| self.nodes[router].is_master())
            .collect()
    }

    /// Every line so far.
    pub fn transcript(&self) -> String {
        self.transcript.join("\n")
    }

    /// Time of the last line that contains `text`.
    pub fn time_of(&self, text: &str) -> Duration {
        let line = self
            .transcript
            .iter()
            .rev()
            .find(|line| line.contains(text));
        let line = line.unwrap_or_else(|| self.fail(&format!("no line has {text:?}")));
        let nanos = line.split_whitespace().next().unwrap().replace('.', "");
        Duration::from_nanos(nanos.parse().unwrap())
    }

    pub fn log(&mut self, what: &str) {
        let nanos = self.now.as_nanos();
        self.transcript.push(format!(
            "{:>4}.{:09} {what}",
            nanos / 1_000_000_000,
            nanos % 1_000_000_000
        ));
    }

    /// Ends the test with what led to it.
    pub fn fail(&self, why: &str) -> ! {
        let mut text = String::new();
        let skipped = self.transcript.len().saturating_sub(SHOWN);
        for line in self.transcript.iter().skip(skipped) {
            let _ = writeln!(text, "  {line}");
        }
        for (n, node) in self.nodes.iter().enumerate() {
            let _ = writeln!(
                text,
                "  r{n}: {} priority {} preempt {} group {}",
                node.state(),
                node.priority(),
                node.config.preempt(),
                self.network.groups[n]
            );
        }
        let message = format!("{}: at {:?}: {why}\n{text}", self.label, self.now);
        if self.quiet {
            std::panic::resume_unwind(Box::new(message));
        }
        panic!("{message}");
    }

    // What happens to routers.

    /// Switches a router on.
    pub fn start(&mut self, router: usize) {
        self.disturb(&format!("r{router} starts"));
        let node = &mut self.nodes[router];
        let mut engine = VirtualRouter::new(node.config.clone(), node.address).unwrap();
        let now = self.base + node.local(self.now);
        engine.handle_link(now, node.link_up);
        engine.set_grouped(node.grouped);
        node.router = Some(engine);
        node.oracle = Oracle::new(&node.config);
        node.restart_tracking(now);
        self.tell_tracked(router);
        self.call(router, None, VirtualRouter::handle_startup);
    }

    pub fn start_all(&mut self) {
        for router in self.routers() {
            self.start(router);
        }
    }

    /// Power off: nothing is sent any more.
    pub fn crash(&mut self, router: usize) {
        self.disturb(&format!("r{router} crashes"));
        let node = &mut self.nodes[router];
        node.died_as_master |= node.is_master();
        node.router = None;
        node.paused = false;
        node.waiting.clear();
        node.handed_over = None;
        node.holds_addresses = false;
        node.oracle.due = None;
    }

    /// Orderly stop.
    pub fn stop(&mut self, router: usize) {
        self.resume(router);
        self.disturb(&format!("r{router} stops"));
        self.call(router, None, VirtualRouter::handle_shutdown);
        self.nodes[router].router = None;
    }

    /// The process is not scheduled.
    pub fn pause(&mut self, router: usize) {
        self.disturb(&format!("r{router} is paused"));
        self.nodes[router].paused = self.nodes[router].router.is_some();
    }

    /// The process hands its router over, and is gone; its sockets stay.
    pub fn begin_handover(&mut self, router: usize) {
        let node = &self.nodes[router];
        if node.paused {
            return;
        }
        let local = node.local(self.now);
        let now = self.base + local;
        let handed = node
            .router
            .as_ref()
            .map(|engine| (engine.handover_state(now), local));
        self.pause(router);
        self.nodes[router].handed_over = handed;
    }

    /// I13: a new process continues the router, and no other station sees it.
    fn finish_handover(&mut self, router: usize) {
        let node = &mut self.nodes[router];
        let Some((handed, at)) = node.handed_over.take() else {
            return;
        };
        let local = node.local(self.now);
        let gap = local - at;
        node.oracle.taken_over(local);
        let (now, config) = (self.base + local, node.config.clone());
        let taken = VirtualRouter::from_handover(config, &handed, now, gap);
        let mut engine = match taken {
            Ok(engine) => engine,
            Err(error) => self.fail(&format!("I13: r{router}: {error}")),
        };
        engine.set_grouped(self.nodes[router].grouped);
        let outputs: Vec<_> = std::iter::from_fn(|| engine.poll_output()).collect();
        let old = self.nodes[router].router.replace(engine);
        let old = old.unwrap_or_else(|| self.fail("I13: nothing was handed over"));
        self.log(&format!("r{router} is taken over after {gap:?}"));
        match outputs[..] {
            [] if old.state() != State::Master => {}
            [Output::AddAddresses] if old.state() == State::Master => {}
            // A backup may be master by now.
            [
                Output::SendAdvertisement(_),
                Output::RemoveAddresses,
                Output::Transitioned(_),
            ] => {
                let silent = handed.silent.unwrap_or_default() + gap;
                if silent < self.nodes[router].config.interval().as_duration() * 3 {
                    self.fail(&format!("I13: r{router} yields after {silent:?}"));
                }
                for output in outputs {
                    self.execute(router, output, None);
                }
                return;
            }
            _ => self.fail(&format!("I13: r{router}: {outputs:?}")),
        }
        let engine = self.nodes[router].router.as_ref();
        let deadlines =
            [Some(&old), engine].map(|router| router.and_then(VirtualRouter::next_timeout));
        let kept = match deadlines {
            [Some(before), Some(after)] => after == before.max(now),
            [before, after] => before == after,
        };
        if !kept || engine.map(VirtualRouter::state) != Some(old.state()) {
            self.fail(&format!("I13: r{router}: {deadlines:?}"));
        }
    }

    /// The process, or the one that took over, runs again: packets first, then the time.
    pub fn resume(&mut self, router: usize) {
        if !std::mem::take(&mut self.nodes[router].paused) {
            return;
        }
        self.disturb(&format!("r{router} resumes"));
        self.finish_handover(router);
        let node = &mut self.nodes[router];
        let silent = node.local(self.now) - node.local(node.last_advert.0);
        let stalled = node.is_master() && silent > node.config.interval().as_duration() * 3;
        let before = self.transcript.len();
        while let Some((source, payload)) = self.nodes[router].waiting.pop_front() {
            self.receive(router, source, &payload);
        }
        let node = &mut self.nodes[router];
        let now = node.local(self.now);
        node.oracle.resumed(now);
        self.call(router, None, VirtualRouter::handle_timeout);
        let announces = format!(" r{router} announces");
        let mut lines = self.transcript.iter().skip(before);
        if stalled
            && self.nodes[router].is_master()
            && !lines.any(|line| line.ends_with(&announces))
        {
            self.fail(&format!(
                "I11: r{router} does not announce after {silent:?}"
            ));
        }
    }

    pub fn link(&mut self, router: usize, up: bool) {
        self.disturb(&format!(
            "r{router} link {}",
            if up { "up" } else { "down" }
        ));
        self.nodes[router].link_up = up;
        self.call(router, None, |engine, now| engine.handle_link(now, up));
    }

    /// Something the router tracks fails, or is well again.
    pub fn track(&mut self, router: usize, object: usize, well: bool) {
        self.disturb(&format!("r{router} object {object} well {well}"));
        self.nodes[router].tracked[object] = well;
        self.nodes[router].tracker.handle_up(&object, well);
        self.tell_tracked(router);
    }

    /// Passes the outputs of the tracker to the engine.
    fn tell_tracked(&mut self, router: usize) {
        while let Some(output) = self.nodes[router].tracker.poll_output() {
            let node = &mut self.nodes[router];
            match output {
                Tracked::Priority { priority, .. } => {
                    let (now, config) = (node.local(self.now), node.config.clone());
                    node.oracle.retime(now, &config, priority);
                    self.call(router, None, |engine, now| {
                        engine.handle_priority(now, priority);
                    });
                }
                Tracked::Fault { present, .. } => {
                    self.call(router, None, |engine, now| {
                        engine.handle_fault(now, FaultReason::Tracked, present);
                    });
                }
                other => self.fail(&format!("r{router}: unexpected {other:?}")),
            }
        }
        let node = &self.nodes[router];
        let effective = node.router.as_ref().map(VirtualRouter::effective_priority);
        if effective.is_some_and(|effective| effective != node.priority()) {
            self.fail(&format!("r{router} has priority {effective:?}"));
        }
    }

    /// A new configuration while the router runs.
    pub fn reload(&mut self, router: usize, config: RouterConfig) {
        let same = config == self.nodes[router].config;
        if !same {
            self.disturb(&format!("r{router} reloads"));
        }
        let node = &mut self.nodes[router];
        let priority_changed = config.priority() != node.config.priority();
        node.config = config.clone();
        let first = if priority_changed {
            config.priority()
        } else {
            node.router
                .as_ref()
                .map_or_else(|| config.priority(), VirtualRouter::effective_priority)
        };
        let now = node.local(self.now);
        node.oracle.retime(now, &config, first);
        let before = self.transcript.len();
        self.call(router, None, |engine, now| {
            engine.reconfigure(now, config).unwrap();
        });
        let node = &mut self.nodes[router];
        node.tracker.set_router((), node.config.priority());
        self.tell_tracked(router);
        // I10: it must not be seen.
        if same && self.transcript.len() != before {
            self.fail(&format!("I10: r{router} did something at a reload"));
        }
    }

    /// What a sync group asks of a member, if anything, and what has become of the member.
    pub fn member(&mut self, router: usize, request: Option<Request>) -> Option<Status> {
        if let Some(request) = request {
            self.log(&format!("r{router} is asked: {request:?}"));
            self.call(router, None, |engine, now| {
                Status::after(Some(request), now, engine);
            });
        }
        self.nodes[router].router.as_ref().map(Status::from)
    }

    /// Splits the stations into groups; station numbers of hosts follow those of routers.
    pub fn partition(&mut self, groups: &[usize]) {
        self.disturb(&format!("groups {groups:?}"));
        self.network.groups = groups.to_vec();
    }

    /// Notes something that excuses the routers for a while.
    pub fn disturb(&mut self, what: &str) {
        self.log(what);
        self.disturbed_at = self.now;
    }

    // Time.

    pub fn run_for(&mut self, duration: Duration) {
        self.run_until(self.now + duration);
    }

    pub fn run_until(&mut self, end: Duration) {
        while let Some(next) = self.next_event().filter(|&next| next <= end) {
            self.now = next.max(self.now);
            self.step();
        }
        self.now = end;
        self.check();
    }

    /// Runs until a condition holds, for `limit` at most.
    pub fn run_while(&mut self, limit: Duration, condition: impl Fn(&Self) -> bool) {
        let end = self.now + limit;
        while condition(self) {
            match self.next_event() {
                Some(next) if next <= end => {
                    self.now = next.max(self.now);
                    self.step();
                }
                Some(_) | None => self.fail("waited in vain"),
            }
        }
    }

    fn deadline(&self, router: usize) -> Option<Duration> {
        let node = &self.nodes[router];
        let deadline = node
            .router
            .as_ref()
            .filter(|_| !node.paused)?
            .next_timeout()?;
        Some(node.global(deadline.duration_since(self.base)))
    }

    /// When something happens next.
    pub fn next_event(&self) -> Option<Duration> {
        let arrival = self.in_flight.peek().map(|Reverse(frame)| frame.arrival);
        self.routers()
            .filter_map(|router| self.deadline(router))
            .chain(arrival)
            .min()
    }

    /// One arrival, or one timer; arrivals first, as a driver does.
    pub fn step(&mut self) {
        match self.in_flight.peek() {
            Some(Reverse(next)) if next.arrival <= self.now => {
                if let Some(Reverse(frame)) = self.in_flight.pop() {
                    self.arrive(frame);
                }
            }
            Some(_) | None => {
                let due = self
                    .routers()
                    .find(|&router| self.deadline(router).is_some_and(|due| due <= self.now));
                if let Some(router) = due {
                    self.call(router, None, VirtualRouter::handle_timeout);
                }
            }
        }
        self.check();
    }

    fn arrive(&mut self, arrived: InFlight) {
        match (arrived.frame, arrived.to.checked_sub(self.nodes.len())) {
            (Frame::Announcement, Some(host)) => self.caches[host] = Some(arrived.from),
            (Frame::Advertisement { source, payload }, None) => {
                let node = &mut self.nodes[arrived.to];
                if node.paused {
                    node.waiting.push_back((source, payload));
                } else if node.router.is_some() && node.link_up {
                    self.receive(arrived.to, source, &payload);
                }
            }
            (Frame::Announcement, None) | (Frame::Advertisement { .. }, Some(_)) => {}
        }
    }

    fn receive(&mut self, router: usize, source: IpAddr, payload: &[u8]) {
        let destination = multicast_group(AddressFamily::Ipv4);
        let advertisement = Advertisement::parse(payload, source, destination).unwrap();
        let before = self.deadline(router);
        let node = &mut self.nodes[router];
        if node.state() == State::Backup {
            let now = node.local(self.now);
            node.oracle.received(now, &advertisement);
        }
        let resigned = node.state() == State::Backup && advertisement.priority.get() == 0;
        let received = Received {
            source,
            destination,
            hop_limit: 255,
            encapsulation: Encapsulation::Ip,
            payload,
        };
        let accepted = Accepted {
            source,
            advertisement: &advertisement,
        };
        self.call(router, Some(&accepted), |engine, now| {
            engine
                .handle_advertisement(now, received)
                .expect("a valid advertisement");
        });
        // I9: a resignation never moves the deadline away.
        if resigned && self.deadline(router) > before {
            self.fail(&format!("r{router}: a resignation moved the deadline away"));
        }
    }

    /// Calls the engine, and carries out its outputs.
    fn call(
        &mut self,
        router: usize,
        accepted: Option<&Accepted<'_>>,
        call: impl FnOnce(&mut VirtualRouter, Instant),
    ) {
        let now = self.base + self.nodes[router].local(self.now);
        let Some(engine) = &mut self.nodes[router].router else {
            return;
        };
        call(engine, now);
        let outputs: Vec<_> = std::iter::from_fn(|| engine.poll_output()).collect();
        if let Err(why) = crate::invariants::order_of_effect(&outputs) {
            self.fail(&format!("r{router}: {why}: {outputs:?}"));
        }
        for output in outputs {
            self.execute(router, output, accepted);
        }
    }

    fn execute(&mut self, router: usize, output: Output, accepted: Option<&Accepted<'_>>) {
        match output {
            Output::SendAdvertisement(transmit) => {
                self.log(&format!("r{router} advertises {}", transmit.priority));
                if let Some(capture) = &mut self.capture {
                    capture.advertisement(self.now, router, &transmit);
                }
                let (source, payload) = (transmit.source, transmit.payload);
                self.broadcast(router, &Frame::Advertisement { source, payload });
            }
            Output::AddAddresses => self.nodes[router].holds_addresses = true,
            Output::RemoveAddresses => self.nodes[router].holds_addresses = false,
            Output::UpdateAddresses { .. } => self.log(&format!("r{router} updates addresses")),
            // The hosts of this LAN use the first address only.
            Output::Announce {
                reason: AnnounceReason::AddressesAdded { .. },
            } => {}
            Output::Announce { .. } => {
                if let (Some(capture), &[IpAddr::V4(first), ..]) = (
                    &mut self.capture,
                    self.nodes[router].config.addresses().as_slice(),
                ) {
                    capture.announcement(self.now, router, first);
                }
                self.log(&format!("r{router} announces"));
                self.nodes[router].died_as_master = false;
                self.broadcast(router, &Frame::Announcement);
            }
            Output::Transitioned(transition) => {
                self.log(&format!("r{router} {transition}"));
                crate::invariants::on_time(self, router, &transition);
                crate::invariants::to_a_better_one(self, router, &transition, accepted);
                if transition.from == State::Master {
                    self.note_uninformed(router);
                }
                let now = self.nodes[router].local(self.now);
                self.nodes[router].oracle.changed(
                    now,
                    transition.to,
                    transition.reason,
                    accepted.map(|accepted| accepted.advertisement),
                );
                self.invariants
                    .note_transition(self.now, router, transition.to);
            }
            Output::Noticed(notice) => self.log(&format!("r{router} {notice:?}")),
            other => self.fail(&format!("r{router}: unexpected {other:?}")),
        }
    }

    fn broadcast(&mut self, from: usize, frame: &Frame) {
        let mut missed = HashSet::new();
        for to in (0..self.network.groups.len()).filter(|&to| to != from) {
            let fate = if self.nodes[from].link_up {
                self.network.send(self.now, from, to, &mut self.random)
            } else {
                Fate::Apart
            };
            match fate {
                Fate::Apart => drop(missed.insert(to)),
                Fate::Lost => {
                    missed.insert(to);
                    self.disturbed_at = self.now;
                }
                Fate::Arrives(arrivals) => {
                    for arrival in arrivals {
                        self.sequence += 1;
                        self.in_flight.push(Reverse(InFlight {
                            arrival,
                            sequence: self.sequence,
                            from,
                            to,
                            frame: frame.clone(),
                        }));
                    }
                }
            }
        }
        let node = &mut self.nodes[from];
        match frame {
            Frame::Advertisement { .. } => node.last_advert = (self.now, missed),
            Frame::Announcement => node.not_announced = missed,
        }
    }

    /// Notes the stations that do not know that `router` is master no more: those that its last
    /// advertisement missed, or those that it could not have reached.
    fn note_uninformed(&mut self, router: usize) {
        let node = &self.nodes[router];
        let (sent, missed) = &node.last_advert;
        let uninformed = if *sent == self.now {
            missed.clone()
        } else {
            self.routers()
                .filter(|&to| !self.network.reaches(router, to))
                .collect()
        };
        self.nodes[router].uninformed = uninformed;
    }

    pub fn check(&mut self) {
        let mut invariants = std::mem::take(&mut self.invariants);
        let result = invariants.check(self);
        self.invariants = invariants;
        if let Err(why) = result {
            self.fail(&why);
        }
    }
}
