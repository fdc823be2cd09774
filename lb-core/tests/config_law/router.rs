// SPDX-License-Identifier: MIT OR Apache-2.0
//! Virtual routers.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use lb_core::model::{Announcements, RouterSpec, Scope, VirtualAddress, VrrpInstance};
use lb_vrrp::wire::ChecksumDialect;
use lb_vrrp::{
    AddressFamily, AddressFlag, AdvertInterval, AntiReplay, Authentication, DownTimerAdverts,
    ExtraRefresh, HmacConfig, HmacKey, HmacMode, Ipvlan, IpvlanMode, MacAddr, Password, Priority,
    ReceiveBuffer, RouterConfig, UnicastPeer, Version, Vmac, Vrid,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::notify::notify;
use crate::routing::{distinct, route, rule};
use crate::{interface, micros, seconds};

/// The n-th virtual address of a family.
pub(crate) fn nth(family: AddressFamily, n: u16) -> IpAddr {
    let [high, low] = n.to_be_bytes();
    match family {
        AddressFamily::Ipv4 => Ipv4Addr::new(10, 1, high, low).into(),
        AddressFamily::Ipv6 => [0x2001, 0xdb8, 0, 0, 0, 0, 1, n].into(),
    }
}

/// How many addresses a router has: few, or more than an advertisement holds.
fn count() -> impl Strategy<Value = u16> {
    prop_oneof![15 => 1..6_u16, 1 => Just(600)]
}

prop_compose! {
    fn config(vrid: u8)(
        (six, three, owner) in (any::<bool>(), any::<bool>(), prop::bool::weighted(0.1)),
        (priority, interval, down) in (1..=254_u8, 1..=255_u16, 1..=100_u8),
        (count, first) in (count(), 1..1000_u16),
        preemption in 0..4,
        (delay, stall) in (micros(1..1_000_000_000), 1..=254_u8),
        authentication in authentication(),
        peers in vec((1..200_u16, any::<u8>(), any::<u8>()), 0..3),
        (hop_limit, check, group) in (any::<u8>(), any::<bool>(), any::<bool>()),
        strict in prop::bool::weighted(0.1),
        flags in any::<[bool; 5]>(),
    ) -> RouterConfig {
        let family = if six { AddressFamily::Ipv6 } else { AddressFamily::Ipv4 };
        let version = if six || three { Version::V3 } else { Version::V2 };
        let [farewell, answer, owner_ignores, accept, message_only] = flags;
        let interval = match version {
            Version::V2 => AdvertInterval::from_secs(u8::try_from(interval).unwrap()),
            _ => AdvertInterval::from_centis(interval * 16),
        };
        let priority = if owner { Priority::OWNER } else { Priority::new(priority).unwrap() };
        let mut builder = RouterConfig::builder(Vrid::new(vrid).unwrap())
            .version(version)
            .priority(priority)
            .interval(interval.unwrap())
            .down_timer_adverts(DownTimerAdverts::new(down).unwrap())
            .addresses((0..count).map(|n| nth(family, first + n)))
            .farewell(farewell)
            .answer_losing(answer)
            .owner_ignores_adverts(owner_ignores)
            .accept(accept || owner);
        builder = match preemption {
            0 => builder,
            1 => builder.preempt_delay(delay),
            2 => builder.sticky(delay + Duration::from_millis(10)),
            _ => builder
                .preempt(false)
                .yield_after_stall(Priority::new(stall).unwrap()),
        };
        if version == Version::V2 || matches!(authentication, Authentication::Hmac(_)) {
            builder = builder.authentication(authentication);
        }
        if message_only {
            builder = builder.checksum(ChecksumDialect::MessageOnly);
        }
        let mut peers = peers;
        peers.sort_unstable();
        peers.dedup_by_key(|(number, ..)| *number);
        for (number, least, most) in &peers {
            let peer = UnicastPeer::new(nth(family, 2000 + number));
            // Half of them without limits.
            let limits = if least % 2 == 0 { 0..=u8::MAX } else { *least.min(most)..=*least.max(most) };
            builder = builder.peer(peer.with_hop_limits(limits));
        }
        if !peers.is_empty() {
            builder = builder.unicast_hop_limit(hop_limit).check_unicast_source(check);
        } else if group {
            builder = builder.group(match family {
                AddressFamily::Ipv4 => "224.0.0.99".parse().unwrap(),
                AddressFamily::Ipv6 => "ff02::99".parse().unwrap(),
            });
        }
        // Strict mode does not go with most settings.
        builder.clone().strict(strict).build().or_else(|_| builder.build()).unwrap()
    }
}

prop_compose! {
    fn announcements()(
        (delay, repeat) in (seconds(0..4295), 1..1000_u32),
        (refresh, refresh_repeat) in (proptest::option::of(seconds(1..4295)), 1..1000_u32),
        (lower_delay, lower_repeat) in (proptest::option::of(seconds(0..4295)), proptest::option::of(0..1000_u32)),
        extra in proptest::option::of((seconds(1..86400), any::<bool>())),
    ) -> Announcements {
        Announcements::default()
            .with_delay(delay)
            .with_repeat(repeat)
            .with_refresh(refresh, refresh_repeat)
            .with_lower(lower_delay, lower_repeat)
            .with_extra(extra.map(|(period, all)| ExtraRefresh::new(period, all)))
    }
}

fn authentication() -> impl Strategy<Value = Authentication> {
    let password =
        "[a-zA-Z0-9#!${} ]{1,8}".prop_filter("not a reference", |text| !text.contains("${"));
    let password = password.prop_map(|text| Password::new(text).unwrap());
    prop_oneof![
        Just(Authentication::None),
        password.clone().prop_map(Authentication::Password),
        password.prop_map(Authentication::Ah),
        hmac().prop_map(Authentication::Hmac),
    ]
}

prop_compose! {
    fn hmac()(
        secrets in vec(vec(any::<u8>(), 32..=64), 1..4),
        (active, window) in (0..3_usize, 1..=300_u64),
        replay in 0..3,
        mode in select(vec![HmacMode::Enforce, HmacMode::Permissive, HmacMode::ReceiveOnly]),
    ) -> HmacConfig {
        let active = u8::try_from(active % secrets.len()).unwrap() + 1;
        let keys = secrets.iter().zip(1..).map(|(secret, id)| HmacKey::new(id, secret).unwrap());
        let hmac = HmacConfig::new(keys, active).unwrap().with_mode(mode);
        let window = Duration::from_secs(window);
        match replay {
            0 => hmac,
            1 => hmac.with_anti_replay(AntiReplay::Monotonic).unwrap(),
            _ => hmac.with_anti_replay(AntiReplay::Time { window }).unwrap(),
        }
    }
}

/// Other forms of an address that the router holds.
fn decorate(address: VirtualAddress, shape: u8) -> VirtualAddress {
    let v4 = address.address.is_ipv4();
    match shape {
        1 => address.with_prefix_len(24).with_interface("eth7"),
        2 if v4 => address.with_label("eth0:1").with_scope(Scope::LINK),
        3 if v4 => address.with_broadcast(Ipv4Addr::new(10, 1, 255, 255)),
        4 => address.with_tracked(false),
        5 if v4 => address
            .with_flag(AddressFlag::NoPrefixRoute)
            .with_flag(AddressFlag::AutoJoin),
        5 => address
            .with_flag(AddressFlag::DetectDuplicates)
            .with_preferred_lifetime(u32::MAX),
        6 => {
            let (peer, length) = if v4 {
                ("10.9.0.0", 30)
            } else {
                ("2001:db8:9::", 64)
            };
            address.with_peer(peer.parse().unwrap(), length)
        }
        7 => address.with_interface("eth6").with_vmac(true),
        _ => address,
    }
}

prop_compose! {
    pub(crate) fn router(number: u8)(
        config in config(number + 1),
        interface in interface(),
        announcements in announcements(),
        shapes in vec(0..8_u8, 5),
        (excluded, routes, rules) in (0..3_u16, vec(route(), 0..3), vec(rule(), 0..3)),
        flags in any::<[bool; 6]>(),
        vmac in proptest::option::of((any::<bool>(), any::<bool>(), any::<bool>())),
        ipvlan in proptest::option::of((any::<bool>(), 0..3_usize)),
        (buffer, sync_daemon) in (proptest::option::of(1..1_000_000_u32), proptest::option::of(interface())),
        (alert, notify) in (any::<bool>(), notify(true)),
    ) -> VrrpInstance {
        let [ignores, tracks_source, needs_peer, promotes, source, _] = flags;
        let family = config.family();
        let mut spec = RouterSpec::new(format!("VI_{number}"), interface, config)
            .with_announcements(announcements)
            .with_ignores_interface(ignores)
            .with_needs_peer(needs_peer)
            .with_promotes_secondaries(promotes);
        let mut held = std::mem::take(&mut spec.virtual_addresses);
        for (address, shape) in held.iter_mut().zip(shapes) {
            *address = decorate(address.clone(), shape);
        }
        held.extend((0..excluded).map(|n| VirtualAddress::new(nth(AddressFamily::Ipv6, 9000 + n))));
        spec.virtual_addresses = held;
        spec.virtual_routes = distinct(routes);
        spec.virtual_rules = distinct(rules);
        if source {
            spec = spec.with_source(nth(family, 5000)).with_tracks_source(tracks_source);
        }
        if let Some((named, from_base, mac)) = vmac {
            // In strict mode neither is there.
            let lax = !spec.config.strict();
            let (from_base, mac) = (from_base && lax, mac && lax);
            let mut vmac = Vmac::new().with_transmit_from_base(from_base);
            if named {
                vmac = vmac.with_name(format!("vmac{number}"));
            }
            if mac {
                vmac = vmac.with_mac(MacAddr::from([2, 0, 0, 0, 0, number]));
            }
            spec = spec.with_vmac(vmac);
        } else if let (Some((named, mode)), true) = (ipvlan, spec.config.peers().is_empty()) {
            let mode = [IpvlanMode::Bridge, IpvlanMode::Private, IpvlanMode::Vepa][mode];
            let mut ipvlan = Ipvlan::new().with_mode(mode).with_address(nth(family, 6000), 20);
            if named {
                ipvlan = ipvlan.with_name(format!("ipvl{number}"));
            }
            // The kernel has no macvlans beside it.
            spec.interface = format!("own{number}");
            spec = spec.with_ipvlan(ipvlan);
            spec.virtual_addresses.iter_mut().for_each(|address| address.vmac = false);
        }
        spec.receive_buffer = buffer.map(ReceiveBuffer::Bytes);
        let mut router = VrrpInstance::new(spec).with_smtp_alert(alert).with_notify(notify);
        router.sync_daemon_interface = sync_daemon.filter(|_| number == 0);
        router
    }
}
