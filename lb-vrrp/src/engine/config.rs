// SPDX-License-Identifier: MIT OR Apache-2.0
//! Configuration of one virtual router, checked once.

use std::net::IpAddr;

use crate::{
    error::ConfigError,
    params::{AddressFamily, AddressList, AdvertInterval, Authentication, Priority, Version, Vrid},
    wire::ChecksumDialect,
};

/// Addresses that fit an IPv6 advertisement of 1500 bytes, which must not be fragmented.
const MAX_IPV6_ADDRESSES: usize = 90;

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
    vrid: Vrid,
    version: Version,
    priority: Priority,
    interval: AdvertInterval,
    preempt: bool,
    authentication: Authentication,
    addresses: AddressList,
    checksum: ChecksumDialect,
    farewell: bool,
    answer_losing: bool,
}

impl RouterConfig {
    /// Begins a configuration with the defaults: VRRPv2, priority 100, one second, preemption, no
    /// authentication.
    pub fn builder(vrid: Vrid) -> RouterConfigBuilder {
        RouterConfigBuilder {
            vrid,
            version: Version::V2,
            priority: Priority::DEFAULT,
            interval: AdvertInterval::DEFAULT,
            preempt: true,
            authentication: Authentication::None,
            addresses: Vec::new(),
            checksum: ChecksumDialect::PseudoHeader,
            farewell: true,
            answer_losing: true,
        }
    }

    /// Virtual router identifier.
    pub const fn vrid(&self) -> Vrid {
        self.vrid
    }

    /// Version that is sent and accepted.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Configured priority, before tracking.
    pub const fn priority(&self) -> Priority {
        self.priority
    }

    /// Configured advertisement interval.
    pub const fn interval(&self) -> AdvertInterval {
        self.interval
    }

    /// `Preempt_Mode`: whether this router takes over from a master of lower priority.
    pub const fn preempt(&self) -> bool {
        self.preempt
    }

    /// Authentication, of VRRPv2 only.
    pub const fn authentication(&self) -> Authentication {
        self.authentication
    }

    /// Virtual addresses, in the order advertised.
    pub const fn addresses(&self) -> &AddressList {
        &self.addresses
    }

    /// Family of the virtual addresses.
    pub const fn family(&self) -> AddressFamily {
        self.addresses.family()
    }

    /// Checksum sent in VRRPv3 over IPv4.
    pub const fn checksum(&self) -> ChecksumDialect {
        self.checksum
    }

    /// Whether a master that yields sends one last advertisement.
    pub const fn farewell(&self) -> bool {
        self.farewell
    }

    /// Whether a master answers a losing advertisement.
    pub const fn answer_losing(&self) -> bool {
        self.answer_losing
    }
}

/// Collects a [`RouterConfig`]; see [`RouterConfig::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct RouterConfigBuilder {
    vrid: Vrid,
    version: Version,
    priority: Priority,
    interval: AdvertInterval,
    preempt: bool,
    authentication: Authentication,
    addresses: Vec<IpAddr>,
    checksum: ChecksumDialect,
    farewell: bool,
    answer_losing: bool,
}

impl RouterConfigBuilder {
    /// Sets the version. Equivalent to keepalived's `vrrp_version`.
    pub const fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// Sets the priority. Equivalent to keepalived's `priority`.
    pub const fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Sets the advertisement interval. Equivalent to keepalived's `advert_int`.
    pub const fn interval(mut self, interval: AdvertInterval) -> Self {
        self.interval = interval;
        self
    }

    /// Sets `Preempt_Mode`. `false` is equivalent to keepalived's `nopreempt`; the address owner
    /// takes over all the same.
    pub const fn preempt(mut self, preempt: bool) -> Self {
        self.preempt = preempt;
        self
    }

    /// Sets the authentication. Equivalent to keepalived's `authentication { … }`.
    pub const fn authentication(mut self, authentication: Authentication) -> Self {
        self.authentication = authentication;
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

    /// Sets the checksum sent in VRRPv3 over IPv4; every dialect is accepted. keepalived sends,
    /// and in its default insists on, [`ChecksumDialect::PseudoHeader`], which is the default here.
    /// [`ChecksumDialect::MessageOnly`] is equivalent to keepalived's `v3_checksum_as_v2`.
    pub const fn checksum(mut self, dialect: ChecksumDialect) -> Self {
        self.checksum = dialect;
        self
    }

    /// Sets whether a master that yields to a better one sends one last advertisement, on by
    /// default. Hosts may have learned this router's MAC address; the winner sees a losing
    /// advertisement and announces again. Equivalent to keepalived's `higher_prio_send_advert`.
    pub const fn farewell(mut self, farewell: bool) -> Self {
        self.farewell = farewell;
        self
    }

    /// Sets whether a master answers a losing advertisement by an advertisement and an
    /// announcement of its addresses, on by default (RFC 9568 §6.4.3). `false`, equivalent to
    /// keepalived's `lower_prio_no_advert`, discards it silently (RFC 3768, RFC 5798).
    pub const fn answer_losing(mut self, answer: bool) -> Self {
        self.answer_losing = answer;
        self
    }

    /// Checks everything together.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the first value that does not fit: no address, too many (255 for
    /// IPv4, 90 for IPv6), mixed families, IPv6 or an odd interval with VRRPv2, authentication
    /// with VRRPv3, an IPv6 router whose first address is not link-local.
    pub fn build(self) -> Result<RouterConfig, ConfigError> {
        let Self {
            vrid,
            version,
            authentication,
            interval,
            ..
        } = self;
        let addresses = AddressList::new(self.addresses)?;
        let family = addresses.family();
        if !interval.fits(version) {
            return Err(ConfigError::IntervalForVersion { interval, version });
        }
        if version == Version::V3 && authentication != Authentication::None {
            return Err(ConfigError::AuthenticationForVersion { version });
        }
        if let Some(IpAddr::V6(first)) = addresses.first() {
            if version == Version::V2 {
                return Err(ConfigError::FamilyForVersion { family, version });
            }
            if !first.is_unicast_link_local() {
                return Err(ConfigError::FirstAddress { address: first });
            }
            let count = addresses.as_slice().len();
            if count > MAX_IPV6_ADDRESSES {
                return Err(ConfigError::TooManyAddresses {
                    count,
                    limit: MAX_IPV6_ADDRESSES,
                });
            }
        }
        Ok(RouterConfig {
            vrid,
            version,
            priority: self.priority,
            interval,
            preempt: self.preempt,
            authentication,
            addresses,
            checksum: self.checksum,
            farewell: self.farewell,
            answer_losing: self.answer_losing,
        })
    }
}
