// SPDX-License-Identifier: MIT OR Apache-2.0
//! A mail server that accepts everything and keeps it.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{NetError, Netns};
use crate::process::pause;

/// A mail as it was handed over.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Mail {
    /// When it had been taken.
    pub at: Instant,
    /// The envelope's sender, as in `MAIL FROM:<…>`.
    pub from: String,
    /// The envelope's recipients.
    pub to: Vec<String>,
    /// Header and body; dots undone, lines ended by a newline alone.
    pub text: String,
}

impl Mail {
    /// Its subject, unfolded (RFC 5322 §2.2.3); empty when it has none.
    #[must_use]
    pub fn subject(&self) -> String {
        let header = self.text.lines().take_while(|line| !line.is_empty());
        let mut lines = header.skip_while(|line| !line.starts_with("Subject: "));
        let first = lines.next().unwrap_or_default();
        let mut subject = first.trim_start_matches("Subject: ").to_owned();
        for folded in lines.take_while(|line| line.starts_with([' ', '\t'])) {
            subject.push_str(folded);
        }
        subject
    }
}

/// A mail server in a namespace; it stops on drop.
#[derive(Debug)]
pub struct SmtpSink {
    mails: Arc<Mutex<Vec<Mail>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl SmtpSink {
    /// Starts one on all addresses at port 25.
    ///
    /// # Errors
    ///
    /// When the namespace cannot be entered or the port is taken.
    pub fn start(netns: &Netns) -> Result<Self, NetError> {
        let mails = Arc::<Mutex<Vec<Mail>>>::default();
        let stop = Arc::new(AtomicBool::new(false));
        let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 25));
        let thread = {
            let (mails, stop) = (Arc::clone(&mails), Arc::clone(&stop));
            netns
                .enter(move || -> io::Result<_> {
                    let listener = TcpListener::bind(address)?;
                    listener.set_nonblocking(true)?;
                    Ok(thread::spawn(move || accept(&listener, &mails, &stop)))
                })?
                .map_err(NetError::system(format!("listen on {address}")))?
        };
        Ok(Self {
            mails,
            stop,
            thread: Some(thread),
        })
    }

    /// All mails so far.
    #[must_use]
    pub fn mails(&self) -> Vec<Mail> {
        lock(&self.mails).clone()
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(mails: &Mutex<Vec<Mail>>) -> MutexGuard<'_, Vec<Mail>> {
    mails.lock().unwrap_or_else(PoisonError::into_inner)
}

fn accept(listener: &TcpListener, mails: &Arc<Mutex<Vec<Mail>>>, stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) {
        while let Ok((stream, _)) = listener.accept() {
            let mails = Arc::clone(mails);
            // A client that breaks off has not handed over a mail.
            thread::spawn(move || drop(converse(&stream, &mails)));
        }
        pause(Duration::from_millis(20));
    }
}

/// RFC 5321, what a sender of plain mail needs of it.
fn converse(mut stream: &TcpStream, mails: &Mutex<Vec<Mail>>) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut reader = BufReader::new(stream);
    let (mut from, mut to) = (String::new(), Vec::new());
    stream.write_all(b"220 sink.test ESMTP\r\n")?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let line = line.trim_end();
        let verb = line.get(..4).unwrap_or(line).to_ascii_uppercase();
        let answer = match verb.as_str() {
            "MAIL" => {
                from = address(line);
                to.clear();
                "250 sender noted"
            }
            "RCPT" => {
                to.push(address(line));
                "250 recipient noted"
            }
            "DATA" => {
                stream.write_all(b"354 end with a lone dot\r\n")?;
                let text = read_text(&mut reader)?;
                let mail = Mail {
                    at: Instant::now(),
                    from: std::mem::take(&mut from),
                    to: std::mem::take(&mut to),
                    text,
                };
                lock(mails).push(mail);
                "250 kept"
            }
            "QUIT" => {
                return stream.write_all(b"221 bye\r\n");
            }
            "EHLO" | "HELO" | "RSET" | "NOOP" => "250 sink.test",
            _ => "502 not known here",
        };
        stream.write_all(format!("{answer}\r\n").as_bytes())?;
    }
}

/// What stands between angle brackets.
fn address(line: &str) -> String {
    let inner = line
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or(line, |(address, _)| address).to_owned()
}

fn read_text(reader: &mut impl BufRead) -> io::Result<String> {
    let mut text = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end_matches(['\r', '\n']);
        if line == "." {
            return Ok(text);
        }
        text.push_str(line.strip_prefix('.').unwrap_or(line));
        text.push('\n');
    }
}
