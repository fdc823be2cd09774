// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where messages go: standard error, the system's log, a file.
//!
//! Each log has a [queue] and a thread of its own, so that no log delays the daemon or
//! another log.

mod line;
mod queue;
mod stream;
mod syslog;

use std::io::{self, Write};
use std::panic;
use std::path::Path;

use tracing::{Level, Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer, filter::Targets, fmt::MakeWriter, layer::SubscriberExt, registry::LookupSpan,
    util::SubscriberInitExt,
};

use crate::args::run::LogTargets;

use line::Line;
use queue::{Flush, Message, Part, Queue};
use stream::Stream;
use syslog::Syslog;

/// Syslog's severities.
const ERROR: u8 = 3;
const WARNING: u8 = 4;
const INFO: u8 = 6;
const DEBUG: u8 = 7;

/// The logs of this process. When this is dropped, each gets a second for its last messages.
#[derive(Debug)]
pub(super) struct Logs {
    console: Option<Queue>,
    _flush: Vec<Flush>,
}

/// Installs the subscriber. `RUST_LOG` decides about levels if it is set (`debug`,
/// `info,lb_vrrp=debug`), `detail` otherwise. Messages in the system's log begin with the name of keepalived's
/// process that logs such a message, and `suffix`.
///
/// # Errors
/// When the file cannot be opened, or no thread can be started.
pub(super) fn install(targets: &LogTargets, detail: bool, suffix: &str) -> io::Result<Logs> {
    let setting = std::env::var("RUST_LOG").ok();
    let levels = levels(setting.as_deref(), detail);
    let mut flush = Vec::new();
    let mut start = |sink: Result<Stream, io::Error>| {
        let (queue, end) = Queue::start(sink?)?;
        flush.push(end);
        Ok::<_, io::Error>(queue)
    };
    let console = targets
        .console
        .then(|| start(Stream::stderr()))
        .transpose()?;
    let file = targets.file.as_deref();
    let file = file.map(|path| start(Stream::file(path))).transpose()?;
    let syslog = match targets.syslog {
        Some(facility) => {
            let log = Syslog::new(Path::new(syslog::SOCKET), facility, suffix);
            let (queue, end) = Queue::start(log)?;
            flush.push(end);
            Some(queue)
        }
        None => None,
    };
    let installed = tracing_subscriber::registry()
        .with(console.clone().map(|queue| dated(queue, levels.clone())))
        .with(file.clone().map(|queue| dated(queue, levels.clone())))
        .with(syslog.clone().map(|queue| plain(queue, levels)))
        .try_init();
    // Only fails when there is a subscriber already, and then messages go there.
    drop(installed);
    let queues: Vec<Queue> = [console.clone(), file, syslog]
        .into_iter()
        .flatten()
        .collect();
    report_panics(queues);
    Ok(Logs {
        console,
        _flush: flush,
    })
}

impl Logs {
    /// Writes a text to standard error, behind the messages that wait; returns after a second at
    /// the latest, whether it was written or not.
    pub(super) fn complain(self, text: &str) {
        let message = Message {
            part: Part::Main,
            severity: ERROR,
            text: format!("{text}\n").into_bytes(),
        };
        let Some(console) = &self.console else {
            if let Ok((queue, _flush)) = Stream::stderr().and_then(Queue::start) {
                queue.push(message);
            }
            return;
        };
        console.push(message);
    }
}

/// Lines with time and level.
fn dated<S>(queue: Queue, levels: Targets) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .event_format(Line { is_dated: true })
        .with_writer(queue)
        .with_filter(levels)
}

/// Lines without: syslog has both of its own.
fn plain<S>(queue: Queue, levels: Targets) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .event_format(Line { is_dated: false })
        .with_writer(queue)
        .with_filter(levels)
}

/// Writes the text of a panic to the logs. The standard hook would write it to standard error, and
/// wait there.
fn report_panics(queues: Vec<Queue>) {
    panic::set_hook(Box::new(move |info| {
        for queue in &queues {
            queue.push(Message {
                part: Part::Main,
                severity: ERROR,
                text: format!("{info}\n").into_bytes(),
            });
        }
    }));
}

/// Reads `RUST_LOG`; an invalid value counts as unset. Regular expressions are left out: they would be
/// a large part of the program.
fn levels(setting: Option<&str>, detail: bool) -> Targets {
    setting
        .filter(|setting| !setting.trim().is_empty())
        .and_then(|setting| setting.parse().ok())
        .unwrap_or_else(|| {
            Targets::new().with_default(if detail {
                LevelFilter::DEBUG
            } else {
                LevelFilter::INFO
            })
        })
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = Entry<'a>;

    fn make_writer(&'a self) -> Entry<'a> {
        Entry::new(self, INFO, Part::Main)
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Entry<'a> {
        let severity = match *metadata.level() {
            Level::ERROR => ERROR,
            Level::WARN => WARNING,
            Level::INFO => INFO,
            _ => DEBUG,
        };
        Entry::new(self, severity, Part::of_module(metadata.target()))
    }
}

/// A message while it is written; it is queued when it is complete.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    queue: &'a Queue,
    message: Message,
}

impl<'a> Entry<'a> {
    const fn new(queue: &'a Queue, severity: u8, part: Part) -> Self {
        let message = Message {
            part,
            severity,
            text: Vec::new(),
        };
        Self { queue, message }
    }
}

impl Write for Entry<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.message.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let text = std::mem::take(&mut self.message.text);
        self.queue.push(Message {
            part: self.message.part,
            severity: self.message.severity,
            text,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_those_of_the_variable_or_of_the_command_line() {
        let shows = |setting: Option<&str>, detail: bool| {
            let targets = levels(setting, detail);
            [
                targets.would_enable("lb_vrrp::driver", &Level::DEBUG),
                targets.would_enable("lb_core", &Level::DEBUG),
                targets.would_enable("lb_core", &Level::INFO),
            ]
        };
        assert_eq!(shows(None, false), [false, false, true]);
        assert_eq!(shows(None, true), [true; 3]);
        assert_eq!(
            shows(Some("info,lb_vrrp=debug"), false),
            [true, false, true]
        );
        assert_eq!(shows(Some("warn"), true), [false; 3]);
        assert_eq!(shows(Some(" "), true), [true; 3]);
        assert_eq!(shows(Some("what=is=this"), false), [false, false, true]);
    }
}
