// SPDX-License-Identifier: MIT OR Apache-2.0
//! Good frames at the wrong time, and what is right at some times only.

use std::time::Duration;

use super::super::{Frame, Profile, Sum, Way, audit};
use super::good::{
    AUTHENTICATION_LENGTH, BEGIN, ETHERNET, IPV4, IPV6, Kind, account, good, is_announcement,
    is_good, put_sum,
};

#[test]
fn a_frame_at_the_wrong_time_is_found() {
    for good in good() {
        let found = |what: &str, frames: &[Frame]| {
            let account = account(frames, &good.profile);
            assert!(!is_good(&account), "{}: {what}", good.name);
        };
        let moved = |index: usize, to: Duration| {
            let mut frames = good.frames.clone();
            frames[index].at = to;
            frames.sort_by_key(|frame| frame.at);
            frames
        };
        let last = good.frames.len() - 1;
        let interval = good.profile.interval;
        for (index, frame) in good.frames.iter().enumerate() {
            if is_announcement(frame) {
                found("announced before", &moved(index, BEGIN - interval / 2));
                found("announced after", &moved(index, BEGIN + interval * 4));
                let mut frames = good.frames.clone();
                frames.retain(|other| other.bytes != frame.bytes);
                found("never announced", &frames);
            } else {
                let mut frames = good.frames.clone();
                frames.insert(index + 1, frame.clone());
                found("said twice", &frames);
                let mut frames = good.frames.clone();
                frames.insert(index + 1, frame.clone());
                frames[index + 1].at += interval / 2;
                frames.sort_by_key(|frame| frame.at);
                found("said again in half an interval", &frames);
            }
        }
        found("resigned before", &moved(last, BEGIN - interval / 2));
        let after = good.frames[last].at + interval;
        found("advertised after", &moved(0, after));
        let late: Vec<Frame> = good
            .frames
            .iter()
            .map(|frame| {
                let mut frame = frame.clone();
                if frame.at > BEGIN + interval / 2 {
                    frame.at += interval * 11;
                }
                frame
            })
            .collect();
        found("silent for ten intervals", &late);
        let early = audit(&good.frames, 0, &good.profile, &[BEGIN - interval * 3]);
        assert!(!is_good(&early), "{}: too early", good.name);
    }
}

/// Two that were waiting for as long: each sends before it reads the other's, and the worse one
/// takes it back. Later it would be a second master.
#[test]
fn first_advertisements_that_cross_are_no_fault() {
    for good in good() {
        let advert = &good.frames[0];
        let interval = good.profile.interval;
        let start = BEGIN - good.profile.master_down(interval) - Duration::from_millis(1);
        let mut profile = good.profile.clone();
        profile.accepts = vec![Sum::Message, Sum::Pseudo];
        let mut bytes = advert.bytes.to_vec();
        // The other's priority, in the same words.
        let at = match Kind::from_bytes(&bytes) {
            Kind::SignedAdvert => IPV4 + AUTHENTICATION_LENGTH + 2,
            Kind::Ipv6Advert => IPV6 + 2,
            _ => IPV4 + 2,
        };
        bytes[at] = 200;
        good.resummed(Kind::from_bytes(&advert.bytes), &mut bytes);
        let received = |before: Duration| {
            let frames = [
                Frame::new(BEGIN - before, 0, Way::Delivered, &bytes),
                advert.clone(),
            ];
            audit(&frames, 0, &profile, &[start])
        };
        let crossed = received(Duration::from_micros(300));
        assert!(is_good(&crossed), "{}: {:?}", good.name, crossed.faults);
        assert_eq!((crossed.crossed, crossed.reigns.len()), (1, 0));
        let second = received(Duration::from_millis(200));
        assert!(!is_good(&second), "{}", good.name);
    }
}

/// The kernel of a station that has the address answers another's announcement of it.
#[test]
fn an_answer_is_for_the_master_alone() {
    for good in good() {
        let Some(arp) = good
            .frames
            .iter()
            .position(|frame| Kind::from_bytes(&frame.bytes) == Kind::Arp)
        else {
            continue;
        };
        let mut bytes = good.frames[arp].bytes.to_vec();
        let asker = [2, 0, 0, 0, 0, 9];
        bytes[0..6].copy_from_slice(&asker);
        bytes[21] = 2;
        bytes[32..38].copy_from_slice(&asker);
        let answered = |at: Duration| {
            let mut frames = good.frames.clone();
            frames.push(Frame::new(at, 0, Way::Sent, &bytes));
            frames.sort_by_key(|frame| frame.at);
            account(&frames, &good.profile)
        };
        let master = answered(BEGIN + good.profile.interval / 2);
        assert!(is_good(&master), "{}: {:?}", good.name, master.faults);
        assert_eq!(master.chores, 1);
        let backup = answered(BEGIN - good.profile.interval);
        assert_eq!(backup.unexplained, 1, "{}", good.name);
    }
}

/// A kernel without a daemon refuses VRRP that comes to it alone; one with a daemon has no reason.
#[test]
fn a_refusal_is_not_for_a_master() {
    let all = good();
    let unicast = all.iter().find(|good| good.name == "v2-unicast").unwrap();
    let advert = &unicast.frames[0].bytes;
    // RFC 792: type 3, code 2, and the packet that it is about: here one like ours.
    let mut bytes = advert[..IPV4].to_vec();
    bytes[15] = 0xc0;
    bytes[22] = 64;
    bytes[23] = 1;
    bytes.extend([3, 2, 0, 0, 0, 0, 0, 0]);
    bytes.extend(&advert[ETHERNET..]);
    let length = u16::try_from(bytes.len() - ETHERNET).unwrap();
    bytes[16..18].copy_from_slice(&length.to_be_bytes());
    put_sum(&mut bytes, ETHERNET, IPV4, 10, &[]);
    let end = bytes.len();
    put_sum(&mut bytes, IPV4, end, 2, &[]);
    let refused = |profile: &Profile, at: Duration| {
        let mut frames = unicast.frames.clone();
        frames.push(Frame::new(at, 0, Way::Sent, &bytes));
        frames.sort_by_key(|frame| frame.at);
        account(&frames, profile)
    };
    let interval = unicast.profile.interval;
    let before = refused(&unicast.profile, BEGIN - interval);
    assert!(is_good(&before), "{:?}", before.faults);
    let master = refused(&unicast.profile, BEGIN + interval / 2);
    assert_eq!(master.unexplained, 1);
    let multicast = Profile {
        peer: None,
        ..unicast.profile.clone()
    };
    assert_eq!(refused(&multicast, BEGIN - interval).unexplained, 1);
}

/// The kernel reports which groups a macvlan's addresses leave a little later than their removal.
#[test]
fn a_virtual_mac_leaves_its_groups_soon_after_its_reign() {
    let all = good();
    let good = all.iter().find(|good| good.name == "v3-ipv4").unwrap();
    // What was recorded as the interface's own is a macvlan's here.
    let profile = Profile {
        virtual_mac: Some(good.profile.mac),
        mac: [2, 0, 0, 0, 0, 9],
        ..good.profile.clone()
    };
    let advert = &good.frames[0].bytes;
    // RFC 2236: a leave of 224.0.0.18 to all routers.
    let mut bytes = advert[..IPV4].to_vec();
    bytes[16..18].copy_from_slice(&28_u16.to_be_bytes());
    bytes[22] = 1;
    bytes[23] = 2;
    bytes.extend([0x17, 0, 0, 0, 224, 0, 0, 18]);
    put_sum(&mut bytes, ETHERNET, IPV4, 10, &[]);
    let end = bytes.len();
    put_sum(&mut bytes, IPV4, end, 2, &[]);
    let left = |at: Duration| {
        let mut frames = good.frames.clone();
        frames.push(Frame::new(at, 0, Way::Sent, &bytes));
        frames.sort_by_key(|frame| frame.at);
        account(&frames, &profile)
    };
    let resigned = good.frames[good.frames.len() - 1].at;
    for fine in [
        BEGIN + profile.interval / 2,
        resigned + Duration::from_millis(900),
    ] {
        let account = left(fine);
        assert!(is_good(&account), "{:?}", account.faults);
        assert_eq!(account.chores, 1);
    }
    for wrong in [BEGIN - profile.interval, resigned + Duration::from_secs(2)] {
        assert!(!is_good(&left(wrong)), "{wrong:?}");
    }
}
