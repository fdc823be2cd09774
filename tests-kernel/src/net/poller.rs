// SPDX-License-Identifier: MIT OR Apache-2.0
//! A client that polls, and so measures outages.
//!
//! One thread does all of it with non-blocking sockets: in the guest a thread per attempt would
//! take more of the one processor than what is measured.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, Socket, Type};

use super::NetError;
use super::client::{Client, read_response, request};

/// One poll: a connection with a source port of its own, a request, an answer or none.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Attempt {
    /// When it began.
    pub start: Instant,
    /// How long it took, to the answer or to being given up.
    pub took: Duration,
    /// The server that answered, or what went wrong.
    pub result: Result<String, io::ErrorKind>,
}

/// A time in which no answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outage {
    /// When the last answer before it had come.
    pub start: Instant,
    /// From there to the first answer after it.
    pub duration: Duration,
    /// How many attempts that began in it failed; the others were answered late.
    pub failed: usize,
}

/// A pause between answers that is not worth mention: what scheduling does in a busy guest.
const HICCUP: Duration = Duration::from_millis(100);

/// A client that asks for `/` at a fixed rate, whether or not the last attempt has ended.
#[derive(Debug)]
pub struct Poller {
    attempts: Arc<Mutex<Vec<Attempt>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Poller {
    /// Starts polling every `interval`; an attempt is given up after `timeout`.
    ///
    /// # Errors
    ///
    /// When the namespace cannot be entered.
    pub fn start(client: &Client, interval: Duration, timeout: Duration) -> Result<Self, NetError> {
        let attempts = Arc::<Mutex<Vec<Attempt>>>::default();
        let stop = Arc::new(AtomicBool::new(false));
        let target = client.target;
        let thread = {
            let (attempts, stop) = (Arc::clone(&attempts), Arc::clone(&stop));
            client.netns.enter(move || {
                thread::spawn(move || {
                    let mut asking = Asking::new(target, interval, timeout, attempts);
                    while !stop.load(Ordering::SeqCst) {
                        asking.step();
                    }
                })
            })?
        };
        Ok(Self {
            attempts,
            stop,
            thread: Some(thread),
        })
    }

    /// All attempts that have ended, in the order of their start.
    #[must_use]
    pub fn attempts(&self) -> Vec<Attempt> {
        let mut attempts = lock(&self.attempts).clone();
        attempts.sort_by_key(|attempt| attempt.start);
        attempts
    }

    /// The outages so far: pauses of more than 100 ms between two answers.
    ///
    /// Answers count, not attempts: an attempt that began in an outage may be answered after
    /// its end, because some host on the way kept its packet.
    #[must_use]
    pub fn outages(&self) -> Vec<Outage> {
        let attempts = self.attempts();
        let (good, bad): (Vec<_>, Vec<_>) =
            attempts.iter().partition(|attempt| attempt.result.is_ok());
        let mut answers: Vec<_> = good
            .iter()
            .map(|attempt| attempt.start + attempt.took)
            .collect();
        answers.sort();
        let pauses = answers.iter().zip(answers.iter().skip(1));
        pauses
            .map(|(&start, &end)| Outage {
                start,
                duration: end - start,
                failed: bad
                    .iter()
                    .filter(|bad| (start..end).contains(&bad.start))
                    .count(),
            })
            .filter(|outage| outage.duration > HICCUP)
            .collect()
    }

    /// The longest outage, zero when there was none.
    #[must_use]
    pub fn longest_outage(&self) -> Duration {
        self.outages()
            .iter()
            .map(|outage| outage.duration)
            .max()
            .unwrap_or_default()
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(attempts: &Mutex<Vec<Attempt>>) -> MutexGuard<'_, Vec<Attempt>> {
    attempts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The polling thread's work: attempts under way and the next one's time.
struct Asking {
    target: SocketAddr,
    request: String,
    interval: Duration,
    timeout: Duration,
    next: Instant,
    pending: Vec<Pending>,
    attempts: Arc<Mutex<Vec<Attempt>>>,
}

/// An attempt under way.
struct Pending {
    start: Instant,
    stream: TcpStream,
    asked: bool,
    answer: Vec<u8>,
}

impl Asking {
    fn new(
        target: SocketAddr,
        interval: Duration,
        timeout: Duration,
        attempts: Arc<Mutex<Vec<Attempt>>>,
    ) -> Self {
        let (request, next) = (request(target, "/"), Instant::now());
        Self {
            target,
            request,
            interval,
            timeout,
            next,
            pending: Vec::new(),
            attempts,
        }
    }

    /// Begins an attempt when it is time, and carries on with those that are ready.
    fn step(&mut self) {
        let now = Instant::now();
        if now >= self.next {
            // A late thread leaves attempts out rather than making them in a burst.
            while self.next <= now {
                self.next += self.interval;
            }
            match connect(self.target) {
                Ok(stream) => self.pending.push(Pending {
                    start: now,
                    stream,
                    asked: false,
                    answer: Vec::new(),
                }),
                Err(error) => self.note(now, Err(error.kind())),
            }
        }
        let ready = self.wait();
        for (pending, ready) in std::mem::take(&mut self.pending).into_iter().zip(ready) {
            self.carry_on(pending, ready);
        }
    }

    /// Which of the pending attempts can continue; waits for one until the next is to begin.
    fn wait(&self) -> Vec<bool> {
        let mut descriptors: Vec<_> = self
            .pending
            .iter()
            .map(|pending| {
                let wanted = if pending.asked {
                    PollFlags::POLLIN
                } else {
                    PollFlags::POLLOUT
                };
                PollFd::new(pending.stream.as_fd(), wanted)
            })
            .collect();
        let left = self.next.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        // EINTR: nothing is marked ready, and the next step looks again.
        let _ = poll(&mut descriptors, timeout);
        descriptors
            .iter()
            .map(|descriptor| descriptor.any().unwrap_or(false))
            .collect()
    }

    fn carry_on(&mut self, mut pending: Pending, ready: bool) {
        let result = if ready {
            pending.advance(&self.request)
        } else {
            Ok(None)
        };
        match result {
            Ok(Some(server)) => self.note(pending.start, Ok(server)),
            Err(error) => self.note(pending.start, Err(error.kind())),
            Ok(None) if pending.start.elapsed() > self.timeout => {
                self.note(pending.start, Err(io::ErrorKind::TimedOut));
            }
            Ok(None) => self.pending.push(pending),
        }
    }

    fn note(&self, start: Instant, result: Result<String, io::ErrorKind>) {
        lock(&self.attempts).push(Attempt {
            start,
            took: start.elapsed(),
            result,
        });
    }
}

impl Pending {
    /// Sends the request or reads on; the server's name once the answer is complete.
    fn advance(&mut self, request: &str) -> io::Result<Option<String>> {
        if !self.asked {
            if let Some(error) = self.stream.take_error()? {
                return Err(error);
            }
            self.stream.write_all(request.as_bytes())?;
            self.asked = true;
            return Ok(None);
        }
        let mut part = [0; 2048];
        let length = self.stream.read(&mut part)?;
        self.answer.extend(part.iter().take(length));
        match read_response(&mut self.answer.as_slice()) {
            Ok(response) => Ok(Some(response.server)),
            // What is there so far is not all of it.
            Err(_) if length > 0 => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Begins to connect from a source port of its own.
fn connect(target: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(target), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&target.into()) {
        Err(error) if error.raw_os_error() != Some(Errno::EINPROGRESS as i32) => Err(error),
        _ => Ok(socket.into()),
    }
}
