// SPDX-License-Identifier: MIT OR Apache-2.0
//! An observer whose clock is the kernel's: when a frame arrived, not when somebody read it.

use std::io::{self, IoSliceMut};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::socket::sockopt::{RcvBufForce, ReceiveTimestampns};
use nix::sys::socket::{ControlMessageOwned, LinkAddr, MsgFlags, recvmsg, setsockopt};
use socket2::{Domain, Protocol, Socket, Type};

use super::wire::{self, Packet};
use super::{NetError, Netns};

/// How long one receive waits before the stop flag is looked at.
const GLANCE: Duration = Duration::from_millis(100);
/// Frames that may wait while the machine is busy.
const BUFFER: usize = 16 << 20;

/// A packet and when the kernel took it from the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stamped {
    /// Time of day, as a distance from the epoch.
    pub at: Duration,
    /// The packet.
    pub packet: Packet,
}

/// Records advertisements and ARP that reach a namespace, until dropped.
///
/// It stands on the LAN as a host that does nothing else, and takes the time stamps of the kernel
/// (`SO_TIMESTAMPNS`), so that its own lateness does not count.
#[derive(Debug)]
pub struct Observer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    seen: Mutex<Vec<Stamped>>,
    grown: Condvar,
    stop: AtomicBool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Vec<Stamped>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer {
    /// Starts recording what reaches any interface of `netns`.
    ///
    /// # Errors
    ///
    /// When the namespace cannot be entered or the packet socket is refused.
    pub fn start(netns: &Netns) -> Result<Self, NetError> {
        let shared = Arc::<Shared>::default();
        let socket = netns
            .enter(open)?
            .map_err(NetError::system("packet socket with time stamps"))?;
        let thread = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || record(&socket, &shared))
        };
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// All of it since the start or the last [`clear`](Self::clear).
    #[must_use]
    pub fn seen(&self) -> Vec<Stamped> {
        self.shared.lock().clone()
    }

    /// Forgets what was seen.
    pub fn clear(&self) {
        self.shared.lock().clear();
    }

    /// Waits until `look` finds something in what was seen; `None` when the time is up.
    pub fn wait<T>(
        &self,
        deadline: Duration,
        mut look: impl FnMut(&[Stamped]) -> Option<T>,
    ) -> Option<T> {
        let end = Instant::now() + deadline;
        let mut seen = self.shared.lock();
        loop {
            if let Some(found) = look(&seen) {
                return Some(found);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let waited = self.shared.grown.wait_timeout(seen, left);
            seen = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(seen, _)| seen);
        }
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn open() -> io::Result<Socket> {
    let every = u16::try_from(libc::ETH_P_ALL).map_err(io::Error::other)?;
    let protocol = Protocol::from(i32::from(every.to_be()));
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(protocol))?;
    setsockopt(&socket, ReceiveTimestampns, &true)?;
    // Without the privilege the usual buffer has to do.
    let _ = setsockopt(&socket, RcvBufForce, &BUFFER);
    socket.set_read_timeout(Some(GLANCE))?;
    Ok(socket)
}

fn record(socket: &Socket, shared: &Shared) {
    let mut buffer = vec![0; 2048];
    let mut control = nix::cmsg_space!(nix::sys::time::TimeSpec);
    while !shared.stop.load(Ordering::SeqCst) {
        let mut parts = [IoSliceMut::new(&mut buffer)];
        let received = recvmsg::<LinkAddr>(
            socket.as_raw_fd(),
            &mut parts,
            Some(&mut control),
            MsgFlags::empty(),
        );
        // An error is the read timeout: a moment to look at the stop flag.
        let Ok(message) = received else { continue };
        let length = message.bytes;
        let at = message.cmsgs().ok().and_then(|mut all| {
            all.find_map(|one| match one {
                ControlMessageOwned::ScmTimestampns(at) => Some(Duration::from(at)),
                _ => None,
            })
        });
        let packet = buffer.get(..length).and_then(wire::decode);
        if let (Some(at), Some(packet)) = (at, packet) {
            shared.lock().push(Stamped { at, packet });
            shared.grown.notify_all();
        }
    }
}
