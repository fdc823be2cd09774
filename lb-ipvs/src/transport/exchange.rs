// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests and their replies.

use std::{io, time::Duration};

use netlink_packet_core::{
    Emitable, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage,
    ParseableParametrized,
};
use netlink_packet_generic::{GenlHeader, GenlMessage};
use nix::libc;
use tokio::time::timeout;

use super::{
    family,
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
/// How often a dump is begun anew when the list changes under it.
const DUMP_ATTEMPTS: u32 = 5;
/// Requests in one batch at most.
const BATCH_REQUESTS: usize = 500;
/// Bytes of requests in one batch at most, well below the smallest usual send buffer.
const BATCH_BYTES: usize = 64 << 10;
/// What one error may take of the receive buffer by the kernel's reckoning: 768 were measured,
/// an explanation of more than a hundred bytes makes it 1280.
const ERROR_COST: usize = 1280;

/// A socket whose family is known.
pub(crate) struct Transport {
    link: Link,
    family: u16,
    sequence: u32,
    /// An exchange began and did not end: its replies may still come.
    unsettled: bool,
    buffer: Vec<u8>,
}

/// What a request is about, for errors.
#[derive(Clone, Copy)]
struct About {
    operation: Operation,
    subject: Subject,
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

    pub(super) const fn over(link: Link, family: u16) -> Self {
        Self {
            link,
            family,
            sequence: 0,
            unsettled: false,
            buffer: Vec::new(),
        }
    }

    /// How many requests can fail in one batch with every error readable.
    pub(crate) fn batch_limit(&self) -> usize {
        (self.link.receive_buffer() / ERROR_COST).clamp(1, BATCH_REQUESTS)
    }

    /// Sends one request with `NLM_F_ACK`, and returns what the kernel told besides.
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
        let (replies, _) = self.collect(about, sequence).await?;
        Ok(replies)
    }

    /// Sends one request with `NLM_F_DUMP`, and returns the list.
    pub(crate) async fn dump(
        &mut self,
        operation: Operation,
        subject: Subject,
        message: &IpvsMessage,
    ) -> Result<Vec<IpvsMessage>, Error> {
        let about = About { operation, subject };
        for attempt in 1..=DUMP_ATTEMPTS {
            let mut bytes = Vec::new();
            let sequence = self.encode(message.clone(), NLM_F_REQUEST | NLM_F_DUMP, &mut bytes);
            self.send(about, bytes, false).await?;
            let (replies, interrupted) = self.collect(about, sequence).await?;
            if !interrupted {
                return Ok(replies);
            }
            tracing::debug!(%operation, attempt, "list changed while it was read");
        }
        Err(Error::Interrupted {
            operation,
            attempts: DUMP_ATTEMPTS,
        })
    }

    /// Sends as many requests as fit into one batch; only the last asks for an acknowledgement.
    ///
    /// Returns the outcome of each request that was sent, which is at least one.
    pub(crate) async fn batch(
        &mut self,
        requests: impl Iterator<Item = (Operation, Subject, IpvsMessage)>,
    ) -> Result<Vec<Result<(), Error>>, Error> {
        let limit = self.batch_limit();
        let mut bytes = Vec::with_capacity(BATCH_BYTES);
        let mut abouts = Vec::with_capacity(limit);
        let first = self.sequence.wrapping_add(1);
        let mut last_at = 0;
        for (operation, subject, message) in requests {
            last_at = bytes.len();
            self.encode(message, NLM_F_REQUEST, &mut bytes);
            abouts.push(About { operation, subject });
            if abouts.len() == limit || bytes.len() >= BATCH_BYTES {
                break;
            }
        }
        let (Some(&about), Some(header)) = (abouts.first(), bytes.get_mut(last_at..last_at + 8))
        else {
            return Ok(Vec::new());
        };
        if let [.., low, high] = header {
            [*low, *high] = (NLM_F_REQUEST | NLM_F_ACK).to_ne_bytes();
        }
        let last = self.sequence;
        self.send(about, bytes, false).await?;
        let mut outcomes: Vec<Result<(), Error>> = abouts.iter().map(|_| Ok(())).collect();
        loop {
            self.receive(about).await?;
            for frame in Frames::new(&self.buffer) {
                let frame = frame.map_err(|source| malformed(about, source))?;
                let index = frame.sequence.wrapping_sub(first) as usize;
                let (Some(about), Some(outcome)) = (abouts.get(index), outcomes.get_mut(index))
                else {
                    check_sequence(about, last, &frame)?;
                    continue;
                };
                match frame.body {
                    Body::Error { errno, message } => {
                        *outcome =
                            Err(kernel_error(about.operation, about.subject, errno, message));
                    }
                    Body::Overrun => {
                        return Err(Error::OutcomeUnknown {
                            operation: about.operation,
                        });
                    }
                    Body::Ack | Body::Done { .. } => {}
                    Body::Noop | Body::Message(_) => continue,
                }
                if frame.sequence == last {
                    self.unsettled = false;
                    return Ok(outcomes);
                }
            }
        }
    }

    /// Appends a request to `bytes` and returns its sequence number.
    fn encode(&mut self, message: IpvsMessage, flags: u16, bytes: &mut Vec<u8>) -> u32 {
        let mut message = GenlMessage::from_payload(message);
        message.set_resolved_family_id(self.family);
        let mut header = NetlinkHeader::default();
        header.flags = flags;
        self.append(NetlinkMessage::new(header, message.into()), bytes)
    }

    /// Appends a request to `bytes` under the next sequence number, which it returns.
    pub(super) fn append<F>(
        &mut self,
        mut message: NetlinkMessage<GenlMessage<F>>,
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
    async fn send(&mut self, about: About, bytes: Vec<u8>, aside: bool) -> Result<(), Error> {
        if self.unsettled {
            self.link
                .discard(&mut self.buffer)
                .map_err(|source| Error::Socket {
                    action: "discard old replies",
                    source,
                })?;
        }
        self.unsettled = true;
        let sent = if aside {
            timeout(DEADLINE, self.link.send_aside(bytes)).await
        } else {
            timeout(DEADLINE, self.link.send(&bytes)).await
        };
        sent.map_err(|_| timed_out(about))?
            .map_err(|source| Error::Socket {
                action: "send",
                source,
            })
    }

    /// Receives a datagram into the buffer.
    async fn receive(&mut self, about: About) -> Result<(), Error> {
        let received = timeout(DEADLINE, self.link.receive(&mut self.buffer)).await;
        received
            .map_err(|_| timed_out(about))?
            .map_err(|source| match source.raw_os_error() {
                Some(libc::ENOBUFS) => Error::OutcomeUnknown {
                    operation: about.operation,
                },
                _ => Error::Socket {
                    action: "receive",
                    source,
                },
            })
    }

    /// Receives all there is in reply to one request; whether a dump was interrupted.
    async fn collect(
        &mut self,
        about: About,
        sequence: u32,
    ) -> Result<(Vec<IpvsMessage>, bool), Error> {
        let mut messages = Vec::new();
        let mut interrupted = false;
        loop {
            self.receive(about).await?;
            for frame in Frames::new(&self.buffer) {
                let frame = frame.map_err(|source| malformed(about, source))?;
                if check_sequence(about, sequence, &frame)?.is_stale() {
                    continue;
                }
                interrupted |= frame.interrupted;
                match frame.body {
                    Body::Message(payload) => {
                        messages.push(decode(payload).map_err(|e| malformed(about, e))?);
                    }
                    Body::Ack | Body::Done { errno: 0 } => {
                        self.unsettled = false;
                        return Ok((messages, interrupted));
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

    /// Sends bytes of another family than ours and hands each reply to `reply`; the errno of a
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
            for frame in Frames::new(&self.buffer) {
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

/// Whether a reply belongs to the request in hand or to one before it.
#[derive(Clone, Copy, PartialEq)]
enum Age {
    Current,
    Stale,
}

impl Age {
    const fn is_stale(self) -> bool {
        matches!(self, Self::Stale)
    }
}

/// Lets replies to earlier, abandoned requests pass, and no others.
fn check_sequence(about: About, expected: u32, frame: &Frame<'_>) -> Result<Age, Error> {
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

fn decode(payload: &[u8]) -> Result<IpvsMessage, netlink_packet_core::DecodeError> {
    let header = GenlHeader::parse(payload)?;
    let attributes = payload.get(header.buffer_len()..).unwrap_or_default();
    IpvsMessage::parse_with_param(attributes, header)
}

fn malformed(about: About, source: netlink_packet_core::DecodeError) -> Error {
    Error::Decode {
        operation: about.operation,
        source: source.into(),
    }
}

const fn timed_out(about: About) -> Error {
    Error::Timeout {
        operation: about.operation,
        deadline: DEADLINE,
    }
}
