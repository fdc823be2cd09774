// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lists that are read while the table changes and while the kernel resizes it.

use std::{
    collections::BTreeSet,
    fs,
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

/// Adds and deletes what passes.
fn coming_and_going(add: Vec<Change>, delete: Vec<Change>) -> impl FnMut() + Send + 'static {
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

/// The ports in one dump, as the kernel sends it.
fn read_once(socket: &Socket, family: u16, message: IpvsMessage) -> Vec<u16> {
    let mut message = GenlMessage::from_payload(message);
    message.set_resolved_family_id(family);
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let mut message = NetlinkMessage::new(header, message.into());
    message.finalize();
    let mut request = vec![0; message.buffer_len()];
    message.serialize(&mut request);
    socket.send(&request, 0).unwrap();
    let mut ports = Vec::new();
    loop {
        let mut datagram = Vec::with_capacity(16 << 10);
        socket.recv(&mut datagram, 0).unwrap();
        let mut rest = datagram.as_slice();
        while !rest.is_empty() {
            let buffer = NetlinkBuffer::new_checked(rest).unwrap();
            if buffer.message_type() == NLMSG_DONE {
                return ports;
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
            ports.extend(attributes.iter().filter_map(port_of));
        }
    }
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

/// Reads a list meanwhile: as the kernel sends it, with faults, and by the handle, which must have none.
async fn read_while(
    what: &str,
    ipvs: &mut IpvsHandle,
    listed: Listed,
    work: impl FnMut() + Send + 'static,
) {
    let mut socket = Socket::new(NETLINK_GENERIC).unwrap();
    socket.bind_auto().unwrap();
    socket.connect(&netlink_sys::SocketAddr::new(0, 0)).unwrap();
    let family = family(&socket);
    let lasting = listed.lasting();
    let other = Repeated::start(work);
    let (mut faulty, mut missing, mut twice) = (0, 0, 0);
    let mut of_ipvsadm = (0, 0);
    let mut took = Duration::ZERO;
    for number in 0..READINGS {
        let of_the_kernel = faults(&read_once(&socket, family, listed.request()), lasting);
        faulty += usize::from(of_the_kernel != (0, 0));
        missing += of_the_kernel.0;
        twice += of_the_kernel.1;
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
        "{what}, {rounds} times: of {READINGS} lists of the kernel {faulty} had faults ({missing} entries \
         missing, {twice} twice), of ipvsadm's {of_ipvsadm:?}; ours, {:?} each, none",
        took / u32::try_from(READINGS).unwrap(),
    );
    // Else this shows nothing.
    assert!(
        rounds > 0 && faulty > 0,
        "{what}: {rounds} rounds, {faulty} faulty"
    );
}

/// A service, or a destination, that is there all the time is in each list once.
pub(super) async fn while_the_table_changes() {
    let mut ipvs = connect().await;
    let add = |port| Change::AddService(service(port));
    let delete = |port| Change::DeleteService(service(port).key);
    let lasting: Vec<Change> = (1..=LASTING).map(add).collect();
    let outcomes = ipvs.apply(&lasting).await.unwrap();
    assert!(outcomes.iter().all(Result::is_ok));
    let passing = LASTING + 1..=LASTING + PASSING;
    let work = changing(passing.clone().map(add), passing.map(delete)).await;
    let services = Listed::Services;
    read_while("services come and go", &mut ipvs, services, work).await;
    if let Ok(before) = fs::read_to_string(LOAD_FACTOR) {
        read_while("the table is resized", &mut ipvs, services, resizing()).await;
        fs::write(LOAD_FACTOR, before.trim_end()).unwrap();
    }
    assert_eq!(ipvs.services().await.unwrap().len(), usize::from(LASTING));
    ipvs.flush().await.unwrap();

    let key = service(1).key;
    let server = |port| SocketAddr::new(Ipv4Addr::new(10, 2, 0, 1).into(), port);
    let add = |port| Change::AddDestination(key, Destination::new(server(port)));
    let delete = |port| Change::DeleteDestination(key, server(port));
    ipvs.add_service(&service(1)).await.unwrap();
    let (lasting, passing) = DESTINATIONS;
    let outcomes = ipvs
        .apply(&(1..=lasting).map(add).collect::<Vec<_>>())
        .await;
    assert!(outcomes.unwrap().iter().all(Result::is_ok));
    let passing = lasting + 1..=lasting + passing;
    let work = changing(passing.clone().map(add), passing.map(delete)).await;
    let destinations = Listed::Destinations(key);
    read_while("destinations come and go", &mut ipvs, destinations, work).await;
    ipvs.flush().await.unwrap();
}

/// [`coming_and_going`] with a runtime of its own, which cannot be made on a thread that has one.
async fn changing(
    add: impl Iterator<Item = Change>,
    delete: impl Iterator<Item = Change>,
) -> impl FnMut() + Send + 'static {
    let (add, delete) = (add.collect(), delete.collect());
    tokio::task::spawn_blocking(move || coming_and_going(add, delete))
        .await
        .unwrap()
}
