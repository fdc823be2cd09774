// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the driver is asked to run: routers, their addresses and announcements.

use std::net::IpAddr;
use std::time::Duration;

use super::scheduling::Scheduling;
use super::tracked::{GroupSpec, ObjectId, ObjectSpec};
use super::vmac::AddressMacvlan;
use crate::track::Weight;
use crate::{
    Announcements, CarrierDelay, LinkPoll, NetlinkBuffers, Pacing, ReceiveBuffer, RouterConfig,
    StaticItems, VirtualAddress, VirtualRoute, VirtualRule, Vmac,
};

/// All that a driver runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Configuration {
    /// The virtual routers.
    pub routers: Vec<RouterSpec>,
    /// Those that are Master together.
    pub groups: Vec<GroupSpec>,
    /// What they track beside interfaces.
    pub objects: Vec<ObjectSpec>,
    /// Adverts of virtual routers that are none of these are logged, each once
    /// (`log_unknown_vrids` in keepalived); they are counted in any case.
    pub log_unknown_vrids: bool,
    /// A router whose interfaces are not there yet is in Fault until they come, instead of being an
    /// error (`dynamic_interfaces` in keepalived).
    pub dynamic_interfaces: bool,
    /// How far apart announcements are.
    pub pacing: Pacing,
    /// Interfaces whose carrier has to be there, or not, for a while before it counts.
    pub carrier_delays: Vec<CarrierDelay>,
    /// Interfaces whose link is asked for its state. Of several for one interface the first holds.
    pub link_polls: Vec<LinkPoll>,
    /// What is there from start to stop, whoever is Master.
    pub statics: StaticItems,
}

impl Configuration {
    /// Routers without groups, that track nothing but interfaces.
    pub fn new(routers: Vec<RouterSpec>) -> Self {
        Self {
            routers,
            groups: Vec::new(),
            objects: Vec::new(),
            log_unknown_vrids: false,
            dynamic_interfaces: false,
            pacing: Pacing::default(),
            carrier_delays: Vec::new(),
            link_polls: Vec::new(),
            statics: StaticItems::default(),
        }
    }

    /// Whether there is nothing to do: no router, and no static item.
    pub fn is_empty(&self) -> bool {
        self.routers.is_empty() && self.statics.is_empty()
    }

    /// Replaces the sync groups.
    #[must_use]
    pub fn with_groups(mut self, groups: impl IntoIterator<Item = GroupSpec>) -> Self {
        self.groups = groups.into_iter().collect();
        self
    }

    /// Sets whether adverts of other virtual routers are logged.
    #[must_use]
    pub const fn with_log_unknown_vrids(mut self, log: bool) -> Self {
        self.log_unknown_vrids = log;
        self
    }

    /// Sets whether interfaces may come later than their routers.
    #[must_use]
    pub const fn with_dynamic_interfaces(mut self, dynamic: bool) -> Self {
        self.dynamic_interfaces = dynamic;
        self
    }

    /// Sets how far apart announcements are.
    #[must_use]
    pub fn with_pacing(mut self, pacing: Pacing) -> Self {
        self.pacing = pacing;
        self
    }

    /// Replaces the delays of interfaces.
    #[must_use]
    pub fn with_carrier_delays(mut self, delays: impl IntoIterator<Item = CarrierDelay>) -> Self {
        self.carrier_delays = delays.into_iter().collect();
        self
    }

    /// Replaces the interfaces whose link is asked for its state.
    #[must_use]
    pub fn with_link_polls(mut self, polls: impl IntoIterator<Item = LinkPoll>) -> Self {
        self.link_polls = polls.into_iter().collect();
        self
    }

    /// Replaces what is there from start to stop.
    #[must_use]
    pub fn with_statics(mut self, statics: StaticItems) -> Self {
        self.statics = statics;
        self
    }

    /// Replaces the tracked objects.
    #[must_use]
    pub fn with_objects(mut self, objects: impl IntoIterator<Item = ObjectSpec>) -> Self {
        self.objects = objects.into_iter().collect();
        self
    }
}

impl From<Vec<RouterSpec>> for Configuration {
    fn from(routers: Vec<RouterSpec>) -> Self {
        Self::new(routers)
    }
}

/// One virtual router on one interface (`vrrp_instance` in keepalived).
///
/// A router is identified by its VRID and interface; the name is for people and logs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RouterSpec {
    /// Name in logs, events and status.
    pub name: String,
    /// Interface that adverts leave and arrive on.
    pub interface: String,
    /// What the protocol needs to know, the advertised addresses included.
    pub config: RouterConfig,
    /// Addresses put on an interface while the router is Master. May hold more than what is
    /// advertised (`virtual_ipaddress_excluded` in keepalived).
    pub virtual_addresses: Vec<VirtualAddress>,
    /// Routes that are there while the router is Master, added in this order after the addresses
    /// (`virtual_routes` in keepalived).
    pub virtual_routes: Vec<VirtualRoute>,
    /// Rules that are there while the router is Master, added in this order after the routes
    /// (`virtual_rules` in keepalived).
    pub virtual_rules: Vec<VirtualRule>,
    /// How the addresses are announced.
    pub announcements: Announcements,
    /// Source of adverts; without one, the first IPv4 address of the interface that is not a
    /// virtual address (`mcast_src_ip` in keepalived).
    pub source: Option<IpAddr>,
    /// What it tracks beside its own interfaces, and how much that counts.
    pub tracked: Vec<(ObjectId, Weight)>,
    /// The state of its own interface does not matter (`dont_track_primary` in keepalived).
    pub ignores_interface: bool,
    /// It is in Fault while [`source`](Self::source) is not on its interface (`track_src_ip` in
    /// keepalived).
    pub tracks_source: bool,
    /// It is in Fault where its configuration has no unicast peer, instead of sending to the
    /// multicast group (`unicast_fault_no_peer` in keepalived).
    pub needs_peer: bool,
    /// Its virtual MAC address; without one it uses that of its interface (`use_vmac` in
    /// keepalived).
    pub vmac: Option<Vmac>,
    /// Names of macvlans for addresses that are [to be on one](VirtualAddress::vmac) and not on the
    /// router's own begin with this (`vmac_addr_prefix` in keepalived); `vrrp` unless set.
    pub address_prefix: String,
    /// The names that they have got.
    pub(super) address_macvlans: Vec<AddressMacvlan>,
    /// Room for its adverts in the socket of its interface (`kernel_rx_buf_size`,
    /// `vrrp_rx_bufs_policy` in keepalived).
    pub receive_buffer: Option<ReceiveBuffer>,
    /// `net.ipv4.conf.IF.promote_secondaries` is set on its interface while it is there
    /// (`promote_secondaries` in keepalived). What it was is put back when no router asks for it
    /// any more, at the end, and by the next start after a kill; an alternative name of the
    /// interface remembers it, on kernels that have those (5.5).
    pub promotes_secondaries: bool,
}

impl RouterSpec {
    /// A router whose advertised addresses are held with full-length prefixes (keepalived's
    /// default) and announced as keepalived does.
    pub fn new(
        name: impl Into<String>,
        interface: impl Into<String>,
        config: RouterConfig,
    ) -> Self {
        let virtual_addresses = config
            .addresses()
            .as_slice()
            .iter()
            .map(|&address| VirtualAddress::new(address))
            .collect();
        Self {
            name: name.into(),
            interface: interface.into(),
            config,
            virtual_addresses,
            virtual_routes: Vec::new(),
            virtual_rules: Vec::new(),
            announcements: Announcements::default(),
            source: None,
            tracked: Vec::new(),
            ignores_interface: false,
            tracks_source: false,
            needs_peer: false,
            vmac: None,
            address_prefix: Vmac::new().prefix,
            address_macvlans: Vec::new(),
            receive_buffer: None,
            promotes_secondaries: false,
        }
    }

    /// Sets how much room there is for its adverts: bytes, packets or adverts.
    #[must_use]
    pub fn with_receive_buffer(mut self, buffer: impl Into<ReceiveBuffer>) -> Self {
        self.receive_buffer = Some(buffer.into());
        self
    }

    /// Sets whether `promote_secondaries` is set on its interface.
    #[must_use]
    pub const fn with_promotes_secondaries(mut self, promotes: bool) -> Self {
        self.promotes_secondaries = promotes;
        self
    }

    /// Has it track an object.
    #[must_use]
    pub fn with_tracked(mut self, object: ObjectId, weight: Weight) -> Self {
        self.tracked.push((object, weight));
        self
    }

    /// Sets whether the state of its own interface does not matter.
    #[must_use]
    pub const fn with_ignores_interface(mut self, ignores: bool) -> Self {
        self.ignores_interface = ignores;
        self
    }

    /// Has it use a virtual MAC address.
    #[must_use]
    pub fn with_vmac(mut self, vmac: Vmac) -> Self {
        self.vmac = Some(vmac);
        self
    }

    /// Replaces what the names of macvlans for single addresses begin with.
    #[must_use]
    pub fn with_address_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.address_prefix = prefix.into();
        self
    }

    /// Sets whether it is in Fault while its source is not on its interface.
    #[must_use]
    pub const fn with_tracks_source(mut self, tracks: bool) -> Self {
        self.tracks_source = tracks;
        self
    }

    /// Sets whether it is in Fault without a unicast peer.
    #[must_use]
    pub const fn with_needs_peer(mut self, needs: bool) -> Self {
        self.needs_peer = needs;
        self
    }

    /// Replaces the addresses that are held while Master.
    #[must_use]
    pub fn with_virtual_addresses(
        mut self,
        addresses: impl IntoIterator<Item = VirtualAddress>,
    ) -> Self {
        self.virtual_addresses = addresses.into_iter().collect();
        self
    }

    /// Replaces the routes that are held while Master.
    #[must_use]
    pub fn with_virtual_routes(mut self, routes: impl IntoIterator<Item = VirtualRoute>) -> Self {
        self.virtual_routes = routes.into_iter().collect();
        self
    }

    /// Replaces the rules that are held while Master.
    #[must_use]
    pub fn with_virtual_rules(mut self, rules: impl IntoIterator<Item = VirtualRule>) -> Self {
        self.virtual_rules = rules.into_iter().collect();
        self
    }

    /// Replaces the announcement policy.
    #[must_use]
    pub fn with_announcements(mut self, announcements: Announcements) -> Self {
        self.announcements = announcements;
        self
    }

    /// Sends adverts from this address instead of the interface's first one.
    #[must_use]
    pub fn with_source(mut self, source: IpAddr) -> Self {
        self.source = Some(source);
        self
    }
}

/// How the driver runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Whether the advert thread is scheduled ahead of all ordinary work.
    pub realtime: Realtime,
    /// How many events may wait for the reader; further ones are dropped and counted.
    pub event_capacity: usize,
    /// How long start, reload and shutdown may take, each.
    pub limit: Duration,
    /// How long after the start no router takes part in any election (`vrrp_startup_delay` in
    /// keepalived).
    pub startup_delay: Option<Duration>,
    /// Priority, processors and memory of the threads.
    pub scheduling: Scheduling,
    /// Buffers of the netlink sockets.
    pub netlink: NetlinkBuffers,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            realtime: Realtime::Auto,
            event_capacity: 1024,
            limit: Duration::from_secs(5),
            startup_delay: None,
            scheduling: Scheduling::default(),
            netlink: NetlinkBuffers::default(),
        }
    }
}

impl Options {
    /// Replaces the scheduling of the advert thread.
    #[must_use]
    pub const fn with_realtime(mut self, realtime: Realtime) -> Self {
        self.realtime = realtime;
        self
    }

    /// Replaces the number of events that may wait.
    #[must_use]
    pub const fn with_event_capacity(mut self, capacity: usize) -> Self {
        self.event_capacity = capacity;
        self
    }

    /// Replaces priority, processors and memory of the threads.
    #[must_use]
    pub const fn with_scheduling(mut self, scheduling: Scheduling) -> Self {
        self.scheduling = scheduling;
        self
    }

    /// Replaces the buffers of the netlink sockets.
    #[must_use]
    pub const fn with_netlink(mut self, netlink: NetlinkBuffers) -> Self {
        self.netlink = netlink;
        self
    }

    /// Has the routers wait after the start.
    #[must_use]
    pub const fn with_startup_delay(mut self, delay: Duration) -> Self {
        self.startup_delay = Some(delay);
        self
    }

    /// Replaces the time limit of start, reload and shutdown.
    #[must_use]
    pub const fn with_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }
}

/// Scheduling of the advert thread (`SCHED_RR`; `vrrp_rt_priority` in keepalived).
///
/// Sub-second intervals under load are a matter of scheduling: with 12 busy processes on two
/// processors keepalived at 10 ms lost mastership 44 times in 20 s without it and never with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Realtime {
    /// Ask for it if any interval is below one second; warn if refused.
    #[default]
    Auto,
    /// Ask for it; warn if refused.
    Always,
    /// Do not ask for it.
    Never,
}
