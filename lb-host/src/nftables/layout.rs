// SPDX-License-Identifier: MIT OR Apache-2.0
//! A table that drops packets from and to the addresses in its sets.
//!
//! The names of sets and chains, their order and the rules are those of keepalived 2.2.7, so that what
//! an administrator knows of its table is true of this one:
//!
//! ```text
//! table ip NAME                         table ip6 NAME
//!   set vips                              set vips
//!   chain out  hook output                set neighbor-discovery  { solicit, advert }
//!     ip saddr @vips drop                 set vips_link_local     address . interface
//!   chain in   hook input                 chain out  hook output, chain in  hook input
//!     ip daddr @vips drop                   icmpv6 type @neighbor-discovery accept
//!                                           ip6 {s,d}addr fe80::/10 goto {out,in}_link_local
//!                                           ip6 {s,d}addr @vips drop
//!                                         chain in_link_local, chain out_link_local
//!                                           ip6 {s,d}addr . {o,i}if @vips_link_local drop
//! ```
//!
//! ARP is no IP and passes; so do neighbour solicitations and advertisements, which RFC 9568 §8.2.2
//! has a master answer in any case.

use netlink_packet_netfilter::nftables::{
    ChainAttribute, ChainMessage, Hook, InetHookNumber, NfTablesMessage, SetAttribute, SetFlags,
    SetMessage, TableAttribute, TableMessage,
};

use super::element::{ADDRESSES, Element, LINK_LOCAL};
use super::rule::{Direction, Rule};
use super::wire::{Request, elements};
use crate::family::AddressFamily;
use crate::filter::FilterTable;

/// The set of the ICMPv6 types that pass.
const NEIGHBOUR_DISCOVERY: &str = "neighbor-discovery";
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;

/// Number of the set in its batch.
const ADDRESSES_ID: u32 = 1;
const NEIGHBOUR_DISCOVERY_ID: u32 = 2;
const LINK_LOCAL_ID: u32 = 3;

/// `NF_ACCEPT`.
const ACCEPT: u32 = 1;

/// The types that `nft` prints keys by.
const IPV4_ADDRESS: u32 = 7;
const IPV6_ADDRESS: u32 = 8;
const INTERFACE_INDEX: u32 = 20;
const ICMPV6_TYPE: u32 = 29;
/// Bits of each type in the type of a concatenation.
const TYPE_BITS: u32 = 6;

/// The requests that add the table of a family, with empty sets of addresses. `comment` is shown by `nft`.
pub(super) fn table(table: &FilterTable, family: AddressFamily, comment: &str) -> Vec<Request> {
    let layout = Layout { table, family };
    let mut requests = vec![layout.create(NfTablesMessage::NewTable(TableMessage {
        attributes: vec![
            TableAttribute::Name(table.name.clone()),
            TableAttribute::UserData(super::mark::encode(comment)),
        ],
    }))];
    requests.extend(layout.sets());
    let directions = [Direction::Out, Direction::In];
    requests.extend(directions.map(|direction| layout.base_chain(direction)));
    if family == AddressFamily::Ipv6 {
        let link_local = [Direction::In, Direction::Out];
        requests.extend(link_local.map(|direction| layout.chain(direction.link_local_chain())));
    }
    for direction in directions {
        let rules = layout.rules(direction);
        requests.extend(rules.map(|rule| rule.request(table, family)));
    }
    requests
}

struct Layout<'a> {
    table: &'a FilterTable,
    family: AddressFamily,
}

impl Layout<'_> {
    fn create(&self, message: NfTablesMessage) -> Request {
        Request::create(self.family, message)
    }

    fn sets(&self) -> Vec<Request> {
        let none = SetFlags::empty();
        match self.family {
            AddressFamily::Ipv4 => {
                vec![self.set(ADDRESSES, ADDRESSES_ID, none, (IPV4_ADDRESS, 4))]
            }
            AddressFamily::Ipv6 => {
                let constant = SetFlags::Constant;
                let types = [SOLICITATION, ADVERTISEMENT].map(|number| vec![number]);
                let on_link = (IPV6_ADDRESS << TYPE_BITS) | INTERFACE_INDEX;
                let discovery = NEIGHBOUR_DISCOVERY;
                vec![
                    self.set(ADDRESSES, ADDRESSES_ID, none, (IPV6_ADDRESS, 16)),
                    self.set(
                        discovery,
                        NEIGHBOUR_DISCOVERY_ID,
                        constant,
                        (ICMPV6_TYPE, 1),
                    ),
                    self.create(NfTablesMessage::NewSetElement(elements(
                        &self.table.name,
                        discovery,
                        types,
                    ))),
                    self.set(LINK_LOCAL, LINK_LOCAL_ID, none, (on_link, 20)),
                ]
            }
        }
    }

    fn set(&self, name: &str, id: u32, flags: SetFlags, (kind, length): (u32, u32)) -> Request {
        self.create(NfTablesMessage::NewSet(SetMessage {
            attributes: vec![
                SetAttribute::Table(self.table.name.clone()),
                SetAttribute::Name(name.to_owned()),
                SetAttribute::Flags(flags),
                SetAttribute::KeyType(kind),
                SetAttribute::KeyLen(length),
                SetAttribute::Id(id),
            ],
        }))
    }

    fn chain(&self, name: &str) -> Request {
        self.create(NfTablesMessage::NewChain(ChainMessage {
            attributes: vec![
                ChainAttribute::Table(self.table.name.clone()),
                ChainAttribute::Name(name.to_owned()),
            ],
        }))
    }

    fn base_chain(&self, direction: Direction) -> Request {
        let hook = match direction {
            Direction::In => InetHookNumber::LocalIn,
            Direction::Out => InetHookNumber::LocalOut,
        };
        self.create(NfTablesMessage::NewChain(ChainMessage {
            attributes: vec![
                ChainAttribute::Table(self.table.name.clone()),
                ChainAttribute::Name(direction.chain().to_owned()),
                ChainAttribute::Hook(vec![
                    Hook::Number(hook.into()),
                    Hook::Priority(self.table.priority.cast_unsigned()),
                ]),
                ChainAttribute::Policy(ACCEPT),
                ChainAttribute::Type("filter".to_owned()),
            ],
        }))
    }

    /// The rules of one direction, in their order.
    fn rules(&self, direction: Direction) -> impl Iterator<Item = Rule> {
        let addresses = || Rule::new(direction.chain());
        let ipv6 = (self.family == AddressFamily::Ipv6).then(|| {
            [
                addresses().match_icmpv6_types(NEIGHBOUR_DISCOVERY).accept(),
                addresses()
                    .match_link_local(direction)
                    .go_to(direction.link_local_chain()),
                Rule::new(direction.link_local_chain())
                    .match_address_on_link(direction, LINK_LOCAL)
                    .drop(),
            ]
        });
        let last = addresses()
            .match_address(direction, self.family, ADDRESSES)
            .drop();
        let counters = self.table.has_counters;
        let rules = ipv6.into_iter().flatten().chain([last]);
        rules.map(move |rule| rule.with_counter(counters))
    }
}

/// The requests that add elements; those that are there stay.
pub(super) fn add(table: &str, family: AddressFamily, added: &[Element]) -> Vec<Request> {
    by_set(table, added)
        .map(|message| Request::create(family, NfTablesMessage::NewSetElement(message)))
        .collect()
}

/// The requests that remove elements, which must all be there.
pub(super) fn remove(table: &str, family: AddressFamily, removed: &[Element]) -> Vec<Request> {
    by_set(table, removed)
        .map(|message| Request::new(family, NfTablesMessage::DeleteSetElement(message)))
        .collect()
}

fn by_set(
    table: &str,
    all: &[Element],
) -> impl Iterator<Item = netlink_packet_netfilter::nftables::SetElementMessage> {
    [ADDRESSES, LINK_LOCAL].into_iter().filter_map(move |set| {
        let mut keys = all
            .iter()
            .filter(|element| element.set() == set)
            .map(|element| element.key())
            .peekable();
        keys.peek()?;
        Some(elements(table, set, keys))
    })
}
