// SPDX-License-Identifier: MIT OR Apache-2.0
//! Our daemon and Debian's keepalived as the two routers of one virtual address, in each dialect
//! of VRRP, judged by what is on the wire: election, crash, return, orderly stop, return.

mod dialect;
mod tracking;
mod wire;

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use tests_kernel::cluster::{Director, Software};
use tests_kernel::guest_or_skip;
use tests_kernel::net::{Lan, Recorder, wait_until};
use tests_kernel::observer::{End, Tap, audit, now, pcap};

use dialect::{Dialect, HOSTS};
use wire::Advert;

type TestResult<T = ()> = Result<T, Box<dyn Error>>;

/// Ten times what the slowest step takes.
const DEADLINE: Duration = Duration::from_secs(60);
const PRIORITIES: [u8; 2] = [150, 100];

/// The pair on its LAN.
struct Duel {
    dialect: Dialect,
    /// The preferred one, then the other.
    directors: [Director; 2],
    macs: [[u8; 6]; 2],
    capture: Recorder<Advert>,
    tap: Tap,
    /// When daemons were started or killed.
    breaks: [Vec<Duration>; 2],
    _lan: Lan,
}

impl Duel {
    fn new(dialect: Dialect, software: [Software; 2]) -> TestResult<Self> {
        let lan = Lan::new()?;
        let capture = Recorder::record(lan.switch(), "br0", wire::advert)?;
        let director = |index: usize| -> TestResult<Director> {
            let host = lan.host(&format!("r{index}"), HOSTS[index].into())?;
            let file = dialect.configuration(index, PRIORITIES[index]);
            Ok(Director::new(host, software[index], &file)?)
        };
        let directors = [director(0)?, director(1)?];
        let tap = Tap::start(&lan, &[directors[0].host(), directors[1].host()])?;
        let mac = |index: usize| -> TestResult<[u8; 6]> {
            let netns = directors[index].host().netns();
            let text = netns.run("cat /sys/class/net/eth0/address")?;
            let bytes = text
                .trim()
                .split(':')
                .map(|byte| u8::from_str_radix(byte, 16))
                .collect::<Result<Vec<u8>, _>>()?;
            <[u8; 6]>::try_from(bytes).map_err(|_| "no MAC address".into())
        };
        let macs = [mac(0)?, mac(1)?];
        Ok(Self {
            dialect,
            directors,
            macs,
            capture,
            tap,
            breaks: Default::default(),
            _lan: lan,
        })
    }

    /// The advertisements of one of them since then.
    fn adverts(&self, of: usize, since: Instant) -> Vec<Advert> {
        let mut adverts = self.capture.seen();
        adverts.retain(|advert| advert.source_mac == self.macs[of] && advert.at >= since);
        adverts
    }

    fn holds(&self, of: usize) -> bool {
        let netns = self.directors[of].host().netns();
        let wanted = format!(" {}/", self.dialect.vip());
        netns
            .ip("-o addr show dev eth0")
            .is_ok_and(|listing| listing.contains(&wanted))
    }

    /// Waits until one of them has advertised since then, three times and alone at the end, and has
    /// the address, and the other has not.
    fn wait_for_master(&self, of: usize, since: Instant, step: &str) -> TestResult {
        let awaited = format!("{}, {step}: {of} is master", self.dialect);
        wait_until(&awaited, DEADLINE, || {
            let own = self.adverts(of, since);
            let others = self.adverts(1 - of, since);
            let third_last = own.len().checked_sub(3).map(|at| own[at].at);
            let alone = third_last.is_some_and(|at| others.iter().all(|other| other.at < at));
            let addresses = [self.holds(of), self.holds(1 - of)];
            if alone && addresses == [true, false] {
                Ok(())
            } else {
                Err(format!(
                    "{} and {} adverts, addresses {addresses:?}; logs: {} ---- {}",
                    own.len(),
                    others.len(),
                    self.directors[of].log(),
                    self.directors[1 - of].log()
                ))
            }
        })?;
        Ok(())
    }

    /// From the last advertisement of one to the first of the other after it.
    fn silence(&self, from: usize, to: usize, since: Instant) -> Option<Duration> {
        let last = self.adverts(from, since).last()?.at;
        let first = self.adverts(to, last).first()?.at;
        Some(first - last)
    }
}

/// Everything once; prints how long each takeover took.
fn story(dialect: Dialect, software: [Software; 2]) -> TestResult {
    let mut duel = Duel::new(dialect, software)?;
    let begin = Instant::now();
    duel.start(0)?;
    duel.start(1)?;
    duel.wait_for_master(0, begin, "election")?;

    let crash = Instant::now();
    duel.directors[0].host().set_cable(false)?;
    duel.directors[0].crash()?;
    duel.breaks[0].push(now());
    duel.wait_for_lone(1, crash)?;
    let crashed = duel.silence(0, 1, begin).unwrap_or_default();
    let skew_and_more = dialect.master_down();
    assert!(crashed >= skew_and_more * 3 / 5, "{dialect}: {crashed:?}");

    let back = Instant::now();
    duel.reset(0)?;
    duel.directors[0].host().set_cable(true)?;
    duel.start(0)?;
    duel.wait_for_master(0, back, "return after a crash")?;

    let stop = Instant::now();
    let (status, log) = duel.directors[0].stop()?;
    assert!(status.success(), "{dialect}: {status}: {log}");
    duel.wait_for_master(1, stop, "orderly stop")?;
    let stopped = duel.silence(0, 1, stop).unwrap_or_default();
    let resigned = duel.adverts(0, stop);
    assert!(
        resigned.iter().any(|advert| advert.priority == 0),
        "{dialect}: no resignation in {resigned:?}"
    );

    let back = Instant::now();
    duel.start(0)?;
    duel.wait_for_master(0, back, "return after a stop")?;

    for advert in duel.capture.seen() {
        dialect.check(&advert);
    }
    let audited = duel.audit(software)?;
    let line = format!(
        "interop {dialect}: {} preferred, {} backup: crash {} ms, stop {} ms; {audited}\n",
        software[0],
        software[1],
        crashed.as_millis(),
        stopped.as_millis()
    );
    std::io::stderr().lock().write_all(line.as_bytes())?;
    Ok(())
}

impl Duel {
    fn start(&mut self, of: usize) -> TestResult {
        self.breaks[of].push(now());
        Ok(self.directors[of].start()?)
    }

    /// Every frame that our router sent is as it must be.
    fn audit(&self, software: [Software; 2]) -> TestResult<String> {
        let frames = self.tap.frames();
        let ours = usize::from(software[1] == Software::Lbctl);
        let profile = self.dialect.profile(ours, PRIORITIES[ours], self.macs);
        let account = audit(&frames, ours, &profile, &self.breaks[ours]);
        if let Some(results) = std::env::var_os("LAB_RESULTS") {
            let file = format!("{}-{}.pcap", self.dialect, software[0]).replace(' ', "-");
            std::fs::write(Path::new(&results).join(file), pcap(&frames))?;
        }
        let dialect = self.dialect;
        assert_eq!(account.faults, [""; 0], "{dialect}");
        assert_eq!(account.unexplained, 0, "{dialect}");
        let ends: Vec<End> = account.reigns.iter().map(|reign| reign.end).collect();
        let wanted = if ours == 0 {
            vec![End::Cut, End::Resigned, End::Open]
        } else {
            vec![End::Yielded, End::Yielded]
        };
        assert_eq!(ends, wanted, "{dialect}: {:?}", account.reigns);
        Ok(format!(
            "{} of our frames: {} adverts, {} resignations, {} farewells, {} announcements, {} \
             of the kernel, {} unexplained",
            frames.iter().filter(|frame| frame.port == ours).count(),
            account.adverts,
            account.resignations,
            account.farewells,
            account.announcements,
            account.chores,
            account.unexplained
        ))
    }

    /// Waits until one of them advertises and holds the address, whatever a dead one still has.
    fn wait_for_lone(&self, of: usize, since: Instant) -> TestResult {
        let awaited = format!("{}, crash: {of} takes over", self.dialect);
        wait_until(&awaited, DEADLINE, || {
            if !self.adverts(of, since).is_empty() && self.holds(of) {
                Ok(())
            } else {
                Err(self.directors[of].log())
            }
        })?;
        Ok(())
    }

    /// What a reboot does to a host whose daemon crashed.
    fn reset(&mut self, of: usize) -> TestResult {
        let netns = self.directors[of].host().netns().clone();
        for address in [self.dialect.vip(), "fe80::5e:51"] {
            let listing = netns.ip("-o addr show dev eth0")?;
            let found = listing
                .split_whitespace()
                .find(|word| word.starts_with(&format!("{address}/")));
            if let Some(found) = found {
                netns.ip(&format!("addr del {found} dev eth0"))?;
            }
        }
        self.directors[of].reboot([192, 168, 1, 50].into())?;
        Ok(())
    }
}

const OURS_PREFERRED: [Software; 2] = [Software::Lbctl, Software::Keepalived];
const THEIRS_PREFERRED: [Software; 2] = [Software::Keepalived, Software::Lbctl];

/// In every run; the plain dialects are those of the failover suite.
const ALWAYS: [(Dialect, [Software; 2]); 3] = [
    (Dialect::V2Ah, THEIRS_PREFERRED),
    (Dialect::V3Unicast, THEIRS_PREFERRED),
    (Dialect::V3Ipv6, OURS_PREFERRED),
];
/// In a soak.
const MORE: [(Dialect, [Software; 2]); 9] = [
    (Dialect::V2, OURS_PREFERRED),
    (Dialect::V2, THEIRS_PREFERRED),
    (Dialect::V2Ah, OURS_PREFERRED),
    (Dialect::V2Unicast, OURS_PREFERRED),
    (Dialect::V2Unicast, THEIRS_PREFERRED),
    (Dialect::V3, OURS_PREFERRED),
    (Dialect::V3, THEIRS_PREFERRED),
    (Dialect::V3Unicast, OURS_PREFERRED),
    (Dialect::V3Ipv6, THEIRS_PREFERRED),
];

#[test]
fn each_takes_over_from_the_other_and_yields_to_it() -> TestResult {
    guest_or_skip!();
    let soak = std::env::var_os("LB_SOAK").is_some();
    let more = if soak { &MORE[..] } else { &[] };
    for (dialect, software) in ALWAYS.iter().chain(more) {
        story(*dialect, *software)?;
    }
    Ok(())
}

#[test]
fn tracking_and_sync_groups_as_in_keepalived() -> TestResult {
    guest_or_skip!();
    for software in [OURS_PREFERRED, THEIRS_PREFERRED] {
        tracking::story(software)?;
    }
    Ok(())
}
