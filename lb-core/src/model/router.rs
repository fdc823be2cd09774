// SPDX-License-Identifier: MIT OR Apache-2.0
//! Virtual routers: keepalived's `vrrp_instance`.

use std::net::IpAddr;

use lb_vrrp::track::{ObjectId, Weight};
use lb_vrrp::{
    Announcements, ReceiveBuffer, RouterConfig, VirtualAddress, VirtualRoute, VirtualRule, Vmac,
};

/// One virtual router: its protocol parameters and the addresses it holds while master.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct VrrpInstance {
    /// Name, unique in a model.
    pub name: String,
    /// Interface the advertisements use.
    pub interface: String,
    /// VRID, priority, interval, authentication, preemption and the advertised addresses.
    pub config: RouterConfig,
    /// Addresses put on an interface while master: the advertised ones, then the excluded ones.
    pub virtual_addresses: Vec<VirtualAddress>,
    /// Routes added after the addresses, in this order. keepalived: `virtual_routes`.
    pub virtual_routes: Vec<VirtualRoute>,
    /// Rules added after the routes, in this order. keepalived: `virtual_rules`.
    pub virtual_rules: Vec<VirtualRule>,
    /// How often the addresses are announced to neighbours.
    pub announcements: Announcements,
    /// Source of the advertisements; without one, the interface's first IPv4 or link-local IPv6
    /// address. keepalived: `mcast_src_ip`, `unicast_src_ip`.
    pub source: Option<IpAddr>,
    /// Interface of the connection sync daemon that follows this instance, with the VRID as its sync
    /// id. keepalived: `lvs_sync_daemon_interface`.
    pub sync_daemon_interface: Option<String>,
    /// Whether a change of state is mailed; no unless given.
    pub smtp_alert: bool,
    /// What it tracks beside its interfaces. keepalived: `track_script`, `track_interface` …
    pub tracked: Vec<(ObjectId, Weight)>,
    /// The state of its own interface does not matter. keepalived: `dont_track_primary`.
    pub ignores_interface: bool,
    /// It is faulty while its source is not on its interface. keepalived: `track_src_ip`.
    pub tracks_source: bool,
    /// It is faulty without a unicast peer. keepalived: `unicast_fault_no_peer`.
    pub needs_peer: bool,
    /// Its virtual MAC address, if it has one of its own. keepalived: `use_vmac`, `vmac_xmit_base`,
    /// `vmac_prefix`.
    pub vmac: Option<Vmac>,
    /// What the names of macvlans for [single addresses](VirtualAddress::vmac) begin with. keepalived:
    /// `vmac_addr_prefix`.
    pub address_prefix: String,
    /// Room for its adverts in the socket of its interface. keepalived: `kernel_rx_buf_size`,
    /// `vrrp_rx_bufs_policy`, `vrrp_rx_bufs_multiplier`.
    pub receive_buffer: Option<ReceiveBuffer>,
    /// The other addresses of a network stay when its first one goes from the interface. keepalived:
    /// `promote_secondaries`.
    pub promotes_secondaries: bool,
}

impl VrrpInstance {
    /// A virtual router on `interface`. The addresses of `config` become /32 (or /128) addresses of that
    /// interface; replace them with [`with_virtual_addresses`](Self::with_virtual_addresses).
    pub fn new(
        name: impl Into<String>,
        interface: impl Into<String>,
        config: RouterConfig,
    ) -> Self {
        let virtual_addresses = config
            .addresses()
            .as_slice()
            .iter()
            .copied()
            .map(VirtualAddress::new)
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
            sync_daemon_interface: None,
            smtp_alert: false,
            tracked: Vec::new(),
            ignores_interface: false,
            tracks_source: false,
            needs_peer: false,
            vmac: None,
            address_prefix: Vmac::new().prefix,
            receive_buffer: None,
            promotes_secondaries: false,
        }
    }

    /// Replaces the addresses held while master.
    #[must_use]
    pub fn with_virtual_addresses(mut self, addresses: Vec<VirtualAddress>) -> Self {
        self.virtual_addresses = addresses;
        self
    }

    /// Replaces the routes held while master.
    #[must_use]
    pub fn with_virtual_routes(mut self, routes: Vec<VirtualRoute>) -> Self {
        self.virtual_routes = routes;
        self
    }

    /// Replaces the rules held while master.
    #[must_use]
    pub fn with_virtual_rules(mut self, rules: Vec<VirtualRule>) -> Self {
        self.virtual_rules = rules;
        self
    }

    /// Replaces the announcement settings.
    #[must_use]
    pub fn with_announcements(mut self, announcements: Announcements) -> Self {
        self.announcements = announcements;
        self
    }

    /// Sends advertisements from this address, which must be of the virtual addresses' family.
    #[must_use]
    pub const fn with_source(mut self, source: IpAddr) -> Self {
        self.source = Some(source);
        self
    }

    /// Runs the connection sync daemon on an interface, following this instance.
    #[must_use]
    pub fn with_sync_daemon_interface(mut self, interface: impl Into<String>) -> Self {
        self.sync_daemon_interface = Some(interface.into());
        self
    }

    /// Has it use a virtual MAC address.
    #[must_use]
    pub fn with_vmac(mut self, vmac: Vmac) -> Self {
        self.vmac = Some(vmac);
        self
    }

    /// Has it track an object.
    #[must_use]
    pub fn with_tracked(mut self, object: ObjectId, weight: Weight) -> Self {
        self.tracked.push((object, weight));
        self
    }

    /// Sets whether a change of state is mailed.
    #[must_use]
    pub fn with_smtp_alert(mut self, alert: bool) -> Self {
        self.smtp_alert = alert;
        self
    }
}
