// SPDX-License-Identifier: MIT OR Apache-2.0
//! A new process takes over the table: no entry is replaced, no client loses a request, and our
//! entries stay ours.

use std::collections::BTreeSet;
use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tests_kernel::cluster::{
    CONFIGURATION, Cluster, Director, Forwarding, POLL_TIMEOUT, REAL_SERVERS, SORRY_SERVER,
};
use tests_kernel::net::{Behaviour, NetError, Netns, wait_until};
use tests_kernel::process::{Background, pause};
use tests_kernel::tool::{Tool, lbctl};

use crate::{DEADLINE, NAMES, TestResult, VIRTUAL_SERVER, fast, start, wait_for_mails};

const OURS: &str = "-t 192.168.1.50:80";
/// An external entry.
const BY_HAND: [&str; 2] = [
    "-A -t 192.168.1.77:8080 -s rr",
    "-a -t 192.168.1.77:8080 -r 192.168.1.61:8080 -g -w 3",
];

/// The article's file with slow checks: what is missing from the handover
/// state a new process does not find out itself before long.
fn slow(text: &str) -> String {
    fast(text).replace("delay_loop 1", "delay_loop 3")
}

/// The same with a third real server.
fn slow_and_third() -> String {
    let text = slow(CONFIGURATION);
    let (head, block) = text.rsplit_once("    real_server 192.168.1.62").unwrap();
    let (block, end) = block.rsplit_once('}').unwrap();
    let third = format!("    real_server {SORRY_SERVER}{block}");
    format!("{head}    real_server 192.168.1.62{block}{third}}}{end}")
}

/// Starts a daemon that takes the place of the one on this director, and waits until it has.
fn upgrade(director: &mut Director, daemons: &mut Vec<Background>) -> TestResult {
    let mut command = director.command(lbctl());
    command.args(["run", "--upgrade", "-f"]);
    command.arg(director.configuration());
    command.arg("--control").arg(director.control());
    let new = Background::spawn(&mut command)?;
    let old = match daemons.last_mut() {
        Some(old) => old,
        None => director.daemon()?,
    };
    let ended = old.wait(DEADLINE)?;
    assert!(ended.success(), "{ended}: {}", old.text());
    new.wait_for_line("first checks", DEADLINE, |line| {
        line.contains("Activating healthchecker for service [192.168.1.62]")
    })?;
    daemons.push(new);
    Ok(())
}

/// All that `ipvsadm -Sn` said in a while.
struct Sampled {
    stop: Arc<AtomicBool>,
    thread: thread::JoinHandle<Result<(BTreeSet<String>, usize), String>>,
}

impl Sampled {
    fn start(netns: &Netns) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (netns, until) = (netns.clone(), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            let (mut seen, mut samples) = (BTreeSet::new(), 0);
            while !until.load(Ordering::Relaxed) {
                let rules = Tool::Ipvsadm.run(&netns, "-S -n");
                seen.insert(rules.map_err(|error| error.to_string())?);
                samples += 1;
            }
            Ok((seen, samples))
        });
        Self { stop, thread }
    }

    /// The different tables there were.
    fn end(self) -> Result<BTreeSet<String>, String> {
        self.stop.store(true, Ordering::Relaxed);
        let sampled = self.thread.join();
        let (seen, samples) = sampled.unwrap_or_else(|_| Err("sampler panicked".to_owned()))?;
        assert!(samples > 5, "{samples} samples only");
        Ok(seen)
    }
}

fn rules(netns: &Netns) -> Result<String, NetError> {
    Ok(Tool::Ipvsadm.run(netns, "-S -n")?)
}

/// Connections that the kernel counted for our service and each destination, by the first word of
/// its line.
fn counted(netns: &Netns) -> Result<Vec<(String, u64)>, Box<dyn Error>> {
    let table = Tool::Ipvsadm.run(netns, &format!("-L -n --stats --exact {OURS}"))?;
    let lines = table.lines().skip_while(|line| !line.starts_with("TCP"));
    lines
        .map(|line| {
            let mut words = line.split_whitespace().skip(1);
            let who = words.next().ok_or_else(|| table.clone())?.to_owned();
            let connections = words.next().ok_or_else(|| table.clone())?;
            Ok((who, connections.parse()?))
        })
        .collect()
}

fn has(table: &str, destination: Ipv4Addr) -> bool {
    table.contains(&format!("-r {destination}:80 "))
}

#[testbed::guest_test]
fn upgrade_keeps_the_table() -> TestResult {
    let mut cluster = start(Forwarding::DirectRouting, slow)?;
    let netns = cluster.directors[0].host().netns().clone();
    for command in BY_HAND {
        Tool::Ipvsadm.run(&netns, command)?;
    }
    cluster.servers[0].set_behaviour(Behaviour::Refuse);
    wait_until("rs1 is out", DEADLINE, || {
        let table = rules(&netns).map_err(|error| error.to_string())?;
        if has(&table, REAL_SERVERS[0]) {
            Err(table)
        } else {
            Ok(())
        }
    })?;
    let poller = cluster.poll()?;
    let since = Instant::now();
    let mut daemons = Vec::new();

    two_upgrades_change_nothing(&mut cluster, &mut daemons)?;
    what_is_repaired_comes_back(&cluster, &netns)?;
    another_file_changes_the_difference(&mut cluster, &mut daemons)?;
    // The fate of the last attempts is open.
    pause(2 * POLL_TIMEOUT);
    let attempts = poller.attempts();
    assert!(attempts.len() > 300, "{} requests only", attempts.len());
    let mut asked = attempts.iter().filter(|attempt| attempt.start >= since);
    let lost = asked.find(|attempt| attempt.result.is_err());
    assert!(lost.is_none(), "{lost:?}");
    drop(poller);

    killed_and_started_again(&mut cluster, &mut daemons)?;

    // What was taken over goes with an orderly stop, and nothing else.
    upgrade(&mut cluster.directors[0], &mut daemons)?;
    let Some(mut last) = daemons.pop() else {
        return Err("no daemon".into());
    };
    last.signal(Signal::SIGTERM);
    let status = last.wait(DEADLINE)?;
    assert!(status.success(), "{status}: {}", last.text());
    assert_eq!(rules(&netns)?, by_hand());
    let ledger = cluster.directors[0]
        .control()
        .with_file_name("control.sock.ledger");
    assert!(!ledger.exists(), "a ledger of nothing");
    Ok(())
}

/// The external entries alone.
fn by_hand() -> String {
    BY_HAND.map(|command| format!("{command}\n")).concat()
}

/// Two upgrades in a row: the process in between has not run all its checks yet.
fn two_upgrades_change_nothing(cluster: &mut Cluster, daemons: &mut Vec<Background>) -> TestResult {
    let netns = cluster.directors[0].host().netns().clone();
    let before = rules(&netns)?;
    assert!(
        !has(&before, REAL_SERVERS[0]) && has(&before, REAL_SERVERS[1]),
        "{before}"
    );
    let mails = cluster.mail.mails().len();
    // The poller has begun just now.
    let counted_before = wait_until("connections are counted", DEADLINE, || {
        let counted = counted(&netns).map_err(|error| error.to_string())?;
        let all = counted.iter().all(|(_, count)| *count > 0);
        if all {
            Ok(counted)
        } else {
            Err(format!("{counted:?}"))
        }
    })?;

    let sampled = Sampled::start(&netns);
    for _ in 0..2 {
        upgrade(&mut cluster.directors[0], daemons)?;
    }
    // Longer than a round of checks with its retry.
    pause(Duration::from_secs(5));
    let seen = sampled.end()?;
    assert_eq!(Vec::from_iter(seen), [before], "tables on the way");

    // A replaced entry counts from zero.
    let counted_now = counted(&netns)?;
    for (was, is) in counted_before.iter().zip(&counted_now) {
        assert!(
            is.0 == was.0 && is.1 > was.1,
            "{counted_before:?}, {counted_now:?}"
        );
    }
    assert_eq!(cluster.mail.mails().len(), mails, "mailed again");
    for daemon in &*daemons {
        let text = daemon.text();
        assert!(!text.contains("Adding service"), "{text}");
        assert!(!text.contains("Entering "), "{text}");
    }
    Ok(())
}

fn what_is_repaired_comes_back(cluster: &Cluster, netns: &Netns) -> TestResult {
    cluster.servers[0].set_behaviour(Behaviour::Serve);
    wait_until("rs1 is back", DEADLINE, || {
        let table = rules(netns).map_err(|error| error.to_string())?;
        if has(&table, REAL_SERVERS[0]) {
            Ok(())
        } else {
            Err(table)
        }
    })?;
    let up = format!(
        "[lb1] Realserver {} of virtual server {VIRTUAL_SERVER} - UP",
        NAMES[0]
    );
    wait_for_mails(cluster, &[up])?;
    Ok(())
}

/// A third real server; the others keep their counters.
fn another_file_changes_the_difference(
    cluster: &mut Cluster,
    daemons: &mut Vec<Background>,
) -> TestResult {
    let netns = cluster.directors[0].host().netns().clone();
    // Both have traffic that the kernel has counted, which it does every 2 s.
    let mut counted_before = Vec::new();
    wait_until("traffic of both", DEADLINE, || {
        counted_before = counted(&netns).map_err(|error| error.to_string())?;
        let both = counted_before
            .iter()
            .filter(|(_, count)| *count > 0)
            .count()
            == 3;
        if both {
            Ok(())
        } else {
            Err(format!("{counted_before:?}"))
        }
    })?;
    let before = rules(&netns)?;
    cluster.directors[0].configure(&slow_and_third())?;
    upgrade(&mut cluster.directors[0], daemons)?;
    wait_until("the third", DEADLINE, || {
        let table = rules(&netns).map_err(|error| error.to_string())?;
        let (third, others): (Vec<_>, Vec<_>) = table
            .lines()
            .partition(|line| line.contains(&format!("-r {SORRY_SERVER}:80")));
        let same = others == before.lines().collect::<Vec<_>>();
        if third.len() == 1 && same {
            Ok(())
        } else {
            Err(table)
        }
    })?;
    for (who, count) in counted(&netns)? {
        let was = counted_before.iter().find(|(other, _)| *other == who);
        assert!(
            was.is_none_or(|(_, was)| count >= *was),
            "{who} was replaced"
        );
    }
    Ok(())
}

/// The new one dies before it has said a word more: the next start adopts all of it.
fn killed_and_started_again(cluster: &mut Cluster, daemons: &mut Vec<Background>) -> TestResult {
    let netns = cluster.directors[0].host().netns().clone();
    upgrade(&mut cluster.directors[0], daemons)?;
    let before = rules(&netns)?;
    let counted_before = counted(&netns)?;
    let Some(mut last) = daemons.pop() else {
        return Err("no daemon".into());
    };
    let sampled = Sampled::start(&netns);
    last.kill();
    daemons.clear();
    cluster.directors[0].start()?;
    let started = cluster.directors[0].daemon()?;
    started.wait_for_line("adoption", DEADLINE, |line| {
        line.contains("adopting the services of an earlier run")
    })?;
    cluster.wait_for_master(0, DEADLINE)?;
    pause(Duration::from_secs(1));
    let seen = sampled.end()?;
    assert_eq!(Vec::from_iter(seen), [before], "tables on the way");
    for (was, is) in counted_before.iter().zip(&counted(&netns)?) {
        assert!(is.0 == was.0 && is.1 >= was.1, "{was:?}, {is:?}");
    }
    Ok(())
}
