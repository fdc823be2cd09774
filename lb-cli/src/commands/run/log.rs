// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where messages go: standard error, or the system's log by its socket.

use std::{
    env, fmt,
    io::{self, Write},
    os::unix::net::UnixDatagram,
    path::Path,
};

use tracing::{Event, Level, Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer, Registry,
    filter::Targets,
    fmt::{
        FmtContext, FormatEvent, FormatFields, MakeWriter,
        format::Writer,
        time::{FormatTime as _, SystemTime},
    },
    layer::SubscriberExt,
    registry::LookupSpan,
    util::{SubscriberInitExt, TryInitError},
};

use crate::args::run::LogTarget;

/// Syslog's severity of an ordinary message.
const INFO: u8 = 6;

/// The system's log.
const SOCKET: &str = "/dev/log";

/// Installs the subscriber. `RUST_LOG` decides about levels if it is set (`debug`,
/// `info,lb_vrrp=debug`), `detail` otherwise.
pub(super) fn install(target: LogTarget, detail: bool) {
    let layer = tracing_subscriber::fmt::layer().with_ansi(false);
    let installed = match target {
        LogTarget::Stderr => {
            let line = Line { is_prefixed: true };
            init(layer.event_format(line).with_writer(io::stderr), detail)
        }
        LogTarget::Syslog(facility) => {
            let writer = Syslog::new(Path::new(SOCKET), facility);
            let line = Line { is_prefixed: false };
            init(layer.event_format(line).with_writer(writer), detail)
        }
        LogTarget::None => return,
    };
    // Only fails when there is a subscriber already, and then messages go there.
    drop(installed);
}

fn init<L>(layer: L, detail: bool) -> Result<(), TryInitError>
where
    L: Layer<Registry> + Send + Sync,
{
    let setting = env::var("RUST_LOG").ok();
    let targets = targets(setting.as_deref(), detail);
    tracing_subscriber::registry()
        .with(layer.with_filter(targets))
        .try_init()
}

/// The format of a message: one line with the text and its fields. Spans are left out, because the text
/// names the virtual router or the virtual server as in keepalived's log.
#[derive(Debug)]
struct Line {
    /// Whether time and level precede the text; the system's log adds its own.
    is_prefixed: bool,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if self.is_prefixed {
            SystemTime.format_time(&mut writer)?;
            write!(writer, " {:>5} ", event.metadata().level())?;
        }
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// Reads `RUST_LOG`; an invalid value counts as unset. Regular expressions are left out: they would be
/// a large part of the program.
fn targets(setting: Option<&str>, detail: bool) -> Targets {
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

/// A writer for each message, with the message's level.
#[derive(Debug)]
struct Syslog {
    socket: Option<UnixDatagram>,
    facility: u8,
}

impl Syslog {
    /// Without a log to write to, messages are dropped: a daemon in the background has no other place.
    fn new(path: &Path, facility: u8) -> Self {
        let socket = UnixDatagram::unbound().ok().filter(|socket| {
            // A log that does not keep up must not stop the daemon.
            socket.connect(path).is_ok() && socket.set_nonblocking(true).is_ok()
        });
        Self { socket, facility }
    }

    fn message(&self, severity: u8) -> Message<'_> {
        Message {
            syslog: self,
            severity,
            text: Vec::new(),
        }
    }
}

impl<'a> MakeWriter<'a> for Syslog {
    type Writer = Message<'a>;

    fn make_writer(&'a self) -> Message<'a> {
        self.message(INFO)
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Message<'a> {
        let severity = match *metadata.level() {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => INFO,
            _ => 7,
        };
        self.message(severity)
    }
}

/// One message, sent when it is complete.
#[derive(Debug)]
struct Message<'a> {
    syslog: &'a Syslog,
    severity: u8,
    text: Vec<u8>,
}

impl Write for Message<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Message<'_> {
    fn drop(&mut self) {
        let Some(socket) = &self.syslog.socket else {
            return;
        };
        let priority = u16::from(self.syslog.facility) * 8 + u16::from(self.severity);
        let name = format!("<{priority}>Keepalived[{}]: ", std::process::id());
        let mut packet = name.into_bytes();
        packet.extend_from_slice(self.text.trim_ascii_end());
        let _ = socket.send(&packet);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_datagram_with_its_priority() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let log = UnixDatagram::bind(&path).unwrap();
        let syslog = Syslog::new(&path, 3);
        let mut message = syslog.message(4);
        message.write_all(b"became ").unwrap();
        message.write_all(b"master\n").unwrap();
        drop(message);
        let mut buffer = [0; 100];
        let length = log.recv(&mut buffer).unwrap();
        let text = String::from_utf8_lossy(&buffer[..length]);
        assert_eq!(
            text,
            format!("<28>Keepalived[{}]: became master", std::process::id())
        );
    }

    #[test]
    fn a_line_has_the_text_and_its_fields_and_no_span() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let log = UnixDatagram::bind(&path).unwrap();
        let layer = tracing_subscriber::fmt::layer().with_ansi(false);
        let line = Line { is_prefixed: false };
        let layer = layer.event_format(line).with_writer(Syslog::new(&path, 3));
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            let _span = tracing::info_span!("vrrp", instance = "VI_1", vrid = 51).entered();
            tracing::warn!(from = "BACKUP", "(VI_1) Entering {} STATE", "MASTER");
        });
        let mut buffer = [0; 100];
        let length = log.recv(&mut buffer).unwrap();
        let text = String::from_utf8_lossy(&buffer[..length]);
        let pid = std::process::id();
        let expected =
            format!("<28>Keepalived[{pid}]: (VI_1) Entering MASTER STATE from=\"BACKUP\"");
        assert_eq!(text, expected);
    }

    #[test]
    fn levels_are_those_of_the_variable_or_of_the_command_line() {
        let shows = |setting: Option<&str>, detail: bool| {
            let targets = targets(setting, detail);
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

    #[test]
    fn without_a_log_nothing_fails() {
        let syslog = Syslog::new(Path::new("/nonexistent"), 3);
        syslog.make_writer().write_all(b"lost").unwrap();
    }
}
