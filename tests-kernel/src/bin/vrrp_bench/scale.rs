// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many virtual routers, all masters: what an advertisement costs, and what memory they take.

use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Lan, Netns, wait_until};
use tests_kernel::process::pause;
use tests_kernel::usage::{Memory, processor_seconds};

use crate::progress::Progress;
use crate::report::{Report, median};
use crate::{Extent, Outcome};

/// Routers of one interface: VRIDs are 1 to 255.
const PER_INTERFACE: u32 = 255;

/// So many masters, and how often they are measured.
struct Case {
    routers: u32,
    interval: Duration,
    rounds: u32,
}

impl Case {
    const fn new(routers: u32, interval: Duration, rounds: u32) -> Self {
        Self {
            routers,
            interval,
            rounds,
        }
    }
}

const CASES: [Case; 4] = [
    Case::new(1, Duration::from_millis(10), 3),
    Case::new(20, Duration::from_millis(10), 3),
    Case::new(255, Duration::from_millis(100), 2),
    Case::new(1000, Duration::from_millis(100), 2),
];
/// An idle daemon: a single router at the usual interval.
const IDLE: Case = Case::new(1, Duration::from_secs(1), 1);
/// Bytes that an idle daemon may have resident.
const IDLE_BUDGET: f64 = 8e6;
/// How long is measured, and how long nothing is after the last router has become master (the
/// second burst of announcements comes a second later).
const WINDOW: Duration = Duration::from_secs(10);
const REST: Duration = Duration::from_secs(4);
const DEADLINE: Duration = Duration::from_secs(60);
const MIB: f64 = 1024.0 * 1024.0;

const PROGRAMS: [Software; 2] = [Software::Keepalived, Software::Lbctl];

/// Measures each size, the programs in turn.
pub(crate) fn bench(extent: Extent, report: &mut Report) -> Outcome {
    report.table(
        &format!(
            "Masters of one daemon, {WINDOW:?} each time; medians; CPU and memory of all its \
             processes (resident, of that not of files, and with shared pages counted in parts)"
        ),
        "routers | interval | program | times | adverts a second | CPU µs per advert | resident \
         MiB | of that anonymous | proportional MiB",
    );
    let rounds = |case: &Case| if extent.quick { 1 } else { case.rounds };
    let mut progress = Progress::new(
        "rounds of many routers",
        CASES.iter().chain([&IDLE]).map(rounds).sum(),
    );
    for case in CASES {
        let [theirs, ours] = compare(&case, rounds(&case), &mut progress, report)?;
        let routers = case.routers;
        report.budget(
            &format!("CPU of an advert, {routers} routers: not above keepalived's"),
            ours.cpu <= theirs.cpu,
            &format!("{:.1} µs, keepalived {:.1} µs", ours.cpu, theirs.cpu),
        );
        report.budget(
            &format!("resident, {routers} routers: not above keepalived's"),
            ours.resident <= theirs.resident,
            &format!(
                "{:.1} MiB, keepalived {:.1} MiB",
                ours.resident / MIB,
                theirs.resident / MIB
            ),
        );
    }
    let [_, ours] = compare(&IDLE, rounds(&IDLE), &mut progress, report)?;
    report.budget(
        "idle: 8 MB resident",
        ours.resident <= IDLE_BUDGET,
        &format!("{:.2} MB", ours.resident / 1e6),
    );
    Ok(())
}

/// Measures both programs in turn; the medians of each.
fn compare(
    case: &Case,
    rounds: u32,
    progress: &mut Progress,
    report: &mut Report,
) -> Outcome<[Found; 2]> {
    let mut found: [Vec<Found>; 2] = Default::default();
    for _ in 0..rounds {
        for (found, software) in found.iter_mut().zip(PROGRAMS) {
            found.push(measure(software, case.routers, case.interval)?);
        }
        progress.step();
    }
    let medians = found.map(|found| Found::medians(&found));
    for (found, software) in medians.iter().zip(PROGRAMS) {
        report.row(&format!(
            "{} | {:?} | {software} | {rounds} | {:.0} | {:.1} | {:.1} | {:.1} | {:.1}",
            case.routers,
            case.interval,
            found.rate,
            found.cpu,
            found.resident / MIB,
            found.anonymous / MIB,
            found.proportional / MIB,
        ));
    }
    Ok(medians)
}

/// What a daemon came to.
struct Found {
    /// Adverts a second.
    rate: f64,
    /// Microseconds of CPU for each.
    cpu: f64,
    /// Bytes.
    resident: f64,
    anonymous: f64,
    proportional: f64,
}

impl Found {
    fn medians(all: &[Self]) -> Self {
        let median_of = |value: fn(&Self) -> f64| median(all.iter().map(value).collect());
        Self {
            rate: median_of(|found| found.rate),
            cpu: median_of(|found| found.cpu),
            resident: median_of(|found| found.resident),
            anonymous: median_of(|found| found.anonymous),
            proportional: median_of(|found| found.proportional),
        }
    }
}

fn measure(software: Software, size: u32, interval: Duration) -> Outcome<Found> {
    let lan = Lan::new()?;
    let host = lan.host("many", Ipv4Addr::new(192, 0, 2, 1))?;
    for link in 0..size.div_ceil(PER_INTERFACE) {
        let netns = host.netns();
        netns.ip(&format!(
            "link add v{link} type veth peer name s{link} netns {}",
            lan.switch().name()
        ))?;
        lan.switch().ip(&format!("link set s{link} up"))?;
        netns.ip(&format!("addr add 10.{link}.0.1/24 dev v{link}"))?;
        netns.ip(&format!("link set v{link} up"))?;
    }
    let mut daemon = Director::new(host, software, &configuration(size, interval))?;
    daemon.start()?;
    let netns = daemon.host().netns().clone();

    let rate = f64::from(size) / interval.as_secs_f64();
    wait_until("all routers are masters", DEADLINE, || {
        let sent = |netns: &Netns| sent(netns).map_err(|error| error.to_string());
        let before = sent(&netns)?;
        pause(Duration::from_secs(1));
        let now = sent(&netns)? - before;
        if now > rate * 0.9 {
            Ok(())
        } else {
            Err(format!("{now} packets a second; {}", daemon.log()))
        }
    })?;
    pause(REST);
    let before = (sent(&netns)?, processor_seconds(&netns)?);
    pause(WINDOW);
    let (sent, cpu) = (
        sent(&netns)? - before.0,
        processor_seconds(&netns)? - before.1,
    );
    Ok(Found {
        rate: sent / WINDOW.as_secs_f64(),
        cpu: cpu * 1e6 / sent,
        resident: Memory::Resident.of_processes(&netns)?,
        anonymous: Memory::Anonymous.of_processes(&netns)?,
        proportional: Memory::Proportional.of_processes(&netns)?,
    })
}

fn configuration(size: u32, interval: Duration) -> String {
    let mut text = String::from("global_defs {\n  router_id bench\n  vrrp_version 3\n}\n");
    for router in 0..size {
        let (link, vrid) = (router / PER_INTERFACE, router % PER_INTERFACE + 1);
        let _ = write!(
            text,
            "vrrp_instance VI_{router} {{\n  interface v{link}\n  virtual_router_id {vrid}\n  \
             priority 100\n  advert_int {}\n  garp_master_delay 1\n  virtual_ipaddress {{\n    \
             10.{link}.1.{vrid}/32 dev v{link}\n  }}\n}}\n",
            interval.as_secs_f64()
        );
    }
    text
}

/// Packets sent on the interfaces of routers.
fn sent(netns: &Netns) -> Outcome<f64> {
    let text = netns.enter(|| fs::read_to_string("/proc/thread-self/net/dev"))??;
    let counts = text.lines().filter_map(|line| {
        let (name, counts) = line.split_once(':')?;
        let sent = counts.split_whitespace().nth(9)?;
        name.trim().starts_with('v').then(|| sent.parse::<f64>())
    });
    Ok(counts.sum::<Result<f64, _>>()?)
}
