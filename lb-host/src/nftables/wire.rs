// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages of nf_tables: batches as bytes, and answers from bytes.

use netlink_packet_core::{
    DefaultNla, NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REQUEST, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_netfilter::nftables::{
    DataAttribute, ListAttribute, NfTablesMessage, SetElementAttribute, SetElementList,
    SetElementMessage,
};
use netlink_packet_netfilter::none::ControlMessage;
use netlink_packet_netfilter::{
    NetfilterHeader, NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily,
};

use crate::family::AddressFamily;

/// `NFNL_SUBSYS_NFTABLES`.
const NFTABLES: u16 = 10;
/// `NFNL_MSG_BATCH_BEGIN`.
const BATCH_BEGIN: u8 = 16;
/// `NFNL_BATCH_GENID`.
const GENERATION: u16 = 1;

/// Bytes of the length at the beginning of a message, and the multiple that a message takes.
const ALIGNMENT: usize = 4;

/// One message to the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    family: NetfilterProtoFamily,
    message: NfTablesMessage,
    flags: u16,
}

impl Request {
    /// A request that changes or asks for one object.
    pub(super) fn new(family: AddressFamily, message: NfTablesMessage) -> Self {
        Self {
            family: protocol(family),
            message,
            flags: 0,
        }
    }

    /// A request that adds an object; one that is there is no error.
    pub(super) fn create(family: AddressFamily, message: NfTablesMessage) -> Self {
        let mut request = Self::new(family, message);
        request.flags = NLM_F_CREATE;
        request
    }

    /// A request that adds a rule behind the others.
    pub(super) fn append(family: AddressFamily, message: NfTablesMessage) -> Self {
        let mut request = Self::new(family, message);
        request.flags = NLM_F_CREATE | NLM_F_APPEND;
        request
    }

    /// A request for all objects of a kind, in one family or in all.
    pub(super) fn dump(family: Option<AddressFamily>, message: NfTablesMessage) -> Self {
        Self {
            family: family.map_or(NetfilterProtoFamily::Unspec, protocol),
            message,
            flags: NLM_F_DUMP,
        }
    }

    /// A request about no family.
    pub(super) const fn without_family(message: NfTablesMessage) -> Self {
        Self {
            family: NetfilterProtoFamily::Unspec,
            message,
            flags: 0,
        }
    }

    /// Appends the request to `bytes`; the kernel confirms all but dumps.
    pub(super) fn encode(self, sequence: u32, bytes: &mut Vec<u8>) {
        let confirmed = if self.flags & NLM_F_DUMP == NLM_F_DUMP {
            0
        } else {
            NLM_F_ACK
        };
        let header = NetfilterHeader::new(self.family, 0, 0);
        let message = NetfilterMessage::new(header, self.message);
        append(message, self.flags | confirmed, sequence, bytes);
    }
}

const fn protocol(family: AddressFamily) -> NetfilterProtoFamily {
    match family {
        AddressFamily::Ipv4 => NetfilterProtoFamily::IPv4,
        AddressFamily::Ipv6 => NetfilterProtoFamily::IPv6,
    }
}

fn append(message: NetfilterMessage, flags: u16, sequence: u32, bytes: &mut Vec<u8>) {
    let mut message = NetlinkMessage::from(message);
    message.header.flags = NLM_F_REQUEST | flags;
    message.header.sequence_number = sequence;
    message.finalize();
    let start = bytes.len();
    let length = message.buffer_len();
    bytes.resize(start + length.next_multiple_of(ALIGNMENT), 0);
    if let Some(buffer) = bytes.get_mut(start..start + length) {
        message.serialize(buffer);
    }
}

/// How a batch ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// All requests take effect, or none.
    Commit,
    /// The kernel checks the requests, and none takes effect.
    Check,
}

/// The bytes of a batch. The first sequence number is that of its begin, the requests follow; it takes
/// effect only if the rule set is still of this generation.
pub(super) fn batch(
    generation: Option<u32>,
    requests: Vec<Request>,
    ending: Ending,
    first: u32,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let control = |message| {
        let header = NetfilterHeader::new(NetfilterProtoFamily::Unspec, 0, NFTABLES);
        NetfilterMessage::new(header, message)
    };
    let begin = match generation {
        Some(generation) => {
            let id = DefaultNla::new(GENERATION, generation.to_be_bytes().to_vec());
            ControlMessage::Other {
                message_type: BATCH_BEGIN,
                attributes: vec![id],
            }
        }
        None => ControlMessage::BatchBegin,
    };
    append(control(begin), 0, first, &mut bytes);
    let mut sequence = first;
    for request in requests {
        sequence = sequence.wrapping_add(1);
        request.encode(sequence, &mut bytes);
    }
    if ending == Ending::Commit {
        let last = sequence.wrapping_add(1);
        append(control(ControlMessage::BatchEnd), 0, last, &mut bytes);
    }
    bytes
}

/// A message that adds elements to a set, or removes them.
pub(super) fn elements(
    table: &str,
    set: &str,
    keys: impl IntoIterator<Item = Vec<u8>>,
) -> SetElementMessage {
    let keys = keys.into_iter().map(|key| {
        let key = SetElementAttribute::Key(DataAttribute::Value(key));
        ListAttribute::Element(vec![key])
    });
    SetElementMessage {
        attributes: vec![
            SetElementList::Table(table.to_owned()),
            SetElementList::Set(set.to_owned()),
            SetElementList::Elements(keys.collect()),
        ],
    }
}

/// The keys of the elements in an answer.
pub(super) fn keys(message: &SetElementMessage) -> impl Iterator<Item = &[u8]> {
    let lists = message.attributes.iter().filter_map(|attribute| {
        if let SetElementList::Elements(elements) = attribute {
            Some(elements)
        } else {
            None
        }
    });
    let attributes = lists.flatten().filter_map(|element| {
        if let ListAttribute::Element(attributes) = element {
            Some(attributes)
        } else {
            None
        }
    });
    attributes.flatten().filter_map(|attribute| {
        if let SetElementAttribute::Key(DataAttribute::Value(key)) = attribute {
            Some(key.as_slice())
        } else {
            None
        }
    })
}

/// A message from the kernel.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The number of the request.
    pub(super) sequence: u32,
    pub(super) body: Body,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Body {
    Message(NetfilterProtoFamily, NfTablesMessage),
    /// The end of a dump, or the confirmation of a request.
    Done,
    /// A refusal, with the number of the error.
    Refused(i32),
    /// A message that cannot be read.
    Unknown,
}

/// The answers in a datagram. What is behind a message without a length is left out.
pub(super) fn answers(datagram: &[u8]) -> Vec<Answer> {
    let mut answers = Vec::new();
    let mut rest = datagram;
    while let Some(length) = rest.first_chunk::<ALIGNMENT>() {
        let length = usize::try_from(u32::from_ne_bytes(*length)).unwrap_or(usize::MAX);
        let Some(message) = rest.get(..length).filter(|_| length > ALIGNMENT) else {
            break;
        };
        answers.extend(answer(message));
        rest = rest
            .get(length.next_multiple_of(ALIGNMENT)..)
            .unwrap_or_default();
    }
    answers
}

fn answer(message: &[u8]) -> Option<Answer> {
    /// Where a message has its sequence number.
    const SEQUENCE: std::ops::Range<usize> = 8..12;
    let sequence = message.get(SEQUENCE)?.first_chunk::<4>()?;
    let sequence = u32::from_ne_bytes(*sequence);
    let body = match NetlinkMessage::<NetfilterMessage>::deserialize(message) {
        Ok(message) => body(message.payload),
        Err(_) => Body::Unknown,
    };
    Some(Answer { sequence, body })
}

fn body(payload: NetlinkPayload<NetfilterMessage>) -> Body {
    match payload {
        NetlinkPayload::InnerMessage(NetfilterMessage {
            header,
            inner: NetfilterMessageInner::NfTables(message),
            ..
        }) => Body::Message(header.family, message),
        NetlinkPayload::Done(_) => Body::Done,
        NetlinkPayload::Error(error) => match error.code {
            Some(code) => Body::Refused(code.get().saturating_neg()),
            None => Body::Done,
        },
        _ => Body::Unknown,
    }
}
