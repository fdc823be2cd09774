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
    let whole = GenlMessage::from_payload(message.clone());
    let mut emitted = vec![0xa5; whole.buffer_len()];
    whole.emit(&mut emitted);
    assert_eq!(parse(&emitted), Some(message));
});

fn parse(data: &[u8]) -> Option<IpvsMessage> {
    let header = GenlHeader::parse(data).ok()?;
    let payload = data.get(header.buffer_len()..)?;
    IpvsMessage::parse_with_param(payload, header).ok()
}
