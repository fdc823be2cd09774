// SPDX-License-Identifier: MIT OR Apache-2.0
//! The system's log, by its socket.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::WARNING;
use super::queue::{Message, Part, Sink};

/// The socket of the system's log.
pub(super) const SOCKET: &str = "/dev/log";
/// Time until the socket is tried again, first and at most: it doubles each time.
const RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(2);
/// How long messages wait for a log that is restarted. After that they are dropped, and each new
/// message tries the socket once, so that a host without such a log costs no wake-ups.
const PATIENCE: Duration = Duration::from_secs(30);

/// The system's log; the socket is connected again after its daemon was restarted.
#[derive(Debug)]
pub(super) struct Syslog {
    path: PathBuf,
    facility: u8,
    /// The end of the names before the process id: the namespace and the instance.
    suffix: String,
    socket: Option<UnixDatagram>,
    /// When the log stopped to answer; `None` while it does.
    absent_since: Option<Instant>,
}

impl Syslog {
    pub(super) fn new(path: &Path, facility: u8, suffix: &str) -> Self {
        Self {
            path: path.to_owned(),
            facility,
            suffix: suffix.to_owned(),
            socket: None,
            absent_since: None,
        }
    }

    fn send(&mut self, packet: &[u8]) -> io::Result<()> {
        let socket = match &mut self.socket {
            Some(socket) => socket,
            none => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(&self.path)?;
                none.insert(socket)
            }
        };
        let sent = socket.send(packet);
        match sent {
            Ok(_) => Ok(()),
            Err(error) => {
                self.socket = None;
                Err(error)
            }
        }
    }
}

impl Sink for Syslog {
    fn write(&mut self, message: &Message, closing: &AtomicBool) -> io::Result<()> {
        let priority = u16::from(self.facility) * 8 + u16::from(message.severity);
        let (name, suffix) = (message.part.process_name(), &self.suffix);
        let pid = std::process::id();
        let mut packet = format!("<{priority}>{name}{suffix}[{pid}]: ").into_bytes();
        packet.extend_from_slice(message.text.trim_ascii_end());
        // Most daemons restart within one connection attempt: the second one finds the new socket.
        let (mut attempts, mut retry) = (0, RETRY);
        loop {
            match self.send(&packet) {
                Ok(()) => {
                    self.absent_since = None;
                    return Ok(());
                }
                // Too long for the socket, which is the fault of the message.
                Err(error) if error.raw_os_error() == Some(nix::libc::EMSGSIZE) => {
                    return Err(error);
                }
                Err(error) => {
                    attempts += 1;
                    let since = *self.absent_since.get_or_insert_with(Instant::now);
                    let is_last = closing.load(Ordering::Relaxed) && attempts > 1;
                    if is_last || since.elapsed() >= PATIENCE {
                        return Err(error);
                    }
                }
            }
            if attempts > 1 {
                thread::park_timeout(retry);
                retry = (retry * 2).min(LONGEST_RETRY);
            }
        }
    }

    fn report(&self, dropped: u64) -> Message {
        let text =
            format!("{dropped} log messages were dropped: the log did not accept them in time");
        Message {
            part: Part::Main,
            severity: WARNING,
            text: text.into_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::run::log::queue::Queue;

    fn receive(log: &UnixDatagram) -> String {
        let mut buffer = [0; 200];
        let length = log.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    fn message(text: &str) -> Message {
        Message {
            part: Part::Main,
            severity: 4,
            text: text.into(),
        }
    }

    fn packet(text: &str) -> String {
        format!("<28>Keepalived[{}]: {text}", std::process::id())
    }

    #[test]
    fn a_message_is_one_datagram_with_its_priority() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let log = UnixDatagram::bind(&path).unwrap();
        let mut syslog = Syslog::new(&path, 3, "");
        let open = AtomicBool::new(false);
        syslog.write(&message("became master\n"), &open).unwrap();
        assert_eq!(receive(&log), packet("became master"));
    }

    #[test]
    fn messages_have_the_name_of_the_process_of_keepalived_that_logs_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let log = UnixDatagram::bind(&path).unwrap();
        let mut syslog = Syslog::new(&path, 3, "_blue_one");
        let open = AtomicBool::new(false);
        for (module, name) in [
            ("lbctl::commands::run", "Keepalived"),
            ("lb_vrrp::driver::advert", "Keepalived_vrrp"),
            ("lb_core::daemon::vrrp_log", "Keepalived_vrrp"),
            ("lb_core::daemon::director_log", "Keepalived_healthcheckers"),
            ("lb_check::scheduler", "Keepalived_healthcheckers"),
        ] {
            let message = Message {
                part: Part::of_module(module),
                ..message("text\n")
            };
            syslog.write(&message, &open).unwrap();
            let pid = std::process::id();
            assert_eq!(receive(&log), format!("<28>{name}_blue_one[{pid}]: text"));
        }
    }

    #[test]
    fn messages_wait_for_a_log_that_is_restarted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let log = UnixDatagram::bind(&path).unwrap();
        let (queue, flush) = Queue::start(Syslog::new(&path, 3, "")).unwrap();
        queue.push(message("one\n"));
        assert_eq!(receive(&log), packet("one"));
        drop(log);
        std::fs::remove_file(&path).unwrap();
        queue.push(message("two\n"));
        queue.push(message("three\n"));
        let log = UnixDatagram::bind(&path).unwrap();
        assert_eq!(receive(&log), packet("two"));
        assert_eq!(receive(&log), packet("three"));
        drop(flush);
    }

    #[test]
    fn without_a_log_the_end_is_not_delayed() {
        let begin = Instant::now();
        let (queue, flush) = Queue::start(Syslog::new(Path::new("/nonexistent"), 3, "")).unwrap();
        queue.push(message("lost\n"));
        queue.push(message("lost\n"));
        drop(flush);
        assert!(begin.elapsed() < Duration::from_secs(1));
    }
}
