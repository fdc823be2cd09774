// SPDX-License-Identifier: MIT OR Apache-2.0
//! Readiness of the descriptors of the advert thread, and the waker of that thread, over mio.
//!
//! A runtime does more at each turn than this thread needs, and on a machine whose caches are cold
//! after 10 ms each line of code costs.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

/// Events per system call.
const EVENTS: usize = 16;
/// The token of the waker; descriptors have their key in [`Inner::ready`].
const WAKER: Token = Token(usize::MAX);

/// The event loop of one thread; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Reactor(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    poll: RefCell<(Poll, Events)>,
    /// For each descriptor, whether it may be readable.
    ready: RefCell<Slab<Rc<Cell<bool>>>>,
    /// Number of descriptors that may be readable.
    count: Cell<usize>,
    waker: Waker,
    woken: Cell<bool>,
}

/// mio's waker as one of the standard library.
struct ThreadWaker(mio::Waker);

impl Wake for ThreadWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // A write to an eventfd fails only when the descriptor is invalid.
        let _ = self.0.wake();
    }
}

impl Reactor {
    /// Creates a reactor that counts as woken: no task has a waker yet.
    pub(super) fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(ThreadWaker(mio::Waker::new(poll.registry(), WAKER)?));
        Ok(Self(Rc::new(Inner {
            poll: RefCell::new((poll, Events::with_capacity(EVENTS))),
            ready: RefCell::default(),
            count: Cell::new(0),
            waker: waker.into(),
            woken: Cell::new(true),
        })))
    }

    /// Registers `descriptor` for reading until the returned value is dropped. The descriptor counts
    /// as ready: data may have arrived before.
    pub(super) fn watch<T: AsFd>(&self, descriptor: T) -> io::Result<Watch<T>> {
        let inner = &self.0;
        let ready = Rc::new(Cell::new(true));
        let key = inner.ready.borrow_mut().insert(Rc::clone(&ready));
        let registered = inner.poll.borrow().0.registry().register(
            &mut SourceFd(&descriptor.as_fd().as_raw_fd()),
            Token(key),
            Interest::READABLE,
        );
        if let Err(error) = registered {
            inner.ready.borrow_mut().remove(key);
            return Err(error);
        }
        inner.count.set(inner.count.get() + 1);
        Ok(Watch {
            descriptor,
            key,
            ready,
            reactor: self.clone(),
        })
    }

    /// Whether any descriptor may be readable.
    pub(super) fn has_ready(&self) -> bool {
        self.0.count.get() > 0
    }

    /// A waker that ends [`wait`](Self::wait), for any thread.
    pub(super) fn waker(&self) -> &Waker {
        &self.0.waker
    }

    /// Whether the waker was used since the last [`take_woken`](Self::take_woken).
    pub(super) fn is_woken(&self) -> bool {
        self.0.woken.get()
    }

    /// Returns [`is_woken`](Self::is_woken) and resets it.
    pub(super) fn take_woken(&self) -> bool {
        self.0.woken.take()
    }

    /// Sets [`is_woken`](Self::is_woken): work was left for the next turn.
    pub(super) fn set_woken(&self) {
        self.0.woken.set(true);
    }

    /// Waits until a descriptor becomes readable or the waker is used. Spurious returns are
    /// possible.
    pub(super) fn wait(&self) -> io::Result<()> {
        self.take_events(None)
    }

    /// Takes the pending events without waiting.
    pub(super) fn look(&self) -> io::Result<()> {
        self.take_events(Some(Duration::ZERO))
    }

    fn take_events(&self, mut timeout: Option<Duration>) -> io::Result<()> {
        let inner = &self.0;
        let (poll, events) = &mut *inner.poll.borrow_mut();
        loop {
            match poll.poll(events, timeout) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
                Err(error) => return Err(error),
            }
            let mut taken = 0;
            for event in &*events {
                taken += 1;
                if event.token() == WAKER {
                    inner.woken.set(true);
                } else if let Some(ready) = inner.ready.borrow().get(event.token().0)
                    && !ready.replace(true)
                {
                    inner.count.set(inner.count.get() + 1);
                }
            }
            if taken < EVENTS {
                return Ok(());
            }
            timeout = Some(Duration::ZERO);
        }
    }
}

/// A descriptor that is registered with a [`Reactor`].
///
/// mio reports edges: after one event, the next one follows only when more data arrives. A
/// descriptor therefore stays ready until [`clear`](Self::clear), which is right only after a read
/// that returned [`WouldBlock`](io::ErrorKind::WouldBlock). A turn may stop reading before that.
#[derive(Debug)]
pub(super) struct Watch<T: AsFd> {
    descriptor: T,
    key: usize,
    ready: Rc<Cell<bool>>,
    reactor: Reactor,
}

impl<T: AsFd> Watch<T> {
    pub(super) const fn get(&self) -> &T {
        &self.descriptor
    }

    /// Whether the descriptor may be readable.
    pub(super) fn is_ready(&self) -> bool {
        self.ready.get()
    }

    /// Marks the descriptor as not readable.
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
        // Closing does not deregister a socket that another process holds as well.
        let _ = inner
            .poll
            .borrow()
            .0
            .registry()
            .deregister(&mut SourceFd(&self.descriptor.as_fd().as_raw_fd()));
        inner.ready.borrow_mut().try_remove(self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::thread;

    use super::*;

    #[test]
    fn a_descriptor_becomes_ready_once_for_each_arrival() {
        let reactor = Reactor::new().unwrap();
        let (mut there, here) = UnixStream::pair().unwrap();
        let here = reactor.watch(here).unwrap();
        assert!(here.is_ready(), "data may have arrived before");
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
    fn a_descriptor_stays_ready_when_a_turn_stops_before_the_end_of_the_data() {
        let reactor = Reactor::new().unwrap();
        let (mut there, here) = UnixStream::pair().unwrap();
        here.set_nonblocking(true).unwrap();
        let here = reactor.watch(here).unwrap();
        there.write_all(b"ab").unwrap();
        reactor.wait().unwrap();
        let mut byte = [0];
        for expected in *b"ab" {
            assert!(here.is_ready() && reactor.has_ready());
            here.get().read_exact(&mut byte).unwrap();
            assert_eq!(byte, [expected]);
            // The kernel reports nothing more.
            reactor.look().unwrap();
        }
        let error = here.get().read(&mut byte).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        here.clear();
        reactor.look().unwrap();
        assert!(!here.is_ready() && !reactor.has_ready());
    }

    #[test]
    fn a_dropped_descriptor_with_another_holder_is_deregistered() {
        let reactor = Reactor::new().unwrap();
        let (mut there, here) = UnixStream::pair().unwrap();
        let mut other = here.try_clone().unwrap();
        drop(reactor.watch(here).unwrap());
        assert!(!reactor.has_ready());
        there.write_all(b"a").unwrap();
        let (poll, events) = &mut *reactor.0.poll.borrow_mut();
        poll.poll(events, Some(Duration::ZERO)).unwrap();
        assert!(events.is_empty());
        other.read_exact(&mut [0]).unwrap();
    }

    #[test]
    fn the_waker_of_another_thread_wakes_once() {
        let reactor = Reactor::new().unwrap();
        assert!(reactor.take_woken(), "woken at first");
        assert!(!reactor.is_woken());
        for _ in 0..3 {
            let waker = reactor.waker().clone();
            thread::spawn(move || {
                waker.wake_by_ref();
                waker.wake();
            })
            .join()
            .unwrap();
            reactor.wait().unwrap();
            assert!(reactor.take_woken());
            assert!(!reactor.take_woken());
            reactor.look().unwrap();
            assert!(!reactor.is_woken());
        }
        reactor.set_woken();
        assert!(reactor.take_woken());
    }

    #[test]
    fn one_look_takes_all_pending_events() {
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
