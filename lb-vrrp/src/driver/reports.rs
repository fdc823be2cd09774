// SPDX-License-Identifier: MIT OR Apache-2.0
//! Events that a received packet can cause, limited by kind and sender.

use std::mem::{Discriminant, discriminant};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lb_host::{Admitted, ReportLimiter};

use super::event::{Event, EventSender};
use super::key::PortKey;
use crate::{Notice, Rejected, Vrid};

/// Time after a report in which further packets of the same sender and kind are only counted.
const QUIET: Duration = Duration::from_secs(30);
/// The same after many reports of a condition that lasts.
const LONGEST_QUIET: Duration = Duration::from_secs(3600);
/// Largest number of remembered senders and kinds: forged senders must not take memory.
const ENTRIES: usize = 64;

/// The same for adverts of virtual routers that are not configured: they need not be a fault.
const UNKNOWN_QUIET: Duration = Duration::from_secs(600);
const UNKNOWN_LONGEST_QUIET: Duration = Duration::from_secs(24 * 3600);

/// A report about the packets of one sender.
#[derive(Debug)]
enum PacketReport {
    Rejected { source: IpAddr, reason: Rejected },
    Noticed(Notice),
}

#[derive(Debug, PartialEq)]
enum Kind {
    Rejected(Discriminant<Rejected>),
    Noticed(Discriminant<Notice>),
}

/// Limits the events about packets that one router received.
#[derive(Debug)]
pub(super) struct PacketReports(ReportLimiter<(IpAddr, Kind), PacketReport>);

impl Default for PacketReports {
    fn default() -> Self {
        Self(ReportLimiter::new(QUIET, ENTRIES).with_longest(LONGEST_QUIET))
    }
}

/// A router, as its events name it.
type Named<'a> = (&'a Arc<str>, Vrid);

impl PacketReports {
    /// Sends the event of a discarded packet, unless it is to be left out.
    pub(super) fn reject(
        &mut self,
        now: Instant,
        (source, reason): (IpAddr, Rejected),
        router: Named<'_>,
        events: &EventSender,
    ) {
        let key = (source, Kind::Rejected(discriminant(&reason)));
        let report = PacketReport::Rejected { source, reason };
        if let Some(admitted) = self.0.admit(now, key, report) {
            events.send(event(router, admitted));
        }
    }

    /// Sends the event of an observation, unless it is to be left out.
    pub(super) fn notice(
        &mut self,
        now: Instant,
        notice: Notice,
        router: Named<'_>,
        events: &EventSender,
    ) {
        // Its reader notifies scripts; the engine limits it to four in an interval.
        if let Notice::LosingAdvertisement { .. } = notice {
            let report = PacketReport::Noticed(notice);
            events.send(event(router, Admitted::first(report)));
            return;
        }
        let key = (notice.source(), Kind::Noticed(discriminant(&notice)));
        if let Some(admitted) = self.0.admit(now, key, PacketReport::Noticed(notice)) {
            events.send(event(router, admitted));
        }
    }

    /// When to call [`send_due`](Self::send_due).
    #[inline]
    pub(super) const fn next_due(&self) -> Option<Instant> {
        self.0.next_due()
    }

    /// Sends the last event of each kind and sender whose events were left out, with their number.
    pub(super) fn send_due(&mut self, now: Instant, router: Named<'_>, events: &EventSender) {
        while let Some(admitted) = self.0.take_due(now) {
            events.send(event(router, admitted));
        }
    }
}

fn event((router, vrid): Named<'_>, admitted: Admitted<PacketReport>) -> Event {
    let router = Arc::clone(router);
    let Admitted {
        report,
        suppressed,
        others,
        ..
    } = admitted;
    match report {
        PacketReport::Rejected { source, reason } => Event::Rejected {
            router,
            vrid,
            source,
            reason,
            suppressed,
            others,
        },
        PacketReport::Noticed(notice) => Event::Noticed {
            router,
            vrid,
            notice,
            suppressed,
            others,
        },
    }
}

/// Limits the events about virtual routers that are not configured, on one interface.
#[derive(Debug)]
pub(super) struct UnknownRouters(ReportLimiter<(Vrid, IpAddr), (Vrid, IpAddr)>);

impl Default for UnknownRouters {
    fn default() -> Self {
        Self(ReportLimiter::new(UNKNOWN_QUIET, ENTRIES).with_longest(UNKNOWN_LONGEST_QUIET))
    }
}

impl UnknownRouters {
    /// Sends the event of an advert, unless it is to be left out.
    pub(super) fn report(
        &mut self,
        now: Instant,
        (vrid, source): (Vrid, IpAddr),
        port: &PortKey,
        events: &EventSender,
    ) {
        if let Some(admitted) = self.0.admit(now, (vrid, source), (vrid, source)) {
            events.send(unknown_router(port, admitted));
        }
    }

    /// When to call [`send_due`](Self::send_due).
    pub(super) const fn next_due(&self) -> Option<Instant> {
        self.0.next_due()
    }

    /// Sends one more event for each sender whose adverts were left out, with their number.
    pub(super) fn send_due(&mut self, now: Instant, port: &PortKey, events: &EventSender) {
        while let Some(admitted) = self.0.take_due(now) {
            events.send(unknown_router(port, admitted));
        }
    }
}

fn unknown_router((interface, _): &PortKey, admitted: Admitted<(Vrid, IpAddr)>) -> Event {
    let (vrid, source) = admitted.report;
    Event::UnknownRouter {
        interface: Arc::clone(interface),
        vrid,
        source,
        suppressed: admitted.suppressed,
        others: admitted.others,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::driver::event::{Events, channel};
    use crate::{AddressFamily, AddressList, AdvertInterval, Priority};

    fn drain(events: &mut Events) -> Vec<Event> {
        std::iter::from_fn(|| events.try_recv().unwrap()).collect()
    }

    fn name() -> (Arc<str>, Vrid) {
        (Arc::from("VI_1"), Vrid::new(51).unwrap())
    }

    fn sender(number: u32) -> IpAddr {
        IpAddr::from(Ipv4Addr::from(number))
    }

    /// The floods of `notices` in 15 s, and the quiet time after it; returns the events.
    fn flood(notices: impl Iterator<Item = Notice>) -> Vec<Event> {
        let (events, mut received) = channel(100_000);
        let (router, vrid) = name();
        let mut reports = PacketReports::default();
        let start = Instant::now();
        for (number, notice) in (0..).zip(notices) {
            let now = start + Duration::from_micros(260) * number;
            reports.notice(now, notice, (&router, vrid), &events);
        }
        let due = reports.next_due().unwrap();
        let earliest = start + QUIET;
        assert!((earliest..earliest + Duration::from_secs(1)).contains(&due));
        reports.send_due(due, (&router, vrid), &events);
        assert_eq!(reports.next_due(), None);
        drain(&mut received)
    }

    #[test]
    fn adverts_with_changing_lists_cause_two_events() {
        let list = |number| AddressList::new([sender(number)]).unwrap();
        let lists = (0..57_100).map(|number| Notice::AddressListMismatch {
            source: sender(1),
            advertised: list(number),
        });
        let events = flood(lists);
        let [
            Event::Noticed { notice: first, .. },
            Event::Noticed {
                notice, suppressed, ..
            },
        ] = &events[..]
        else {
            panic!("{events:?}");
        };
        let advertised = |number| Notice::AddressListMismatch {
            source: sender(1),
            advertised: list(number),
        };
        assert_eq!(*first, advertised(0));
        assert_eq!(*notice, advertised(57_099));
        assert_eq!(*suppressed, 57_098);
    }

    #[test]
    fn adverts_of_forged_senders_cause_as_many_events_as_are_remembered() {
        let interval = AdvertInterval::from_centis(1).unwrap();
        let notices = (0..57_100).map(|number| Notice::IntervalLearned {
            source: sender(number),
            interval,
            configured: AdvertInterval::DEFAULT,
        });
        let events = flood(notices);
        assert_eq!(events.len(), ENTRIES + 1);
        let Some(Event::Noticed { others, .. }) = events.last() else {
            panic!("{events:?}");
        };
        assert_eq!(*others, 57_100 - 64 - 1);
    }

    #[test]
    fn each_kind_and_sender_has_its_first_event() {
        let (events, mut received) = channel(100);
        let (router, vrid) = name();
        let mut reports = PacketReports::default();
        let start = Instant::now();
        let ttl = |hop_limit| Rejected::HopLimit { hop_limit };
        for (from, reason) in [
            (1, Rejected::AuthenticationFailure),
            (1, Rejected::AuthenticationFailure),
            (1, ttl(1)),
            (1, ttl(2)),
            (2, Rejected::AuthenticationFailure),
        ] {
            reports.reject(start, (sender(from), reason), (&router, vrid), &events);
        }
        let named = |event: &Event| match event {
            Event::Rejected {
                source,
                reason,
                suppressed,
                ..
            } => (*source, *reason, *suppressed),
            other => panic!("{other:?}"),
        };
        let first: Vec<_> = drain(&mut received).iter().map(named).collect();
        assert_eq!(
            first,
            [
                (sender(1), Rejected::AuthenticationFailure, 0),
                (sender(1), ttl(1), 0),
                (sender(2), Rejected::AuthenticationFailure, 0),
            ]
        );
        let reason = Rejected::AuthenticationFailure;
        reports.reject(start + QUIET, (sender(1), reason), (&router, vrid), &events);
        let again: Vec<_> = drain(&mut received).iter().map(named).collect();
        assert_eq!(again, [(sender(1), reason, 1)]);
    }

    #[test]
    fn losing_adverts_are_not_left_out() {
        let (events, mut received) = channel(100);
        let (router, vrid) = name();
        let mut reports = PacketReports::default();
        let notice = Notice::LosingAdvertisement {
            source: sender(1),
            priority: Priority::new(50).unwrap(),
        };
        for _ in 0..4 {
            reports.notice(Instant::now(), notice.clone(), (&router, vrid), &events);
        }
        assert_eq!(drain(&mut received).len(), 4);
    }

    #[test]
    fn an_unknown_router_is_reported_at_growing_intervals() {
        let (events, mut received) = channel(100);
        let port = (Arc::from("eth0"), AddressFamily::Ipv4);
        let vrid = |number| Vrid::new(number).unwrap();
        let mut unknown = UnknownRouters::default();
        let start = Instant::now();
        unknown.report(start, (vrid(1), sender(1)), &port, &events);
        unknown.report(start, (vrid(2), sender(1)), &port, &events);
        assert_eq!(drain(&mut received).len(), 2);
        let mut reported = Vec::new();
        for second in 1..=24 * 3600 {
            let now = start + Duration::from_secs(second);
            unknown.report(now, (vrid(1), sender(1)), &port, &events);
            if unknown.next_due().is_some_and(|due| due <= now) {
                unknown.send_due(now, &port, &events);
            }
            for event in drain(&mut received) {
                let Event::UnknownRouter { suppressed, .. } = event else {
                    panic!("{event:?}");
                };
                reported.push((second / 60, suppressed));
            }
        }
        assert_eq!(
            reported,
            [
                (10, 599),
                (30, 1199),
                (70, 2399),
                (150, 4799),
                (310, 9599),
                (630, 19_199),
                (1270, 38_399),
            ]
        );
        let later = start + Duration::from_secs(4 * 24 * 3600);
        unknown.report(later, (vrid(2), sender(1)), &port, &events);
        assert_eq!(drain(&mut received).len(), 1, "it has been away");
    }
}
