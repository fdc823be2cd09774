// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lbctl run --upgrade`: a new process takes over, and keepalived beside it does not notice.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testbed::{Monitor, play_at_once};
use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Capture, Lan, wait_until};
use tests_kernel::process::{Background, output, pause};
use tests_kernel::tool::lbctl;

use super::{
    DEADLINE, MASTER_DOWN_ADVERTS, TestResult, VIP, instance, pair, status, wait_for_adverts,
};

/// Starts `lbctl run --upgrade`.
pub(crate) fn start_upgrade(director: &Director) -> TestResult<Background> {
    let mut command = director.command(lbctl());
    command.args(["run", "--upgrade", "-f"]);
    command.arg(director.configuration());
    command.arg("--control").arg(director.control());
    Ok(Background::spawn(&mut command)?)
}

fn became_master(director: &Director) -> TestResult {
    wait_until("master", DEADLINE, || {
        let master = director.has_address(VIP);
        master.then_some(()).ok_or_else(|| director.log())
    })?;
    Ok(())
}

/// Waits until it answers, is master and has the address.
fn in_order(director: &Director) -> TestResult {
    wait_until("a director in order", DEADLINE, || {
        let status = status(director).map_err(|error| error.to_string())?;
        let master = status["routers"][0]["state"] == "master";
        let in_order = master && director.has_address(VIP);
        in_order.then_some(()).ok_or_else(|| status.to_string())
    })?;
    Ok(())
}

/// A pair, ours master; keepalived is backup and has said what it had to say.
fn beside_keepalived(lan: &Lan, interval: &str) -> TestResult<[Director; 2]> {
    let [mut ours, mut other] = pair(lan, [Software::Lbctl, Software::Keepalived], interval)?;
    let capture = Capture::start(lan.switch(), "br0")?;
    ours.start()?;
    became_master(&ours)?;
    other.start()?;
    other.daemon()?.wait_for_line("backup", DEADLINE, |line| {
        line.contains("Entering BACKUP STATE")
    })?;
    // Five at once, and five after a second.
    wait_until("all announcements", DEADLINE, || {
        let arps = capture.arps();
        let count = arps.iter().filter(|(_, arp)| arp.sender == VIP).count();
        (count >= 10).then_some(()).ok_or_else(|| count.to_string())
    })?;
    Ok([ours, other])
}

/// Upgrades ours several times at this interval; keepalived must not notice.
fn upgrade_unnoticed(interval: &str, upgrades: u32) -> TestResult {
    let lan = Lan::new()?;
    let [mut ours, mut other] = beside_keepalived(&lan, interval)?;
    let before = status(&ours)?;
    let capture = Capture::start(lan.switch(), "br0")?;
    let monitor = Monitor::start(ours.host().netns(), "address")?;
    let start = Instant::now();

    let mut daemons: Vec<Background> = Vec::new();
    for _ in 0..upgrades {
        let new = start_upgrade(&ours)?;
        let old = match daemons.last_mut() {
            Some(old) => old,
            None => ours.daemon()?,
        };
        let ended = old.wait(DEADLINE)?;
        assert!(ended.success(), "{ended}: {}", old.text());
        new.wait_for_line("end of the handover", DEADLINE, |line| {
            line.contains("replaced the old process")
        })?;
        daemons.push(new);
        wait_until("an answer", DEADLINE, || {
            status(&ours).map(drop).map_err(|error| error.to_string())
        })?;
    }
    let wait: f64 = interval.parse()?;
    wait_for_adverts(&capture, &ours, MASTER_DOWN_ADVERTS)?;

    let log = other.log();
    assert_eq!(log.matches("Entering MASTER STATE").count(), 0, "{log}");
    let source = ours.host().address();
    let mut seen = capture.adverts();
    seen.retain(|(at, _)| *at >= start);
    assert!(seen.len() > 3, "{seen:?}");
    assert!(
        seen.iter()
            .all(|(_, advert)| advert.source == source && advert.priority == 150),
        "{seen:?}"
    );
    for two in seen.windows(2) {
        let gap = (two[1].0 - two[0].0).as_secs_f64();
        // One interval, and less than another one beside it; a busy machine has 100 ms.
        assert!(gap < (2.0 * wait).max(0.1), "a gap of {gap} s at {wait} s");
    }
    let arps = capture.arps();
    let announced = |arp: &&(Instant, tests_kernel::net::Arp)| arp.1.sender == VIP;
    assert_eq!(arps.iter().filter(announced).count(), 0, "announcements");
    let changes = monitor.stop()?;
    assert!(!changes.contains(&VIP.to_string()), "{changes}");

    let after = status(&ours)?;
    assert_ne!(after["pid"], before["pid"]);
    let [old, new] = [&before, &after].map(|status| &status["routers"][0]);
    assert_eq!(new["state"], "master");
    assert_eq!(new["reason"], old["reason"]);
    assert_eq!(new["counters"]["master_transitions"], 1);
    let sent = |status: &serde_json::Value| status["counters"]["advertisements_sent"].as_u64();
    assert!(sent(new) > sent(old));

    // The last one is a daemon like any other.
    let Some(mut last) = daemons.pop() else {
        return Err("no daemon".into());
    };
    last.signal(Signal::SIGTERM);
    assert!(last.wait(DEADLINE)?.success(), "{}", last.text());
    assert!(!ours.has_address(VIP));
    assert!(!ours.control().exists());
    became_master(&other)?;
    other.stop()?;
    Ok(())
}

#[testbed::host_test]
fn keepalived_does_not_notice_at_one_second() -> TestResult {
    upgrade_unnoticed("1", 2)
}

#[testbed::host_test]
fn keepalived_does_not_notice_at_50_milliseconds() -> TestResult {
    upgrade_unnoticed("0.05", 5)
}

/// A broken file ends the new process and leaves the old one alone.
#[testbed::host_test]
fn upgrade_with_broken_file_changes_nothing() -> TestResult {
    let lan = Lan::new()?;
    let [ours, other] = beside_keepalived(&lan, "0.2")?;
    let capture = Capture::start(lan.switch(), "br0")?;
    let pid = status(&ours)?["pid"].clone();
    for broken in [
        "vrrp_instance {",
        &instance(150, "0.2", "").replace("eth0", "eth9"),
    ] {
        ours.configure(broken)?;
        let mut new = start_upgrade(&ours)?;
        let ended = new.wait(DEADLINE)?;
        assert!(!ended.success(), "{}", new.text());
    }
    wait_for_adverts(&capture, &ours, MASTER_DOWN_ADVERTS)?;
    assert_eq!(status(&ours)?["pid"], pid);
    assert_eq!(other.log().matches("Entering MASTER STATE").count(), 0);
    assert!(ours.has_address(VIP));

    // Without a running daemon `--upgrade` starts as usual.
    ours.configure(&instance(150, "0.2", ""))?;
    drop(ours);
    let host = lan.host("r3", std::net::Ipv4Addr::new(192, 168, 1, 13))?;
    let alone = Director::new(host, Software::Lbctl, &instance(200, "0.2", ""))?;
    let mut new = start_upgrade(&alone)?;
    became_master(&alone)?;
    new.signal(Signal::SIGTERM);
    assert!(new.wait(DEADLINE)?.success());
    Ok(())
}

/// Whichever of the two is killed at whatever moment: one of them has the routers, or the next
/// start has.
#[testbed::host_test]
fn a_kill_at_any_moment_is_repaired_by_the_next_start() -> TestResult {
    let delays = [0, 10, 20, 30, 40, 50, 60, 80, 120, 200, 300, 500];
    let kills = [true, false].into_iter().cycle();
    let cases: Vec<(u64, bool)> = delays.into_iter().zip(kills).collect();
    let few: Vec<_> = cases.chunks(4).collect();
    play_at_once(&few, |cases| kill_and_repair(cases))?;
    Ok(())
}

/// Each case: after how many milliseconds one is killed, and whether that is the old one.
fn kill_and_repair(cases: &[(u64, bool)]) -> TestResult {
    let lan = Lan::new()?;
    let [mut ours, other] = pair(&lan, [Software::Lbctl, Software::Lbctl], "0.2")?;
    drop(other);
    let capture = Capture::start(lan.switch(), "br0")?;
    for &(delay, kills_old) in cases {
        ours.start()?;
        became_master(&ours)?;
        let mut new = start_upgrade(&ours)?;
        pause(Duration::from_millis(delay));
        if kills_old {
            ours.daemon()?.kill();
        } else {
            new.kill();
        }
        // The one that is left runs and sends adverts; or it is the old one, which had handed over
        // and ends.
        let killed = Instant::now();
        wait_until("adverts or the end", DEADLINE, || {
            let survivor = if kills_old {
                Ok(&mut new)
            } else {
                ours.daemon()
            };
            let survivor = survivor.map_err(|error| error.to_string())?;
            let adverts = capture.adverts();
            let later = adverts.iter().filter(|(at, _)| *at >= killed).count();
            let decided = later > MASTER_DOWN_ADVERTS || !survivor.is_running();
            decided.then_some(()).ok_or_else(|| survivor.text())
        })?;
        let survivor = if kills_old { &mut new } else { ours.daemon()? };
        if survivor.is_running() {
            in_order(&ours)?;
            let survivor = if kills_old { &mut new } else { ours.daemon()? };
            survivor.signal(Signal::SIGTERM);
            assert!(survivor.wait(DEADLINE)?.success(), "{}", survivor.text());
            assert!(!ours.has_address(VIP), "after {delay} ms");
        } else {
            assert!(!kills_old, "the new one ended: {}", survivor.text());
        }
        // Whatever was left: the next start is as any other.
        ours.start()?;
        in_order(&ours)?;
        ours.stop()?;
        assert!(!ours.has_address(VIP), "after {delay} ms");
    }
    Ok(())
}

/// `lbctl upgrade` has the running daemon start the new process.
#[testbed::host_test]
fn lbctl_upgrade_starts_the_new_process() -> TestResult {
    let lan = Lan::new()?;
    let [mut ours, other] = beside_keepalived(&lan, "0.2")?;
    let before = status(&ours)?["pid"].clone();
    // With errors in its file the new one ends.
    let file = instance(150, "0.2", "");
    ours.configure("vrrp_instance {")?;
    let mut command = ours.host().netns().command(lbctl());
    command.arg("upgrade").arg("--control").arg(ours.control());
    let refused = output(&mut command, DEADLINE)?;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let text = String::from_utf8(refused.stderr)?;
    assert_eq!(
        text,
        format!("the new process ended (see the log); PID {before} keeps running\n")
    );
    assert_eq!(status(&ours)?["pid"], before);

    ours.configure(&file)?;
    let text = ours.lbctl(&["upgrade"])?;
    let pid = status(&ours)?["pid"].clone();
    assert_eq!(
        text,
        format!("PID {pid} has taken over from PID {before}\n")
    );
    let ended = ours.daemon()?.wait(DEADLINE)?;
    assert!(ended.success(), "{ended}");
    assert_eq!(other.log().matches("Entering MASTER STATE").count(), 0);
    in_order(&ours)?;
    // The one after that, too.
    ours.lbctl(&["upgrade"])?;
    let last = status(&ours)?["pid"].as_i64().ok_or("no pid")?;
    assert_ne!(pid, last);
    let last = Pid::from_raw(i32::try_from(last)?);
    kill(last, Signal::SIGTERM)?;
    wait_until("the end", DEADLINE, || {
        let gone = !ours.control().exists() && !ours.has_address(VIP);
        gone.then_some(()).ok_or_else(|| "still there".to_owned())
    })?;
    Ok(())
}
