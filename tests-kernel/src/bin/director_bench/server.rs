// SPDX-License-Identifier: MIT OR Apache-2.0
//! A server on all addresses of a namespace, for checks that connect.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tests_kernel::net::Netns;
use tests_kernel::process::pause;

use super::Outcome;

/// Accepts and closes connections until it is dropped.
pub(crate) struct Server {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on port 80 in a namespace.
    pub(crate) fn start(netns: &Netns) -> Outcome<Self> {
        let listener = netns.enter(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, 80)))??;
        listener.set_nonblocking(true)?;
        let ended = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&ended);
        let thread = std::thread::spawn(move || {
            while !flag.load(Ordering::Relaxed) {
                while listener.accept().is_ok() {}
                pause(Duration::from_millis(10));
            }
        });
        Ok(Self {
            ended,
            thread: Some(thread),
        })
    }
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
