// SPDX-License-Identifier: MIT OR Apache-2.0
//! A kernel that answers as a test prescribes.

use std::{collections::VecDeque, fmt, io};

use netlink_packet_core::{
    Emitable, NLM_F_ACK_TLVS, NLM_F_CAPPED, NLM_F_MULTIPART, NLMSG_DONE, NLMSG_ERROR,
    NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_generic::GenlMessage;

use super::Link;
use crate::transport::{Transport, datagrams::Datagrams};
use crate::wire::IpvsMessage;

/// The family number of the scripted kernel.
const FAMILY: u16 = 0x1c;

/// A request as the scripted kernel receives it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ScriptedRequest {
    /// The message.
    pub message: IpvsMessage,
    /// `NLM_F_*` flags.
    pub flags: u16,
    /// The sequence number, which replies must carry.
    pub sequence: u32,
}

/// What the scripted kernel replies; each is a datagram of its own.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ScriptedReply {
    /// A message of the family with the flag `NLM_F_MULTI` and any others given.
    Message {
        /// The sequence number.
        sequence: u32,
        /// `NLM_F_*` flags.
        flags: u16,
        /// The message.
        message: IpvsMessage,
    },
    /// Success of the request with this sequence number.
    Ack(u32),
    /// Failure of a request.
    Error {
        /// The sequence number.
        sequence: u32,
        /// The errno, positive.
        errno: i32,
        /// The kernel's explanation.
        text: Option<String>,
    },
    /// The end of a dump.
    Done {
        /// The sequence number.
        sequence: u32,
        /// The errno, positive, or 0.
        errno: i32,
    },
    /// Several replies in one datagram.
    Together(Vec<Self>),
    /// Any bytes.
    Bytes(Vec<u8>),
    /// The receive call fails with this errno.
    ReceiveError(i32),
}

/// A kernel that answers by a function: all requests of one `send` in, all replies out.
///
/// It is for tests of programs that use the client. When the replies are used up, the client
/// waits until its deadline.
///
/// ```
/// use lb_ipvs::{IpvsHandle, testing::{ScriptedKernel, ScriptedReply}};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), lb_ipvs::Error> {
/// let kernel = ScriptedKernel::new(|requests| {
///     requests.iter().map(|request| ScriptedReply::Ack(request.sequence)).collect()
/// });
/// IpvsHandle::scripted(kernel).flush().await?;
/// # Ok(()) }
/// ```
pub struct ScriptedKernel {
    script: Box<dyn FnMut(Vec<ScriptedRequest>) -> Vec<ScriptedReply> + Send>,
    receive_buffer: usize,
}

impl ScriptedKernel {
    /// A kernel that answers by this function.
    pub fn new(
        script: impl FnMut(Vec<ScriptedRequest>) -> Vec<ScriptedReply> + Send + 'static,
    ) -> Self {
        Self {
            script: Box::new(script),
            receive_buffer: 2 << 20,
        }
    }

    /// The same with a receive buffer of so many bytes, which bounds batches.
    #[must_use]
    pub fn with_receive_buffer(mut self, bytes: usize) -> Self {
        self.receive_buffer = bytes;
        self
    }

    pub(crate) fn into_transport(self) -> Transport {
        let Self {
            mut script,
            receive_buffer,
        } = self;
        let handler = move |bytes: &[u8]| match requests_of(bytes) {
            Ok(requests) => script(requests)
                .into_iter()
                .map(ScriptedReply::into_datagram)
                .collect(),
            Err(error) => vec![Err(error)],
        };
        Transport::over(
            Link::Scripted(ScriptedLink::new(handler, receive_buffer)),
            FAMILY,
        )
    }
}

impl fmt::Debug for ScriptedKernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedKernel").finish_non_exhaustive()
    }
}

fn requests_of(bytes: &[u8]) -> io::Result<Vec<ScriptedRequest>> {
    let mut rest = bytes;
    let mut requests = Vec::new();
    while !rest.is_empty() {
        let message = NetlinkMessage::<GenlMessage<IpvsMessage>>::deserialize(rest)
            .map_err(io::Error::other)?;
        let len = usize::try_from(message.header.length).unwrap_or(usize::MAX);
        rest = rest.get(len..).unwrap_or_default();
        let NetlinkPayload::InnerMessage(inner) = message.payload else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        requests.push(ScriptedRequest {
            message: inner.payload,
            flags: message.header.flags,
            sequence: message.header.sequence_number,
        });
    }
    Ok(requests)
}

/// A netlink message around a payload.
fn framed(message_type: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.message_type = message_type;
    header.flags = flags;
    header.sequence_number = sequence;
    let len = header.buffer_len() + payload.len();
    header.length = u32::try_from(len).unwrap_or(u32::MAX);
    let mut bytes = vec![0; header.buffer_len()];
    header.emit(&mut bytes);
    bytes.extend(payload);
    bytes.resize(len.next_multiple_of(4), 0);
    bytes
}

impl ScriptedReply {
    fn into_datagram(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Message {
                sequence,
                flags,
                message,
            } => {
                let message = GenlMessage::from_payload(message);
                let mut payload = vec![0; message.buffer_len()];
                message.emit(&mut payload);
                Ok(framed(FAMILY, flags, sequence, &payload))
            }
            Self::Ack(sequence) => Ok(framed(NLMSG_ERROR, NLM_F_CAPPED, sequence, &[0; 20])),
            Self::Error {
                sequence,
                errno,
                text,
            } => {
                let mut payload = errno.saturating_neg().to_ne_bytes().to_vec();
                payload.resize(20, 0);
                let mut flags = NLM_F_CAPPED;
                if let Some(text) = text {
                    flags |= NLM_F_ACK_TLVS;
                    let len = u16::try_from(text.len() + 5).unwrap_or(u16::MAX);
                    payload.extend(len.to_ne_bytes());
                    payload.extend(1_u16.to_ne_bytes());
                    payload.extend(text.as_bytes());
                    payload.push(0);
                }
                Ok(framed(NLMSG_ERROR, flags, sequence, &payload))
            }
            Self::Done { sequence, errno } => {
                let code = errno.saturating_neg().to_ne_bytes();
                Ok(framed(NLMSG_DONE, NLM_F_MULTIPART, sequence, &code))
            }
            Self::Together(replies) => {
                let datagrams: io::Result<Vec<_>> =
                    replies.into_iter().map(Self::into_datagram).collect();
                Ok(datagrams?.concat())
            }
            Self::Bytes(bytes) => Ok(bytes),
            Self::ReceiveError(errno) => Err(io::Error::from_raw_os_error(errno)),
        }
    }
}

/// Requests in, datagrams or receive errors out.
type Handler = Box<dyn FnMut(&[u8]) -> Vec<io::Result<Vec<u8>>> + Send>;

/// A link to a function.
pub(crate) struct ScriptedLink {
    handler: Handler,
    queue: VecDeque<io::Result<Vec<u8>>>,
    receive_buffer: usize,
}

impl ScriptedLink {
    pub(in crate::transport) fn new(
        handler: impl FnMut(&[u8]) -> Vec<io::Result<Vec<u8>>> + Send + 'static,
        receive_buffer: usize,
    ) -> Self {
        Self {
            handler: Box::new(handler),
            queue: VecDeque::new(),
            receive_buffer,
        }
    }

    pub(super) const fn receive_buffer(&self) -> usize {
        self.receive_buffer
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.queue.extend((self.handler)(bytes));
        Ok(())
    }

    pub(super) fn try_receive(&mut self, datagrams: &mut Datagrams) -> io::Result<()> {
        let datagram = self.queue.pop_front();
        datagrams.put(datagram.unwrap_or_else(|| Err(io::ErrorKind::WouldBlock.into()))?);
        Ok(())
    }

    pub(super) fn discard(&mut self) {
        self.queue.clear();
    }
}
