// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lists that are read while the table changes and while the kernel resizes it.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use netlink_packet_core::{NLM_F_DUMP, NLMSG_DONE, NetlinkBuffer, NetlinkPayload};

use super::*;

/// Services that are there all the time.
const LASTING: u16 = 2000;
/// Services that come and go, all in one batch.
const PASSING: u16 = 400;
/// Destinations of one service that are there all the time, and that come and go.
const DESTINATIONS: (u16, u16) = (400, 80);
/// The pause between two rounds of coming and going, so that some of the readings of a list are undisturbed:
/// for services and for the destinations of one.
const REST: [Duration; 2] = [Duration::from_millis(150), Duration::from_millis(20)];
/// Every so many readings the plain listing is read, too, which may take a snapshot.
const PLAIN: usize = 5;
/// How often the list is read, by the kernel's list alone and by the handle.
const READINGS: usize = 20;
/// A setting that only kernels with a resizable table have.
const LOAD_FACTOR: &str = "/proc/sys/net/ipv4/vs/svc_lfactor";

fn service(port: u16) -> Service {
    let address = SocketAddr::new(Ipv4Addr::new(10, 3, 0, 1).into(), port);
    Service::new(ServiceKey::tcp(address), Scheduler::RoundRobin)
}

/// A thread that does something again and again until it is stopped; it yields how often.
struct Repeated {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u32>,
}

impl Repeated {
    fn start(mut work: impl FnMut() + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut rounds = 0;
            while !stopped.load(Ordering::Relaxed) {
                work();
                rounds += 1;
            }
            rounds
        });
        Self { stop, thread }
    }

    fn stop(self) -> u32 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// Adds and deletes what passes, and rests then.
#[expect(
    clippy::disallowed_methods,
    reason = "the thread waits for nothing, and its runtime has no other task"
)]
fn coming_and_going(
    add: Vec<Change>,
    delete: Vec<Change>,
    rest: Duration,
) -> impl FnMut() + Send + 'static {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut ipvs = runtime.block_on(IpvsHandle::connect()).unwrap();
    move || {
        for changes in [&add, &delete] {
            let outcomes = runtime.block_on(ipvs.apply(changes)).unwrap();
            assert!(outcomes.iter().all(Result::is_ok));
        }
        thread::sleep(rest);
    }
}

/// Has the kernel resize the table of services.
#[expect(
    clippy::disallowed_methods,
    reason = "the thread has no runtime, and nothing reports the end of a resizing"
)]
fn resizing() -> impl FnMut() + Send + 'static {
    let mut factors = ["-8", "0"].iter().cycle();
    move || {
        fs::write(LOAD_FACTOR, factors.next().unwrap()).unwrap();
        thread::sleep(Duration::from_millis(7));
    }
}

/// The port of a service or of a destination.
fn port_of(attribute: &IpvsAttribute) -> Option<u16> {
    match attribute {
        IpvsAttribute::Service(service) => service.iter().find_map(|attribute| match attribute {
            ServiceAttribute::Port(port) => Some(*port),
            _ => None,
        }),
        IpvsAttribute::Destination(destination) => {
            destination.iter().find_map(|attribute| match attribute {
                DestinationAttribute::Port(port) => Some(*port),
                _ => None,
            })
        }
        _ => None,
    }
}

/// A dump, part by part, as the kernel sends it.
struct Dump<'a> {
    socket: &'a Socket,
    ports: Vec<u16>,
    is_complete: bool,
}

impl<'a> Dump<'a> {
    fn start(socket: &'a Socket, family: u16, message: IpvsMessage) -> Self {
        let mut message = GenlMessage::from_payload(message);
        message.set_resolved_family_id(family);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        let mut message = NetlinkMessage::new(header, message.into());
        message.finalize();
        let mut request = vec![0; message.buffer_len()];
        message.serialize(&mut request);
        socket.send(&request, 0).unwrap();
        Self {
            socket,
            ports: Vec::new(),
            is_complete: false,
        }
    }

    fn receive_part(&mut self) {
        let mut datagram = Vec::with_capacity(16 << 10);
        self.socket.recv(&mut datagram, 0).unwrap();
        let mut rest = datagram.as_slice();
        while !rest.is_empty() {
            let buffer = NetlinkBuffer::new_checked(rest).unwrap();
            if buffer.message_type() == NLMSG_DONE {
                self.is_complete = true;
                return;
            }
            let message =
                NetlinkMessage::<GenlMessage<IpvsMessage>>::deserialize(buffer.into_inner())
                    .unwrap();
            let length = usize::try_from(message.header.length).unwrap();
            rest = &rest[length.next_multiple_of(4)..];
            let NetlinkPayload::InnerMessage(message) = message.payload else {
                panic!("{message:?}");
            };
            let IpvsMessage::Common { attributes, .. } = message.payload else {
                panic!("{message:?}");
            };
            self.ports.extend(attributes.iter().filter_map(port_of));
        }
    }

    /// The ports in all parts.
    fn finish(mut self) -> Vec<u16> {
        while !self.is_complete {
            self.receive_part();
        }
        self.ports
    }
}

fn dump_socket() -> (Socket, u16) {
    let mut socket = Socket::new(NETLINK_GENERIC).unwrap();
    socket.bind_auto().unwrap();
    socket.connect(&netlink_sys::SocketAddr::new(0, 0)).unwrap();
    let family = family(&socket);
    (socket, family)
}

/// The faults of a list of the kernel's, between two parts of which something is done.
async fn faults_of_the_kernel(listed: Listed, between: impl Future<Output = ()>) -> (usize, usize) {
    /// Enough for some of the passing entries to be among those that were sent.
    const PARTS: usize = 8;
    let (socket, family) = dump_socket();
    let mut dump = Dump::start(&socket, family, listed.request());
    for _ in 0..PARTS {
        dump.receive_part();
    }
    assert!(!dump.is_complete);
    between.await;
    faults(&dump.finish(), listed.lasting())
}

/// The ports of the services in a listing.
fn ports_in(listing: &str) -> Vec<u16> {
    let services = listing
        .lines()
        .filter_map(|line| line.strip_prefix("TCP  "));
    let ports = services.filter_map(|rest| rest.split([':', ' ']).nth(1)?.parse().ok());
    ports.collect()
}

/// How many of the lasting ports are missing and how many ports are there twice.
fn faults(ports: &[u16], lasting: u16) -> (usize, usize) {
    let different: BTreeSet<u16> = ports.iter().copied().collect();
    let found = different.iter().filter(|port| **port <= lasting).count();
    (usize::from(lasting) - found, ports.len() - different.len())
}

/// What is read.
#[derive(Clone, Copy)]
enum Listed {
    Services,
    Destinations(ServiceKey),
}

impl Listed {
    const fn lasting(self) -> u16 {
        match self {
            Self::Services => LASTING,
            Self::Destinations(_) => DESTINATIONS.0,
        }
    }

    fn request(self) -> IpvsMessage {
        match self {
            Self::Services => IpvsMessage::new(wire::Command::GetService, Vec::new()),
            Self::Destinations(key) => {
                let address = key.address().unwrap();
                let service = vec![
                    ServiceAttribute::Family(2),
                    ServiceAttribute::Protocol(6),
                    ServiceAttribute::Address(address.ip().into()),
                    ServiceAttribute::Port(address.port()),
                ];
                IpvsMessage::new(
                    wire::Command::GetDestination,
                    vec![IpvsAttribute::Service(service)],
                )
            }
        }
    }

    /// The ports in a list of the handle.
    async fn read(self, ipvs: &mut IpvsHandle) -> Vec<u16> {
        match self {
            Self::Services => {
                let services = ipvs.services().await.unwrap();
                let addresses = services.iter().map(|entry| entry.service.key.address());
                addresses.map(|address| address.unwrap().port()).collect()
            }
            Self::Destinations(key) => {
                let destinations = ipvs.destinations(&key).await.unwrap();
                let ports = destinations
                    .iter()
                    .map(|entry| entry.destination.address.port());
                ports.collect()
            }
        }
    }
}

/// Reads a list by the handle meanwhile, which must have no faults; what others find is printed.
async fn read_while(
    what: &str,
    ipvs: &mut IpvsHandle,
    listed: Listed,
    work: impl FnMut() + Send + 'static,
) {
    let (socket, family) = dump_socket();
    let lasting = listed.lasting();
    let other = Repeated::start(work);
    let (mut faulty, mut of_ipvsadm) = (0, (0, 0));
    let mut took = Duration::ZERO;
    for number in 0..READINGS {
        let of_the_kernel = Dump::start(&socket, family, listed.request()).finish();
        faulty += usize::from(faults(&of_the_kernel, lasting) != (0, 0));
        let start = Instant::now();
        let ports = listed.read(ipvs).await;
        took += start.elapsed();
        assert_eq!(faults(&ports, lasting), (0, 0), "{what}");
        if number % PLAIN == 0
            && let Listed::Services = listed
        {
            let plain = ipvs.plain_snapshot().await.unwrap();
            let addresses = plain.iter().map(|entry| entry.service.key.address());
            let ports: Vec<u16> = addresses.map(|address| address.unwrap().port()).collect();
            assert_eq!(faults(&ports, lasting), (0, 0), "{what}, plain");
            let (missing, twice) = faults(&ports_in(&ipvsadm("-L -n")), lasting);
            of_ipvsadm.0 += missing;
            of_ipvsadm.1 += twice;
        }
    }
    let rounds = other.stop();
    println!(
        "{what}, {rounds} times: of {READINGS} lists of the kernel {faulty} had faults; ipvsadm's had \
         {of_ipvsadm:?} entries missing and twice; ours, {:?} each, none",
        took / u32::try_from(READINGS).unwrap(),
    );
    assert!(rounds > 0, "{what}");
}

async fn make(ipvs: &mut IpvsHandle, changes: impl Iterator<Item = Change>) {
    let changes: Vec<Change> = changes.collect();
    let outcomes = ipvs.apply(&changes).await.unwrap();
    assert!(outcomes.iter().all(Result::is_ok));
}

/// A service, or a destination, that is there all the time is in each list once.
pub(super) async fn while_the_table_changes() {
    let mut ipvs = connect().await;
    let add = |port| Change::AddService(service(port));
    let delete = |port| Change::DeleteService(service(port).key);
    let services = Listed::Services;
    let passing = LASTING + 1..=LASTING + PASSING;
    make(&mut ipvs, (1..=LASTING + PASSING).map(add)).await;
    // The change may have a newer kernel resize the table, too.
    let is_resizable = Path::new(LOAD_FACTOR).exists();
    let gone = make(&mut ipvs, passing.clone().map(delete));
    let (missing, twice) = faults_of_the_kernel(services, gone).await;
    assert!(
        missing > 0 && (twice == 0 || is_resizable),
        "{missing} missing, {twice} twice"
    );
    let back = make(&mut ipvs, passing.clone().map(add));
    let (missing, twice) = faults_of_the_kernel(services, back).await;
    assert!(
        twice > 0 && (missing == 0 || is_resizable),
        "{missing} missing, {twice} twice"
    );
    make(&mut ipvs, passing.clone().map(delete)).await;
    let work = changing(passing.clone().map(add), passing.map(delete), REST[0]).await;
    read_while("services come and go", &mut ipvs, services, work).await;

    if is_resizable {
        let before = fs::read_to_string(LOAD_FACTOR).unwrap();
        let (missing, twice) = faults_of_the_kernel(services, resized(&ipvs, -8)).await;
        assert!(
            missing > 0 && missing == twice,
            "{missing} missing, {twice} twice"
        );
        read_while("the table is resized", &mut ipvs, services, resizing()).await;
        fs::write(LOAD_FACTOR, before.trim_end()).unwrap();
    }
    assert_eq!(ipvs.services().await.unwrap().len(), usize::from(LASTING));
    ipvs.flush().await.unwrap();

    let key = service(1).key;
    let server = |port| SocketAddr::new(Ipv4Addr::new(10, 2, 0, 1).into(), port);
    let add = |port| Change::AddDestination(key, Destination::new(server(port)));
    let delete = |port| Change::DeleteDestination(key, server(port));
    let destinations = Listed::Destinations(key);
    let (lasting, passing) = DESTINATIONS;
    let passing = lasting + 1..=lasting + passing;
    ipvs.add_service(&service(1)).await.unwrap();
    make(&mut ipvs, (1..=*passing.end()).map(add)).await;
    let gone = make(&mut ipvs, passing.clone().map(delete));
    let (missing, twice) = faults_of_the_kernel(destinations, gone).await;
    assert!(
        missing > 0 && twice == 0,
        "{missing} missing, {twice} twice"
    );
    let work = changing(passing.clone().map(add), passing.map(delete), REST[1]).await;
    read_while("destinations come and go", &mut ipvs, destinations, work).await;
    ipvs.flush().await.unwrap();
}

/// Sets a load factor, and waits until the table of services has it.
async fn resized(ipvs: &IpvsHandle, factor: i32) {
    fs::write(LOAD_FACTOR, factor.to_string()).unwrap();
    let start = Instant::now();
    while ipvs.status().unwrap().unwrap().services.load_factor != Some(factor) {
        assert!(start.elapsed() < Duration::from_secs(10), "not resized");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// [`coming_and_going`] with a runtime of its own, which cannot be made on a thread that has one.
async fn changing(
    add: impl Iterator<Item = Change>,
    delete: impl Iterator<Item = Change>,
    rest: Duration,
) -> impl FnMut() + Send + 'static {
    let (add, delete) = (add.collect(), delete.collect());
    tokio::task::spawn_blocking(move || coming_and_going(add, delete, rest))
        .await
        .unwrap()
}
