// SPDX-License-Identifier: MIT OR Apache-2.0
//! The builder of a router's configuration, which validates it.

use std::{collections::HashSet, net::IpAddr, sync::Arc, time::Duration};

use super::{RouterConfig, config::Settings, peers::Peers};
use crate::{
    error::ConfigError,
    params::{
        AddressFamily, AddressList, AdvertInterval, Authentication, DownTimerAdverts, HmacMode,
        Priority, UnicastPeer, Version, Vrid,
    },
    wire::{AuthField, AuthenticationHeader, ChecksumDialect, Header, HmacTrailer},
};

/// MTU of Ethernet.
const MTU: u16 = 1500;
const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;

/// Collects a [`RouterConfig`]; see [`RouterConfig::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct RouterConfigBuilder {
    settings: Settings,
    addresses: Vec<IpAddr>,
    peers: Vec<UnicastPeer>,
    mtu: Option<u16>,
    without_addresses: bool,
    /// [`Self::accept`] was called with `true`; it is not the default.
    asked_to_accept: bool,
}

impl RouterConfigBuilder {
    /// `preempt_delay` at most, as in keepalived.
    pub const MAX_PREEMPT_DELAY: Duration = Duration::from_secs(1000);

    pub(super) fn new(vrid: Vrid) -> Self {
        Self {
            settings: Settings {
                vrid,
                version: Version::V2,
                priority: Priority::DEFAULT,
                interval: AdvertInterval::DEFAULT,
                down_timer_adverts: DownTimerAdverts::DEFAULT,
                preempt: true,
                preempt_delay: Duration::ZERO,
                sticky: None,
                authentication: Authentication::None,
                peers: Peers::default(),
                checksum: ChecksumDialect::PseudoHeader,
                mirror_checksum: false,
                farewell: true,
                answer_losing: true,
                owner_ignores_adverts: false,
                yield_after_stall: None,
                accept: true,
                strict: false,
            },
            addresses: Vec::new(),
            peers: Vec::new(),
            mtu: None,
            without_addresses: false,
            asked_to_accept: false,
        }
    }

    /// Sets the version. Equivalent to keepalived's `vrrp_version`.
    pub const fn version(mut self, version: Version) -> Self {
        self.settings.version = version;
        self
    }

    /// Allows a router of VRRPv2 to have no virtual address: its elections serve notifications only.
    ///
    /// Such a router accepts advertisements with and without addresses; other routers refuse its own.
    pub const fn without_addresses(mut self) -> Self {
        self.without_addresses = true;
        self
    }

    /// Sets the priority. Equivalent to keepalived's `priority`.
    pub const fn priority(mut self, priority: Priority) -> Self {
        self.settings.priority = priority;
        self
    }

    /// Sets the advertisement interval. Equivalent to keepalived's `advert_int`.
    pub const fn interval(mut self, interval: AdvertInterval) -> Self {
        self.settings.interval = interval;
        self
    }

    /// Sets the number of advertisement intervals that a backup waits before the skew; 3 unless set
    /// (RFC 9568 §6.1). Equivalent to keepalived's `down_timer_adverts`.
    pub const fn down_timer_adverts(mut self, adverts: DownTimerAdverts) -> Self {
        self.settings.down_timer_adverts = adverts;
        self
    }

    /// Sets `Preempt_Mode`. `false` is equivalent to keepalived's `nopreempt`; the address owner
    /// takes over all the same.
    pub const fn preempt(mut self, preempt: bool) -> Self {
        self.settings.preempt = preempt;
        self
    }

    /// Sets how long a backup leaves a master of lower priority in place, from the first
    /// advertisement of it on, at most 1000 s. After that it takes over within one master down
    /// interval. Equivalent to keepalived's `preempt_delay`.
    pub const fn preempt_delay(mut self, delay: Duration) -> Self {
        self.settings.preempt_delay = delay;
        self
    }

    /// Makes the router sticky: it never preempts, and after a start or a fault it stays backup
    /// until an advertisement was received or [`handle_received_proof`] was called, and for one whole
    /// master down interval after that, or until `limit` has passed. So a router whose switch port
    /// forwards nothing for the first seconds does not become a second master.
    ///
    /// The address owner is not sticky.
    ///
    /// [`handle_received_proof`]: crate::VirtualRouter::handle_received_proof
    pub const fn sticky(mut self, limit: Duration) -> Self {
        self.settings.sticky = Some(limit);
        self
    }

    /// Sets the authentication. Equivalent to keepalived's `authentication { … }` and
    /// `auth_hmac { … }`.
    pub fn authentication(mut self, authentication: Authentication) -> Self {
        self.settings.authentication = authentication;
        self
    }

    /// Adds one virtual address.
    pub fn address(mut self, address: IpAddr) -> Self {
        self.addresses.push(address);
        self
    }

    /// Adds virtual addresses.
    pub fn addresses(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.addresses.extend(addresses);
        self
    }

    /// Adds a unicast peer; with one or more, nothing is sent or accepted by multicast. Equivalent
    /// to a line of keepalived's `unicast_peer { … }`.
    pub fn peer(mut self, peer: UnicastPeer) -> Self {
        self.peers.push(peer);
        self
    }

    /// Sets TTL or hop limit of what is sent to unicast peers, 255 unless set. Equivalent to
    /// keepalived's `unicast_ttl`.
    pub const fn unicast_hop_limit(mut self, hop_limit: u8) -> Self {
        self.settings.peers.hop_limit = hop_limit;
        self
    }

    /// Sets whether unicast advertisements are accepted from configured peers only; peers with
    /// bounded hop limits switch it on. Equivalent to keepalived's `check_unicast_src`.
    pub const fn check_unicast_source(mut self, check: bool) -> Self {
        self.settings.peers.check_source = check;
        self
    }

    /// Sets another multicast group than 224.0.0.18 or ff02::12. Equivalent to keepalived's
    /// `mcast_dst_ip`.
    pub const fn group(mut self, group: IpAddr) -> Self {
        self.settings.peers.group = Some(group);
        self
    }

    /// Sets the largest size of an advertisement with its IP header, in bytes; unless set, 1500 or
    /// the [MTU of the interface](RouterConfig::fit). Addresses without room are not advertised.
    pub const fn mtu(mut self, mtu: u16) -> Self {
        self.mtu = Some(mtu);
        self
    }

    /// Sets the checksum sent in VRRPv3 over IPv4; every dialect is accepted. keepalived sends,
    /// and in its default insists on, [`ChecksumDialect::PseudoHeader`], which is the default here.
    /// [`ChecksumDialect::MessageOnly`] is equivalent to keepalived's `v3_checksum_as_v2`.
    pub const fn checksum(mut self, dialect: ChecksumDialect) -> Self {
        self.settings.checksum = dialect;
        self
    }

    /// Sets whether the dialect of the last valid advertisement is the one that is sent, as
    /// keepalived does for the old unicast one. Off unless set.
    pub const fn mirror_checksum(mut self, mirror: bool) -> Self {
        self.settings.mirror_checksum = mirror;
        self
    }

    /// Sets whether a master that yields to a better one sends one last advertisement, on by
    /// default. Hosts may have learned this router's MAC address; the winner sees a losing
    /// advertisement and announces again. Equivalent to keepalived's `higher_prio_send_advert`.
    pub const fn farewell(mut self, farewell: bool) -> Self {
        self.settings.farewell = farewell;
        self
    }

    /// Sets whether a master answers a losing advertisement by an advertisement and an
    /// announcement of its addresses, on by default (RFC 9568 §6.4.3). `false`, equivalent to
    /// keepalived's `lower_prio_no_advert`, discards it silently (RFC 3768, RFC 5798).
    pub const fn answer_losing(mut self, answer: bool) -> Self {
        self.settings.answer_losing = answer;
        self
    }

    /// Sets whether the address owner discards advertisements, as RFC 9568 §7.1 is printed; off by
    /// default, as erratum 8298 has it. Equivalent to keepalived's `owner_ignore_adverts`.
    pub const fn owner_ignores_adverts(mut self, ignore: bool) -> Self {
        self.settings.owner_ignores_adverts = ignore;
        self
    }

    /// Sets that a master which was not run for so long that a backup of `priority` may have taken
    /// over becomes backup, instead of announcing itself again. Equivalent to keepalived's
    /// `timer_expired_backup`.
    pub const fn yield_after_stall(mut self, priority: Priority) -> Self {
        self.settings.yield_after_stall = Some(priority);
        self
    }

    /// Sets `Accept_Mode` (RFC 9568 §6.1), on by default as in keepalived. `false`, equivalent to
    /// keepalived's `no_accept`, makes a master ask for its addresses to be shielded.
    pub const fn accept(mut self, accept: bool) -> Self {
        self.settings.accept = accept;
        self.asked_to_accept = accept;
        self
    }

    /// Sets strict mode: the router does only what the RFC of its version describes, and settings
    /// against it are refused: no authentication, no unicast, no delayed preemption, three intervals
    /// to master down, an IPv6 router's link-local address first (erratum 8300; also in what is
    /// received), no farewell, no answer to a losing advertisement of VRRPv2, no packets to the
    /// virtual addresses unless they are the router's own or, with VRRPv3, [`accept`](Self::accept)
    /// asks for it. Equivalent to keepalived's `strict_mode`.
    pub const fn strict(mut self, strict: bool) -> Self {
        self.settings.strict = strict;
        self
    }

    /// Validates the configuration as a whole.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the first invalid value: no address (unless
    /// [`without_addresses`](Self::without_addresses) allows that), a repeated or impossible address,
    /// mixed families, IPv6 or a fraction of a second with VRRPv2, a password or AH with VRRPv3, an
    /// impossible peer, a delay or a number out of its range, and settings against strict mode.
    pub fn build(mut self) -> Result<RouterConfig, ConfigError> {
        let (addresses, excluded) = self.split_addresses()?;
        self.check_version(&addresses)?;
        self.check_times()?;
        // So that two ways to write a sticky router give equal configurations.
        self.settings.preempt &= self.settings.sticky.is_none();
        self.check_destinations(addresses.family())?;
        self.apply_strict(&addresses)?;
        self.settings.peers.check_source |= self.peers.iter().any(UnicastPeer::is_bounded);
        self.settings.peers.list = self.peers.into();
        Ok(RouterConfig {
            settings: Arc::new(self.settings),
            addresses,
            excluded,
            mtu: self.mtu,
        })
    }

    /// Splits the addresses into those that an advertisement has room for and the others.
    fn split_addresses(&self) -> Result<(AddressList, Arc<[IpAddr]>), ConfigError> {
        let Some(&first) = self.addresses.first() else {
            if self.without_addresses && self.settings.version == Version::V2 {
                return Ok((AddressList::none(), Arc::default()));
            }
            return Err(ConfigError::NoAddress);
        };
        let family = AddressFamily::for_address(first);
        let other = self.addresses.iter().copied();
        if let Some(other) = other
            .into_iter()
            .find(|&address| AddressFamily::for_address(address) != family)
        {
            return Err(ConfigError::MixedFamilies { first, other });
        }
        let mut known = HashSet::with_capacity(self.addresses.len());
        for &address in &self.addresses {
            let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
            if address.is_multicast() || address.is_unspecified() || broadcast {
                return Err(ConfigError::VirtualAddress { address });
            }
            if !known.insert(address) {
                return Err(ConfigError::AddressTwice { address });
            }
        }
        let room = room(&self.settings, family, self.mtu.unwrap_or(MTU))?;
        split(&self.addresses, room)
    }

    fn check_version(&self, addresses: &AddressList) -> Result<(), ConfigError> {
        let Settings {
            version,
            interval,
            ref authentication,
            ..
        } = self.settings;
        if !interval.fits(version) {
            return Err(ConfigError::IntervalForVersion { interval, version });
        }
        if version == Version::V3
            && matches!(
                authentication,
                Authentication::Password(_) | Authentication::Ah(_)
            )
        {
            return Err(ConfigError::AuthenticationForVersion { version });
        }
        let family = addresses.family();
        if version == Version::V2 && family == AddressFamily::Ipv6 {
            return Err(ConfigError::FamilyForVersion { family, version });
        }
        Ok(())
    }

    fn check_times(&self) -> Result<(), ConfigError> {
        let delay = self.settings.preempt_delay;
        if delay > Self::MAX_PREEMPT_DELAY {
            return Err(ConfigError::PreemptDelay { delay });
        }
        if !delay.is_zero() && (!self.settings.preempt || self.settings.sticky.is_some()) {
            return Err(ConfigError::PreemptDelayWithoutPreempt);
        }
        Ok(())
    }

    fn check_destinations(&self, family: AddressFamily) -> Result<(), ConfigError> {
        for (at, peer) in self.peers.iter().enumerate() {
            let address = peer.address;
            if AddressFamily::for_address(address) != family {
                return Err(ConfigError::PeerFamily { address, family });
            }
            let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
            if address.is_multicast() || address.is_unspecified() || broadcast {
                return Err(ConfigError::PeerAddress { address });
            }
            if self
                .peers
                .iter()
                .take(at)
                .any(|earlier| earlier.address == address)
            {
                return Err(ConfigError::PeerTwice { address });
            }
            if peer.hop_limits.is_empty() {
                return Err(ConfigError::PeerHopLimits {
                    address,
                    min: *peer.hop_limits.start(),
                    max: *peer.hop_limits.end(),
                });
            }
        }
        if let Some(address) = self.settings.peers.group {
            if AddressFamily::for_address(address) != family {
                return Err(ConfigError::PeerFamily { address, family });
            }
            if !address.is_multicast() {
                return Err(ConfigError::Group { address });
            }
        }
        let (what, with) = match (self.peers.is_empty(), &self.settings.peers) {
            (false, peers) if peers.group.is_some() => ("a group", "multicast"),
            (true, peers) if peers.hop_limit != u8::MAX => ("a TTL", "unicast peers"),
            (true, peers) if peers.check_source => ("a check of the source", "unicast peers"),
            _ => return Ok(()),
        };
        Err(ConfigError::PeersOnly { what, with })
    }

    /// Applies strict mode, or refuses a setting against it.
    fn apply_strict(&mut self, addresses: &AddressList) -> Result<(), ConfigError> {
        let settings = &mut self.settings;
        if !settings.strict {
            return Ok(());
        }
        if let Some(IpAddr::V6(address)) = addresses.first()
            && !address.is_unicast_link_local()
        {
            return Err(ConfigError::FirstAddress { address });
        }
        let allowed = match &settings.authentication {
            Authentication::None => true,
            Authentication::Hmac(hmac) => hmac.mode() == HmacMode::Enforce,
            Authentication::Password(_) | Authentication::Ah(_) => false,
        };
        for (wrong, what) in [
            (!allowed, "authentication"),
            (!self.peers.is_empty(), "unicast peer"),
            (!settings.preempt_delay.is_zero(), "delay of preemption"),
            (settings.sticky.is_some(), "sticky router"),
            (
                settings.down_timer_adverts != DownTimerAdverts::DEFAULT,
                "number of intervals to master down but three",
            ),
        ] {
            if wrong {
                return Err(ConfigError::Strict { what });
            }
        }
        settings.farewell = false;
        settings.answer_losing = settings.version == Version::V3;
        settings.yield_after_stall = None;
        // RFC 9568 §6.1 leaves it to the operator, RFC 3768 §6.4.3 does not.
        settings.accept = settings.version == Version::V3 && self.asked_to_accept;
        Ok(())
    }
}

/// The number of addresses in an advertisement of this size, in bytes with its IP header.
pub(super) fn room(
    settings: &Settings,
    family: AddressFamily,
    mtu: u16,
) -> Result<usize, ConfigError> {
    let ip_header = match family {
        AddressFamily::Ipv4 => IPV4_HEADER,
        AddressFamily::Ipv6 => IPV6_HEADER,
    };
    let room = usize::from(mtu)
        .saturating_sub(ip_header + overhead(settings))
        .checked_div(family.address_len())
        .unwrap_or_default();
    if room == 0 {
        return Err(ConfigError::Mtu { mtu });
    }
    Ok(room.min(AddressList::MAX))
}

/// Bytes of an advertisement without addresses, behind the IP header.
pub(super) const fn overhead(settings: &Settings) -> usize {
    let field = match settings.version {
        Version::V2 => AuthField::LEN,
        Version::V3 => 0,
    };
    let extra = match &settings.authentication {
        Authentication::None | Authentication::Password(_) => 0,
        Authentication::Ah(_) => AuthenticationHeader::LEN,
        Authentication::Hmac(_) => HmacTrailer::LEN,
    };
    extra + Header::LEN + field
}

/// Splits addresses into the advertised ones and those without room.
pub(super) fn split(
    addresses: &[IpAddr],
    room: usize,
) -> Result<(AddressList, Arc<[IpAddr]>), ConfigError> {
    let (advertised, excluded) = addresses.split_at(room.min(addresses.len()));
    if addresses.is_empty() {
        return Ok((AddressList::none(), Arc::default()));
    }
    let advertised = AddressList::new(advertised.iter().copied())?;
    Ok((advertised, excluded.into()))
}
