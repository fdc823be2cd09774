// SPDX-License-Identifier: MIT OR Apache-2.0
//! A web client.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{NetError, Netns};

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
    pub(super) netns: Netns,
    pub(super) target: SocketAddr,
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

pub(super) fn request(target: SocketAddr, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n\r\n")
}

pub(super) fn read_response(reader: &mut impl BufRead) -> io::Result<Response> {
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
        // HAProxy writes the names in lower case.
        if name.eq_ignore_ascii_case("X-Server") {
            value.clone_into(&mut server);
        } else if name.eq_ignore_ascii_case("Content-Length") {
            length = value.parse::<u64>().ok();
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
