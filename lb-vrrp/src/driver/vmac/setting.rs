// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is set in /proc/sys/net for a macvlan and for the interface beneath.

use crate::AddressFamily;

/// A setting of one interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::driver) enum Setting {
    /// Which addresses ARP requests are answered for.
    ArpIgnore,
    /// Which address ARP requests are sent from.
    ArpAnnounce,
    /// Whether a packet has to come from where its answer would go.
    ReversePath,
    /// Whether the other addresses of a network stay when its first is removed.
    PromoteSecondaries,
    /// Whether there is no IPv6.
    DisableIpv6,
    /// How a link-local address is made.
    AddrGenMode,
    /// Whether router advertisements are heeded.
    AcceptRa,
    /// Whether addresses are made from them.
    Autoconf,
}

impl Setting {
    /// Its name, as sysctl(8) has it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::ArpIgnore => "arp_ignore",
            Self::ArpAnnounce => "arp_announce",
            Self::ReversePath => "rp_filter",
            Self::PromoteSecondaries => "promote_secondaries",
            Self::DisableIpv6 => "disable_ipv6",
            Self::AddrGenMode => "addr_gen_mode",
            Self::AcceptRa => "accept_ra",
            Self::Autoconf => "autoconf",
        }
    }

    pub(super) fn path(self, interface: &str) -> String {
        let family = match self {
            Self::ArpIgnore | Self::ArpAnnounce | Self::ReversePath | Self::PromoteSecondaries => {
                "ipv4"
            }
            Self::DisableIpv6 | Self::AddrGenMode | Self::AcceptRa | Self::Autoconf => "ipv6",
        };
        format!("/proc/sys/net/{family}/conf/{interface}/{}", self.name())
    }
}

/// The least that the interface beneath needs: it answers for its own addresses only, and asks
/// from them only. Otherwise neighbours would learn its MAC address for a virtual address.
///
/// Not `arp_filter`, which keepalived sets: with a virtual address in the interface's own network
/// it lets the host's own address go unanswered, depending on which route is older (keepalived
/// #2282, #2512).
pub(super) const BASE: [(Setting, u32); 2] = [(Setting::ArpIgnore, 1), (Setting::ArpAnnounce, 2)];

/// What a macvlan needs. `strict` says whether `net.ipv4.conf.all.rp_filter` is on: the greater of
/// the two counts, and a client's answers may leave by the interface beneath.
pub(super) fn of_macvlan(family: AddressFamily, strict: bool) -> Vec<(Setting, u32)> {
    let reverse_path = if strict { 2 } else { 0 };
    let mut settings = vec![
        (Setting::ArpIgnore, 1),
        // Nor may the host's own address be learnt with the virtual MAC address.
        (Setting::ArpAnnounce, 2),
        (Setting::ReversePath, reverse_path),
        (Setting::PromoteSecondaries, 1),
    ];
    match family {
        AddressFamily::Ipv4 => settings.push((Setting::DisableIpv6, 1)),
        // No address but the virtual ones: not of its own making, nor of a router's.
        AddressFamily::Ipv6 => settings.extend([
            (Setting::DisableIpv6, 0),
            (Setting::AddrGenMode, 1),
            (Setting::AcceptRa, 0),
            (Setting::Autoconf, 0),
        ]),
    }
    settings
}
