// SPDX-License-Identifier: MIT OR Apache-2.0
//! One packet for each check: counted once, never acted on.

use super::*;
use crate::error::DecodeError;

/// The counter a packet must have raised.
type Counter = fn(&RouterStats) -> u64;

/// Gives the packet to a backup and to a master; neither may do anything but count.
fn refused(
    builder: &RouterConfigBuilder,
    received: Received<'_>,
    expected: Rejected,
    counter: Counter,
) {
    for state in [State::Backup, State::Master] {
        let mut rig = Rig::with(builder.clone(), state);
        let (before, deadline) = (*rig.router.stats(), rig.router.next_timeout());
        rig.now += millis(100);
        assert_eq!(
            rig.router.handle_advertisement(rig.now, received),
            Err(expected)
        );
        assert_eq!(rig.outputs(), Vec::<String>::new(), "{expected}");
        assert_eq!(
            (rig.router.state(), rig.router.next_timeout()),
            (state, deadline)
        );
        let after = *rig.router.stats();
        assert_eq!(counter(&after), counter(&before) + 1, "{expected}");
        assert_eq!(after.rejected, before.rejected + 1);
        assert_eq!(
            after.packets_received,
            after.advertisements_received + after.rejected
        );
        assert_eq!(
            after.advertisements_received,
            before.advertisements_received
        );
        assert_eq!(after.priority_zero_received, before.priority_zero_received);
    }
}

fn v2() -> RouterConfigBuilder {
    builder(Version::V2, 100)
}

fn pass() -> RouterConfigBuilder {
    v2().authentication(Authentication::Password(Password::new("secret42").unwrap()))
}

/// A resignation, which would be acted on in every state, changed by `change`.
fn message(base: &RouterConfigBuilder, change: impl FnOnce(&mut Advertisement)) -> Vec<u8> {
    let mut advertisement = advertisement(&base.clone().build().unwrap());
    advertisement.priority = AdvertisedPriority::Resign;
    change(&mut advertisement);
    advertisement.to_vec(ip(HIGHER), crate::multicast_group(AddressFamily::Ipv4))
}

fn packet(payload: &[u8]) -> Received<'_> {
    let destination = crate::multicast_group(AddressFamily::Ipv4);
    Received {
        source: ip(HIGHER),
        destination,
        hop_limit: 255,
        encapsulation: Encapsulation::Ip,
        payload,
    }
}

#[test]
fn the_unchanged_message_is_accepted() {
    for base in [v2(), pass(), builder(Version::V3, 100)] {
        let mut rig = Rig::with(base.clone(), State::Backup);
        let message = message(&base, |_| {});
        rig.router
            .handle_advertisement(rig.now, packet(&message))
            .unwrap();
        assert_eq!(rig.router.stats().priority_zero_received, 1);
    }
}

#[test]
fn hop_limit() {
    let message = message(&v2(), |_| {});
    let received = Received {
        hop_limit: 254,
        ..packet(&message)
    };
    refused(
        &v2(),
        received,
        Rejected::HopLimit { hop_limit: 254 },
        |s| s.ip_ttl_errors,
    );
}

#[test]
fn family_and_destination() {
    let message = message(&v2(), |_| {});
    let received = Received {
        destination: ip(ME),
        ..packet(&message)
    };
    let expected = Rejected::Destination {
        destination: ip(ME),
    };
    refused(&v2(), received, expected, |s| s.destination_errors);
    let received = Received {
        source: ip("fe80::1"),
        ..packet(&message)
    };
    let expected = Rejected::Family {
        family: AddressFamily::Ipv6,
    };
    refused(&v2(), received, expected, |s| s.destination_errors);
}

#[test]
fn short_and_long() {
    let whole = message(&v2(), |_| {});
    let expected = DecodeError::TooShort { needed: 8, got: 7 };
    refused(&v2(), packet(&whole[..7]), expected.into(), |s| {
        s.packet_length_errors
    });
    refused(
        &v2(),
        packet(&[]),
        DecodeError::TooShort { needed: 8, got: 0 }.into(),
        |s| s.packet_length_errors,
    );
    let expected = DecodeError::Length {
        count: 1,
        expected: 20,
        got: 19,
    };
    refused(&v2(), packet(&whole[..19]), expected.into(), |s| {
        s.packet_length_errors
    });
    let longer = [&whole[..], &[0]].concat();
    let expected = DecodeError::Length {
        count: 1,
        expected: 20,
        got: 21,
    };
    refused(&v2(), packet(&longer), expected.into(), |s| {
        s.packet_length_errors
    });
}

#[test]
fn version() {
    let other = message(&builder(Version::V3, 100), |_| {});
    let expected = Rejected::Version {
        got: Version::V3,
        expected: Version::V2,
    };
    refused(&v2(), packet(&other), expected, |s| s.version_errors);
    let other = message(&v2(), |_| {});
    let expected = Rejected::Version {
        got: Version::V2,
        expected: Version::V3,
    };
    refused(&builder(Version::V3, 100), packet(&other), expected, |s| {
        s.version_errors
    });
    let unknown = [0x41, 51, 0, 1, 0, 1, 0, 0];
    let expected = DecodeError::Version { version: 4 };
    refused(&v2(), packet(&unknown), expected.into(), |s| {
        s.version_errors
    });
}

#[test]
fn packet_type() {
    let mut other = message(&v2(), |_| {});
    other[0] = 0x22;
    let expected = DecodeError::Type { kind: 2 };
    refused(&v2(), packet(&other), expected.into(), |s| {
        s.invalid_type_packets_received
    });
}

#[test]
fn vrid() {
    let got = Vrid::new(52).unwrap();
    let other = message(&v2(), |a| a.vrid = got);
    let expected = Rejected::Vrid {
        got,
        expected: Vrid::new(51).unwrap(),
    };
    refused(&v2(), packet(&other), expected, |s| s.vrid_errors);
    let mut zero = message(&v2(), |_| {});
    zero[1] = 0;
    refused(&v2(), packet(&zero), DecodeError::VridZero.into(), |s| {
        s.vrid_errors
    });
}

#[test]
fn checksum() {
    for base in [v2(), pass(), builder(Version::V3, 100)] {
        let mut wrong = message(&base, |_| {});
        wrong[8] ^= 0xff;
        let checksum = u16::from_be_bytes([wrong[6], wrong[7]]);
        let expected = DecodeError::Checksum { checksum };
        refused(&base, packet(&wrong), expected.into(), |s| {
            s.checksum_errors
        });
    }
}

#[test]
fn password() {
    let wrong = message(&pass(), |a| {
        a.auth = Some(AuthField {
            kind: 1,
            data: *b"secret43",
        });
    });
    refused(
        &pass(),
        packet(&wrong),
        Rejected::AuthenticationFailure,
        |s| s.authentication_failures,
    );
    let none = message(&v2(), |_| {});
    let expected = Rejected::AuthenticationType {
        got: 0,
        expected: 1,
    };
    refused(&pass(), packet(&none), expected, |s| {
        s.authentication_type_mismatch
    });
    let unexpected = message(&pass(), |_| {});
    let expected = Rejected::AuthenticationType {
        got: 1,
        expected: 0,
    };
    refused(&v2(), packet(&unexpected), expected, |s| {
        s.authentication_type_mismatch
    });
    let unknown = message(&v2(), |a| {
        a.auth = Some(AuthField {
            kind: 3,
            data: [0; 8],
        })
    });
    let expected = Rejected::AuthenticationTypeUnknown { kind: 3 };
    refused(&v2(), packet(&unknown), expected, |s| {
        s.invalid_authentication_type
    });
}

#[test]
fn interval() {
    let got = AdvertInterval::from_secs(3).unwrap();
    let other = message(&v2(), |a| a.interval = got);
    let expected = Rejected::Interval {
        got,
        expected: AdvertInterval::DEFAULT,
    };
    refused(&v2(), packet(&other), expected, |s| s.interval_errors);
    // Message-only sum of VRID 51, priority 0, one address 192.0.2.100, interval 0.
    let zero = b"\x31\x33\x00\x01\x00\x00\x0c\x67\xc0\x00\x02\x64";
    let v3 = builder(Version::V3, 100);
    refused(&v3, packet(zero), DecodeError::IntervalZero.into(), |s| {
        s.interval_errors
    });
}

#[test]
fn no_address() {
    let v3 = builder(Version::V3, 100);
    let none = b"\x31\x33\x00\x00\x00\x64\xce\x68";
    refused(&v3, packet(none), DecodeError::NoAddress.into(), |s| {
        s.address_list_errors
    });
    // VRRPv2 allows it, between routers without addresses.
    let none = message(&v2(), |a| a.addresses = AddressList::none());
    refused(&v2(), packet(&none), DecodeError::NoAddress.into(), |s| {
        s.address_list_errors
    });
}

/// Two routers without addresses elect one of them.
#[test]
fn routers_without_addresses_accept_each_other() {
    let vrid = Vrid::new(51).unwrap();
    let bare = RouterConfig::builder(vrid).without_addresses();
    let config = bare.clone().build().unwrap();
    assert!(config.addresses().is_empty());
    assert_eq!(config.family(), AddressFamily::Ipv4);
    assert_eq!(
        bare.clone().version(Version::V3).build(),
        Err(ConfigError::NoAddress)
    );
    let mut rig = Rig::with(bare.clone(), State::Backup);
    let sent = message(&bare, |_| {});
    assert_eq!(sent.len(), 16);
    rig.router
        .handle_advertisement(rig.now, packet(&sent))
        .unwrap();
    assert_eq!(rig.router.stats().priority_zero_received, 1);
    assert_eq!(rig.router.stats().address_list_errors, 0);
}

#[test]
fn own_address() {
    let mine = message(&v2(), |_| {});
    let received = Received {
        source: ip(ME),
        ..packet(&mine)
    };
    refused(&v2(), received, Rejected::OwnAddress, |s| {
        s.own_address_packets
    });
}

#[test]
fn address_list_mismatch_is_accepted_and_reported() {
    let mut rig = Rig::with(v2(), State::Backup);
    let config = v2()
        .priority(priority(200))
        .address(ip("192.0.2.101"))
        .build()
        .unwrap();
    rig.now += millis(500);
    for expected in [&["notice: list of 192.0.2.11"][..], &[]] {
        rig.receive_advertisement(HIGHER, &advertisement(&config))
            .unwrap();
        assert_eq!(rig.outputs(), expected, "reported once");
    }
    assert_eq!(rig.wait(), Some(Duration::from_nanos(3_609_375_000)));
    assert_eq!(rig.router.stats().address_list_errors, 2);
    // After they agreed in between, it is reported again.
    rig.receive(HIGHER, 200).unwrap();
    rig.receive_advertisement(HIGHER, &advertisement(&config))
        .unwrap();
    assert_eq!(rig.outputs(), ["notice: list of 192.0.2.11"]);
}

/// Another cluster on the LAN that uses the same VRID.
#[test]
fn a_list_without_any_of_our_addresses_is_of_another_router() {
    let foreign = ip("192.0.2.201");
    let others = AddressList::new([foreign, ip("192.0.2.202")]).unwrap();
    let expected = Rejected::ForeignAddresses { first: foreign };
    for version in [Version::V2, Version::V3] {
        let ours = builder(version, 100);
        for number in [0, 1, 200, 255] {
            let packet_of = |addresses: &AddressList| {
                message(&ours, |advertisement| {
                    advertisement.priority = number.into();
                    advertisement.addresses = addresses.clone();
                })
            };
            let theirs = packet_of(&others);
            refused(&ours, packet(&theirs), expected, |s| s.address_list_errors);
            // One address in common is a peer that is being reconfigured.
            let overlapping = AddressList::new([foreign, ip(VIP)]).unwrap();
            let mut rig = Rig::with(ours.clone(), State::Backup);
            rig.router
                .handle_advertisement(rig.now, packet(&packet_of(&overlapping)))
                .unwrap();
            assert_eq!(rig.router.stats().rejected, 0);
        }
    }
    // A master stays one.
    let mut rig = Rig::with(builder(Version::V3, 100), State::Master);
    let theirs = RouterConfig::builder(Vrid::new(51).unwrap())
        .version(Version::V3)
        .priority(priority(200))
        .address(foreign);
    let theirs = advertisement(&theirs.build().unwrap());
    assert_eq!(rig.receive_advertisement(HIGHER, &theirs), Err(expected));
    assert_eq!(rig.router.state(), State::Master);
    assert_eq!(rig.outputs(), [""; 0]);
    assert_eq!(
        expected.to_string(),
        "advertises 192.0.2.201 and no address of this router: another virtual router has the same id, \
         choose another virtual_router_id"
    );
}

/// A list that has been cut, because not all addresses have room in an advertisement.
#[test]
fn an_address_that_has_no_room_in_our_adverts_is_ours() {
    let all: Vec<IpAddr> = (0..=255)
        .map(|last| IpAddr::from([198, 51, 100, last]))
        .collect();
    let ours = RouterConfig::builder(Vrid::new(51).unwrap()).addresses(all.iter().copied());
    assert_eq!(ours.clone().build().unwrap().excluded(), &all[255..]);
    let last = message(&ours, |advertisement| {
        advertisement.addresses = AddressList::new([all[255]]).unwrap();
    });
    let mut rig = Rig::with(ours, State::Backup);
    rig.router
        .handle_advertisement(rig.now, packet(&last))
        .unwrap();
}

#[test]
fn the_order_of_addresses_does_not_matter() {
    let mut rig = Rig::with(v2().address(ip("192.0.2.101")), State::Backup);
    let other = RouterConfig::builder(Vrid::new(51).unwrap())
        .addresses([ip("192.0.2.101"), ip(VIP)])
        .build()
        .unwrap();
    rig.receive_advertisement(HIGHER, &advertisement(&other))
        .unwrap();
    assert_eq!(rig.router.stats().address_list_errors, 0);
}

#[test]
fn v3_checksum_both_dialects_accepted_difference_reported() {
    let mut rig = Rig::in_state(Version::V3, 100, State::Backup);
    let mut other = advertisement(rig.router.config());
    other.checksum = ChecksumDialect::MessageOnly;
    rig.receive_advertisement(HIGHER, &other).unwrap();
    rig.receive_advertisement(HIGHER, &other).unwrap();
    rig.receive(HIGHER, 100).unwrap();
    assert_eq!(rig.outputs(), ["notice: MessageOnly"]);
    assert_eq!(rig.router.stats().message_only_checksums, 2);
}

#[test]
fn strict_mode_wants_a_link_local_address_first() {
    let (local, global) = (ip("fe80::5e:1"), ip("2001:db8::100"));
    let base = |addresses: [IpAddr; 2]| {
        RouterConfig::builder(Vrid::new(51).unwrap())
            .version(Version::V3)
            .addresses(addresses)
    };
    let (source, group) = (ip("fe80::9"), crate::multicast_group(AddressFamily::Ipv6));
    let sent = advertisement(&base([global, local]).build().unwrap()).to_vec(source, group);
    let packet = Received {
        source,
        destination: group,
        hop_limit: 255,
        encapsulation: Encapsulation::Ip,
        payload: &sent,
    };
    for (strict, expected) in [
        (false, Ok(())),
        (
            true,
            Err(Rejected::FirstAddress {
                address: "2001:db8::100".parse().unwrap(),
            }),
        ),
    ] {
        let config = base([local, global]).strict(strict).build().unwrap();
        let mut router = VirtualRouter::new(config, ip("fe80::1")).unwrap();
        let now = Instant::now();
        router.handle_startup(now);
        assert_eq!(router.handle_advertisement(now, packet), expected);
        let stats = router.stats();
        assert_eq!(stats.rejected, u64::from(strict));
        // Otherwise the order of the list does not matter.
        assert_eq!(stats.address_list_errors, u64::from(strict));
    }
}
