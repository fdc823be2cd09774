// SPDX-License-Identifier: MIT OR Apache-2.0
//! ipvsadm's order.
//!
//! It subtracts unsigned numbers and looks at the sign of the difference in 32 bits, so that
//! 200.0.0.1 comes before 10.0.0.1, and compares addresses of different families by their first
//! bytes. That is no order in the mathematical sense: the result depends on the algorithm, which
//! is the C library's merge sort.

use std::{cmp::Ordering, net::SocketAddr};

use lb_ipvs::{
    AddressFamily, DestinationEntry, PlainDestination, PlainEntry, ServiceKey, TableEntry,
};

/// A service with its destinations, as a listing goes through them.
pub(crate) trait Entry {
    type Destination;

    fn key(&self) -> ServiceKey;
    fn destinations(&self) -> &[Self::Destination];
    fn address(destination: &Self::Destination) -> SocketAddr;
}

impl Entry for TableEntry {
    type Destination = DestinationEntry;

    fn key(&self) -> ServiceKey {
        self.service.service.key
    }

    fn destinations(&self) -> &[DestinationEntry] {
        &self.destinations
    }

    fn address(destination: &DestinationEntry) -> SocketAddr {
        destination.destination.address
    }
}

impl Entry for PlainEntry {
    type Destination = PlainDestination;

    fn key(&self) -> ServiceKey {
        self.service.key
    }

    fn destinations(&self) -> &[PlainDestination] {
        &self.destinations
    }

    fn address(destination: &PlainDestination) -> SocketAddr {
        destination.address
    }
}

/// The services, each with its destinations: in ipvsadm's order, or in the order of the table as
/// with `ipvsadm --nosort`.
pub(crate) fn in_order<E: Entry>(
    table: &[E],
    sort: bool,
) -> impl Iterator<Item = (&E, Vec<&E::Destination>)> {
    let mut services: Vec<&E> = table.iter().collect();
    if sort {
        merge_sort(&mut services, &|one, other| {
            compare_services(&one.key(), &other.key())
        });
    }
    services.into_iter().map(move |entry| {
        let mut destinations: Vec<_> = entry.destinations().iter().collect();
        if sort {
            merge_sort(&mut destinations, &|one, other| {
                compare_addresses(&E::address(one), &E::address(other))
            });
        }
        (entry, destinations)
    })
}

fn compare_services(one: &ServiceKey, other: &ServiceKey) -> Ordering {
    let fields = |key: &ServiceKey| {
        let family: u32 = match key.family() {
            AddressFamily::Ipv4 => 2,
            AddressFamily::Ipv6 => 10,
        };
        match key {
            ServiceKey::Address { protocol, .. } => (0, family, u32::from(protocol.number())),
            ServiceKey::FirewallMark { mark, .. } => (mark.get(), family, 0),
        }
    };
    let (one_fields, other_fields) = (fields(one), fields(other));
    difference(one_fields.0, other_fields.0)
        .then_with(|| difference(one_fields.1, other_fields.1))
        .then_with(|| difference(one_fields.2, other_fields.2))
        .then_with(|| match (one.address(), other.address()) {
            (Some(one), Some(other)) => compare_addresses(&one, &other),
            _ => Ordering::Equal,
        })
}

/// By address, as many words as the first one has, then by port.
fn compare_addresses(one: &SocketAddr, other: &SocketAddr) -> Ordering {
    let words = if one.is_ipv6() { 4 } else { 1 };
    let pairs = words_of(one).into_iter().zip(words_of(other)).take(words);
    let by_address = pairs
        .map(|(one, other)| difference(one, other))
        .find(|order| order.is_ne());
    by_address
        .unwrap_or(Ordering::Equal)
        .then_with(|| difference(one.port().into(), other.port().into()))
}

/// The bytes of an address in a field of 16.
fn words_of(address: &SocketAddr) -> [u32; 4] {
    match address {
        SocketAddr::V4(address) => [address.ip().to_bits(), 0, 0, 0],
        SocketAddr::V6(address) => {
            let bits = address.ip().to_bits();
            [96, 64, 32, 0].map(|shift| {
                #[expect(clippy::cast_possible_truncation, reason = "one word of four")]
                let word = (bits >> shift) as u32;
                word
            })
        }
    }
}

/// The sign of the difference in 32 bits.
const fn difference(one: u32, other: u32) -> Ordering {
    match one.wrapping_sub(other).cast_signed() {
        0 => Ordering::Equal,
        i32::MIN..0 => Ordering::Less,
        _ => Ordering::Greater,
    }
}

/// Sorts halves and merges them; the first half is the shorter one.
///
/// The sorts of the standard library may panic when the order is none.
fn merge_sort<T: Copy>(items: &mut [T], compare: &impl Fn(&T, &T) -> Ordering) {
    if items.len() <= 1 {
        return;
    }
    let middle = items.len() / 2;
    let (first, second) = items.split_at_mut(middle);
    merge_sort(first, compare);
    merge_sort(second, compare);
    let mut merged = Vec::with_capacity(first.len() + second.len());
    let (mut first, mut second) = (first.iter().peekable(), second.iter().peekable());
    while let (Some(one), Some(other)) = (first.peek(), second.peek()) {
        let next = if compare(one, other).is_le() {
            first.next()
        } else {
            second.next()
        };
        merged.extend(next);
    }
    merged.extend(first);
    merged.extend(second);
    items.copy_from_slice(&merged);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merge_sort_sorts() {
        for len in 0..40_u32 {
            let mut items: Vec<u32> = (0..len)
                .map(|n| n.wrapping_mul(2_654_435_761) % 17)
                .collect();
            let mut expected = items.clone();
            expected.sort_unstable();
            merge_sort(&mut items, &u32::cmp);
            assert_eq!(items, expected);
        }
    }

    #[test]
    fn signs() {
        let order = |one: &str, other: &str| {
            compare_addresses(&one.parse().unwrap(), &other.parse().unwrap())
        };
        assert_eq!(order("200.0.0.1:1", "10.0.0.1:1"), Ordering::Less);
        assert_eq!(order("10.0.0.1:1", "10.0.0.1:2"), Ordering::Less);
        assert_eq!(order("[fd00::1]:80", "[::2]:80"), Ordering::Less);
        assert_eq!(order("[fd00::2]:80", "[fd00::1]:80"), Ordering::Greater);
        assert_eq!(order("10.0.0.1:1", "10.0.0.1:1"), Ordering::Equal);
    }
}
