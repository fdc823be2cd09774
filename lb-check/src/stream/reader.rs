// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads and writes with limits of time and length.

use std::io::ErrorKind;
use std::net::IpAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::{Stream, TlsRequest, failure};
use crate::connect::Close;
use crate::outcome::Failure;
use crate::{Reason, Target};

/// The most bytes of one read, and the most room that is reserved before bytes arrive.
const CHUNK: usize = 2048;

/// A connection with a buffer of received bytes. The limit of a function is for the whole of it, whatever number of
/// reads or writes it needs: a peer that sends one byte after another exceeds it.
///
/// All functions are cancel-safe: bytes that were received stay in the buffer.
#[derive(Debug)]
pub(crate) struct Connection<S = Stream> {
    stream: S,
    buffer: Vec<u8>,
    /// The bytes at the start of the buffer that the last read returned.
    taken: usize,
}

impl Connection {
    /// Connects, and makes the handshake of TLS if `tls` is given. Connecting and the handshake may take `limit`
    /// each.
    pub(crate) async fn open(
        target: &Target,
        tls: Option<TlsRequest<'_>>,
        limit: Duration,
        close: Close,
    ) -> Result<Self, Failure> {
        Ok(Self::new(Stream::open(target, tls, limit, close).await?))
    }

    /// Makes a plain connection a TLS connection within `limit`, for protocols that start with plain text
    /// (`STARTTLS`).
    ///
    /// Plain bytes that arrived before the handshake are a failure: a third party could have added them, and they
    /// would count as sent over TLS.
    pub(crate) async fn start_tls(
        self,
        peer: IpAddr,
        tls: TlsRequest<'_>,
        limit: Duration,
    ) -> Result<Self, Failure> {
        if let Some(rest @ [_, ..]) = self.buffer.get(self.taken..) {
            return Err(Failure::Target(Reason::unexpected(rest)));
        }
        Ok(Self::new(self.stream.start_tls(peer, tls, limit).await?))
    }

    /// Ends the connection in an orderly way within `limit`; see [`Stream::close`].
    pub(crate) async fn close(mut self, limit: Duration) {
        self.stream.close(limit).await;
    }

    /// Ends the sending side within `limit`; answers are still received. See [`Stream::close`].
    pub(crate) async fn close_write(&mut self, limit: Duration) {
        self.stream.close(limit).await;
    }

    /// Ends the connection with a reset.
    pub(crate) fn reset(self) {
        self.stream.reset();
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    /// A connection over an established stream.
    pub(crate) const fn new(stream: S) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
            taken: 0,
        }
    }

    /// Sends all of `bytes` within `limit`.
    pub(crate) async fn write_all(&mut self, bytes: &[u8], limit: Duration) -> Result<(), Failure> {
        let write = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match timeout(limit, write).await {
            Ok(written) => written.map_err(|error| failure("send", &error)),
            Err(_) => Err(Failure::Target(Reason::L7Timeout)),
        }
    }

    /// Returns the next line, without the LF or CR LF that ends it. A line may have `most` bytes with its end.
    pub(crate) async fn read_line(
        &mut self,
        most: usize,
        limit: Duration,
    ) -> Result<&[u8], Failure> {
        let line = self.read_until(b"\n", most, limit).await?;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        Ok(line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// As [`read_line`](Self::read_line); the end of the stream ends a line, too, which is not empty then.
    pub(crate) async fn read_line_or_rest(
        &mut self,
        most: usize,
        limit: Duration,
    ) -> Result<&[u8], Failure> {
        let end = match within(limit, self.find(b"\n", most)).await {
            Err(Failure::Target(Reason::L7Closed)) => self.buffer.len(),
            found => found?,
        };
        let line = self.take(end);
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        Ok(line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// Returns the bytes up to the first `delimiter`, with it; at most `most`.
    pub(crate) async fn read_until(
        &mut self,
        delimiter: &[u8],
        most: usize,
        limit: Duration,
    ) -> Result<&[u8], Failure> {
        let found = within(limit, self.find(delimiter, most)).await?;
        Ok(self.take(found))
    }

    /// Returns the next `count` bytes. Room for them is reserved as they arrive; nevertheless the caller bounds
    /// `count`.
    pub(crate) async fn read_exact(
        &mut self,
        count: usize,
        limit: Duration,
    ) -> Result<&[u8], Failure> {
        self.drop_taken();
        let whole = async {
            while self.buffer.len() < count {
                self.fill_or_fail(count).await?;
            }
            Ok(())
        };
        within(limit, whole).await?;
        Ok(self.take(count))
    }

    /// Returns the next bytes, as many as there are, at most `most`; none at the end of the stream.
    pub(crate) async fn read_some(
        &mut self,
        most: usize,
        limit: Duration,
    ) -> Result<&[u8], Failure> {
        self.drop_taken();
        if self.buffer.is_empty() {
            within(limit, self.fill(most)).await?;
        }
        let count = self.buffer.len().min(most);
        Ok(self.take(count))
    }

    /// The number of bytes up to the first delimiter, with it; waits until they are there.
    async fn find(&mut self, delimiter: &[u8], most: usize) -> Result<usize, Failure> {
        self.drop_taken();
        let mut searched = 0_usize;
        loop {
            // The delimiter may begin in what has been searched.
            let from = searched.saturating_sub(delimiter.len().saturating_sub(1));
            let new = self.buffer.get(from..).unwrap_or_default();
            let at = new
                .windows(delimiter.len().max(1))
                .position(|bytes| bytes == delimiter);
            if let Some(at) = at.map(|at| from + at + delimiter.len())
                && at <= most
            {
                return Ok(at);
            }
            searched = self.buffer.len();
            if searched >= most {
                return Err(Failure::Target(Reason::L7TooLong(most)));
            }
            self.fill_or_fail(most).await?;
        }
    }

    /// Receives more bytes, until the buffer has at most `most`; the end of the stream is a failure.
    async fn fill_or_fail(&mut self, most: usize) -> Result<(), Failure> {
        match (self.fill(most).await?, self.buffer.as_slice()) {
            (0, []) => Err(Failure::Target(Reason::L7NoData)),
            (0, _) => Err(Failure::Target(Reason::L7Closed)),
            _ => Ok(()),
        }
    }

    /// Receives more bytes, until the buffer has at most `most`; returns their number, 0 at the end of the
    /// stream.
    async fn fill(&mut self, most: usize) -> Result<usize, Failure> {
        let room = most.saturating_sub(self.buffer.len()).min(CHUNK);
        self.buffer.reserve(room);
        let room = u64::try_from(room).unwrap_or(u64::MAX);
        match (&mut self.stream)
            .take(room)
            .read_buf(&mut self.buffer)
            .await
        {
            // The end of TLS without close_notify.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(0),
            read => read.map_err(|error| failure("receive", &error)),
        }
    }

    /// Returns the first bytes of the buffer, which the next read drops.
    fn take(&mut self, count: usize) -> &[u8] {
        self.taken = count;
        self.buffer.get(..count).unwrap_or_default()
    }

    fn drop_taken(&mut self) {
        let taken = std::mem::take(&mut self.taken).min(self.buffer.len());
        self.buffer.drain(..taken);
    }
}

/// The result of a step within its limit.
async fn within<T>(
    limit: Duration,
    step: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    timeout(limit, step)
        .await
        .unwrap_or(Err(Failure::Target(Reason::L7Timeout)))
}

#[cfg(test)]
mod tests {
    use tokio::io::{DuplexStream, duplex};
    use tokio::time::sleep;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(3);

    /// A connection to a peer that sends these parts, one a second, and closes if `closes`.
    fn sends(parts: &[&'static str], closes: bool) -> Connection<DuplexStream> {
        let (here, mut there) = duplex(64);
        let parts = parts.to_vec();
        tokio::spawn(async move {
            for part in parts {
                there.write_all(part.as_bytes()).await.unwrap();
                sleep(Duration::from_secs(1)).await;
            }
            if !closes {
                sleep(Duration::from_secs(3600)).await;
            }
        });
        Connection::new(here)
    }

    fn fails<T: std::fmt::Debug>(result: Result<T, Failure>, reason: Reason) {
        assert_eq!(result.unwrap_err(), Failure::Target(reason));
    }

    #[tokio::test(start_paused = true)]
    async fn lines_are_returned_one_by_one() {
        let mut connection = sends(&["220 a\r\n22", "0 b\nrest"], true);
        assert_eq!(connection.read_line(80, LIMIT).await.unwrap(), b"220 a");
        assert_eq!(connection.read_line(80, LIMIT).await.unwrap(), b"220 b");
        assert_eq!(connection.read_some(2, LIMIT).await.unwrap(), b"re");
        assert_eq!(connection.read_exact(2, LIMIT).await.unwrap(), b"st");
        assert_eq!(connection.read_some(2, LIMIT).await.unwrap(), b"");
        fails(connection.read_line(80, LIMIT).await, Reason::L7NoData);
    }

    #[tokio::test(start_paused = true)]
    async fn delimiter_may_arrive_in_parts() {
        let mut connection = sends(&["a\r", "\n\r", "\nb"], true);
        let head = connection.read_until(b"\r\n\r\n", 80, LIMIT).await.unwrap();
        assert_eq!(head, b"a\r\n\r\n");
        fails(connection.read_exact(2, LIMIT).await, Reason::L7Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn length_is_bounded_with_the_delimiter() {
        let mut connection = sends(&["1234\n1234\n"], false);
        assert_eq!(connection.read_line(5, LIMIT).await.unwrap(), b"1234");
        fails(connection.read_line(4, LIMIT).await, Reason::L7TooLong(4));
        let mut connection = sends(&["a part without an end of line"; 100], false);
        let line = connection.read_line(1000, 1000 * LIMIT).await;
        fails(line, Reason::L7TooLong(1000));
        assert!(connection.buffer.len() <= 1000);
    }

    #[tokio::test(start_paused = true)]
    async fn limit_is_for_the_whole_line() {
        let mut connection = sends(&["a", "b", "c", "d", "e", "\n"], false);
        fails(connection.read_line(80, LIMIT).await, Reason::L7Timeout);
        // What arrived is there for the next read.
        assert_eq!(connection.read_line(80, LIMIT).await.unwrap(), b"abcde");
        fails(connection.read_some(80, LIMIT).await, Reason::L7Timeout);
        fails(connection.read_exact(1, LIMIT).await, Reason::L7Timeout);
    }

    #[tokio::test(start_paused = true)]
    async fn write_ends_within_its_limit() {
        let mut connection = sends(&[], false);
        let write = connection.write_all(&[0; 64], LIMIT).await;
        assert_eq!(write, Ok(()));
        fails(connection.write_all(&[0], LIMIT).await, Reason::L7Timeout);
    }

    #[tokio::test(start_paused = true)]
    async fn claimed_length_reserves_no_room() {
        let mut connection = sends(&["few"], true);
        let whole = connection.read_exact(1 << 40, LIMIT).await;
        fails(whole, Reason::L7Closed);
        assert!(connection.buffer.capacity() <= 4 * CHUNK);
    }
}
