// SPDX-License-Identifier: MIT OR Apache-2.0
//! DNS_CHECK, UDP_CHECK and PING_CHECK beside keepalived, on the same servers.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use tests_kernel::cluster::{Director, REAL_SERVERS, Software};
use tests_kernel::net::DatagramBehaviour::{Answer, Closed, Silent};
use tests_kernel::net::{DatagramBehaviour, DatagramServer, Lan, wait_until};

use crate::{DEADLINE, TestResult};

const FIRST_PORT: u16 = 7000;
/// A port that only echo requests go to.
const PING: u16 = 9;
/// An address without a host.
const ABSENT: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 99);

/// An answer to a DNS query that has this response code and no records.
fn dns(query: &[u8], rcode: u8) -> Vec<u8> {
    let mut answer = query.to_vec();
    answer[2] |= 0x80;
    answer[3] = 0x80 | rcode;
    answer
}

fn with_other_id(query: &[u8]) -> Vec<u8> {
    let mut answer = dns(query, 0);
    answer[0] ^= 1;
    answer
}

fn truncated(query: &[u8]) -> Vec<u8> {
    let mut answer = dns(query, 0);
    answer[2] |= 0x02;
    answer
}

const BYTES: DatagramBehaviour = Answer(|_| vec![vec![1, 2, 3]]);
const MANY_BYTES: DatagramBehaviour = Answer(|_| vec![vec![7; 300]]);

/// What each server does, the check and the lines of its block, and whether it is up.
fn cases() -> Vec<(DatagramBehaviour, &'static str, &'static str, bool)> {
    vec![
        (Silent, "UDP_CHECK", "", true),
        (Closed, "UDP_CHECK", "", false),
        (BYTES, "UDP_CHECK", "", true),
        (Silent, "UDP_CHECK", "require_reply", false),
        (Closed, "UDP_CHECK", "require_reply", false),
        (BYTES, "UDP_CHECK", "require_reply", true),
        (BYTES, "UDP_CHECK", "require_reply 010203", true),
        (BYTES, "UDP_CHECK", "require_reply 010204", false),
        (BYTES, "UDP_CHECK", "require_reply 01X203", true),
        (BYTES, "UDP_CHECK", "require_reply 01X303", false),
        (BYTES, "UDP_CHECK", "require_reply 01XX03", true),
        (
            BYTES,
            "UDP_CHECK",
            "require_reply 010203\nmin_reply_length 4",
            false,
        ),
        (MANY_BYTES, "UDP_CHECK", "require_reply", true),
        (MANY_BYTES, "UDP_CHECK", "require_reply 070707", false),
        (
            MANY_BYTES,
            "UDP_CHECK",
            "require_reply 070707\nmax_reply_length 300",
            true,
        ),
        (
            Answer(|request| match request {
                [1, 2, 3, 4] => vec![request.to_vec()],
                _ => Vec::new(),
            }),
            "UDP_CHECK",
            "payload 01020304\nrequire_reply 01020304",
            true,
        ),
        (Answer(|query| vec![dns(query, 0)]), "DNS_CHECK", "", true),
        (
            Answer(|query| match query {
                // RD, one question: AAAA of example.org.
                [
                    _,
                    _,
                    1,
                    0,
                    0,
                    1,
                    0,
                    0,
                    0,
                    0,
                    0,
                    0,
                    7,
                    name @ ..,
                    0,
                    0,
                    28,
                    0,
                    1,
                ] if name == b"example\x03org" => {
                    vec![dns(query, 0)]
                }
                _ => Vec::new(),
            }),
            "DNS_CHECK",
            "type AAAA\nname example.org",
            true,
        ),
        (Answer(|query| vec![dns(query, 1)]), "DNS_CHECK", "", false),
        (Answer(|query| vec![dns(query, 2)]), "DNS_CHECK", "", false),
        (Answer(|query| vec![dns(query, 3)]), "DNS_CHECK", "", false),
        (Answer(|query| vec![dns(query, 5)]), "DNS_CHECK", "", false),
        (
            Answer(|query| vec![truncated(query)]),
            "DNS_CHECK",
            "",
            true,
        ),
        (
            Answer(|query| vec![with_other_id(query)]),
            "DNS_CHECK",
            "",
            false,
        ),
        (Answer(|query| vec![query.to_vec()]), "DNS_CHECK", "", false),
        (
            Answer(|query| vec![query[..6].to_vec()]),
            "DNS_CHECK",
            "",
            false,
        ),
        (Silent, "DNS_CHECK", "", false),
        (Closed, "DNS_CHECK", "", false),
    ]
}

fn real_server(address: Ipv4Addr, port: u16, check: &str, lines: &str) -> String {
    format!(
        "    real_server {address} {port} {{
        {check} {{
            {lines}
            connect_timeout 1
            retry 0
            delay_before_retry 1
            warmup 0
        }}
    }}
"
    )
}

fn virtual_server(real_servers: &str) -> String {
    format!(
        "virtual_server 192.168.1.50 80 {{\n    delay_loop 1\n    lb_algo rr\n    \
         lb_kind NAT\n    protocol UDP\n    alpha\n{real_servers}}}\n"
    )
}

type Destinations = BTreeSet<String>;

fn wait_for_destinations(director: &Director, wanted: &Destinations) -> TestResult {
    wait_until("the table", DEADLINE, || {
        let table = director.table().map_err(|error| error.to_string())?;
        let lines = table
            .lines()
            .filter_map(|line| line.trim().strip_prefix("-> "));
        let found: Destinations = lines
            .filter_map(|line| line.split_whitespace().next())
            .filter(|word| word.starts_with("192."))
            .map(str::to_owned)
            .collect();
        let log = || {
            let missing: Vec<_> = wanted.difference(&found).collect();
            let further: Vec<_> = found.difference(wanted).collect();
            format!(
                "missing {missing:?}, further {further:?}\n{}",
                director.log()
            )
        };
        (found == *wanted).then_some(()).ok_or_else(log)
    })?;
    Ok(())
}

#[testbed::guest_test]
fn datagrams_are_judged_as_keepalived_does() -> TestResult {
    let lan = Lan::new()?;
    let host = lan.host("s1", REAL_SERVERS[0])?;
    // Several ports are closed, and by default the kernel reports one a second.
    host.netns().sysctl("net/ipv4/icmp_ratelimit", "0")?;
    let name = |port: u16| format!("{}:{port}", REAL_SERVERS[0]);
    let mut real_servers = String::new();
    let (mut servers, mut up) = (Vec::new(), Destinations::new());
    for (port, (behaviour, check, lines, is_up)) in (FIRST_PORT..).zip(cases()) {
        servers.push(DatagramServer::start(host.netns(), port, Silent)?);
        if let Some(server) = servers.last() {
            server.set_behaviour(behaviour);
        }
        real_servers += &real_server(REAL_SERVERS[0], port, check, lines);
        up.extend(is_up.then(|| name(port)));
    }
    real_servers += &real_server(REAL_SERVERS[0], PING, "PING_CHECK", "");
    real_servers += &real_server(ABSENT, PING, "PING_CHECK", "");
    up.insert(name(PING));
    let text = virtual_server(&real_servers);

    for (number, software) in [Software::Keepalived, Software::Lbctl]
        .into_iter()
        .enumerate()
    {
        let address = Ipv4Addr::new(192, 168, 1, 11 + u8::try_from(number)?);
        let director = lan.host(&format!("lb{number}"), address)?;
        let mut director = Director::new(director, software, &text)?;
        director.start()?;
        let mut rounds = 0;
        let mut wait_for_rounds = |director: &Director| {
            rounds += 3;
            wait_until("three rounds of checks", DEADLINE, || {
                let open = servers.iter().zip(cases());
                let open = open.filter(|(_, case)| !matches!(case.0, Closed));
                let idle = open.filter(|(server, _)| server.datagrams_from(address) < rounds);
                match idle.count() {
                    0 => Ok(()),
                    idle => Err(format!("{idle} servers\n{}", director.log())),
                }
            })
        };
        wait_for_rounds(&director)?;
        wait_for_destinations(&director, &up)?;
        wait_for_rounds(&director)?;
        wait_for_destinations(&director, &up)?;

        // An outage and its end.
        let dns_port = FIRST_PORT + 16;
        let dns_server = &servers[16];
        servers[0].set_behaviour(Closed);
        dns_server.set_behaviour(Answer(|query| vec![dns(query, 2)]));
        let mut fewer = up.clone();
        fewer.remove(&name(FIRST_PORT));
        fewer.remove(&name(dns_port));
        wait_for_destinations(&director, &fewer)?;
        servers[0].set_behaviour(Silent);
        dns_server.set_behaviour(Answer(|query| vec![dns(query, 0)]));
        wait_for_destinations(&director, &up)?;
        let log = director.log();
        for line in [
            "UDP_CHECK on service [192.168.1.61]:udp:7000 failed",
            "UDP connection to [192.168.1.61]:udp:7000 success.",
            "ICMP connection to [192.168.1.61]:udp:9 success.",
            "ICMP CHECK on service [192.168.1.99]:udp:9 failed",
            &format!("DNS_CHECK ([192.168.1.61]:udp:{dns_port}) "),
        ] {
            assert!(log.contains(line), "{software}: no {line:?} in {log}");
        }
        director.stop()?;
    }
    Ok(())
}

/// An ICMP error arrives seconds after the datagram, when no neighbour has answered: the check ends then,
/// not at its own limit. Echo requests use the kind of socket that is permitted.
#[testbed::guest_test]
fn unreachable_hosts_fail_when_the_kernel_reports_them() -> TestResult {
    let lan = Lan::new()?;
    let limit = "connect_timeout 60";
    let mut real_servers = String::new();
    for (port, check) in [(80, "UDP_CHECK"), (53, "DNS_CHECK"), (PING, "PING_CHECK")] {
        let block = real_server(ABSENT, port, check, "");
        real_servers += &block.replace("connect_timeout 1", limit);
    }
    let text = virtual_server(&real_servers);
    // No group is permitted, and all are.
    for (number, (range, list)) in [("1 0", "raw"), ("0 2147483647", "icmp")]
        .into_iter()
        .enumerate()
    {
        let address = Ipv4Addr::new(192, 168, 1, 11 + u8::try_from(number)?);
        let director = lan.host(&format!("lb{number}"), address)?;
        director
            .netns()
            .sysctl("net/ipv4/ping_group_range", range)?;
        let mut director = Director::new(director, Software::Lbctl, &text)?;
        director.start()?;
        wait_until("the socket of the echo request", DEADLINE, || {
            let path = format!("cat /proc/net/{list}");
            let shown = director.host().netns().run(&path);
            let shown = shown.map_err(|error| error.to_string())?;
            // 192.168.1.99 in the order of bytes of the host.
            shown.contains("6301A8C0").then_some(()).ok_or(shown)
        })?;
        wait_until("three failures", DEADLINE, || {
            let log = director.log();
            let failures = [
                "UDP_CHECK on service [192.168.1.99]:udp:80 failed",
                "DNS_CHECK ([192.168.1.99]:udp:53) host unreachable",
                "ICMP CHECK on service [192.168.1.99]:udp:9 failed",
            ];
            let all = failures.iter().all(|line| log.contains(line))
                && log.matches("host unreachable").count() >= 3;
            all.then_some(()).ok_or(log)
        })?;
        director.stop()?;
    }
    Ok(())
}
