// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lvs_timeouts`, `lvs_flush`, `lvs_flush_on_stop`, beside keepalived with the same file, and
//! `net_namespace_ipvs`: what the kernel has after the start and after the end.

use std::error::Error;
use std::net::Ipv4Addr;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testbed::play_at_once;
use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Lan, Netns, wait_until};
use tests_kernel::process::Background;
use tests_kernel::tool::{Tool, lbctl};

type TestResult<T = ()> = Result<T, Box<dyn Error>>;

/// Ten times what the slowest step takes.
const DEADLINE: Duration = Duration::from_secs(60);

/// The service that the file has.
const OWN: &str = "-A -t 192.168.1.50:80 -s rr";
const SERVER: &str = "\
virtual_server 192.168.1.50 80 {
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server 10.0.0.1 80 {
    }
}
";

/// The timeouts of the kernel, and its saved table, sorted.
type State = (String, Vec<String>);

fn saved(netns: &Netns) -> Result<Vec<String>, String> {
    let table = Tool::Ipvsadm.run(netns, "-S -n");
    let table = table.map_err(|error| error.to_string())?;
    let mut lines: Vec<String> = table.lines().map(|line| line.trim().to_owned()).collect();
    lines.sort();
    Ok(lines)
}

/// TCP, TCP after a FIN, UDP, in seconds.
fn timeouts(netns: &Netns) -> TestResult<String> {
    let text = Tool::Ipvsadm.run(netns, "-L --timeout")?;
    let (_, numbers) = text.trim().rsplit_once(": ").ok_or("no timeouts")?;
    Ok(numbers.to_owned())
}

fn state(director: &Director) -> TestResult<State> {
    let netns = director.host().netns();
    Ok((timeouts(netns)?, saved(netns)?))
}

fn wait_for_service(director: &Director, netns: &Netns) -> TestResult {
    wait_until("the service", DEADLINE, || {
        let lines = saved(netns)?;
        let found = lines.iter().any(|line| line == OWN);
        found
            .then_some(())
            .ok_or_else(|| format!("{lines:#?}\n{}", director.log()))
    })?;
    Ok(())
}

/// Waits until these are the timeouts.
fn wait_for_timeouts(director: &Director, wanted: &str) -> TestResult {
    wait_until(wanted, DEADLINE, || {
        let found = timeouts(director.host().netns()).map_err(|error| error.to_string())?;
        (found == wanted)
            .then_some(())
            .ok_or_else(|| format!("{found}\n{}", director.log()))
    })?;
    Ok(())
}

/// The states after the start and after the end. Another program has added a service before the start,
/// and adds one before the end.
fn start_and_stop(software: Software, keywords: &str) -> TestResult<[State; 2]> {
    let lan = Lan::new()?;
    let host = lan.host("lb1", Ipv4Addr::new(192, 168, 1, 11))?;
    let text = format!("global_defs {{\n    {keywords}\n}}\n{SERVER}");
    let mut director = Director::new(host, software, &text)?;
    let netns = director.host().netns().clone();
    Tool::Ipvsadm.run(&netns, "-A -t 192.0.2.1:80 -s rr")?;
    Tool::Ipvsadm.run(&netns, "--set 1000 100 200")?;
    director.start()?;
    wait_for_service(&director, &netns)?;
    let started = state(&director)?;
    Tool::Ipvsadm.run(&netns, "-A -t 192.0.2.2:80 -s rr")?;
    let (status, log) = director.stop()?;
    assert!(status.success(), "{software}: {status}: {log}");
    Ok([started, state(&director)?])
}

// shows global_defs: lvs_flush, lvs_flush_on_stop, lvs_timeouts
#[testbed::guest_test]
fn settings_give_the_kernel_state_that_keepalived_gives() -> TestResult {
    let own = [OWN, "-a -t 192.168.1.50:80 -r 10.0.0.1:80 -m -w 1"];
    let first = "-A -t 192.0.2.1:80 -s rr";
    let second = "-A -t 192.0.2.2:80 -s rr";
    let before = "1000 100 200";
    for (keywords, started, timeouts, ended) in [
        ("router_id lb1", vec![first], before, vec![first, second]),
        ("lvs_flush", vec![], before, vec![second]),
        ("lvs_flush_on_stop", vec![first], before, vec![]),
        (
            "lvs_flush_on_stop VS",
            vec![first],
            before,
            vec![first, second],
        ),
        (
            "lvs_timeouts tcp 100 tcpfin 20 udp 30",
            vec![first],
            "100 20 30",
            vec![first, second],
        ),
        (
            "lvs_timeouts udp 30",
            vec![first],
            "1000 100 30",
            vec![first, second],
        ),
    ] {
        let lines = |lines: &[&str]| -> Vec<String> {
            let mut lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
            lines.sort();
            lines
        };
        let expected = [
            (timeouts.to_owned(), lines(&[&own[..], &started].concat())),
            (before.to_owned(), lines(&ended)),
        ];
        let both = [Software::Keepalived, Software::Lbctl];
        let found = play_at_once(&both, |&software| start_and_stop(software, keywords))?;
        for (software, found) in both.iter().zip(found) {
            assert_eq!(found, expected, "{software}: {keywords}");
        }
    }
    Ok(())
}

/// The process id of a running daemon.
fn pid(director: &Director) -> TestResult<Pid> {
    let status = director.lbctl(&["status", "--json"])?;
    let status: serde_json::Value = serde_json::from_str(&status)?;
    let pid = status["pid"].as_i64().ok_or("no pid")?;
    Ok(Pid::from_raw(i32::try_from(pid)?))
}

/// Stops the process that an upgrade has started.
fn stop_upgraded(director: &Director) -> TestResult {
    let pid = pid(director)?;
    kill(pid, Signal::SIGTERM)?;
    wait_until("the end", DEADLINE, || {
        // Its parent has ended, and nothing may have taken its status.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        let gone = stat.map_or(true, |stat| stat.contains(") Z "));
        gone.then_some(()).ok_or_else(|| director.log())
    })?;
    Ok(())
}

#[testbed::guest_test]
fn timeouts_before_the_first_start_are_restored_after_a_crash_an_upgrade_and_a_kept_table()
-> TestResult {
    let lan = Lan::new()?;
    let host = lan.host("lb1", Ipv4Addr::new(192, 168, 1, 11))?;
    let text = |timeouts: &str| format!("global_defs {{\n    {timeouts}\n}}\n{SERVER}");
    let set = text("lvs_timeouts tcp 100 tcpfin 20 udp 30");
    let mut director = Director::new(host, Software::Lbctl, &set)?;
    let netns = director.host().netns().clone();
    Tool::Ipvsadm.run(&netns, "--set 1000 100 200")?;
    director.start()?;
    wait_for_service(&director, &netns)?;
    assert_eq!(timeouts(&netns)?, "100 20 30");
    director.crash()?;
    assert_eq!(timeouts(&netns)?, "100 20 30");
    // The start after the crash knows the timeouts before; so does the new process of an upgrade.
    director.start()?;
    wait_until("an answer", DEADLINE, || {
        pid(&director).map(drop).map_err(|error| error.to_string())
    })?;
    director.configure(&text("lvs_timeouts tcp 111"))?;
    director.lbctl(&["upgrade"])?;
    assert_eq!(timeouts(&netns)?, "111 20 30");
    stop_upgraded(&director)?;
    assert_eq!(timeouts(&netns)?, "1000 100 200");

    // A stop that keeps the table keeps its timeouts; a start without the keyword restores them.
    let mut command = director.command(lbctl());
    command.args(["run", "--keep", "-f"]);
    command.arg(director.configuration());
    command.arg("--control").arg(director.control());
    director.start_command(command)?;
    wait_for_timeouts(&director, "111 100 200")?;
    director.stop()?;
    assert_eq!(timeouts(&netns)?, "111 100 200");
    director.configure(&text("router_id lb1"))?;
    director.start()?;
    wait_for_timeouts(&director, "1000 100 200")?;
    // A reload sets and restores, too.
    director.configure(&set)?;
    director.reload()?;
    wait_for_timeouts(&director, "100 20 30")?;
    director.configure(&text("router_id lb1"))?;
    director.reload()?;
    wait_for_timeouts(&director, "1000 100 200")?;
    director.stop()?;
    Ok(())
}

/// Two hosts: the daemon is started on the first.
struct Pair {
    director: Director,
    other: Netns,
    /// The file of the network namespace of the second.
    path: String,
    _holder: Background,
    _lan: Lan,
}

fn pair() -> TestResult<Pair> {
    let lan = Lan::new()?;
    let host = lan.host("lb1", Ipv4Addr::new(192, 168, 1, 11))?;
    let other = lan.host("lb2", Ipv4Addr::new(192, 168, 1, 12))?;
    let other = other.netns().clone();
    let holder = Background::spawn(other.command("sleep").arg("600"))?;
    Ok(Pair {
        director: Director::new(host, Software::Lbctl, "")?,
        path: format!("/proc/{}/ns/net", holder.pid()),
        other,
        _holder: holder,
        _lan: lan,
    })
}

#[testbed::guest_test]
fn the_table_of_another_namespace_is_used_and_left_as_it_was() -> TestResult {
    let Pair {
        mut director,
        other,
        path,
        _holder,
        _lan,
    } = pair()?;
    let own = director.host().netns().clone();
    Tool::Ipvsadm.run(&other, "--set 1000 100 200")?;
    let before = timeouts(&own)?;
    let text = "global_defs {\n    lvs_timeouts tcp 100 tcpfin 20 udp 30\n}\n";
    director.configure(&format!("net_namespace_ipvs {path}\n{text}{SERVER}"))?;
    director.start()?;
    wait_for_service(&director, &other)?;
    assert_eq!(timeouts(&other)?, "100 20 30");
    // The ledger is about the table of that namespace.
    director.crash()?;
    director.start()?;
    wait_until("an answer", DEADLINE, || {
        pid(&director).map(drop).map_err(|error| error.to_string())
    })?;
    let log = director.log();
    assert!(
        log.contains("adopting the services of an earlier run"),
        "{log}"
    );
    assert_eq!(saved(&own)?, [] as [&str; 0]);
    assert_eq!(timeouts(&own)?, before);
    let (status, log) = director.stop()?;
    assert!(status.success(), "{log}");
    assert_eq!(saved(&other)?, [] as [&str; 0]);
    assert_eq!(timeouts(&other)?, "1000 100 200");
    Ok(())
}

// shows top level: net_namespace, net_namespace_ipvs
#[testbed::guest_test]
fn a_daemon_in_another_namespace_can_use_the_table_of_the_one_it_was_started_in() -> TestResult {
    let Pair {
        mut director,
        other,
        path,
        _holder,
        _lan,
    } = pair()?;
    let own = director.host().netns().clone();
    director.configure(&format!(
        "net_namespace {path}\nnet_namespace_ipvs\n{SERVER}"
    ))?;
    director.start()?;
    wait_for_service(&director, &own)?;
    let link = |pid: Pid| std::fs::read_link(format!("/proc/{pid}/ns/net"));
    assert_eq!(link(pid(&director)?)?, std::fs::read_link(&path)?);
    // A new process that the daemon starts is started in the same namespace.
    let first = pid(&director)?;
    director.lbctl(&["upgrade"])?;
    assert_ne!(pid(&director)?, first);
    assert_eq!(link(pid(&director)?)?, std::fs::read_link(&path)?);
    assert!(saved(&own)?.iter().any(|line| line == OWN));
    stop_upgraded(&director)?;
    assert_eq!(saved(&own)?, [] as [&str; 0]);
    assert_eq!(saved(&other)?, [] as [&str; 0]);

    // A namespace that is missing ends the start.
    director.configure(&format!("net_namespace_ipvs no-such-one\n{SERVER}"))?;
    director.start()?;
    let ended = director.daemon()?.wait(DEADLINE)?;
    assert!(!ended.success());
    let log = director.log();
    assert!(log.contains("no-such-one"), "{log}");
    Ok(())
}
