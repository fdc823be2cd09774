// SPDX-License-Identifier: MIT OR Apache-2.0
//! A web client, and one that polls and so measures outages.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{NetError, Netns};
use crate::process::pause;

/// What a server answered.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The server's name, from `X-Server`; empty when it gave none.
    pub server: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Asks from a namespace.
#[derive(Debug, Clone)]
pub struct Client {
    netns: Netns,
    target: SocketAddr,
}

impl Client {
    /// A client of `target` in `netns`.
    #[must_use]
    pub fn new(netns: &Netns, target: SocketAddr) -> Self {
        Self {
            netns: netns.clone(),
            target,
        }
    }

    /// Fetches `path` over a connection of its own; no step of it may take longer than `timeout`.
    ///
    /// # Errors
    ///
    /// When the namespace cannot be entered or the server does not answer as it should.
    pub fn get(&self, path: &str, timeout: Duration) -> Result<Response, NetError> {
        let (target, asked) = (self.target, path.to_owned());
        self.netns
            .enter(move || get(target, &asked, timeout))?
            .map_err(NetError::system(format!("GET http://{target}{path}")))
    }

    /// Fetches `/` `count` times, one after the other, and returns how often each server
    /// answered, in the order of their names.
    ///
    /// # Errors
    ///
    /// When one request fails.
    pub fn spread(&self, count: usize) -> Result<Vec<(String, usize)>, NetError> {
        let target = self.target;
        let names = self
            .netns
            .enter(move || {
                (0..count)
                    .map(|_| get(target, "/", Duration::from_secs(5)).map(|answer| answer.server))
                    .collect::<io::Result<Vec<_>>>()
            })?
            .map_err(NetError::system(format!("GET http://{target}/")))?;
        let mut counts = std::collections::BTreeMap::new();
        for name in names {
            *counts.entry(name).or_insert(0) += 1;
        }
        Ok(counts.into_iter().collect())
    }

    /// Starts a download of about `duration` and returns at once; the handle yields how it ended.
    ///
    /// # Errors
    ///
    /// When the namespace cannot be entered.
    pub fn download(
        &self,
        duration: Duration,
        timeout: Duration,
    ) -> Result<JoinHandle<io::Result<Response>>, NetError> {
        let target = self.target;
        let path = format!("/download/{}", duration.as_secs());
        self.netns
            .enter(move || thread::spawn(move || get(target, &path, timeout)))
    }
}

fn get(target: SocketAddr, path: &str, timeout: Duration) -> io::Result<Response> {
    let mut stream = TcpStream::connect_timeout(&target, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n\r\n"
    )?;
    read_response(&mut BufReader::new(stream))
}

fn read_response(reader: &mut impl BufRead) -> io::Result<Response> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line
        .split_whitespace()
        .nth(1)
        .and_then(|word| word.parse().ok());
    let status = status.ok_or_else(|| invalid(&format!("status line {line:?}")))?;
    let (mut server, mut length) = (String::new(), None);
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(": ") else {
            break;
        };
        match name {
            "X-Server" => value.clone_into(&mut server),
            "Content-Length" => length = value.parse::<u64>().ok(),
            _ => {}
        }
    }
    let length = length.ok_or_else(|| invalid("no Content-Length"))?;
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    if body.len() as u64 == length {
        Ok(Response {
            status,
            server,
            body,
        })
    } else {
        Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            format!("{} of {length} bytes", body.len()),
        ))
    }
}

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

/// A time in which no attempt succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outage {
    /// The start of the last attempt before that succeeded.
    pub start: Instant,
    /// From there to the start of the first attempt after that succeeded.
    pub duration: Duration,
    /// How many attempts failed in between.
    pub failed: usize,
}

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
                    let mut next = Instant::now();
                    while !stop.load(Ordering::SeqCst) {
                        let attempts = Arc::clone(&attempts);
                        // The thread inherits the namespace and ends after at most 3 timeouts.
                        thread::spawn(move || {
                            let start = Instant::now();
                            let result = get(target, "/", timeout)
                                .map(|answer| answer.server)
                                .map_err(|error| error.kind());
                            let took = start.elapsed();
                            lock(&attempts).push(Attempt {
                                start,
                                took,
                                result,
                            });
                        });
                        next += interval;
                        pause(next.saturating_duration_since(Instant::now()));
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

    /// The outages so far: gaps between two successes with at least one failure in them.
    #[must_use]
    pub fn outages(&self) -> Vec<Outage> {
        let mut outages = Vec::new();
        let (mut last, mut failed) = (None, 0);
        for attempt in self.attempts() {
            if attempt.result.is_err() {
                failed += 1;
                continue;
            }
            if let Some(start) = last.filter(|_| failed > 0) {
                outages.push(Outage {
                    start,
                    duration: attempt.start - start,
                    failed,
                });
            }
            (last, failed) = (Some(attempt.start), 0);
        }
        outages
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
