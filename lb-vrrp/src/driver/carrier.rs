// SPDX-License-Identifier: MIT OR Apache-2.0
//! Delays changes of the carrier: routers see a change only after it has lasted for the configured time.
//!
//! No I/O: the arguments are the kernel's table and the time, the result is the table for the routers.

use std::time::Instant;

use super::links::{Interface, Interfaces};
use crate::CarrierDelay;

/// The filter between the kernel's table of interfaces and that of the routers.
#[derive(Debug)]
pub(super) struct Carriers {
    /// The result of the last call.
    seen: Interfaces,
}

impl Carriers {
    /// Starts with the table that the routers have.
    pub(super) fn new(seen: &Interfaces) -> Self {
        Self { seen: seen.clone() }
    }

    /// Returns the interfaces for the routers. A new interface is not delayed.
    pub(super) fn delay_changes(
        &mut self,
        now: Instant,
        present: &Interfaces,
        delays: &[CarrierDelay],
    ) -> Interfaces {
        let before = &self.seen;
        let seen = if delays.is_empty() {
            present.clone()
        } else {
            present.with_each(|interface| {
                let before = before.at(interface.link.index);
                let changed = before.filter(|before| before.up != interface.up);
                let (Some(before), Some(delay)) = (changed, delay(interface, present, delays))
                else {
                    return;
                };
                let wait = if interface.up { delay.up } else { delay.down };
                let at = before.changes_at.unwrap_or(now + wait);
                if now < at {
                    interface.up = before.up;
                    interface.changes_at = Some(at);
                }
            })
        };
        self.seen = seen.clone();
        seen
    }

    /// When the next delayed change counts, if it lasts.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.seen
            .iter()
            .filter_map(|interface| interface.changes_at)
            .min()
    }
}

/// The delay of an interface, or of the one below it.
fn delay<'d>(
    interface: &Interface,
    present: &Interfaces,
    delays: &'d [CarrierDelay],
) -> Option<&'d CarrierDelay> {
    let find = |interface: &Interface| {
        let mut delays = delays.iter();
        delays.find(|delay| delay.interface == interface.link.name)
    };
    find(interface).or_else(|| find(present.at(interface.macvlan_of?)?))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::links::tests::{eth, macvlan, table};
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn down(index: u32, name: &str) -> Interface {
        Interface {
            up: false,
            ..eth(index, name)
        }
    }

    fn is_up(interfaces: &Interfaces, name: &str) -> bool {
        interfaces.get(name).unwrap().up
    }

    #[test]
    fn a_change_that_does_not_last_is_not_seen() {
        let delays = [CarrierDelay::new("eth0", seconds(3), seconds(5))];
        let mut carriers = Carriers::new(&Interfaces::default());
        let start = Instant::now();
        let up = table([eth(2, "eth0"), eth(3, "eth1")]);
        let lost = table([down(2, "eth0"), down(3, "eth1")]);
        assert_eq!(carriers.delay_changes(start, &up, &delays), up);
        assert_eq!(carriers.next_timeout(), None);

        // The other interface has no delay.
        let seen = carriers.delay_changes(start, &lost, &delays);
        assert!(is_up(&seen, "eth0") && !is_up(&seen, "eth1"));
        let at = start + seconds(3);
        assert_eq!(carriers.next_timeout(), Some(at));
        assert_eq!(seen.get("eth0").unwrap().changes_at, Some(at));
        // A second call with the same state does not restart the delay.
        carriers.delay_changes(start + seconds(2), &lost, &delays);
        assert_eq!(carriers.next_timeout(), Some(at));
        let seen = carriers.delay_changes(start + seconds(2), &up, &delays);
        assert_eq!(seen, up);
        assert_eq!(carriers.next_timeout(), None);

        // The next loss is delayed for the full time.
        let start = start + seconds(2);
        carriers.delay_changes(start, &lost, &delays);
        let almost = start + seconds(3) - Duration::from_nanos(1);
        assert!(is_up(
            &carriers.delay_changes(almost, &lost, &delays),
            "eth0"
        ));
        let seen = carriers.delay_changes(start + seconds(3), &lost, &delays);
        assert_eq!(seen, lost);
        assert_eq!(carriers.next_timeout(), None);

        let seen = carriers.delay_changes(start + seconds(4), &up, &delays);
        assert!(!is_up(&seen, "eth0") && is_up(&seen, "eth1"));
        assert_eq!(carriers.next_timeout(), Some(start + seconds(9)));
        let seen = carriers.delay_changes(start + seconds(9), &up, &delays);
        assert_eq!(seen, up);
    }

    #[test]
    fn without_a_delay_a_change_counts_at_once() {
        let delays = [CarrierDelay::new("eth0", seconds(3), Duration::ZERO)];
        let mut carriers = Carriers::new(&Interfaces::default());
        let now = Instant::now();
        let (up, lost) = (table([eth(2, "eth0")]), table([down(2, "eth0")]));
        carriers.delay_changes(now, &lost, &delays);
        assert_eq!(carriers.delay_changes(now, &up, &delays), up);
        // The table at the start counts.
        let mut from_start = Carriers::new(&up);
        assert!(is_up(
            &from_start.delay_changes(now, &lost, &delays),
            "eth0"
        ));
        // A reload removes the delay while it runs.
        assert!(is_up(&carriers.delay_changes(now, &lost, &delays), "eth0"));
        assert_eq!(carriers.delay_changes(now, &lost, &[]), lost);
        assert_eq!(carriers.next_timeout(), None);
        // A reload adds a delay, and the next change is delayed.
        assert!(!is_up(&carriers.delay_changes(now, &lost, &delays), "eth0"));
        carriers.delay_changes(now, &up, &[]);
        assert!(is_up(&carriers.delay_changes(now, &lost, &delays), "eth0"));
    }

    #[test]
    fn a_macvlan_is_delayed_with_the_interface_below() {
        let delays = [CarrierDelay::new("eth0", seconds(3), seconds(3))];
        let mut carriers = Carriers::new(&Interfaces::default());
        let now = Instant::now();
        let above = macvlan(3, "vrrp.51", 2, [0, 0, 0x5e, 0, 1, 51]);
        carriers.delay_changes(now, &table([eth(2, "eth0"), above.clone()]), &delays);
        let above = Interface { up: false, ..above };
        let seen = carriers.delay_changes(now, &table([down(2, "eth0"), above]), &delays);
        assert!(is_up(&seen, "vrrp.51"));
    }

    #[test]
    fn deleted_and_new_interfaces_are_not_delayed() {
        let delays = [CarrierDelay::new("eth0", seconds(3), seconds(3))];
        let mut carriers = Carriers::new(&Interfaces::default());
        let now = Instant::now();
        carriers.delay_changes(now, &table([eth(2, "eth0")]), &delays);
        let seen = carriers.delay_changes(now, &table([]), &delays);
        assert!(seen.get("eth0").is_none());
        assert!(!is_up(
            &carriers.delay_changes(now, &table([down(2, "eth0")]), &delays),
            "eth0"
        ));
    }
}
