// SPDX-License-Identifier: MIT OR Apache-2.0
//! keepalived and our daemon side by side, with the same file and the same servers: the tables over time,
//! and the log lines of transitions.

use std::fs;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use tests_kernel::cluster::{Director, REAL_SERVERS, Software};
use tests_kernel::net::{Lan, wait_until};
use tests_kernel::process::pause;

use crate::cases::{Case, Moment, Outage, Server, cases};
use crate::series::{Change, Series};
use crate::{DEADLINE, TestResult};

/// Period of the checks.
pub(crate) const PERIOD: Duration = Duration::from_secs(3);
/// What does not last that long is a step of a change.
const STEP: Duration = Duration::from_secs(1);
/// How much longer than its periods a verdict may take: the guest has one slow processor for all.
const SLACK: Duration = Duration::from_secs(3);
/// Length of a short outage, during which each check runs at least once; its retries take three times as long.
const SHORT: Duration = PERIOD;
const FIRST_PORT: u16 = 8001;

/// How the lines of transitions begin, in both logs.
const TRANSITIONS: &[&str] = &[
    "Adding service ",
    "Removing service ",
    "Enabling service ",
    "Disabling service ",
    "Changing weight from ",
    "Gained quorum ",
    "Lost quorum ",
    "Adding sorry server ",
    "Removing sorry server ",
    "Adding alive servers ",
    "Removing alive servers ",
];

/// A director with its table over time.
struct Side {
    director: Director,
    series: Series,
}

/// Waits until both have this pool for each case.
fn wait_for(
    sides: &[Side; 2],
    cases: &[(u16, Case)],
    wanted: impl Fn(&Case) -> &'static str,
) -> TestResult {
    wait_until("the same pools", DEADLINE, || {
        for side in sides {
            for (port, case) in cases {
                let (pool, wanted) = (side.series.now(*port), wanted(case));
                if pool.as_deref() != Some(wanted) {
                    let software = side.director.software();
                    let log = side.director.log();
                    let name = case.name;
                    return Err(format!(
                        "{software}, {name}: {pool:?}, not {wanted:?}\n{log}"
                    ));
                }
            }
        }
        Ok(())
    })?;
    Ok(())
}

/// The lines of transitions of one virtual server, in their order, without what precedes and follows them.
fn transitions(log: &str, port: u16) -> Vec<String> {
    let name = format!("[192.168.1.50]:tcp:{port}");
    let line = |line: &str| {
        let begin = TRANSITIONS.iter().find_map(|words| line.find(words))?;
        let line = line.get(begin..)?;
        let end = line.find(" reason=").unwrap_or(line.len());
        let line = line.get(..end)?.trim_end_matches('.');
        // keepalived changes the weight before it adds the real server, ours at the same time.
        let line = line.replace(" for inactive service ", " for active service ");
        line.contains(&name).then_some(line)
    };
    let mut lines: Vec<String> = log.lines().filter_map(line).collect();
    // Only ours logs that a failure ends the weight that the check asked for.
    let is_end = |pair: &[String]| matches!(pair, [one, next] if one.starts_with("Changing") && next.starts_with("Removing"));
    while let Some(at) = lines.windows(2).position(is_end) {
        lines.remove(at);
    }
    lines
}

/// The changes of pools from a moment on, second by second: keepalived makes a change of several destinations in
/// steps, and a step that is seen alone does not last.
fn since(changes: &[Change], moment: Instant) -> Vec<Change> {
    let lasts = |at: usize| {
        let next = changes.get(at + 1);
        next.is_none_or(|next| next.at - changes[at].at >= STEP)
    };
    let lasting = changes.iter().enumerate().filter(|(at, _)| lasts(*at));
    let mut lasting: Vec<Change> = lasting.map(|(_, change)| change.clone()).collect();
    // What comes back after a step is no change.
    lasting.dedup_by(|next, earlier| next.pool == earlier.pool);
    lasting.retain(|change| change.at >= moment);
    lasting
}

/// Asserts that both sides changed in the same way, and each change at nearly the same time.
fn assert_same(sides: &[Side; 2], (port, case): &(u16, Case), moment: Instant) {
    let [theirs, ours] = [0, 1].map(|side| since(&sides[side].series.of_port(*port), moment));
    let pools = |changes: &[Change]| -> Vec<String> {
        changes.iter().map(|change| change.pool.clone()).collect()
    };
    let after = |change: &Change| change.at.saturating_duration_since(moment);
    let name = case.name;
    assert_eq!(pools(&theirs), pools(&ours), "{name}");
    for (theirs, ours) in theirs.iter().zip(&ours) {
        let apart = after(theirs).abs_diff(after(ours));
        assert!(
            apart <= PERIOD * case.periods + SLACK,
            "{name}: {:?} after {:?} with keepalived, {:?} with ours",
            theirs.pool,
            after(theirs),
            after(ours)
        );
    }
}

// shows url: regex
// shows real_server: FILE_CHECK
// shows FILE_CHECK: track_file, weight
#[testbed::guest_test]
fn outages_have_the_consequences_that_they_have_with_keepalived() -> TestResult {
    let lan = Lan::new()?;
    let host = lan.host("s1", REAL_SERVERS[0])?;
    let folder = std::env::temp_dir().join(format!("outages-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let cases: Vec<(u16, Case)> = (FIRST_PORT..).zip(cases()).collect();
    let servers: Vec<Server> = cases
        .iter()
        .map(|(port, case)| Server::start(case, *port, host.netns(), &folder))
        .collect::<TestResult<_>>()?;
    let definitions = cases
        .iter()
        .map(|(port, case)| case.definition(*port, &folder));
    let blocks = cases.iter().map(|(port, case)| case.block(*port, &folder));
    let text = "global_defs {\n script_user root\n}\n".to_owned()
        + &definitions.chain(blocks).collect::<String>();

    let side = |number: u8, software| -> TestResult<Side> {
        let address = Ipv4Addr::new(192, 168, 1, 10 + number);
        let director = Director::new(lan.host(&format!("lb{number}"), address)?, software, &text)?;
        let series = Series::start(director.host().netns())?;
        Ok(Side { director, series })
    };
    let mut sides = [side(1, Software::Keepalived)?, side(2, Software::Lbctl)?];
    for side in &mut sides {
        side.director.start()?;
    }
    wait_for(&sides, &cases, |case| case.pools[0])?;

    let begin = Instant::now();
    let each = |outage: Option<Outage>| {
        let both = cases.iter().zip(&servers);
        both.filter(move |((_, case), _)| outage.is_none_or(|outage| case.outage == outage))
    };
    for (_, server) in each(None) {
        server.set(Moment::Within)?;
    }
    // The short outage has this length, nothing is awaited.
    pause(SHORT);
    for (_, server) in each(Some(Outage::Short)) {
        server.set(Moment::After)?;
    }
    wait_for(&sides, &cases, |case| case.pools[1])?;
    // The last pools of the outage are no steps, either.
    pause(STEP);
    for case in &cases {
        assert_same(&sides, case, begin);
    }

    let end = Instant::now();
    for (_, server) in each(Some(Outage::Long)) {
        server.set(Moment::After)?;
    }
    wait_for(&sides, &cases, |case| case.pools[2])?;
    for case in &cases {
        assert_same(&sides, case, end);
        let pools = [0, 1].map(|side| {
            let changes = since(&sides[side].series.of_port(case.0), begin);
            let pools = changes.into_iter().map(|change| change.pool);
            pools.collect::<Vec<_>>()
        });
        let log = sides[0].director.log();
        assert_eq!(
            pools[0], pools[1],
            "{}: keepalived's log:\n{log}",
            case.1.name
        );
    }
    let logs = [0, 1].map(|side| sides[side].director.log());
    for (port, case) in &cases {
        let [mut theirs, ours] = [0, 1].map(|side| transitions(&logs[side], *port));
        // keepalived has a line, too, about a quorum that is there from the start.
        let is_at_start = !case.lines.contains("alpha");
        if is_at_start
            && theirs
                .first()
                .is_some_and(|line| line.starts_with("Gained quorum"))
        {
            theirs.remove(0);
        }
        assert_eq!(theirs, ours, "{}: keepalived and ours", case.name);
        assert!(!ours.is_empty(), "{}", case.name);
    }
    for side in &mut sides {
        let (status, log) = side.director.stop()?;
        assert!(status.success(), "{log}");
    }
    fs::remove_dir_all(&folder)?;
    Ok(())
}
