// SPDX-License-Identifier: MIT OR Apache-2.0
//! The article's cluster with our daemon on both directors, on a real kernel: what stands on the
//! wire and in the tables, what happens to real servers that fail, what a reload changes, and what
//! bad input does not do.

#![allow(clippy::unwrap_used, reason = "tests")]

mod article;
mod bad_input;
mod bad_packets;
mod by_hand;
mod checks;
mod datagram_checks;
mod drop_in;
mod forwarding;
mod ipvlan;
mod known;
mod links;
mod regex;
mod reload;
mod service;
mod sorry;
mod ssl_get;
mod status_lines;
mod upgrade;

use std::error::Error;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use tests_kernel::cluster::{Cluster, DIRECTORS, Director, Forwarding, REAL_SERVERS, Software};
use tests_kernel::net::{Mail, NetError, wait_until};
use tests_kernel::tool::Tool;

type TestResult<T = ()> = Result<T, Box<dyn Error>>;

/// Ten times nominal, for what has no bound of its own.
const DEADLINE: Duration = Duration::from_secs(40);
/// The virtual server in logs and mails.
const VIRTUAL_SERVER: &str = "[192.168.1.50]:tcp:80";
/// The real servers in logs and mails.
const NAMES: [&str; 2] = ["[192.168.1.61]:tcp:80", "[192.168.1.62]:tcp:80"];

/// The article's file with checks every second and one quick retry.
fn fast(text: &str) -> String {
    text.replace("delay_loop 5", "delay_loop 1")
        .replace("connect_timeout 3", "connect_timeout 1")
        .replace("nb_get_retry 3", "nb_get_retry 1")
        .replace("delay_before_retry 3", "delay_before_retry 1")
}

/// The same with the sorry server on, and mails of everything.
fn fast_and_sorry(text: &str) -> String {
    fast(text)
        .replace("#sorry_server", "sorry_server")
        .replace("   router_id", "   smtp_alert\n   router_id")
}

/// A running cluster of ours.
fn start(forwarding: Forwarding, edit: impl Fn(&str) -> String) -> Result<Cluster, NetError> {
    let mut cluster = Cluster::new([Software::Lbctl; 2], forwarding, edit)?;
    cluster.start()?;
    Ok(cluster)
}

/// Waits until the director's table has exactly these destinations, and returns how long it took.
fn time_until_table(
    director: &Director,
    since: Instant,
    wanted: &[Ipv4Addr],
) -> Result<Duration, NetError> {
    director.wait_for_table(wanted, DEADLINE)?;
    Ok(since.elapsed())
}

/// Waits until the director's log has each of these, as parts of lines.
fn wait_for_log(director: &Director, wanted: &[&str]) -> Result<(), NetError> {
    wait_until("lines in the log", DEADLINE, || {
        let log = director.log();
        match wanted.iter().find(|wanted| !log.contains(**wanted)) {
            None => Ok(()),
            Some(missing) => Err(format!("no {missing:?} in:\n{log}")),
        }
    })
}

/// Waits until mails with these subjects have arrived, among others.
fn wait_for_mails(cluster: &Cluster, wanted: &[String]) -> Result<(), NetError> {
    wait_until("mails", DEADLINE, || {
        let mails = cluster.mail.mails();
        let subjects: Vec<_> = mails.iter().map(Mail::subject).collect();
        match wanted.iter().find(|wanted| !subjects.contains(wanted)) {
            None => Ok(()),
            Some(missing) => Err(format!("no {missing:?} among {subjects:#?}")),
        }
    })
}

/// Waits until the director's own ipvsadm counts no more: its statistics follow every 2 s.
fn settled_statistics(director: &Director) -> Result<String, NetError> {
    const TICKS: Duration = Duration::from_millis(4500);
    let mut last: Option<(Instant, String)> = None;
    wait_until("settled statistics", DEADLINE, || {
        let now = Tool::Ipvsadm
            .run(director.host().netns(), "-L -n --stats --exact")
            .map_err(|error| error.to_string())?;
        match &last {
            Some((since, text)) if *text == now => {
                if since.elapsed() >= TICKS {
                    return Ok(now);
                }
            }
            _ => last = Some((Instant::now(), now.clone())),
        }
        Err(now)
    })
}

/// Asserts that the master never paused for as long as makes a backup take over: three intervals of a
/// second, without the skew time. How late a single advertisement is depends on how busy the machine
/// beneath the guest is; that is for the benches.
fn assert_steady(cluster: &Cluster, since: Instant) {
    let gap = longest_gap(cluster, since);
    assert!(gap < Duration::from_secs(3), "no advertisement for {gap:?}");
}

/// The longest silence between the master's advertisements.
fn longest_gap(cluster: &Cluster, since: Instant) -> Duration {
    let sent: Vec<Instant> = cluster
        .wire
        .adverts()
        .into_iter()
        .filter(|(at, advert)| *at >= since && advert.source == DIRECTORS[0])
        .map(|(at, _)| at)
        .collect();
    let gaps = sent.windows(2).map(|pair| pair[1] - pair[0]);
    gaps.max().unwrap_or(Duration::MAX)
}

/// A table's row for a destination, blanks as single ones.
fn row(table: &str, destination: Ipv4Addr) -> Option<String> {
    let wanted = format!("-> {destination}:");
    let line = table.lines().find(|line| line.contains(&wanted))?;
    Some(line.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Both real servers take requests in turn.
fn assert_balanced(cluster: &Cluster) -> TestResult {
    let spread = cluster.client.spread(20)?;
    assert_eq!(spread, [("rs1".to_owned(), 10), ("rs2".to_owned(), 10)]);
    for director in &cluster.directors {
        director.wait_for_table(&REAL_SERVERS, DEADLINE)?;
    }
    Ok(())
}
