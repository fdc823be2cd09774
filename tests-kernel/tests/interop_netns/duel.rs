// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two routers on a LAN of their own, and what is known of them: the frames that they sent.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use tests_kernel::cluster::{Director, Software};
use tests_kernel::frr;
use tests_kernel::net::{Lan, NetError, wait_until};
use tests_kernel::observer::{Account, Advert, Reading, Tap, Way, audit, now, pcap, read};

use super::dialect::{HOSTS, Role, VRID};
use super::matrix::Case;
use super::{DEADLINE, TestResult};

/// Our place in every pair here, and theirs; also the ports of the tap.
pub(crate) const OURS: usize = 0;
pub(crate) const THEIRS: usize = 1;

pub(crate) struct Duel {
    case: Case,
    name: String,
    roles: [Role; 2],
    directors: [Director; 2],
    macs: [[u8; 6]; 2],
    tap: Tap,
    /// When our daemon was started or killed.
    breaks: Vec<Duration>,
    lan: Lan,
}

/// An advertisement that is no resignation, and when it was sent.
type Sent = (Duration, Advert);

impl Duel {
    pub(crate) fn new(case: Case, name: &str, roles: [Role; 2]) -> TestResult<Self> {
        let lan = Lan::new()?;
        let director = |side: usize, software: Software| -> TestResult<Director> {
            let host = lan.host(&format!("r{side}"), HOSTS[roles[side].host].into())?;
            let file = match software {
                Software::Frr => case.dialect.frr_file(&roles[side], &case.peer),
                _ => case.dialect.keepalived_file(&roles[side]),
            };
            Ok(Director::new(host, software, &file)?)
        };
        let directors = [
            director(OURS, Software::Lbctl)?,
            director(THEIRS, case.peer.software())?,
        ];
        for director in &directors {
            // Routers take no address from another's advertisements.
            let netns = director.host().netns();
            netns.sysctl("net/ipv6/conf/eth0/accept_ra", "0")?;
        }
        if case.dialect.is_ipv6() {
            // A keepalived that starts before has no source address for its adverts, for good.
            for director in &directors {
                wait_for_link_local(director)?;
            }
        }
        let [ours, theirs] = [directors[OURS].host(), directors[THEIRS].host()];
        let macs = [ours.mac()?, theirs.mac()?];
        if case.dialect.is_unicast() {
            // Parted hosts could not resolve each other.
            for side in [OURS, THEIRS] {
                let other = IpAddr::from(HOSTS[roles[1 - side].host]);
                let mac = macs[1 - side].map(|byte| format!("{byte:02x}")).join(":");
                directors[side].host().netns().ip(&format!(
                    "neigh replace {other} lladdr {mac} dev eth0 nud permanent"
                ))?;
            }
        }
        Ok(Self {
            case,
            name: format!("{case} {name}"),
            roles,
            macs,
            tap: Tap::start(&lan, &[ours, theirs])?,
            directors,
            breaks: Vec::new(),
            lan,
        })
    }

    pub(crate) fn start(&mut self, side: usize) -> TestResult {
        let director = &mut self.directors[side];
        if director.software() == Software::Frr {
            let addresses = self.case.dialect.virtual_addresses(&self.roles[side]);
            frr::make_macvlan(director.host().netns(), VRID, &addresses)?;
        }
        self.mark(side);
        Ok(self.directors[side].start()?)
    }

    /// Starts both; returns when that was.
    pub(crate) fn start_both(&mut self) -> TestResult<Duration> {
        let begin = now();
        self.start(OURS)?;
        self.start(THEIRS)?;
        Ok(begin)
    }

    /// Its host goes down without a word.
    pub(crate) fn crash(&mut self, side: usize) -> TestResult {
        self.mark(side);
        self.directors[side].crash()?;
        Ok(self.directors[side].host().set_cable(false)?)
    }

    /// Its host is back after a crash. Theirs has been booted; on ours only the daemon was killed
    /// and must cope with what it finds.
    pub(crate) fn come_back(&mut self, side: usize) -> TestResult {
        let host = self.directors[side].host();
        if side == THEIRS {
            let peer = self.directors[side].software();
            if self.case.dialect.has_virtual_mac() && peer == Software::Keepalived {
                host.netns().ip("link del vrrp.51")?;
            }
            for address in self.case.dialect.virtual_addresses(&self.roles[side]) {
                // It is there if this one was master, and not on a macvlan.
                let listing = host.netns().ip("-o addr show dev eth0")?;
                let wanted = format!("{address}/");
                let mut words = listing.split_whitespace();
                if let Some(found) = words.find(|word| word.starts_with(&wanted)) {
                    host.netns().ip(&format!("addr del {found} dev eth0"))?;
                }
            }
            self.directors[side].forget_process_ids()?;
        }
        host.set_cable(true)?;
        self.start(side)
    }

    /// Stops it as an operator does.
    pub(crate) fn stop(&mut self, side: usize) -> TestResult {
        let (status, log) = self.directors[side].stop()?;
        if !status.success() {
            return Err(format!("{} of {side} ended with {status}: {log}", self.name).into());
        }
        Ok(())
    }

    pub(crate) fn set_parted(&self, parted: bool) -> TestResult {
        Ok(self.lan.set_parted(parted)?)
    }

    fn mark(&mut self, side: usize) {
        if side == OURS {
            self.breaks.push(now());
        }
    }

    /// What one of them advertised since then; resignations are those of priority 0.
    fn all_adverts(&self, side: usize, since: Duration) -> Vec<Sent> {
        let mut frames = self.tap.frames();
        frames.retain(|frame| (frame.port, frame.way) == (side, Way::Sent) && frame.at >= since);
        let adverts = frames.iter().filter_map(|frame| match read(&frame.bytes) {
            Reading::Advert(advert) if advert.vrid == VRID => Some((frame.at, *advert)),
            _ => None,
        });
        adverts.collect()
    }

    pub(crate) fn adverts(&self, side: usize, since: Duration) -> Vec<Sent> {
        let mut adverts = self.all_adverts(side, since);
        adverts.retain(|(_, advert)| advert.priority != 0);
        adverts
    }

    pub(crate) fn has_resigned(&self, side: usize, since: Duration) -> bool {
        let adverts = self.all_adverts(side, since);
        adverts.iter().any(|(_, advert)| advert.priority == 0)
    }

    /// From the last word of one to the first advertisement of the other after it.
    pub(crate) fn silence(&self, from: usize, since: Duration) -> Option<Duration> {
        let (last, _) = *self.all_adverts(from, since).last()?;
        let (first, _) = *self.adverts(1 - from, last).first()?;
        Some(first - last)
    }

    /// Waits until one of them advertised this often since then with nothing from the other in
    /// between. Returns when the first of these was.
    pub(crate) fn wait_for_lone(
        &self,
        side: usize,
        count: usize,
        since: Duration,
        step: &str,
    ) -> TestResult<Duration> {
        self.wait(&format!("{step}: {count} in a row of {side}"), || {
            let own = self.adverts(side, since);
            let first = own.len().checked_sub(count).map(|at| own[at].0)?;
            let others = self.adverts(1 - side, since);
            others.iter().all(|(at, _)| *at < first).then_some(first)
        })
    }

    /// Waits until one of them advertised this often since then, whatever the other does.
    pub(crate) fn wait_for_count(
        &self,
        side: usize,
        count: usize,
        since: Duration,
        step: &str,
    ) -> TestResult {
        self.wait(&format!("{step}: {count} of {side}"), || {
            (self.adverts(side, since).len() >= count).then_some(())
        })
    }

    /// Waits until each of them advertised this often since then.
    pub(crate) fn wait_for_both(&self, count: usize, since: Duration, step: &str) -> TestResult {
        self.wait(&format!("{step}: {count} of each"), || {
            let counts = [OURS, THEIRS].map(|side| self.adverts(side, since).len());
            counts.iter().all(|seen| *seen >= count).then_some(())
        })
    }

    fn wait<T>(&self, awaited: &str, mut look: impl FnMut() -> Option<T>) -> TestResult<T> {
        let awaited = format!("{}, {awaited}", self.name);
        let waited = wait_until(&awaited, DEADLINE, || look().ok_or_else(String::new));
        waited.map_err(|error: NetError| {
            let seen = [OURS, THEIRS].map(|side| {
                let adverts = self.all_adverts(side, Duration::ZERO);
                let shown = adverts.iter().rev().take(5).rev();
                let shown = shown.map(|(at, advert)| format!("\n{at:?} {advert:?}"));
                let log = self.directors[side].log();
                format!(
                    "{} of {side}: {}\n{log}",
                    adverts.len(),
                    shown.collect::<String>()
                )
            });
            self.keep();
            format!("{error}; {}", seen.join("\n----\n")).into()
        })
    }

    /// Every frame that our router sent is as it must be.
    pub(crate) fn audit(&self) -> TestResult<Account> {
        let profile = self.case.dialect.profile(&self.roles[OURS], self.macs);
        let account = audit(&self.tap.frames(), OURS, &profile, &self.breaks);
        self.keep();
        if account.faults.is_empty() && account.unexplained == 0 {
            return Ok(account);
        }
        Err(format!(
            "{}: {account:#?}; {}",
            self.name,
            self.directors[OURS].log()
        )
        .into())
    }

    /// Writes the recording if `LAB_RESULTS` is set.
    fn keep(&self) {
        if let Some(results) = std::env::var_os("LAB_RESULTS") {
            let file = format!("{}.pcap", self.name).replace([' ', '/'], "-");
            // What was proven stays proven without the file.
            let _ = std::fs::write(Path::new(&results).join(file), pcap(&self.tap.frames()));
        }
    }
}

/// Waits until the link-local address of a host can be used: duplicates have been looked for.
fn wait_for_link_local(director: &Director) -> Result<(), NetError> {
    let what = format!("{} has a link-local address", director.name());
    wait_until(&what, DEADLINE, || {
        let netns = director.host().netns();
        let listing = netns.ip("-6 -o addr show dev eth0 scope link");
        let listing = listing.map_err(|error| error.to_string())?;
        if listing.contains("inet6") && !listing.contains("tentative") {
            Ok(())
        } else {
            Err(listing)
        }
    })
}
