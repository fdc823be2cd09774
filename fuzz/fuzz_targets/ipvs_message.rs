// SPDX-License-Identifier: MIT OR Apache-2.0
//! Any generic netlink message of the family IPVS: no panic, and what is understood is emitted and
//! understood again.
#![no_main]

use lb_ipvs::wire::IpvsMessage;
use libfuzzer_sys::fuzz_target;
use netlink_packet_core::{Emitable, ParseableParametrized as _};
use netlink_packet_generic::{GenlHeader, GenlMessage};

fuzz_target!(|data: &[u8]| {
    let Some(message) = parse(data) else { return };
    let emitted = emit(&message);
    let again = parse(&emitted);
    // An unknown attribute that is marked both as nested and as in network byte order, which exclude each
    // other, loses the second mark in netlink-packet-core 0.9; so what was emitted is what has to last.
    assert_eq!(again.as_ref().map(emit), Some(emitted));
    assert_eq!(again.map(|again| again.command()), Some(message.command()));
});

fn parse(data: &[u8]) -> Option<IpvsMessage> {
    let (header, payload) = data.split_first_chunk::<4>()?;
    let [command, version, ..] = *header;
    IpvsMessage::parse_with_param(
        payload,
        GenlHeader {
            cmd: command,
            version,
        },
    )
    .ok()
}

fn emit(message: &IpvsMessage) -> Vec<u8> {
    let whole = GenlMessage::from_payload(message.clone());
    let mut emitted = vec![0xa5; whole.buffer_len()];
    whole.emit(&mut emitted);
    emitted
}
