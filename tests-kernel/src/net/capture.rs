// SPDX-License-Identifier: MIT OR Apache-2.0
//! An observer on the wire, and a way to put frames there.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use pnet::datalink::{self, DataLinkReceiver, DataLinkSender};

use super::wire::{self, Advert, Arp, Packet};
use super::{NetError, Netns, wait_until};

/// How long one receive waits before the stop flag is looked at.
const GLANCE: Duration = Duration::from_millis(100);

/// A packet and when it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// When it was read.
    pub at: Instant,
    /// The packet.
    pub packet: Packet,
}

/// Records what passes an interface, until dropped.
pub type Capture = Recorder<Seen>;

/// Records what some frames mean, until dropped.
#[derive(Debug)]
pub struct Recorder<T> {
    seen: Arc<Mutex<Vec<T>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Clone + Send + 'static> Recorder<T> {
    /// Starts recording what `decode` finds in the frames that pass `interface` of `netns`; on a
    /// [`Lan`](super::Lan) the switch's `br0` sees everything once.
    ///
    /// # Errors
    ///
    /// When the namespace cannot be entered or the packet socket is refused.
    pub fn record(
        netns: &Netns,
        interface: &str,
        decode: fn(&[u8], Instant) -> Option<T>,
    ) -> Result<Self, NetError> {
        let seen = Arc::<Mutex<Vec<T>>>::default();
        let stop = Arc::new(AtomicBool::new(false));
        let name = interface.to_owned();
        let thread = {
            let (seen, stop) = (Arc::clone(&seen), Arc::clone(&stop));
            netns
                .enter(move || -> io::Result<_> {
                    let (_, mut receiver) = open(&name)?;
                    Ok(thread::spawn(move || {
                        record(receiver.as_mut(), &seen, &stop, decode)
                    }))
                })?
                .map_err(NetError::system(format!("capture on {interface}")))?
        };
        Ok(Self {
            seen,
            stop,
            thread: Some(thread),
        })
    }

    /// All of it so far.
    #[must_use]
    pub fn seen(&self) -> Vec<T> {
        lock(&self.seen).clone()
    }
}

impl Capture {
    /// Starts recording advertisements and ARP that pass `interface` of `netns`.
    ///
    /// # Errors
    ///
    /// As [`record`](Self::record).
    pub fn start(netns: &Netns, interface: &str) -> Result<Self, NetError> {
        Self::record(netns, interface, |frame, at| {
            wire::decode(frame).map(|packet| Seen { at, packet })
        })
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

impl<T> Drop for Recorder<T> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock<T>(seen: &Mutex<Vec<T>>) -> MutexGuard<'_, Vec<T>> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

type Channel = (Box<dyn DataLinkSender>, Box<dyn DataLinkReceiver>);

/// A packet socket on an interface of the calling thread's namespace, promiscuous.
fn open(interface: &str) -> io::Result<Channel> {
    let interfaces = datalink::interfaces();
    let found = interfaces.iter().find(|found| found.name == interface);
    let found = found.ok_or_else(|| io::Error::other("no such interface"))?;
    let config = datalink::Config {
        read_timeout: Some(GLANCE),
        ..datalink::Config::default()
    };
    match datalink::channel(found, config)? {
        datalink::Channel::Ethernet(sender, receiver) => Ok((sender, receiver)),
        _ => Err(io::Error::other("not an Ethernet interface")),
    }
}

fn record<T>(
    receiver: &mut dyn DataLinkReceiver,
    seen: &Mutex<Vec<T>>,
    stop: &AtomicBool,
    decode: fn(&[u8], Instant) -> Option<T>,
) {
    while !stop.load(Ordering::SeqCst) {
        // An error is the read timeout: a moment to look at the stop flag.
        let Ok(frame) = receiver.next() else { continue };
        let at = Instant::now();
        if let Some(found) = decode(frame, at) {
            lock(seen).push(found);
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
            let (mut sender, _) = open(&name)?;
            sender
                .send_to(&frame, None)
                .unwrap_or_else(|| Err(io::Error::other("no buffer")))
        })?
        .map_err(NetError::system(format!("send a frame from {interface}")))
}
