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
        let director = |of: usize, software: Software| -> TestResult<Director> {
            let host = lan.host(&format!("r{of}"), HOSTS[roles[of].host].into())?;
            let file = match software {
                Software::Frr => case.dialect.frr_file(&roles[of], &case.peer),
                _ => case.dialect.keepalived_file(&roles[of]),
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
        let [ours, theirs] = [directors[OURS].host(), directors[THEIRS].host()];
        let macs = [ours.mac()?, theirs.mac()?];
        if case.dialect.is_unicast() {
            // Parted hosts could not resolve each other.
            for of in [OURS, THEIRS] {
                let other = IpAddr::from(HOSTS[roles[1 - of].host]);
                let mac = macs[1 - of].map(|byte| format!("{byte:02x}")).join(":");
                directors[of].host().netns().ip(&format!(
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

    pub(crate) fn start(&mut self, of: usize) -> TestResult {
        let director = &mut self.directors[of];
        if director.software() == Software::Frr {
            let addresses = self.case.dialect.virtual_addresses(&self.roles[of]);
            frr::make_macvlan(director.host().netns(), VRID, &addresses)?;
        }
        self.mark(of);
        Ok(self.directors[of].start()?)
    }

    /// Starts both; returns when that was.
    pub(crate) fn start_both(&mut self) -> TestResult<Duration> {
        let begin = now();
        self.start(OURS)?;
        self.start(THEIRS)?;
        Ok(begin)
    }

    /// Its host goes down without a word.
    pub(crate) fn crash(&mut self, of: usize) -> TestResult {
        self.mark(of);
        self.directors[of].crash()?;
        Ok(self.directors[of].host().set_cable(false)?)
    }

    /// Its host is back after a crash. Theirs has been booted; on ours only the daemon was killed
    /// and must cope with what it finds.
    pub(crate) fn come_back(&mut self, of: usize) -> TestResult {
        let host = self.directors[of].host();
        if of == THEIRS {
            let peer = self.directors[of].software();
            if self.case.dialect.has_virtual_mac() && peer == Software::Keepalived {
                host.netns().ip("link del vrrp.51")?;
            }
            for address in self.case.dialect.virtual_addresses(&self.roles[of]) {
                // It is there if this one was master, and not on a macvlan.
                let listing = host.netns().ip("-o addr show dev eth0")?;
                let wanted = format!("{address}/");
                let mut words = listing.split_whitespace();
                if let Some(found) = words.find(|word| word.starts_with(&wanted)) {
                    host.netns().ip(&format!("addr del {found} dev eth0"))?;
                }
            }
            self.directors[of].forget_process_ids()?;
        }
        host.set_cable(true)?;
        self.start(of)
    }

    /// Stops it as an operator does.
    pub(crate) fn stop(&mut self, of: usize) -> TestResult {
        let (status, log) = self.directors[of].stop()?;
        if !status.success() {
            return Err(format!("{} of {of} ended with {status}: {log}", self.name).into());
        }
        Ok(())
    }

    pub(crate) fn set_parted(&self, parted: bool) -> TestResult {
        Ok(self.lan.set_parted(parted)?)
    }

    fn mark(&mut self, of: usize) {
        if of == OURS {
            self.breaks.push(now());
        }
    }

    /// What one of them advertised since then; resignations are those of priority 0.
    fn all_adverts(&self, of: usize, since: Duration) -> Vec<Sent> {
        let mut frames = self.tap.frames();
        frames.retain(|frame| (frame.port, frame.way) == (of, Way::Sent) && frame.at >= since);
        let adverts = frames.iter().filter_map(|frame| match read(&frame.bytes) {
            Reading::Advert(advert) if advert.vrid == VRID => Some((frame.at, *advert)),
            _ => None,
        });
        adverts.collect()
    }

    pub(crate) fn adverts(&self, of: usize, since: Duration) -> Vec<Sent> {
        let mut adverts = self.all_adverts(of, since);
        adverts.retain(|(_, advert)| advert.priority != 0);
        adverts
    }

    pub(crate) fn has_resigned(&self, of: usize, since: Duration) -> bool {
        let adverts = self.all_adverts(of, since);
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
        of: usize,
        count: usize,
        since: Duration,
        step: &str,
    ) -> TestResult<Duration> {
        self.wait(&format!("{step}: {count} in a row of {of}"), || {
            let own = self.adverts(of, since);
            let first = own.len().checked_sub(count).map(|at| own[at].0)?;
            let others = self.adverts(1 - of, since);
            others.iter().all(|(at, _)| *at < first).then_some(first)
        })
    }

    /// Waits until one of them advertised this often since then, whatever the other does.
    pub(crate) fn wait_for_count(
        &self,
        of: usize,
        count: usize,
        since: Duration,
        step: &str,
    ) -> TestResult {
        self.wait(&format!("{step}: {count} of {of}"), || {
            (self.adverts(of, since).len() >= count).then_some(())
        })
    }

    /// Waits until each of them advertised this often since then.
    pub(crate) fn wait_for_both(&self, count: usize, since: Duration, step: &str) -> TestResult {
        self.wait(&format!("{step}: {count} of each"), || {
            let counts = [OURS, THEIRS].map(|of| self.adverts(of, since).len());
            counts.iter().all(|seen| *seen >= count).then_some(())
        })
    }

    fn wait<T>(&self, awaited: &str, mut look: impl FnMut() -> Option<T>) -> TestResult<T> {
        let awaited = format!("{}, {awaited}", self.name);
        let waited = wait_until(&awaited, DEADLINE, || look().ok_or_else(String::new));
        waited.map_err(|error: NetError| {
            let seen = [OURS, THEIRS].map(|of| {
                let adverts = self.all_adverts(of, Duration::ZERO);
                let shown = adverts.iter().rev().take(5).rev();
                let shown = shown.map(|(at, advert)| format!("\n{at:?} {advert:?}"));
                let log = self.directors[of].log();
                format!(
                    "{} of {of}: {}\n{log}",
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

    /// Writes the recording where somebody wants it.
    fn keep(&self) {
        if let Some(results) = std::env::var_os("LAB_RESULTS") {
            let file = format!("{}.pcap", self.name).replace([' ', '/'], "-");
            // What was proven stays proven without the file.
            let _ = std::fs::write(Path::new(&results).join(file), pcap(&self.tap.frames()));
        }
    }
}
