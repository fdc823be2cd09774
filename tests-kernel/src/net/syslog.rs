// SPDX-License-Identifier: MIT OR Apache-2.0
//! A log server for daemons that know nothing but `/dev/log`.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::NetError;

const GLANCE: Duration = Duration::from_millis(100);

/// Collects what is logged to one socket; it stops on drop.
#[derive(Debug)]
pub struct Syslog {
    text: Arc<Mutex<String>>,
    packets: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Syslog {
    /// Listens at `path`; in the guest `/dev/log` leads to `/run/log`.
    ///
    /// # Errors
    ///
    /// When the socket cannot be made.
    pub fn listen(path: &Path) -> Result<Self, NetError> {
        let what = || format!("log socket {}", path.display());
        let socket = UnixDatagram::bind(path).map_err(NetError::system(what()))?;
        socket
            .set_read_timeout(Some(GLANCE))
            .map_err(NetError::system(what()))?;
        let text = Arc::<Mutex<String>>::default();
        let packets = Arc::<Mutex<Vec<String>>>::default();
        let stop = Arc::new(AtomicBool::new(false));
        let thread = {
            let (text, stop) = (Arc::clone(&text), Arc::clone(&stop));
            let packets = Arc::clone(&packets);
            thread::spawn(move || receive(&socket, (&text, &packets), &stop))
        };
        Ok(Self {
            text,
            packets,
            stop,
            thread: Some(thread),
        })
    }

    /// All packets so far, as they were received.
    #[must_use]
    pub fn packets(&self) -> Vec<String> {
        let packets = self.packets.lock();
        packets.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All lines so far, without facility and date.
    #[must_use]
    pub fn text(&self) -> String {
        self.text
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn receive(
    socket: &UnixDatagram,
    (text, packets): (&Mutex<String>, &Mutex<Vec<String>>),
    stop: &AtomicBool,
) {
    let mut buffer = [0; 4096];
    while !stop.load(Ordering::SeqCst) {
        // An error is the read timeout: a moment to look at the stop flag.
        let Ok(length) = socket.recv(&mut buffer) else {
            continue;
        };
        let line = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
        let mut packets = packets.lock().unwrap_or_else(PoisonError::into_inner);
        packets.push(line.clone().into_owned());
        drop(packets);
        // "<30>Nov 22 14:40:01 Keepalived[7]: message"
        let line = line.splitn(4, [' ', '>']).last().unwrap_or_default();
        let line = line.split_once(' ').map_or(line, |(_, rest)| rest);
        let mut text = text.lock().unwrap_or_else(PoisonError::into_inner);
        text.push_str(line.trim_end_matches(['\0', '\n']));
        text.push('\n');
    }
}

impl Drop for Syslog {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
