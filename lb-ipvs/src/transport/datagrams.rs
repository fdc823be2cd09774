// SPDX-License-Identifier: MIT OR Apache-2.0
//! A place for several datagrams that one system call receives.

use std::{
    io::{self, IoSliceMut},
    os::fd::AsRawFd,
};

use netlink_sys::Socket;
use nix::sys::socket::{MsgFlags, MultiHeaders, recvmmsg};

/// Datagrams in one call. The end of a dump comes with its last part, and a flood of errors in few
/// calls.
const SLOTS: usize = 8;
/// Bytes of a datagram at most: the kernel makes the parts of a dump no larger than the room that is
/// offered, and no other message of the family comes near.
pub(super) const SLOT: usize = 16 << 10;

/// Received datagrams.
pub(super) struct Datagrams {
    bytes: Vec<u8>,
    lengths: Vec<usize>,
}

impl Datagrams {
    pub(super) const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            lengths: Vec::new(),
        }
    }

    /// Receives what there is, without waiting: `WouldBlock` when that is nothing.
    pub(super) fn receive(&mut self, socket: &Socket) -> io::Result<()> {
        self.lengths.clear();
        self.bytes.resize(SLOTS * SLOT, 0);
        let mut headers = MultiHeaders::<()>::preallocate(SLOTS, None);
        let mut slots: Vec<[IoSliceMut<'_>; 1]> = self
            .bytes
            .chunks_mut(SLOT)
            .map(|slot| [IoSliceMut::new(slot)])
            .collect();
        let flags = MsgFlags::MSG_DONTWAIT;
        let received = recvmmsg(
            socket.as_raw_fd(),
            &mut headers,
            slots.iter_mut(),
            flags,
            None,
        )?;
        self.lengths.extend(received.map(|message| message.bytes));
        Ok(())
    }

    /// Forgets what was received, and offers room for one datagram.
    pub(super) fn room(&mut self) -> &mut [u8] {
        self.lengths.clear();
        self.bytes.resize(SLOTS * SLOT, 0);
        self.bytes.get_mut(..SLOT).unwrap_or_default()
    }

    /// What was received into the room has this length.
    pub(super) fn received(&mut self, length: usize) {
        self.lengths.push(length);
    }

    /// Takes one datagram in, of any length.
    #[cfg(any(test, feature = "test-util"))]
    pub(super) fn put(&mut self, datagram: Vec<u8>) {
        self.lengths = vec![datagram.len()];
        self.bytes = datagram;
    }

    /// The datagrams, in the order of their arrival.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let lengths = self.lengths.iter().enumerate();
        lengths.filter_map(|(slot, length)| self.bytes.get(slot * SLOT..)?.get(..*length))
    }
}
