// SPDX-License-Identifier: MIT OR Apache-2.0
//! Any generic netlink message of the family IPVS: no panic, and what is understood is emitted and
//! understood again.
#![no_main]

use lb_ipvs::wire::IpvsMessage;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(message) = IpvsMessage::from_bytes(data) else {
        return;
    };
    let emitted = message.to_bytes();
    // An unknown attribute that is marked both as nested and as in network byte order, which exclude each
    // other, loses the second mark in netlink-packet-core 0.9; so what was emitted is what has to last.
    let Ok(again) = IpvsMessage::from_bytes(&emitted) else {
        panic!("{message:?} cannot be read again");
    };
    assert_eq!(again.to_bytes(), emitted);
    assert_eq!(again.command(), message.command());
});
