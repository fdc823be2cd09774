// SPDX-License-Identifier: MIT OR Apache-2.0
//! Netlink messages in a datagram, and the kernel's acknowledgements among them.

use netlink_packet_core::{
    DecodeError, ErrorContext, NLM_F_ACK_TLVS, NLM_F_CAPPED, NLM_F_DUMP_INTR, NLMSG_DONE,
    NLMSG_ERROR, NLMSG_NOOP, NLMSG_OVERRUN, NetlinkBuffer, NlasIterator, parse_i32, parse_u32,
};

/// `NLMSGERR_ATTR_MSG`
const NLMSGERR_ATTR_MSG: u16 = 1;
/// Bytes of a netlink header.
const HEADER_LEN: usize = 16;

/// One netlink message.
#[derive(Debug, PartialEq)]
pub(super) struct Frame<'a> {
    pub(super) sequence: u32,
    /// `NLM_F_DUMP_INTR`: the list changed while it was read.
    pub(super) interrupted: bool,
    pub(super) body: Body<'a>,
}

/// What a netlink message is.
#[derive(Debug, PartialEq)]
pub(super) enum Body<'a> {
    /// A message of a family.
    Message(&'a [u8]),
    /// Success.
    Ack,
    /// Failure, with the kernel's explanation if there is one.
    Error { errno: i32, message: Option<String> },
    /// The end of a dump, which may have failed.
    Done { errno: i32 },
    /// Nothing.
    Noop,
    /// The kernel lost data.
    Overrun,
}

/// The messages in a datagram.
pub(super) struct Frames<'a> {
    rest: &'a [u8],
}

impl<'a> Frames<'a> {
    pub(super) const fn new(datagram: &'a [u8]) -> Self {
        Self { rest: datagram }
    }

    fn parse(&mut self) -> Result<Frame<'a>, DecodeError> {
        let rest = std::mem::take(&mut self.rest);
        let buffer = NetlinkBuffer::new_checked(rest)?;
        let len = usize::try_from(buffer.length()).unwrap_or(usize::MAX);
        let payload = rest.get(HEADER_LEN..len).unwrap_or_default();
        self.rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        let flags = buffer.flags();
        let body = match buffer.message_type() {
            NLMSG_ERROR => acknowledgement(payload, flags).context("NLMSG_ERROR")?,
            NLMSG_DONE => Body::Done {
                errno: leading_errno(payload).unwrap_or_default(),
            },
            NLMSG_NOOP => Body::Noop,
            NLMSG_OVERRUN => Body::Overrun,
            _ => Body::Message(payload),
        };
        let interrupted = flags & NLM_F_DUMP_INTR != 0;
        Ok(Frame {
            sequence: buffer.sequence_number(),
            interrupted,
            body,
        })
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.rest.is_empty()).then(|| self.parse())
    }
}

/// The errno at the start of a payload, positive.
fn leading_errno(payload: &[u8]) -> Option<i32> {
    let code = parse_i32(payload.get(..4)?).ok()?;
    Some(code.saturating_neg())
}

fn acknowledgement(payload: &[u8], flags: u16) -> Result<Body<'static>, DecodeError> {
    match leading_errno(payload) {
        None => Err(DecodeError::invalid_buffer("nlmsgerr", payload.len(), 4)),
        Some(0) => Ok(Body::Ack),
        Some(errno) => Ok(Body::Error {
            errno,
            message: extended_message(payload, flags),
        }),
    }
}

/// The kernel's explanation, after the header (or the whole) of the request that failed.
fn extended_message(payload: &[u8], flags: u16) -> Option<String> {
    if flags & NLM_F_ACK_TLVS == 0 {
        return None;
    }
    let request = payload.get(4..)?;
    let len = if flags & NLM_F_CAPPED != 0 {
        HEADER_LEN
    } else {
        usize::try_from(parse_u32(request.get(..4)?).ok()?)
            .ok()?
            .checked_next_multiple_of(4)?
    };
    let attribute = NlasIterator::new(request.get(len..)?)
        .map_while(Result::ok)
        .find(|attribute| attribute.kind() == NLMSGERR_ATTR_MSG)?;
    let text = attribute.value().split(|byte| *byte == 0).next()?;
    Some(String::from_utf8_lossy(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `NLMSG_ERROR`, EEXIST for sequence 12: ipvs_probe in a guest with kernel 6.1.176, with
    /// `NETLINK_CAP_ACK`; flags 0x100.
    const CAPPED: [u8; 36] = [
        36, 0, 0, 0, 2, 0, 0, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0xef, 0xff, 0xff, 0xff, 0x68, 0, 0, 0,
        0x1c, 0, 5, 0, 12, 0, 0, 0, 0, 0, 0, 0,
    ];

    fn only(datagram: &[u8]) -> Frame<'_> {
        let mut frames = Frames::new(datagram);
        let frame = frames.next().unwrap().unwrap();
        assert!(frames.next().is_none());
        frame
    }

    #[test]
    fn error_without_text() {
        let frame = only(&CAPPED);
        assert_eq!(frame.sequence, 12);
        assert_eq!(
            frame.body,
            Body::Error {
                errno: 17,
                message: None
            }
        );
    }

    #[test]
    fn error_with_text() {
        let mut datagram = CAPPED.to_vec();
        datagram.extend([9, 0, 1, 0, b'o', b'h', b' ', b'!', 0, 0, 0, 0]);
        datagram[0] = 48;
        datagram[7] |= 2;
        let message = Some("oh !".to_owned());
        assert_eq!(only(&datagram).body, Body::Error { errno: 17, message });
    }

    #[test]
    fn never_panics() {
        let mut two = CAPPED.to_vec();
        two.extend(CAPPED);
        for len in 0..two.len() {
            for frame in Frames::new(&two[..len]) {
                drop(frame);
            }
        }
        for position in 0..two.len() {
            for lie in [0, 1, 3, 15, 17, 0x7f, 0x80, 0xff] {
                let mut bytes = two.clone();
                bytes[position] = lie;
                bytes[7] |= 2;
                assert!(Frames::new(&bytes).count() <= 3);
            }
        }
    }
}
