// SPDX-License-Identifier: MIT OR Apache-2.0
//! A small web server for a namespace: one page, a slow download, and ways to misbehave.

use std::io::{self, BufRead, BufReader, Read as _, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{NetError, Netns};
use crate::process::pause;

/// The page a freshly installed web server used to show, 177 bytes; its MD5 digest is
/// `21dde95d9d269cbb2fa6560309dca40c`.
pub const PAGE: &str = "<html><body><h1>It works!</h1>\n\
<p>This is the default web page for this server.</p>\n\
<p>The web server software is running but no content has been added, yet.</p>\n\
</body></html>\n";

/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(90);
/// Connections that may wait for a worker.
const BACKLOG: usize = 128;
/// How often the accepting thread looks at its orders.
const GLANCE: u8 = 20;
/// How often a download sends a line.
const DRIP: Duration = Duration::from_millis(100);

/// What a server does with a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Behaviour {
    /// Serves [`PAGE`] at once, and `/download/SECONDS` drop by drop.
    Serve,
    /// Serves after a delay.
    Slow(Duration),
    /// Answers every request with this status.
    Status(u16),
    /// Serves another page.
    Page(String),
    /// Answers every request with these bytes, and closes the connection.
    Raw(Vec<u8>),
    /// Answers every request with these bytes, with a pause of 100 ms between two of the parts.
    Parts(Vec<Vec<u8>>),
    /// Lets clients connect and never reads from them.
    Hang,
    /// Sends one byte of the answer every 300 ms: sooner than any time limit of one step, and too seldom for
    /// any limit of the whole.
    Drip,
    /// Closes without an answer.
    Close,
    /// Resets the connection instead of an answer.
    Reset,
    /// Does not listen: clients are refused.
    Refuse,
}

/// One request a server has read.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Request {
    /// When it had been read.
    pub at: Instant,
    /// Who sent it.
    pub peer: SocketAddr,
    /// What it asked for.
    pub path: String,
    /// What it sent along, as far as it is text.
    pub body: String,
}

/// A web server in a namespace; it stops on drop.
///
/// Every answer names the server in the header `X-Server`.
#[derive(Debug)]
pub struct HttpServer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    name: String,
    address: SocketAddr,
    behaviour: Mutex<Behaviour>,
    requests: Mutex<Vec<Request>>,
    /// Whether the accepting thread listens, or not, as the behaviour asks.
    settled: AtomicBool,
    stop: AtomicBool,
}

impl Shared {
    fn behaviour(&self) -> MutexGuard<'_, Behaviour> {
        self.behaviour
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn requests(&self) -> MutexGuard<'_, Vec<Request>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpServer {
    /// Starts a server named as its namespace, on all addresses at `port`.
    ///
    /// # Errors
    ///
    /// When the namespace cannot be entered or the port is taken.
    pub fn start(netns: &Netns, port: u16) -> Result<Self, NetError> {
        let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        let shared = Arc::new(Shared {
            name: netns.label().to_owned(),
            address,
            behaviour: Mutex::new(Behaviour::Serve),
            requests: Mutex::default(),
            settled: AtomicBool::new(true),
            stop: AtomicBool::new(false),
        });
        let for_thread = Arc::clone(&shared);
        let thread = netns
            .enter(move || -> io::Result<_> {
                let listener = listen(address)?;
                Ok(thread::spawn(move || accept(&for_thread, Some(listener))))
            })?
            .map_err(NetError::system(format!(
                "listen on {address} in {}",
                netns.label()
            )))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Its name: that of its namespace.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Changes what it does from now on; returns when that is in force.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        *self.shared.behaviour() = behaviour;
        self.shared.settled.store(false, Ordering::SeqCst);
        while !self.shared.settled.load(Ordering::SeqCst) {
            pause(Duration::from_millis(1));
        }
    }

    /// All requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests().clone()
    }

    /// How many requests came from this address; it distinguishes the directors'
    /// checks from the client's requests.
    #[must_use]
    pub fn requests_from(&self, client: Ipv4Addr) -> usize {
        self.shared
            .requests()
            .iter()
            .filter(|request| request.peer.ip() == client)
            .count()
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Threads that converse, made when none is idle and kept: making one is dear in the guest.
struct Workers {
    shared: Arc<Shared>,
    connections: SyncSender<Connection>,
    waiting: Arc<Mutex<Receiver<Connection>>>,
    idle: Arc<AtomicUsize>,
}

type Connection = (TcpStream, SocketAddr);

impl Workers {
    fn new(shared: &Arc<Shared>) -> Self {
        let (connections, waiting) = sync_channel(BACKLOG);
        Self {
            shared: Arc::clone(shared),
            connections,
            waiting: Arc::new(Mutex::new(waiting)),
            idle: Arc::default(),
        }
    }

    fn take(&self, connection: Connection) {
        let one_less = |idle: usize| idle.checked_sub(1);
        let order = Ordering::SeqCst;
        if self.idle.fetch_update(order, order, one_less).is_err() {
            self.spawn();
        }
        // A full queue drops the connection, as a full backlog would.
        let _ = self.connections.try_send(connection);
    }

    /// Starts a thread in this namespace that ends after the server and its last conversation.
    fn spawn(&self) {
        let (shared, idle) = (Arc::clone(&self.shared), Arc::clone(&self.idle));
        let waiting = Arc::clone(&self.waiting);
        thread::spawn(move || {
            loop {
                let next = waiting
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .recv();
                let Ok((stream, peer)) = next else { return };
                // A client that disconnects early is not an error of the server.
                drop(converse(&shared, &stream, peer));
                drop(stream);
                idle.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
}

/// Accepts connections until `stop` is set.
fn accept(shared: &Arc<Shared>, mut listener: Option<TcpListener>) {
    let workers = Workers::new(shared);
    while !shared.stop.load(Ordering::SeqCst) {
        let behaviour = shared.behaviour().clone();
        if behaviour == Behaviour::Refuse {
            listener = None;
        } else if listener.is_none() {
            listener = listen(shared.address).ok();
        }
        shared.settled.store(true, Ordering::SeqCst);
        let open = listener.as_ref().filter(|_| behaviour != Behaviour::Hang);
        let Some(open) = open else {
            pause(Duration::from_millis(GLANCE.into()));
            continue;
        };
        let mut ready = [PollFd::new(open.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut ready, PollTimeout::from(GLANCE));
        while let Ok(connection) = open.accept() {
            workers.take(connection);
        }
    }
}

/// Answers requests on one connection until the client closes it or asks to.
fn converse(shared: &Shared, stream: &TcpStream, peer: SocketAddr) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(IDLE))?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some((path, body, keep)) = read_request(&mut reader)? {
        let at = Instant::now();
        shared.requests().push(Request {
            at,
            peer,
            path: path.clone(),
            body,
        });
        let behaviour = shared.behaviour().clone();
        respond(shared, stream, &path, keep, behaviour)?;
        if !keep {
            break;
        }
    }
    Ok(())
}

/// The path, the body, and whether the connection stays open.
fn read_request(reader: &mut impl BufRead) -> io::Result<Option<(String, String, bool)>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().skip(1);
    let path = words.next().unwrap_or("/").to_owned();
    let mut keep = words.next() == Some("HTTP/1.1");
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            let mut body = Vec::new();
            reader.take(length).read_to_end(&mut body)?;
            let body = String::from_utf8_lossy(&body).into_owned();
            return Ok(Some((path, body, keep)));
        }
        let header = header.to_ascii_lowercase();
        if header.starts_with("connection: close") {
            keep = false;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
}

fn respond(
    shared: &Shared,
    mut stream: &TcpStream,
    path: &str,
    keep: bool,
    behaviour: Behaviour,
) -> io::Result<()> {
    let name = &shared.name;
    let connection = if keep { "keep-alive" } else { "close" };
    let (status, page) = match &behaviour {
        Behaviour::Status(status) => (*status, ""),
        Behaviour::Page(page) => (200, page.as_str()),
        _ => (200, PAGE),
    };
    let length = page.len();
    let answer = format!(
        "HTTP/1.1 {status} As asked\r\nX-Server: {name}\r\nContent-Type: text/html\r\n\
         Content-Length: {length}\r\nConnection: {connection}\r\n\r\n{page}"
    );
    match behaviour {
        Behaviour::Close => return stream.shutdown(std::net::Shutdown::Both),
        // Nothing to linger for: closing it sends a reset.
        Behaviour::Reset => {
            return socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
        Behaviour::Raw(bytes) => {
            stream.write_all(&bytes)?;
            return stream.shutdown(std::net::Shutdown::Both);
        }
        Behaviour::Parts(parts) => {
            for part in parts {
                stream.write_all(&part)?;
                pause(Duration::from_millis(100));
            }
            return stream.shutdown(std::net::Shutdown::Both);
        }
        Behaviour::Slow(delay) => pause(delay),
        Behaviour::Drip => {
            for byte in answer.as_bytes() {
                stream.write_all(&[*byte])?;
                pause(Duration::from_millis(300));
            }
            return Ok(());
        }
        _ => {}
    }
    match path
        .strip_prefix("/download/")
        .and_then(|seconds| seconds.parse().ok())
    {
        Some(seconds) => download(name, stream, Duration::from_secs(seconds)),
        None => stream.write_all(answer.as_bytes()),
    }
}

/// Sends a numbered line every [`DRIP`], of an announced total length, for about `duration`.
fn download(name: &str, mut stream: &TcpStream, duration: Duration) -> io::Result<()> {
    let lines = duration.as_millis() / DRIP.as_millis();
    let line = |number| format!("{number:07}\n");
    let length = lines * line(0).len() as u128;
    write!(
        stream,
        "HTTP/1.1 200 As asked\r\nX-Server: {name}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    )?;
    for number in 0..lines {
        stream.write_all(line(number).as_bytes())?;
        pause(DRIP);
    }
    Ok(())
}
