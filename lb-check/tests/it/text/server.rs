// SPDX-License-Identifier: MIT OR Apache-2.0
//! A server that follows a script.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use lb_check::Target;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use super::STEP;

const PEM: &[u8] = include_bytes!("../../data/tls.pem");

/// What a server does next.
#[derive(Clone, Copy, Debug)]
pub(super) enum Do {
    /// Sends a text.
    Send(&'static str),
    /// Sends bytes.
    Bytes(&'static [u8]),
    /// Sends a text byte by byte, at once.
    Single(&'static str),
    /// Sends a text byte by byte, half a step after each.
    Drip(&'static str),
    /// Sends bytes for ever, without a line break.
    Endless,
    /// Receives a line.
    Line,
    /// Receives so many bytes.
    Receive(usize),
    /// Receives until the client closes its side.
    Drain,
    /// Makes the handshake of TLS.
    Tls,
    /// Resets the connection.
    Reset,
    /// Keeps the connection open.
    Hang,
}

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// Starts a server on loopback that follows the script for each connection, and closes. What it received comes
/// out of the channel: lines, and `TLS NAME` for a handshake.
pub(super) async fn start(script: &[Do]) -> (Target, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let target = Target::new(listener.local_addr().unwrap());
    let script: Arc<[Do]> = script.into();
    let (seen, received) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            tokio::spawn(serve(stream, Arc::clone(&script), seen.clone()));
        }
    });
    (target, received)
}

/// What the server received so far.
pub(super) fn drain(received: &mut mpsc::UnboundedReceiver<String>) -> Vec<String> {
    std::iter::from_fn(|| received.try_recv().ok()).collect()
}

async fn serve(stream: TcpStream, script: Arc<[Do]>, seen: mpsc::UnboundedSender<String>) {
    let linger = socket2::Socket::from(nix::unistd::dup(&stream).unwrap());
    let mut stream: Box<dyn Duplex> = Box::new(stream);
    for action in script.iter() {
        let done = match *action {
            Do::Send(text) => stream.write_all(text.as_bytes()).await.is_ok(),
            Do::Bytes(bytes) => stream.write_all(bytes).await.is_ok(),
            Do::Single(text) => send_single(&mut stream, text, Duration::ZERO).await,
            Do::Drip(text) => send_single(&mut stream, text, STEP / 2).await,
            Do::Endless => {
                while stream.write_all(&[b'x'; 1000]).await.is_ok() {}
                false
            }
            Do::Line => receive(&mut stream, usize::MAX, &seen).await,
            Do::Receive(count) => receive(&mut stream, count, &seen).await,
            Do::Drain => {
                let mut rest = Vec::new();
                let read = stream.read_to_end(&mut rest).await;
                let _ = seen.send(String::from_utf8_lossy(&rest).into_owned());
                read.is_ok()
            }
            Do::Tls => match acceptor().accept(stream).await {
                Ok(secured) => {
                    let name = secured.get_ref().1.server_name().unwrap_or("-");
                    let _ = seen.send(format!("TLS {name}"));
                    stream = Box::new(secured);
                    true
                }
                Err(_) => return,
            },
            Do::Reset => {
                linger.set_linger(Some(Duration::ZERO)).unwrap();
                return;
            }
            Do::Hang => {
                sleep(60 * STEP).await;
                true
            }
        };
        let _ = stream.flush().await;
        if !done {
            return;
        }
    }
    let _ = stream.shutdown().await;
}

async fn send_single(stream: &mut Box<dyn Duplex>, text: &str, pause: Duration) -> bool {
    for byte in text.bytes() {
        if stream.write_all(&[byte]).await.is_err() || stream.flush().await.is_err() {
            return false;
        }
        sleep(pause).await;
    }
    true
}

/// Receives a line, or so many bytes.
async fn receive(
    stream: &mut Box<dyn Duplex>,
    most: usize,
    seen: &mpsc::UnboundedSender<String>,
) -> bool {
    let mut line = Vec::new();
    while line.len() < most && !(most == usize::MAX && line.ends_with(b"\n")) {
        match stream.read_u8().await {
            Ok(byte) => line.push(byte),
            Err(_) => return false,
        }
    }
    let line = String::from_utf8_lossy(&line).trim_end().to_owned();
    seen.send(line).is_ok()
}

fn acceptor() -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = CertificateDer::pem_slice_iter(PEM).collect::<Result<Vec<_>, _>>();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain.unwrap(), PrivateKeyDer::from_pem_slice(PEM).unwrap())
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}
