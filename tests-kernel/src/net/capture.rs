// SPDX-License-Identifier: MIT OR Apache-2.0
//! An observer on the wire, and a way to put frames there.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::net::if_::if_nametoindex;
use pnet::datalink;
use testbed::{FrameSocket, instant};

use super::wire::{self, Advert, Arp, Packet};
use super::{NetError, Netns, wait_until};

/// A packet and when it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// When the kernel had it, however late it was read.
    pub at: Instant,
    /// The packet.
    pub packet: Packet,
}

/// Records advertisements and ARP that pass an interface, until dropped.
#[derive(Debug)]
pub struct Capture {
    seen: Arc<Mutex<Vec<Seen>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Capture {
    /// Starts recording what passes `interface` of `netns`, with the kernel's time stamps; on a
    /// [`Lan`](super::Lan) the switch's `br0` sees everything once.
    ///
    /// # Errors
    ///
    /// When the namespace cannot be entered, has no such interface, or refuses the packet socket.
    pub fn start(netns: &Netns, interface: &str) -> Result<Self, NetError> {
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let stop = Arc::new(AtomicBool::new(false));
        let name = interface.to_owned();
        let (mut socket, interface) = netns
            .enter(move || Ok((FrameSocket::open()?, if_nametoindex(name.as_str())?)))?
            .map_err(NetError::errno(format!("capture on {interface}")))?;
        let thread = {
            let (seen, stop) = (Arc::clone(&seen), Arc::clone(&stop));
            thread::spawn(move || record(&mut socket, interface, &seen, &stop))
        };
        Ok(Self {
            seen,
            stop,
            thread: Some(thread),
        })
    }

    /// All of it so far.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.seen).clone()
    }

    /// All advertisements so far.
    #[must_use]
    pub fn adverts(&self) -> Vec<(Instant, Advert)> {
        let adverts = self
            .seen()
            .into_iter()
            .filter_map(|seen| match seen.packet {
                Packet::Advert(advert) => Some((seen.at, advert)),
                _ => None,
            });
        adverts.collect()
    }

    /// All ARP packets so far.
    #[must_use]
    pub fn arps(&self) -> Vec<(Instant, Arp)> {
        let arps = self
            .seen()
            .into_iter()
            .filter_map(|seen| match seen.packet {
                Packet::Arp(arp) => Some((seen.at, arp)),
                _ => None,
            });
        arps.collect()
    }

    /// Waits for an advertisement after `since` that satisfies `wanted`.
    ///
    /// # Errors
    ///
    /// [`NetError::Awaited`].
    pub fn wait_for_advert(
        &self,
        awaited: &str,
        since: Instant,
        deadline: Duration,
        wanted: impl Fn(&Advert) -> bool,
    ) -> Result<(Instant, Advert), NetError> {
        wait_until(awaited, deadline, || {
            let adverts = self.adverts();
            let last = adverts.last().map(|(_, advert)| advert.clone());
            let mut later = adverts.into_iter().filter(|(at, _)| *at >= since);
            later
                .find(|(_, advert)| wanted(advert))
                .ok_or_else(|| format!("last advertisement: {last:?}"))
        })
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(seen: &Mutex<Vec<Seen>>) -> MutexGuard<'_, Vec<Seen>> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn record(socket: &mut FrameSocket, interface: u32, seen: &Mutex<Vec<Seen>>, stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) {
        let Some(frame) = socket.receive() else {
            continue;
        };
        if frame.interface != interface {
            continue;
        }
        if let Some(packet) = wire::decode(frame.bytes) {
            let at = instant(frame.at);
            lock(seen).push(Seen { at, packet });
        }
    }
}

/// Sends one Ethernet frame from an interface of `netns`.
///
/// # Errors
///
/// When the namespace cannot be entered or the frame is refused.
pub fn inject(netns: &Netns, interface: &str, frame: &[u8]) -> Result<(), NetError> {
    let (name, frame) = (interface.to_owned(), frame.to_owned());
    netns
        .enter(move || {
            let interfaces = datalink::interfaces();
            let found = interfaces.iter().find(|found| found.name == name);
            let found = found.ok_or_else(|| io::Error::other("no such interface"))?;
            let channel = datalink::channel(found, datalink::Config::default())?;
            let datalink::Channel::Ethernet(mut sender, _) = channel else {
                return Err(io::Error::other("not an Ethernet interface"));
            };
            sender
                .send_to(&frame, None)
                .unwrap_or_else(|| Err(io::Error::other("no buffer")))
        })?
        .map_err(NetError::system(format!("send a frame from {interface}")))
}
