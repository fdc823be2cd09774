// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rules, as the expressions that the kernel executes.

use std::net::Ipv6Addr;

use netlink_packet_core::DefaultNla;
use netlink_packet_netfilter::nftables::{
    Bitwise, Cmp, DataAttribute, ExpressionAttribute, Expressions, Immediate, ListAttribute,
    Lookup, Meta, MetaKey, NfTablesMessage, Operator, Payload, Register, RuleAttribute,
    RuleMessage, Verdict, VerdictAttribute,
};

use super::wire::Request;
use crate::family::AddressFamily;
use crate::filter::FilterTable;

/// `NFT_PAYLOAD_NETWORK_HEADER`.
const NETWORK: u32 = 1;
/// `NFT_PAYLOAD_TRANSPORT_HEADER`.
const TRANSPORT: u32 = 2;

const ICMPV6: u8 = 58;
/// The network of the link-local addresses, and its mask.
const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0);
const LINK_LOCAL_MASK: Ipv6Addr = Ipv6Addr::new(0xffc0, 0, 0, 0, 0, 0, 0, 0);

/// `NF_DROP` and `NF_ACCEPT`.
const DROP: u32 = 0;
const ACCEPT: u32 = 1;

/// Packets to this host, or from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    In,
    Out,
}

impl Direction {
    pub(super) const fn chain(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }

    pub(super) const fn link_local_chain(self) -> &'static str {
        match self {
            Self::In => "in_link_local",
            Self::Out => "out_link_local",
        }
    }

    /// The field of the header that has an address of this host: offset and length.
    const fn address(self, family: AddressFamily) -> (u32, u32) {
        match (family, self) {
            (AddressFamily::Ipv4, Self::Out) => (12, 4),
            (AddressFamily::Ipv4, Self::In) => (16, 4),
            (AddressFamily::Ipv6, Self::Out) => (8, 16),
            (AddressFamily::Ipv6, Self::In) => (24, 16),
        }
    }

    const fn interface(self) -> MetaKey {
        match self {
            Self::In => MetaKey::Iif,
            Self::Out => MetaKey::Oif,
        }
    }
}

/// A rule: what it matches, then what becomes of the packet.
pub(super) struct Rule {
    chain: &'static str,
    matches: Vec<Expressions>,
    verdict: Vec<VerdictAttribute>,
    has_counter: bool,
}

impl Rule {
    /// A rule without effect.
    pub(super) const fn new(chain: &'static str) -> Self {
        Self {
            chain,
            matches: Vec::new(),
            verdict: Vec::new(),
            has_counter: false,
        }
    }

    pub(super) const fn with_counter(mut self, has_counter: bool) -> Self {
        self.has_counter = has_counter;
        self
    }

    pub(super) fn match_icmpv6_types(self, set: &str) -> Self {
        self.load(NETWORK, (6, 1))
            .compare(vec![ICMPV6])
            .load(TRANSPORT, (0, 1))
            .look_up(set)
    }

    pub(super) fn match_link_local(self, direction: Direction) -> Self {
        let mut rule = self.load(NETWORK, direction.address(AddressFamily::Ipv6));
        rule.matches.push(Expressions::Bitwise(vec![
            Bitwise::SourceRegister(Register::Reg1),
            Bitwise::DestinationRegister(Register::Reg1),
            Bitwise::Length(16),
            Bitwise::Mask(DataAttribute::Value(LINK_LOCAL_MASK.octets().to_vec())),
            Bitwise::Xor(DataAttribute::Value(vec![0; 16])),
        ]));
        rule.compare(LINK_LOCAL.octets().to_vec())
    }

    pub(super) fn match_address(
        self,
        direction: Direction,
        family: AddressFamily,
        set: &str,
    ) -> Self {
        self.load(NETWORK, direction.address(family)).look_up(set)
    }

    /// Matches by address and interface: the second register follows the sixteen bytes of the first.
    pub(super) fn match_address_on_link(self, direction: Direction, set: &str) -> Self {
        let mut rule = self.load(NETWORK, direction.address(AddressFamily::Ipv6));
        rule.matches.push(Expressions::Meta(vec![
            Meta::Key(direction.interface()),
            Meta::DestinationRegister(Register::Reg2),
        ]));
        rule.look_up(set)
    }

    pub(super) fn drop(self) -> Self {
        self.decide(vec![VerdictAttribute::Code(Verdict::Other(DROP))])
    }

    pub(super) fn accept(self) -> Self {
        self.decide(vec![VerdictAttribute::Code(Verdict::Other(ACCEPT))])
    }

    pub(super) fn go_to(self, chain: &str) -> Self {
        self.decide(vec![
            VerdictAttribute::Code(Verdict::Goto),
            VerdictAttribute::Chain(chain.to_owned()),
        ])
    }

    /// The request that appends the rule to its chain.
    pub(super) fn request(self, table: &FilterTable, family: AddressFamily) -> Request {
        let counter = self.has_counter.then(|| Expressions::Other {
            expression_type: "counter".to_owned(),
            attributes: Vec::<DefaultNla>::new(),
        });
        let verdict = Expressions::Immediate(vec![
            Immediate::DestinationRegister(Register::Verdict),
            Immediate::Data(DataAttribute::Verdict(self.verdict)),
        ]);
        let expressions: Vec<ListAttribute<ExpressionAttribute>> = self
            .matches
            .into_iter()
            .chain(counter)
            .chain([verdict])
            .map(Into::into)
            .collect();
        Request::append(
            family,
            NfTablesMessage::NewRule(RuleMessage {
                attributes: vec![
                    RuleAttribute::Table(table.name.clone()),
                    RuleAttribute::Chain(self.chain.to_owned()),
                    RuleAttribute::Expressions(expressions),
                ],
            }),
        )
    }

    fn load(mut self, base: u32, (offset, length): (u32, u32)) -> Self {
        self.matches.push(Expressions::Payload(vec![
            Payload::DestinationRegister(Register::Reg1),
            Payload::Base(base),
            Payload::Offset(offset),
            Payload::Len(length),
        ]));
        self
    }

    fn compare(mut self, value: Vec<u8>) -> Self {
        self.matches.push(Expressions::Cmp(vec![
            Cmp::SourceRegister(Register::Reg1),
            Cmp::Op(Operator::Equal),
            Cmp::Data(DataAttribute::Value(value)),
        ]));
        self
    }

    fn look_up(mut self, set: &str) -> Self {
        self.matches.push(Expressions::Lookup(vec![
            Lookup::SourceRegister(Register::Reg1),
            Lookup::Set(set.to_owned()),
        ]));
        self
    }

    fn decide(mut self, verdict: Vec<VerdictAttribute>) -> Self {
        self.verdict = verdict;
        self
    }
}
