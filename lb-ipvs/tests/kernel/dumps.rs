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

/// Adds and deletes the passing services.
fn coming_and_going() -> impl FnMut() + Send + 'static {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut ipvs = runtime.block_on(IpvsHandle::connect()).unwrap();
    let passing = LASTING + 1..=LASTING + PASSING;
    let add: Vec<Change> = passing
        .clone()
        .map(|port| Change::AddService(service(port)))
        .collect();
    let delete: Vec<Change> = passing
        .map(|port| Change::DeleteService(service(port).key))
        .collect();
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

/// The ports of the services in one dump, as the kernel sends it.
fn read_once(socket: &Socket, family: u16) -> Vec<u16> {
    let message = IpvsMessage::new(wire::Command::GetService, Vec::new());
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
            for attribute in attributes {
                let IpvsAttribute::Service(service) = attribute else {
                    continue;
                };
                ports.extend(service.iter().find_map(|attribute| match attribute {
                    ServiceAttribute::Port(port) => Some(*port),
                    _ => None,
                }));
            }
        }
    }
}

/// How many lasting services are missing and how many services are there twice.
fn faults(ports: &[u16]) -> (usize, usize) {
    let different: BTreeSet<u16> = ports.iter().copied().collect();
    let lasting = different.iter().filter(|port| **port <= LASTING).count();
    (
        usize::from(LASTING) - lasting,
        ports.len() - different.len(),
    )
}

/// Reads the list of services meanwhile: by the kernel's list alone, which has faults, and by the handle,
/// whose lists must have none.
async fn read_while(what: &str, ipvs: &mut IpvsHandle, work: impl FnMut() + Send + 'static) {
    let mut socket = Socket::new(NETLINK_GENERIC).unwrap();
    socket.bind_auto().unwrap();
    socket.connect(&netlink_sys::SocketAddr::new(0, 0)).unwrap();
    let family = family(&socket);
    let other = Repeated::start(work);
    let (mut faulty, mut missing, mut twice) = (0, 0, 0);
    let mut took = Duration::ZERO;
    for _ in 0..READINGS {
        let of_the_kernel = faults(&read_once(&socket, family));
        faulty += usize::from(of_the_kernel != (0, 0));
        missing += of_the_kernel.0;
        twice += of_the_kernel.1;
        let start = Instant::now();
        let services = ipvs.services().await.unwrap();
        took += start.elapsed();
        let ports = services.iter().map(|entry| entry.service.key.address());
        let ports: Vec<u16> = ports.map(|address| address.unwrap().port()).collect();
        assert_eq!(faults(&ports), (0, 0), "{what}");
    }
    let rounds = other.stop();
    println!(
        "{what}, {rounds} times: of {READINGS} lists of the kernel {faulty} had faults ({missing} services \
         missing, {twice} twice); ours, {:?} each, none",
        took / u32::try_from(READINGS).unwrap(),
    );
    // Else this shows nothing.
    assert!(
        rounds > 0 && faulty > 0,
        "{what}: {rounds} rounds, {faulty} faulty"
    );
}

/// A service that is there all the time is in each list once.
pub(super) async fn while_the_table_changes() {
    let mut ipvs = connect().await;
    let lasting: Vec<Change> = (1..=LASTING)
        .map(|port| Change::AddService(service(port)))
        .collect();
    let outcomes = ipvs.apply(&lasting).await.unwrap();
    assert!(outcomes.iter().all(Result::is_ok));
    let passing = tokio::task::spawn_blocking(coming_and_going).await.unwrap();
    read_while("services come and go", &mut ipvs, passing).await;
    if let Ok(before) = fs::read_to_string(LOAD_FACTOR) {
        read_while("the table is resized", &mut ipvs, resizing()).await;
        fs::write(LOAD_FACTOR, before.trim_end()).unwrap();
    }
    assert_eq!(ipvs.services().await.unwrap().len(), usize::from(LASTING));
    ipvs.flush().await.unwrap();
}
