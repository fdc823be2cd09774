// SPDX-License-Identifier: MIT OR Apache-2.0
//! Compares all that one router sent with its profile and with what it received.

use std::time::Duration;

use super::advert::Advert;
use super::frame::{Announcement, Chore, Reading, mac, read};
use super::profile::Profile;
use super::reign::{End, Reign};
use super::tap::{Frame, Way};

/// How long after another's advertisement what was on its way may still arrive.
const ON_ITS_WAY: Duration = Duration::from_millis(100);
/// Time for the process after a killed one to find stale objects: ten times what it takes on a quiet
/// machine.
const STARTING: Duration = Duration::from_secs(1);
/// How long after its reign the kernel still tells which groups the addresses leave: it does so at
/// random within a second (RFC 3810 §9.11, RFC 3376 §8.11).
const LEAVING: Duration = Duration::from_secs(1);
/// Largest difference between the kernel's and the observer's clock in a deadline.
const CLOCKS: Duration = Duration::from_millis(2);
/// Reigns shorter than this many advertisements need not have announced all addresses.
const SETTLED: usize = 3;

/// What one router sent.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Account {
    /// Advertisements other than resignations.
    pub adverts: usize,
    /// Advertisements of priority 0.
    pub resignations: usize,
    /// Adverts of priority 0 after having been outranked.
    pub farewells: usize,
    /// First ones that crossed another master's.
    pub crossed: usize,
    /// Gratuitous ARPs and unsolicited neighbour advertisements.
    pub announcements: usize,
    /// What its kernel sent of its own accord.
    pub chores: usize,
    /// Frames that no rule explains.
    pub unexplained: usize,
    /// The reigns, in order.
    pub reigns: Vec<Reign>,
    /// One sentence for each fault.
    pub faults: Vec<String>,
}

/// Goes through a recording. `port` is the router's: what it sent is judged by what reached it; `breaks` are the moments at which its
/// process was started or killed, in order.
#[must_use]
pub fn audit(frames: &[Frame], port: usize, profile: &Profile, breaks: &[Duration]) -> Account {
    let mut auditor = Auditor {
        profile,
        account: Account::default(),
        reign: None,
        down: Duration::MAX,
        put_off: None,
        farewells_left: 0,
        yielded: None,
        over: None,
        left: Duration::ZERO,
        sequence: 0,
    };
    let mut breaks = breaks.iter().copied().peekable();
    for frame in frames {
        while let Some(at) = breaks.next_if(|at| *at <= frame.at) {
            auditor.broken(at);
        }
        if frame.port != port {
            continue;
        }
        match (frame.way, read(&frame.bytes)) {
            (Way::Sent, reading) => auditor.sent(frame, reading),
            (Way::Delivered, Reading::Advert(advert)) if profile.accepts(&advert) => {
                auditor.received(frame.at, &advert);
            }
            (Way::Delivered, _) => {}
        }
    }
    for at in breaks {
        auditor.broken(at);
    }
    auditor.end(End::Open, Duration::MAX);
    auditor.account
}

struct Auditor<'a> {
    profile: &'a Profile,
    account: Account,
    reign: Option<Reign>,
    /// When, at the earliest, the master is given up.
    down: Duration,
    /// When an advertisement last put that off, and until when it had been put off before.
    put_off: Option<(Duration, Duration)>,
    farewells_left: usize,
    yielded: Option<Duration>,
    /// When it was last no longer master.
    over: Option<Duration>,
    /// Until when what its process made is there, which was killed while it was master.
    left: Duration,
    /// The authentication header's.
    sequence: u32,
}

impl Auditor<'_> {
    fn fault(&mut self, at: Duration, what: &str) {
        let second = at.as_secs_f64() % 1000.0;
        self.account.faults.push(format!("{second:.4}: {what}"));
    }

    fn broken(&mut self, at: Duration) {
        self.left = match (self.reign.is_some(), self.left) {
            (true, _) => Duration::MAX,
            // The next process finds the stale objects and removes them.
            (false, Duration::MAX) => at + STARTING,
            (false, _) => Duration::ZERO,
        };
        self.end(End::Cut, at);
        self.down = at + self.profile.master_down(self.profile.interval);
        self.put_off = None;
        self.yielded = None;
        self.farewells_left = 0;
        self.sequence = 0;
    }

    /// Takes in an advertisement of another router that this one must not ignore.
    fn received(&mut self, at: Duration, advert: &Advert) {
        let outranked = advert.priority != 0 && self.profile.yields_to(advert);
        if let Some(reign) = &mut self.reign {
            reign.receive(at);
            if outranked {
                self.yielded = Some(at);
                // Its own next one may have crossed the other's.
                self.farewells_left = 2;
                self.end(End::Yielded, at);
            }
        }
        if advert.priority == 0 {
            self.down = self.down.min(at + self.profile.skew(advert.interval));
        } else if outranked || advert.priority == self.profile.priority {
            // A backup of the same priority waits, whatever the addresses.
            self.put_off = Some((at, self.down));
            self.down = at + self.profile.master_down(advert.interval);
        }
    }

    fn sent(&mut self, frame: &Frame, reading: Reading) {
        match reading {
            Reading::Advert(advert) => self.advertised(frame, &advert),
            Reading::Announcement(announcement) => self.announced(frame.at, &announcement),
            Reading::Chore(chore) => {
                self.account.chores += 1;
                let master = self.reign.is_some() || self.is_on_its_way(frame.at);
                if !self.profile.explains(&chore, master) {
                    self.unexplained(frame, &format!("{chore:?}, master {master}"));
                }
                // A macvlan's own, while it has the addresses.
                let sender = mac(&frame.bytes, 6);
                let leaving = matches!(chore, Chore::Membership(_))
                    && self.over.is_some_and(|over| frame.at < over + LEAVING);
                let up = master || leaving || frame.at < self.left;
                let above = up && sender.is_some() && sender == self.profile.virtual_mac;
                if sender != Some(self.profile.mac) && !above {
                    self.fault(frame.at, &format!("hardware address of {chore:?}"));
                }
            }
            Reading::Unknown(what) => self.unexplained(frame, what),
        }
    }

    fn unexplained(&mut self, frame: &Frame, what: &str) {
        self.account.unexplained += 1;
        let bytes = &frame.bytes;
        self.fault(frame.at, &format!("unexplained: {what}: {bytes:02x?}"));
    }

    fn advertised(&mut self, frame: &Frame, advert: &Advert) {
        let at = frame.at;
        let macs = [0, 6].map(|offset| mac(&frame.bytes, offset));
        for fault in self.profile.faults(advert, macs) {
            self.fault(at, &fault);
        }
        if let Some(header) = &advert.header {
            if header.sequence <= self.sequence {
                self.fault(at, "sequence number of the authentication header");
            }
            self.sequence = header.sequence;
        }
        if advert.priority == 0 {
            self.account.resignations += 1;
            if self.reign.is_none() {
                self.fault(at, "resigns, but was not master");
            }
            self.end(End::Resigned, at);
            self.yielded = None;
            // A backup again, or gone.
            self.down = at + self.profile.master_down(self.profile.interval);
            return;
        }
        self.account.adverts += 1;
        let on_its_way = self.is_on_its_way(at);
        let crossed = self.crossed(at);
        match &mut self.reign {
            Some(reign) => {
                if !reign.advertise(at, self.profile.interval) {
                    self.fault(at, "an advertisement that was neither due nor an answer");
                }
            }
            None if on_its_way && self.farewells_left > 0 => {
                self.farewells_left -= 1;
                self.account.farewells += 1;
            }
            None if crossed.is_some() => {
                self.account.crossed += 1;
                self.yielded = crossed;
                self.farewells_left = 1;
            }
            None => {
                if at + CLOCKS < self.down {
                    let early = self.down - at;
                    self.fault(at, &format!("master {early:?} too early"));
                }
                self.reign = Some(Reign::new(at));
            }
        }
    }

    fn announced(&mut self, at: Duration, announcement: &Announcement) {
        self.account.announcements += 1;
        for fault in &announcement.faults {
            self.fault(at, &format!("announcement: {fault}: {announcement:?}"));
        }
        if announcement.station != self.profile.sender() {
            self.fault(at, "announces another station");
        }
        let own = self.profile.own.iter().chain(&self.profile.addresses);
        if !own.into_iter().any(|own| *own == announcement.source) {
            self.fault(at, &format!("announces from {}", announcement.source));
        }
        if !self.profile.addresses.contains(&announcement.address) {
            self.fault(at, &format!("announces {}", announcement.address));
        }
        if let Some(reign) = &mut self.reign {
            reign.announce(announcement.address, at);
        } else if !self.is_on_its_way(at) {
            self.fault(at, "announces, but is not master");
        }
    }

    /// When another's advertisement was received, if this one was due then: each was sent before the
    /// other was read.
    fn crossed(&self, at: Duration) -> Option<Duration> {
        let (received, down) = self.put_off?;
        (down <= at + CLOCKS && at.saturating_sub(received) < ON_ITS_WAY).then_some(received)
    }

    fn is_on_its_way(&self, at: Duration) -> bool {
        self.yielded
            .is_some_and(|yielded| at.saturating_sub(yielded) < ON_ITS_WAY)
    }

    fn end(&mut self, end: End, at: Duration) {
        let Some(mut reign) = self.reign.take() else {
            return;
        };
        reign.end = end;
        reign.over = at;
        self.over = Some(at);
        if reign.adverts >= SETTLED {
            for address in &self.profile.addresses {
                if !reign.announced.contains_key(address) {
                    self.fault(reign.last, &format!("{address} was never announced"));
                }
            }
        }
        let interval = self.profile.interval;
        if let Some(longest) = reign.gaps.iter().max()
            && *longest > interval * 10
        {
            self.fault(reign.last, &format!("silent for {longest:?}"));
        }
        if let Some(spacing) = reign.spacing()
            && !(interval * 19 / 20..=interval * 3 / 2).contains(&spacing)
        {
            self.fault(reign.last, &format!("advertises every {spacing:?}"));
        }
        self.account.reigns.push(reign);
    }
}
