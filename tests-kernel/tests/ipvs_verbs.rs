// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `lbctl ipvs` has beyond ipvsadm, on a real table with live connections.

use std::error::Error;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use tests_kernel::net::{Host, HttpServer, Lan, NetError, Netns, wait_until};
use tests_kernel::process::Background;
use tests_kernel::tool::{Tool, lbctl};

type TestResult = Result<(), Box<dyn Error>>;

const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 50);
/// More than ten times what anything here takes.
const DEADLINE: Duration = Duration::from_secs(40);
/// How a listing shows the real server that is drained.
const ROW: &str = "-> 192.168.1.61:80              Route   ";

/// A director with two services on one real server and a client; nothing balances on its own.
struct Cluster {
    director: Host,
    client: Host,
    _server: HttpServer,
    _host: Host,
    _lan: Lan,
}

const TABLE: &[&str] = &[
    // Closed connections are forgotten after two seconds.
    "--set 0 2 0",
    "-A -t 192.168.1.50:80 -s rr",
    "-a -t 192.168.1.50:80 -r 192.168.1.61:80 -g -w 7 -x 20 -y 10",
    "-A -t 192.168.1.50:81 -s rr -p 60",
    "-a -t 192.168.1.50:81 -r 192.168.1.61:81 -m -w 3",
    "-a -t 192.168.1.50:81 -r 192.168.1.62:81 -m -w 5",
    "-A -u 192.168.1.50:53 -s rr",
    "-a -u 192.168.1.50:53 -r 192.168.1.61:80 -g -w 2",
];

impl Cluster {
    fn new() -> Result<Self, NetError> {
        let lan = Lan::new()?;
        let director = lan.host("lb1", Ipv4Addr::new(192, 168, 1, 11))?;
        director
            .netns()
            .ip(&format!("addr add {VIP}/32 dev eth0"))?;
        let client = lan.host("client", Ipv4Addr::new(192, 168, 1, 100))?;
        let host = lan.host("rs1", Ipv4Addr::new(192, 168, 1, 61))?;
        host.prepare_direct_routing(VIP)?;
        let server = HttpServer::start(host.netns(), 80)?;
        for line in TABLE {
            Tool::Ipvsadm.run(director.netns(), line)?;
        }
        Ok(Self {
            director,
            client,
            _server: server,
            _host: host,
            _lan: lan,
        })
    }

    fn netns(&self) -> &Netns {
        self.director.netns()
    }

    /// A connection of the client's that stays until it is dropped.
    fn hold(&self) -> Result<TcpStream, Box<dyn Error>> {
        let to = SocketAddr::from((VIP, 80));
        let connect = move || TcpStream::connect_timeout(&to, DEADLINE);
        let stream = self.client.netns().enter(connect)??;
        wait_until("the connection in the table", DEADLINE, || {
            let table = self.table().map_err(|error| error.to_string())?;
            if table.contains(&format!("{ROW}7      1          0 ")) {
                Ok(())
            } else {
                Err(table)
            }
        })?;
        Ok(stream)
    }

    fn table(&self) -> Result<String, Box<dyn Error>> {
        Ok(Tool::Ipvsadm.run(self.netns(), "-Ln")?)
    }

    /// What the original would save, and so see, of everything but what is drained.
    fn others(&self) -> Result<Vec<String>, Box<dyn Error>> {
        let saved = Tool::Ipvsadm.run(self.netns(), "-Sn")?;
        let drained = "-a -t 192.168.1.50:80 -r 192.168.1.61:80";
        let others = saved.lines().filter(|line| !line.starts_with(drained));
        Ok(others.map(str::to_owned).collect())
    }

    fn lbctl(&self, words: &str) -> Result<Background, Box<dyn Error>> {
        let mut command = self.netns().command(lbctl());
        command.arg("ipvs").args(words.split_whitespace());
        Ok(Background::spawn(&mut command)?)
    }

    /// Exit status, standard output, standard error.
    fn output(&self, words: &str) -> Result<(Option<i32>, String, String), Box<dyn Error>> {
        let output = Tool::Lbctl.output(self.netns(), words)?;
        Ok((
            output.status.code(),
            String::from_utf8(output.stdout)?,
            String::from_utf8(output.stderr)?,
        ))
    }

    fn json(&self, words: &str) -> Result<Value, Box<dyn Error>> {
        let (code, out, err) = self.output(words)?;
        assert_eq!((code, err.as_str()), (Some(0), ""), "{words}");
        Ok(serde_json::from_str(&out)?)
    }
}

#[testbed::guest_test]
fn drain_waits_for_a_connection_and_deletes() -> TestResult {
    let cluster = Cluster::new()?;
    let before = cluster.others()?;
    let held = cluster.hold()?;
    let mut drain = cluster.lbctl("drain 192.168.1.61:80 -t 192.168.1.50:80")?;
    let name = "192.168.1.61:80 of TCP 192.168.1.50:80";
    let line = format!("{name}: 1 active, 0 inactive connections");
    drain.wait_for_line(&line, DEADLINE, |text| text == line)?;
    // All but the weight is as it was.
    let table = cluster.table()?;
    assert!(
        table.contains(&format!("{ROW}0      1          0 ")),
        "{table}"
    );
    let thresholds = Tool::Ipvsadm.run(cluster.netns(), "-Ln --thresholds -t 192.168.1.50:80")?;
    assert!(
        thresholds.contains("-> 192.168.1.61:80              20         10 "),
        "{thresholds}"
    );
    assert!(drain.is_running());
    drop(held);
    let status = drain.wait(DEADLINE)?;
    assert_eq!(status.code(), Some(0), "{}", drain.text());
    let lines: Vec<String> = drain.lines().into_iter().map(|line| line.text).collect();
    assert_eq!(lines.first(), Some(&format!("{name}: weight 7 -> 0")));
    let [.., drained, deleted] = lines.as_slice() else {
        panic!("{lines:?}");
    };
    assert_eq!(*drained, format!("{name}: no connections"));
    assert_eq!(*deleted, format!("{name}: deleted"));
    let saved = Tool::Ipvsadm.run(cluster.netns(), "-Sn")?;
    assert!(!saved.contains("-t 192.168.1.50:80 -r"), "{saved}");
    assert_eq!(cluster.others()?, before, "nothing else was touched");
    Ok(())
}

#[testbed::guest_test]
fn drain_without_a_port_is_of_all_services() -> TestResult {
    let cluster = Cluster::new()?;
    let (code, out, err) = cluster.output("drain 192.168.1.61 --json")?;
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let events: Vec<Value> = out
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let count = |event: &str| events.iter().filter(|one| one["event"] == event).count();
    assert_eq!(
        (count("quiesced"), count("drained"), count("deleted")),
        (3, 3, 3),
        "{out}"
    );
    let saved = Tool::Ipvsadm.run(cluster.netns(), "-Sn")?;
    assert!(!saved.contains("192.168.1.61"), "{saved}");
    assert!(saved.contains("-r 192.168.1.62:81 -m -w 5"), "{saved}");

    let (code, _, err) = cluster.output("drain 192.168.1.61")?;
    assert_eq!(
        (code, err.as_str()),
        (Some(1), "no service has the real server 192.168.1.61\n")
    );
    Ok(())
}

#[testbed::guest_test]
fn drain_ends_when_the_time_is_up() -> TestResult {
    let cluster = Cluster::new()?;
    let before = Tool::Ipvsadm.run(cluster.netns(), "-Sn")?;
    let held = cluster.hold()?;
    let (code, out, err) =
        cluster.output("drain 192.168.1.61:80 -t 192.168.1.50:80 --timeout 2")?;
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(
        out.ends_with("time is up, 1 active, 0 inactive connections\n"),
        "{out}"
    );
    let back = "lbctl ipvs -e -t 192.168.1.50:80 -r 192.168.1.61:80 -g -w 7 -x 20 -y 10";
    assert_eq!(err, format!("1 of 1 not drained\nto go back:\n  {back}\n"));
    let table = cluster.table()?;
    assert!(
        table.contains(&format!("{ROW}0      1          0 ")),
        "{table}"
    );
    // The command that it prints restores the weights.
    Tool::Lbctl.run(cluster.netns(), back.trim_start_matches("lbctl ipvs "))?;
    assert_eq!(Tool::Ipvsadm.run(cluster.netns(), "-Sn")?, before);

    let (code, out, _) =
        cluster.output("drain 192.168.1.61:80 -t 192.168.1.50:80 --timeout 1 --force")?;
    assert_eq!(code, Some(1), "{out}");
    assert!(out.ends_with(": deleted\n"), "{out}");
    let saved = Tool::Ipvsadm.run(cluster.netns(), "-Sn")?;
    assert!(!saved.contains("-t 192.168.1.50:80 -r"), "{saved}");
    drop(held);
    Ok(())
}

#[testbed::guest_test]
fn an_interrupted_drain_tells_how_to_go_back() -> TestResult {
    let cluster = Cluster::new()?;
    let held = cluster.hold()?;
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut drain = cluster.lbctl("drain 192.168.1.61:80 -t 192.168.1.50:80")?;
        drain.wait_for_line("waiting", DEADLINE, |text| text.contains("1 active"))?;
        drain.signal(signal);
        assert_eq!(drain.wait(DEADLINE)?.code(), Some(130), "{}", drain.text());
        let back = "lbctl ipvs -e -t 192.168.1.50:80 -r 192.168.1.61:80 -g -w 7 -x 20 -y 10";
        drain.wait_for_line(back, DEADLINE, |text| text.trim() == back)?;
        let table = cluster.table()?;
        assert!(
            table.contains(&format!("{ROW}0      1          0 ")),
            "{table}"
        );
        Tool::Lbctl.run(cluster.netns(), back.trim_start_matches("lbctl ipvs "))?;
    }
    drop(held);
    Ok(())
}

const CONFIGURATION: &str = "\
virtual_server 192.168.1.50 80 {
    lb_algo rr
    lb_kind DR
    protocol TCP
    real_server 192.168.1.61 80 {
        weight 7
        TCP_CHECK {
            connect_timeout 3
        }
    }
}
";

/// A daemon that owns a service, and a command that sees its control socket.
#[testbed::guest_test]
fn a_daemon_that_owns_the_service_is_named() -> TestResult {
    let cluster = Cluster::new()?;
    let directory = std::env::temp_dir().join(cluster.netns().name());
    fs::create_dir_all(&directory)?;
    let file = directory.join("lb.conf");
    fs::write(&file, CONFIGURATION)?;
    // A /run of its own, as on a machine of its own; the control socket is the usual one.
    let command = |words: &str| {
        let mut command = cluster.netns().command("sh");
        command
            .arg("-c")
            .arg("mount --bind \"$0\" /run && exec \"$@\"")
            .arg(&directory)
            .arg(lbctl())
            .args(words.split_whitespace());
        command
    };
    let run = |words: &str| -> Result<_, Box<dyn Error>> {
        let output = tests_kernel::process::output(&mut command(words), DEADLINE)?;
        Ok((output.status.code(), String::from_utf8(output.stderr)?))
    };
    let edit = "ipvs -e -t 192.168.1.50:80 -r 192.168.1.61:80 -g -w 0";
    assert_eq!(run(edit)?, (Some(0), String::new()), "no daemon yet");

    let mut daemon = Background::spawn(&mut command(&format!("run -f {}", file.display())))?;
    let owner = format!("the running daemon (PID {}) owns", daemon.pid());
    wait_until("the daemon owns its service", DEADLINE, || {
        let (code, err) = run("ipvs drain 192.168.1.61:80 -t 192.168.1.50:80 --timeout 0 --keep")
            .map_err(|error| error.to_string())?;
        if code == Some(2) && err.starts_with(&owner) {
            Ok(())
        } else {
            Err(err)
        }
    })
    .map_err(|error| format!("{error}\n{}", daemon.text()))?;

    // The change is made, and one line names the owner.
    let (code, err) = run(edit)?;
    assert_eq!(code, Some(0));
    let service = format!("{owner} TCP 192.168.1.50:80; it leaves what was done by hand ");
    assert!(
        err.starts_with(&service) && err.lines().count() == 1,
        "{err}"
    );
    assert!(cluster.table()?.contains(&format!("{ROW}0 ")));
    // Another service is not its, and a refused change is none.
    let other = "ipvs -e -t 192.168.1.50:81 -r 192.168.1.62:81 -m -w 9";
    assert_eq!(run(other)?, (Some(0), String::new()));
    let (code, err) = run("ipvs -d -t 192.168.1.50:80 -r 192.168.1.99:80")?;
    assert_eq!((code, err.as_str()), (Some(255), "No such destination\n"));
    let (code, err) = run("ipvs drain 192.168.1.62:81 --timeout 5")?;
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let (_, err) = run("ipvs -C")?;
    assert!(
        err.starts_with(&format!("{owner} a service of this table; ")),
        "{err}"
    );

    daemon.signal(Signal::SIGTERM);
    daemon.wait(DEADLINE)?;
    drop(daemon);
    fs::remove_dir_all(&directory)?;
    Ok(())
}

#[testbed::guest_test]
fn listings_as_json() -> TestResult {
    let cluster = Cluster::new()?;
    let held = cluster.hold()?;
    let table = cluster.json("-Ln --stats --json")?;
    assert_eq!(table["schema"], "lbctl.ipvs/1");
    let services = table["services"].as_array().ok_or("no services")?;
    assert_eq!(services.len(), 3);
    let web = services
        .iter()
        .find(|service| service["port"] == 80)
        .ok_or("no such service")?;
    assert_eq!(web["protocol"], "TCP");
    let destination = &web["destinations"][0];
    assert_eq!(destination["weight"], 7);
    assert_eq!(destination["forwarding"], "direct-routing");
    assert_eq!(destination["thresholds"]["upper"], 20);
    assert_eq!(destination["connections"]["active"], 1);

    let one = cluster.json("--json -L -t 192.168.1.50:81")?;
    assert_eq!(one["services"].as_array().map(Vec::len), Some(1));
    assert_eq!(one["services"][0]["persistence_timeout"], 60);
    let connections = cluster.json("-L -c --json")?;
    let connection = &connections["connections"][0];
    assert_eq!(connection["state"], "ESTABLISHED");
    assert_eq!(connection["client_address"], "192.168.1.100");
    assert_eq!(connection["destination_port"], 80);
    assert_eq!(
        cluster.json("-L --timeout --json")?["timeouts"]["tcp_fin"],
        2
    );
    let daemons = cluster.json("-L --daemon --json")?;
    assert_eq!(daemons["sync_daemons"].as_array().map(Vec::len), Some(0));
    Tool::Ipvsadm.run(
        cluster.netns(),
        "--start-daemon master --mcast-interface eth0 --syncid 5",
    )?;
    let daemons = cluster.json("-L --daemon --json")?;
    assert_eq!(daemons["sync_daemons"][0]["sync_id"], 5);
    assert_eq!(daemons["sync_daemons"][0]["port"], 8848);
    Tool::Ipvsadm.run(cluster.netns(), "--stop-daemon master")?;

    let refused = cluster.output("-L --json -t 192.168.1.50:99")?;
    assert_eq!(
        refused,
        (Some(1), String::new(), "No such service\n".to_owned())
    );
    drop(held);
    Ok(())
}

#[testbed::guest_test]
fn watch_prints_what_changes() -> TestResult {
    let cluster = Cluster::new()?;
    let mut plain = cluster.lbctl("watch --interval 0.1")?;
    let mut counted = cluster.lbctl("watch --interval 0.1 --json --count 2")?;
    for (watch, size) in [
        (&plain, "3 services, 4 destinations"),
        (&counted, "\"services\":3,\"destinations\":4"),
    ] {
        watch.wait_for_line(size, DEADLINE, |text| text.contains(size))?;
    }
    Tool::Ipvsadm.run(
        cluster.netns(),
        "-e -t 192.168.1.50:80 -r 192.168.1.61:80 -g -w 9",
    )?;
    let changed = "destination 192.168.1.61:80 of TCP 192.168.1.50:80 changed, weight 7 -> 9, \
                   upper threshold 20 -> 0, lower threshold 10 -> 0";
    plain.wait_for_line(changed, DEADLINE, |text| text == changed)?;
    let (event, weight) = ("\"event\":\"destination-changed\"", "\"weight\":9");
    counted.wait_for_line(event, DEADLINE, |text| {
        text.contains(event) && text.contains(weight)
    })?;
    // An emptied table is a difference like any other; after two differences the other one ends.
    Tool::Ipvsadm.run(cluster.netns(), "-C")?;
    let gone = "service TCP 192.168.1.50:80 is gone";
    plain.wait_for_line(gone, DEADLINE, |text| text == gone)?;
    assert_eq!(counted.wait(DEADLINE)?.code(), Some(0));
    assert_eq!(counted.lines().len(), 3, "{}", counted.text());
    plain.signal(Signal::SIGINT);
    assert_eq!(plain.wait(DEADLINE)?.code(), Some(0), "{}", plain.text());
    // A reader that goes away ends it.
    let mut pipe = cluster.netns().command("sh");
    pipe.arg("-c")
        .arg("\"$0\" ipvs watch --interval 0.1 | head -n 1")
        .arg(lbctl());
    let mut pipe = Background::spawn(&mut pipe)?;
    pipe.wait_for_line("0 services", DEADLINE, |text| {
        text == "0 services, 0 destinations"
    })?;
    Tool::Ipvsadm.run(cluster.netns(), "-A -t 192.168.1.50:80")?;
    assert_eq!(pipe.wait(DEADLINE)?.code(), Some(0));
    assert_eq!(pipe.lines().len(), 1, "{}", pipe.text());
    Ok(())
}

#[testbed::guest_test]
fn another_namespace_helpers_and_settings() -> TestResult {
    let cluster = Cluster::new()?;
    let there = Netns::new("there")?;
    let name = cluster.netns().name();
    let inside = Tool::Lbctl.run(cluster.netns(), "-Ln")?;
    assert_eq!(
        Tool::Lbctl.run(&there, &format!("--netns {name} -Ln"))?,
        inside
    );
    let path = cluster.netns().path();
    assert_eq!(
        Tool::Lbctl.run(&there, &format!("--netns={} -Ln", path.display()))?,
        inside
    );
    assert_ne!(Tool::Lbctl.run(&there, "-Ln")?, inside);
    Tool::Lbctl.run(&there, &format!("--netns {name} -D -u 192.168.1.50:53"))?;
    assert!(!cluster.table()?.contains("UDP"));
    Tool::Lbctl.run(&there, &format!("--netns {name} drain 192.168.1.62"))?;
    assert!(!cluster.table()?.contains("192.168.1.62"));

    // A new namespace has what a kernel has after boot; newer kernels have other load factors in it.
    let fresh = Tool::Lbctl.run(&there, "sysctl")?;
    assert!(!fresh.contains('*'), "{fresh}");
    let setting = "net.ipv4.vs.expire_nodest_conn";
    let show = |netns: &Netns| Tool::Lbctl.run(netns, "sysctl expire_nodest_conn");
    assert_eq!(show(&there)?, format!("{setting} = 0\n"));
    Tool::Lbctl.run(&there, &format!("sysctl {setting}=1"))?;
    assert_eq!(show(&there)?, format!("{setting} = 1 *\n"));
    assert_eq!(show(cluster.netns())?, format!("{setting} = 0\n"));
    Tool::Lbctl.run(
        cluster.netns(),
        &format!("--netns {} sysctl conntrack=1", there.name()),
    )?;
    let all = Tool::Lbctl.run(&there, "sysctl")?;
    assert!(all.contains("net.ipv4.vs.conntrack = 1 *\n"), "{all}");

    assert!(Tool::Lbctl.run(&there, "helper")?.is_empty());
    Tool::Lbctl.run(&there, "helper ftp")?;
    let helpers = Tool::Lbctl.run(&there, "helper")?;
    assert_eq!(helpers, "ftp        TCP 21    used by 0\n");
    Ok(())
}

#[testbed::guest_test]
fn the_state_of_the_kernels_tables() -> TestResult {
    let cluster = Cluster::new()?;
    let held = cluster.hold()?;
    let table = cluster.table()?;
    let size: u64 = table
        .split_once("(size=")
        .and_then(|(_, rest)| rest.split_once(')')?.0.parse().ok())
        .ok_or_else(|| table.clone())?;
    let shown = cluster.json("status --json")?;
    assert_eq!(shown["version"], "1.2.1");
    assert_eq!(shown["connection_table_size"], size);
    let text = Tool::Lbctl.run(cluster.netns(), "status")?;
    let status = &shown["status"];
    if Path::new("/proc/net/ip_vs_status").exists() {
        assert_eq!(status["connections"]["entries"], 1);
        assert_eq!(status["connections"]["buckets"], size);
        assert_eq!(status["connections"]["load_factor"], -2);
        assert_eq!(status["connections"]["chains"][0]["buckets"], 1);
        assert_eq!(status["services"]["entries"], 3);
        assert_eq!(status["services"]["load_factor"], -2);
        assert!(status["services"]["empty"].is_u64(), "{shown}");
        assert!(status["estimation"]["max_threads"].is_u64(), "{shown}");
        assert_eq!(status["other"].as_array().map(Vec::len), Some(0));
        let connections =
            format!("\nconnection table  {size} buckets, 1 connections, load factor -2, ");
        assert!(text.contains(&connections), "{text}");
        // What is set counts for the next table.
        Tool::Lbctl.run(cluster.netns(), "sysctl svc_lfactor=-5")?;
        wait_until("a table of the new load factor", DEADLINE, || {
            let shown = cluster
                .json("status --json")
                .map_err(|error| error.to_string())?;
            if shown["status"]["services"]["load_factor"] == -5 {
                Ok(())
            } else {
                Err(shown.to_string())
            }
        })?;
    } else {
        assert!(status.is_null(), "{shown}");
        assert_eq!(
            text,
            format!("version           1.2.1\nconnection table  {size} buckets\n")
        );
    }
    drop(held);
    Ok(())
}
