// SPDX-License-Identifier: MIT OR Apache-2.0
//! What cannot work is refused, for its reason.

use super::*;
use crate::{
    error::ConfigError,
    params::{DownTimerAdverts, HmacConfig, HmacKey, HmacMode, UnicastPeer},
};

fn hmac(mode: HmacMode) -> Authentication {
    let key = HmacKey::new(1, [1; 32]).unwrap();
    Authentication::Hmac(HmacConfig::new([key], 1).unwrap().with_mode(mode))
}

#[test]
fn combinations_that_do_not_exist_are_refused() {
    let vrid = Vrid::new(51).unwrap();
    let v4 = || RouterConfig::builder(vrid).address(ip(VIP));
    let v6 = || {
        RouterConfig::builder(vrid)
            .version(Version::V3)
            .address(ip("fe80::1"))
    };
    let odd = AdvertInterval::from_centis(150).unwrap();
    assert_eq!(
        RouterConfig::builder(vrid).build(),
        Err(ConfigError::NoAddress)
    );
    assert_eq!(
        v4().interval(odd).build(),
        Err(ConfigError::IntervalForVersion {
            interval: odd,
            version: Version::V2
        })
    );
    assert!(v4().version(Version::V3).interval(odd).build().is_ok());
    let password = Authentication::Password(Password::new("x").unwrap());
    assert_eq!(
        v6().authentication(password).build(),
        Err(ConfigError::AuthenticationForVersion {
            version: Version::V3
        })
    );
    assert_eq!(
        v6().version(Version::V2).build(),
        Err(ConfigError::FamilyForVersion {
            family: AddressFamily::Ipv6,
            version: Version::V2
        })
    );
    assert_eq!(
        v4().address(ip("fe80::1")).build(),
        Err(ConfigError::MixedFamilies {
            first: ip(VIP),
            other: ip("fe80::1")
        })
    );
    let global = "2001:db8::1".parse().unwrap();
    let global_first = RouterConfig::builder(vrid)
        .version(Version::V3)
        .address(IpAddr::V6(global))
        .address(ip("fe80::1"));
    assert!(global_first.clone().build().is_ok());
    assert_eq!(
        global_first.strict(true).build(),
        Err(ConfigError::FirstAddress { address: global })
    );
    assert_eq!(
        Password::new("ninechars"),
        Err(ConfigError::PasswordLength { length: 9 })
    );
    assert_eq!(
        Password::new(""),
        Err(ConfigError::PasswordLength { length: 0 })
    );
}

#[test]
fn addresses_that_cannot_be_held_are_refused() {
    for address in ["0.0.0.0", "224.0.0.18", "255.255.255.255"] {
        let address = ip(address);
        assert_eq!(
            builder(Version::V2, 100).address(address).build(),
            Err(ConfigError::VirtualAddress { address })
        );
    }
    let address = ip(VIP);
    assert_eq!(
        builder(Version::V2, 100).address(address).build(),
        Err(ConfigError::AddressTwice { address })
    );
}

#[test]
fn numbers_out_of_their_range_are_refused() {
    let base = || builder(Version::V3, 100);
    for adverts in [0, 101] {
        assert_eq!(
            DownTimerAdverts::new(adverts),
            Err(ConfigError::DownTimerAdverts { adverts })
        );
    }
    let most = DownTimerAdverts::new(100).unwrap();
    assert!(base().down_timer_adverts(most).build().is_ok());
    let delay = Duration::from_millis(1_000_001);
    assert_eq!(
        base().preempt_delay(delay).build(),
        Err(ConfigError::PreemptDelay { delay })
    );
    for never in [base().preempt(false), base().sticky(millis(1))] {
        assert_eq!(
            never.preempt_delay(millis(1)).build(),
            Err(ConfigError::PreemptDelayWithoutPreempt)
        );
    }
}

#[test]
fn peers_that_are_none_are_refused() {
    let peer = |address: &str| UnicastPeer::new(ip(address));
    let base = || builder(Version::V3, 100);
    for (with, expected) in [
        (
            base().peer(peer("fe80::1")),
            "fe80::1 as destination of a router with IPv4 addresses",
        ),
        (
            base().peer(peer("224.0.0.18")),
            "224.0.0.18 cannot be a unicast peer",
        ),
        (
            base().peer(peer("0.0.0.0")),
            "0.0.0.0 cannot be a unicast peer",
        ),
        (
            base().peer(peer("255.255.255.255")),
            "255.255.255.255 cannot be a unicast peer",
        ),
        (
            base()
                .peer(peer(HIGHER))
                .peer(peer(LOWER))
                .peer(peer(HIGHER)),
            "unicast peer 192.0.2.11 given twice",
        ),
        (
            #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
            base().peer(peer(HIGHER).with_hop_limits(255..=254)),
            "unicast peer 192.0.2.11 with TTL 255 to 254",
        ),
        (
            base().group(ip("192.0.2.1")),
            "192.0.2.1 is not a multicast address",
        ),
        (
            base().group(ip("ff02::12")),
            "ff02::12 as destination of a router with IPv4 addresses",
        ),
        (
            base().group(ip("224.0.0.19")).peer(peer(HIGHER)),
            "a group requires multicast",
        ),
        (base().unicast_hop_limit(64), "a TTL requires unicast peers"),
        (
            base().check_unicast_source(true),
            "a check of the source requires unicast peers",
        ),
        (base().mtu(31), "an MTU of 31 has no room for an address"),
    ] {
        assert_eq!(with.build().unwrap_err().to_string(), expected);
    }
    let config = base().peer(peer(ME)).build().unwrap();
    assert!(matches!(
        VirtualRouter::new(config, ip(ME)),
        Err(ConfigError::PeerIsSelf { .. })
    ));
}

#[test]
fn addresses_without_room_are_held_but_not_advertised() {
    let many = |count: u32| (0..count).map(|n| IpAddr::from((0x0a00_0000 + n).to_be_bytes()));
    let v4 = || RouterConfig::builder(Vrid::new(51).unwrap());
    let counts = |builder: RouterConfigBuilder| {
        let config = builder.build().unwrap();
        let all = config.all_addresses().count();
        let advertised = config.addresses().as_slice().len();
        assert_eq!(advertised + config.excluded().len(), all);
        (advertised, all)
    };
    assert_eq!(counts(v4().addresses(many(255))), (255, 255));
    assert_eq!(counts(v4().addresses(many(300))), (255, 300));
    // 576 bytes less the headers: 20 + 8 + 8 of authentication data, 24 of AH, 28 of the trailer.
    assert_eq!(counts(v4().addresses(many(300)).mtu(576)), (135, 300));
    let ah = Authentication::Ah(Password::new("x").unwrap());
    let fewer = v4().addresses(many(300)).mtu(576);
    assert_eq!(counts(fewer.clone().authentication(ah)), (129, 300));
    assert_eq!(
        counts(fewer.authentication(hmac(HmacMode::Enforce))),
        (128, 300)
    );
    let v6 = v4()
        .version(Version::V3)
        .addresses((0..100).map(|n| IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, n])));
    assert_eq!(counts(v6.clone()), (90, 100));
    assert_eq!(
        counts(v6.authentication(hmac(HmacMode::Enforce))),
        (89, 100)
    );
}

#[test]
fn an_interface_decides_how_many_addresses_have_room() {
    let many = (0..300_u32).map(|n| IpAddr::from((0x0a00_0000 + n).to_be_bytes()));
    let base = || {
        let builder = RouterConfig::builder(Vrid::new(51).unwrap());
        builder.version(Version::V3).addresses(many.clone())
    };
    let config = base().build().unwrap();
    let fitted = |config: &RouterConfig, mtu| {
        let fitted = config.fit(mtu).unwrap();
        let order: Vec<IpAddr> = fitted.all_addresses().collect();
        assert!(order.into_iter().eq(many.clone()));
        fitted.addresses().as_slice().len()
    };
    assert_eq!(fitted(&config, 1500), 255);
    assert_eq!(config.fit(1500), Ok(config.clone()));
    assert_eq!(fitted(&config, 576), 137);
    // Forth and back.
    let narrow = config.fit(68).unwrap();
    assert_eq!(narrow.addresses().as_slice().len(), 10);
    assert_eq!(narrow.fit(1500), Ok(config.clone()));
    assert_eq!(fitted(&narrow, 1_000_000), 255);
    assert_eq!(config.fit(31), Err(ConfigError::Mtu { mtu: 31 }));
    // What was asked for holds too.
    let asked = base().mtu(576).build().unwrap();
    assert_eq!(fitted(&asked, 9000), 137);
    assert_eq!(fitted(&asked, 68), 10);
}

#[test]
fn strict_mode_allows_nothing_beside_the_rfc() {
    let base = |version| builder(version, 100).strict(true);
    let password = Password::new("x").unwrap();
    for (with, expected) in [
        (
            base(Version::V2).authentication(Authentication::Password(password)),
            "strict mode allows no authentication",
        ),
        (
            base(Version::V2).authentication(Authentication::Ah(password)),
            "strict mode allows no authentication",
        ),
        (
            base(Version::V3).authentication(hmac(HmacMode::Permissive)),
            "strict mode allows no authentication",
        ),
        (
            base(Version::V3).peer(UnicastPeer::new(ip(HIGHER))),
            "strict mode allows no unicast peer",
        ),
        (
            base(Version::V3).preempt_delay(millis(1)),
            "strict mode allows no delay of preemption",
        ),
        (
            base(Version::V3).sticky(millis(1)),
            "strict mode allows no sticky router",
        ),
        (
            base(Version::V3).down_timer_adverts(DownTimerAdverts::new(4).unwrap()),
            "strict mode allows no number of intervals to master down but three",
        ),
    ] {
        assert_eq!(with.build().unwrap_err().to_string(), expected);
    }
    assert!(
        base(Version::V3)
            .authentication(hmac(HmacMode::Enforce))
            .build()
            .is_ok()
    );
    for (version, answers) in [(Version::V2, false), (Version::V3, true)] {
        let config = base(version).build().unwrap();
        assert_eq!(config.answer_losing(), answers);
        assert!(!config.farewell() && !config.accept() && config.strict());
    }
    for (version, accepts) in [(Version::V2, false), (Version::V3, true)] {
        let config = base(version).accept(true).build().unwrap();
        assert_eq!(config.accept(), accepts, "{version}");
    }
    let owner = builder(Version::V3, 255).strict(true).build().unwrap();
    assert!(owner.accept(), "the owner accepts whatever the setting");
}
