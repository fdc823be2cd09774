// SPDX-License-Identifier: MIT OR Apache-2.0
//! The packet filters of a namespace, as the kernel lists them: what `nft list ruleset` is made from.

use std::io;

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkBuffer, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_netfilter::nftables::{
    ChainAttribute, ChainMessage, ExpressionAttribute, Expressions, ListAttribute, NfTablesMessage,
    RuleAttribute, RuleMessage, SetAttribute, SetElementAttribute, SetElementList,
    SetElementMessage, SetMessage, TableAttribute, TableMessage,
};
use netlink_packet_netfilter::{
    NetfilterHeader, NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily,
};
use netlink_sys::protocols::NETLINK_NETFILTER;
use netlink_sys::{Socket, SocketAddr};

use crate::{Error, Netns};

/// Reads the tables of nf_tables in a namespace with all that is in them, one line for each object,
/// without what differs between equal tables: handles, numbers of references, counts of packets, and
/// comments. The elements of a set are sorted.
///
/// # Errors
///
/// When the kernel does not answer, as one without nf_tables.
pub fn ruleset(netns: &Netns) -> Result<Vec<String>, Error> {
    let listed = netns.enter(|| Listing::open().and_then(|mut listing| listing.list()))?;
    listed.map_err(Error::system(format!(
        "list the packet filters of {}",
        netns.label()
    )))
}

/// The comments of the tables, which programs mark them with: family, name and user data of each.
///
/// # Errors
///
/// As [`ruleset`].
pub fn table_marks(netns: &Netns) -> Result<Vec<(String, String, Vec<u8>)>, Error> {
    let marks = netns.enter(|| Listing::open().and_then(|mut listing| listing.marks()))?;
    marks.map_err(Error::system(format!(
        "list the tables of {}",
        netns.label()
    )))
}

struct Listing {
    socket: Socket,
    sequence: u32,
}

impl Listing {
    fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        socket.bind_auto()?;
        Ok(Self {
            socket,
            sequence: 0,
        })
    }

    fn marks(&mut self) -> io::Result<Vec<(String, String, Vec<u8>)>> {
        let all = self.dump(NetfilterProtoFamily::Unspec, tables())?;
        let marks = all.into_iter().filter_map(|(family, message)| {
            let NfTablesMessage::NewTable(TableMessage { attributes }) = message else {
                return None;
            };
            let (mut name, mut mark) = (String::new(), Vec::new());
            for attribute in attributes {
                match attribute {
                    TableAttribute::Name(found) => name = found,
                    TableAttribute::UserData(data) => mark = data,
                    _ => {}
                }
            }
            Some((word(family), name, mark))
        });
        Ok(marks.collect())
    }

    fn list(&mut self) -> io::Result<Vec<String>> {
        let unspecified = NetfilterProtoFamily::Unspec;
        let mut lines: Vec<String> = self
            .marks()?
            .into_iter()
            .map(|(family, name, _)| format!("{family} table {name}"))
            .collect();
        let sets = NfTablesMessage::GetSet(SetMessage {
            attributes: Vec::new(),
        });
        for (family, message) in self.dump(unspecified, sets)? {
            if let NfTablesMessage::NewSet(set) = message {
                lines.push(format!("{} set {}", word(family), describe_set(&set)));
                lines.push(self.elements(family, &set)?);
            }
        }
        let chains = NfTablesMessage::GetChain(ChainMessage {
            attributes: Vec::new(),
        });
        for (family, message) in self.dump(unspecified, chains)? {
            if let NfTablesMessage::NewChain(chain) = message {
                lines.push(format!("{} chain {}", word(family), describe_chain(&chain)));
            }
        }
        let rules = NfTablesMessage::GetRule(RuleMessage {
            attributes: Vec::new(),
        });
        for (family, message) in self.dump(unspecified, rules)? {
            if let NfTablesMessage::NewRule(rule) = message {
                lines.push(format!("{} rule {}", word(family), describe_rule(rule)));
            }
        }
        Ok(lines)
    }

    /// The keys of a set, with their data where it is a map.
    fn elements(&mut self, family: NetfilterProtoFamily, set: &SetMessage) -> io::Result<String> {
        let (mut table, mut name) = (String::new(), String::new());
        for attribute in &set.attributes {
            match attribute {
                SetAttribute::Table(found) => table.clone_from(found),
                SetAttribute::Name(found) => name.clone_from(found),
                _ => {}
            }
        }
        let request = NfTablesMessage::GetSetElement(SetElementMessage {
            attributes: vec![
                SetElementList::Table(table.clone()),
                SetElementList::Set(name.clone()),
            ],
        });
        let mut elements = Vec::new();
        for (_, message) in self.dump(family, request)? {
            let NfTablesMessage::NewSetElement(message) = message else {
                continue;
            };
            for attribute in message.attributes {
                let SetElementList::Elements(list) = attribute else {
                    continue;
                };
                for element in list {
                    let ListAttribute::Element(attributes) = element else {
                        continue;
                    };
                    let shown = attributes.iter().filter(|attribute| {
                        matches!(
                            attribute,
                            SetElementAttribute::Key(_) | SetElementAttribute::Data(_)
                        )
                    });
                    elements.push(format!("{:?}", shown.collect::<Vec<_>>()));
                }
            }
        }
        elements.sort();
        let family = word(family);
        Ok(format!("{family} elements {table} {name} {elements:?}"))
    }

    fn dump(
        &mut self,
        family: NetfilterProtoFamily,
        request: NfTablesMessage,
    ) -> io::Result<Vec<(NetfilterProtoFamily, NfTablesMessage)>> {
        self.sequence += 1;
        let header = NetfilterHeader::new(family, 0, 0);
        let mut message = NetlinkMessage::from(NetfilterMessage::new(header, request));
        message.header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        message.header.sequence_number = self.sequence;
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send_to(&bytes, &SocketAddr::new(0, 0), 0)?;
        let mut found = Vec::new();
        loop {
            let (datagram, _) = self.socket.recv_from_full()?;
            let mut rest = datagram.as_slice();
            while let Ok(buffer) = NetlinkBuffer::new_checked(rest) {
                let length = usize::try_from(buffer.length()).unwrap_or(usize::MAX);
                let message = rest.get(..length).unwrap_or_default();
                let message =
                    NetlinkMessage::<NetfilterMessage>::deserialize(message).map_err(|error| {
                        io::Error::new(io::ErrorKind::InvalidData, error.to_string())
                    })?;
                match message.payload {
                    NetlinkPayload::Done(_) => return Ok(found),
                    NetlinkPayload::Error(error) => return Err(error.to_io()),
                    NetlinkPayload::InnerMessage(NetfilterMessage {
                        header,
                        inner: NetfilterMessageInner::NfTables(message),
                        ..
                    }) => found.push((header.family, message)),
                    _ => {}
                }
                rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
            }
        }
    }
}

fn tables() -> NfTablesMessage {
    NfTablesMessage::GetTable(TableMessage {
        attributes: Vec::new(),
    })
}

/// The family, as `nft` writes it.
fn word(family: NetfilterProtoFamily) -> String {
    match family {
        NetfilterProtoFamily::IPv4 => "ip".to_owned(),
        NetfilterProtoFamily::IPv6 => "ip6".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn describe_set(set: &SetMessage) -> String {
    let shown = set.attributes.iter().filter(|attribute| {
        matches!(
            attribute,
            SetAttribute::Table(_)
                | SetAttribute::Name(_)
                | SetAttribute::Flags(_)
                | SetAttribute::KeyType(_)
                | SetAttribute::KeyLen(_)
                | SetAttribute::DataType(_)
                | SetAttribute::DataLen(_)
        )
    });
    format!("{:?}", shown.collect::<Vec<_>>())
}

fn describe_chain(chain: &ChainMessage) -> String {
    let shown = chain.attributes.iter().filter(|attribute| {
        matches!(
            attribute,
            ChainAttribute::Table(_)
                | ChainAttribute::Name(_)
                | ChainAttribute::Hook(_)
                | ChainAttribute::Policy(_)
                | ChainAttribute::Type(_)
        )
    });
    format!("{:?}", shown.collect::<Vec<_>>())
}

fn describe_rule(rule: RuleMessage) -> String {
    let mut shown = Vec::new();
    for attribute in rule.attributes {
        match attribute {
            RuleAttribute::Expressions(list) => {
                shown.extend(list.into_iter().map(describe_expression));
            }
            RuleAttribute::Table(_) | RuleAttribute::Chain(_) => {
                shown.push(format!("{attribute:?}"));
            }
            _ => {}
        }
    }
    shown.join(" ")
}

/// An expression; that of a counter without its counts.
fn describe_expression(element: ListAttribute<ExpressionAttribute>) -> String {
    let ListAttribute::Element(attributes) = element else {
        return format!("{element:?}");
    };
    let data = attributes
        .into_iter()
        .find_map(|attribute| match attribute {
            ExpressionAttribute::Data(data) => Some(data),
            _ => None,
        });
    match data {
        Some(Expressions::Other {
            expression_type, ..
        }) if expression_type == "counter" => expression_type,
        Some(data) => format!("{data:?}"),
        None => "no expression".to_owned(),
    }
}
