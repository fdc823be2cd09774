// SPDX-License-Identifier: MIT OR Apache-2.0
//! One virtual router.

use std::collections::HashSet;
use std::net::IpAddr;

use super::macvlan::AddressMacvlan;
use crate::track::{ObjectId, Weight};
use crate::{
    AddressFamily, Announcements, Ipvlan, ReceiveBuffer, RouterConfig, VirtualAddress,
    VirtualRoute, VirtualRule, Vmac, Vrid,
};

/// One virtual router on one interface (`vrrp_instance` in keepalived).
///
/// The VRID, the interface and the address family identify a router; the name is for people and logs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RouterSpec {
    /// Name in logs, events and status.
    pub name: String,
    /// Interface on which adverts are sent and received.
    pub interface: String,
    /// Parameters of the protocol, with the advertised addresses.
    pub config: RouterConfig,
    /// Addresses put on an interface while the router is Master: all addresses of
    /// [`config`](Self::config), and others that are not advertised (`virtual_ipaddress_excluded` in
    /// keepalived).
    pub virtual_addresses: Vec<VirtualAddress>,
    /// Routes that are installed while the router is Master, added in this order after the addresses
    /// (`virtual_routes` in keepalived).
    pub virtual_routes: Vec<VirtualRoute>,
    /// Rules that are installed while the router is Master, added in this order after the routes
    /// (`virtual_rules` in keepalived).
    pub virtual_rules: Vec<VirtualRule>,
    /// How the addresses are announced.
    pub announcements: Announcements,
    /// Source of adverts; without one, the first IPv4 address of the interface that is not a
    /// virtual address (`mcast_src_ip` in keepalived).
    pub source: Option<IpAddr>,
    /// Tracked objects beside the router's own interfaces, with their weights.
    pub tracked: Vec<(ObjectId, Weight)>,
    /// Whether the state of its own interface is ignored (`dont_track_primary` in keepalived).
    pub ignores_interface: bool,
    /// Whether the router is in Fault while [`source`](Self::source) is not on its interface
    /// (`track_src_ip` in keepalived).
    pub tracks_source: bool,
    /// Whether the router is in Fault without a unicast peer, instead of sending to the multicast
    /// group (`unicast_fault_no_peer` in keepalived).
    pub needs_peer: bool,
    /// Virtual MAC address; without one the router uses that of its interface (`use_vmac` in
    /// keepalived).
    pub vmac: Option<Vmac>,
    /// Ipvlan that has the source of adverts; excludes [`vmac`](Self::vmac) (`use_ipvlan` in keepalived).
    pub ipvlan: Option<Ipvlan>,
    /// Prefix of the names of macvlans for [single addresses](VirtualAddress::vmac)
    /// (`vmac_addr_prefix` in keepalived); `vrrp` unless set.
    pub address_prefix: String,
    /// Names chosen for them by the driver.
    pub(crate) address_macvlans: Vec<AddressMacvlan>,
    /// Room for its adverts in the socket of its interface (`kernel_rx_buf_size`,
    /// `vrrp_rx_bufs_policy` in keepalived).
    pub receive_buffer: Option<ReceiveBuffer>,
    /// `net.ipv4.conf.IF.promote_secondaries` is set on its interface while it is there
    /// (`promote_secondaries` in keepalived). What it was is put back when no router asks for it
    /// any more, at the end, and by the next start after a kill; an alternative name of the
    /// interface remembers it, on kernels that have those (5.5).
    pub promotes_secondaries: bool,
    /// `net.ipv4.igmp_link_local_mcast_reports` is cleared while there is such a router, so that its
    /// membership of the multicast group is not reported (`disable_local_igmp` in keepalived).
    /// Restored as `promotes_secondaries` is.
    pub suppresses_igmp: bool,
}

impl RouterSpec {
    /// A router that holds all addresses of `config`, the excluded ones included, with full-length
    /// prefixes (keepalived's default), and announces them as keepalived does.
    pub fn new(
        name: impl Into<String>,
        interface: impl Into<String>,
        config: RouterConfig,
    ) -> Self {
        let virtual_addresses = config.all_addresses().map(VirtualAddress::new).collect();
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
            ipvlan: None,
            address_prefix: Vmac::new().prefix,
            address_macvlans: Vec::new(),
            receive_buffer: None,
            promotes_secondaries: false,
            suppresses_igmp: false,
        }
    }

    /// Identity of the router: two of the same are the same router with another configuration.
    #[must_use]
    pub fn identity(&self) -> (Vrid, AddressFamily, &str) {
        let config = &self.config;
        (config.vrid(), config.family(), self.interface.as_str())
    }

    /// Returns the addresses of the protocol that the router does not put on any interface. The driver
    /// runs such a router, which takes part in elections only.
    #[must_use]
    pub fn unheld_addresses(&self) -> Vec<IpAddr> {
        let held = self.virtual_addresses.iter().map(|held| held.address);
        let held: HashSet<IpAddr> = held.collect();
        let all = self.config.all_addresses();
        all.filter(|address| !held.contains(address)).collect()
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

    /// Sets whether reports of membership of link-local multicast groups are suppressed.
    #[must_use]
    pub const fn with_suppresses_igmp(mut self, suppresses: bool) -> Self {
        self.suppresses_igmp = suppresses;
        self
    }

    /// Adds a tracked object.
    #[must_use]
    pub fn with_tracked(mut self, object: ObjectId, weight: Weight) -> Self {
        self.tracked.push((object, weight));
        self
    }

    /// Sets whether the state of its own interface is ignored.
    #[must_use]
    pub const fn with_ignores_interface(mut self, ignores: bool) -> Self {
        self.ignores_interface = ignores;
        self
    }

    /// Sets the virtual MAC address.
    #[must_use]
    pub fn with_vmac(mut self, vmac: Vmac) -> Self {
        self.vmac = Some(vmac);
        self
    }

    /// Sets the ipvlan that has the source of adverts.
    #[must_use]
    pub fn with_ipvlan(mut self, ipvlan: Ipvlan) -> Self {
        self.ipvlan = Some(ipvlan);
        self
    }

    /// Replaces the prefix of the names of macvlans for single addresses.
    #[must_use]
    pub fn with_address_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.address_prefix = prefix.into();
        self
    }

    /// Sets whether the router is in Fault while its source is not on its interface.
    #[must_use]
    pub const fn with_tracks_source(mut self, tracks: bool) -> Self {
        self.tracks_source = tracks;
        self
    }

    /// Sets whether the router is in Fault without a unicast peer.
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
