// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests and their replies.

mod batch;
mod dump;
pub(super) mod family;

use std::{io, os::fd::BorrowedFd, time::Duration};

use netlink_packet_core::{
    Emitable, NLM_F_ACK, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, ParseableParametrized,
};
use netlink_packet_generic::{GenlHeader, GenlMessage};
use nix::libc;
use tokio::time::{sleep, timeout};

use self::dump::Parts;
use super::{
    datagrams::Datagrams,
    frame::{Body, Frame, Frames},
    link::Link,
};
use crate::{
    error::{DecodeError, Error},
    operation::{Operation, Subject},
    wire::IpvsMessage,
};

/// How long a reply is waited for. The kernel replies at once, except when it stops a daemon.
pub(super) const DEADLINE: Duration = Duration::from_secs(15);
/// How often a dump is repeated when the list changes under it, when the kernel is busy with
/// another one on this socket, or when replies are lost.
pub(super) const DUMP_ATTEMPTS: u32 = 5;
/// How long to wait before that, multiplied by the number of the attempt.
pub(super) const DUMP_PAUSE: Duration = Duration::from_millis(10);

/// A socket whose family is known.
pub(crate) struct Transport {
    link: Link,
    pub(super) family: u16,
    pub(super) sequence: u32,
    batch_limit: usize,
    /// An exchange began and did not end: its replies may still come.
    pub(super) unsettled: bool,
    pub(super) buffer: Datagrams,
}

/// What a request is about, for errors.
#[derive(Clone, Copy)]
pub(super) struct About {
    pub(super) operation: Operation,
    pub(super) subject: Subject,
}

/// The error for an errno of the kernel.
pub(super) fn kernel_error(
    operation: Operation,
    subject: Subject,
    errno: i32,
    message: Option<String>,
) -> Error {
    if errno == libc::EPERM {
        return Error::PermissionDenied { operation, subject };
    }
    let source = io::Error::from_raw_os_error(errno);
    Error::Kernel {
        operation,
        subject,
        source,
        message,
    }
}

impl Transport {
    /// Finds the family, loading the module if need be.
    pub(crate) async fn open(link: Link) -> Result<Self, Error> {
        let mut transport = Self::over(link, 0);
        transport.family = family::find(&mut transport).await?;
        Ok(transport)
    }

    pub(super) fn over(link: Link, family: u16) -> Self {
        Self {
            batch_limit: batch::limit(link.receive_buffer()),
            link,
            family,
            sequence: 0,
            unsettled: false,
            buffer: Datagrams::new(),
        }
    }

    /// How many requests can fail in one batch with every error readable.
    pub(crate) const fn batch_limit(&self) -> usize {
        self.batch_limit
    }

    /// The socket, if it is one.
    pub(crate) fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.link.socket()
    }

    /// Sends one request with `NLM_F_ACK`, and returns the messages before it.
    pub(crate) async fn request(
        &mut self,
        operation: Operation,
        subject: Subject,
        message: IpvsMessage,
    ) -> Result<Vec<IpvsMessage>, Error> {
        let about = About { operation, subject };
        let mut bytes = Vec::new();
        let sequence = self.encode(message, NLM_F_REQUEST | NLM_F_ACK, &mut bytes);
        let aside = matches!(
            operation,
            Operation::StartSyncDaemon | Operation::StopSyncDaemon
        );
        self.send(about, bytes, aside).await?;
        let mut replies = Vec::new();
        self.collect(about, sequence, |header, attributes| {
            let message = IpvsMessage::parse_with_param(attributes, header);
            replies.push(message.map_err(DecodeError::malformed)?);
            Ok(())
        })
        .await?;
        Ok(replies)
    }

    /// As [`Transport::request`], for a question, which can be asked again when its reply is lost.
    pub(crate) async fn question(
        &mut self,
        operation: Operation,
        subject: Subject,
        message: IpvsMessage,
    ) -> Result<Vec<IpvsMessage>, Error> {
        let mut attempt = 1;
        loop {
            match self.request(operation, subject, message.clone()).await {
                Err(error) if can_be_asked_again(&error) && attempt < DUMP_ATTEMPTS => {
                    tracing::debug!(%operation, attempt, %error, "asked again");
                    sleep(DUMP_PAUSE * attempt).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// Appends a request to `bytes` and returns its sequence number.
    pub(super) fn encode(&mut self, message: IpvsMessage, flags: u16, bytes: &mut Vec<u8>) -> u32 {
        let mut message = GenlMessage::from_payload(message);
        message.set_resolved_family_id(self.family);
        let mut header = NetlinkHeader::default();
        header.flags = flags;
        self.append(&mut NetlinkMessage::new(header, message.into()), bytes)
    }

    /// Appends a request to `bytes` under the next sequence number, which it returns.
    pub(super) fn append<F>(
        &mut self,
        message: &mut NetlinkMessage<GenlMessage<F>>,
        bytes: &mut Vec<u8>,
    ) -> u32
    where
        GenlMessage<F>: netlink_packet_core::NetlinkSerializable,
    {
        self.sequence = self.sequence.wrapping_add(1);
        message.header.sequence_number = self.sequence;
        message.finalize();
        let start = bytes.len();
        bytes.resize(start + message.buffer_len(), 0);
        if let Some(buffer) = bytes.get_mut(start..) {
            message.emit(buffer);
        }
        self.sequence
    }

    /// Sends, after having thrown away what an abandoned exchange left.
    pub(super) async fn send(
        &mut self,
        about: About,
        bytes: Vec<u8>,
        aside: bool,
    ) -> Result<(), Error> {
        if self.unsettled {
            self.link
                .discard(&mut self.buffer)
                .map_err(|source| Error::Socket {
                    action: "discard old replies",
                    source,
                })?;
        }
        self.unsettled = true;
        // A deadline costs readings of the clock, and there is nearly always room.
        let sent = if aside {
            timeout(DEADLINE, self.link.send_aside(bytes)).await
        } else {
            match self.link.try_send(&bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    timeout(DEADLINE, self.link.send(&bytes)).await
                }
                sent => Ok(sent),
            }
        };
        sent.map_err(|_| timed_out(about))?
            .map_err(|source| Error::Socket {
                action: "send",
                source,
            })
    }

    /// Receives datagrams into the buffer, one at least.
    pub(super) async fn receive(&mut self, about: About) -> Result<(), Error> {
        // Replies are mostly there already, so that no receive would ever let other tasks run.
        tokio::task::consume_budget().await;
        let received = match self.receive_now() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                timeout(DEADLINE, self.receive_later())
                    .await
                    .map_err(|_| timed_out(about))?
            }
            received => received,
        };
        received.map_err(|source| match source.raw_os_error() {
            Some(libc::ENOBUFS) => Error::OutcomeUnknown {
                operation: about.operation,
            },
            _ => Error::Socket {
                action: "receive",
                source,
            },
        })
    }

    fn receive_now(&mut self) -> io::Result<()> {
        loop {
            match self.link.try_receive(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                received => return received,
            }
        }
    }

    async fn receive_later(&mut self) -> io::Result<()> {
        loop {
            match self.link.receive(&mut self.buffer).await {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                received => return received,
            }
        }
    }

    /// Receives all there is in reply to one request, and passes the attributes of each message to
    /// `read`.
    pub(super) async fn collect(
        &mut self,
        about: About,
        sequence: u32,
        mut read: impl FnMut(GenlHeader, &[u8]) -> Result<(), DecodeError>,
    ) -> Result<Collected, Error> {
        let mut collected = Collected::default();
        loop {
            self.receive(about).await?;
            let mut part = None;
            let datagrams = self.buffer.iter().enumerate();
            let frames = datagrams.flat_map(|(number, datagram)| {
                Frames::new(datagram).map(move |frame| (number, datagram.len(), frame))
            });
            for (number, length, frame) in frames {
                let frame = frame.map_err(|source| malformed(about, source))?;
                if check_sequence(about, sequence, &frame)?.is_stale() {
                    continue;
                }
                collected.interrupted |= frame.interrupted;
                match frame.body {
                    Body::Message(payload) => {
                        if part.replace(number) != Some(number) {
                            collected.parts.add(length);
                        }
                        let header = GenlHeader::parse(payload);
                        let header = header.map_err(|source| malformed(about, source))?;
                        let attributes = payload.get(header.buffer_len()..).unwrap_or_default();
                        read(header, attributes).map_err(|source| Error::Decode {
                            operation: about.operation,
                            source,
                        })?;
                    }
                    Body::Ack | Body::Done { errno: 0 } => {
                        self.unsettled = false;
                        return Ok(collected);
                    }
                    Body::Error { errno, message } => {
                        self.unsettled = false;
                        return Err(kernel_error(about.operation, about.subject, errno, message));
                    }
                    Body::Done { errno } => {
                        self.unsettled = false;
                        return Err(kernel_error(about.operation, about.subject, errno, None));
                    }
                    Body::Noop => {}
                    Body::Overrun => {
                        return Err(Error::OutcomeUnknown {
                            operation: about.operation,
                        });
                    }
                }
            }
        }
    }

    /// Sends bytes of another family than ours and passes each reply to `reply`; the errno of a
    /// refusal is the inner error.
    pub(super) async fn foreign(
        &mut self,
        operation: Operation,
        bytes: Vec<u8>,
        mut reply: impl FnMut(&[u8]) -> Result<(), DecodeError>,
    ) -> Result<Result<(), i32>, Error> {
        let about = About {
            operation,
            subject: Subject::Table,
        };
        let sequence = self.sequence;
        self.send(about, bytes, false).await?;
        loop {
            self.receive(about).await?;
            for frame in self.buffer.iter().flat_map(Frames::new) {
                let frame = frame.map_err(|source| malformed(about, source))?;
                if check_sequence(about, sequence, &frame)?.is_stale() {
                    continue;
                }
                match frame.body {
                    Body::Message(payload) => {
                        reply(payload).map_err(|source| Error::Decode { operation, source })?;
                    }
                    Body::Ack | Body::Done { .. } => {
                        self.unsettled = false;
                        return Ok(Ok(()));
                    }
                    Body::Error { errno, .. } => {
                        self.unsettled = false;
                        return Ok(Err(errno));
                    }
                    Body::Noop => {}
                    Body::Overrun => return Err(Error::OutcomeUnknown { operation }),
                }
            }
        }
    }
}

/// What the replies to a request were, beside their contents.
#[derive(Default)]
pub(super) struct Collected {
    /// Whether the kernel reports that a list changed while it was sent.
    pub(super) interrupted: bool,
    /// The datagrams that had messages.
    parts: Parts,
}

/// Whether a reply answers the current request or an earlier one.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Age {
    Current,
    Stale,
}

impl Age {
    const fn is_stale(self) -> bool {
        matches!(self, Self::Stale)
    }
}

/// Whether an error of a question that changes nothing may be gone the next time.
pub(super) fn can_be_asked_again(error: &Error) -> bool {
    match error {
        Error::OutcomeUnknown { .. } => true,
        Error::Kernel { source, .. } => source.raw_os_error() == Some(libc::EBUSY),
        _ => false,
    }
}

/// Lets replies to earlier, abandoned requests pass, and no others.
pub(super) fn check_sequence(about: About, expected: u32, frame: &Frame<'_>) -> Result<Age, Error> {
    match expected.wrapping_sub(frame.sequence) {
        0 => Ok(Age::Current),
        behind if behind <= u32::MAX / 2 => Ok(Age::Stale),
        _ => Err(Error::SequenceMismatch {
            operation: about.operation,
            expected,
            got: frame.sequence,
        }),
    }
}

pub(super) fn malformed(about: About, source: netlink_packet_core::DecodeError) -> Error {
    Error::Decode {
        operation: about.operation,
        source: DecodeError::malformed(source),
    }
}

const fn timed_out(about: About) -> Error {
    Error::Timeout {
        operation: about.operation,
        deadline: DEADLINE,
    }
}
