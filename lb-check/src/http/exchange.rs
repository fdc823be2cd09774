// SPDX-License-Identifier: MIT OR Apache-2.0
//! One request, one answer, by keepalived's rules.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::outcome::Failure;
use crate::stream::failure;
use crate::{InvalidAnswer, Reason};

/// Longest header, with the empty line that ends it.
pub(super) const HEADER_LIMIT: usize = 4095;

const HEADER_END: &[u8] = b"\r\n\r\n";

const CONTENT_LENGTH: &[u8] = b"Content-Length:";

/// Size of one read.
const BUFFER: usize = 8192;

/// The parts of the header that a check needs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Head<'a> {
    /// The status code; `None` when the first line is no status line.
    pub(super) status: Option<u16>,
    /// What is after `Content-Length:`, in exactly these letters, if it is a number. keepalived searches all
    /// that it has received by then, the first bytes of the body, too, up to a NUL.
    pub(super) content_length: Option<u64>,
    /// The bytes, with the empty line.
    pub(super) bytes: &'a [u8],
}

impl<'a> Head<'a> {
    /// Reads the header, of `received` bytes in all.
    fn parse(bytes: &'a [u8], received: &[u8]) -> Self {
        let first = bytes
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let line = bytes.get(..first).unwrap_or(bytes);
        Self {
            status: status_after_blank(bytes).or_else(|| status_of_line(line)),
            content_length: content_length(received),
            bytes,
        }
    }
}

/// The status code as keepalived reads it: three digits between the first blank of the header and another
/// one, whatever is before them (`ICY 200 OK`, `http/1.0 200 OK`) except a carriage return.
fn status_after_blank(bytes: &[u8]) -> Option<u16> {
    let mut words = bytes.splitn(3, |byte| *byte == b' ');
    let (before, code, _) = (words.next()?, words.next()?, words.next()?);
    if before.contains(&b'\r') {
        return None;
    }
    if code.len() != 3 || !code.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(code).ok()?.parse().ok()
}

/// The status code of a status line of HTTP, which may end with it. keepalived 2.2.7 takes a server
/// without a reason phrase as failed.
fn status_of_line(line: &[u8]) -> Option<u16> {
    let mut response = httparse::Response::new(&mut []);
    // Only the first line: keepalived does not check the others.
    response.parse(line).ok().and(response.code)
}

/// The number after the first `Content-Length:`, which may be the end of a longer name, as in
/// `X-Content-Length:`; nothing but blanks may be before the number, nothing after it.
fn content_length(received: &[u8]) -> Option<u64> {
    let fields = received.split(|byte| *byte == 0).next()?;
    let at = fields
        .windows(CONTENT_LENGTH.len())
        .position(|bytes| bytes == CONTENT_LENGTH)?;
    let value = fields
        .get(at + CONTENT_LENGTH.len()..)?
        .split(|byte| *byte == b'\r')
        .next()?;
    str::from_utf8(value).ok()?.trim_ascii_start().parse().ok()
}

/// How far an exchange has come.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Stage {
    /// The connection is being made, with the handshake of TLS.
    #[default]
    Connect,
    /// The request is sent; nothing of the answer has arrived.
    Request,
    /// A part of the answer has arrived.
    Answer,
}

/// A part of the answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    /// The bytes; the first part begins with the header.
    #[cfg_attr(
        not(feature = "regex"),
        expect(dead_code, reason = "regular expressions are searched for in them")
    )]
    pub(super) received: &'a [u8],
    /// Those of the body, up to the `Content-Length`.
    pub(super) digested: &'a [u8],
}

/// Sends `request` and reads the answer until the server closes the connection.
///
/// `on_head` may end it; `on_part` gets the answer, the header with its first part.
/// Each step (send, first byte, each further read) may take `step`.
pub(super) async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    step: Duration,
    request: &[u8],
    stage: &mut Stage,
    mut on_head: impl FnMut(&Head<'_>) -> Result<(), Reason>,
    mut on_part: impl FnMut(Part<'_>),
) -> Result<(), Failure> {
    *stage = Stage::Request;
    match timeout(step, stream.write_all(request)).await {
        Ok(sent) => sent.map_err(|error| failure("send", &error))?,
        Err(_) => return Err(Failure::Target(Reason::L7Timeout)),
    }
    let mut buffer = vec![0; BUFFER];
    let (end, filled) = read_head(&mut stream, step, stage, &mut buffer).await?;
    let received = buffer.get(..filled).unwrap_or_default();
    let (head, first) = received.split_at_checked(end).unwrap_or_default();
    let head = Head::parse(head, received);
    on_head(&head).map_err(Failure::Target)?;
    let mut left = head.content_length.unwrap_or(u64::MAX);
    let mut part = |received: &[u8], body: &[u8]| {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(body.len());
        let digested = body.get(..wanted).unwrap_or_default();
        on_part(Part { received, digested });
        left -= u64::try_from(wanted).unwrap_or_default();
    };
    part(received, first);
    loop {
        match read(&mut stream, step, &mut buffer).await? {
            0 => return Ok(()),
            n => {
                let bytes = buffer.get(..n).unwrap_or_default();
                part(bytes, bytes);
            }
        }
    }
}

/// Reads until the header is there: where it ends, and how much there is in all.
async fn read_head(
    stream: &mut (impl AsyncRead + Unpin),
    step: Duration,
    stage: &mut Stage,
    buffer: &mut [u8],
) -> Result<(usize, usize), Failure> {
    let mut filled = 0;
    loop {
        let room = buffer.get_mut(filled..HEADER_LIMIT).unwrap_or_default();
        if room.is_empty() {
            return Err(invalid(buffer.get(..filled), InvalidAnswer::HeaderTooLong));
        }
        let n = read(stream, step, room).await?;
        if n == 0 {
            return Err(match filled {
                0 => Failure::Target(Reason::L7NoData),
                _ => invalid(buffer.get(..filled), InvalidAnswer::HeaderNotEnded),
            });
        }
        *stage = Stage::Answer;
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

/// An answer that does not begin like HTTP has no status line; other faults are not examined.
fn invalid(bytes: Option<&[u8]>, otherwise: InvalidAnswer) -> Failure {
    let http = bytes.is_some_and(|bytes| bytes.starts_with(b"HTTP/"));
    Failure::Target(Reason::L7Invalid(if http {
        otherwise
    } else {
        InvalidAnswer::StatusLine
    }))
}

async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    step: Duration,
    room: &mut [u8],
) -> Result<usize, Failure> {
    match timeout(step, stream.read(room)).await {
        // The end of TLS without close_notify; keepalived takes it as the end of the answer.
        Ok(Err(error)) if error.kind() == ErrorKind::UnexpectedEof => Ok(0),
        Ok(read) => read.map_err(|error| failure("receive", &error)),
        Err(_) => Err(Failure::Target(Reason::L7Timeout)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The results of keepalived 2.2.7's genhash against a server that sent these headers.
    #[test]
    fn content_length_counts_as_genhash_counts_it() {
        for (field, length) in [
            ("Content-Length: 7", Some(7)),
            ("Content-Length:7", Some(7)),
            ("Content-Length: +7", Some(7)),
            ("Content-Length: 0", Some(0)),
            ("Content-Length: 7\r\nContent-Length: 9", Some(7)),
            ("X-Content-Length: 5", Some(5)),
            ("content-length: 7", None),
            ("Content-Length: many", None),
            ("Content-Length: 12abc", None),
            ("Content-Length: -5", None),
            ("Content-Length: 7 ", None),
            ("Content-Length: 99999999999999999999999", None),
        ] {
            let head = format!("HTTP/1.0 200 OK\r\n{field}\r\n\r\n");
            assert_eq!(
                Head::parse(head.as_bytes(), head.as_bytes()).content_length,
                length,
                "{field}"
            );
        }
    }

    #[test]
    fn the_status_is_read_whatever_the_header_lines_look_like() {
        let parse = |text: &'static str| Head::parse(text.as_bytes(), text.as_bytes()).status;
        assert_eq!(parse("HTTP/1.1 302 Found\r\n\r\n"), Some(302));
        assert_eq!(parse("HTTP/1.0 200\r\n\r\n"), Some(200));
        assert_eq!(
            parse("HTTP/1.0 404 Not Found\r\nodd line (no colon)\r\n\r\n"),
            Some(404)
        );
        assert_eq!(parse("220 mail.example.org ESMTP\r\n\r\n"), None);
        // Beside keepalived: the guest test `status_lines`.
        assert_eq!(parse("ICY 200 OK\r\n\r\n"), Some(200));
        assert_eq!(parse("http/1.0 503 Busy\r\n\r\n"), Some(503));
        assert_eq!(parse("\nX 200 OK\r\n\r\n"), Some(200));
        assert_eq!(parse("X\r\nY: 200 OK\r\n\r\n"), None);
        assert_eq!(parse("200 OK\r\n\r\n"), None);
        assert_eq!(parse("ICY 200\r\nServer: lab\r\n\r\n"), None);
        assert_eq!(parse("ICY 2000 OK\r\n\r\n"), None);
        assert_eq!(parse("ICY +20 OK\r\n\r\n"), None);
        assert_eq!(parse("\r\n\r\n"), None);
    }
}
