// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state table, clause by clause: what each event does in each state.

#![allow(clippy::indexing_slicing, reason = "tests")]

mod authentication;
mod builder;
mod cells;
mod changes;
mod conformance;
mod extensions;
mod handover;
mod properties;
mod receive;
mod repeat;
mod table;
mod unicast;

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use super::*;
use crate::{
    params::{Authentication, Password, Version, Vrid},
    wire::{Advertisement, AuthField},
};

const ME: &str = "192.0.2.10";
const LOWER: &str = "192.0.2.9";
const HIGHER: &str = "192.0.2.11";
const VIP: &str = "192.0.2.100";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn priority(value: u8) -> Priority {
    Priority::new(value).unwrap()
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn builder(version: Version, value: u8) -> RouterConfigBuilder {
    RouterConfig::builder(Vrid::new(51).unwrap())
        .version(version)
        .priority(priority(value))
        .address(ip(VIP))
}

/// A router under test, with its clock.
struct Rig {
    router: VirtualRouter,
    now: Instant,
}

impl Rig {
    fn new(config: RouterConfig) -> Self {
        Self {
            router: VirtualRouter::new(config, ip(ME)).unwrap(),
            now: Instant::now(),
        }
    }

    /// In state `state`, without outputs.
    fn in_state(version: Version, value: u8, state: State) -> Self {
        Self::with(builder(version, value), state)
    }

    fn with(builder: RouterConfigBuilder, state: State) -> Self {
        let mut rig = Self::new(builder.build().unwrap());
        match state {
            State::Initialize => {}
            State::Fault => {
                rig.router.handle_link(rig.now, false);
                rig.router.handle_startup(rig.now);
            }
            State::Backup => rig.router.handle_startup(rig.now),
            State::Master => {
                rig.router.handle_startup(rig.now);
                rig.fire();
                if rig.router.state() != state {
                    // A sticky one waits longer.
                    rig.fire();
                }
            }
        }
        rig.outputs();
        assert_eq!(rig.router.state(), state);
        rig
    }

    /// Lets the pending timer fire at its deadline.
    fn fire(&mut self) {
        if let Some(deadline) = self.router.next_timeout() {
            self.now = deadline;
            self.router.handle_timeout(deadline);
        }
    }

    /// Time until the pending timer fires.
    fn wait(&self) -> Option<Duration> {
        Some(self.router.next_timeout()?.duration_since(self.now))
    }

    fn receive(&mut self, from: &str, value: u8) -> Result<(), Rejected> {
        self.receive_interval(from, value, self.router.config().interval())
    }

    fn receive_interval(
        &mut self,
        from: &str,
        value: u8,
        interval: AdvertInterval,
    ) -> Result<(), Rejected> {
        let mut advertisement = advertisement(self.router.config());
        advertisement.priority = value.into();
        advertisement.interval = interval;
        self.receive_advertisement(from, &advertisement)
    }

    fn receive_advertisement(
        &mut self,
        from: &str,
        advertisement: &Advertisement,
    ) -> Result<(), Rejected> {
        let destination = crate::multicast_group(AddressFamily::Ipv4);
        let payload = advertisement.to_vec(ip(from), destination);
        let received = Received {
            source: ip(from),
            destination,
            hop_limit: 255,
            encapsulation: Encapsulation::Ip,
            payload: &payload,
        };
        self.router.handle_advertisement(self.now, received)
    }

    /// The outputs as short words.
    fn outputs(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.router.poll_output())
            .map(|output| word(&output))
            .collect()
    }
}

/// What a peer with this configuration would send.
fn advertisement(config: &RouterConfig) -> Advertisement {
    Advertisement {
        version: config.version(),
        vrid: config.vrid(),
        priority: config.priority().into(),
        interval: config.interval(),
        addresses: config.addresses().clone(),
        auth: (config.version() == Version::V2).then(|| AuthField::from(config.authentication())),
        checksum: config.checksum(),
    }
}

fn word(output: &Output) -> String {
    match output {
        Output::SendAdvertisement(transmit) => {
            let message = match transmit.protocol {
                51 => &transmit.payload[24..],
                _ => &transmit.payload,
            };
            let (sent, _) =
                Advertisement::parse_signed(message, transmit.source, transmit.destination)
                    .unwrap();
            assert_eq!(sent.priority, transmit.priority);
            format!("advertise {}", sent.priority)
        }
        Output::ShieldAddresses => "shield".to_owned(),
        Output::UnshieldAddresses => "unshield".to_owned(),
        Output::AddAddresses => "add".to_owned(),
        Output::RemoveAddresses => "remove".to_owned(),
        Output::UpdateAddresses { added, removed } => format!("update +{added:?} -{removed:?}"),
        Output::Announce { reason } => match reason {
            AnnounceReason::BecameMaster => "announce".to_owned(),
            AnnounceReason::LosingAdvertisement { .. } => "announce: losing".to_owned(),
            AnnounceReason::PeerResigned { .. } => "announce: resigned".to_owned(),
            AnnounceReason::Stalled { silent } => format!("announce: silent {silent:?}"),
            AnnounceReason::AddressesAdded { addresses } => format!("announce: {addresses:?}"),
        },
        Output::Transitioned(transition) => transition.to_string(),
        Output::Noticed(notice) => match notice {
            Notice::AddressListMismatch { source, .. } => format!("notice: list of {source}"),
            Notice::IntervalLearned { interval, .. } => format!("notice: interval {interval}"),
            Notice::ChecksumDialect { dialect, .. } => format!("notice: {dialect:?}"),
            Notice::OwnerConflict { source } => format!("notice: owner {source}"),
            Notice::LosingAdvertisement { source, priority } => {
                format!("notice: losing {priority} of {source}")
            }
            Notice::Unsigned { source } => format!("notice: unsigned {source}"),
            Notice::ClockSkew { source, skew, .. } => format!("notice: clock of {source} {skew}"),
        },
    }
}
