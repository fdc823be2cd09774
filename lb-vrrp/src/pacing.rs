// SPDX-License-Identifier: MIT OR Apache-2.0
//! The distances between the announcements of an interface: plain values, no I/O.

use std::sync::Arc;
use std::time::Duration;

use crate::AddressFamily;

/// The shortest times between announcements (`vrrp_garp_interval`, `vrrp_gna_interval` and
/// `garp_group` in keepalived). Zero: no pacing.
///
/// Switches and hosts drop announcements that arrive too fast: of a thousand addresses announced at
/// once some would not be learned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pacing {
    /// Between gratuitous ARP packets of an interface.
    pub arp: Duration,
    /// Between neighbour advertisements of an interface.
    pub neighbour: Duration,
    /// Interfaces with times of their own, and such as share them.
    pub groups: Vec<PacingGroup>,
}

impl Pacing {
    /// The longest time there can be.
    pub const MAX: Duration = Duration::from_secs(4294);

    /// Sets the times of interfaces that are in no group.
    #[must_use]
    pub const fn with_intervals(mut self, arp: Duration, neighbour: Duration) -> Self {
        self.arp = arp;
        self.neighbour = neighbour;
        self
    }

    /// Adds a group of interfaces. For an interface in several groups the first counts.
    #[must_use]
    pub fn with_group(mut self, group: PacingGroup) -> Self {
        self.groups.push(group);
        self
    }

    /// The key of the interfaces that share one interval, and the interval; `None` without pacing.
    pub fn lane(&self, interface: &str, family: AddressFamily) -> Option<(Arc<str>, Duration)> {
        let group = self
            .groups
            .iter()
            .find(|group| group.interfaces.iter().any(|member| member == interface));
        let (name, arp, neighbour) = match group {
            // All of them share it.
            Some(group) => {
                let first = group.interfaces.first().map_or("", String::as_str);
                (first, group.arp, group.neighbour)
            }
            None => (interface, self.arp, self.neighbour),
        };
        let interval = match family {
            AddressFamily::Ipv4 => arp,
            AddressFamily::Ipv6 => neighbour,
        };
        (!interval.is_zero()).then(|| (Arc::from(name), interval))
    }
}

/// Interfaces whose announcements are counted together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PacingGroup {
    /// Their names.
    pub interfaces: Vec<String>,
    /// Between gratuitous ARP packets of all of them.
    pub arp: Duration,
    /// Between neighbour advertisements of all of them.
    pub neighbour: Duration,
}

impl PacingGroup {
    /// A group of these interfaces.
    pub fn new<I: Into<String>>(
        interfaces: impl IntoIterator<Item = I>,
        arp: Duration,
        neighbour: Duration,
    ) -> Self {
        Self {
            interfaces: interfaces.into_iter().map(Into::into).collect(),
            arp,
            neighbour,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_group_shares_a_lane_and_others_have_their_own() {
        let pacing = Pacing::default()
            .with_intervals(2 * MS, Duration::ZERO)
            .with_group(PacingGroup::new(["eth1", "eth2"], 5 * MS, 7 * MS))
            .with_group(PacingGroup::new(["eth2", "eth3"], Duration::ZERO, MS));
        let lane = |interface, family| {
            let (name, interval) = pacing.lane(interface, family)?;
            Some((name.to_string(), interval))
        };
        let (four, six) = (AddressFamily::Ipv4, AddressFamily::Ipv6);
        assert_eq!(lane("eth0", four), Some(("eth0".to_owned(), 2 * MS)));
        assert_eq!(lane("eth0", six), None);
        assert_eq!(lane("eth1", four), Some(("eth1".to_owned(), 5 * MS)));
        assert_eq!(lane("eth2", four), Some(("eth1".to_owned(), 5 * MS)));
        assert_eq!(lane("eth2", six), Some(("eth1".to_owned(), 7 * MS)));
        assert_eq!(lane("eth3", four), None);
        assert_eq!(lane("eth3", six), Some(("eth2".to_owned(), MS)));
    }
}
