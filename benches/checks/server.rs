// SPDX-License-Identifier: MIT OR Apache-2.0
//! The server of all targets: accepts, answers, counts.

use std::fmt;
use std::net::{Ipv4Addr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use socket2::{Domain, Socket, Type};
use tests_kernel::net::Netns;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use super::Outcome;

const PEM: &[u8] = include_bytes!("../../lb-check/tests/data/tls.pem");
/// A page of 512 bytes.
const PAGE: usize = 512;
const BACKLOG: i32 = 4096;

/// What the server speaks, and so what checks it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Tcp,
    Http,
    Https,
}

impl Kind {
    pub(crate) const fn port(self) -> u16 {
        match self {
            Self::Tcp => 7000,
            Self::Http => 8080,
            Self::Https => 8443,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "`TCP_CHECK`",
            Self::Http => "`HTTP_GET`",
            Self::Https => "`SSL_GET`",
        })
    }
}

/// A thread that serves until this is dropped.
pub(crate) struct Server {
    count: Arc<AtomicU64>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on the port of this kind in a namespace.
    pub(crate) fn start(netns: &Netns, kind: Kind) -> Outcome<Self> {
        let listener = netns.enter(|| listen(kind.port()))??;
        let acceptor = TlsAcceptor::from(Arc::new(tls()?));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let count = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&count);
        let (end, ended) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, kind, acceptor, counter) => {}
                    _ = ended => {}
                }
            });
        });
        Ok(Self {
            count,
            end: Some(end),
            thread: Some(thread),
        })
    }

    /// Connections so far.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed; the bench has its figures without it.
            let _ = thread.join();
        }
    }
}

fn listen(port: u16) -> std::io::Result<StdListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&std::net::SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn tls() -> Outcome<ServerConfig> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(PEM).collect();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates?, PrivateKeyDer::from_pem_slice(PEM)?)?;
    Ok(config)
}

async fn serve(listener: StdListener, kind: Kind, acceptor: TlsAcceptor, count: Arc<AtomicU64>) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        count.fetch_add(1, Ordering::Relaxed);
        match kind {
            Kind::Tcp => drop(stream),
            Kind::Http => drop(tokio::spawn(answer(stream))),
            Kind::Https => drop(tokio::spawn(answer_over_tls(stream, acceptor.clone()))),
        }
    }
}

async fn answer_over_tls(stream: TcpStream, acceptor: TlsAcceptor) {
    if let Ok(stream) = acceptor.accept(stream).await {
        answer(stream).await;
    }
}

/// Reads a request and sends the page. What fails then is the matter of the client.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut request = Vec::with_capacity(1024);
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_buf(&mut request).await {
            Ok(1..) => {}
            _ => return,
        }
    }
    let page = "x".repeat(PAGE);
    let answer = format!("HTTP/1.0 200 OK\r\nContent-Length: {PAGE}\r\n\r\n{page}");
    if stream.write_all(answer.as_bytes()).await.is_ok() {
        // The client may have closed already.
        let _ = stream.shutdown().await;
    }
}
