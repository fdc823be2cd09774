// SPDX-License-Identifier: MIT OR Apache-2.0
//! Configuration of one virtual router, valid by construction.

use std::{net::IpAddr, sync::Arc, time::Duration};

use super::builder::{overhead, room, split};
use super::{RouterConfigBuilder, peers::Peers};
use crate::{
    error::ConfigError,
    params::{
        AddressFamily, AddressList, AdvertInterval, Authentication, DownTimerAdverts, HmacConfig,
        Priority, UnicastPeer, Version, Vrid,
    },
    wire::ChecksumDialect,
};

/// Configuration of one virtual router (`vrrp_instance` in keepalived), valid by construction.
///
/// ```
/// use lb_vrrp::{AdvertInterval, Authentication, Password, Priority, RouterConfig, Vrid};
///
/// let config = RouterConfig::builder(Vrid::new(100)?)
///     .priority(Priority::new(50)?)
///     .interval(AdvertInterval::from_secs(1)?)
///     .authentication(Authentication::Password(Password::new("secret")?))
///     .address("192.168.1.50".parse()?)
///     .build()?;
/// assert_eq!(config.priority().get(), 50);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterConfig {
    /// Cloning a configuration shares them.
    pub(super) settings: Arc<Settings>,
    pub(super) addresses: AddressList,
    pub(super) excluded: Arc<[IpAddr]>,
    /// MTU passed to the builder; limits the number of addresses per advertisement.
    pub(super) mtu: Option<u16>,
}

/// The settings that a configuration and its builder share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) vrid: Vrid,
    pub(super) version: Version,
    pub(super) priority: Priority,
    pub(super) interval: AdvertInterval,
    pub(super) down_timer_adverts: DownTimerAdverts,
    pub(super) preempt: bool,
    pub(super) preempt_delay: Duration,
    pub(super) sticky: Option<Duration>,
    pub(super) authentication: Authentication,
    pub(super) peers: Peers,
    pub(super) checksum: ChecksumDialect,
    pub(super) mirror_checksum: bool,
    pub(super) farewell: bool,
    pub(super) answer_losing: bool,
    pub(super) owner_ignores_adverts: bool,
    pub(super) yield_after_stall: Option<Priority>,
    pub(super) accept: bool,
    pub(super) strict: bool,
}

impl RouterConfig {
    /// Begins a configuration with the defaults: VRRPv2, priority 100, one second, preemption, no
    /// authentication, multicast.
    pub fn builder(vrid: Vrid) -> RouterConfigBuilder {
        RouterConfigBuilder::new(vrid)
    }

    /// Virtual router identifier.
    #[must_use]
    pub fn vrid(&self) -> Vrid {
        self.settings.vrid
    }

    /// Version that is sent and accepted.
    #[must_use]
    pub fn version(&self) -> Version {
        self.settings.version
    }

    /// Configured priority, before tracking.
    #[must_use]
    pub fn priority(&self) -> Priority {
        self.settings.priority
    }

    /// Configured advertisement interval.
    #[must_use]
    pub fn interval(&self) -> AdvertInterval {
        self.settings.interval
    }

    /// Number of advertisement intervals that a backup waits before the skew.
    #[must_use]
    pub fn down_timer_adverts(&self) -> DownTimerAdverts {
        self.settings.down_timer_adverts
    }

    /// `Preempt_Mode`: whether this router takes over from a master of lower priority.
    #[must_use]
    pub fn preempt(&self) -> bool {
        self.settings.preempt
    }

    /// Time from the first advertisement of lower priority until a backup begins to preempt.
    #[must_use]
    pub fn preempt_delay(&self) -> Duration {
        self.settings.preempt_delay
    }

    /// Longest time that a sticky router waits for a proof that it can receive; see
    /// [`RouterConfigBuilder::sticky`].
    #[must_use]
    pub fn sticky(&self) -> Option<Duration> {
        self.settings.sticky
    }

    /// How adverts are authenticated.
    #[must_use]
    pub fn authentication(&self) -> &Authentication {
        &self.settings.authentication
    }

    /// The keys of the HMAC trailer, if adverts are authenticated by it.
    pub(super) fn hmac(&self) -> Option<&HmacConfig> {
        match &self.settings.authentication {
            Authentication::Hmac(hmac) => Some(hmac),
            Authentication::None | Authentication::Password(_) | Authentication::Ah(_) => None,
        }
    }

    /// Virtual addresses that are advertised, in their order.
    #[must_use]
    pub const fn addresses(&self) -> &AddressList {
        &self.addresses
    }

    /// Virtual addresses for which an advertisement has no room. The router holds and announces
    /// them like the others (`virtual_ipaddress_excluded` in keepalived).
    #[must_use]
    pub fn excluded(&self) -> &[IpAddr] {
        &self.excluded
    }

    /// All virtual addresses: those advertised, then the excluded ones.
    pub fn all_addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        let advertised = self.addresses.as_slice().iter();
        advertised.chain(self.excluded.iter()).copied()
    }

    /// The same configuration for an interface of this MTU, which changes how many of its addresses
    /// an advertisement has room for. The value of [`RouterConfigBuilder::mtu`] limits it too.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Mtu`] if there is no room for one address.
    pub fn fit(&self, mtu: u32) -> Result<Self, ConfigError> {
        let mtu = u16::try_from(mtu).unwrap_or(u16::MAX);
        let mtu = self.mtu.unwrap_or(u16::MAX).min(mtu);
        let addresses: Vec<IpAddr> = self.all_addresses().collect();
        let room = room(&self.settings, self.family(), mtu)?;
        let (addresses, excluded) = split(&addresses, room)?;
        if addresses == self.addresses {
            return Ok(self.clone());
        }
        Ok(Self {
            settings: Arc::clone(&self.settings),
            addresses,
            excluded,
            mtu: self.mtu,
        })
    }

    /// Bytes of an advertisement after the IP header, with its authentication data.
    #[must_use]
    pub fn advertisement_len(&self) -> usize {
        let addresses = self.addresses.as_slice().len() * self.family().address_len();
        overhead(&self.settings) + addresses
    }

    /// Family of the virtual addresses.
    #[must_use]
    pub const fn family(&self) -> AddressFamily {
        self.addresses.family()
    }

    /// The peers advertisements are sent to; none: the multicast group.
    #[must_use]
    pub fn peers(&self) -> &[UnicastPeer] {
        &self.settings.peers.list
    }

    /// TTL or hop limit of advertisements.
    #[must_use]
    pub fn hop_limit(&self) -> u8 {
        self.settings.peers.hop_limit
    }

    /// Whether a unicast advertisement must come from a configured peer.
    #[must_use]
    pub fn check_unicast_source(&self) -> bool {
        self.settings.peers.check_source
    }

    /// The multicast group advertisements are sent to where there is no peer.
    #[must_use]
    pub fn group(&self) -> IpAddr {
        let group = self.settings.peers.group;
        group.unwrap_or_else(|| crate::multicast_group(self.family()))
    }

    /// Checksum sent in VRRPv3 over IPv4.
    #[must_use]
    pub fn checksum(&self) -> ChecksumDialect {
        self.settings.checksum
    }

    /// Whether adverts are sent with the checksum dialect that was received last.
    #[must_use]
    pub fn mirror_checksum(&self) -> bool {
        self.settings.mirror_checksum
    }

    /// Whether a master that yields sends one last advertisement.
    #[must_use]
    pub fn farewell(&self) -> bool {
        self.settings.farewell
    }

    /// Whether a master answers a losing advertisement.
    #[must_use]
    pub fn answer_losing(&self) -> bool {
        self.settings.answer_losing
    }

    /// Whether the address owner discards advertisements.
    #[must_use]
    pub fn owner_ignores_adverts(&self) -> bool {
        self.settings.owner_ignores_adverts
    }

    /// The priority of the backup that may have taken over during a stall, and to which a master
    /// then yields.
    #[must_use]
    pub fn yield_after_stall(&self) -> Option<Priority> {
        self.settings.yield_after_stall
    }

    /// `Accept_Mode` (RFC 9568 §6.1): whether a master accepts packets to the virtual addresses.
    /// The address owner always does.
    #[must_use]
    pub fn accept(&self) -> bool {
        self.settings.accept || self.settings.priority.is_owner()
    }

    /// Whether strict mode is on; see [`RouterConfigBuilder::strict`].
    #[must_use]
    pub fn strict(&self) -> bool {
        self.settings.strict
    }
}
