// SPDX-License-Identifier: MIT OR Apache-2.0
//! VRRP: several routers hold one address, and when the one that has it dies, another takes over.
//!
//! This crate is the protocol in layers. Each can be used without those that know of it.
//!
//! | layer | what | knows of |
//! |---|---|---|
//! | [`wire`] | advertisements, gratuitous ARP, neighbour advertisements as bytes | nothing |
//! | [`VirtualRouter`] | the state machine; events in, ordered outputs out | `wire` |
//! | [`track`] | scripts, interfaces, files, processes, sessions → priority and faults, pure | nothing |
//! | [`group`] | sync groups: routers that move together, pure | `VirtualRouter` |
//! | [`spec`] | routers, groups and tracked objects described as data, and the rules between them | nothing |
//! | `driver` (feature `driver`, default) | sockets, clock, addresses on Linux, over tokio | both |
//!
//! Without default features there is no tokio, no socket and no clock: [`VirtualRouter`]
//! takes events with their time, and returns outputs. The tests of this crate run whole LANs of them
//! on a virtual clock, and a program with its own event loop embeds it in the same way.
//!
//! # What happens
//!
//! A master sends an advertisement every [`AdvertInterval`] to 224.0.0.18 or ff02::12. A backup
//! that receives none for three intervals, and then for a *skew time* that is shorter the higher
//! its [`Priority`], takes over: it advertises, adds the virtual addresses, and announces them on the
//! LAN. Of two masters the one with the lower priority yields, or with the lower address
//! where the priorities are equal.
//!
//! ```text
//!                      ┌────────────┐ shutdown: priority 0, remove addresses
//!         ┌────────────┤ Initialize │<───────────────────────────────────────┐
//!         │ startup    └─────┬──────┘                                        │
//!         │                  │ startup, priority 255                         │
//!         v                  v                                               │
//!    ┌────────┐  no advertisement for the master down interval   ┌────────┐  │
//!    │        │  advertise, add addresses, announce              │        ├──┘
//!    │ Backup ├─────────────────────────────────────────────────>│ Master │
//!    │        │<─────────────────────────────────────────────────┤        │
//!    └──┬─────┘  a better master; farewell, remove addresses     └──┬─────┘
//!       │  ^                                                        │
//!       │  │ link up           ┌───────┐         link down          │
//!       │  └───────────────────┤ Fault │<───────────────────────────┘
//!       └─────────────────────>└───────┘   priority 0, remove addresses
//!            link down
//! ```
//!
//! `Master` is called Active in RFC 9568. `Fault` is keepalived's; the RFC goes to Initialize
//! there.
//!
//! # Where to find the RFC
//!
//! | RFC 9568 (VRRPv3), RFC 3768 (VRRPv2) | here |
//! |---|---|
//! | §5.1, §5.2 packet format | [`wire::Advertisement`] |
//! | §5.2.8 checksum, in its two readings | [`wire::ChecksumDialect`] |
//! | §6.1 parameters, skew time, master down interval | [`RouterConfig`], [`AdvertInterval`] |
//! | §6.4 states | [`State`], [`Transition`], [`Reason`] |
//! | §6.4.1–6.4.3 what each event does | [`VirtualRouter`], one private function per clause |
//! | §7.1 checks on receipt | [`Rejected`] |
//! | §7.3 virtual MAC address | [`Vmac`], [`Vrid::virtual_mac`] |
//! | RFC 2338 §5.3.6 password and authentication header of VRRPv2 | [`Authentication`], [`wire::AuthenticationHeader`] |
//! | draft-cassen-vrrp-auth-hmac | [`HmacConfig`], [`wire::HmacTrailer`] |
//! | RFC 6527, RFC 8347 counters | [`RouterStats`] |
//!
//! Errata 7947, 7949 and 8298–8301 of RFC 9568 are in. `CONFORMANCE.md` in the crate's folder has
//! the state table and the clauses, each with its tests.
//!
//! # Where it goes beyond the RFC
//!
//! - A resignation moves a backup's deadline to the skew time **or leaves it where it is earlier**:
//!   a stream of resignations cannot delay a takeover.
//! - A master that yields sends one *farewell* advertisement. The winner sees a losing advertisement,
//!   and announces its addresses again; otherwise hosts that believed the loser would stay with it.
//!   [`RouterConfigBuilder::farewell`] switches it off.
//! - A VRRPv2 master answers a losing advertisement too, as RFC 9568 has it for VRRPv3, and
//!   announces. [`RouterConfigBuilder::answer_losing`] switches it off.
//! - A master that receives the resignation of another one, and a master whose timer is late by three
//!   intervals, announce again.
//! - Answers to other masters are limited to four in an interval; more are answered together with
//!   the next advertisement. Two masters that disagree about the election cannot flood the LAN.
//! - The advertisement timer is set from its last deadline, not from the time it was served:
//!   lateness does not add up.
//! - An address owner yields to another one that does not yield for three intervals.
//! - A sticky router ([`RouterConfigBuilder::sticky`]) does not become master before it has
//!   received something.
//! - An operator can make a master step down ([`VirtualRouter::resign`]), and another process can
//!   continue a router ([`VirtualRouter::handover_state`]); peers see no transition.
//! - Other addresses in an advertisement are counted and reported, and the advertisement stays valid,
//!   in VRRPv2 too: a peer in the middle of a reload must not become a second master. An advertisement
//!   without any address of this router is of another virtual router with the same VRID, and is discarded.
//!
//! # Examples
//!
//! The run loop, here with two routers, no network, and time that jumps from one deadline to the
//! next:
//!
//! ```
//! use std::{net::IpAddr, time::{Duration, Instant}};
//!
//! use lb_vrrp::{Encapsulation, Output, Priority, Received, RouterConfig, State, VirtualRouter, Vrid};
//!
//! let router = |priority, primary: [u8; 4]| {
//!     let config = RouterConfig::builder(Vrid::new(51)?)
//!         .priority(Priority::new(priority)?)
//!         .address(IpAddr::from([192, 0, 2, 100]))
//!         .build()?;
//!     VirtualRouter::new(config, primary.into())
//! };
//! let mut routers = [router(150, [192, 0, 2, 1])?, router(100, [192, 0, 2, 2])?];
//!
//! let start = Instant::now();
//! let mut now = start;
//! for router in &mut routers {
//!     router.handle_startup(now);
//! }
//! while now < start + Duration::from_secs(10) {
//!     // Carry out the outputs of each router, until there are no more.
//!     for me in 0..routers.len() {
//!         while let Some(output) = routers[me].poll_output() {
//!             match output {
//!                 Output::SendAdvertisement(sent) => {
//!                     for other in (0..routers.len()).filter(|&other| other != me) {
//!                         let received = Received {
//!                             source: sent.source,
//!                             destination: sent.destination,
//!                             hop_limit: sent.hop_limit,
//!                             encapsulation: Encapsulation::Ip,
//!                             payload: &sent.payload,
//!                         };
//!                         if let Err(why) = routers[other].handle_advertisement(now, received) {
//!                             eprintln!("rejected: {why}");
//!                         }
//!                     }
//!                 }
//!                 Output::AddAddresses => { /* ip address add … */ }
//!                 Output::RemoveAddresses => { /* ip address delete … */ }
//!                 Output::Announce { .. } => { /* gratuitous ARP */ }
//!                 Output::Transitioned(transition) => println!("{transition}"),
//!                 _ => {}
//!             }
//!         }
//!     }
//!     // Sleep until a packet arrives or the next deadline.
//!     now = routers.iter().filter_map(VirtualRouter::next_timeout).min().unwrap();
//!     for router in &mut routers {
//!         router.handle_timeout(now);
//!     }
//! }
//! assert_eq!(routers[0].state(), State::Master);
//! assert_eq!(routers[1].state(), State::Backup);
//! # Ok::<(), lb_vrrp::ConfigError>(())
//! ```

mod addresses;
mod buffers;
mod carrier;
#[cfg(feature = "driver")]
pub mod driver;
mod engine;
mod error;
pub mod group;
mod ipvlan;
mod link_poll;
mod mac;
mod pacing;
mod params;
pub mod spec;
mod statics;
#[cfg(feature = "serde")]
pub mod status;
pub mod track;
mod vmac;
pub mod wire;

pub use lb_host::{
    FilterTable, IpvlanMode, Network, NetworkError, NextHop, Route as VirtualRoute, RouteKind,
    RouteMetric, RoutePreference, Rule as VirtualRule, RuleAction, Scope,
};

pub use self::{
    addresses::{AddressFlag, Announcements, ExtraRefresh, VirtualAddress},
    buffers::{NetlinkBuffer, NetlinkBuffers, ReceiveBuffer},
    carrier::CarrierDelay,
    engine::{
        AnnounceReason, Encapsulation, FaultReason, Faults, HandoverState, HandoverStateError,
        HandoverTimer, NewMasterReason, Notice, Output, ProtocolErrorReason, Reason, Received,
        Rejected, RouterConfig, RouterConfigBuilder, RouterStats, State, Transition, Transmit,
        VirtualRouter,
    },
    error::{ConfigError, DecodeError},
    ipvlan::Ipvlan,
    link_poll::{LinkPoll, PollMethod},
    mac::{MacAddr, MacAddrError},
    pacing::{Pacing, PacingGroup},
    params::{
        AddressFamily, AddressList, AdvertInterval, AdvertisedPriority, AntiReplay, Authentication,
        DownTimerAdverts, HmacConfig, HmacKey, HmacMode, Password, Priority, UnicastPeer, Version,
        Vrid, multicast_group,
    },
    statics::{StaticError, StaticItem, StaticItems, TrackGroup},
    vmac::Vmac,
};
