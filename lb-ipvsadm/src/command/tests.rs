// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every command line of the goldens (`tests/golden`, captured from ipvsadm 1.31 on kernel
//! 6.1.176) read in process, and what the interesting ones mean.

use std::{fs, net::Ipv4Addr, path::Path, time::Duration};

use lb_ipvs::{
    Destination, ForwardingMethod, Netmask, Persistence, Protocol, Scheduler, Service,
    ServiceFlags, ServiceKey, SyncState, Thresholds, Tunnel, TunnelFlags, Weight,
};

use super::{ListRequest, Request, UsageError, address::LookUp, parse};
use crate::Columns;

/// The guest's `/etc/hosts` and the few services the goldens name.
struct Lab;

impl LookUp for Lab {
    fn host(&self, name: &str) -> Option<Ipv4Addr> {
        let hosts = include_str!("../../tests/golden/hosts");
        hosts.lines().find_map(|line| {
            let (address, host) = line.split_once(' ')?;
            if host == name {
                address.parse().ok()
            } else {
                None
            }
        })
    }

    fn port(&self, name: &str, protocol: Protocol) -> Option<u16> {
        match (name, protocol) {
            ("http", Protocol::Tcp) => Some(80),
            ("domain", Protocol::Udp) => Some(53),
            _ => None,
        }
    }
}

fn read(line: &str) -> Result<Request, UsageError> {
    let words = shlex::split(line).unwrap();
    parse(&words, "ipvsadm", &Lab)
}

fn service(line: &str) -> Service {
    match read(line) {
        Ok(Request::AddService(service) | Request::EditService(service)) => service,
        other => panic!("{line}: {other:?}"),
    }
}

fn server(line: &str) -> Destination {
    match read(line) {
        Ok(Request::AddServer(_, server) | Request::EditServer(_, server)) => server,
        other => panic!("{line}: {other:?}"),
    }
}

/// One `$ command` of a golden.
struct Case {
    command: String,
    stderr: String,
    exit: u8,
}

fn cases(text: &str) -> Vec<Case> {
    text.split("\n$ ")
        .skip(1)
        .filter_map(|block| {
            let (command, rest) = block.split_once('\n')?;
            let (body, exit) = rest.split_once("--- exit ")?;
            let stderr = body
                .split_once("--- stderr\n")
                .map_or("", |(_, stderr)| stderr);
            Some(Case {
                command: command.to_owned(),
                stderr: stderr.to_owned(),
                exit: exit.lines().next()?.parse().ok()?,
            })
        })
        .collect()
}

/// A refusal that came from the kernel: the line itself was fine.
fn from_kernel(case: &Case) -> bool {
    case.exit == 255
        && !case.stderr.starts_with("Try `")
        && !case.stderr.contains("unknown option")
        && !case.stderr.contains("missing argument")
}

#[test]
fn every_golden_line_is_accepted_or_refused_as_the_original_did() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let (mut accepted, mut refused) = (0, 0);
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        for case in cases(&fs::read_to_string(&path).unwrap()) {
            let Some(line) = case.command.strip_prefix("ipvsadm").filter(|_| {
                // 139 is the original's crash; ours is in `crash_of_the_original`.
                !case.command.contains(';') && case.exit != 139
            }) else {
                continue;
            };
            let what = format!("{}: {}", path.display(), case.command);
            match read(line) {
                Ok(_) => {
                    assert!(
                        matches!(case.exit, 0 | 1) || from_kernel(&case),
                        "{what}: accepted"
                    );
                    accepted += 1;
                }
                Err(error) => {
                    assert_eq!(format!("{error}\n"), case.stderr, "{what}");
                    assert_eq!(error.exit_code(), case.exit, "{what}");
                    refused += 1;
                }
            }
        }
    }
    // What is there today; fewer would mean that the goldens were not read.
    assert!(accepted >= 250, "{accepted}");
    assert!(refused >= 110, "{refused}");
}

#[test]
fn no_words_list_the_table_by_names() {
    assert_eq!(
        read(""),
        Ok(Request::List(ListRequest::Table {
            service: None,
            columns: Columns::Plain,
            numeric: false,
            exact: false,
            sort: true,
        }))
    );
}

#[test]
fn the_articles_commands() {
    let vip = ServiceKey::tcp("192.168.1.50:80".parse().unwrap());
    assert_eq!(read("--clear"), Ok(Request::Flush));
    assert_eq!(
        read("--add-service --tcp-service 192.168.1.50:80 --scheduler wrr"),
        Ok(Request::AddService(Service::new(
            vip,
            Scheduler::WeightedRoundRobin
        )))
    );
    assert_eq!(
        read(
            "--add-server --tcp-service 192.168.1.50:80 --real-server 192.168.1.61:80 \
             --gatewaying --weight 100"
        ),
        Ok(Request::AddServer(
            vip,
            Destination::new("192.168.1.61:80".parse().unwrap())
                .with_weight(Weight::new(100).unwrap())
        ))
    );
    assert!(matches!(
        read("-L -n --stats"),
        Ok(Request::List(ListRequest::Table {
            columns: Columns::Stats,
            numeric: true,
            ..
        }))
    ));
}

#[test]
fn order_decides_about_masks() {
    let persistent = |line: &str| service(line).netmask;
    assert_eq!(
        persistent("-A -t [fd00::1]:1 -p 10 -M 64abc"),
        Netmask::Ipv6(64)
    );
    assert_eq!(
        persistent("-A -M 64 -t [fd00::1]:6 -p 10"),
        Netmask::Ipv6(128)
    );
    assert_eq!(persistent("-A -f 8 -M 56 -6 -p 10"), Netmask::Ipv6(128));
    assert_eq!(persistent("-A -f 6 -6 -p 10 -M 56"), Netmask::Ipv6(56));
    assert_eq!(
        persistent("-A -M 255.255.0.0 -t 10.0.0.1:6 -p"),
        Netmask::Ipv4(Ipv4Addr::new(255, 255, 0, 0))
    );
    assert_eq!(
        persistent("-A -t 10.0.0.1:6 -p -M 24"),
        Netmask::Ipv4(Ipv4Addr::new(0, 0, 0, 24))
    );
    assert_eq!(
        read("-A -6 -f 8").unwrap_err().to_string(),
        "-6 used before -f\n",
        "with its empty line"
    );
}

#[test]
fn an_edit_names_the_whole_service() {
    let edited = service("-E -t 10.0.0.1:80");
    assert_eq!(
        edited,
        Service::new(edited.key, Scheduler::WeightedLeastConnection)
    );
    let full = service("-A -u vip.lab:domain -s sh -b sh-port,flag-3 -p 60 --pe sip -o");
    assert_eq!(
        full.key,
        ServiceKey::udp("192.168.1.50:53".parse().unwrap())
    );
    assert_eq!(
        full.persistence,
        Some(Persistence::new(Duration::from_secs(60)))
    );
    assert_eq!(
        full.flags,
        ServiceFlags::ONE_PACKET | ServiceFlags::SCHED_2 | ServiceFlags::SCHED_3
    );
    assert_eq!(full.persistence_engine.unwrap().as_str(), "sip");
    assert_eq!(
        service("-A -t 10.0.0.1:17 -s abcdefghijklmnopqrstuvwxyz")
            .scheduler
            .as_str(),
        "abcdefghijklmno"
    );
}

#[test]
fn crash_of_the_original() {
    let error = read("-A -t 10.0.0.1:12 -s sh -b ,").unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.exit_code()),
        ("invalid scheduler flag `,'", 2)
    );
}

#[test]
fn the_port_of_a_real_server() {
    let port = |line: &str| server(line).address.port();
    assert_eq!(port("-a -t 10.0.0.1:80 -r 10.0.1.1"), 80);
    assert_eq!(port("-a -t 10.0.0.1:80 -r 10.0.1.1:8080 -g"), 80, "forced");
    assert_eq!(port("-a -t 10.0.0.1:80 -r 10.0.1.1:8080 -i"), 80, "forced");
    assert_eq!(port("-a -t 10.0.0.1:80 -r 10.0.1.1:8080 -m"), 8080);
    assert_eq!(port("-a -t 10.0.0.1:80 -r 10.0.1.1:0 -m"), 0);
    assert_eq!(
        port("-a -r 10.0.1.1 -t 10.0.0.1:80 -m"),
        0,
        "the service came later"
    );
    assert_eq!(
        port("-a -f 1 -r 10.0.1.1:8080 -g"),
        8080,
        "a mark has no port"
    );
    assert!(matches!(
        read("-d -t 10.0.0.1:80 -r 10.0.1.1:8080"),
        Ok(Request::DeleteServer(_, address)) if address.port() == 8080
    ));
}

#[test]
fn a_whole_destination() {
    let gue = server(
        "-a -t 10.0.0.1:80 -r [fd00::20]:80 -i --tun-type gue --tun-port 55555 --tun-remcsum \
         -w 0 -x 100 -y 50",
    );
    assert_eq!(
        gue.forwarding,
        ForwardingMethod::Tunnel(Tunnel::gue(55555).with_flags(TunnelFlags::REMOTE_CHECKSUM))
    );
    assert_eq!(gue.weight, Weight::ZERO);
    assert_eq!(
        gue.thresholds,
        Thresholds {
            upper: 100,
            lower: 50
        }
    );
    assert_eq!(
        server("-e -t 10.0.0.1:80 -r 10.0.1.1 -m").weight,
        Weight::ONE
    );
}

#[test]
fn timeouts_and_daemons() {
    assert!(matches!(
        read("--set 100 0 30"),
        Ok(Request::SetTimeouts(set))
            if set.tcp.as_secs() == 100 && set.tcp_fin.is_zero() && set.udp.as_secs() == 30
    ));
    let Ok(Request::StartDaemon(daemon)) =
        read("--start-daemon=backup --mcast-group ff02::55 --mcast-port 65535 --syncid 7")
    else {
        panic!("not a start");
    };
    assert_eq!(
        (daemon.state, daemon.interface.as_str()),
        (SyncState::Backup, "eth0")
    );
    assert_eq!((daemon.sync_id.get(), daemon.port), (7, Some(65535)));
    assert_eq!(
        read("--stop-daemon master --syncid 3"),
        Ok(Request::StopDaemon(SyncState::Master))
    );
}

#[test]
fn of_several_columns_the_first_in_rank_wins() {
    let columns = |line: &str| match read(line) {
        Ok(Request::List(ListRequest::Table { columns, .. })) => columns,
        other => panic!("{line}: {other:?}"),
    };
    assert_eq!(columns("-L --rate --stats"), Columns::Stats);
    assert_eq!(
        columns("-L --tun-info --persistent-conn --thresholds --rate"),
        Columns::Rates
    );
    assert_eq!(
        columns("-L --tun-info --persistent-conn"),
        Columns::PersistentConnections
    );
}
