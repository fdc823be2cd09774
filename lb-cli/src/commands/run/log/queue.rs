// SPDX-License-Identifier: MIT OR Apache-2.0
//! A bounded queue of log messages with a thread that writes them.
//!
//! A log that does not accept data must not delay the threads of the daemon: a pipe that is full
//! blocks its writer for as long as the reader likes. So [`Queue::push`] never waits. A message that
//! does not fit is dropped and counted, and one line reports the number as soon as the log accepts
//! data again.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

/// Bytes of messages that may wait, [`OVERHEAD`] included.
pub(super) const LIMIT: usize = 2 << 20;
/// Bytes that each message counts for besides its text.
const OVERHEAD: usize = 64;
/// The longest wait for the last messages when the program ends.
const LAST_MESSAGES: Duration = Duration::from_secs(1);

/// Where a queue writes its messages.
pub(super) trait Sink: Send + 'static {
    /// Writes a whole message; may wait as long as `closing` is not set.
    ///
    /// # Errors
    /// When the message is lost.
    fn write(&mut self, message: &Message, closing: &AtomicBool) -> io::Result<()>;

    /// The message that reports dropped ones.
    fn report(&self, dropped: u64) -> Message;
}

/// The process of keepalived that logs a message; syslog has its name before the message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Part {
    /// The first process.
    #[default]
    Main,
    /// The process of the virtual routers.
    Routers,
    /// The process of virtual and real servers.
    Servers,
}

impl Part {
    /// The part of a module of this program.
    pub(super) fn of_module(module: &str) -> Self {
        const ROUTERS: [&str; 3] = ["lb_vrrp", "lb_host", "lb_core::daemon::vrrp"];
        const SERVERS: [&str; 4] = [
            "lb_check",
            "lb_core::daemon::director_log",
            "lb_core::daemon::checks",
            "lb_core::daemon::plane",
        ];
        let is_in = |modules: &[&str]| modules.iter().any(|prefix| module.starts_with(prefix));
        if is_in(&ROUTERS) {
            Self::Routers
        } else if is_in(&SERVERS) {
            Self::Servers
        } else {
            Self::Main
        }
    }

    /// The name of the process.
    pub(super) const fn process_name(self) -> &'static str {
        match self {
            Self::Main => "Keepalived",
            Self::Routers => "Keepalived_vrrp",
            Self::Servers => "Keepalived_healthcheckers",
        }
    }
}

/// A log message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// Who logs it.
    pub(super) part: Part,
    /// Severity as syslog numbers it.
    pub(super) severity: u8,
    /// The text, with the newline at its end.
    pub(super) text: Vec<u8>,
}

impl Message {
    fn size(&self) -> usize {
        self.text.len() + OVERHEAD
    }
}

/// What travels to the thread.
#[derive(Debug)]
enum Item {
    Message {
        message: Message,
        /// Messages that were dropped since the one before.
        dropped_before: u64,
    },
    End,
}

#[derive(Debug, Default)]
struct Shared {
    queued: AtomicUsize,
    dropped: AtomicU64,
    closing: AtomicBool,
}

/// The entrance of a queue.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    items: Sender<Item>,
    shared: Arc<Shared>,
}

/// The end of a queue: when this is dropped, the thread gets [`LAST_MESSAGES`] to write what waits.
#[derive(Debug)]
pub(super) struct Flush {
    queue: Queue,
    ended: Receiver<()>,
}

impl Queue {
    /// Starts the thread that writes to `sink`.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn start(sink: impl Sink) -> io::Result<(Self, Flush)> {
        let (items, received) = channel();
        let (end, ended) = channel();
        let shared = Arc::new(Shared::default());
        let writer = Writer {
            sink,
            shared: Arc::clone(&shared),
        };
        thread::Builder::new()
            .name("lb-log".to_owned())
            .spawn(move || {
                writer.run(&received);
                drop(end);
            })?;
        let queue = Self { items, shared };
        let flush = Flush {
            queue: queue.clone(),
            ended,
        };
        Ok((queue, flush))
    }

    /// Adds a message, or drops it if too much waits. Never waits itself.
    pub(super) fn push(&self, message: Message) {
        let shared = &self.shared;
        let size = message.size();
        let queued = shared.queued.fetch_add(size, Ordering::Relaxed);
        if queued.saturating_add(size) > LIMIT {
            shared.queued.fetch_sub(size, Ordering::Relaxed);
            shared.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let dropped_before = shared.dropped.swap(0, Ordering::Relaxed);
        // Only fails after the end of the thread, when nothing is written any more.
        let _ = self.items.send(Item::Message {
            message,
            dropped_before,
        });
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        self.queue.shared.closing.store(true, Ordering::Relaxed);
        let _ = self.queue.items.send(Item::End);
        // Disconnected: the thread has ended. A timeout: it is blocked, and ends with the process.
        let _ = self.ended.recv_timeout(LAST_MESSAGES);
    }
}

struct Writer<S> {
    sink: S,
    shared: Arc<Shared>,
}

impl<S: Sink> Writer<S> {
    fn run(mut self, items: &Receiver<Item>) {
        while let Ok(Item::Message {
            message,
            dropped_before,
        }) = items.recv()
        {
            self.report(dropped_before);
            if self.sink.write(&message, &self.shared.closing).is_err() {
                self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            }
            let size = message.size();
            if self.shared.queued.fetch_sub(size, Ordering::Relaxed) == size {
                // Without a message behind the dropped ones no other line reports them.
                let dropped = self.shared.dropped.swap(0, Ordering::Relaxed);
                self.report(dropped);
            }
        }
        let dropped = self.shared.dropped.swap(0, Ordering::Relaxed);
        self.report(dropped);
    }

    fn report(&mut self, dropped: u64) {
        if dropped == 0 {
            return;
        }
        let report = self.sink.report(dropped);
        if self.sink.write(&report, &self.shared.closing).is_err() {
            self.shared.dropped.fetch_add(dropped, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Instant;

    use super::*;

    /// A log that blocks until its gate is opened, and fails while `fails` is set.
    struct Gated {
        gate: Receiver<()>,
        written: Arc<Mutex<Vec<String>>>,
        fails: Arc<AtomicBool>,
    }

    impl Sink for Gated {
        fn write(&mut self, message: &Message, _closing: &AtomicBool) -> io::Result<()> {
            // Disconnected: the gate is open for good.
            let _ = self.gate.recv();
            if self.fails.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let text = String::from_utf8(message.text.clone()).unwrap();
            self.written.lock().unwrap().push(text);
            Ok(())
        }

        fn report(&self, dropped: u64) -> Message {
            message(&format!("dropped {dropped}"))
        }
    }

    struct Log {
        queue: Queue,
        flush: Option<Flush>,
        gate: Option<Sender<()>>,
        written: Arc<Mutex<Vec<String>>>,
        fails: Arc<AtomicBool>,
    }

    fn gated() -> Log {
        let (gate, opened) = channel();
        let written = Arc::default();
        let fails = Arc::default();
        let (queue, flush) = Queue::start(Gated {
            gate: opened,
            written: Arc::clone(&written),
            fails: Arc::clone(&fails),
        })
        .unwrap();
        Log {
            queue,
            flush: Some(flush),
            gate: Some(gate),
            written,
            fails,
        }
    }

    fn message(text: &str) -> Message {
        Message {
            part: Part::Main,
            severity: 6,
            text: text.as_bytes().to_vec(),
        }
    }

    #[test]
    fn messages_are_written_in_order_before_the_end() {
        let mut log = gated();
        for number in 0..100 {
            log.queue.push(message(&number.to_string()));
        }
        drop(log.gate.take());
        drop(log.flush.take());
        let expected: Vec<String> = (0..100).map(|number: u32| number.to_string()).collect();
        assert_eq!(*log.written.lock().unwrap(), expected);
    }

    #[test]
    fn blocked_log_drops_what_does_not_fit_and_reports_the_number_in_its_order() {
        let mut log = gated();
        let large = "x".repeat(LIMIT / 4 - OVERHEAD);
        for _ in 0..7 {
            log.queue.push(message(&large));
        }
        // The first message is let through, so that there is room for one more.
        log.gate.as_ref().unwrap().send(()).unwrap();
        let begin = Instant::now();
        while log.written.lock().unwrap().is_empty()
            || log.queue.shared.queued.load(Ordering::Relaxed) > LIMIT - LIMIT / 4
        {
            assert!(begin.elapsed() < Duration::from_secs(30));
            thread::yield_now();
        }
        log.queue.push(message("later"));
        drop(log.gate.take());
        drop(log.flush.take());
        let written = log.written.lock().unwrap();
        let short = written.iter().map(|text| &text[..text.len().min(9)]);
        assert_eq!(
            short.collect::<Vec<_>>(),
            [
                "xxxxxxxxx",
                "xxxxxxxxx",
                "xxxxxxxxx",
                "xxxxxxxxx",
                "dropped 3",
                "later"
            ]
        );
    }

    #[test]
    fn messages_that_the_log_refused_are_reported_when_it_accepts_data_again() {
        let mut log = gated();
        log.fails.store(true, Ordering::Relaxed);
        drop(log.gate.take());
        log.queue.push(message("lost"));
        log.queue.push(message("lost"));
        let begin = Instant::now();
        while log.queue.shared.queued.load(Ordering::Relaxed) > 0 {
            assert!(begin.elapsed() < Duration::from_secs(30));
            thread::yield_now();
        }
        log.fails.store(false, Ordering::Relaxed);
        log.queue.push(message("later"));
        drop(log.flush.take());
        let written = log.written.lock().unwrap();
        assert!(written.contains(&"dropped 2".to_owned()), "{written:?}");
        assert!(written.contains(&"later".to_owned()), "{written:?}");
    }

    #[test]
    fn blocked_log_delays_the_end_by_its_deadline_only() {
        let mut log = gated();
        log.queue.push(message("never"));
        let begin = Instant::now();
        drop(log.flush.take());
        let took = begin.elapsed();
        assert!(took >= LAST_MESSAGES, "{took:?}");
        assert!(took < LAST_MESSAGES * 5, "{took:?}");
    }
}
