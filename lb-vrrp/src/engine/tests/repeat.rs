// SPDX-License-Identifier: MIT OR Apache-2.0
//! An advertisement is composed again only when something in it changes.

use std::sync::Arc;

use super::*;

/// The last advertisement among the outputs, after `act`.
fn sent(rig: &mut Rig, act: impl FnOnce(&mut Rig)) -> Transmit {
    act(rig);
    let outputs = std::iter::from_fn(|| rig.router.poll_output());
    let sent = outputs.filter_map(|output| match output {
        Output::SendAdvertisement(sent) => Some(sent),
        _ => None,
    });
    sent.last().unwrap()
}

fn read(sent: &Transmit) -> Advertisement {
    Advertisement::parse(&sent.payload, sent.source, sent.destination).unwrap()
}

#[test]
fn advert_is_recomposed_only_after_a_change() {
    let mut rig = Rig::with(
        builder(Version::V3, 100).mirror_checksum(true),
        State::Master,
    );
    let first = sent(&mut rig, Rig::fire);
    let second = sent(&mut rig, Rig::fire);
    assert_eq!(first, second);
    assert!(Arc::ptr_eq(&first.payload, &second.payload));

    rig.router.set_primary(ip(LOWER)).unwrap();
    let moved = sent(&mut rig, Rig::fire);
    assert_eq!(moved.source, ip(LOWER));
    assert_eq!(read(&moved), read(&first));

    let lowered = sent(&mut rig, |rig| {
        rig.router.handle_priority(rig.now, priority(90));
    });
    assert_eq!(read(&lowered).priority, 90.into());

    let more = builder(Version::V3, 90).address(ip("192.0.2.101"));
    let more = more.mirror_checksum(true).build().unwrap();
    rig.router.reconfigure(rig.now, more).unwrap();
    let more = sent(&mut rig, Rig::fire);
    assert_eq!(
        read(&more).addresses.as_slice(),
        [ip(VIP), ip("192.0.2.101")]
    );

    // A peer with the other checksum: it is answered with that.
    let mut other = advertisement(rig.router.config());
    other.checksum = ChecksumDialect::MessageOnly;
    other.priority = 80.into();
    rig.receive_advertisement("192.0.2.8", &other).unwrap();
    let mirrored = sent(&mut rig, Rig::fire);
    assert_eq!(read(&mirrored).checksum, ChecksumDialect::MessageOnly);
    assert_ne!(mirrored.payload, more.payload);

    let farewell = sent(&mut rig, |rig| rig.router.handle_shutdown(rig.now));
    assert_eq!(farewell.priority, AdvertisedPriority::Resign);
    assert_eq!(read(&farewell).priority, AdvertisedPriority::Resign);
}
