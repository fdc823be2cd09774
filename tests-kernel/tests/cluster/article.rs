// SPDX-License-Identifier: MIT OR Apache-2.0
//! The article's file, unchanged: addresses, adverts, balance, and the time until a real server is
//! out and back.

use std::fs;
use std::time::{Duration, Instant};

use tests_kernel::cluster::{Cluster, DIRECTORS, Forwarding, REAL_SERVERS, VIP, results};
use tests_kernel::net::{Behaviour, filter};

use crate::{
    DEADLINE, NAMES, TestResult, VIRTUAL_SERVER, assert_steady, row, start, wait_for_log,
    wait_for_mails,
};

/// delay_loop + 3 × delay_before_retry + 1 s.
const REFUSED: Duration = Duration::from_secs(5 + 3 * 3 + 1);
/// 4 × connect_timeout more.
const SILENT: Duration = Duration::from_secs(5 + 3 * 3 + 1 + 4 * 3);
/// delay_loop + connect_timeout (an attempt may be under way) + 2 s for the guest's slowness.
const BACK: Duration = Duration::from_secs(5 + 3 + 2);

// shows virtual_server: ha_suspend, lb_algo
// shows global_defs: notification_email, notification_email_from
#[testbed::guest_test]
fn the_articles_file() -> TestResult {
    let cluster = start(Forwarding::DirectRouting, str::to_owned)?;
    let begin = Instant::now();
    address_on_one_director_only(&cluster)?;
    balanced(&cluster)?;
    only_the_master_checks(&cluster);
    real_servers_fail_and_return(&cluster)?;
    mails(&cluster)?;
    adverts(&cluster, begin);
    fs::write(
        results().join("article-lb1.log"),
        cluster.directors[0].log(),
    )?;
    Ok(())
}

fn address_on_one_director_only(cluster: &Cluster) -> TestResult {
    let shown = |index: usize| {
        let netns = cluster.directors[index].host().netns();
        netns.ip("-4 -o addr show dev eth0")
    };
    let (master, backup) = (shown(0)?, shown(1)?);
    // The mark of our addresses, which iproute2 shows as of a version between 6.1 and 7.3.
    let master = master.replace(" proto 0x70 ", " ");
    let wanted = format!("inet {VIP}/32 brd 192.168.1.255 scope global eth0");
    assert!(master.contains(&wanted), "{master}");
    assert!(!backup.contains(&VIP.to_string()), "{backup}");
    Ok(())
}

fn balanced(cluster: &Cluster) -> TestResult {
    let spread = cluster.client.spread(20)?;
    assert_eq!(spread, [("rs1".to_owned(), 10), ("rs2".to_owned(), 10)]);
    for server in &cluster.servers {
        let served = server.requests_from(cluster.client_host.address());
        assert_eq!(served, 10, "{}", server.name());
    }
    for director in &cluster.directors {
        let table = director.table()?;
        for server in REAL_SERVERS {
            let row = row(&table, server).unwrap_or_default();
            assert!(
                row.starts_with(&format!("-> {server}:80 Route 1 ")),
                "{table}"
            );
        }
    }
    Ok(())
}

/// `ha_suspend`: the backup does not probe, and its log states it.
fn only_the_master_checks(cluster: &Cluster) {
    for server in &cluster.servers {
        let [master, backup] = DIRECTORS.map(|director| server.requests_from(director));
        assert!(master > 0, "{} was not checked", server.name());
        assert_eq!(backup, 0, "{} was checked by the backup", server.name());
    }
    let log = cluster.directors[1].log();
    let suspended = format!("Suspending healthchecker for service {}", NAMES[0]);
    assert!(log.contains(&suspended), "{log}");
}

fn real_servers_fail_and_return(cluster: &Cluster) -> TestResult {
    let master = &cluster.directors[0];
    let silent = cluster.real_server(1).netns();
    filter::drop_tcp(silent, "eth0", 80)?;
    cluster.servers[0].set_behaviour(Behaviour::Refuse);
    let at = Instant::now();
    master.wait_for_table(&REAL_SERVERS[1..], DEADLINE)?;
    let refused = at.elapsed();
    master.wait_for_table(&[], DEADLINE)?;
    let silenced = at.elapsed();
    assert!(
        refused <= REFUSED,
        "a refusing one was out after {refused:?}"
    );
    assert!(
        silenced <= SILENT,
        "a silent one was out after {silenced:?}"
    );
    wait_for_log(
        master,
        &[
            &format!("HTTP_CHECK on service {} failed after 3 retries.", NAMES[0]),
            &format!("Removing service {} from VS {VIRTUAL_SERVER}", NAMES[0]),
            &format!("Removing service {} from VS {VIRTUAL_SERVER}", NAMES[1]),
            &format!("Lost quorum 1-0=1 > 0 for VS {VIRTUAL_SERVER}"),
        ],
    )?;
    assert!(cluster.client.get("/", Duration::from_secs(2)).is_err());

    filter::accept_tcp(silent, "eth0", 80)?;
    cluster.servers[0].set_behaviour(Behaviour::Serve);
    let at = Instant::now();
    master.wait_for_table(&REAL_SERVERS, DEADLINE)?;
    let back = at.elapsed();
    let times = format!("refusing {refused:.1?}, silent {silenced:.1?}, both back {back:.1?}\n");
    fs::write(results().join("article-times"), times)?;
    assert!(back <= BACK, "both were back after {back:?}");
    wait_for_log(
        master,
        &[
            &format!("Adding service {} to VS {VIRTUAL_SERVER}", NAMES[0]),
            &format!("Adding service {} to VS {VIRTUAL_SERVER}", NAMES[1]),
            &format!("Gained quorum 1+0=1 <= 1 for VS {VIRTUAL_SERVER}"),
        ],
    )?;
    let spread = cluster.client.spread(10)?;
    assert_eq!(spread, [("rs1".to_owned(), 5), ("rs2".to_owned(), 5)]);
    Ok(())
}

/// From the one sender, to both recipients, what happened in the subject.
fn mails(cluster: &Cluster) -> TestResult {
    let mut wanted = Vec::new();
    // Of real servers only: keepalived's default.
    for state in ["DOWN", "UP"] {
        wanted.extend(NAMES.map(|server| {
            format!("[lb1] Realserver {server} of virtual server {VIRTUAL_SERVER} - {state}")
        }));
    }
    wait_for_mails(cluster, &wanted)?;
    for mail in cluster.mail.mails() {
        assert_eq!(mail.from, "nagios@domain.local");
        assert_eq!(mail.to, ["sysadmin@domain.local", "root@domain.local"]);
        assert!(wanted.contains(&mail.subject()), "{}", mail.text);
        let (_, body) = mail.text.split_once("\n\n").unwrap_or_default();
        assert!(body.starts_with("=> "), "{}", mail.text);
    }
    Ok(())
}

/// What was on the wire in all that time: the master alone, once a second.
fn adverts(cluster: &Cluster, begin: Instant) {
    let adverts: Vec<_> = cluster
        .wire
        .adverts()
        .into_iter()
        .filter(|(at, _)| *at >= begin)
        .collect();
    for (_, advert) in &adverts {
        assert_eq!(advert.source, DIRECTORS[0]);
        assert_eq!(advert.destination.octets(), [224, 0, 0, 18]);
        assert_eq!((advert.ttl, advert.version), (255, 2));
        assert_eq!((advert.vrid, advert.priority), (100, 100));
        assert_eq!((advert.authentication_type, advert.interval), (1, 1));
        assert_eq!(advert.addresses, [VIP]);
        assert_eq!(&advert.authentication, b"secret\0\0");
        assert!(advert.checksum_ok);
    }
    // The median: a machine that stalls for a moment delays single adverts.
    let mut gaps: Vec<f64> = adverts
        .windows(2)
        .map(|pair| (pair[1].0 - pair[0].0).as_secs_f64())
        .collect();
    gaps.sort_by(f64::total_cmp);
    let median = gaps[gaps.len() / 2];
    assert!((0.99..=1.01).contains(&median), "one in {median} s");
    assert_steady(cluster, begin);
}
