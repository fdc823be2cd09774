// SPDX-License-Identifier: MIT OR Apache-2.0
//! Logs that are files: standard error, or a file of `--log-file`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use rustix::event::{PollFd, PollFlags, poll};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};

use super::queue::{Message, Part, Sink};
use super::{INFO, WARNING};

/// Mode of a log file: readable for its group, as syslog's files are.
const MODE: u32 = 0o640;

/// A log of lines with their times.
#[derive(Debug)]
pub(super) struct Stream(File);

impl Stream {
    /// Standard error. The descriptor is a duplicate, so the lock of the standard library is not
    /// held while a write waits.
    ///
    /// # Errors
    /// When there is no descriptor for the duplicate.
    pub(super) fn stderr() -> io::Result<Self> {
        let descriptor = io::stderr().as_fd().try_clone_to_owned()?;
        Ok(Self(File::from(descriptor)))
    }

    /// A file; what is in it stays.
    ///
    /// # Errors
    /// When it cannot be opened for writing.
    pub(super) fn file(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(MODE)
            .open(path)?;
        Ok(Self(file))
    }
}

impl Sink for Stream {
    fn write(&mut self, message: &Message, _closing: &AtomicBool) -> io::Result<()> {
        let mut rest = message.text.as_slice();
        while !rest.is_empty() {
            match self.0.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Another process has made the open file non-blocking for all who have it.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    wait_for_room(self.0.as_fd())?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn report(&self, dropped: u64) -> Message {
        line(
            WARNING,
            &format!("{dropped} log messages were dropped: the log did not accept them in time"),
        )
    }
}

fn wait_for_room(descriptor: BorrowedFd<'_>) -> io::Result<()> {
    match poll(&mut [PollFd::new(&descriptor, PollFlags::OUT)], None) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A line of its own, in the format of the subscriber's lines.
fn line(severity: u8, text: &str) -> Message {
    let mut time = String::new();
    // Writing to a string cannot fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut time));
    let level = if severity < INFO { " WARN" } else { " INFO" };
    Message {
        part: Part::Main,
        severity,
        text: format!("{time} {level} {text}\n").into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::thread;

    use super::*;

    #[test]
    fn a_message_waits_for_room_in_a_pipe_that_does_not_block() {
        let (mut reader, writer) = io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        let mut stream = Stream(File::from(std::os::fd::OwnedFd::from(writer)));
        let long = vec![b'x'; 1 << 20];
        let message = Message {
            part: Part::Main,
            severity: INFO,
            text: long.clone(),
        };
        let writes = thread::spawn(move || stream.write(&message, &AtomicBool::new(false)));
        let mut read = vec![0; long.len()];
        reader.read_exact(&mut read).unwrap();
        writes.join().unwrap().unwrap();
        assert_eq!(read, long);
    }

    #[test]
    fn a_log_file_is_appended_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        for text in ["first\n", "second\n"] {
            let mut stream = Stream::file(&path).unwrap();
            let message = Message {
                part: Part::Main,
                severity: INFO,
                text: text.into(),
            };
            stream.write(&message, &AtomicBool::new(false)).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "first\nsecond\n");
    }

    #[test]
    fn the_report_of_dropped_messages_is_a_line_with_time_and_level() {
        let stream = Stream::stderr().unwrap();
        let text = String::from_utf8(stream.report(7).text).unwrap();
        assert!(
            text.contains("Z  WARN 7 log messages were dropped: "),
            "{text}"
        );
    }
}
