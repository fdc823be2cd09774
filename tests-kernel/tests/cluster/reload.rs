// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a reload changes and what it does not; external changes to the table.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use tests_kernel::cluster::{
    CONFIGURATION, Cluster, DIRECTORS, Forwarding, REAL_SERVERS, SORRY_SERVER, Software, VIP,
};
use tests_kernel::net::{Behaviour, NetError, Netns, wait_until};
use tests_kernel::process::pause;
use tests_kernel::tool::Tool;

use crate::{
    DEADLINE, NAMES, TestResult, assert_steady, fast, row, settled_statistics, start, wait_for_log,
};

const ALL: [Ipv4Addr; 3] = [REAL_SERVERS[0], REAL_SERVERS[1], SORRY_SERVER];
const RELOADING: &str = "reloading ";
/// A new configuration is in force.
const APPLIED: &str = "configuration ";

/// The fast file with a third real server.
fn third_server() -> String {
    let text = fast(CONFIGURATION);
    let (head, block) = text.rsplit_once("    real_server 192.168.1.62").unwrap();
    let (block, end) = block.rsplit_once('}').unwrap();
    let third = format!("    real_server {SORRY_SERVER}{block}");
    format!("{head}    real_server 192.168.1.62{block}{third}}}{end}")
}

/// A connection that stays open after its answer: `ActiveConn` 1, and no more traffic.
fn idle_connection(netns: &Netns) -> Result<TcpStream, NetError> {
    let connected = netns.enter(|| -> std::io::Result<TcpStream> {
        let target = SocketAddr::from((VIP, 80));
        let mut stream = TcpStream::connect_timeout(&target, Duration::from_secs(5))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET / HTTP/1.1\r\nHost: vip\r\n\r\n")?;
        BufReader::new(&stream).read_line(&mut String::new())?;
        Ok(stream)
    })?;
    connected.map_err(|source| NetError::System {
        what: "connection to keep".to_owned(),
        source,
    })
}

#[testbed::guest_test]
fn a_reload_changes_the_difference() -> TestResult {
    let mut cluster = start(Forwarding::DirectRouting, fast)?;
    let _open = idle_connection(cluster.client_host.netns())?;
    cluster.client.spread(6)?;
    let before = settled_statistics(&cluster.directors[0])?;
    let begin = Instant::now();

    identical_reload(&mut cluster, &before)?;
    broken_file(&mut cluster, &before)?;
    add_a_real_server(&mut cluster, &before)?;
    another_address(&mut cluster)?;
    two_signals_at_once(&mut cluster)?;

    // Only the master advertised, and it never paused.
    assert_steady(&cluster, begin);
    let others = cluster.wire.adverts();
    let mut others = others.iter().filter(|(at, _)| *at >= begin);
    assert!(others.all(|(_, advert)| advert.source == DIRECTORS[0] && advert.priority == 100));
    for director in &cluster.directors {
        let log = director.log();
        let entered = log.matches("Entering ").count();
        assert!(entered <= 2, "{log}");
    }
    // A check that is started again has another phase.
    for server in &cluster.servers {
        let requests = server.requests();
        let checks: Vec<_> = requests
            .iter()
            .filter(|request| request.at >= begin && request.peer.ip() == DIRECTORS[0])
            .map(|request| request.at)
            .collect();
        let gaps = checks.windows(2).map(|pair| pair[1] - pair[0]);
        let least = gaps.min().unwrap_or_default();
        assert!(
            least >= Duration::from_millis(700),
            "{}: {least:?}",
            server.name()
        );
    }
    Ok(())
}

/// Sends SIGHUP and waits until the log has one more of these lines.
fn reload(cluster: &mut Cluster, awaited: &str) -> Result<String, NetError> {
    let master = &mut cluster.directors[0];
    let before = master.log().len();
    master.reload()?;
    let awaited_line = |text: &str| text.contains(awaited);
    wait_until(awaited, DEADLINE, || {
        let log = master.log();
        let new = log.get(before..).unwrap_or_default().to_owned();
        if awaited_line(&new) { Ok(()) } else { Err(new) }
    })?;
    // What it leads to follows at once.
    pause(Duration::from_millis(300));
    Ok(master.log().get(before..).unwrap_or_default().to_owned())
}

fn identical_reload(cluster: &mut Cluster, before: &str) -> TestResult {
    let log = reload(cluster, APPLIED)?;
    // Besides the findings about the file: that it is read, and that it was read.
    let others = log.lines().filter(|line| !line.contains("warning:"));
    assert_eq!(others.count(), 2, "it did more than read: {log}");
    assert_eq!(settled_statistics(&cluster.directors[0])?, before);
    Ok(())
}

fn broken_file(cluster: &mut Cluster, before: &str) -> TestResult {
    let text = fast(CONFIGURATION);
    let broken = text.replace("lb_algo wrr", "lb_algoo wrr");
    let broken = broken.replace("priority 100", "priority 1000");
    cluster.directors[0].configure(&broken)?;
    let log = reload(cluster, "reload refused, nothing was changed")?;
    for (wrong, text) in [("lb_algoo", &broken), ("priority 1000", &broken)] {
        let line = text.lines().position(|line| line.contains(wrong)).unwrap() + 1;
        let place = format!("cluster.conf:{line}:");
        assert!(log.contains(&place), "no {place} in {log}");
    }
    assert_eq!(settled_statistics(&cluster.directors[0])?, before);
    assert!(cluster.directors[0].has_address(VIP));
    // Asked for over the control socket, the refusal is the answer… the next good file is taken.
    cluster.directors[0].configure(&text)?;
    reload(cluster, APPLIED)?;
    Ok(())
}

fn add_a_real_server(cluster: &mut Cluster, before: &str) -> TestResult {
    let table = cluster.directors[0].table()?;
    cluster.directors[0].configure(&third_server())?;
    let log = reload(cluster, APPLIED)?;
    let master = &cluster.directors[0];
    master.wait_for_table(&ALL, DEADLINE)?;
    assert!(
        log.contains("Activating healthchecker for service [192.168.1.63]:tcp:80"),
        "{log}"
    );
    for name in NAMES {
        assert!(!log.contains(name), "{log}");
    }
    let (table_now, stats_now) = (master.table()?, settled_statistics(master)?);
    for server in REAL_SERVERS {
        assert_eq!(row(&table_now, server), row(&table, server));
        assert_eq!(row(&stats_now, server), row(before, server));
    }
    let active = |table: &str| {
        let rows = REAL_SERVERS.map(|server| row(table, server).unwrap_or_default());
        rows.iter()
            .filter(|row| row.split(' ').nth(4) == Some("1"))
            .count()
    };
    assert_eq!(active(&table), 1, "the open connection: {table}");

    // And away again.
    cluster.directors[0].configure(&fast(CONFIGURATION))?;
    reload(cluster, APPLIED)?;
    let master = &cluster.directors[0];
    master.wait_for_table(&REAL_SERVERS, DEADLINE)?;
    assert_eq!(active(&master.table()?), 1);
    Ok(())
}

fn another_address(cluster: &mut Cluster) -> TestResult {
    let other = Ipv4Addr::new(192, 168, 1, 51);
    let line = "192.168.1.50/32 brd 192.168.1.255 scope global";
    let text = fast(CONFIGURATION);
    let more = text.replace(line, &format!("{line}\n         {other}/32"));
    for (text, wanted) in [(&more, true), (&text, false)] {
        cluster.directors[0].configure(text)?;
        reload(cluster, APPLIED)?;
        wait_until("the other address", DEADLINE, || {
            let master = &cluster.directors[0];
            if master.has_address(other) == wanted && master.has_address(VIP) {
                Ok(())
            } else {
                Err(format!("wanted: {wanted}"))
            }
        })?;
    }
    Ok(())
}

fn two_signals_at_once(cluster: &mut Cluster) -> TestResult {
    cluster.directors[0].configure(&third_server())?;
    let master = &mut cluster.directors[0];
    master.reload()?;
    master.configure(&fast(CONFIGURATION))?;
    master.reload()?;
    master.reload()?;
    pause(Duration::from_secs(1));
    master.wait_for_table(&REAL_SERVERS, DEADLINE)?;
    assert!(master.daemon()?.is_running());
    assert!(
        master.log().matches(RELOADING).count() >= 5,
        "{}",
        master.log()
    );
    Ok(())
}

const BY_HAND: [&str; 2] = [
    "-A -t 192.168.1.77:8080 -s rr",
    "-a -t 192.168.1.77:8080 -r 192.168.1.61:8080 -g -w 3",
];

#[testbed::guest_test]
fn another_hands_work_stays() -> TestResult {
    let edit = fast;
    let mut cluster = Cluster::new([Software::Lbctl; 2], Forwarding::DirectRouting, edit)?;
    let netns = cluster.directors[0].host().netns().clone();
    for command in BY_HAND {
        Tool::Ipvsadm.run(&netns, command)?;
    }
    let of_hand = |netns: &Netns| Tool::Ipvsadm.run(netns, "-L -n -t 192.168.1.77:8080");
    let wanted = of_hand(&netns)?;
    let ours = |wanted: &[Ipv4Addr]| {
        let director = netns.clone();
        let wanted: Vec<_> = wanted.iter().map(ToString::to_string).collect();
        wait_until("our destinations", DEADLINE, move || {
            let table = Tool::Ipvsadm
                .run(&director, "-L -n -t 192.168.1.50:80")
                .map_err(|error| error.to_string())?;
            let found: Vec<_> = table
                .lines()
                .skip(3)
                .filter_map(|line| line.trim().strip_prefix("-> ")?.split(':').next())
                .collect();
            let mut found: Vec<_> = found.into_iter().map(str::to_owned).collect();
            found.sort();
            if found == wanted {
                Ok(table)
            } else {
                Err(table)
            }
        })
    };

    cluster.directors[0].start()?;
    cluster.wait_for_master(0, DEADLINE)?;
    ours(&REAL_SERVERS)?;
    assert_eq!(of_hand(&netns)?, wanted, "after the start");

    // Maintenance by hand: no new connections for rs2.
    Tool::Ipvsadm.run(&netns, "-e -t 192.168.1.50:80 -r 192.168.1.62:80 -g -w 0")?;
    let by_hand = |table: &str| row(table, REAL_SERVERS[1]).unwrap_or_default();
    cluster.servers[0].set_behaviour(Behaviour::Refuse);
    assert!(by_hand(&ours(&REAL_SERVERS[1..])?).contains("Route 0 "));
    cluster.servers[0].set_behaviour(Behaviour::Serve);
    assert!(by_hand(&ours(&REAL_SERVERS)?).contains("Route 0 "));

    cluster.directors[0].configure(&third_server())?;
    reload(&mut cluster, APPLIED)?;
    assert!(by_hand(&ours(&ALL)?).contains("Route 0 "));
    assert_eq!(of_hand(&netns)?, wanted, "after the reload");

    let (status, log) = cluster.directors[0].stop()?;
    assert!(status.success(), "{status}: {log}");
    assert!(!cluster.directors[0].has_address(VIP));
    // The listing of one service lacks the whole listing's first line.
    let left = Tool::Ipvsadm.run(&netns, "-L -n")?;
    let (_, left) = left.split_once('\n').unwrap_or_default();
    assert_eq!(left, wanted, "after the stop");
    // A second life takes up where it was.
    cluster.directors[0].start()?;
    cluster.wait_for_master(0, DEADLINE)?;
    ours(&ALL)?;
    wait_for_log(&cluster.directors[0], &["Entering MASTER STATE"])?;
    assert_eq!(of_hand(&netns)?, wanted, "after the second start");
    Ok(())
}
