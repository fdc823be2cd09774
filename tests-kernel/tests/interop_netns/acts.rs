// SPDX-License-Identifier: MIT OR Apache-2.0
//! The acts: what happens between two routers, judged by the frames alone.

use std::time::Duration;

use tests_kernel::cluster::Software;
use tests_kernel::observer::{Account, End, now};

use super::TestResult;
use super::dialect::Role;
use super::duel::{Duel, OURS, THEIRS};
use super::matrix::{Act, Case};

const HIGH: u8 = 150;
const LOW: u8 = 100;
/// Advertisements in a row that make a master.
const SETTLED: usize = 3;
/// So many of one master must another hold still for: more than twice what it waits for one.
const STILL: usize = 8;

/// The result of an act.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Findings for the line of the case, in the order of the acts.
    pub(crate) report: String,
    /// Our frames that were audited: adverts, announcements, and what the kernel sent.
    pub(crate) judged: usize,
}

impl Outcome {
    fn count(&mut self, account: &Account) {
        self.judged += account.adverts
            + account.resignations
            + account.farewells
            + account.announcements
            + account.chores;
    }
}

pub(crate) fn play(case: Case, act: Act) -> TestResult<Outcome> {
    match act {
        Act::Ours => endings(case, OURS),
        Act::Theirs => endings(case, THEIRS),
        Act::Equal => equal(case),
        Act::Interval if case.dialect.version() == 2 => fixed_interval(case),
        Act::Interval => learned_interval(case),
        Act::List => lists(case),
    }
}

/// Roles that differ by priority alone.
fn roles(case: Case, priorities: [u8; 2]) -> [Role; 2] {
    [OURS, THEIRS].map(|side| Role {
        host: side,
        priority: priorities[side],
        interval: case.dialect.interval(),
        addresses: case.dialect.addresses(),
    })
}

fn preferring(case: Case, preferred: usize) -> [Role; 2] {
    let mut priorities = [LOW; 2];
    priorities[preferred] = HIGH;
    roles(case, priorities)
}

fn must(right: bool, what: impl FnOnce() -> String) -> TestResult {
    if right { Ok(()) } else { Err(what().into()) }
}

/// The preferred one is master, crashes, returns, is stopped, returns.
fn endings(case: Case, preferred: usize) -> TestResult<Outcome> {
    let act = ["ours", "theirs"][preferred];
    let other = 1 - preferred;
    let mut duel = Duel::new(case, act, preferring(case, preferred))?;
    let begin = duel.start_both()?;
    duel.wait_for_lone(preferred, SETTLED, begin, "election")?;

    let crash = now();
    duel.crash(preferred)?;
    duel.wait_for_lone(other, SETTLED, crash, "crash")?;
    let crashed = duel.silence(preferred, begin).unwrap_or_default();

    let back = now();
    duel.come_back(preferred)?;
    duel.wait_for_lone(preferred, SETTLED, back, "return after a crash")?;

    let stop = now();
    duel.stop(preferred)?;
    duel.wait_for_lone(other, SETTLED, stop, "orderly stop")?;
    let stopped = duel.silence(preferred, stop).unwrap_or_default();
    must(duel.has_resigned(preferred, stop), || {
        format!("{case} {act}: no resignation")
    })?;

    let back = now();
    duel.start(preferred)?;
    duel.wait_for_lone(preferred, SETTLED, back, "return after a stop")?;

    let account = duel.audit()?;
    let ends: Vec<End> = account.reigns.iter().map(|reign| reign.end).collect();
    let right = if preferred == OURS {
        ends == [End::Cut, End::Resigned, End::Open]
    } else {
        ends.len() >= 2 && ends.iter().all(|end| *end == End::Yielded)
    };
    must(right, || format!("{case} {act}: {:#?}", account.reigns))?;
    let whose = if preferred == OURS { "we" } else { "they" };
    let mut outcome = Outcome {
        report: format!(
            "{whose} crash {} ms, stop {} ms",
            crashed.as_millis(),
            stopped.as_millis()
        ),
        judged: 0,
    };
    outcome.count(&account);
    Ok(outcome)
}

/// Both are master while the segment is parted; then the higher address is, RFC 9568 §6.4.3.
fn equal(case: Case) -> TestResult<Outcome> {
    let mut outcome = Outcome::default();
    let mut report = Vec::new();
    for host in [0, 1] {
        let mut roles = roles(case, [LOW, LOW]);
        roles[OURS].host = host;
        roles[THEIRS].host = 1 - host;
        let mut duel = Duel::new(case, &format!("equal-{host}"), roles)?;
        duel.set_parted(true)?;
        let begin = duel.start_both()?;
        duel.wait_for_both(SETTLED, begin, "parted")?;
        let sources = [OURS, THEIRS].map(|side| {
            let adverts = duel.adverts(side, begin);
            adverts.last().map(|(_, advert)| advert.source)
        });
        let winner = if sources[OURS] > sources[THEIRS] {
            OURS
        } else {
            THEIRS
        };
        let joined = now();
        duel.set_parted(false)?;
        duel.wait_for_lone(winner, SETTLED, joined, "joined")?;
        let account = duel.audit()?;
        let ends: Vec<End> = account.reigns.iter().map(|reign| reign.end).collect();
        let wanted = if winner == OURS {
            End::Open
        } else {
            End::Yielded
        };
        must(ends == [wanted], || {
            format!("{case} equal: {:#?}", account.reigns)
        })?;
        report.push(["we win", "they win"][winner]);
        outcome.count(&account);
    }
    outcome.report = format!("equal: {}", report.join(", "));
    Ok(outcome)
}

/// RFC 3768 §7.1: an advertisement of another interval is discarded. So both are master. Ours is
/// the longer one: a master keepalived 2.2.7 restarts its own interval at each discarded
/// advertisement, and falls silent when they come faster than its own.
fn fixed_interval(case: Case) -> TestResult<Outcome> {
    let mut roles = preferring(case, THEIRS);
    roles[OURS].interval *= 2;
    let mut duel = Duel::new(case, "interval", roles)?;
    let begin = duel.start_both()?;
    duel.wait_for_both(1, begin, "election")?;
    duel.wait_for_both(SETTLED, now(), "two masters")?;
    let account = duel.audit()?;
    let ends: Vec<End> = account.reigns.iter().map(|reign| reign.end).collect();
    must(ends == [End::Open], || {
        format!("{case} interval: {:#?}", account.reigns)
    })?;
    let mut outcome = Outcome {
        report: "interval: two masters".to_owned(),
        judged: 0,
    };
    outcome.count(&account);
    Ok(outcome)
}

/// RFC 9568 §6.1: a backup waits by the interval that the master advertises, here one at which
/// we would take over between any two advertisements if we went by our own.
fn learned_interval(case: Case) -> TestResult<Outcome> {
    let mut roles = preferring(case, THEIRS);
    roles[OURS].interval = Duration::from_millis(100);
    roles[THEIRS].interval = Duration::from_millis(600);
    let mut duel = Duel::new(case, "interval", roles)?;
    let begin = duel.start_both()?;
    let first = duel.wait_for_lone(THEIRS, STILL, begin, "the slow master")?;
    must(duel.adverts(OURS, first).is_empty(), || {
        format!("{case}: we are a second master")
    })?;
    let crash = now();
    duel.crash(THEIRS)?;
    duel.wait_for_lone(OURS, SETTLED, crash, "the slow master's crash")?;
    let silence = duel.silence(THEIRS, begin).unwrap_or_default();
    let learned = roles[THEIRS].interval * 3;
    must(silence >= learned, || {
        format!("{case}: took over after {silence:?}, before {learned:?}")
    })?;
    let mut outcome = Outcome {
        report: format!("interval: learned, crash {} ms", silence.as_millis()),
        judged: 0,
    };
    outcome.count(&duel.audit()?);
    Ok(outcome)
}

/// They have one address more. We take their advertisements all the same, and are no second
/// master. Whether a version of keepalived takes ours is known; whether FRR does is printed.
fn lists(case: Case) -> TestResult<Outcome> {
    let mut outcome = Outcome::default();
    let mut roles = preferring(case, THEIRS);
    roles[THEIRS].addresses += 1;
    let mut duel = Duel::new(case, "list-theirs", roles)?;
    let begin = duel.start_both()?;
    let first = duel.wait_for_lone(THEIRS, STILL, begin, "their longer list")?;
    must(duel.adverts(OURS, first).is_empty(), || {
        format!("{case}: we are a second master")
    })?;
    outcome.count(&duel.audit()?);
    drop(duel);

    let mut roles = preferring(case, OURS);
    roles[THEIRS].addresses += 1;
    let mut duel = Duel::new(case, "list-ours", roles)?;
    // We are master before they start, so that an advertisement of theirs is a refusal. It is the
    // only one of a master keepalived 2.2.7, see `fixed_interval`.
    let begin = now();
    duel.start(OURS)?;
    duel.wait_for_lone(OURS, SETTLED, begin, "our shorter list")?;
    let joined = now();
    duel.start(THEIRS)?;
    let known = case.peer.software() == Software::Keepalived;
    if !case.peer.takes_other_lists() {
        duel.wait_for_count(THEIRS, 1, joined, "a second master")?;
    }
    // The first half for their start.
    duel.wait_for_count(OURS, 2 * STILL, joined, "our shorter list beside them")?;
    let account = duel.audit()?;
    let ends: Vec<End> = account.reigns.iter().map(|reign| reign.end).collect();
    must(ends == [End::Open], || {
        format!("{case} list: {:#?}", account.reigns)
    })?;
    outcome.count(&account);
    let accept = duel.adverts(THEIRS, begin).is_empty();
    must(!known || accept == case.peer.takes_other_lists(), || {
        format!("{case}: {} accepts our list: {accept}", case.peer)
    })?;
    outcome.report = format!(
        "list: we accept theirs, they {} ours",
        if accept { "accept" } else { "refuse" }
    );
    Ok(outcome)
}
