// SPDX-License-Identifier: MIT OR Apache-2.0
//! A packet socket whose clock is the kernel's: when a frame passed, not when it was read.

use std::io::IoSliceMut;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType,
    recvmsg, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeSpec, TimeVal, TimeValLike};

/// How long one receive waits: after it a reader has a moment to look at its stop flag.
const GLANCE_MS: i64 = 100;
/// A frame of Ethernet, and more than VRRP ever sends.
const ROOM: usize = 9216;
/// Frames that may wait while the machine is busy.
const BUFFER: usize = 16 << 20;
/// `PACKET_OUTGOING`, packet(7): what the interface sends.
const OUTGOING: u8 = 4;

/// All frames of all interfaces of a namespace.
#[derive(Debug)]
pub struct FrameSocket {
    socket: OwnedFd,
    room: Vec<u8>,
}

/// A frame that passed an interface.
#[derive(Debug)]
#[non_exhaustive]
pub struct Passed<'a> {
    /// When the kernel had it, as [`now`].
    pub at: Duration,
    /// The index of the interface.
    pub interface: u32,
    /// Whether the interface sent it.
    pub outgoing: bool,
    /// All of it, from the destination address on.
    pub bytes: &'a [u8],
}

impl FrameSocket {
    /// Opens one in the calling thread's namespace.
    ///
    /// # Errors
    ///
    /// When the kernel refuses a packet socket.
    pub fn open() -> nix::Result<Self> {
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
        let _ = setsockopt(&socket, sockopt::RcvBufForce, &BUFFER);
        let room = vec![0; ROOM];
        Ok(Self { socket, room })
    }

    /// Returns the next frame; `None` when there was none for a moment.
    ///
    /// # Panics
    ///
    /// When the socket fails: a test that asserts that a frame did not pass must not be left without
    /// its observer.
    pub fn receive(&mut self) -> Option<Passed<'_>> {
        let mut control = cmsg_space!(TimeSpec);
        let (length, source, at) = {
            let mut slices = [IoSliceMut::new(&mut self.room)];
            let descriptor = self.socket.as_raw_fd();
            let control = Some(&mut control[..]);
            let received =
                match recvmsg::<LinkAddr>(descriptor, &mut slices, control, MsgFlags::empty()) {
                    Ok(received) => received,
                    // The second one when a child of the process has ended, the third one once after
                    // the link was set down.
                    Err(Errno::EAGAIN | Errno::EINTR | Errno::ENETDOWN) => return None,
                    Err(error) => panic!("packet socket: {error}"),
                };
            let at = received.cmsgs().ok()?.find_map(|message| match message {
                ControlMessageOwned::ScmTimestampns(at) => Some(Duration::from(at)),
                _ => None,
            });
            (received.bytes, received.address?, at.unwrap_or_else(now))
        };
        Some(Passed {
            at,
            interface: u32::try_from(source.ifindex()).ok()?,
            outgoing: source.pkttype() == OUTGOING,
            bytes: self.room.get(..length)?,
        })
    }
}

/// The time on the clock that frames are stamped with, since the epoch.
#[must_use]
pub fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// When a frame passed, on the clock that tests wait by.
#[must_use]
pub fn instant(at: Duration) -> Instant {
    // The two clocks are read one after the other: of some readings the one with the least between.
    let readings = (0..5).map(|_| {
        let (before, wall, after) = (Instant::now(), now(), Instant::now());
        (after - before, before, wall)
    });
    readings
        .min_by_key(|(apart, ..)| *apart)
        .and_then(|(_, clock, wall)| clock.checked_sub(wall.saturating_sub(at)))
        .unwrap_or_else(Instant::now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_as_long_ago_on_both_clocks() {
        let begin = Instant::now();
        let ago = Duration::from_secs(5);
        let then = instant(now() - ago);
        let end = Instant::now();
        // Clocks that are slewed differ by far less than this.
        let slack = Duration::from_millis(10);
        assert!((begin - ago - slack..=end - ago + slack).contains(&then));
    }
}
