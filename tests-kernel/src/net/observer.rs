// SPDX-License-Identifier: MIT OR Apache-2.0
//! An observer whose clock is the kernel's: when a frame arrived, not when it was read.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use testbed::FrameSocket;

use super::wire::{self, Packet};
use super::{NetError, Netns};

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
        let mut socket = netns
            .enter(FrameSocket::open)?
            .map_err(NetError::errno("packet socket with time stamps"))?;
        let thread = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || record(&mut socket, &shared))
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

fn record(socket: &mut FrameSocket, shared: &Shared) {
    while !shared.stop.load(Ordering::SeqCst) {
        let Some(frame) = socket.receive() else {
            continue;
        };
        if let Some(packet) = wire::decode(frame.bytes) {
            let at = frame.at;
            shared.lock().push(Stamped { at, packet });
            shared.grown.notify_all();
        }
    }
}
