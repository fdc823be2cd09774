// SPDX-License-Identifier: MIT OR Apache-2.0
//! Our daemon and another as the two routers of one virtual address, in each dialect of VRRP and
//! in everything that can happen between two routers, judged by the frames they sent alone.
//!
//! Active with `LB_HOST_NS=1`, as root or inside `unshare -Urnm`. `LB_INTEROP=WORDS` plays only
//! those whose line begins with it: `LB_INTEROP=keepalived/v2-ah`, `LB_INTEROP='FRR/v3-ipv6 list'`.

mod acts;
mod dialect;
mod duel;
mod matrix;
mod tracking;

use std::error::Error;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use tests_kernel::cluster::Software;
use tests_kernel::net::Netns;
use tests_kernel::peer::Peer;

use acts::Outcome;
use matrix::{Act, Case, Matrix};

type TestResult<T = ()> = Result<T, Box<dyn Error>>;

/// Ten times what the slowest step takes.
const DEADLINE: Duration = Duration::from_secs(60);
/// Routers mostly wait; so many acts at once keep two processors busy by half.
const AT_ONCE: usize = 12;

fn say(line: &str) -> TestResult {
    Ok(writeln!(std::io::stderr().lock(), "{line}")?)
}

/// Plays all of them, several at once, each on a LAN of its own.
fn play(jobs: &[(Case, Act)]) -> Vec<Result<Outcome, String>> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((case, act)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = acts::play(*case, *act).map_err(|error| error.to_string());
                    if let Ok(mut done) = done.lock() {
                        done.push((*case, *act, outcome));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_default();
    let place = |wanted| jobs.iter().position(|job| *job == wanted);
    done.sort_by_key(|(case, act, _)| place((*case, *act)));
    done.into_iter().map(|(_, _, outcome)| outcome).collect()
}

// shows top level: global_defs, vrrp_instance
// shows global_defs: vrrp_version
// shows vrrp_instance: interface, virtual_router_id, priority, advert_int, authentication, unicast_src_ip, unicast_peer, v3_checksum_as_v2, use_vmac, virtual_ipaddress
// shows authentication: auth_type, auth_pass
#[testbed::host_test]
fn every_dialect_in_every_story() -> TestResult {
    Netns::sweep()?;
    let wanted = std::env::var("LB_INTEROP").unwrap_or_default();
    let [keepalived, frr] = [Software::Keepalived, Software::Frr];
    let asked = Netns::new("asked")?;
    let peers = [Peer::ask(&asked, keepalived)?, Peer::ask(&asked, frr)?];
    drop(asked);
    say(&format!("interop with {} and {}", peers[0], peers[1]))?;
    let mut matrix = Matrix::whole(peers);
    matrix
        .jobs
        .retain(|(case, act)| format!("{case} {act}").starts_with(&wanted));
    let (cases, jobs) = (matrix.cases(), &matrix.jobs);
    let rounds = if std::env::var_os("LB_SOAK").is_some() {
        5
    } else {
        1
    };
    let mut failures = Vec::new();
    for _ in 0..rounds {
        let outcomes = play(jobs);
        for case in &cases {
            let mut report = Vec::new();
            let mut judged = 0;
            for ((_, act), outcome) in jobs
                .iter()
                .zip(&outcomes)
                .filter(|((other_case, _), _)| other_case == case)
            {
                match outcome {
                    Ok(outcome) => {
                        report.push(outcome.report.clone());
                        judged += outcome.judged;
                    }
                    Err(error) => {
                        report.push(format!("{act}: FAILED"));
                        failures.push(error.clone());
                    }
                }
            }
            let report = report.join("; ");
            say(&format!(
                "interop {case}: {report}; {judged} frames of ours judged"
            ))?;
        }
    }
    for (case, act, reason) in &matrix.others {
        say(&format!("interop {case} {act}: not applicable: {reason}"))?;
    }
    say(&format!(
        "interop: {} cases of {} acts, {} acts not applicable",
        cases.len(),
        jobs.len(),
        matrix.others.len()
    ))?;
    assert!(failures.is_empty(), "{}", failures.join("\n====\n"));
    assert!(!jobs.is_empty(), "no case begins with {wanted:?}");
    Ok(())
}

// shows top level: vrrp_sync_group, vrrp_script
// shows vrrp_instance: track_interface, track_script, track_file
// shows vrrp_sync_group: group
// shows vrrp_script: script
// shows track_file: file
#[testbed::host_test]
fn tracking_and_sync_groups_as_in_keepalived() -> TestResult {
    let pairs = [
        [Software::Lbctl, Software::Keepalived],
        [Software::Keepalived, Software::Lbctl],
    ];
    for software in pairs {
        tracking::story(software)?;
    }
    Ok(())
}
