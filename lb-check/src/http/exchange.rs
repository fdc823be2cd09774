// SPDX-License-Identifier: MIT OR Apache-2.0
//! One request, one answer, by keepalived's rules.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::connect::{Close, classify, connect};
use crate::{InvalidAnswer, Reason, Target, Verdict};

/// Longest header, with the empty line that ends it.
pub(super) const HEADER_LIMIT: usize = 4095;

const HEADER_END: &[u8] = b"\r\n\r\n";

/// What is read at once.
const BUFFER: usize = 8192;

/// What the header says, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head<'a> {
    /// The status code; `None` when the first line is no status line.
    pub(super) status: Option<u16>,
    /// The value of a header spelt exactly `Content-Length:`, if it is a number.
    pub(super) content_length: Option<u64>,
    /// The bytes, with the empty line.
    pub(super) bytes: &'a [u8],
}

impl<'a> Head<'a> {
    fn parse(bytes: &'a [u8]) -> Self {
        let mut lines = bytes.split(|byte| *byte == b'\n');
        let first = lines.next().unwrap_or_default().len() + 1;
        let content_length = lines
            .find_map(|line| line.strip_prefix(b"Content-Length:"))
            .and_then(|value| str::from_utf8(value).ok()?.trim().parse().ok());
        // Only the first line: keepalived does not mind how other header lines look.
        let mut response = httparse::Response::new(&mut []);
        let line = bytes.get(..first).unwrap_or(bytes);
        let status = response.parse(line).ok().and(response.code);
        Self {
            status,
            content_length,
            bytes,
        }
    }
}

/// Sends `request` and reads the answer until the server closes the connection.
///
/// `on_head` may end it; `on_body` gets the bytes of the body, up to the `Content-Length`.
/// Each step (connect, send, first byte, each further read) may take `step`.
pub(super) async fn exchange(
    target: &Target,
    step: Duration,
    request: &[u8],
    mut on_head: impl FnMut(&Head<'_>) -> Result<(), Reason>,
    mut on_body: impl FnMut(&[u8]),
) -> Result<(), Verdict> {
    let mut stream = connect(target, step, Close::Orderly).await?;
    match timeout(step, stream.write_all(request)).await {
        Ok(sent) => sent.map_err(|error| classify("send", &error))?,
        Err(_) => return Err(Verdict::Fail(Reason::L7Timeout)),
    }
    let mut buffer = vec![0; BUFFER];
    let (end, filled) = read_head(&mut stream, step, &mut buffer).await?;
    let (head, first) = buffer
        .get(..filled)
        .unwrap_or_default()
        .split_at_checked(end)
        .unwrap_or_default();
    let head = Head::parse(head);
    on_head(&head).map_err(Verdict::Fail)?;
    let mut left = head.content_length.unwrap_or(u64::MAX);
    let mut body = |bytes: &[u8]| {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        on_body(bytes.get(..wanted).unwrap_or_default());
        left -= u64::try_from(wanted).unwrap_or_default();
    };
    body(first);
    loop {
        match read(&mut stream, step, &mut buffer).await? {
            0 => return Ok(()),
            n => body(buffer.get(..n).unwrap_or_default()),
        }
    }
}

/// Reads until the header is there: where it ends, and how much there is in all.
async fn read_head(
    stream: &mut TcpStream,
    step: Duration,
    buffer: &mut [u8],
) -> Result<(usize, usize), Verdict> {
    let mut filled = 0;
    loop {
        let room = buffer.get_mut(filled..HEADER_LIMIT).unwrap_or_default();
        if room.is_empty() {
            return Err(invalid(buffer.get(..filled), InvalidAnswer::HeaderTooLong));
        }
        let n = read(stream, step, room).await?;
        if n == 0 {
            return Err(match filled {
                0 => Verdict::Fail(Reason::L7NoData),
                _ => invalid(buffer.get(..filled), InvalidAnswer::HeaderNotEnded),
            });
        }
        let searched = filled.saturating_sub(HEADER_END.len() - 1);
        filled += n;
        let new = buffer.get(searched..filled).unwrap_or_default();
        if let Some(at) = new
            .windows(HEADER_END.len())
            .position(|bytes| bytes == HEADER_END)
        {
            return Ok((searched + at + HEADER_END.len(), filled));
        }
    }
}

/// Something that does not even begin like HTTP has no status line, whatever else is wrong.
fn invalid(bytes: Option<&[u8]>, otherwise: InvalidAnswer) -> Verdict {
    let http = bytes.is_some_and(|bytes| bytes.starts_with(b"HTTP/"));
    Verdict::Fail(Reason::L7Invalid(if http {
        otherwise
    } else {
        InvalidAnswer::StatusLine
    }))
}

async fn read(stream: &mut TcpStream, step: Duration, room: &mut [u8]) -> Result<usize, Verdict> {
    match timeout(step, stream.read(room)).await {
        Ok(read) => read.map_err(|error| classify("receive", &error)),
        Err(_) => Err(Verdict::Fail(Reason::L7Timeout)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_length_counts_only_as_it_is_spelt() {
        let parse = |text: &'static str| Head::parse(text.as_bytes()).content_length;
        assert_eq!(
            parse("HTTP/1.0 200 OK\r\nContent-Length: 177\r\n\r\n"),
            Some(177)
        );
        assert_eq!(
            parse("HTTP/1.0 200 OK\r\nContent-Length:7\r\n\r\n"),
            Some(7)
        );
        assert_eq!(
            parse("HTTP/1.0 200 OK\r\ncontent-length: 177\r\n\r\n"),
            None
        );
        assert_eq!(
            parse("HTTP/1.0 200 OK\r\nX-Content-Length: 177\r\n\r\n"),
            None
        );
        assert_eq!(
            parse("HTTP/1.0 200 OK\r\nContent-Length: many\r\n\r\n"),
            None
        );
    }

    #[test]
    fn the_status_is_read_whatever_the_header_lines_look_like() {
        let parse = |text: &'static str| Head::parse(text.as_bytes()).status;
        assert_eq!(parse("HTTP/1.1 302 Found\r\n\r\n"), Some(302));
        assert_eq!(parse("HTTP/1.0 200\r\n\r\n"), Some(200));
        assert_eq!(
            parse("HTTP/1.0 404 Not Found\r\nodd line (no colon)\r\n\r\n"),
            Some(404)
        );
        assert_eq!(parse("220 mail.example.org ESMTP\r\n\r\n"), None);
        assert_eq!(parse("\r\n\r\n"), None);
    }
}
