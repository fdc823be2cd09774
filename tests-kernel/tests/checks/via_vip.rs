// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checks at the virtual address find real servers that answer at their own address and not for clients.

use std::fs;
use std::net::Ipv4Addr;

use tests_kernel::cluster::{Director, Software, VIP};
use tests_kernel::net::{Host, HttpServer, Lan, NetError, wait_until};
use tests_kernel::tool::Tool;

use crate::{DEADLINE, TestResult};

/// The last parts of the addresses of real servers: two with direct routing, one with a tunnel.
const DIRECT: [u8; 2] = [61, 62];
const TUNNEL: u8 = 63;
/// The port whose checks go to the virtual address, and the one whose checks go to the real servers.
const PORTS: [u16; 2] = [80, 81];

/// The real servers, each with a web server on both ports.
struct Servers {
    hosts: Vec<Host>,
    _web: Vec<HttpServer>,
}

impl Servers {
    fn start(lan: &Lan) -> TestResult<Self> {
        let (mut hosts, mut web) = (Vec::new(), Vec::new());
        for number in [DIRECT[0], DIRECT[1], TUNNEL] {
            let address = Ipv4Addr::new(192, 168, 1, number);
            let host = lan.host(&format!("rs{number}"), address)?;
            match number {
                TUNNEL => host.prepare_tunnel(VIP)?,
                _ => host.prepare_direct_routing(VIP)?,
            }
            for port in PORTS {
                web.push(HttpServer::start(host.netns(), port)?);
            }
            hosts.push(host);
        }
        Ok(Self { hosts, _web: web })
    }

    /// Runs `ip` on a real server.
    fn ip(&self, number: u8, arguments: &str) -> TestResult {
        let address = Ipv4Addr::new(192, 168, 1, number);
        let mut hosts = self.hosts.iter();
        let host = hosts.find(|host| host.address() == address).unwrap();
        host.netns().ip(arguments)?;
        Ok(())
    }
}

fn check(via_vip: &str) -> String {
    format!(
        "HTTP_GET {{
            url {{
                path /one
            }}
            url {{
                path /two
            }}
            {via_vip}
            connect_timeout 1
            retry 1
            delay_before_retry 1
            warmup 0
        }}"
    )
}

/// A virtual server for each port; the setting is that of the virtual server with port 80.
fn configuration(head: &str, via_vip: &str) -> String {
    let mut text = head.to_owned();
    for (port, via_vip) in PORTS.into_iter().zip([via_vip, ""]) {
        text += &format!(
            "virtual_server {VIP} {port} {{\n delay_loop 1\n lb_algo rr\n lb_kind DR\n \
             protocol TCP\n alpha\n {via_vip}\n"
        );
        for number in [DIRECT[0], DIRECT[1], TUNNEL] {
            let method = if number == TUNNEL {
                "lvs_method TUN"
            } else {
                ""
            };
            let check = check("");
            text += &format!("real_server 192.168.1.{number} {port} {{\n {method}\n {check}\n}}\n");
        }
        text += "}\n";
    }
    text
}

/// The destinations of a virtual server, by the last part of the address.
fn pool(table: &str, port: u16) -> Vec<u8> {
    let prefix = format!("-a -t {VIP}:{port} -r 192.168.1.");
    let lines = table
        .lines()
        .filter_map(|line| line.trim().strip_prefix(&prefix));
    let mut found: Vec<u8> = lines
        .filter_map(|line| line.split(':').next()?.parse().ok())
        .collect();
    found.sort_unstable();
    found
}

/// The services of firewall marks with their destinations.
fn marked(table: &str) -> Vec<String> {
    let lines = table.lines().filter(|line| line.contains(" -f "));
    lines.map(|line| line.trim().to_owned()).collect()
}

fn table(director: &Director) -> Result<String, String> {
    let table = Tool::Ipvsadm.run(director.host().netns(), "-S -n");
    table.map_err(|error| error.to_string())
}

/// Waits until the virtual servers have these destinations.
fn wait_for(director: &Director, wanted: [&[u8]; 2]) -> Result<(), NetError> {
    wait_until("the pools", DEADLINE, || {
        let table = table(director)?;
        let pools = PORTS.map(|port| pool(&table, port));
        match pools == wanted.map(<[u8]>::to_vec) {
            true => Ok(()),
            false => Err(format!(
                "{pools:?}, not {wanted:?}\n{table}\n{}",
                director.log()
            )),
        }
    })
}

fn wait_for_marks(director: &Director, wanted: &[&str]) -> Result<(), NetError> {
    wait_until("the services of checks", DEADLINE, || {
        let found = marked(&table(director)?);
        match found == wanted {
            true => Ok(()),
            false => Err(format!("{found:#?}\n{}", director.log())),
        }
    })
}

const ALL: &[u8] = &[61, 62, 63];
const MARKS: &[&str] = &[
    "-A -f 65536 -s rr",
    "-a -f 65536 -r 192.168.1.61:0 -g -w 1",
    "-A -f 65537 -s rr",
    "-a -f 65537 -r 192.168.1.62:0 -g -w 1",
    "-A -f 65538 -s rr",
    "-a -f 65538 -r 192.168.1.63:0 -i -w 1 --tun-type ipip",
];
/// The instance of a master.
const MASTER: &str = "vrrp_instance VI_1 {\n state MASTER\n interface eth0\n virtual_router_id 51\n \
                      priority 200\n advert_int 1\n virtual_ipaddress {\n 192.168.1.50\n }\n}\n";

/// Each fault that a check at the real address cannot see is found, and its end.
fn faults_are_found(director: &Director, servers: &Servers) -> TestResult {
    wait_for(director, [ALL, ALL])?;
    servers.ip(61, &format!("addr del {VIP}/32 dev lo"))?;
    wait_for(director, [&[62, 63], ALL])?;
    servers.ip(63, "link set tunl0 down")?;
    wait_for(director, [&[62], ALL])?;
    servers.ip(61, &format!("addr add {VIP}/32 dev lo"))?;
    servers.ip(63, "link set tunl0 up")?;
    wait_for(director, [ALL, ALL])?;
    Ok(())
}

fn accept_local(director: &Director) -> TestResult<String> {
    let path = "/proc/sys/net/ipv4/conf/eth0/accept_local";
    let text = director
        .host()
        .netns()
        .enter(|| fs::read_to_string(path))??;
    Ok(text.trim().to_owned())
}

// shows global_defs: via_vip_marks
// shows virtual_server: via_vip
#[testbed::guest_test]
fn a_backup_finds_real_servers_that_do_not_answer_for_clients() -> TestResult {
    let lan = Lan::new()?;
    let servers = Servers::start(&lan)?;
    let host = lan.host("lb1", Ipv4Addr::new(192, 168, 1, 11))?;
    let mut director = Director::new(host, Software::Lbctl, &configuration("", "via_vip"))?;
    director.start()?;
    wait_for_marks(&director, MARKS)?;
    faults_are_found(&director, &servers)?;

    // The services are made again when another program has deleted one.
    Tool::Ipvsadm.run(director.host().netns(), "-D -f 65537")?;
    wait_for_marks(&director, MARKS)?;
    wait_for(&director, [ALL, ALL])?;

    // A reload without the setting takes them away, and the checks continue.
    director.configure(&configuration("", ""))?;
    director.reload()?;
    wait_for_marks(&director, &[])?;
    servers.ip(61, &format!("addr del {VIP}/32 dev lo"))?;
    wait_for(&director, [ALL, ALL])?;
    director.configure(&configuration(
        "global_defs {\n via_vip_marks 7 9\n}\n",
        "via_vip",
    ))?;
    director.reload()?;
    wait_for(&director, [&[62, 63], ALL])?;
    let marks = marked(&table(&director)?);
    assert_eq!(marks.first().map(String::as_str), Some("-A -f 7 -s rr"));
    let (status, log) = director.stop()?;
    assert!(status.success(), "{log}");
    assert_eq!(table(&director)?.trim(), "");
    assert_eq!(accept_local(&director)?, "0");
    Ok(())
}

#[testbed::guest_test]
fn a_master_finds_real_servers_that_do_not_answer_for_clients() -> TestResult {
    let lan = Lan::new()?;
    let servers = Servers::start(&lan)?;
    let host = lan.host("lb1", Ipv4Addr::new(192, 168, 1, 11))?;
    let mut director = Director::new(host, Software::Lbctl, &configuration(MASTER, "via_vip"))?;
    director.start()?;
    wait_until("the virtual address", DEADLINE, || {
        let log = || director.log();
        director.has_address(VIP).then_some(()).ok_or_else(log)
    })?;
    faults_are_found(&director, &servers)?;
    assert_eq!(accept_local(&director)?, "1");
    let status = director.lbctl(&["status"])?;
    assert!(status.contains("FWM 65536"), "{status}");

    // After a kill the next start removes what it does not need, and restores the setting.
    director.crash()?;
    assert_eq!(marked(&table(&director)?), MARKS);
    assert_eq!(accept_local(&director)?, "1");
    director.configure(&configuration(MASTER, ""))?;
    director.start()?;
    wait_for_marks(&director, &[])?;
    wait_for(&director, [ALL, ALL])?;
    assert_eq!(accept_local(&director)?, "0");

    director.configure(&configuration(MASTER, "via_vip 192.168.1.50"))?;
    director.reload()?;
    wait_for_marks(&director, MARKS)?;
    faults_are_found(&director, &servers)?;
    let (status, log) = director.stop()?;
    assert!(status.success(), "{log}");
    assert_eq!(table(&director)?.trim(), "");
    assert_eq!(accept_local(&director)?, "0");
    Ok(())
}
