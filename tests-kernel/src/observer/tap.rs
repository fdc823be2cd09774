// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every frame that enters or leaves a switch, by port.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::net::if_::if_nametoindex;
use testbed::FrameSocket;

use crate::net::{Host, Lan, NetError};

/// Which way a frame went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a cable has two ends")]
pub enum Way {
    /// From the host into the switch.
    Sent,
    /// Out of the switch to the host.
    Delivered,
}

/// A frame, at which port of the switch, and when by the kernel's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame {
    /// Since the epoch, as [`now`](crate::net::now).
    pub at: Duration,
    /// The index of the host in the list that [`Tap::start`] was given.
    pub port: usize,
    /// Which way it passed the port.
    pub way: Way,
    /// All of it, from the destination address on.
    pub bytes: Arc<[u8]>,
}

impl Frame {
    /// A frame as it would be recorded.
    #[must_use]
    pub fn new(at: Duration, port: usize, way: Way, bytes: &[u8]) -> Self {
        Self {
            at,
            port,
            way,
            bytes: bytes.into(),
        }
    }
}

/// Records until dropped.
#[derive(Debug)]
pub struct Tap {
    frames: Arc<Mutex<Vec<Frame>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Tap {
    /// Starts recording what these hosts send and what reaches them. What a host sends is known
    /// by its port: no address in a frame can assign it to another host.
    ///
    /// # Errors
    ///
    /// When the packet socket is refused.
    pub fn start(lan: &Lan, hosts: &[&Host]) -> Result<Self, NetError> {
        let frames = Arc::<Mutex<Vec<Frame>>>::default();
        let stop = Arc::new(AtomicBool::new(false));
        let names: Vec<String> = hosts.iter().map(|host| host.port().to_owned()).collect();
        let thread = {
            let (frames, stop) = (Arc::clone(&frames), Arc::clone(&stop));
            let opened = lan.switch().enter(move || open(&names))?;
            let (mut socket, ports) = opened.map_err(NetError::errno("tap on a switch"))?;
            thread::spawn(move || record(&mut socket, &ports, &frames, &stop))
        };
        Ok(Self {
            frames,
            stop,
            thread: Some(thread),
        })
    }

    /// All of it so far.
    #[must_use]
    pub fn frames(&self) -> Vec<Frame> {
        lock(&self.frames).clone()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(frames: &Mutex<Vec<Frame>>) -> MutexGuard<'_, Vec<Frame>> {
    frames.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The socket, and the indices of the interfaces that are named.
fn open(names: &[String]) -> nix::Result<(FrameSocket, Vec<u32>)> {
    let ports = names.iter().map(|name| if_nametoindex(name.as_str()));
    let ports = ports.collect::<nix::Result<_>>()?;
    Ok((FrameSocket::open()?, ports))
}

fn record(socket: &mut FrameSocket, ports: &[u32], frames: &Mutex<Vec<Frame>>, stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) {
        let Some(frame) = socket.receive() else {
            continue;
        };
        // What the switch sends out of a port is delivered to the host behind it.
        let way = if frame.outgoing {
            Way::Delivered
        } else {
            Way::Sent
        };
        if let Some(port) = ports.iter().position(|port| *port == frame.interface) {
            lock(frames).push(Frame::new(frame.at, port, way, frame.bytes));
        }
    }
}
