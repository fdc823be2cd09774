// SPDX-License-Identifier: MIT OR Apache-2.0
//! A small web server over TLS for a namespace, with a certificate that is expired and for another name.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{NetError, Netns};

const PEM: &[u8] = include_bytes!("../../../lb-check/tests/data/tls.pem");
/// How long a client may take for its next bytes.
const IDLE: Duration = Duration::from_secs(20);
/// How often the accepting thread looks at its orders, in milliseconds.
const GLANCE: u8 = 20;

/// What a server does with a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsBehaviour {
    /// Answers with these bytes, and ends with close_notify.
    Answer(Vec<u8>),
    /// Answers with these bytes, and closes the connection without close_notify.
    Cut(Vec<u8>),
    /// Answers with these bytes if the client sent this server name, else with status 404.
    OnlyFor(String, Vec<u8>),
    /// Reads the request, and resets the connection.
    Reset,
    /// Sends nothing of TLS.
    Silent,
    /// Closes each connection at once.
    Close,
}

/// A web server over TLS in a namespace; it stops on drop.
#[derive(Debug)]
pub struct TlsServer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    behaviour: Mutex<TlsBehaviour>,
    /// The clients of accepted connections.
    clients: Mutex<Vec<SocketAddr>>,
    config: Arc<ServerConfig>,
    stop: AtomicBool,
}

impl TlsServer {
    /// Starts a server on all addresses at `port`.
    ///
    /// # Errors
    ///
    /// When the namespace cannot be entered or the port is taken.
    pub fn start(netns: &Netns, port: u16, behaviour: TlsBehaviour) -> Result<Self, NetError> {
        let label = netns.label();
        let config = config().map_err(NetError::system(format!("TLS in {label}")))?;
        let shared = Arc::new(Shared {
            behaviour: Mutex::new(behaviour),
            clients: Mutex::default(),
            config: Arc::new(config),
            stop: AtomicBool::new(false),
        });
        let for_thread = Arc::clone(&shared);
        let thread = netns
            .enter(move || -> io::Result<_> {
                let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))?;
                listener.set_nonblocking(true)?;
                Ok(thread::spawn(move || accept(&for_thread, &listener)))
            })?
            .map_err(NetError::system(format!(
                "listen on port {port} in {label}"
            )))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Changes what it does with connections from now on.
    pub fn set_behaviour(&self, behaviour: TlsBehaviour) {
        let current = self.shared.behaviour.lock();
        *current.unwrap_or_else(PoisonError::into_inner) = behaviour;
    }

    /// How many connections came from this address.
    #[must_use]
    pub fn connections_from(&self, client: Ipv4Addr) -> usize {
        let clients = self.shared.clients.lock();
        let clients = clients.unwrap_or_else(PoisonError::into_inner);
        clients.iter().filter(|peer| peer.ip() == client).count()
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn config() -> io::Result<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(PEM).collect();
    let key = PrivateKeyDer::from_pem_slice(PEM).map_err(io::Error::other)?;
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(chain.map_err(io::Error::other)?, key)
        .map_err(io::Error::other)
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    while !shared.stop.load(Ordering::SeqCst) {
        let mut ready = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut ready, PollTimeout::from(GLANCE));
        while let Ok((stream, peer)) = listener.accept() {
            let clients = shared.clients.lock();
            clients.unwrap_or_else(PoisonError::into_inner).push(peer);
            let shared = Arc::clone(shared);
            // A client that disconnects early is not an error of the server.
            thread::spawn(move || drop(converse(&shared, stream)));
        }
    }
}

/// Answers one request.
fn converse(shared: &Shared, mut stream: TcpStream) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(IDLE))?;
    let behaviour = shared.behaviour.lock();
    let behaviour = behaviour.unwrap_or_else(PoisonError::into_inner).clone();
    match behaviour {
        TlsBehaviour::Close => return Ok(()),
        TlsBehaviour::Silent => {
            // Until the client gives up.
            while stream.read(&mut [0; 4096])? > 0 {}
            return Ok(());
        }
        _ => {}
    }
    let connection = ServerConnection::new(Arc::clone(&shared.config)).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, stream);
    let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            n => request.extend_from_slice(buffer.get(..n).unwrap_or_default()),
        }
    }
    let (answer, notify) = match behaviour {
        TlsBehaviour::Answer(answer) => (answer, true),
        TlsBehaviour::Cut(answer) => (answer, false),
        TlsBehaviour::OnlyFor(name, answer) => {
            let is_sent = stream.conn.server_name() == Some(name.as_str());
            let other = || b"HTTP/1.0 404 Not Found\r\n\r\n".to_vec();
            (if is_sent { answer } else { other() }, true)
        }
        // Nothing to linger for: closing it sends a reset.
        _ => return socket2::SockRef::from(&stream.sock).set_linger(Some(Duration::ZERO)),
    };
    stream.write_all(&answer)?;
    if notify {
        stream.conn.send_close_notify();
    }
    stream.flush()?;
    // What the client still sends is read: an unread rest would be a reset.
    stream.sock.shutdown(std::net::Shutdown::Write)?;
    while stream.sock.read(&mut buffer)? > 0 {}
    Ok(())
}
