// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the advert thread waits with: epoll for its own descriptors, and a bell that other tasks
//! ring.
//!
//! A runtime would do, but it does more at each turn than this thread needs, and on a machine whose
//! caches are cold after 10 ms each line of code that is passed costs. For the same reason the system
//! calls here are rustix's: libc's are points of cancellation where there are threads.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Wake, Waker};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::io::Errno;

/// Events taken at once.
const EVENTS: usize = 16;
/// What the kernel calls the bell; descriptors count from there.
const BELL: u64 = 0;
const AT_ONCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// Waits for descriptors and for the bell; belongs to one thread.
#[derive(Clone, Debug)]
pub(super) struct Reactor(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    epoll: OwnedFd,
    /// Whether there may be something to read, by what the kernel calls a descriptor.
    ready: RefCell<BTreeMap<u64, Rc<Cell<bool>>>>,
    /// How many of them.
    count: Cell<usize>,
    last: Cell<u64>,
    bell: Arc<Bell>,
    rung: Cell<bool>,
}

/// Rung from any thread.
#[derive(Debug)]
struct Bell(OwnedFd);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // It fails only where it has been rung for longer than anybody lives.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }
}

impl Reactor {
    /// The bell counts as rung at first: nobody has been asked to ring it yet.
    pub(super) fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let bell = Arc::new(Bell(eventfd(0, flags)?));
        epoll::add(&epoll, &bell.0, EventData::new_u64(BELL), EventFlags::IN)?;
        Ok(Self(Rc::new(Inner {
            epoll,
            ready: RefCell::default(),
            count: Cell::new(0),
            last: Cell::new(BELL),
            bell,
            rung: Cell::new(true),
        })))
    }

    /// Waits for `descriptor` to be readable, too, until what this returns is dropped. It may have
    /// been readable before.
    pub(super) fn watch<T: AsFd>(&self, descriptor: T) -> io::Result<Watch<T>> {
        let inner = &self.0;
        let id = inner.last.get() + 1;
        inner.last.set(id);
        let flags = EventFlags::IN | EventFlags::ET;
        epoll::add(&inner.epoll, &descriptor, EventData::new_u64(id), flags)?;
        let ready = Rc::new(Cell::new(true));
        inner.ready.borrow_mut().insert(id, Rc::clone(&ready));
        inner.count.set(inner.count.get() + 1);
        Ok(Watch {
            descriptor,
            id,
            ready,
            reactor: self.clone(),
        })
    }

    /// Whether there may be something to read on any descriptor.
    pub(super) fn has_ready(&self) -> bool {
        self.0.count.get() > 0
    }

    /// Rings the bell.
    pub(super) fn waker(&self) -> Waker {
        Arc::clone(&self.0.bell).into()
    }

    /// Whether the bell has been rung since it was last [heard](Self::hear).
    pub(super) fn is_rung(&self) -> bool {
        self.0.rung.get()
    }

    /// The same, and forgets it.
    pub(super) fn hear(&self) -> bool {
        self.0.rung.take()
    }

    /// Has not heard all that there was.
    pub(super) fn unhear(&self) {
        self.0.rung.set(true);
    }

    /// Returns when a descriptor has become readable since the last call or the bell has been rung;
    /// also for no reason at all.
    pub(super) fn wait(&self) -> io::Result<()> {
        self.take(None)
    }

    /// The same without waiting.
    pub(super) fn look(&self) -> io::Result<()> {
        self.take(Some(&AT_ONCE))
    }

    fn take(&self, mut limit: Option<&Timespec>) -> io::Result<()> {
        let inner = &self.0;
        let mut room = [MaybeUninit::uninit(); EVENTS];
        loop {
            let events: &[Event] = match epoll::wait(&inner.epoll, &mut room, limit) {
                Ok((events, _)) => events,
                Err(Errno::INTR) => &[],
                Err(error) => return Err(error.into()),
            };
            for event in events {
                let id = event.data.u64();
                if id == BELL {
                    inner.rung.set(true);
                    // Whoever rings it from now on is heard the next time.
                    let _ = rustix::io::read(&inner.bell.0, &mut [0; 8]);
                } else if let Some(ready) = inner.ready.borrow().get(&id)
                    && !ready.replace(true)
                {
                    inner.count.set(inner.count.get() + 1);
                }
            }
            if events.len() < EVENTS {
                return Ok(());
            }
            limit = Some(&AT_ONCE);
        }
    }
}

/// A descriptor that a [`Reactor`] waits for.
///
/// The kernel tells of edges: after it has said that there is something to read, it says so again
/// only for what arrives later. So it is read until there is nothing, which is then
/// [told](Self::clear).
#[derive(Debug)]
pub(super) struct Watch<T: AsFd> {
    descriptor: T,
    id: u64,
    ready: Rc<Cell<bool>>,
    reactor: Reactor,
}

impl<T: AsFd> Watch<T> {
    pub(super) const fn get(&self) -> &T {
        &self.descriptor
    }

    /// Whether there may be something to read.
    pub(super) fn is_ready(&self) -> bool {
        self.ready.get()
    }

    /// There is nothing to read any more.
    pub(super) fn clear(&self) {
        if self.ready.replace(false) {
            let count = &self.reactor.0.count;
            count.set(count.get().saturating_sub(1));
        }
    }
}

impl<T: AsFd> Drop for Watch<T> {
    fn drop(&mut self) {
        let inner = &self.reactor.0;
        self.clear();
        // Closing is not enough where another process has the same socket.
        let _ = epoll::delete(&inner.epoll, &self.descriptor);
        inner.ready.borrow_mut().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::thread;

    use super::*;

    #[test]
    fn an_edge_is_told_once_until_more_arrives() {
        let reactor = Reactor::new().unwrap();
        let (mut there, here) = UnixStream::pair().unwrap();
        let here = reactor.watch(here).unwrap();
        assert!(here.is_ready(), "nobody has looked yet");
        here.clear();
        reactor.look().unwrap();
        assert!(!here.is_ready());
        there.write_all(b"a").unwrap();
        reactor.wait().unwrap();
        assert!(here.is_ready());
        here.clear();
        reactor.look().unwrap();
        assert!(!here.is_ready(), "the same byte");
        there.write_all(b"b").unwrap();
        reactor.wait().unwrap();
        assert!(here.is_ready());
    }

    #[test]
    fn a_descriptor_that_somebody_else_has_too_is_forgotten() {
        let reactor = Reactor::new().unwrap();
        let (mut there, here) = UnixStream::pair().unwrap();
        let mut other = here.try_clone().unwrap();
        drop(reactor.watch(here).unwrap());
        there.write_all(b"a").unwrap();
        let mut room = [MaybeUninit::uninit(); EVENTS];
        let (told, _) = epoll::wait(&reactor.0.epoll, &mut room, Some(&AT_ONCE)).unwrap();
        assert_eq!(told.len(), 0);
        other.read_exact(&mut [0]).unwrap();
    }

    #[test]
    fn the_bell_is_heard_from_another_thread_and_once() {
        let reactor = Reactor::new().unwrap();
        assert!(reactor.hear(), "to begin with");
        assert!(!reactor.is_rung());
        let waker = reactor.waker();
        thread::spawn(move || {
            waker.wake_by_ref();
            waker.wake();
        })
        .join()
        .unwrap();
        reactor.wait().unwrap();
        assert!(reactor.hear());
        assert!(!reactor.hear());
        reactor.look().unwrap();
        assert!(!reactor.is_rung());
        reactor.unhear();
        assert!(reactor.hear());
    }

    #[test]
    fn one_look_sees_all_that_there_is() {
        let reactor = Reactor::new().unwrap();
        let pairs: Vec<_> = (0..2 * EVENTS + 1)
            .map(|_| {
                let (there, here) = UnixStream::pair().unwrap();
                let here = reactor.watch(here).unwrap();
                here.clear();
                (there, here)
            })
            .collect();
        for (there, _) in &pairs {
            let mut there = there;
            there.write_all(b"a").unwrap();
        }
        reactor.look().unwrap();
        assert!(pairs.iter().all(|(_, here)| here.is_ready()));
    }
}
