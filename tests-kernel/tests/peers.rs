// SPDX-License-Identifier: MIT OR Apache-2.0
//! Peers that the newest tree alone has: ldirectord beside our daemon, and HAProxy as the server
//! behind it. With the distribution's peers the tests check that these are not in its tree, and
//! say so.

use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::time::Duration;

use tests_kernel::cluster::{CONFIGURATION, Cluster, Director, Forwarding, REAL_SERVERS, Software};
use tests_kernel::lab::{Suite, Tree};
use tests_kernel::net::{Behaviour, Host, HttpServer, Lan, NetError, wait_until};
use tests_kernel::process::Background;
use tests_kernel::tool::Tool;

type TestResult<T = ()> = Result<T, Box<dyn Error>>;

/// Ten times what the slowest step takes.
const DEADLINE: Duration = Duration::from_secs(60);

/// The port of HAProxy; the web server beside it has 80.
const PROXY_PORT: u16 = 8080;

/// Whether the peers of this run have a program. Those of the distribution must not: then the test
/// would be left out for no reason.
fn has(program: &str) -> TestResult<bool> {
    let suite = Suite::of_peers();
    let there = Tree::of_peers(suite).program(program).is_some();
    let tree = suite.name();
    assert_eq!(there, suite == Suite::Newest, "{program} in tree {tree}");
    if !there {
        let line = format!("{program}: not in tree {tree}; LB_PEERS=newest runs this test");
        // Past the capture of a test that passes.
        writeln!(std::io::stderr().lock(), "{line}")?;
    }
    Ok(there)
}

/// Waits until the real ipvsadm saves the same table on both, with these lines for the real
/// servers.
fn wait_for_same(ours: &Director, theirs: &Director, servers: &[&str]) -> Result<(), NetError> {
    let mut expected = vec!["-A -t 192.168.1.50:80 -s wrr".to_owned()];
    expected.extend(
        servers
            .iter()
            .map(|server| format!("-a -t 192.168.1.50:80 -r {server}")),
    );
    let saved = |director: &Director| -> Result<Vec<String>, String> {
        let table = Tool::Ipvsadm.run(director.host().netns(), "-S -n");
        let table = table.map_err(|error| error.to_string())?;
        let mut lines: Vec<String> = table.lines().map(|line| line.trim().to_owned()).collect();
        // Each has the order in which it added them.
        lines.sort();
        Ok(lines)
    };
    let awaited = format!("{servers:?} in both tables");
    wait_until(&awaited, DEADLINE, || {
        let tables = [saved(ours)?, saved(theirs)?];
        if tables.iter().all(|table| *table == expected) {
            return Ok(());
        }
        let logs = [ours.log(), theirs.log()].join("\n----\n");
        Err(format!("{tables:#?}, not {expected:#?}: {logs}"))
    })
}

/// The same virtual server in ldirectord's words and in keepalived's.
fn as_ldirectord_has_it(check: &str) -> String {
    format!(
        "checktimeout = 2
negotiatetimeout = 2
checkinterval = 1
checkcount = 1
quiescent = no
autoreload = no
virtual = 192.168.1.50:80
    real = 192.168.1.61:80 gate 1
    real = 192.168.1.62:80 gate 3
    scheduler = wrr
    protocol = tcp
{check}"
    )
}

fn as_keepalived_has_it(check: &str) -> String {
    let server = |address: Ipv4Addr, weight: u8| {
        format!("    real_server {address} 80 {{\n        weight {weight}\n{check}    }}\n")
    };
    format!(
        "virtual_server 192.168.1.50 80 {{
    delay_loop 1
    lb_algo wrr
    lb_kind DR
    protocol TCP
{}{}}}
",
        server(REAL_SERVERS[0], 1),
        server(REAL_SERVERS[1], 3),
    )
}

/// One way to check a real server, in the words of both, and how the server fails it.
struct Check {
    ldirectord: &'static str,
    keepalived: &'static str,
    failure: Behaviour,
}

fn checks() -> [Check; 2] {
    [
        Check {
            ldirectord: "    checktype = connect\n",
            keepalived: "        TCP_CHECK {
            connect_timeout 2
            retry 0
        }
",
            failure: Behaviour::Refuse,
        },
        Check {
            ldirectord: "    checktype = negotiate
    service = http
    request = \"index.html\"
    receive = \"It works\"
",
            keepalived: "        HTTP_GET {
            url {
                path /index.html
                status_code 200
            }
            connect_timeout 2
            retry 0
        }
",
            failure: Behaviour::Status(500),
        },
    ]
}

#[testbed::guest_test]
fn ldirectord_has_the_same_table() -> TestResult {
    if !has("ldirectord")? {
        return Ok(());
    }
    let lan = Lan::new()?;
    let hosts: Vec<Host> = [("rs1", REAL_SERVERS[0]), ("rs2", REAL_SERVERS[1])]
        .into_iter()
        .map(|(name, address)| lan.host(name, address))
        .collect::<Result<_, _>>()?;
    let servers: Vec<HttpServer> = hosts
        .iter()
        .map(|host| HttpServer::start(host.netns(), 80))
        .collect::<Result<_, _>>()?;
    let [ours, theirs] = [("lb1", 11), ("lb2", 12)];
    let ours = lan.host(ours.0, Ipv4Addr::new(192, 168, 1, ours.1))?;
    let theirs = lan.host(theirs.0, Ipv4Addr::new(192, 168, 1, theirs.1))?;
    let mut ours = Director::new(ours, Software::Lbctl, "")?;
    // The software of this one is not used: ldirectord is its daemon.
    let mut theirs = Director::new(theirs, Software::Keepalived, "")?;
    for check in checks() {
        ours.configure(&as_keepalived_has_it(check.keepalived))?;
        theirs.configure(&as_ldirectord_has_it(check.ldirectord))?;
        ours.start()?;
        let mut command = theirs.command("ldirectord");
        // It stays in the foreground and logs to its standard output.
        command.arg("-d").arg(theirs.configuration()).arg("start");
        theirs.start_command(command)?;
        let both = ["192.168.1.61:80 -g -w 1", "192.168.1.62:80 -g -w 3"];
        wait_for_same(&ours, &theirs, &both)?;
        servers[0].set_behaviour(check.failure);
        wait_for_same(&ours, &theirs, &both[1..])?;
        servers[0].set_behaviour(Behaviour::Serve);
        wait_for_same(&ours, &theirs, &both)?;
        let (status, log) = ours.stop()?;
        assert!(status.success(), "{status}: {log}");
        theirs.stop()?;
        // What each leaves at its end is not compared.
        for director in [&ours, &theirs] {
            Tool::Ipvsadm.run(director.host().netns(), "-C")?;
        }
    }
    Ok(())
}

/// HAProxy on a machine, before the web server there.
fn start_proxy(host: &Host) -> TestResult<Background> {
    let name = format!("{}.cfg", host.netns().name());
    let file = std::env::temp_dir().join(name);
    let text = format!(
        "defaults
    mode http
    timeout connect 2s
    timeout client 5s
    timeout server 5s
frontend front
    bind 0.0.0.0:{PROXY_PORT}
    http-response set-header X-Proxy haproxy
    default_backend back
backend back
    server web 127.0.0.1:80
"
    );
    fs::write(&file, text)?;
    let mut command = host.netns().command("haproxy");
    // In the foreground, with warnings on its standard error.
    command.arg("-db").arg("-f").arg(&file);
    Ok(Background::spawn(&mut command)?)
}

/// The masquerading virtual server of the article with HAProxy as its real servers.
fn to_proxies(text: &str) -> String {
    REAL_SERVERS.iter().fold(
        text.replace("delay_loop 5", "delay_loop 1")
            .replace("connect_timeout 3", "connect_timeout 1")
            .replace("nb_get_retry 3", "nb_get_retry 0"),
        |text, address| {
            let server = |port: u16| format!("real_server {address} {port} {{");
            text.replace(&server(80), &server(PROXY_PORT))
        },
    )
}

#[testbed::guest_test]
fn haproxy_answers_behind_a_masquerading_service() -> TestResult {
    if !has("haproxy")? {
        return Ok(());
    }
    assert_ne!(to_proxies(CONFIGURATION), CONFIGURATION);
    let mut cluster = Cluster::new([Software::Lbctl; 2], Forwarding::Masquerade, to_proxies)?;
    let mut proxies = Vec::new();
    for index in 0..REAL_SERVERS.len() {
        proxies.push(start_proxy(cluster.real_server(index))?);
    }
    for director in &mut cluster.directors {
        director.start()?;
    }
    cluster.wait_for_master(0, DEADLINE)?;
    let table_has = |servers: &[Ipv4Addr]| {
        wait_until(&format!("{servers:?} in the table"), DEADLINE, || {
            let table = cluster.directors[0]
                .table()
                .map_err(|error| error.to_string())?;
            let count = table.matches(&format!(":{PROXY_PORT}")).count();
            let all = servers
                .iter()
                .all(|server| table.contains(&format!("-> {server}:{PROXY_PORT}")));
            let right = all && count == servers.len();
            right.then_some(()).ok_or(table)
        })
    };
    let answers = |wanted: &[&str]| -> TestResult {
        let spread = cluster.client.spread(2 * wanted.len())?;
        let wanted: Vec<_> = wanted.iter().map(|name| ((*name).to_owned(), 2)).collect();
        assert_eq!(spread, wanted);
        Ok(())
    };
    table_has(&REAL_SERVERS)?;
    answers(&["rs1", "rs2"])?;

    // Its web server fails: HAProxy answers 503 to us, and we take it out.
    cluster.servers[0].set_behaviour(Behaviour::Refuse);
    table_has(&REAL_SERVERS[1..])?;
    answers(&["rs2"])?;
    cluster.servers[0].set_behaviour(Behaviour::Serve);
    table_has(&REAL_SERVERS)?;

    // HAProxy itself ends.
    proxies[1].kill();
    table_has(&REAL_SERVERS[..1])?;
    answers(&["rs1"])?;
    proxies[1] = start_proxy(cluster.real_server(1))?;
    table_has(&REAL_SERVERS)?;
    answers(&["rs1", "rs2"])?;
    for proxy in &mut proxies {
        assert!(proxy.is_running(), "{}", proxy.text());
    }
    Ok(())
}
