// SPDX-License-Identifier: MIT OR Apache-2.0
//! An Ethernet segment: a bridge in a namespace of its own, and hosts plugged into it.

use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};

use pnet::util::MacAddr;

use super::{NetError, Netns, filter};

/// A switch: a bridge without spanning tree and without multicast snooping, so that a packet sent
/// is a packet received.
#[derive(Debug)]
pub struct Lan {
    switch: Netns,
    ports: AtomicU32,
}

impl Lan {
    /// Makes an empty segment.
    ///
    /// # Errors
    ///
    /// When the namespace or the bridge cannot be made.
    pub fn new() -> Result<Self, NetError> {
        let switch = Netns::new("switch")?;
        switch.ip_all(&[
            "link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0".to_owned(),
            // Who looks there sees what passes between the ports, too.
            "link set br0 promisc on up".to_owned(),
        ])?;
        Ok(Self {
            switch,
            ports: AtomicU32::new(0),
        })
    }

    /// The namespace of the bridge: where an observer sees all broadcasts and multicasts.
    #[must_use]
    pub fn switch(&self) -> &Netns {
        &self.switch
    }

    /// Makes a host: a namespace with `eth0` on this segment and the given address.
    ///
    /// Source validation is off in it, as on any LVS host, and it neither sends nor follows
    /// redirects.
    ///
    /// # Errors
    ///
    /// When a command fails.
    pub fn host(&self, label: &str, address: Ipv4Addr) -> Result<Host, NetError> {
        let netns = Netns::new(label)?;
        for device in ["all", "default"] {
            netns.sysctl(&format!("net/ipv4/conf/{device}/rp_filter"), "0")?;
            netns.sysctl(&format!("net/ipv4/conf/{device}/send_redirects"), "0")?;
            netns.sysctl(&format!("net/ipv4/conf/{device}/accept_redirects"), "0")?;
        }
        let host = Host {
            netns,
            address,
            lan: self.switch.clone(),
            port: String::new(),
        };
        self.plug(host, address)
    }

    /// Parts the ports of all hosts from each other (`true`) or joins them again (`false`); their
    /// links stay up, and an observer on the switch still sees everything.
    ///
    /// # Errors
    ///
    /// When `ip` fails.
    pub fn set_parted(&self, parted: bool) -> Result<(), NetError> {
        let state = if parted { "on" } else { "off" };
        let ports = 0..self.ports.load(Ordering::Relaxed);
        let lines: Vec<String> = ports
            .map(|port| format!("link set p{port} type bridge_slave isolated {state}"))
            .collect();
        self.switch.ip_all(&lines)
    }

    fn plug(&self, mut host: Host, address: Ipv4Addr) -> Result<Host, NetError> {
        host.port = format!("p{}", self.ports.fetch_add(1, Ordering::Relaxed));
        let (port, netns) = (&host.port, &host.netns);
        self.switch.ip_all(&[
            format!(
                "link add {port} type veth peer name eth0 netns {}",
                netns.name()
            ),
            format!("link set {port} master br0 up"),
        ])?;
        netns.ip_all(&[
            format!("addr add {address}/24 brd + dev eth0"),
            "link set eth0 up".to_owned(),
        ])?;
        Ok(host)
    }
}

/// A machine on a [`Lan`].
#[derive(Debug)]
pub struct Host {
    netns: Netns,
    address: Ipv4Addr,
    lan: Netns,
    port: String,
}

impl Host {
    /// Its namespace.
    #[must_use]
    pub fn netns(&self) -> &Netns {
        &self.netns
    }

    /// Its first address.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Its port on the switch.
    #[must_use]
    pub fn port(&self) -> &str {
        &self.port
    }

    /// The hardware address of its `eth0`.
    ///
    /// # Errors
    ///
    /// When `ip` fails or shows none.
    pub fn mac(&self) -> Result<[u8; 6], NetError> {
        let shown = self.netns.ip("-o link show dev eth0")?;
        let mut words = shown.split_whitespace();
        words
            .by_ref()
            .find(|word| *word == "link/ether")
            .and_then(|_| words.next()?.parse::<MacAddr>().ok())
            .map(|mac| mac.octets())
            .ok_or_else(|| NetError::system(shown.clone())(io::Error::other("no hardware address")))
    }

    /// Pulls its cable out of the switch (`false`) or puts it in again (`true`).
    ///
    /// # Errors
    ///
    /// When `ip` fails.
    pub fn set_cable(&self, plugged: bool) -> Result<(), NetError> {
        let state = if plugged { "up" } else { "down" };
        self.lan
            .ip(&format!("link set {} {state}", self.port))
            .map(drop)
    }

    /// Makes it a direct-routing real server for `vip`: the address on loopback, not answered and
    /// not announced by ARP (`arp_ignore=1`, `arp_announce=2`), and ARP for it filtered besides.
    ///
    /// # Errors
    ///
    /// When a command fails.
    pub fn prepare_direct_routing(&self, vip: Ipv4Addr) -> Result<(), NetError> {
        self.quiet_arp()?;
        self.netns.ip(&format!("addr add {vip}/32 dev lo"))?;
        filter::hide_from_arp(&self.netns, "eth0", vip, self.address)
    }

    /// Makes it a tunnel real server for `vip`: the address on `tunl0`, ARP as for direct routing.
    ///
    /// # Errors
    ///
    /// When a command fails.
    pub fn prepare_tunnel(&self, vip: Ipv4Addr) -> Result<(), NetError> {
        self.quiet_arp()?;
        self.netns.ip("link set tunl0 up")?;
        self.netns.ip(&format!("addr add {vip}/32 dev tunl0"))?;
        self.netns.sysctl("net/ipv4/conf/tunl0/rp_filter", "0")?;
        filter::hide_from_arp(&self.netns, "eth0", vip, self.address)
    }

    /// Makes it a masquerading real server: what it answers leaves by way of `gateway`.
    ///
    /// # Errors
    ///
    /// When a command fails.
    pub fn prepare_masquerade(&self, gateway: Ipv4Addr) -> Result<(), NetError> {
        self.netns
            .ip(&format!("route replace default via {gateway} dev eth0"))
            .map(drop)
    }

    fn quiet_arp(&self) -> Result<(), NetError> {
        for device in ["all", "lo"] {
            self.netns
                .sysctl(&format!("net/ipv4/conf/{device}/arp_ignore"), "1")?;
            self.netns
                .sysctl(&format!("net/ipv4/conf/{device}/arp_announce"), "2")?;
        }
        Ok(())
    }
}
