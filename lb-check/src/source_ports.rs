// SPDX-License-Identifier: MIT OR Apache-2.0
//! Source ports in rotation, for probes whose packets a connection table remembers.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{BuildHasher as _, Hash, Hasher, RandomState};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{self, AtomicU32};

/// Ports for sockets that the kernel chooses, in Linux without settings.
const EPHEMERAL: RangeInclusive<u16> = 32768..=60999;

/// The source ports of probes, one after the other, so that a port is used again as late as possible.
///
/// IPVS remembers a connection by its addresses and ports, for minutes after its end, and not by its firewall
/// mark: a probe from the port of an earlier probe with another mark would reach the real server of that
/// one. Clones share one rotation.
///
/// Two rotations compare equal: which port a probe has makes no other probe of it.
///
/// ```
/// use lb_check::{SourcePorts, Target};
///
/// let ports = SourcePorts::new(40000..=40001);
/// let first = ports.take();
/// assert!((40000..=40001).contains(&first));
/// assert_ne!(ports.take(), first);
/// assert_eq!(ports.take(), first);
/// let target = Target::new("192.0.2.50:80".parse()?)
///     .with_source("192.0.2.16:0".parse()?)
///     .with_source_ports(ports);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone)]
pub struct SourcePorts(Arc<Rotation>);

struct Rotation {
    first: u16,
    count: u32,
    next: AtomicU32,
}

impl SourcePorts {
    /// A rotation over these ports, from an arbitrary one on. An empty range stands for its start alone.
    #[must_use]
    pub fn new(ports: RangeInclusive<u16>) -> Self {
        let (first, last) = ports.into_inner();
        let count = u32::from(last.saturating_sub(first)) + 1;
        // Two processes shall not begin with the same port.
        let bits = RandomState::new().hash_one(first) >> 32;
        let start = u32::try_from(bits).unwrap_or_default() % count;
        Self(Arc::new(Rotation {
            first,
            count,
            next: AtomicU32::new(start),
        }))
    }

    /// A rotation over the ports from which the kernel chooses for this host
    /// (`net.ipv4.ip_local_port_range`).
    #[must_use]
    pub fn ephemeral() -> Self {
        let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
        let range = text.ok().and_then(|text| {
            let mut ports = text.split_whitespace().map(str::parse);
            let (first, last) = (ports.next()?.ok()?, ports.next()?.ok()?);
            (first > 0).then_some(first..=last)
        });
        Self::new(range.unwrap_or(EPHEMERAL))
    }

    /// The next port.
    #[must_use]
    pub fn take(&self) -> u16 {
        let Rotation { first, count, next } = &*self.0;
        let step = |port: u32| Some((port + 1) % count);
        let port = next.fetch_update(atomic::Ordering::Relaxed, atomic::Ordering::Relaxed, step);
        let port = port.unwrap_or_default();
        first.saturating_add(u16::try_from(port).unwrap_or_default())
    }
}

impl fmt::Debug for SourcePorts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SourcePorts")
    }
}

impl PartialEq for SourcePorts {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for SourcePorts {}

impl Hash for SourcePorts {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl PartialOrd for SourcePorts {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SourcePorts {
    fn cmp(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_port_is_used_before_one_is_used_again() {
        let ports = SourcePorts::new(60000..=u16::MAX);
        let used: Vec<u16> = (0..5536).map(|_| ports.clone().take()).collect();
        assert_eq!(used.iter().collect::<BTreeSet<_>>().len(), 5536);
        assert_eq!(ports.take(), used[0]);
    }

    #[test]
    fn a_range_of_one_port_is_that_port() {
        let ports = SourcePorts::new(7..=7);
        assert_eq!([ports.take(), ports.take()], [7, 7]);
        #[expect(clippy::reversed_empty_ranges, reason = "what must not panic")]
        let ports = SourcePorts::new(9..=8);
        assert_eq!([ports.take(), ports.take()], [9, 9]);
        assert!(SourcePorts::ephemeral().take() > 0);
    }
}
