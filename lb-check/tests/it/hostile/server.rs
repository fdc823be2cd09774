// SPDX-License-Identifier: MIT OR Apache-2.0
//! Servers that do what no good server does.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

/// Pause after each write of an endless answer: the servers share the processors with the checks, and a
/// network has a limit, too.
const PAUSE: Duration = Duration::from_millis(5);
/// Time that a server gives a client to send its request.
const REQUEST: Duration = Duration::from_millis(50);
const PIECE: usize = 4096;

/// The form of a good answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    /// How it begins, with the end of the first line.
    pub(super) first_line: &'static str,
    /// A line that may follow any number of times before the end of the head.
    pub(super) further_line: &'static str,
    /// What ends the head.
    pub(super) end: &'static str,
}

/// What a server does instead of a good answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hostility {
    /// Sends lines of a head without an end.
    EndlessHead,
    /// Sends a body without an end.
    EndlessBody,
    /// Sends a byte a second.
    ByteASecond,
    /// Sends chunks of one byte, each in a packet of its own, without an end.
    OneByteChunks,
    /// Sends 100 KB that a decoder of gzip would make 16 MB of.
    CompressedBomb,
    /// Resets the connection at once.
    ResetAtOnce,
    /// Resets the connection after the request.
    ResetAfterRequest,
    /// Resets the connection in the first line.
    ResetInHead,
    /// Resets the connection in the body.
    ResetInBody,
    /// Accepts the connection and is silent.
    Silent,
    /// Sends a good answer and does not close the connection.
    NeverCloses,
}

impl Hostility {
    pub(super) const ALL: [Self; 11] = [
        Self::EndlessHead,
        Self::EndlessBody,
        Self::ByteASecond,
        Self::OneByteChunks,
        Self::CompressedBomb,
        Self::ResetAtOnce,
        Self::ResetAfterRequest,
        Self::ResetInHead,
        Self::ResetInBody,
        Self::Silent,
        Self::NeverCloses,
    ];

    /// Listens at `ip` on a free port and serves until the runtime ends.
    pub(super) async fn start(self, ip: Ipv4Addr, dialect: Dialect) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind((ip, 0)).await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move {
            // An error is a lack of descriptors, which ends when a client closes its connection.
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        tokio::spawn(self.serve(stream, dialect));
                    }
                    Err(_) => sleep(PAUSE).await,
                }
            }
        });
        Ok(address)
    }

    /// Serves one connection, until the client closes it.
    async fn serve(self, stream: TcpStream, dialect: Dialect) {
        // Without a delay each write is a packet.
        let _ = stream.set_nodelay(true);
        let (mut from, mut to) = stream.into_split();
        let answer = async {
            // The end of the answer and a closed connection are the same to these servers.
            let _ = self.answer(&mut to, dialect).await;
        };
        if self != Self::ResetAtOnce {
            let mut request = [0; PIECE];
            let _ = timeout(REQUEST, from.read(&mut request)).await;
        }
        let client_closes = async {
            let mut rest = [0; PIECE];
            while matches!(from.read(&mut rest).await, Ok(1..)) {}
        };
        tokio::select! {
            () = answer => {}
            () = client_closes => {}
        }
        let Ok(stream) = from.reunite(to) else {
            return;
        };
        if self.resets() {
            let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        }
    }

    const fn resets(self) -> bool {
        matches!(
            self,
            Self::ResetAtOnce | Self::ResetAfterRequest | Self::ResetInHead | Self::ResetInBody
        )
    }

    async fn answer(
        self,
        to: &mut tokio::net::tcp::OwnedWriteHalf,
        dialect: Dialect,
    ) -> io::Result<()> {
        let Dialect {
            first_line,
            further_line,
            end,
        } = dialect;
        let head = format!("{first_line}{further_line}{end}");
        match self {
            Self::ResetAtOnce | Self::ResetAfterRequest => return Ok(()),
            Self::Silent => {}
            Self::ResetInHead => {
                let half = first_line.len() / 2;
                return to.write_all(&first_line.as_bytes()[..half]).await;
            }
            Self::ResetInBody => return to.write_all(format!("{head}half a").as_bytes()).await,
            Self::ByteASecond => {
                for byte in head.bytes().chain(std::iter::repeat(b'x')) {
                    to.write_all(&[byte]).await?;
                    sleep(Duration::from_secs(1)).await;
                }
            }
            Self::EndlessHead => {
                to.write_all(first_line.as_bytes()).await?;
                let piece = further_line.repeat(PIECE / further_line.len());
                return repeat(to, piece.as_bytes()).await;
            }
            Self::EndlessBody => {
                to.write_all(head.as_bytes()).await?;
                return repeat(to, &[b'x'; PIECE]).await;
            }
            Self::OneByteChunks => {
                let head = format!("{first_line}Transfer-Encoding: chunked\r\n{end}");
                to.write_all(head.as_bytes()).await?;
                return repeat(to, b"1\r\nx\r\n").await;
            }
            Self::CompressedBomb => {
                let head = format!("{first_line}Content-Encoding: gzip\r\n{end}");
                to.write_all(head.as_bytes()).await?;
                return to.write_all(&bomb(100_000)).await;
            }
            Self::NeverCloses => to.write_all(format!("{head}good").as_bytes()).await?,
        }
        std::future::pending().await
    }
}

async fn repeat(to: &mut tokio::net::tcp::OwnedWriteHalf, piece: &[u8]) -> io::Result<()> {
    loop {
        to.write_all(piece).await?;
        sleep(PAUSE).await;
    }
}

/// About `size` bytes of gzip that mean 158 times as many zeros.
fn bomb(size: usize) -> Vec<u8> {
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut bits = Bits::default();
    // A last block with fixed codes: one zero, then copies of 258 bytes from one byte before.
    bits.push(&mut bytes, 0b011, 3);
    bits.push(&mut bytes, 0b0000_1100, 8);
    while bytes.len() < size {
        bits.push(&mut bytes, 0b1010_0011, 8);
        bits.push(&mut bytes, 0, 5);
    }
    bytes
}

/// Bits on their way into bytes, the lowest first.
#[derive(Default)]
struct Bits {
    pending: u32,
    count: u32,
}

impl Bits {
    fn push(&mut self, bytes: &mut Vec<u8>, bits: u32, count: u32) {
        self.pending |= bits << self.count;
        self.count += count;
        while self.count >= 8 {
            bytes.push((self.pending & 0xff) as u8);
            self.pending >>= 8;
            self.count -= 8;
        }
    }
}
