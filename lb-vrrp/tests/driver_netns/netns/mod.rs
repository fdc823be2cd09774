// SPDX-License-Identifier: MIT OR Apache-2.0
//! Network namespaces on a bridge, drivers inside them, and a third host that sees every frame.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::net::UnixStream as StdStream;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc as blocking};
use std::task::Poll;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use lb_host::{Address, Change, HostPlane as _, Link, Owner, Rtnetlink};
use lb_vrrp::State;
use lb_vrrp::driver::handover::{HandedOver, HandoverError, Payload, Receiver, Sender};
use lb_vrrp::driver::{
    ADDRESS_PROTOCOL, Driver, DriverOptions, DriverStatus, Error, Event, Events, Observation,
    Ports, Resigned,
};
use lb_vrrp::spec::Configuration;
use lb_vrrp::track::ObjectId;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use testbed::{FrameSocket, Monitor, Netns};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};

pub(crate) use testbed::pause;

/// Ten times what anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// Adverts that take longer than a backup waits for one: three intervals and the skew time.
pub(crate) const MASTER_DOWN_ADVERTS: u64 = 4;

/// Polls until `ready` gives something.
pub(crate) fn wait_for<T>(what: &str, ready: impl FnMut() -> Option<T>) -> T {
    testbed::poll_until(PATIENCE, Duration::from_millis(5), ready)
        .unwrap_or_else(|| panic!("no {what} within {PATIENCE:?}"))
}

/// A network namespace whose commands must succeed.
#[derive(Debug)]
pub(crate) struct Namespace(Netns);

impl Namespace {
    pub(crate) fn new(label: &str) -> Self {
        Self(Netns::new(label).unwrap())
    }

    pub(crate) const fn netns(&self) -> &Netns {
        &self.0
    }

    /// Runs `inside` on a thread in the namespace.
    pub(crate) fn run<T: Send>(&self, inside: impl FnOnce() -> T + Send) -> T {
        self.0.enter(inside).unwrap()
    }

    /// Name of the namespace in `/run/netns`.
    pub(crate) fn name(&self) -> &str {
        self.0.name()
    }

    /// Runs `ip` with these words and returns what it prints.
    pub(crate) fn ip(&self, words: &str) -> String {
        self.0.ip(words).unwrap()
    }

    /// Runs `bridge` with these words and returns what it prints.
    pub(crate) fn bridge(&self, words: &str) -> String {
        self.0.bridge(words).unwrap()
    }

    /// Adds an address to eth0 with the mark of the driver, which not every version of `ip` can.
    pub(crate) fn add_marked(&self, address: &str) {
        let (address, prefix_len) = address.split_once('/').unwrap();
        let link = self.ip("-o link show dev eth0");
        let index = link.split(':').next().unwrap().parse().unwrap();
        let link = Arc::new(Link::new(index, "eth0"));
        let address = Address::new(link, address.parse().unwrap(), prefix_len.parse().unwrap());
        self.run(|| {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            let runtime = builder.enable_all();
            runtime.build().unwrap().block_on(async {
                let mut host = Rtnetlink::connect(Owner::new(ADDRESS_PROTOCOL, "lb-vrrp")).unwrap();
                for result in host.apply(&[Change::Add(address.into())]).await {
                    result.unwrap();
                }
            });
        });
    }

    /// Runs `ip monitor` for these kinds of objects.
    pub(crate) fn monitor(&self, objects: &str) -> Monitor {
        Monitor::start(&self.0, objects).unwrap()
    }

    /// The entry of `address` in `ip -j addr`, as text, if the namespace has it.
    pub(crate) fn address(&self, address: &str) -> Option<String> {
        let wanted = format!("\"local\":\"{address}\"");
        let listing = self.ip("-j addr show");
        let entry = listing.split('{').find(|entry| entry.contains(&wanted))?;
        Some(entry.to_owned())
    }

    pub(crate) fn holds(&self, address: &str) -> bool {
        self.address(address).is_some()
    }

    /// A setting below /proc/sys/net.
    pub(crate) fn setting(&self, path: &str) -> String {
        let read = || std::fs::read_to_string(format!("/proc/sys/net/{path}")).unwrap();
        self.run(read).trim().to_owned()
    }

    pub(crate) fn set(&self, path: &str, value: &str) {
        self.run(|| std::fs::write(format!("/proc/sys/net/{path}"), value).unwrap());
    }

    pub(crate) fn mac(&self) -> [u8; 6] {
        let listing = self.ip("-o link show eth0");
        let mut words = listing.split_whitespace();
        let mac = words
            .by_ref()
            .skip_while(|word| *word != "link/ether")
            .nth(1)
            .unwrap();
        let bytes: Vec<u8> = mac
            .split(':')
            .map(|byte| u8::from_str_radix(byte, 16).unwrap())
            .collect();
        bytes.try_into().unwrap()
    }
}

/// Three hosts on a bridge: 192.0.2.1, .2 and .3, each with an eth0.
pub(crate) struct Lan {
    pub(crate) a: Namespace,
    pub(crate) b: Namespace,
    pub(crate) c: Namespace,
    pub(crate) bridge: Namespace,
}

impl Lan {
    pub(crate) fn new() -> Self {
        let lan = Self {
            a: Namespace::new("a"),
            b: Namespace::new("b"),
            c: Namespace::new("c"),
            bridge: Namespace::new("bridge"),
        };
        lan.bridge
            .ip("link add br0 up type bridge stp_state 0 mcast_snooping 0");
        for (port, host, number) in [("pa", &lan.a, 1), ("pb", &lan.b, 2), ("pc", &lan.c, 3)] {
            lan.connect(port, host);
            host.ip(&format!("addr add 192.0.2.{number}/24 brd + dev eth0"));
        }
        for host in [&lan.a, &lan.b, &lan.c] {
            wait_for("carrier", || {
                host.ip("-o link show eth0")
                    .contains("state UP")
                    .then_some(())
            });
        }
        lan
    }

    /// Gives `host` an eth0 on the bridge.
    pub(crate) fn connect(&self, port: &str, host: &Namespace) {
        self.connect_as(port, host, "eth0");
    }

    /// Gives `host` an interface of that name on the bridge.
    pub(crate) fn connect_as(&self, port: &str, host: &Namespace, name: &str) {
        let host_name = host.0.name();
        self.bridge.ip(&format!(
            "link add {port} master br0 up type veth peer name {name} netns {host_name}"
        ));
        host.ip(&format!("link set {name} up"));
    }
}

/// Whether the new process drives the routers.
pub(crate) type Outcome = Result<bool, Error>;

enum Control {
    /// Boxed: it is large.
    Reload(Box<Configuration>, oneshot::Sender<Result<(), Error>>),
    Observation(ObjectId, Observation),
    Status(oneshot::Sender<DriverStatus>),
    Resign(String, oneshot::Sender<Result<Resigned, Error>>),
    Resume(String, oneshot::Sender<Result<bool, Error>>),
    /// The connection to a new process, and a channel for the outcome.
    Handover(StdStream, blocking::Sender<Outcome>),
}

/// A driver in a namespace, on a thread and runtime of its own.
pub(crate) struct Node {
    control: Option<mpsc::Sender<Control>>,
    pub(crate) events: blocking::Receiver<(Instant, Event)>,
    thread: Option<JoinHandle<Result<(), Error>>>,
}

impl Node {
    pub(crate) fn start(namespace: &Namespace, specs: impl Into<Configuration>) -> Self {
        Self::try_start(namespace, specs.into(), || {}).unwrap()
    }

    pub(crate) fn start_with(
        namespace: &Namespace,
        specs: impl Into<Configuration>,
        options: DriverOptions,
    ) -> Self {
        Self::launch(namespace, specs.into(), (options, None), || {}).unwrap()
    }

    /// Starts a driver; `before` runs on its thread first.
    pub(crate) fn try_start(
        namespace: &Namespace,
        specs: impl Into<Configuration>,
        before: impl FnOnce() + Send + 'static,
    ) -> Result<Self, Error> {
        Self::launch(
            namespace,
            specs.into(),
            (DriverOptions::default(), None),
            before,
        )
    }

    /// Continues the routers of the node at the other end of a connection.
    pub(crate) fn start_from_handover(
        namespace: &Namespace,
        connection: StdStream,
        specs: impl Into<Configuration>,
    ) -> Result<Self, Error> {
        let options = (DriverOptions::default(), Some(connection));
        Self::launch(namespace, specs.into(), options, || {})
    }

    fn launch(
        namespace: &Namespace,
        specs: Configuration,
        (options, handover): (DriverOptions, Option<StdStream>),
        before: impl FnOnce() + Send + 'static,
    ) -> Result<Self, Error> {
        let (control, mut commands) = mpsc::channel(4);
        let (event_sender, events) = blocking::channel();
        let (started, outcome) = blocking::channel();
        let netns = namespace.0.clone();
        let thread = thread::spawn(move || {
            netns.join().unwrap();
            before();
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let running = match handover {
                    Some(connection) => receive(connection, specs, options).await,
                    None => Driver::start(specs, options).await,
                };
                let (handle, mut events) = match running {
                    Ok(running) => {
                        started.send(Ok(())).unwrap();
                        running
                    }
                    Err(error) => {
                        started.send(Err(error)).unwrap();
                        return Ok(());
                    }
                };
                let mut handovers: Vec<(_, blocking::Sender<Outcome>)> = Vec::new();
                loop {
                    tokio::select! {
                        biased;
                        outcome = next(&mut handovers) => {
                            let (outcome, report) = outcome;
                            if matches!(outcome, Ok(true)) {
                                let finished = handle.finish_handover().await;
                                report.send(outcome).unwrap();
                                return finished;
                            }
                            let _ = report.send(outcome);
                        }
                        Some(event) = events.recv() => {
                            let _ = event_sender.send((Instant::now(), event));
                        }
                        command = commands.recv() => match command {
                            Some(Control::Reload(specs, reply)) => {
                                let _ = reply.send(handle.reload(*specs).await);
                            }
                            Some(Control::Observation(object, report)) => {
                                handle.report(object, report).await?;
                            }
                            Some(Control::Status(reply)) => {
                                let status = handle.status().await.unwrap();
                                // Events that led to this status come before it.
                                while let Ok(Some(event)) = events.try_recv() {
                                    let _ = event_sender.send((Instant::now(), event));
                                }
                                let _ = reply.send(status);
                            }
                            Some(Control::Resign(router, reply)) => {
                                let _ = reply.send(handle.resign(&router).await);
                            }
                            Some(Control::Resume(router, reply)) => {
                                let _ = reply.send(handle.resume(&router).await);
                            }
                            Some(Control::Handover(connection, report)) => {
                                let sender = match Sender::accept(stream(connection)).await {
                                    Ok(sender) => sender,
                                    Err(error) => {
                                        let _ = report.send(Err(error.into()));
                                        continue;
                                    }
                                };
                                match handle.prepare_handover().await {
                                    Ok(routers) => {
                                        let offer = sender.offer(Some(routers), Payload::default());
                                        handovers.push((Box::pin(offer), report));
                                    }
                                    Err(error) => {
                                        sender.refuse(error.to_string()).await;
                                        let _ = report.send(Err(error));
                                    }
                                }
                            }
                            None => return handle.shutdown().await,
                        },
                    }
                }
            })
        });
        outcome.recv().unwrap()?;
        Ok(Self {
            control: Some(control),
            events,
            thread: Some(thread),
        })
    }

    pub(crate) fn status(&self) -> DriverStatus {
        let (reply, answer) = oneshot::channel();
        self.send(Control::Status(reply));
        answer.blocking_recv().unwrap()
    }

    pub(crate) fn report(&self, object: ObjectId, report: Observation) {
        self.send(Control::Observation(object, report));
    }

    pub(crate) fn reload(&self, specs: impl Into<Configuration>) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.send(Control::Reload(Box::new(specs.into()), reply));
        answer.blocking_recv().unwrap()
    }

    /// Hands the routers of this node over to the process at the other end of a connection, and returns a
    /// channel with the outcome.
    pub(crate) fn hand_over(&self, connection: StdStream) -> blocking::Receiver<Outcome> {
        let (report, outcome) = blocking::channel();
        self.send(Control::Handover(connection, report));
        outcome
    }

    pub(crate) fn resign(&self, router: &str) -> Result<Resigned, Error> {
        let (reply, answer) = oneshot::channel();
        self.send(Control::Resign(router.to_owned(), reply));
        answer.blocking_recv().unwrap()
    }

    pub(crate) fn resume(&self, router: &str) -> Result<bool, Error> {
        let (reply, answer) = oneshot::channel();
        self.send(Control::Resume(router.to_owned(), reply));
        answer.blocking_recv().unwrap()
    }

    /// The state of its first router.
    pub(crate) fn state(&self) -> State {
        self.status().routers[0].state
    }

    pub(crate) fn wait_state(&self, state: State) {
        wait_for(&format!("state {state}"), || {
            (self.state() == state).then_some(())
        });
    }

    /// Waits until its first router has accepted so many more adverts.
    pub(crate) fn wait_received(&self, more: u64) {
        let received = || {
            self.status().routers[0]
                .counters
                .stats
                .advertisements_received
        };
        let before = received();
        wait_for("more adverts of the other router", || {
            (received() >= before + more).then_some(())
        });
    }

    /// Waits until its first router has sent so many more adverts.
    pub(crate) fn wait_sent(&self, more: u64) {
        let sent = || self.status().routers[0].counters.stats.advertisements_sent;
        let before = sent();
        wait_for("more adverts of this router", || {
            (sent() >= before + more).then_some(())
        });
    }

    /// Stops it; its masters have resigned and its addresses are gone then.
    pub(crate) fn shutdown(mut self) {
        self.control = None;
        self.thread.take().unwrap().join().unwrap().unwrap();
    }

    /// The events so far.
    pub(crate) fn drain(&self) -> Vec<Event> {
        self.events.try_iter().map(|(_, event)| event).collect()
    }

    fn send(&self, control: Control) {
        let _ = self.control.as_ref().unwrap().blocking_send(control);
    }
}

fn stream(connection: StdStream) -> UnixStream {
    connection.set_nonblocking(true).unwrap();
    UnixStream::from_std(connection).unwrap()
}

async fn receive(
    connection: StdStream,
    specs: Configuration,
    options: DriverOptions,
) -> Result<(Driver, Events), Error> {
    let mut offer = Receiver::request(stream(connection)).await?;
    Driver::start_from_handover(&mut offer, specs, options, Ports::default()).await
}

/// The outcome of the next handover that ends.
async fn next<T>(
    handovers: &mut Vec<(
        Pin<Box<impl Future<Output = Result<HandedOver, HandoverError>>>>,
        T,
    )>,
) -> (Outcome, T) {
    let (place, outcome) = std::future::poll_fn(|context| {
        for (place, (handover, _)) in handovers.iter_mut().enumerate() {
            if let Poll::Ready(outcome) = handover.as_mut().poll(context) {
                return Poll::Ready((place, outcome));
            }
        }
        Poll::Pending
    })
    .await;
    let (_, report) = handovers.remove(place);
    let outcome = outcome.map(|handed_over| handed_over.has_routers());
    (outcome.map_err(Error::from), report)
}

impl Drop for Node {
    fn drop(&mut self) {
        self.control = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A frame, and when the kernel got it.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) at: Instant,
    pub(crate) bytes: Vec<u8>,
}

impl Frame {
    /// The IPv4 packet inside, if it is VRRP.
    pub(crate) fn vrrp(&self) -> Option<&[u8]> {
        let packet = self.bytes.get(14..)?;
        (self.bytes[12..14] == [8, 0] && packet.get(9) == Some(&112)).then_some(packet)
    }

    pub(crate) fn vrrp_from(&self, mac: [u8; 6]) -> Option<&[u8]> {
        self.vrrp().filter(|_| self.bytes[6..12] == mac)
    }

    /// Sender's MAC address and IPv4 address of a gratuitous ARP.
    pub(crate) fn announcement(&self) -> Option<lb_vrrp::wire::GratuitousArp> {
        lb_vrrp::wire::GratuitousArp::parse(&self.bytes)
    }
}

/// Records every frame that passes an interface of a namespace.
pub(crate) struct Capture {
    frames: Arc<Mutex<Vec<Frame>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Capture {
    pub(crate) fn start(namespace: &Namespace) -> Self {
        let frames = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let mut socket = namespace.run(FrameSocket::open).unwrap();
        let thread = thread::spawn({
            let (frames, stop) = (Arc::clone(&frames), Arc::clone(&stop));
            move || {
                while !stop.load(Ordering::Relaxed) {
                    if let Some(passed) = socket.receive() {
                        frames.lock().unwrap().push(Frame {
                            at: testbed::instant(passed.at),
                            bytes: passed.bytes.to_vec(),
                        });
                    }
                }
            }
        });
        Self {
            frames,
            stop,
            thread: Some(thread),
        }
    }

    pub(crate) fn frames(&self) -> Vec<Frame> {
        self.frames.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, matches: impl Fn(&Frame) -> bool) -> usize {
        self.frames().iter().filter(|frame| matches(frame)).count()
    }

    /// Waits until so many more of the frames have passed that match.
    pub(crate) fn wait_for_more(&self, more: usize, matches: impl Fn(&Frame) -> bool) {
        let before = self.count(&matches);
        wait_for("more frames", || {
            (self.count(&matches) >= before + more).then_some(())
        });
    }

    /// Waits until so many announcements have passed since the start.
    pub(crate) fn wait_for_announcements(&self, all: usize) {
        wait_for(&format!("{all} announcements"), || {
            let seen = self.count(|frame| frame.announcement().is_some());
            (seen >= all).then_some(())
        });
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Sends VRRP packets with headers of the test's choosing.
pub(crate) struct Injector(Socket);

impl Injector {
    pub(crate) fn new(namespace: &Namespace) -> Self {
        Self(namespace.run(|| {
            let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(112))).unwrap();
            socket.bind_device(Some(b"eth0")).unwrap();
            socket.set_header_included_v4(true).unwrap();
            socket
        }))
    }

    pub(crate) fn send(&self, source: [u8; 4], ttl: u8, message: &[u8]) {
        let group = Ipv4Addr::new(224, 0, 0, 18);
        let total = u16::try_from(20 + message.len()).unwrap().to_be_bytes();
        let mut packet = vec![0x45, 0xc0, total[0], total[1], 0, 0, 0, 0, ttl, 112, 0, 0];
        packet.extend(source);
        packet.extend(group.octets());
        packet.extend(message);
        self.0
            .send_to(&packet, &SockAddr::from(SocketAddrV4::new(group, 0)))
            .unwrap();
    }
}
