// SPDX-License-Identifier: MIT OR Apache-2.0
//! A server of datagrams for a namespace.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{NetError, Netns};
use crate::process::pause;

/// How often the thread looks at its behaviour.
const GLANCE: Duration = Duration::from_millis(20);

/// What a server does with a datagram.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum DatagramBehaviour {
    /// Sends these answers to the datagram.
    Answer(fn(&[u8]) -> Vec<Vec<u8>>),
    /// Receives and sends nothing.
    Silent,
    /// Has no socket: the kernel reports the port as unreachable.
    Closed,
}

/// A server of datagrams in a namespace, on all addresses at a port; it stops on drop.
#[derive(Debug)]
pub struct DatagramServer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    behaviour: Mutex<DatagramBehaviour>,
    peers: Mutex<Vec<IpAddr>>,
    /// Whether the socket is open, or not, as the behaviour asks.
    settled: AtomicBool,
    stop: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl DatagramServer {
    /// Starts a server.
    ///
    /// # Errors
    ///
    /// When the namespace cannot be entered or the port is taken.
    pub fn start(netns: &Netns, port: u16, behaviour: DatagramBehaviour) -> Result<Self, NetError> {
        let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        let shared = Arc::new(Shared {
            address,
            behaviour: Mutex::new(behaviour),
            peers: Mutex::default(),
            settled: AtomicBool::new(true),
            stop: AtomicBool::new(false),
        });
        let for_thread = Arc::clone(&shared);
        let thread = netns
            .enter(move || -> io::Result<_> {
                let socket = bind(address)?;
                Ok(thread::spawn(move || serve(&for_thread, Some(socket))))
            })?
            .map_err(NetError::system(format!(
                "bind {address} in {}",
                netns.label()
            )))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Changes what it does from now on; returns when that is in force.
    pub fn set_behaviour(&self, behaviour: DatagramBehaviour) {
        *lock(&self.shared.behaviour) = behaviour;
        self.shared.settled.store(false, Ordering::SeqCst);
        while !self.shared.settled.load(Ordering::SeqCst) {
            pause(Duration::from_millis(1));
        }
    }

    /// How many datagrams came from this address.
    #[must_use]
    pub fn datagrams_from(&self, peer: Ipv4Addr) -> usize {
        let peers = lock(&self.shared.peers);
        peers.iter().filter(|known| **known == peer).count()
    }
}

impl Drop for DatagramServer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    socket.set_read_timeout(Some(GLANCE))?;
    Ok(socket)
}

/// Answers until `stop` is set.
fn serve(shared: &Shared, mut socket: Option<UdpSocket>) {
    let mut buffer = [0; 4096];
    while !shared.stop.load(Ordering::SeqCst) {
        let behaviour = *lock(&shared.behaviour);
        if matches!(behaviour, DatagramBehaviour::Closed) {
            socket = None;
        } else if socket.is_none() {
            socket = bind(shared.address).ok();
        }
        shared.settled.store(true, Ordering::SeqCst);
        let Some(open) = &socket else {
            pause(GLANCE);
            continue;
        };
        let Ok((length, peer)) = open.recv_from(&mut buffer) else {
            continue;
        };
        lock(&shared.peers).push(peer.ip());
        if let DatagramBehaviour::Answer(answers) = behaviour {
            for answer in answers(buffer.get(..length).unwrap_or_default()) {
                // A client that has gone is no error of the server.
                let _ = open.send_to(&answer, peer);
            }
        }
    }
}
