// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every frame that enters or leaves a switch, by port.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::cmsg_space;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType,
    recvmsg, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeSpec, TimeVal, TimeValLike};

use crate::net::{Host, Lan, NetError};

/// How long one receive waits before the stop flag is looked at.
const GLANCE_MS: i64 = 100;
/// A frame of Ethernet, and more than VRRP ever sends.
const ROOM: usize = 9216;
/// `PACKET_OUTGOING`, packet(7): what the switch sends out of a port.
const OUTGOING: u8 = 4;
/// Seconds of a busy segment.
const RECEIVE_BUFFER: usize = 4 << 20;

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
    /// Since the epoch, as [`now`].
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

/// The time on the clock that frames are stamped with.
#[must_use]
pub fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
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
    /// by its port: no address in a frame can make it somebody else's.
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
            let (socket, ports) = opened.map_err(NetError::errno("tap on a switch"))?;
            thread::spawn(move || record(&socket, &ports, &frames, &stop))
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

/// A packet socket of the calling thread's namespace, for all its interfaces, and the indices of
/// those that are named.
fn open(names: &[String]) -> nix::Result<(OwnedFd, Vec<u32>)> {
    let ports = names.iter().map(|name| if_nametoindex(name.as_str()));
    let ports = ports.collect::<nix::Result<_>>()?;
    let socket = socket(
        AddressFamily::Packet,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::EthAll,
    )?;
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
    let glance = TimeVal::milliseconds(GLANCE_MS);
    setsockopt(&socket, sockopt::ReceiveTimeout, &glance)?;
    // Without privilege the default limits it, which is enough for a quiet machine.
    let _ = setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER);
    Ok((socket, ports))
}

fn record(socket: &OwnedFd, ports: &[u32], frames: &Mutex<Vec<Frame>>, stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) {
        // An error is the timeout: a moment to look at the stop flag.
        let Ok(Some((at, index, way, bytes))) = receive(socket) else {
            continue;
        };
        if let Some(port) = ports.iter().position(|port| *port == index) {
            lock(frames).push(Frame {
                at,
                port,
                way,
                bytes,
            });
        }
    }
}

/// When, at which interface, which way, what.
type Received = (Duration, u32, Way, Arc<[u8]>);

/// The next frame.
fn receive(socket: &OwnedFd) -> io::Result<Option<Received>> {
    let mut room = vec![0; ROOM];
    let mut control = cmsg_space!(TimeSpec);
    let (length, source, at) = {
        let mut slices = [IoSliceMut::new(&mut room)];
        let received = recvmsg::<LinkAddr>(
            socket.as_raw_fd(),
            &mut slices,
            Some(&mut control),
            MsgFlags::empty(),
        )?;
        let at = received.cmsgs()?.find_map(|message| match message {
            ControlMessageOwned::ScmTimestampns(at) => Some(Duration::from(at)),
            _ => None,
        });
        (received.bytes, received.address, at.unwrap_or_else(now))
    };
    room.truncate(length);
    Ok(source.and_then(|source| {
        let way = match source.pkttype() {
            OUTGOING => Way::Delivered,
            _ => Way::Sent,
        };
        let index = u32::try_from(source.ifindex()).ok()?;
        Some((at, index, way, room.into()))
    }))
}
