// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests against those that `nft` 1.0.6 sends for the same, and answers of Linux 6.18.

use netlink_packet_netfilter::nftables::{
    ExpressionAttribute, Expressions, GenAttribute, Lookup, RuleAttribute, TableAttribute,
};
use proptest::prelude::*;

use super::*;
use crate::filter::FilterTable;
use crate::key::AddressKey;
use crate::nftables::element::Element;
use crate::nftables::{layout, mark};

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().filter(char::is_ascii_hexdigit).collect();
    let pairs = digits.chunks(2).map(|pair| pair.iter().collect::<String>());
    pairs
        .map(|pair| u8::from_str_radix(&pair, 16).unwrap())
        .collect()
}

/// A message of `nft` from its type, flags and content.
fn recorded(kind: u16, flags: u16, content: &str) -> (AddressFamily, u16, NfTablesMessage) {
    let content = bytes(content);
    let mut message = Vec::new();
    message.extend(u32::try_from(16 + content.len()).unwrap().to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(content);
    let [answer] = answers(&message).try_into().unwrap();
    let Body::Message(family, message) = answer.body else {
        panic!("{answer:?}");
    };
    let family = match family {
        NetfilterProtoFamily::IPv4 => AddressFamily::Ipv4,
        NetfilterProtoFamily::IPv6 => AddressFamily::Ipv6,
        other => panic!("{other:?}"),
    };
    (family, flags & !NLM_F_REQUEST, message)
}

/// Leaves out what `nft` writes twice: the number of a set beside its name.
fn without_repetition(mut message: NfTablesMessage) -> NfTablesMessage {
    match &mut message {
        NfTablesMessage::NewSetElement(elements) => {
            let is_number =
                |attribute: &SetElementList| matches!(attribute, SetElementList::SetId(_));
            elements
                .attributes
                .retain(|attribute| !is_number(attribute));
        }
        NfTablesMessage::NewRule(rule) => {
            for attribute in &mut rule.attributes {
                let RuleAttribute::Expressions(list) = attribute else {
                    continue;
                };
                for expression in list {
                    let ListAttribute::Element(attributes) = expression else {
                        continue;
                    };
                    for attribute in attributes {
                        if let ExpressionAttribute::Data(Expressions::Lookup(lookup)) = attribute {
                            lookup.retain(|attribute| !matches!(attribute, Lookup::SetId(_)));
                        }
                    }
                }
            }
        }
        _ => {}
    }
    message
}

fn assert_same(request: &Request, recorded: (AddressFamily, u16, NfTablesMessage)) {
    let (family, flags, message) = recorded;
    let expected = Request {
        family: protocol(family),
        flags,
        message: without_repetition(message),
    };
    assert_eq!(*request, expected);
    // The bytes are read as they were written.
    let mut bytes = Vec::new();
    request.clone().encode(7, &mut bytes);
    let [answer] = answers(&bytes).try_into().unwrap();
    assert_eq!(answer.sequence, 7);
    let body = Body::Message(request.family, request.message.clone());
    assert_eq!(answer.body, body);
}

#[test]
fn rules_are_those_of_nft() {
    let table = FilterTable::new("lb-vrrp").with_counters(true);
    let requests = layout::table(&table, AddressFamily::Ipv4, "");
    // ip daddr @vips counter drop
    let content =
        "020000000c0001006c622d767272700007000200696e0000ac000480340001800c0001007061796c6f61
        640024000280080001000000000108000200000000010800030000000010080004000000000430000180
        0b0001006c6f6f6b75700000200002800800020000000001090001007669707300000000080004000000
        0001140001800c000100636f756e7465720004000280300001800e000100696d6d656469617465000000
        1c0002800800010000000000100002800c0002800800010000000000";
    assert_same(requests.last().unwrap(), recorded(0xa06, 0xc01, content));

    let requests = layout::table(&FilterTable::new("lb-vrrp"), AddressFamily::Ipv6, "");
    let [.., go, last, _] = requests.as_slice() else {
        panic!("{requests:?}");
    };
    // ip6 daddr . iif @vips_link_local drop
    let content =
        "0a0000000c0001006c622d767272700012000200696e5f6c696e6b5f6c6f63616c000000c40004803400
        01800c0001007061796c6f61640024000280080001000000000108000200000000010800030000000018
        080004000000001024000180090001006d65746100000000140002800800020000000004080001000000
        0002380001800b0001006c6f6f6b7570000028000280080002000000000114000100766970735f6c696e
        6b5f6c6f63616c000800040000000002300001800e000100696d6d6564696174650000001c0002800800
        010000000000100002800c0002800800010000000000";
    assert_same(last, recorded(0xa06, 0xc01, content));
    // ip6 daddr fe80::/10 goto in_link_local
    let content =
        "0a0000000c0001006c622d767272700007000200696e000010010480340001800c0001007061796c6f61
        64002400028008000100000000010800020000000001080003000000001808000400000000105c000180
        0c00010062697477697365004c0002800800010000000001080002000000000108000300000000101800
        048014000100ffc000000000000000000000000000001800058014000100000000000000000000000000
        000000003800018008000100636d70002c00028008000100000000010800020000000000180003801400
        0100fe800000000000000000000000000000440001800e000100696d6d65646961746500000030000280
        0800010000000000240002802000028008000100fffffffc12000200696e5f6c696e6b5f6c6f63616c00
        0000";
    assert_same(go, recorded(0xa06, 0xc01, content));
}

#[test]
fn elements_are_those_of_nft() {
    let element = Element::new(AddressKey::new(1, [192, 0, 2, 101].into()));
    let requests = layout::add("lb-vrrp", AddressFamily::Ipv4, &[element]);
    let content =
        "020000000c0001006c622d76727270000900020076697073000000000800040000000001140003801000
        01800c00018008000100c0000265";
    assert_same(&requests[0], recorded(0xa0c, 0x401, content));
    assert_eq!(requests.len(), 1);
    let requests = layout::remove("lb-vrrp", AddressFamily::Ipv4, &[element]);
    let content =
        "020000000c0001006c622d767272700009000200766970730000000014000380100001800c0001800800
        0100c0000265";
    assert_same(&requests[0], recorded(0xa0e, 0x1, content));
}

#[test]
fn answers_of_the_kernel_are_read() {
    // A table that nft made with a comment, and the confirmation.
    let table = bytes(
        "4c000000000a000001000000005a0000020000020c0001006c622d7672727000080003000000000 10c000400
        00000000000000010800020000000000 0e00060000086c622d76727270000000
        240000000200000101000000005a00000000000020000000010a05000100000000000000",
    );
    let [table, done] = answers(&table).try_into().unwrap();
    assert_eq!((done.sequence, done.body), (1, Body::Done));
    let Body::Message(NetfilterProtoFamily::IPv4, NfTablesMessage::NewTable(table)) = table.body
    else {
        panic!("{table:?}");
    };
    let data = TableAttribute::UserData(mark::encode("lb-vrrp"));
    assert!(table.attributes.contains(&data), "{table:?}");

    let absent = bytes(
        "340000000200000002000000005a0000feffffff20000000010a05000200000000000000 02000000
        090001006e6f6e6500000000",
    );
    let refused = Body::Refused(nix::libc::ENOENT);
    let expected = Answer {
        sequence: 2,
        body: refused,
    };
    assert_eq!(answers(&absent), [expected]);

    let generation = bytes(
        "300000000f0a000003000000005a000000000002 0800010000000002 080002000000 5a00
        0c000300707974686f6e3300",
    );
    let [generation] = answers(&generation).try_into().unwrap();
    let Body::Message(_, NfTablesMessage::NewGen(generation)) = generation.body else {
        panic!("{generation:?}");
    };
    assert!(generation.attributes.contains(&GenAttribute::Id(2)));

    let elements = bytes(
        "780000000c0a020004000000005a00000a0000020c0001006c622d767272700014000200766970735f6c696e6b
        5f6c6f63616c0044000300200001001c00010018000100fe80000000000000000000000000010001000000
        200001001c00010018000100fe80000000000000000000000000010101000000",
    );
    let [elements] = answers(&elements).try_into().unwrap();
    let Body::Message(_, NfTablesMessage::NewSetElement(elements)) = elements.body else {
        panic!("{elements:?}");
    };
    let found: Vec<Element> = keys(&elements)
        .filter_map(|key| Element::parse("vips_link_local", key))
        .collect();
    let expected =
        ["fe80::100", "fe80::101"].map(|address| Element::LinkLocal(address.parse().unwrap(), 1));
    assert_eq!(found, expected);
}

#[test]
fn batch_has_a_begin_with_its_generation_and_an_end() {
    let element = Element::new(AddressKey::new(1, [192, 0, 2, 101].into()));
    let requests = || layout::add("lb-vrrp", AddressFamily::Ipv4, &[element]);
    let begin = "1c00000010000100 05000000000000000000000a 0800010000000009";
    let end = "1400000011000100 07000000000000000000000a";
    let committed = batch(Some(9), requests(), Ending::Commit, 5);
    assert!(committed.starts_with(&bytes(begin)), "{committed:02x?}");
    assert!(committed.ends_with(&bytes(end)), "{committed:02x?}");
    let checked = batch(Some(9), requests(), Ending::Check, 5);
    assert_eq!(committed[..committed.len() - bytes(end).len()], checked);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(datagram in prop::collection::vec(any::<u8>(), 0..200)) {
        answers(&datagram);
    }

    /// Answers whose content is damaged.
    #[test]
    fn any_content_is_read_without_a_panic(
        kind in 0_u8..35,
        content in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        let mut message = Vec::new();
        message.extend(u32::try_from(16 + content.len()).unwrap().to_ne_bytes());
        message.extend((u16::from(kind) | NFTABLES << 8).to_ne_bytes());
        message.extend([0; 10]);
        message.extend(content);
        prop_assert!(answers(&message).len() <= 1);
    }
}
