// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the advert thread waits with: epoll for its own descriptors, and a bell that other tasks
//! ring.
//!
//! A runtime would do, but it does more at each turn than this thread needs, and on a machine whose
//! caches are cold after 10 ms each line of code that is passed costs.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Wake, Waker};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};

/// Events taken at once.
const EVENTS: usize = 16;
/// What the kernel calls the bell; descriptors count from there.
const BELL: u64 = 0;

/// Waits for descriptors and for the bell; belongs to one thread.
#[derive(Clone, Debug)]
pub(super) struct Reactor(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    epoll: Epoll,
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
struct Bell(EventFd);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // It fails only where it has been rung for longer than anybody lives.
        let _ = self.0.write(1);
    }
}

impl Reactor {
    /// The bell counts as rung at first: nobody has been asked to ring it yet.
    pub(super) fn new() -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let bell = Arc::new(Bell(EventFd::from_flags(flags)?));
        epoll.add(&bell.0, EpollEvent::new(EpollFlags::EPOLLIN, BELL))?;
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
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
        inner.epoll.add(&descriptor, EpollEvent::new(flags, id))?;
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
        self.take(EpollTimeout::NONE)
    }

    /// The same without waiting.
    pub(super) fn look(&self) -> io::Result<()> {
        self.take(EpollTimeout::ZERO)
    }

    fn take(&self, mut limit: EpollTimeout) -> io::Result<()> {
        let inner = &self.0;
        let mut events = [EpollEvent::empty(); EVENTS];
        loop {
            let count = match inner.epoll.wait(&mut events, limit) {
                Ok(count) => count,
                Err(Errno::EINTR) => 0,
                Err(error) => return Err(error.into()),
            };
            for event in events.iter().take(count) {
                if event.data() == BELL {
                    inner.rung.set(true);
                    // Whoever rings it from now on is heard the next time.
                    let _ = inner.bell.0.read();
                } else if let Some(ready) = inner.ready.borrow().get(&event.data())
                    && !ready.replace(true)
                {
                    inner.count.set(inner.count.get() + 1);
                }
            }
            if count < EVENTS {
                return Ok(());
            }
            limit = EpollTimeout::ZERO;
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
        let _ = inner.epoll.delete(&self.descriptor);
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
        let mut events = [EpollEvent::empty(); EVENTS];
        let told = reactor.0.epoll.wait(&mut events, EpollTimeout::ZERO);
        assert_eq!(told, Ok(0));
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
