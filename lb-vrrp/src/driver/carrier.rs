// SPDX-License-Identifier: MIT OR Apache-2.0
//! What routers see of interfaces whose carrier comes and goes: a change counts when it has lasted.
//!
//! Pure: the table as the kernel tells it and the time go in, the table as routers are to see it
//! comes out.

use std::time::Instant;

use super::links::{Interface, Interfaces};
use crate::CarrierDelay;

#[derive(Debug)]
pub(super) struct Carriers {
    /// As routers saw them last.
    seen: Interfaces,
}

impl Carriers {
    /// Begins with what routers see already.
    pub(super) fn new(seen: &Interfaces) -> Self {
        Self { seen: seen.clone() }
    }

    /// The interfaces as routers are to see them. One that is new is seen as it is.
    pub(super) fn settle(
        &mut self,
        now: Instant,
        there: &Interfaces,
        delays: &[CarrierDelay],
    ) -> Interfaces {
        let before = &self.seen;
        let seen = if delays.is_empty() {
            there.clone()
        } else {
            there.with_each(|interface| {
                let before = before.at(interface.link.index);
                let changed = before.filter(|before| before.up != interface.up);
                let (Some(before), Some(delay)) = (changed, delay(interface, there, delays)) else {
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

    /// When the next interface changes, if it stays as it is.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.seen.iter().filter_map(|of| of.changes_at).min()
    }
}

/// The delay of an interface, or of the one beneath.
fn delay<'d>(
    of: &Interface,
    there: &Interfaces,
    delays: &'d [CarrierDelay],
) -> Option<&'d CarrierDelay> {
    let named = |of: &Interface| delays.iter().find(|at| at.interface == of.link.name);
    named(of).or_else(|| named(there.at(of.macvlan_of?)?))
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

    fn is_up(of: &Interfaces, name: &str) -> bool {
        of.get(name).unwrap().up
    }

    #[test]
    fn a_change_that_does_not_last_is_not_seen() {
        let delays = [CarrierDelay::new("eth0", seconds(3), seconds(5))];
        let mut carriers = Carriers::new(&Interfaces::default());
        let start = Instant::now();
        let up = table([eth(2, "eth0"), eth(3, "eth1")]);
        let lost = table([down(2, "eth0"), down(3, "eth1")]);
        assert_eq!(carriers.settle(start, &up, &delays), up);
        assert_eq!(carriers.next_timeout(), None);

        // The other one has no delay.
        let seen = carriers.settle(start, &lost, &delays);
        assert!(is_up(&seen, "eth0") && !is_up(&seen, "eth1"));
        let at = start + seconds(3);
        assert_eq!(carriers.next_timeout(), Some(at));
        assert_eq!(seen.get("eth0").unwrap().changes_at, Some(at));
        // Told again it does not begin anew.
        carriers.settle(start + seconds(2), &lost, &delays);
        assert_eq!(carriers.next_timeout(), Some(at));
        let seen = carriers.settle(start + seconds(2), &up, &delays);
        assert_eq!(seen, up);
        assert_eq!(carriers.next_timeout(), None);

        // The next loss has all of its time.
        let start = start + seconds(2);
        carriers.settle(start, &lost, &delays);
        let almost = start + seconds(3) - Duration::from_nanos(1);
        assert!(is_up(&carriers.settle(almost, &lost, &delays), "eth0"));
        let seen = carriers.settle(start + seconds(3), &lost, &delays);
        assert_eq!(seen, lost);
        assert_eq!(carriers.next_timeout(), None);

        let seen = carriers.settle(start + seconds(4), &up, &delays);
        assert!(!is_up(&seen, "eth0") && is_up(&seen, "eth1"));
        assert_eq!(carriers.next_timeout(), Some(start + seconds(9)));
        let seen = carriers.settle(start + seconds(9), &up, &delays);
        assert_eq!(seen, up);
    }

    #[test]
    fn without_a_delay_a_change_counts_at_once() {
        let delays = [CarrierDelay::new("eth0", seconds(3), Duration::ZERO)];
        let mut carriers = Carriers::new(&Interfaces::default());
        let now = Instant::now();
        let (up, lost) = (table([eth(2, "eth0")]), table([down(2, "eth0")]));
        carriers.settle(now, &lost, &delays);
        assert_eq!(carriers.settle(now, &up, &delays), up);
        // What was seen at the start counts.
        let mut from_start = Carriers::new(&up);
        assert!(is_up(&from_start.settle(now, &lost, &delays), "eth0"));
        // A reload takes the delay away while it runs.
        assert!(is_up(&carriers.settle(now, &lost, &delays), "eth0"));
        assert_eq!(carriers.settle(now, &lost, &[]), lost);
        assert_eq!(carriers.next_timeout(), None);
        // Or brings it, and the next change is delayed.
        assert!(!is_up(&carriers.settle(now, &lost, &delays), "eth0"));
        carriers.settle(now, &up, &[]);
        assert!(is_up(&carriers.settle(now, &lost, &delays), "eth0"));
    }

    #[test]
    fn a_macvlan_is_delayed_with_the_interface_beneath() {
        let delays = [CarrierDelay::new("eth0", seconds(3), seconds(3))];
        let mut carriers = Carriers::new(&Interfaces::default());
        let now = Instant::now();
        let above = macvlan(3, "vrrp.51", 2, [0, 0, 0x5e, 0, 1, 51]);
        carriers.settle(now, &table([eth(2, "eth0"), above.clone()]), &delays);
        let above = Interface { up: false, ..above };
        let seen = carriers.settle(now, &table([down(2, "eth0"), above]), &delays);
        assert!(is_up(&seen, "vrrp.51"));
    }

    #[test]
    fn an_interface_that_is_gone_is_gone_and_a_new_one_is_as_it_is() {
        let delays = [CarrierDelay::new("eth0", seconds(3), seconds(3))];
        let mut carriers = Carriers::new(&Interfaces::default());
        let now = Instant::now();
        carriers.settle(now, &table([eth(2, "eth0")]), &delays);
        let seen = carriers.settle(now, &table([]), &delays);
        assert!(seen.get("eth0").is_none());
        assert!(!is_up(
            &carriers.settle(now, &table([down(2, "eth0")]), &delays),
            "eth0"
        ));
    }
}
