// SPDX-License-Identifier: MIT OR Apache-2.0
//! A server on all addresses of a namespace, for checks that connect.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tests_kernel::net::Netns;
use tests_kernel::process::pause;

use super::Outcome;
use super::case::Check;

/// Longest wait for a part of a request.
const PATIENCE: Duration = Duration::from_secs(1);

/// Accepts and closes connections until it is dropped.
pub(crate) struct Server {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on port 80 in a namespace; answers over HTTP for a check that asks.
    pub(crate) fn start(netns: &Netns, check: Option<Check>) -> Outcome<Self> {
        let listener = netns.enter(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, 80)))??;
        listener.set_nonblocking(true)?;
        let ended = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&ended);
        let thread = std::thread::spawn(move || {
            while !flag.load(Ordering::Relaxed) {
                while let Ok((stream, _)) = listener.accept() {
                    if check == Some(Check::Http) {
                        // What fails then is the matter of the client.
                        let _ = answer(stream);
                    }
                }
                pause(Duration::from_millis(10));
            }
        });
        Ok(Self {
            ended,
            thread: Some(thread),
        })
    }
}

/// Reads a request and sends a page.
fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            length => request.extend(buffer.iter().take(length)),
        }
    }
    stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nok\n")
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed; the bench has its figures without it.
            let _ = thread.join();
        }
    }
}
