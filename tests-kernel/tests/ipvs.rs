// SPDX-License-Identifier: MIT OR Apache-2.0
//! IPVS by hand: the same commands with `ipvsadm` and with `lbctl ipvs`, the same traffic, the
//! same listings.

use std::error::Error;
use std::net::Ipv4Addr;
use std::process::Output;
use std::time::Duration;

use tests_kernel::cluster::Forwarding;
use tests_kernel::net::{Client, Host, HttpServer, Lan, NetError, Netns, wait_until};
use tests_kernel::tool::Tool;

type TestResult = Result<(), Box<dyn Error>>;

const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 50);
const SERVERS: [Ipv4Addr; 2] = [
    Ipv4Addr::new(192, 168, 1, 61),
    Ipv4Addr::new(192, 168, 1, 62),
];
const REQUESTS: usize = 20;

/// One director, two real servers, a client; hosts and servers live as long as this.
struct Cluster {
    director: Host,
    client: Client,
    client_address: Ipv4Addr,
    servers: Vec<HttpServer>,
    _hosts: Vec<Host>,
    _lan: Lan,
}

impl Cluster {
    fn new(forwarding: Forwarding) -> Result<Self, NetError> {
        let lan = Lan::new()?;
        let director = lan.host("lb1", Ipv4Addr::new(192, 168, 1, 11))?;
        director
            .netns()
            .ip(&format!("addr add {VIP}/32 dev eth0"))?;
        director.netns().sysctl("net/ipv4/ip_forward", "1")?;
        let client_host = lan.host("client", Ipv4Addr::new(192, 168, 1, 100))?;
        let mut client_address = client_host.address();
        let mut hosts = Vec::new();
        let mut servers = Vec::new();
        for (name, address) in ["rs1", "rs2"].into_iter().zip(SERVERS) {
            let host = lan.host(name, address)?;
            match forwarding {
                Forwarding::DirectRouting => host.prepare_direct_routing(VIP)?,
                Forwarding::Tunnel => host.prepare_tunnel(VIP)?,
                Forwarding::Masquerade => host.prepare_masquerade(director.address())?,
                other => panic!("{other:?}"),
            }
            servers.push(HttpServer::start(host.netns(), 80)?);
            hosts.push(host);
        }
        if forwarding == Forwarding::Masquerade {
            // The answers must pass the director, so the client lives in another subnet.
            client_address = Ipv4Addr::new(172, 16, 0, 100);
            let client = client_host.netns();
            client.ip("addr flush dev eth0")?;
            client.ip(&format!("addr add {client_address}/24 dev eth0"))?;
            client.ip("route add 192.168.1.0/24 dev eth0")?;
            director.netns().ip("route add 172.16.0.0/24 dev eth0")?;
        }
        let client = Client::new(client_host.netns(), (VIP, 80).into());
        hosts.push(client_host);
        Ok(Self {
            director,
            client,
            client_address,
            servers,
            _hosts: hosts,
            _lan: lan,
        })
    }
}

/// The commands of any LVS howto, then traffic, then the listings.
fn by_hand(tool: Tool, forwarding: Forwarding) -> TestResult {
    let cluster = Cluster::new(forwarding)?;
    let director = cluster.director.netns();
    let option = forwarding.option();
    tool.run(director, "--clear")?;
    tool.run(
        director,
        "--add-service --tcp-service 192.168.1.50:80 --scheduler wrr",
    )?;
    for server in SERVERS {
        tool.run(
            director,
            &format!(
                "--add-server --tcp-service 192.168.1.50:80 --real-server {server}:80 {option} \
                 --weight 100"
            ),
        )?;
    }
    let listing = tool.run(director, "-L -n")?;
    let word = forwarding.listed();
    // The size of the connection table is the kernel's affair, and the original's to report.
    let by_original = Tool::Ipvsadm.run(director, "-L -n")?;
    let size = by_original
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("IP Virtual Server version 1.2.1 (size="))
        .and_then(|rest| rest.strip_suffix(')')?.parse::<u32>().ok())
        .ok_or_else(|| by_original.clone())?;
    assert!(size.is_power_of_two(), "{by_original}");
    let expected = format!(
        "IP Virtual Server version 1.2.1 (size={size})\n\
         Prot LocalAddress:Port Scheduler Flags\n  \
           -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n\
         TCP  192.168.1.50:80 wrr\n  \
           -> 192.168.1.61:80              {word:<7} 100    0          0         \n  \
           -> 192.168.1.62:80              {word:<7} 100    0          0         \n"
    );
    assert_eq!(listing, expected);

    let half = REQUESTS / 2;
    let spread = cluster.client.spread(REQUESTS)?;
    assert_eq!(spread, [("rs1".to_owned(), half), ("rs2".to_owned(), half)]);
    for server in &cluster.servers {
        assert_eq!(
            server.requests_from(cluster.client_address),
            half,
            "{}",
            server.name()
        );
    }

    // The kernel brings its counters up to date every 2 s.
    let stats = wait_until("all connections counted", Duration::from_secs(20), || {
        let stats = tool
            .run(director, "-L -n --stats")
            .map_err(|error| error.to_string())?;
        let counted = connections(&stats);
        if counted == [REQUESTS, half, half] {
            Ok(stats)
        } else {
            Err(stats)
        }
    })?;
    let replies_pass = forwarding == Forwarding::Masquerade;
    for line in stats.lines().filter(|line| line.contains(":80 ")) {
        let columns: Vec<&str> = line.split_whitespace().rev().collect();
        let [out_bytes, in_bytes, out_packets, in_packets, ..] = columns[..] else {
            panic!("too few columns: {line}")
        };
        assert!(in_packets != "0" && in_bytes != "0", "{line}");
        assert_eq!(out_packets != "0", replies_pass, "{line}");
        assert_eq!(out_bytes != "0", replies_pass, "{line}");
    }
    Ok(())
}

/// The column `Conns` of `--stats`, service first.
fn connections(stats: &str) -> Vec<usize> {
    let rows = stats.lines().skip(3);
    rows.filter_map(|line| line.split_whitespace().rev().nth(4)?.parse().ok())
        .collect()
}

#[testbed::guest_test]
fn direct_routing_with_ipvsadm() -> TestResult {
    by_hand(Tool::Ipvsadm, Forwarding::DirectRouting)
}

#[testbed::guest_test]
fn masquerading_with_ipvsadm() -> TestResult {
    by_hand(Tool::Ipvsadm, Forwarding::Masquerade)
}

#[testbed::guest_test]
fn tunnelling_with_ipvsadm() -> TestResult {
    by_hand(Tool::Ipvsadm, Forwarding::Tunnel)
}

#[testbed::guest_test]
fn direct_routing_with_lbctl() -> TestResult {
    by_hand(Tool::Lbctl, Forwarding::DirectRouting)
}

#[testbed::guest_test]
fn masquerading_with_lbctl() -> TestResult {
    by_hand(Tool::Lbctl, Forwarding::Masquerade)
}

#[testbed::guest_test]
fn tunnelling_with_lbctl() -> TestResult {
    by_hand(Tool::Lbctl, Forwarding::Tunnel)
}

/// Commands that make a table with something of everything, and some that are refused.
const COMMANDS: &[&str] = &[
    "-A -t 192.168.1.50:80 -s wrr",
    "-a -t 192.168.1.50:80 -r 192.168.1.61:80 -g -w 100",
    "-a -t 192.168.1.50:80 -r 192.168.1.62:80 -g -w 100",
    "-A -t 192.168.1.50:80 -s rr",
    "-a -t 192.168.1.50:80 -r 192.168.1.62:80 -g",
    "-E -t 192.168.1.50:80 -s wlc -p 600",
    "-e -t 192.168.1.50:80 -r 192.168.1.62:80 -g -w 0",
    "-A -u 192.168.1.51:53 -s rr -o",
    "-a -u 192.168.1.51:53 -r 192.168.1.63:5353 -m -w 7 -x 20 -y 10",
    "-a -u 192.168.1.51:53 -r 192.168.1.64:53 -i",
    "-A -f 5 -s sh -b sh-port",
    "-a -f 5 -r 192.168.1.61 -g",
    "-A -t [2001:db8::50]:443 -s lc -p 60 -M 64",
    "-a -t [2001:db8::50]:443 -r [2001:db8::61]:443 -m -w 3",
    "-d -t 192.168.1.50:80 -r 192.168.1.99:80",
    "-D -t 192.168.1.52:80",
    "-A -t 192.168.1.53:80 -s nonesuch",
    "-a -t 192.168.1.54:80 -r 192.168.1.61:80",
    "--set 1000 0 500",
    "-Z",
];

/// Listings that both tools make of the same table.
const LISTINGS: &[&str] = &[
    "-L -n",
    "-l -n",
    "-Ln",
    "-L -n --stats",
    "-L -n --rate",
    "-L -n --stats --exact",
    "-L -n -t 192.168.1.50:80",
    "-L -n -f 5",
    "-L --timeout",
    "-L --daemon",
    "-L -n -c",
];

#[testbed::guest_test]
fn both_tools_do_and_say_the_same() -> TestResult {
    let real = Netns::new("real")?;
    let ours = Netns::new("ours")?;
    // Newer kernels have no connection table, and tell of none, before the first service.
    let expected = Tool::Ipvsadm.output(&real, "-L -n")?;
    let got = Tool::Lbctl.output(&ours, "-L -n")?;
    assert_eq!(shown(&got), shown(&expected), "of a new namespace");
    for command in COMMANDS {
        let expected = Tool::Ipvsadm.output(&real, command)?;
        let got = Tool::Lbctl.output(&ours, command)?;
        assert_eq!(shown(&got), shown(&expected), "{command}");
    }
    // One tool's listings of the other's work: what was done is the same…
    let by_real = Tool::Ipvsadm.run(&real, "-S -n")?;
    assert_eq!(Tool::Ipvsadm.run(&ours, "-S -n")?, by_real);
    // …and what is said about it.
    for listing in LISTINGS {
        let expected = Tool::Ipvsadm.output(&real, listing)?;
        let got = Tool::Lbctl.output(&real, listing)?;
        assert_eq!(shown(&got), shown(&expected), "{listing}");
    }
    for command in ["-d -t 192.168.1.50:80 -r 192.168.1.61:80", "-D -f 5", "-C"] {
        Tool::Ipvsadm.run(&real, command)?;
        Tool::Lbctl.run(&ours, command)?;
        let expected = Tool::Ipvsadm.run(&real, "-S -n")?;
        assert_eq!(Tool::Ipvsadm.run(&ours, "-S -n")?, expected, "{command}");
    }
    Ok(())
}

/// Exit code and both streams, line by line.
fn shown(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}
